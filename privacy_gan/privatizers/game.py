"""One two-player game of Algorithm 1: a network that changes images, against one discriminator."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from privacy_gan.errors import UserError
from privacy_gan.privatizers.base import Draws
from privacy_gan.privatizers.constraint import Constraint
from privacy_gan.privatizers.inference import NetworkPrivatizer


class Turn(NamedTuple):
    """Who learns in a step.

    Attributes:
        network: whether the network does.
        discriminator: whether the discriminator does.
        done: share of the training that is over, in [0, 1].
    """

    network: bool
    discriminator: bool
    done: float


class Losses(NamedTuple):
    """A game's losses on one batch, all at the same output and the same parameters.

    Attributes:
        output: the changed images [B, 3, H, W], attached to the network if it is its turn.
        adversarial: what the network is trained to minimise, beside what its budget adds.
        discriminator: what the discriminator is, or None where this step leaves it alone.
        distortion: d(output, original).
        metrics: further scalars worth logging, detached.
    """

    output: Tensor
    adversarial: Tensor
    discriminator: Tensor | None
    distortion: Tensor
    metrics: dict[str, Tensor]


class Game(NetworkPrivatizer):
    """A network and its discriminator; the network alone is a mechanism.

    Args:
        network: changes images, given noise.
        discriminator: tells the sensitive attribute from the changed images.
        constraint: keeps the distortion between output and original images within a budget.
        network_every: steps between two updates of the network.
        discriminator_every: steps between two updates of the discriminator.
        averaging: what the network's average, which is then what censors, keeps of itself at an
            update (see ``average_of``); None where the network itself does.

    Raises:
        UserError: a number is out of its range.
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
                f"game.averaging={averaging} must be at least 0 and below 1, or null for none"
            )
        self.discriminator = discriminator
        self.constraint = constraint
        self.network_every = network_every
        self.discriminator_every = discriminator_every
        self.average = None if averaging is None else average_of(network, averaging)

    @abstractmethod
    def losses(
        self, original: Tensor, incoming: Tensor, sensitive: Tensor, draws: Draws, turn: Turn
    ) -> Losses:
        """Change the incoming images and take all losses of the game.

        Args:
            original: x, [B, 3, H, W] in [0, 1].
            incoming: what the game before made of them, or the same; a constant here.
            sensitive: s, [B].
            draws: what ``draw`` drew for these images.
            turn: who learns.
        """

    def turn(self, batch_idx: int, done: float) -> Turn:
        """Return who learns in a step."""
        return Turn(
            batch_idx % self.network_every == 0, batch_idx % self.discriminator_every == 0, done
        )

    def take_note(self, distortion: Tensor) -> None:
        """Let budget and average know of a step that the network has taken."""
        self.constraint.learn(distortion)
        if self.average is not None:
            self.average.update_parameters(self.network)

    @property
    def released(self) -> nn.Module:
        """What changes images: in training the network, afterwards its average if there is one."""
        return self.network if self.training else self.finished

    @property
    def finished(self) -> nn.Module:
        """What changes images after the training."""
        return self.network if self.average is None else self.average.module


def accuracy(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the share of rows whose largest logit is the label's, detached."""
    return (logits.detach().argmax(dim=1) == labels).float().mean()


def average_of(network: nn.Module, decay: float) -> AveragedModel:
    """Return an exponential average of a network, which rests where the network circles.

    ``update_parameters`` moves it towards the network. After t updates it keeps
    min(decay, (t + 1) / (t + 10)) of itself, so that it soon forgets how the network began.

    Args:
        network: what is averaged; its buffers are copied.
        decay: what the average keeps of itself in the long run, in [0, 1).
    """

    @torch.no_grad()
    def move(averages: Sequence[Tensor], values: Sequence[Tensor], updates: Tensor | int) -> None:
        updates = torch.as_tensor(updates)
        left = 1 - ((updates + 1) / (updates + 10)).clamp(max=decay)  # no number the host waits for
        for average, value in zip(averages, values, strict=True):
            average.lerp_(value, left.to(average))

    average = AveragedModel(network, multi_avg_fn=move)
    return average.requires_grad_(False)
