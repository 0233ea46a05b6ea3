"""Networks that see images through their leading principal components, the subspace.

The game of a filter in a subspace is small: what lies outside is cut off and reveals nothing, and
its discriminator sees the few values that are left, not the pixels that they are spread over.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from privacy_gan.models.principal_components import FittedModule


@dataclass(frozen=True)
class Basis:
    """The leading principal components of images with D values each.

    Attributes:
        mean: mean image, [D].
        directions: orthonormal directions of the K components, as columns, [D, K].
        deviations: standard deviation of each component, descending, [K].
        total_variance: sum of the variances of all D values.
    """

    mean: Tensor
    directions: Tensor
    deviations: Tensor
    total_variance: float

    def truncation(self, count: int) -> float:
        """Return the mean squared error of images in [0, 1] reduced to ``count`` components."""
        kept = float(self.deviations[:count].double().square().sum())
        return max(0.0, self.total_variance - kept) / len(self.mean)


class Subspace(FittedModule):
    """Maps images to their coordinates in a subspace and back.

    Coordinates are principal components divided by their standard deviations.

    Args:
        components: number of components, K.
    """

    mean: Tensor
    directions: Tensor
    deviations: Tensor
    truncation: Tensor

    def __init__(self, components: int) -> None:
        super().__init__()
        self.components = components
        # of D values in an image; D is 1 until ``load_basis``
        self.register_buffer("mean", torch.zeros(1))
        self.register_buffer("directions", torch.zeros(1, components))
        self.register_buffer("deviations", torch.ones(components))
        # mean squared error of reducing images to the subspace
        self.register_buffer("truncation", torch.zeros(()))

    def arguments(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {"components": self.components}

    def load_basis(self, basis: Basis) -> None:
        """Take the leading components of a basis."""
        count = self.components
        self.mean = basis.mean.to(self.mean)
        self.directions = basis.directions[:, :count].to(self.directions).contiguous()
        self.deviations = basis.deviations[:count].to(self.deviations)
        self.truncation.fill_(basis.truncation(count))

    def encode(self, images: Tensor) -> Tensor:
        """Map images [B, C, H, W] to coordinates [B, K], not in reduced precision."""
        with torch.autocast(images.device.type, enabled=False):
            return (images.flatten(1) - self.mean) @ self.directions / self.deviations

    def decode(self, coordinates: Tensor, shape: torch.Size) -> Tensor:
        """Map coordinates [B, K] to images of a shape, which may leave [0, 1].

        Args:
            coordinates: [B, K].
            shape: of the images, [B, C, H, W].
        """
        with torch.autocast(coordinates.device.type, enabled=False):
            values = self.mean + (coordinates * self.deviations) @ self.directions.T
        return values.view(shape)

    def distortion(self, changed: Tensor, coordinates: Tensor, images: Tensor) -> Tensor:
        """Return the mean squared error of images in the subspace, a scalar.

        It is the error within the subspace and that of what lies outside.

        Args:
            changed: their coordinates, [B, K].
            coordinates: those of the images that they are compared with, [B, K].
            images: the latter, [B, C, H, W].
        """
        centered = images.flatten(1) - self.mean
        # norms, because squares of all values in memory would take longer than everything else
        total = torch.linalg.vector_norm(centered, dim=1).square().sum()
        within = (coordinates * self.deviations).square().sum()
        changes = ((changed - coordinates) * self.deviations).square().sum()
        distortion: Tensor = (total - within + changes) / centered.numel()
        return distortion

    def forward(self, images: Tensor) -> Tensor:
        """See ``encode``."""
        return self.encode(images)
