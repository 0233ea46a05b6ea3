"""The filter f, which takes the sensitive attribute out (section 3.1, Huang et al., 2018)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from privacy_gan import losses
from privacy_gan.privatizers.base import Censored, Draws
from privacy_gan.privatizers.game import Game, Losses, accuracy


class Filter(Game):
    """x' = f(x, z1) against h_f, which tells s from x'.

    Args:
        network: makes f.
        discriminator: makes h_f, given its number of outputs.
        adversarial_loss: f's adversarial term, of h_f(x') and s.
        num_classes: values that s can take; h_f's number of outputs.
        rules: budget and schedule, see Game.

    Raises:
        UserError: the adversarial term is not defined for so many classes.
    """

    name = "filter"

    def __init__(
        self,
        network: Callable[[], nn.Module],
        discriminator: Callable[[int], nn.Module],
        adversarial_loss: Callable[[Tensor, Tensor], Tensor],
        num_classes: int,
        **rules: Any,
    ) -> None:
        super().__init__(network(), discriminator(num_classes), **rules)
        self.adversarial_loss = adversarial_loss
        # a loss that refuses so many classes should do so now and not at the first step
        adversarial_loss(torch.zeros(1, num_classes), torch.zeros(1, dtype=torch.long))

    def draw(self, images: Tensor, rng: torch.Generator) -> Draws:
        """Draw z1."""
        return {"filter_noise": self.noise(images, rng)}

    def forward(self, images: Tensor, draws: Draws) -> Censored:
        """Take the attribute out; nothing is put in."""
        return Censored(self.network(images, draws["filter_noise"]), None)

    def losses(
        self,
        original: Tensor,
        incoming: Tensor,
        sensitive: Tensor,
        draws: Draws,
        with_discriminator: bool,
    ) -> Losses:
        """See Game.losses; h_f(x') is computed once for both players."""
        censored = self(incoming, draws).images
        logits = self.discriminator(censored)
        adversarial = self.adversarial_loss(logits, sensitive)
        return Losses(
            output=censored,
            adversarial=adversarial,
            discriminator=F.cross_entropy(logits, sensitive) if with_discriminator else None,
            distortion=losses.distortion(censored, original),
            metrics={
                "adversarial_loss": adversarial.detach(),
                "discriminator_accuracy": accuracy(logits, sensitive),
            },
        )

    def figure_rows(self, images: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        """Return x'."""
        return {"x'": self.privatize(images, rng).images}
