"""The step of training without Lightning: what is left when all that surrounds it is taken away."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from torch.optim import Optimizer

from privacy_gan.data.batch import Batch
from privacy_gan.hardware import Compute
from privacy_gan.privatizers.adversarial import AdversarialPrivatizer
from privacy_gan.privatizers.game import Game, Losses, Turn
from privacy_gan.randomness import Purpose, keyed_generator


class BareStep:
    """Steps of Algorithm 1 as ``AdversarialPrivatizer`` takes them, in a plain loop.

    Args:
        privatizer: untrained.
        compute: where, and in which precision.
    """

    def __init__(self, privatizer: AdversarialPrivatizer, compute: Compute) -> None:
        self.privatizer = privatizer.to(compute.device).train()
        self.compute = compute
        self.optimizers = privatizer.configure_optimizers()
        self.steps = 0

    def __call__(self, batches: Iterator[Batch], count: int) -> None:
        """Take some steps on batches that are on the device."""
        for batch in islice(batches, count):
            self.step(batch)

    def step(self, batch: Batch) -> None:
        """Take one."""
        games = self.privatizer.games
        seed, device = self.privatizer.seed, self.compute.device
        rng = keyed_generator(device, seed, Purpose.TRAIN, 0, self.steps)
        turns = [game.turn(self.steps, 0.0) for game in games]
        with self.compute.autocast():
            draws = self.privatizer.draw_own(batch.images, rng)
            results = self.privatizer.game_losses(batch, draws, turns)
        stepping = []
        for number, (game, turn, result) in enumerate(zip(games, turns, results, strict=True)):
            network, discriminator = self.optimizers[2 * number : 2 * number + 2]
            stepping += take_gradients(game, turn, result, network, discriminator)
        for optimizer in stepping:
            optimizer.step()
        self.steps += 1


def take_gradients(
    game: Game, turn: Turn, result: Losses, network: Optimizer, discriminator: Optimizer
) -> list[Optimizer]:
    """Take the gradients of a game's players; return the optimizers that have some."""
    stepping = []
    if result.discriminator is not None:
        discriminator.zero_grad()
        result.discriminator.backward(  # type: ignore[no-untyped-call]
            inputs=list(game.discriminator.parameters()), retain_graph=turn.network
        )
        stepping.append(discriminator)
    if turn.network:
        network.zero_grad()
        loss = result.adversarial + game.constraint(result.distortion)
        loss.backward(inputs=list(game.network.parameters()))
        stepping.append(network)
    return stepping
