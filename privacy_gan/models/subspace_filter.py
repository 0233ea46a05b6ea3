"""A filter that changes images within the subspace of their principal components, and its h_f."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from privacy_gan.models.classifier import Classifier
from privacy_gan.models.keyed_dropout import KeyedDropout
from privacy_gan.models.layers import normalized_layers
from privacy_gan.models.subspace import Subspace
from privacy_gan.tensors import has_static_sizes

DEPTH = 3  # hidden layers of filter and discriminator


class SubspaceFilter(nn.Module):
    """x' = m + V T(V'(x - m), z): an MLP changes the coordinates, what lies outside is removed.

    With c the coordinates, T(c, z) = c + MLP(c, z1) + sigma z2. The noise sigma z2 is spread over
    all components so that its part of the distortion is ``output_noise`` of what the budget leaves
    after truncation.

    Args:
        components: number of principal components, K.
        width: units of each of the three hidden layers.
        latent_size: dimensions of z1.
        output_noise: variance of the noise added to the output, as a share of the budget that
            truncation leaves.
        epsilon: the distortion budget.
        limits: range of an image's values, to which censored images are clipped after training;
            None for no limits.
        members: number of MLPs, one of which changes each image, at random; None for a single one
            that is trained. See ``Mixture``.

    Attributes:
        noise_size: dimensions of all noise together: z1, z2 and, with members, one for the choice.
    """

    def __init__(
        self,
        components: int,
        width: int,
        latent_size: int,
        output_noise: float,
        epsilon: float,
        limits: Sequence[float] | None = (0.0, 1.0),
        members: int | None = None,
    ) -> None:
        super().__init__()
        self.components = components
        self.width = width
        self.latent_size = latent_size
        self.output_noise = output_noise
        self.epsilon = epsilon
        self.limits = limits
        self.noise_size = latent_size + components + (members is not None)
        self.subspace = Subspace(components)

        def mlp() -> nn.Sequential:
            layers = normalized_layers(components + latent_size, width, DEPTH)
            return nn.Sequential(*layers, nn.Linear(width, components))

        self.members = members
        self.change = mlp() if members is None else Mixture(mlp, members)

    def arguments(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            "components": self.components,
            "width": self.width,
            "latent_size": self.latent_size,
            "output_noise": self.output_noise,
            "epsilon": self.epsilon,
            "limits": None if self.limits is None else list(self.limits),
            "members": self.members,
        }

    @property
    def truncation(self) -> Tensor:
        """Mean squared error that no change of the coordinates can avoid, a scalar."""
        return self.subspace.truncation

    @property
    def kept(self) -> int:
        """Number of snapshots that the mixture has so far; 0 if the filter is not one."""
        return self.change.count if isinstance(self.change, Mixture) else 0

    def keep(self, network: SubspaceFilter) -> None:
        """Keep a trained filter as the next snapshot of the mixture."""
        assert isinstance(self.change, Mixture)
        self.change.keep(network.change)

    def forward(self, images: Tensor, noise: Tensor) -> Tensor:
        """Censor images.

        Args:
            images: [B, C, H, W] in [0, 1].
            noise: z1, z2 and what follows, [B, noise_size or more].

        Returns:
            [B, C, H, W] in the subspace; after training, clipped to the limits.
        """
        changed = self.on_coordinates(self.subspace.encode(images), noise)
        censored = self.subspace.decode(changed, images.shape)
        # in training not, so that the discriminator's coordinates are the changed ones
        return censored if self.training or self.limits is None else censored.clamp(*self.limits)

    def on_coordinates(self, coordinates: Tensor, noise: Tensor) -> Tensor:
        """Censor coordinates [B, K], given the same noise as ``forward``."""
        start, end = self.latent_size, self.latent_size + self.components
        z1, z2 = noise[:, :start], noise[:, start:end]
        inputs = torch.cat([coordinates, z1], dim=1)
        if isinstance(self.change, Mixture):
            change = self.change(inputs, noise[:, end])
        else:
            change = self.change(inputs)
        change = change.to(coordinates.dtype)
        censored: Tensor = coordinates + change + self.deviation() / self.subspace.deviations * z2
        return censored

    def deviation(self) -> Tensor:
        """Return the standard deviation of the added noise in each direction, a scalar."""
        left = (self.epsilon - self.truncation).clamp(min=0)
        return (self.output_noise * left * len(self.subspace.mean) / self.components).sqrt()


class Mixture(nn.Module):
    """Snapshots of an MLP that was trained; a random one maps each row.

    Args:
        create: returns an MLP.
        size: number of snapshots.
    """

    kept: Tensor

    def __init__(self, create: Callable[[], nn.Module], size: int) -> None:
        super().__init__()
        self.snapshots = nn.ModuleList(create() for _ in range(size)).requires_grad_(False)
        self.register_buffer("kept", torch.zeros((), dtype=torch.long))  # number of them so far
        self._count: int | None = None  # the same, so that the host need not wait for a GPU

    @property
    def count(self) -> int:
        """Number of snapshots so far."""
        if self._count is None:
            self._count = int(self.kept)
        return self._count

    def _load_from_state_dict(self, *arguments: Any, **more: Any) -> None:
        super()._load_from_state_dict(*arguments, **more)
        self._count = None

    @torch.no_grad()
    def keep(self, network: nn.Module) -> None:
        """Keep a copy of an MLP as the next snapshot, and in place of those that are to come."""
        for snapshot in self.snapshots[self.count :]:
            snapshot.load_state_dict(network.state_dict())
        self._count = self.count + 1
        self.kept += 1

    def forward(self, inputs: Tensor, choice: Tensor) -> Tensor:
        """Map rows [B, I] to [B, O], each by the snapshot that a standard normal number chooses.

        Args:
            inputs: [B, I].
            choice: from N(0, 1), [B].
        """
        size = len(self.snapshots)
        uniform = (1 + torch.erf(choice / math.sqrt(2))) / 2
        places = (uniform * size).long().clamp(max=size - 1)
        if has_static_sizes(inputs):
            outputs = torch.stack([snapshot(inputs) for snapshot in self.snapshots])
            return outputs.gather(0, places[None, :, None].expand_as(outputs[:1])).squeeze(0)
        order = places.argsort(stable=True)
        groups = torch.split(inputs[order], torch.bincount(places, minlength=size).tolist())
        mapped = [snapshot(rows) for snapshot, rows in zip(self.snapshots, groups, strict=True)]
        return torch.cat(mapped)[order.argsort()]


class SubspaceClassifier(Classifier):
    """A classifier that sees the coordinates of images in the subspace.

    Args:
        subspace: the subspace.
        layers: map coordinates [B, K] to features [B, num_features].
        num_features: number of features.
        num_classes: number of logits.
    """

    def __init__(
        self, subspace: Subspace, layers: Sequence[nn.Module], num_features: int, num_classes: int
    ) -> None:
        super().__init__(nn.Sequential(subspace, *layers), num_features, num_classes)

    @property
    def subspace(self) -> Subspace:
        """The subspace."""
        return cast(Subspace, cast(nn.Sequential, self.body)[0])

    def on_coordinates(self, coordinates: Tensor) -> Tensor:
        """Map coordinates [B, K] to logits [B, num_classes], of the same dtype."""
        features = coordinates
        for layer in cast(nn.Sequential, self.body)[1:]:
            features = layer(features)
        return cast(Tensor, self.head(features)).to(coordinates.dtype)


def subspace_classifier(
    num_classes: int, components: int, width: int, dropout: float
) -> SubspaceClassifier:
    """Return an MLP on the coordinates of images in the subspace, a discriminator.

    Args:
        num_classes: number of logits.
        components: number of principal components.
        width: units of each of the three hidden layers.
        dropout: share of the units that are dropped in training.
    """
    layers = normalized_layers(components, width, DEPTH, lambda: KeyedDropout(dropout))
    return SubspaceClassifier(Subspace(components), layers, width, num_classes)
