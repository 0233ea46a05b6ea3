"""The interface of all mechanisms, and the synthetic attribute s' that some of them insert.

Judging and reporting use this interface only.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from privacy_gan.data.batch import Batch
from privacy_gan.errors import UserError

if TYPE_CHECKING:  # exported mechanisms work without Lightning
    from privacy_gan.data.table_data_module import TableDataModule

UNIFORM, EMPIRICAL = "uniform", "empirical"  # distributions of s'

# Everything random in a mechanism, by name: noise, the synthetic attribute. Each tensor has a row
# for every image, so that several processes can share a batch.
Draws = dict[str, Tensor]


class Censored(NamedTuple):
    """A censored batch.

    Attributes:
        images: [B, 3, H, W] in [0, 1].
        synthetic: the synthetic attribute s' [B] that was inserted, or None.
    """

    images: Tensor
    synthetic: Tensor | None


class Privatizer(nn.Module, ABC):
    """A mechanism: maps images to censored images and the synthetic attribute.

    ``draw`` draws everything random; ``forward`` is a function of images and draws alone.

    Attributes:
        attributes: the sensitive attributes that it hides; empty for the configured one.
        deterministic: whether it always censors an image in the same way, so that one query shows
            an adversary everything.
        single_release: whether it is meant to censor an image only once, so that adversaries see
            one censored version of it. ``privatize`` with a salt ensures this.
    """

    attributes: tuple[str, ...] = ()
    deterministic: bool = False
    single_release: bool = False

    def __init__(self) -> None:  # nn.Module's accepts any arguments, which hides mistakes
        super().__init__()

    def draw(self, images: Tensor, rng: torch.Generator) -> Draws:
        """Draw everything random that censoring these images needs; by default, nothing.

        Args:
            images: [B, 3, H, W]; only their number, size and device matter.
            rng: random number generator.

        Returns:
            Tensors [B, ...] on the images' device.
        """
        del images, rng
        return {}

    @abstractmethod
    def forward(self, images: Tensor, draws: Draws) -> Censored:
        """Censor images [B, 3, H, W] in [0, 1], given what ``draw`` drew for them."""

    def privatize(self, images: Tensor, rng: torch.Generator | int) -> Censored:
        """Censor images.

        Args:
            images: [B, 3, H, W] in [0, 1], on the mechanism's device.
            rng: random number generator, or its seed. Keep it secret: it reveals s', and with s'
                the image reveals more about s.

        Returns:
            The censored images, in the same range, and s' [B], or None if none was inserted.
        """
        if isinstance(rng, int):
            rng = torch.Generator(images.device).manual_seed(rng)
        censored: Censored = self(images, self.draw(images, rng))
        return censored

    def for_attribute(self, attribute: str) -> Privatizer:
        """Return the mechanism with ``synthetic`` referring to one of the attributes it hides."""
        del attribute
        return self

    @property
    def finite_part(self) -> FiniteRelease | None:
        """The part with finitely many outcomes whose outcome alone the release is made from.

        Everything after it is post-processing, which tells no more. None if there is no such part,
        or if it may have been fitted to other data than the run's, as in a stack.
        """
        return self if isinstance(self, FiniteRelease) else None

    @property
    def baseline(self) -> Privatizer | None:
        """A part of the mechanism that is itself a mechanism, to compare with; or None."""
        return None

    def fit(self, batches: Callable[[], Iterable[Batch]]) -> dict[str, float]:
        """Fit the mechanism to training images, unless a Trainer trains it (LightningModules).

        Args:
            batches: iterates over some training images, the same ones at every call.

        Returns:
            Values to record in result.json.
        """
        del batches
        return {}

    def for_inference(self) -> Privatizer:
        """Return the part of the mechanism that censors, without what only training needs.

        It censors in the same way, shares the weights, and needs neither Lightning nor Hydra.
        """
        return self

    def arguments(self) -> dict[str, Any]:
        """Return the constructor arguments that rebuild the mechanism, without its weights.

        Values are JSON values, or networks and mechanisms that have ``arguments`` themselves.

        Raises:
            UserError: the mechanism does not implement this.
        """
        raise UserError(
            f"{type(self).__name__} cannot be exported: it does not implement arguments()"
        )

    def figure_rows(self, images: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        """Return the rows of Figure 2 by label: the images, then their censored versions."""
        return {"x": images, "x'": self.privatize(images, rng).images}


@runtime_checkable
class FitsLabels(Protocol):
    """A module that may depend on the frequencies of the sensitive attribute's values."""

    @property
    def needs_labels(self) -> bool:
        """Whether it does."""

    def fit_labels(self, labels: Tensor) -> None:
        """Fit it to s of the training images, [N]."""


@runtime_checkable
class FitsData(Protocol):
    """A mechanism that is fitted to a whole data set without gradients, not to a sample of it."""

    def fit_data(
        self, datamodule: TableDataModule, column: int, device: torch.device
    ) -> dict[str, float]:
        """Fit the mechanism, in place of ``Privatizer.fit``.

        Args:
            datamodule: set up.
            column: column of the sensitive attribute among the batch's attributes.
            device: where the mechanism is.

        Returns:
            Values to record in result.json.
        """


@runtime_checkable
class FiniteRelease(Protocol):
    """A mechanism with finitely many outcomes, so that it can be certified."""

    @property
    def frequencies(self) -> Tensor:
        """How frequent the outcomes are among the training images, [K]."""

    def channel(self, images: Tensor) -> Tensor:
        """Return the probabilities of all outcomes for images [B, C, H, W], float64 [B, K]."""


class SyntheticAttribute(nn.Module):
    """Draws s' at random for every image, independently of the image.

    Args:
        num_classes: number of values of s'.
        distribution: "uniform", as in the paper, or "empirical": the frequencies in the training
            images.

    Raises:
        UserError: the distribution is unknown.
    """

    probabilities: Tensor

    def __init__(self, num_classes: int, distribution: str = UNIFORM) -> None:
        super().__init__()
        if distribution not in (UNIFORM, EMPIRICAL):
            raise UserError(f"synthetic={distribution} is unknown: choose {UNIFORM} or {EMPIRICAL}")
        self.num_classes = num_classes
        self.distribution = distribution
        self.register_buffer("probabilities", torch.full((num_classes,), 1 / num_classes))

    def arguments(self) -> dict[str, Any]:
        """Return the arguments that a mechanism passes on to this class."""
        return {"num_classes": self.num_classes, "synthetic": self.distribution}

    @property
    def needs_labels(self) -> bool:
        """Whether the distribution is the one of the training images."""
        return self.distribution == EMPIRICAL

    def fit_labels(self, labels: Tensor) -> None:
        """Set the probabilities to the frequencies of the training images' s, [N]."""
        counts = torch.bincount(labels, minlength=self.num_classes)
        self.probabilities.copy_(counts / len(labels))

    def draw(self, images: Tensor, rng: torch.Generator) -> Tensor:
        """Draw a value for each image, [B], on the images' device."""
        count = len(images)
        if self.distribution == UNIFORM:
            values = torch.randint(self.num_classes, (count,), generator=rng, device=rng.device)
        else:
            probabilities = self.probabilities.to(rng.device)
            values = torch.multinomial(probabilities, count, replacement=True, generator=rng)
        return values.to(images.device)


def rows_for_every_value(
    privatizer: Privatizer, images: Tensor, draws: Draws, num_classes: int
) -> dict[str, Tensor]:
    """Return rows of Figure 2: x'' for every value of s', with all other draws the same."""
    rows = {}
    for value in range(num_classes):
        draws_with_value = {**draws, "synthetic": torch.full_like(draws["synthetic"], value)}
        rows[f"x''  s'={value}"] = privatizer(images, draws_with_value).images
    return rows
