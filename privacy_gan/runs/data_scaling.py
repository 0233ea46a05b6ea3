"""How much an adversary finds with fewer labelled images, and what that says about more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from privacy_gan.runs.estimate import Estimate


@dataclass(frozen=True)
class ScalingPoint:
    """What an adversary finds after training on some of the training images.

    Attributes:
        images: number of these images.
        bits: information about s on test images, in bits per image; it can be negative.
        accuracy: accuracy in predicting s on test images.
        done: whether it had stopped gaining when its training ended; otherwise, the values are
            lower bounds.
    """

    images: int
    bits: Estimate
    accuracy: Estimate
    done: bool


@dataclass(frozen=True)
class Forecast:
    """An extrapolation to more training images than there are.

    Attributes:
        images: number of training images for which it is.
        bits: as in ``ScalingPoint``: the median and the range of 95% of the draws.
        accuracy: the same for the accuracy; None for an attribute with more than two values.
    """

    images: int
    bits: Estimate
    accuracy: Estimate | None


@dataclass(frozen=True)
class DataScaling:
    """How much an adversary finds after training on more and more images.

    Attributes:
        adversary: its name.
        queries: number of censored versions of each test image that it used.
        points: in the order of the number of images; the last one is all training images.
        growing: whether more images have increased the bits beyond the error: whether the interval
            of the difference between the last and the first point is above 0.
        forecast: what the points predict for more images.
    """

    adversary: str
    queries: int
    points: tuple[ScalingPoint, ...]
    growing: bool
    forecast: Forecast

    @property
    def done(self) -> bool:
        """Whether the adversary had stopped gaining at every point."""
        return all(point.done for point in self.points)

    @classmethod
    def from_json(cls, tree: Mapping[str, Any]) -> DataScaling:
        """Return the record of an entry in result.json."""
        points = tuple(
            ScalingPoint(
                point["images"],
                Estimate(**point["bits"]),
                Estimate(**point["accuracy"]),
                point["done"],
            )
            for point in tree["points"]
        )
        forecast = tree["forecast"]
        accuracy = forecast["accuracy"]
        return cls(
            tree["adversary"],
            tree["queries"],
            points,
            tree["growing"],
            Forecast(
                forecast["images"],
                Estimate(**forecast["bits"]),
                None if accuracy is None else Estimate(**accuracy),
            ),
        )
