"""Principal components of images, and an MLP on them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from privacy_gan.models.classifier import Classifier
from privacy_gan.models.layers import normalized_layers

MAX_SIDE = 32  # pixels; larger images are averaged to this side, so that a covariance fits
OVERSAMPLING = 32  # dimensions of the randomized decomposition beyond the components
ITERATIONS = 4  # of the power iteration
NEGLIGIBLE = 1e-7  # of the largest variance, the precision of float32
CHUNK = 1024  # images per product of matrices


class FittedModule(nn.Module):
    """A module with buffers whose sizes are known after fitting: loading adopts the saved sizes."""

    def _load_from_state_dict(
        self, state_dict: Mapping[str, Any], prefix: str, *args: Any, **kwargs: Any
    ) -> None:
        for name, buffer in self.named_buffers(recurse=False):
            saved = state_dict.get(f"{prefix}{name}")
            if isinstance(saved, Tensor) and saved.dim() == buffer.dim():
                setattr(self, name, buffer.new_empty(saved.shape))
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)


class PrincipalComponents(FittedModule):
    """Maps images to their leading principal components, whitened: each has variance 1.

    Images of more than 32 pixels are first averaged to 32: leading components are coarse. Images
    with fewer components than asked for, for example because pixels are constant, get components
    that are always 0.

    Args:
        count: number of components, K.
    """

    mean: Tensor
    directions: Tensor

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count
        # of D values in an image; D is 1 until ``fit``
        self.register_buffer("mean", torch.zeros(1))
        self.register_buffer("directions", torch.zeros(1, count))  # divided by standard deviations

    def forward(self, images: Tensor) -> Tensor:
        """Map images [B, C, H, W] to components, float32 [B, K], even under autocast."""
        with torch.autocast(images.device.type, enabled=False):
            return (flat_values(images) - self.mean) @ self.directions

    def fit(self, batches: Iterable[Tensor], seed: int) -> None:
        """Fit the components to images.

        The covariance is decomposed by a randomized method (Halko, Martinsson and Tropp, 2011,
        algorithm 5.1). If a value is not finite, the components are nan.

        Args:
            batches: images [B, C, H, W] each, on the module's device.
            seed: seed of the method.
        """
        mean, covariance = mean_and_covariance(batches)
        directions = torch.zeros(len(mean), self.count, dtype=torch.float64)
        if covariance.isfinite().all():
            basis = leading_eigenvectors(covariance, self.count, seed)
            variances = (basis * (covariance @ basis)).sum(dim=0)
            used = variances > NEGLIGIBLE * variances.max()
            directions[:, : len(variances)] = basis * torch.where(used, variances.rsqrt(), 0)
        else:
            directions.fill_(math.nan)
        device = self.mean.device
        self.mean = mean.float().to(device)
        self.directions = directions.float().to(device)


def flat_values(images: Tensor) -> Tensor:
    """Return the values of images, averaged to at most 32 pixels, float32 [B, D]."""
    if max(images.shape[2:]) > MAX_SIDE:
        height, width = (min(MAX_SIDE, side) for side in images.shape[2:])
        images = F.adaptive_avg_pool2d(images.float(), (height, width))
    return images.float().flatten(1)


def mean_and_covariance(batches: Iterable[Tensor]) -> tuple[Tensor, Tensor]:
    """Return mean [D] and covariance [D, D] of images, float64 on the CPU.

    Sums are relative to the first images' mean, so that nothing cancels where values hardly vary.
    """
    count, origin, total, products = 0, torch.empty(0), torch.empty(0), torch.empty(0)
    for values in in_chunks(map(flat_values, batches)):
        if count == 0:
            origin = values.mean(dim=0)
            total = torch.zeros(len(origin), dtype=torch.float64)
            products = torch.zeros(len(origin), len(origin), dtype=torch.float64)
        shifted = values - origin
        total += shifted.sum(dim=0).cpu()
        products += (shifted.T @ shifted).cpu()
        count += len(values)
    shift = total / count
    return origin.cpu() + shift, products / count - shift[:, None] * shift


def in_chunks(batches: Iterable[Tensor]) -> Iterator[Tensor]:
    """Concatenate batches to at least CHUNK images, as long as there are that many."""
    waiting: list[Tensor] = []
    for batch in batches:
        waiting.append(batch)
        if sum(map(len, waiting)) >= CHUNK:
            yield torch.cat(waiting)
            waiting = []
    if waiting:
        yield torch.cat(waiting)


def leading_eigenvectors(covariance: Tensor, count: int, seed: int) -> Tensor:
    """Return the leading eigenvectors of a covariance [D, D], as columns, [D, at most count]."""
    rank = min(count + OVERSAMPLING, len(covariance))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        _, _, vectors = torch.svd_lowrank(covariance, rank, niter=ITERATIONS)
    return vectors[:, :count]


def pca_mlp(num_classes: int, components: int, width: int, dropout: float) -> Classifier:
    """Return an MLP on the leading principal components of images, which must be fitted.

    Args:
        num_classes: number of logits.
        components: number of components.
        width: units of each of the two hidden layers.
        dropout: share of the units that are dropped in training.
    """
    layers = normalized_layers(components, width, depth=2, dropout=lambda: nn.Dropout(dropout))
    return Classifier(nn.Sequential(PrincipalComponents(components), *layers), width, num_classes)
