"""The space in which a filter's game is played: that of images, or coordinates in a subspace.

Output of a filter in a subspace is known by its coordinates, so in training neither filter nor h_f
needs pixels. There are many more of them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Protocol, runtime_checkable

from torch import Tensor, nn

from privacy_gan import losses
from privacy_gan.models.subspace import Subspace


@runtime_checkable
class OnCoordinates(Protocol):
    """A network that sees images through a subspace, so that it can work on coordinates alone."""

    @property
    def subspace(self) -> Subspace:
        """The subspace."""

    def on_coordinates(self, coordinates: Tensor, *args: Tensor) -> Tensor:
        """Do with coordinates [B, K] what ``forward`` does with images."""


class Space(ABC):
    """Where a game is played; a point stands for an image."""

    @abstractmethod
    def encode(self, images: Tensor) -> Tensor:
        """Map images [B, C, H, W] to points."""

    @abstractmethod
    def decode(self, points: Tensor, images: Tensor) -> Tensor:
        """Map points to images of the same shape as others."""

    @abstractmethod
    def within(self, network: nn.Module) -> Callable[..., Tensor]:
        """Return a network as a function of points."""

    @abstractmethod
    def distortion(self, changed: Tensor, points: Tensor, images: Tensor) -> Tensor:
        """Return d(x', x), a scalar.

        Args:
            changed: the points of x'.
            points: those of x.
            images: x, [B, C, H, W].
        """


class ImageSpace(Space):
    """Points are images."""

    def encode(self, images: Tensor) -> Tensor:
        """See Space.encode."""
        return images

    def decode(self, points: Tensor, images: Tensor) -> Tensor:
        """See Space.decode."""
        del images
        return points

    def within(self, network: nn.Module) -> Callable[..., Tensor]:
        """See Space.within."""
        return network

    def distortion(self, changed: Tensor, points: Tensor, images: Tensor) -> Tensor:
        """See Space.distortion."""
        del points
        return losses.distortion(changed, images)


class CoordinateSpace(Space):
    """Points are coordinates in a subspace, [B, K].

    Args:
        subspace: that of all networks of the game.
    """

    def __init__(self, subspace: Subspace) -> None:
        self.subspace = subspace

    def encode(self, images: Tensor) -> Tensor:
        """See Space.encode."""
        return self.subspace.encode(images)

    def decode(self, points: Tensor, images: Tensor) -> Tensor:
        """See Space.decode."""
        return self.subspace.decode(points, images.shape)

    def within(self, network: nn.Module) -> Callable[..., Tensor]:
        """See Space.within."""
        assert isinstance(network, OnCoordinates)
        return network.on_coordinates

    def distortion(self, changed: Tensor, points: Tensor, images: Tensor) -> Tensor:
        """See Space.distortion; what lies outside the subspace is part of it."""
        return self.subspace.squared_error(changed, points) + self.subspace.residual(images, points)


def space_of(*networks: nn.Module) -> Space:
    """Return the space in which networks can play against each other: coordinates if all can."""
    first = networks[0]
    if isinstance(first, OnCoordinates) and all(isinstance(n, OnCoordinates) for n in networks):
        return CoordinateSpace(first.subspace)
    return ImageSpace()
