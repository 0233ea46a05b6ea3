"""Mechanisms and a network whose outputs are easy to calculate by hand."""

from __future__ import annotations

import torch
from torch import nn

from privacy_gan.privatizers.base import Censored, Privatizer, rows_for_every_value


class Brightener(Privatizer):
    """Adds 0.1 z + 0.2 s', in this order; the noise z is 0 or 1."""

    def draw(self, images, rng):
        shape = (len(images), 1, 1, 1)
        noise = torch.randint(2, shape, generator=rng)
        return {"noise": noise, "synthetic": torch.randint(2, (len(images),), generator=rng)}

    def forward(self, images, draws):
        brighter = images + 0.1 * draws["noise"] + 0.2 * draws["synthetic"].view(-1, 1, 1, 1)
        return Censored(brighter, draws["synthetic"])

    def figure_rows(self, images, rng):
        draws = self.draw(images, rng)
        rows = {"x": images, "x'": images + 0.1 * draws["noise"]}
        return rows | rows_for_every_value(self, images, draws, 2)


class Halver(Privatizer):
    """Halves the brightness."""

    deterministic = True

    def forward(self, images, draws):
        return Censored(images / 2, None)


class BrightnessClassifier(nn.Module):
    """Predicts class 1 with the image's mean as probability."""

    def forward(self, images):
        mean = images.flatten(1).mean(dim=1).clamp(1e-6, 1 - 1e-6)
        return torch.stack([(1 - mean).log(), mean.log()], dim=1)
