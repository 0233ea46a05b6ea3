"""Layers and conversions that several networks share."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from torch import Tensor, nn


def as_colour(images: Tensor) -> Tensor:
    """Return images [B, C, H, W] as [B, 3, H, W]: grey ones, with C = 1, as three equal channels.

    Networks for colour images can thus take grey ones, and their weights fit both.
    """
    return images.expand(-1, 3, -1, -1) if images.shape[1] == 1 else images


def with_channels_of(images: Tensor, colour: Tensor) -> Tensor:
    """Return an output [B, 3, H, W] with as many channels as the input has: one is their mean."""
    return colour.mean(dim=1, keepdim=True) if images.shape[1] == 1 else colour


def normalized_layers(
    in_features: int, width: int, depth: int, dropout: Callable[[], nn.Module] | None = None
) -> list[nn.Module]:
    """Return ``depth`` times (linear, layer norm, GELU, dropout).

    Args:
        in_features: number of inputs.
        width: units of each layer.
        depth: number of layers.
        dropout: returns a dropout layer; None for none.
    """
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise([in_features, *[width] * depth]):
        layers += [nn.Linear(inputs, outputs), nn.LayerNorm(outputs), nn.GELU()]
        if dropout is not None:
            layers.append(dropout())
    return layers
