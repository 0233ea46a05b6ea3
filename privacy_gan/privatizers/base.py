"""The interface of all mechanisms, and the synthetic attribute s' that some of them put in.

Judging and reporting know nothing else of them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from privacy_gan.data.batch import Batch
from privacy_gan.errors import UserError

UNIFORM, EMPIRICAL = "uniform", "empirical"  # distributions of s'

# All that is random in a mechanism, by name: noise, the synthetic attribute. Each has a row for
# every image, so that a batch can be shared by several processes.
Draws = dict[str, Tensor]


class Censored(NamedTuple):
    """What a mechanism makes of a batch.

    Attributes:
        images: [B, 3, H, W] in [0, 1].
        synthetic: the synthetic attribute s' [B] that was put in, or None where nothing was.
    """

    images: Tensor
    synthetic: Tensor | None


class Privatizer(nn.Module, ABC):
    """A mechanism: images in, censored images and the synthetic attribute out.

    What is random in it is drawn first; the rest is a function of images and draws alone.

    Attributes:
        attributes: those that it hides, where it is not the configured one.
        deterministic: whether it makes the same of an image each time, so that one query tells all.
    """

    attributes: tuple[str, ...] = ()
    deterministic: bool = False

    def __init__(self) -> None:  # nn.Module's declares that it takes whatever it is told
        super().__init__()

    def draw(self, images: Tensor, rng: torch.Generator) -> Draws:
        """Draw all that censoring these images needs; nothing, unless a mechanism says otherwise.

        Args:
            images: [B, 3, H, W], of which only number, size and device matter.
            rng: of all that is drawn.

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
            rng: of all that is random, or its seed. Who knows it knows s', and with it more of s
                than the image tells.

        Returns:
            The censored images, in the same range, and s' [B], or None where none was put in.
        """
        if isinstance(rng, int):
            rng = torch.Generator(images.device).manual_seed(rng)
        censored: Censored = self(images, self.draw(images, rng))
        return censored

    def for_attribute(self, attribute: str) -> Privatizer:
        """Return the mechanism as one whose ``synthetic`` is an attribute that it hides."""
        del attribute
        return self

    @property
    def baseline(self) -> Privatizer | None:
        """A part of the mechanism that is one by itself, with which it is to be compared."""
        return None

    def adapt(self, batches: Callable[[], Iterable[Batch]]) -> dict[str, float]:
        """Adapt to training images, where the mechanism is not a LightningModule, which is trained.

        Args:
            batches: makes a pass over some training images, always the same ones.

        Returns:
            What is worth recording in result.json.
        """
        del batches
        return {}

    def for_inference(self) -> Privatizer:
        """Return what of the mechanism censors, without what only training needs.

        It draws and does the same, shares its weights, and asks for neither Lightning nor Hydra.
        """
        return self

    def arguments(self) -> dict[str, Any]:
        """Return what its class makes the mechanism of again, but for the weights.

        Values are of JSON, or networks and mechanisms that have arguments themselves.

        Raises:
            UserError: the mechanism cannot be described so.
        """
        raise UserError(
            f"{type(self).__name__} cannot be exported: it does not say what it is made of"
        )

    def figure_rows(self, images: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        """Return the rows of Figure 2 by their labels: the images, then what is made of them."""
        return {"x": images, "x'": self.privatize(images, rng).images}


class SyntheticAttribute(nn.Module):
    """Draws s' at random for every image, independently of it.

    Args:
        num_classes: values of s'.
        distribution: "uniform", the paper's, or "empirical": as frequent as among the training
            images.

    Raises:
        UserError: there is no such distribution.
    """

    probabilities: Tensor

    def __init__(self, num_classes: int, distribution: str = UNIFORM) -> None:
        super().__init__()
        if distribution not in (UNIFORM, EMPIRICAL):
            raise UserError(
                f"synthetic={distribution} is unknown: there are {UNIFORM} and {EMPIRICAL}"
            )
        self.num_classes = num_classes
        self.distribution = distribution
        self.register_buffer("probabilities", torch.full((num_classes,), 1 / num_classes))

    def arguments(self) -> dict[str, Any]:
        """Return what a mechanism with such an attribute is made of again."""
        return {"num_classes": self.num_classes, "synthetic": self.distribution}

    def learn(self, labels: Tensor) -> None:
        """Take over the frequencies of the training images' s, [N]."""
        counts = torch.bincount(labels, minlength=self.num_classes)
        self.probabilities.copy_(counts / len(labels))

    def draw(self, images: Tensor, rng: torch.Generator) -> Tensor:
        """Draw a value for each image, [B], on the images' device."""
        count = len(images)
        if self.distribution == UNIFORM:
            drawn = torch.randint(self.num_classes, (count,), generator=rng, device=rng.device)
        else:
            probabilities = self.probabilities.to(rng.device)
            drawn = torch.multinomial(probabilities, count, replacement=True, generator=rng)
        return drawn.to(images.device)


def with_every_value(
    privatizer: Privatizer, images: Tensor, draws: Draws, num_classes: int
) -> dict[str, Tensor]:
    """Return rows of Figure 2: x'' for every value of s', all else that is drawn being the same."""
    rows = {}
    for value in range(num_classes):
        chosen = {**draws, "synthetic": torch.full_like(draws["synthetic"], value)}
        rows[f"x''  s'={value}"] = privatizer(images, chosen).images
    return rows
