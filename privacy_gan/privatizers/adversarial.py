"""Algorithm 1: filter and generator, or either alone, trained against their discriminators."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.swa_utils import update_bn

from privacy_gan import distributed
from privacy_gan.data.batch import Batch
from privacy_gan.models.keyed_dropout import set_dropout_generator
from privacy_gan.privatizers.base import Draws, Privatizer
from privacy_gan.privatizers.filter import Filter
from privacy_gan.privatizers.game import Game, Losses, Turn
from privacy_gan.privatizers.generator import Generator
from privacy_gan.privatizers.inference import FilterGeneratorInference
from privacy_gan.privatizers.trainable import TrainablePrivatizer
from privacy_gan.randomness import Purpose, keyed_generator


class AdversarialPrivatizer(FilterGeneratorInference, TrainablePrivatizer):
    """The paper's mechanism g(f(x, z1), s', z2), or f alone, or g alone (Table 3).

    Args:
        attribute_index: column of the sensitive attribute among the batch's attributes.
        seed: seed of all noise and synthetic attributes in training.
        optimizer: returns an optimizer for a list of parameters; called once for each network.
        filter: removes the attribute; None to keep it.
        generator: inserts a random one; None to insert none.
        decay: see TrainablePrivatizer.
        network_rate: learning rate of filter and generator, as a share of the optimizer's
            learning rate, which their discriminators use.
        final_rate: see TrainablePrivatizer.
        mirrored: whether each training image is mirrored with probability one half.
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
        mirrored: bool = False,
        final_rate: float = 0.0,
    ) -> None:
        TrainablePrivatizer.__init__(self, attribute_index, seed, optimizer, decay, final_rate)
        self.network_rate = network_rate
        self.mirrored = mirrored
        self.filter = filter
        self.generator = generator

    @property
    def parts(self) -> list[Game]:
        """The games in use, in the order in which images pass through their networks."""
        return [game for game in (self.filter, self.generator) if game is not None]

    @property
    def networks(self) -> list[nn.Module]:
        """Two for each game: the network that changes images, then its discriminator."""
        return [network for game in self.parts for network in (game.network, game.discriminator)]

    @property
    def baseline(self) -> Privatizer | None:
        """The filter of the paper's mechanism, which trains independently of the generator."""
        return self.filter if self.generator is not None else None

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        """Run one step of Algorithm 1.

        All gradients are computed at the parameters before the step; only then are they updated.
        """
        rng = self.training_rng(batch_idx)
        draws = self.draw_local(batch.images, rng)
        if self.mirrored:
            batch = batch._replace(images=mirror_half(batch.images, rng))
        set_dropout_generator(self, rng)
        turns = [game.turn(batch_idx, self.training_progress(batch_idx)) for game in self.parts]
        results = [  # the budget applies to the distortion of the whole batch
            result._replace(distortion=distributed.all_reduce_mean(result.distortion))
            for result in self.game_losses(batch, draws, turns)
        ]
        values = self.values_to_log(results)
        optimizers: list[Any] = self.optimizers()  # type: ignore[assignment]
        steps = []
        for index, (game, turn, result) in enumerate(zip(self.parts, turns, results, strict=True)):
            network, discriminator = optimizers[2 * index : 2 * index + 2]
            if result.discriminator is not None:
                # first: the network's backward pass below may free the graph that both share
                self.compute_gradients(
                    discriminator, result.discriminator, game.discriminator, turn.network
                )
                steps.append((discriminator, 1.0))
            if turn.network:
                loss = result.adversarial + game.constraint_term(result.distortion)
                self.compute_gradients(network, loss, game.network)
                steps.append((network, self.network_rate))
        for optimizer, rate in steps:
            self.step_optimizer(optimizer, batch_idx, rate)
        for game, turn, result in zip(self.parts, turns, results, strict=True):
            if turn.network:
                game.after_step(result.distortion, turn.progress)
        self.log_training(values)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Log the losses of the mechanism as it would be released, always with the same noise."""
        draws = self.draw(batch.images, self.validation_rng(batch_idx))
        turns = [Turn(network=True, discriminator=True, progress=1.0)] * len(self.parts)
        results = self.game_losses(batch, draws, turns)
        self.log_validation(self.values_to_log(results), len(batch.images))

    def game_losses(self, batch: Batch, draws: Draws, turns: list[Turn]) -> list[Losses]:
        """Pass a batch through all games; each game's output is a constant for the next."""
        incoming = batch.images
        results = []
        for game, turn in zip(self.parts, turns, strict=True):
            result = game.losses(batch.images, incoming, self.sensitive(batch), draws, turn)
            incoming = result.output.detach()
            results.append(result)
        return results

    def values_to_log(self, results: list[Losses]) -> dict[str, Tensor]:
        """Return losses and metrics by name."""
        values: dict[str, Tensor] = {}
        for game, result in zip(self.parts, results, strict=True):
            game_values = {
                "loss": result.adversarial + game.constraint_term(result.distortion),
                "distortion": result.distortion,
                **result.metrics,
            }
            if result.discriminator is not None:
                game_values.setdefault("discriminator_loss", result.discriminator)
            values |= {f"{game.name}/{key}": value.detach() for key, value in game_values.items()}
        return values

    def update_bn(self, batches: Callable[[], Iterable[Tensor]]) -> None:
        """Recompute the batch norm statistics of averaged networks.

        Averaged weights need their own statistics: those of the network fit its latest weights.
        """

        def inputs() -> Iterator[dict[str, Any]]:
            for number, images in enumerate(batches()):
                rng = keyed_generator(self.device, self.seed, Purpose.UPDATE_BN, number)
                yield {"images": images, "draws": self.draw_local(images, rng)}

        was_training = self.training
        self.eval()
        for game in self.parts:
            if game.average is not None:
                update_bn(inputs(), UpdateBNAdapter(game.average, self.forward).eval())
        self.train(was_training)

    def for_inference(self) -> Privatizer:
        """Return the networks that change images, without their discriminators."""
        if self.filter is None or self.generator is None:
            (game,) = self.parts
            return game.for_inference()
        return FilterGeneratorInference(self.filter.for_inference(), self.generator.for_inference())


def mirror_half(images: Tensor, rng: torch.Generator) -> Tensor:
    """Mirror each image of this process, [B, C, H, W], with probability one half."""
    size = len(images) * distributed.world_size()
    whole = torch.rand(size, generator=rng, device=rng.device).to(images.device)
    mirrored = distributed.local_shard(whole) < 0.5
    return torch.where(mirrored[:, None, None, None], images.flip(3), images)


class UpdateBNAdapter(nn.Module):
    """Adapts a network to ``update_bn`` where its inputs pass through other networks first.

    Args:
        network: the network whose batch norm statistics ``update_bn`` recomputes.
        forward: passes images through all networks.
    """

    def __init__(self, network: nn.Module, forward: Callable[..., Any]) -> None:
        super().__init__()
        self.network = network
        self.forward_all = forward

    def forward(self, inputs: dict[str, Any]) -> None:
        """Pass a batch and its draws through all networks; only batch norms use the result."""
        self.forward_all(**inputs)
