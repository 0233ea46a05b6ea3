"""Optimal transport between the classes as normal distributions: a mechanism without a game.

From N(m, S) to N(n, T) the map x -> n + A (x - m), A = S^(-1/2) (S^(1/2) T S^(1/2))^(1/2) S^(-1/2),
has the least mean squared error (Gelbrich, 1990).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from privacy_gan.data.batch import Batch
from privacy_gan.errors import UserError
from privacy_gan.privatizers.base import (
    EMPIRICAL,
    UNIFORM,
    Censored,
    Draws,
    SyntheticAttribute,
    rows_for_every_value,
)
from privacy_gan.privatizers.operation import Operation

BARYCENTRE, RANDOM = "barycentre", "random"
RIDGE = 1e-4  # of the mean variance of a component, so that covariances are regular
ROUNDS = 100  # of the barycentre; two classes need few
TOLERANCE = 1e-9  # of a covariance's trace


class Transport(Operation):
    """Moves each class, as a normal distribution of principal components, onto a common one.

    That is the classes' barycentre, or, where a random s' is put in, the class of s'. Of a budget
    that allows less, the way is gone as far as it allows; what it allows beyond is not spent. The
    class of an image is told by a linear discriminant, so that no network has a part in it.

    Args:
        epsilon: the budget.
        num_classes: values of s.
        image_size: side of the images.
        attribute_index: column of the sensitive attribute among the batch's attributes.
        components: how many principal components are moved; what is left of an image stays.
        target: "barycentre", or "random" to put a random s' in.
        synthetic: the distribution of s', see SyntheticAttribute.
        channels: of the images.
        limits: of an image's values; None where there are none.

    Raises:
        UserError: there is no such target.
    """

    may_undershoot_budget = True
    center: Tensor
    directions: Tensor
    means: Tensor
    discriminant: Tensor
    bias: Tensor
    maps: Tensor
    targets: Tensor

    def __init__(
        self,
        epsilon: float,
        num_classes: int,
        image_size: int,
        attribute_index: int,
        components: int = 200,
        target: str = BARYCENTRE,
        synthetic: str = UNIFORM,
        channels: int = 3,
        limits: tuple[float, float] | None = (0.0, 1.0),
    ) -> None:
        super().__init__(epsilon)
        if target not in (BARYCENTRE, RANDOM):
            raise UserError(
                f"privatizer.target={target} is unknown: there are {BARYCENTRE} and {RANDOM}"
            )
        replace = target == RANDOM
        self.attribute_index = attribute_index
        self.num_classes = num_classes
        self.image_size = image_size
        self.channels = channels
        self.limits = limits
        self.synthetic = SyntheticAttribute(num_classes, synthetic) if replace else None
        self.deterministic = not replace
        values = channels * image_size**2
        kept, ends = min(components, values), num_classes if replace else 1
        self.register_buffer("center", torch.zeros(values))
        self.register_buffer("directions", torch.zeros(values, kept))
        self.register_buffer("means", torch.zeros(num_classes, kept))
        self.register_buffer("discriminant", torch.zeros(kept, num_classes))
        self.register_buffer("bias", torch.zeros(num_classes))
        self.register_buffer("maps", torch.zeros(num_classes, ends, kept, kept))
        self.register_buffer("targets", torch.zeros(ends, kept))

    def arguments(self) -> dict[str, Any]:
        """See Privatizer.arguments."""
        return {
            **super().arguments(),
            "num_classes": self.num_classes,
            "image_size": self.image_size,
            "attribute_index": self.attribute_index,
            "components": self.directions.shape[1],
            "target": BARYCENTRE if self.synthetic is None else RANDOM,
            "synthetic": UNIFORM if self.synthetic is None else self.synthetic.distribution,
            "channels": self.channels,
            "limits": self.limits,
        }

    def max_strength(self, images: Tensor) -> float:
        """Return the whole way."""
        del images
        return 1.0

    def draw(self, images: Tensor, rng: torch.Generator) -> Draws:
        """Draw s', if one is put in."""
        return {} if self.synthetic is None else {"synthetic": self.synthetic.draw(images, rng)}

    def forward(self, images: Tensor, draws: Draws) -> Censored:
        """Move the images; s' is what they were moved to, if it was a class."""
        return super().forward(images, draws)._replace(synthetic=draws.get("synthetic"))

    def operate(self, images: Tensor, strength: float, draws: Draws) -> Tensor:
        """Go a share of the way."""
        flat = images.flatten(1)
        where = (flat - self.center) @ self.directions
        told = self.told(where)
        ends = draws.get("synthetic", torch.zeros_like(told))
        ways = torch.zeros_like(where)
        for one in range(self.num_classes):
            for end in range(len(self.targets)):
                rows = (told == one) & (ends == end)
                moved = self.targets[end] + (where - self.means[one]) @ self.maps[one, end]
                ways = torch.where(rows[:, None], moved - where, ways)
        moved = (flat + strength * ways @ self.directions.T).view_as(images)
        return moved if self.limits is None else moved.clamp(*self.limits)

    def told(self, where: Tensor) -> Tensor:
        """Return the class that the discriminant sees in components [B, K], [B]."""
        return (where @ self.discriminant + self.bias).argmax(dim=1)

    def fit(self, batches: Callable[[], Iterable[Batch]]) -> dict[str, float]:
        """Learn the classes' means and covariances, then how far to go.

        Raises:
            UserError: there are too few images for so many components, or of a class.
        """
        values = torch.cat([batch.images.flatten(1) for batch in batches()])
        labels = torch.cat([batch.attributes[:, self.attribute_index] for batch in batches()])
        if len(values) < self.directions.shape[1]:
            raise UserError(
                f"{len(values)} training images have less than {self.directions.shape[1]} "
                "principal components: use more images, or privatizer.components=N"
            )
        if int(torch.bincount(labels, minlength=self.num_classes).min()) < 2:
            raise UserError("a class has less than two training images: use more images")
        if self.synthetic is not None and self.synthetic.distribution == EMPIRICAL:
            self.synthetic.learn(labels)
        self.center.copy_(values.mean(dim=0))
        with torch.random.fork_rng(devices=[values.device] if values.is_cuda else []):
            torch.manual_seed(0)
            self.directions.copy_(torch.pca_lowrank(values, self.directions.shape[1])[2])
        where = (values - self.center) @ self.directions
        self.learn(where.double(), labels)
        right = float((self.told(where) == labels).double().mean())
        return {"train/told": right, **super().fit(batches)}

    def learn(self, where: Tensor, labels: Tensor) -> None:
        """Learn discriminant and maps from components [N, K] and classes [N]."""
        classes = [where[labels == value] for value in range(self.num_classes)]
        counts = torch.tensor([len(rows) for rows in classes], device=where.device)
        weights = counts.double() / len(where)
        means = torch.stack([rows.mean(dim=0) for rows in classes])
        identity = torch.eye(where.shape[1]).to(where)
        covariances = torch.stack([rows.T.cov().view_as(identity) for rows in classes])
        scale = covariances.diagonal(dim1=1, dim2=2).mean()
        covariances = covariances + RIDGE * scale * identity
        within = (weights[:, None, None] * covariances).sum(dim=0)
        discriminant = torch.linalg.solve(within, means.T)
        self.discriminant.copy_(discriminant)
        self.bias.copy_(weights.log() - (means.T * discriminant).sum(dim=0) / 2)
        if self.synthetic is None:
            targets, ends = (weights @ means)[None], barycentre(covariances, weights)[None]
        else:
            targets, ends = means, covariances
        self.means.copy_(means)
        self.targets.copy_(targets)
        for one, covariance in enumerate(covariances):
            for end, target in enumerate(ends):
                self.maps[one, end].copy_(linear_map(covariance, target))

    def figure_rows(self, images: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        """Return x', or x'' for every value of s'."""
        if self.synthetic is None:
            return super().figure_rows(images, rng)
        draws = self.draw(images, rng)
        return {"x": images, **rows_for_every_value(self, images, draws, self.num_classes)}


def power(covariance: Tensor, exponent: float) -> Tensor:
    """Return a symmetric, positive matrix [K, K] to some power."""
    values, vectors = torch.linalg.eigh(covariance)
    powers = values.clamp_min(torch.finfo(values.dtype).tiny) ** exponent
    result: Tensor = (vectors * powers) @ vectors.T
    return result


def linear_map(source: Tensor, target: Tensor) -> Tensor:
    """Return A, which takes one covariance [K, K] to another: A S A = T; both float64, regular."""
    root, inverse = power(source, 0.5), power(source, -0.5)
    return inverse @ power(root @ target @ root, 0.5) @ inverse


def barycentre(covariances: Tensor, weights: Tensor) -> Tensor:
    """Return the covariance from which the others' weighted mean W2^2 is least.

    It is the fixed point of S -> S^(-1/2) (sum_s p_s (S^(1/2) S_s S^(1/2))^(1/2))^2 S^(-1/2)
    (Alvarez-Esteban et al., 2016).

    Args:
        covariances: [C, K, K].
        weights: which sum to 1, [C].
    """
    found = (weights[:, None, None] * covariances).sum(dim=0)
    for _ in range(ROUNDS):
        before, root, inverse = found, power(found, 0.5), power(found, -0.5)
        mean = torch.stack(
            [
                weight * power(root @ covariance @ root, 0.5)
                for weight, covariance in zip(weights, covariances, strict=True)
            ]
        ).sum(dim=0)
        found = inverse @ mean @ mean @ inverse
        if (found - before).abs().max() <= TOLERANCE * found.trace():
            break
    return found
