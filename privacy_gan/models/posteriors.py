"""Probabilities of attributes given an image, cross-fitted so that training images have them, too.

A network knows the labels of the images that it was trained on by heart. Two networks are therefore
trained on one half of the images each, and every training image gets the probabilities of the
network that has not seen it.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from privacy_gan.models.layers import normalized_layers

FOLDS = 2
DEPTH = 3  # hidden layers


class Posteriors(nn.Module):
    """MLPs that predict a sensitive attribute and several binary ones from coordinates.

    Args:
        components: number of coordinates that they see, the leading ones.
        num_classes: number of values of the sensitive attribute, C.
        num_binary: number of binary attributes, U.
        width: units of each of the three hidden layers.
        dropout: share of the units that are dropped in training.
    """

    slope: Tensor
    bias: Tensor

    def __init__(
        self, components: int, num_classes: int, num_binary: int, width: int, dropout: float
    ) -> None:
        super().__init__()
        self.components = components
        self.num_classes = num_classes
        self.num_binary = num_binary
        self.width = width
        self.dropout = dropout
        self.networks = nn.ModuleList(self._network() for _ in range(FOLDS))
        # calibrate the sensitive attribute, see Calibration
        self.register_buffer("slope", torch.ones(()))
        self.register_buffer("bias", torch.zeros(num_classes))

    def _network(self) -> nn.Sequential:
        dropout = self.dropout
        layers = normalized_layers(self.components, self.width, DEPTH, lambda: nn.Dropout(dropout))
        return nn.Sequential(*layers, nn.Linear(self.width, self.num_classes + self.num_binary))

    def logits(self, coordinates: Tensor, fold: int) -> Tensor:
        """Return one network's logits for coordinates [B, K >= components], [B, C + U]."""
        logits: Tensor = self.networks[fold](coordinates[:, : self.components])
        return logits

    def of_fold(self, views: Tensor, fold: int) -> tuple[Tensor, Tensor]:
        """Return the mean probabilities of one network for several views of each image.

        Args:
            views: coordinates of V views, [V, B, K].
            fold: index of the network.

        Returns:
            P(s|x), not calibrated, [B, C], and P(u = 1|x), [B, U].
        """
        logits = torch.stack([self.logits(view, fold) for view in views])
        sizes = [self.num_classes, self.num_binary]
        sensitive, binary = torch.split(logits, sizes, dim=2)
        return sensitive.softmax(dim=2).mean(dim=0), binary.sigmoid().mean(dim=0)

    def calibrated(self, sensitive: Tensor) -> Tensor:
        """Return calibrated probabilities for means over views or networks, [B, C]."""
        logs = sensitive.clamp_min(torch.finfo(sensitive.dtype).tiny).log()
        return F.softmax(self.slope * logs + self.bias, dim=1)

    def forward(self, views: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mean probabilities of all networks, P(s|x) calibrated, see ``of_fold``."""
        by_fold = [self.of_fold(views, fold) for fold in range(FOLDS)]
        sensitive, binary = (torch.stack(each).mean(dim=0) for each in zip(*by_fold, strict=True))
        return self.calibrated(sensitive), binary
