"""A two-player game of Algorithm 1: a network that changes images against a discriminator."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Hashable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from privacy_gan.errors import UserError
from privacy_gan.privatizers.base import Draws
from privacy_gan.privatizers.constraint import Constraint
from privacy_gan.privatizers.inference import NetworkPrivatizer


class Turn(NamedTuple):
    """Which networks of a game are updated in a step.

    Attributes:
        network: whether the network is.
        discriminator: whether the discriminator is.
    """

    network: bool
    discriminator: bool


class Losses(NamedTuple):
    """A game's losses on one batch, all for the same output and the same parameters.

    Attributes:
        output: returns the changed images [B, 3, H, W], without gradients, for the next game.
        adversarial: the network's adversarial loss, without the term of its constraint.
        discriminator: the discriminator's loss, or None if this step does not update it.
        distortion: d(output, original).
        metrics: further scalars to log, detached.
    """

    output: Callable[[], Tensor]
    adversarial: Tensor
    discriminator: Tensor | None
    distortion: Tensor
    metrics: dict[str, Tensor]


class Game(NetworkPrivatizer):
    """A network and its discriminator; the network alone is a mechanism.

    Args:
        network: maps images and noise to images.
        discriminator: predicts the sensitive attribute from the changed images.
        constraint: keeps the distortion between output and original images within a budget.
        network_every: steps between two updates of the network.
        discriminator_every: steps between two updates of the discriminator.
        averaging: decay of the network's exponential moving average, which then censors after
            training (see ``ema_of``); None to use the network itself.

    Raises:
        UserError: a number is out of range.
    """

    name: str

    def __init__(
        self,
        network: nn.Module,
        discriminator: nn.Module,
        constraint: Constraint,
        network_every: int = 1,
        discriminator_every: int = 1,
        averaging: float | None = None,
    ) -> None:
        NetworkPrivatizer.__init__(self, network)
        for name, value in [("network", network_every), ("discriminator", discriminator_every)]:
            if value < 1:
                raise UserError(f"privatizer.{self.name}.{name}_every={value} must be 1 or more")
        if averaging is not None and not 0 <= averaging < 1:
            raise UserError(
                f"privatizer.{self.name}.averaging={averaging} must be at least 0 and below 1, or "
                "null for no average"
            )
        self.discriminator = discriminator
        self.constraint = constraint
        self.network_every = network_every
        self.discriminator_every = discriminator_every
        self.average = None if averaging is None else ema_of(network, averaging)

    @property
    def variant(self) -> Hashable:
        """What decides, besides the turn, which kernels ``losses`` launches; None for nothing."""
        return None

    @abstractmethod
    def losses(
        self,
        original: Tensor,
        incoming: Tensor,
        sensitive: Tensor,
        draws: Draws,
        turn: Turn,
        progress: float | Tensor,
    ) -> Losses:
        """Change the incoming images and compute all losses of the game.

        Args:
            original: x, [B, 3, H, W] in [0, 1].
            incoming: output of the previous game, or x; a constant here.
            sensitive: s, [B].
            draws: what ``draw`` drew for these images.
            turn: which networks are updated.
            progress: share of the training that is over, in [0, 1]; a scalar tensor where the step
                is captured as a graph.
        """

    def turn(self, batch_idx: int) -> Turn:
        """Return which networks are updated in a step."""
        return Turn(batch_idx % self.network_every == 0, batch_idx % self.discriminator_every == 0)

    def after_step(self, distortion: Tensor) -> None:
        """Update constraint and moving average after a step of the network.

        Args:
            distortion: of the step.
        """
        self.constraint.update(distortion, self.least_distortion)
        if self.average is not None:
            self.average.update_parameters(self.network)

    def keep_snapshot(self, progress: float) -> None:
        """Keep the network as it is after a step if it is time to; by default, never.

        Args:
            progress: share of the training that was over before the step.
        """
        del progress

    def constraint_term(self, distortion: Tensor) -> Tensor:
        """Return the term that keeps the network within its budget, see Constraint.forward."""
        term: Tensor = self.constraint(distortion, self.least_distortion)
        return term

    @property
    def least_distortion(self) -> Tensor | float:
        """The distortion that the network cannot avoid; 0 unless it has a ``truncation``."""
        truncation: Tensor | float = getattr(self.network, "truncation", 0.0)
        return truncation

    @property
    def active_network(self) -> nn.Module:
        """The network that changes images: its average in evaluation mode, if there is one."""
        return self.network if self.training else self.inference_network

    @property
    def inference_network(self) -> nn.Module:
        """The network that changes images after training."""
        return self.network if self.average is None else self.average.module


def accuracy(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the share of rows whose largest logit is the label's, detached."""
    return (logits.detach().argmax(dim=1) == labels).float().mean()


class ExponentialMovingAverage(AveragedModel):
    """The average of ``ema_of``.

    Args:
        network: the network.
        decay: weight of the old average at an update in the long run, in [0, 1).
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        super().__init__(network)
        self.decay = decay

    @torch.no_grad()
    def update_parameters(self, model: nn.Module) -> None:
        """Update the average, and copy the buffers, without waiting for the number of updates."""
        updates = self.n_averaged
        weight = 1 - ((updates + 1) / (updates + 10)).clamp(max=self.decay)
        weight = torch.where(updates == 0, torch.ones_like(weight), weight)
        for average, value in zip(self.module.parameters(), model.parameters(), strict=True):
            average.lerp_(value, weight.to(average))
        for kept, buffer in zip(self.module.buffers(), model.buffers(), strict=True):
            kept.copy_(buffer)
        updates += 1


def ema_of(network: nn.Module, decay: float) -> ExponentialMovingAverage:
    """Return an exponential moving average of a network, which evens out its oscillations.

    Call ``update_parameters`` after each step. After t updates the decay is
    min(decay, (t + 1) / (t + 10)), so that the average soon forgets the initial weights.

    Args:
        network: the network; its buffers are copied.
        decay: weight of the old average at an update in the long run, in [0, 1).
    """
    return ExponentialMovingAverage(network, decay).requires_grad_(False)
