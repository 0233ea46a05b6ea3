"""Hidden layers that several MLPs share."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from torch import nn


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
