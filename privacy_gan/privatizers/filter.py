"""The filter f, which takes the sensitive attribute out (section 3.1, Huang et al., 2018)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from privacy_gan import losses
from privacy_gan.errors import UserError
from privacy_gan.losses import AdversarialLoss
from privacy_gan.privatizers.base import Draws
from privacy_gan.privatizers.game import Game, Losses, Turn, accuracy
from privacy_gan.privatizers.inference import Filtering


class Filter(Filtering, Game):
    """x' = f(x, z1) against h_f, which tells s from x'.

    Args:
        network: makes f.
        discriminator: makes h_f, given its number of outputs.
        adversarial_loss: f's adversarial term, of h_f(x'), s and the share of the training done.
        num_classes: values that s can take; h_f's number of outputs.
        output_noise: share of the budget that is spent on Gaussian noise, added to what f returns;
            it is part of x'.
        rules: budget, turns and averaging, see Game.

    Raises:
        UserError: the adversarial term is not defined for so many classes, or a number is out of
            its range.
    """

    name = "filter"

    def __init__(
        self,
        network: Callable[[], nn.Module],
        discriminator: Callable[[int], nn.Module],
        adversarial_loss: AdversarialLoss,
        num_classes: int,
        output_noise: float = 0.0,
        **rules: Any,
    ) -> None:
        Game.__init__(self, network(), discriminator(num_classes), **rules)
        if not 0 <= output_noise <= 1:
            raise UserError(
                f"game.output_noise={output_noise} is not a share: set it between 0 and 1"
            )
        self.adversarial_loss = adversarial_loss
        self.deviation = (output_noise * self.constraint.epsilon) ** 0.5
        # a loss that refuses so many classes should do so now and not at the first step
        adversarial_loss(torch.zeros(1, num_classes), torch.zeros(1, dtype=torch.long), 1.0)

    def losses(
        self, original: Tensor, incoming: Tensor, sensitive: Tensor, draws: Draws, turn: Turn
    ) -> Losses:
        """See Game.losses; h_f(x') is computed once for both players."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and turn.network):
            censored = self(incoming, draws).images
        logits = self.discriminator(censored)
        adversarial = self.adversarial_loss(logits, sensitive, turn.done)
        return Losses(
            output=censored,
            adversarial=adversarial,
            discriminator=F.cross_entropy(logits, sensitive) if turn.discriminator else None,
            distortion=losses.distortion(censored, original),
            metrics={
                "adversarial_loss": adversarial.detach(),
                "discriminator_accuracy": accuracy(logits, sensitive),
            },
        )

    def for_inference(self) -> Filtering:
        """Return f alone."""
        return Filtering(self.finished, self.deviation)
