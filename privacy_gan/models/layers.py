"""Hidden layers that several MLPs share."""

from __future__ import annotations

from itertools import pairwise

from torch import nn


def normalized_layers(
    in_features: int, width: int, depth: int, dropout: float = 0.0
) -> list[nn.Module]:
    """Return ``depth`` times (linear, layer norm, GELU, dropout).

    Args:
        in_features: number of inputs.
        width: units of each layer.
        depth: number of layers.
        dropout: share of the units that are dropped in training; 0 for no dropout layers.
    """
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise([in_features, *[width] * depth]):
        layers += [nn.Linear(inputs, outputs), nn.LayerNorm(outputs), nn.GELU()]
        if dropout:
            layers.append(nn.Dropout(dropout))
    return layers
