"""Optimal transport between the classes, modelled as normal distributions; nothing is trained.

The map x -> n + A (x - m), A = S^(-1/2) (S^(1/2) T S^(1/2))^(1/2) S^(-1/2), transports N(m, S) to
N(n, T) with the least mean squared error (Gelbrich, 1990).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from privacy_gan.data.batch import Batch
from privacy_gan.errors import UserError
from privacy_gan.privatizers.base import (
    UNIFORM,
    Censored,
    Draws,
    SyntheticAttribute,
    rows_for_every_value,
)
from privacy_gan.privatizers.operation import Operation

BARYCENTRE, RANDOM = "barycentre", "random"
RIDGE = 1e-4  # of a component's mean variance, added so that covariances are invertible
MAX_ITERATIONS = 100  # of the barycentre's fixed-point iteration; two classes need few
TOLERANCE = 1e-9  # of a covariance's trace


class Transport(Operation):
    """Moves each class, as a normal distribution of principal components, to a common distribution.

    That is the classes' barycentre or, if a random s' is inserted, the class of s'. If the budget
    is too small for the whole way, all images go the same share of it; a larger budget is not used
    up. A linear discriminant predicts the class of an image, so that no network is involved.

    Args:
        epsilon: the budget.
        num_classes: number of values of s.
        image_size: side of the images in pixels.
        attribute_index: column of the sensitive attribute among the batch's attributes.
        components: number of principal components to move; the rest of an image stays.
        target: "barycentre", or "random" to insert a random s'.
        synthetic: distribution of s', see SyntheticAttribute.
        channels: number of channels of the images.
        limits: range of an image's values; None for no limits.

    Raises:
        UserError: the target is unknown.
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
                f"privatizer.target={target} is unknown: choose {BARYCENTRE} or {RANDOM}"
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
        components, num_targets = min(components, values), num_classes if replace else 1
        self.register_buffer("center", torch.zeros(values))
        self.register_buffer("directions", torch.zeros(values, components))
        self.register_buffer("means", torch.zeros(num_classes, components))
        self.register_buffer("discriminant", torch.zeros(components, num_classes))
        self.register_buffer("bias", torch.zeros(num_classes))
        self.register_buffer("maps", torch.zeros(num_classes, num_targets, components, components))
        self.register_buffer("targets", torch.zeros(num_targets, components))

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
        """Return 1, the whole way."""
        del images
        return 1.0

    def draw(self, images: Tensor, rng: torch.Generator) -> Draws:
        """Draw s', if one is inserted."""
        return {} if self.synthetic is None else {"synthetic": self.synthetic.draw(images, rng)}

    def forward(self, images: Tensor, draws: Draws) -> Censored:
        """Move the images; s' is the class to which they were moved, if any."""
        return super().forward(images, draws)._replace(synthetic=draws.get("synthetic"))

    def operate(self, images: Tensor, strength: float, draws: Draws) -> Tensor:
        """Move the images by a share ``strength`` of the way."""
        flat = images.flatten(1)
        scores = (flat - self.center) @ self.directions
        classes = self.classify(scores)
        targets = draws.get("synthetic", torch.zeros_like(classes))
        shifts = torch.zeros_like(scores)
        for source in range(self.num_classes):
            for target in range(len(self.targets)):
                rows = (classes == source) & (targets == target)
                moved = (
                    self.targets[target] + (scores - self.means[source]) @ self.maps[source, target]
                )
                shifts = torch.where(rows[:, None], moved - scores, shifts)
        moved = (flat + strength * shifts @ self.directions.T).view_as(images)
        return moved if self.limits is None else moved.clamp(*self.limits)

    def classify(self, scores: Tensor) -> Tensor:
        """Return the classes that the discriminant predicts from components [B, K], [B]."""
        return (scores @ self.discriminant + self.bias).argmax(dim=1)

    def fit(self, batches: Callable[[], Iterable[Batch]]) -> dict[str, float]:
        """Fit components, discriminant and maps, then the share of the way.

        Raises:
            UserError: there are too few images for this number of components, or of a class.
        """
        values = torch.cat([batch.images.flatten(1) for batch in batches()])
        labels = torch.cat([batch.attributes[:, self.attribute_index] for batch in batches()])
        components = self.directions.shape[1]
        if len(values) < components:
            raise UserError(
                f"{len(values)} training images are too few for {components} principal components: "
                "use more images, or set privatizer.components=N"
            )
        if int(torch.bincount(labels, minlength=self.num_classes).min()) < 2:
            raise UserError("a class has fewer than two training images: use more images")
        if self.synthetic is not None and self.synthetic.needs_labels:
            self.synthetic.fit_labels(labels)
        self.center.copy_(values.mean(dim=0))
        with torch.random.fork_rng(devices=[values.device] if values.is_cuda else []):
            torch.manual_seed(0)
            self.directions.copy_(torch.pca_lowrank(values, components)[2])
        scores = (values - self.center) @ self.directions
        self.fit_maps(scores.double(), labels)
        accuracy = float((self.classify(scores) == labels).double().mean())
        return {"train/told": accuracy, **super().fit(batches)}

    def fit_maps(self, scores: Tensor, labels: Tensor) -> None:
        """Fit discriminant and maps to components [N, K] and classes [N]."""
        classes = [scores[labels == value] for value in range(self.num_classes)]
        counts = torch.tensor([len(rows) for rows in classes], device=scores.device)
        weights = counts.double() / len(scores)
        means = torch.stack([rows.mean(dim=0) for rows in classes])
        identity = torch.eye(scores.shape[1]).to(scores)
        covariances = torch.stack([rows.T.cov().view_as(identity) for rows in classes])
        scale = covariances.diagonal(dim1=1, dim2=2).mean()
        covariances = covariances + RIDGE * scale * identity
        within = (weights[:, None, None] * covariances).sum(dim=0)
        discriminant = torch.linalg.solve(within, means.T)
        self.discriminant.copy_(discriminant)
        self.bias.copy_(weights.log() - (means.T * discriminant).sum(dim=0) / 2)
        if self.synthetic is None:
            target_means = (weights @ means)[None]
            target_covariances = barycentre(covariances, weights)[None]
        else:
            target_means, target_covariances = means, covariances
        self.means.copy_(means)
        self.targets.copy_(target_means)
        for source, covariance in enumerate(covariances):
            for target, target_covariance in enumerate(target_covariances):
                self.maps[source, target].copy_(linear_map(covariance, target_covariance))

    def figure_rows(self, images: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        """Return x', or x'' for every value of s'."""
        if self.synthetic is None:
            return super().figure_rows(images, rng)
        draws = self.draw(images, rng)
        return {"x": images, **rows_for_every_value(self, images, draws, self.num_classes)}


def power(covariance: Tensor, exponent: float) -> Tensor:
    """Return a power of a symmetric positive definite matrix [K, K]."""
    values, vectors = torch.linalg.eigh(covariance)
    powers = values.clamp_min(torch.finfo(values.dtype).tiny) ** exponent
    result: Tensor = (vectors * powers) @ vectors.T
    return result


def linear_map(source: Tensor, target: Tensor) -> Tensor:
    """Return the symmetric A with A S A = T, for invertible float64 covariances S, T [K, K]."""
    root, inverse = power(source, 0.5), power(source, -0.5)
    return inverse @ power(root @ target @ root, 0.5) @ inverse


def barycentre(covariances: Tensor, weights: Tensor) -> Tensor:
    """Return the Wasserstein barycentre of centred normal distributions as its covariance.

    It minimizes the weighted mean of W2^2 to the distributions and is the fixed point of
    S -> S^(-1/2) (sum_s p_s (S^(1/2) S_s S^(1/2))^(1/2))^2 S^(-1/2)
    (Alvarez-Esteban et al., 2016).

    Args:
        covariances: [C, K, K].
        weights: [C], which sum to 1.
    """
    estimate = (weights[:, None, None] * covariances).sum(dim=0)
    for _ in range(MAX_ITERATIONS):
        previous, root, inverse = estimate, power(estimate, 0.5), power(estimate, -0.5)
        mean = torch.stack(
            [
                weight * power(root @ covariance @ root, 0.5)
                for weight, covariance in zip(weights, covariances, strict=True)
            ]
        ).sum(dim=0)
        estimate = inverse @ mean @ mean @ inverse
        if (estimate - previous).abs().max() <= TOLERANCE * estimate.trace():
            break
    return estimate
