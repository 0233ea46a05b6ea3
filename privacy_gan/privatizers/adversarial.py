"""Algorithm 1: filter and generator, or either alone, trained against their discriminators."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.swa_utils import update_bn

from privacy_gan import replicas
from privacy_gan.data.batch import Batch
from privacy_gan.privatizers.base import Draws, Privatizer
from privacy_gan.privatizers.filter import Filter
from privacy_gan.privatizers.game import Game, Losses, Turn
from privacy_gan.privatizers.generator import Generator
from privacy_gan.privatizers.inference import InTurn
from privacy_gan.privatizers.trained import TrainedPrivatizer
from privacy_gan.randomness import Purpose, keyed_generator


class AdversarialPrivatizer(InTurn, TrainedPrivatizer):
    """g(f(x, z1), s', z2), the paper's mechanism; or f alone, or g alone (Table 3).

    Args:
        attribute_index: column of the sensitive attribute among the batch's attributes.
        seed: of all noise and synthetic attributes in training.
        optimizer: makes the optimizer of a list of parameters; called once for each network.
        filter: takes the attribute out; None to leave it in.
        generator: puts a random one in; None to put none in.
        decay: see TrainedPrivatizer.
        network_rate: filter's and generator's learning rate, as a share of the optimizer's, which
            is that of their discriminators.
    """

    filter: Filter | None
    generator: Generator | None

    def __init__(
        self,
        attribute_index: int,
        seed: int,
        optimizer: Callable[[Iterable[nn.Parameter]], Optimizer],
        filter: Filter | None = None,
        generator: Generator | None = None,
        decay: float = 0.0,
        network_rate: float = 1.0,
    ) -> None:
        TrainedPrivatizer.__init__(self, attribute_index, seed, optimizer, decay)
        self.network_rate = network_rate
        self.filter = filter
        self.generator = generator

    @property
    def games(self) -> list[Game]:
        """Those that there are, in the order in which an image passes their networks."""
        return [game for game in (self.filter, self.generator) if game is not None]

    @property
    def players(self) -> list[nn.Module]:
        """Two for each game: its network, then its discriminator."""
        return [player for game in self.games for player in (game.network, game.discriminator)]

    @property
    def baseline(self) -> Privatizer | None:
        """Return the filter of the paper's mechanism, which the generator does not influence."""
        return self.filter if self.generator is not None else None

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        """Take one step of Algorithm 1.

        All gradients are taken at the parameters before the step; only then does anything change.
        """
        draws = self.draw_own(batch.images, self.training_rng(batch_idx))
        turns = [game.turn(batch_idx, self.done(batch_idx)) for game in self.games]
        results = [  # distortion, of the whole batch, is what the budget is on
            result._replace(distortion=replicas.mean(result.distortion))
            for result in self.game_losses(batch, draws, turns)
        ]
        values = self.values_of(results)
        optimizers: list[Any] = self.optimizers()  # type: ignore[assignment]
        stepping = []
        for index, (game, turn, result) in enumerate(zip(self.games, turns, results, strict=True)):
            network, discriminator = optimizers[2 * index : 2 * index + 2]
            if result.discriminator is not None:
                # first, because the network's pass below may then free what both go through
                self.take_gradient(
                    discriminator, result.discriminator, game.discriminator, turn.network
                )
                stepping.append((discriminator, 1.0))
            if turn.network:
                loss = result.adversarial + game.constraint(result.distortion)
                self.take_gradient(network, loss, game.network)
                stepping.append((network, self.network_rate))
        for optimizer, rate in stepping:
            self.take_step(optimizer, batch_idx, rate)
        for game, turn, result in zip(self.games, turns, results, strict=True):
            if turn.network:
                game.take_note(result.distortion)
        self.log_training(values)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Log the losses as the finished mechanism would have them, always at the same noise."""
        draws = self.draw(batch.images, self.validation_rng(batch_idx))
        turns = [Turn(network=True, discriminator=True, done=1.0)] * len(self.games)
        results = self.game_losses(batch, draws, turns)
        self.log_validation(self.values_of(results), len(batch.images))

    def game_losses(self, batch: Batch, draws: Draws, turns: list[Turn]) -> list[Losses]:
        """Pass a batch through all games; what one makes is a constant to the next."""
        incoming = batch.images
        results = []
        for game, turn in zip(self.games, turns, strict=True):
            result = game.losses(batch.images, incoming, self.sensitive(batch), draws, turn)
            incoming = result.output.detach()
            results.append(result)
        return results

    def values_of(self, results: list[Losses]) -> dict[str, Tensor]:
        """Return what is worth logging."""
        values: dict[str, Tensor] = {}
        for game, result in zip(self.games, results, strict=True):
            of_game = {
                "loss": result.adversarial + game.constraint(result.distortion),
                "distortion": result.distortion,
                **result.metrics,
            }
            if result.discriminator is not None:
                of_game["discriminator_loss"] = result.discriminator
            values |= {f"{game.name}/{key}": value.detach() for key, value in of_game.items()}
        return values

    def settle(self, batches: Callable[[], Iterable[Tensor]]) -> None:
        """Let averaged networks learn their batch norms' moments anew.

        Averaged weights need moments of their own: those of the network belong to its last weights.
        """

        def inputs() -> Iterator[dict[str, Any]]:
            for number, images in enumerate(batches()):
                rng = keyed_generator(self.device, self.seed, Purpose.SETTLE, number)
                yield {"images": images, "draws": self.draw_own(images, rng)}

        was_training = self.training
        self.eval()
        for game in self.games:
            if game.average is not None:
                update_bn(inputs(), ThroughAll(game.average, self.forward).eval())
        self.train(was_training)

    def for_inference(self) -> Privatizer:
        """Return the networks that change images, without their discriminators."""
        if self.filter is None or self.generator is None:
            (game,) = self.games
            return game.for_inference()
        return InTurn(self.filter.for_inference(), self.generator.for_inference())


class ThroughAll(nn.Module):
    """A network as ``update_bn`` wants it, where images pass through others before it.

    Args:
        network: whose batch norms are to learn.
        forward: passes images through all.
    """

    def __init__(self, network: nn.Module, forward: Callable[..., Any]) -> None:
        super().__init__()
        self.network = network
        self.pass_through_all = forward

    def forward(self, inputs: dict[str, Any]) -> None:
        """Pass a batch and its draws; only what the batch norms learn is of interest."""
        self.pass_through_all(**inputs)
