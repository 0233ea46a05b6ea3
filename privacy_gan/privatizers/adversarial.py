"""Algorithm 1: filter and generator, or either alone, trained against their discriminators."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.swa_utils import update_bn

from privacy_gan import distributed, losses
from privacy_gan.data.batch import Batch
from privacy_gan.errors import UserError
from privacy_gan.graphs import Step
from privacy_gan.models.keyed_dropout import set_dropout_generator
from privacy_gan.privatizers.base import Draws, Privatizer
from privacy_gan.privatizers.game import Game, Losses, Turn
from privacy_gan.privatizers.generator import Generator
from privacy_gan.privatizers.inference import FilterGeneratorInference
from privacy_gan.privatizers.phase import Phase
from privacy_gan.privatizers.trainable import TrainablePrivatizer, lr_factor
from privacy_gan.randomness import Purpose, keyed_generator

IMAGES, SENSITIVE, PROGRESS = "images", "sensitive", "progress"  # in a step, with the draws


class StepKind(NamedTuple):
    """What decides which kernels a step launches.

    Attributes:
        phase: first epoch of the phase.
        turns: which networks of each game are updated.
        variants: of each game, see Game.variant.
    """

    phase: int
    turns: tuple[Turn, ...]
    variants: tuple[Hashable, ...]


class AdversarialPrivatizer(FilterGeneratorInference, TrainablePrivatizer):
    """The paper's mechanism g(f(x, z1), s', z2), or f alone, or g alone (Table 3).

    Args:
        attribute_index: column of the sensitive attribute among the batch's attributes.
        seed: seed of all noise and synthetic attributes in training.
        optimizer: returns an optimizer for a list of parameters; called once for each network.
        filter: removes the attribute; None to keep it. A mechanism that is not a game, such as a
            codebook, is fitted before and stays as it is.
        generator: inserts a random one; None to insert none.
        decay: see TrainablePrivatizer.
        network_rate: learning rate of filter and generator, as a share of the optimizer's
            learning rate, which their discriminators use.
        mirrored: whether each training image is mirrored with probability one half.
        final_rate: share of the learning rates that ``decay`` ends at; 0 for a generator that is
            trained after the filter.
        generator_after: share of the epochs in which the filter is trained alone; then it is frozen
            and the generator is trained. 0 trains both together, as in the paper. This has no
            effect unless both are games.
        generator_rate: after ``generator_after``, factor of the learning rates.
        generator_stride: after ``generator_after``, the generator is trained on every
            generator_stride-th image of a batch.

    Raises:
        UserError: a number is out of range.
    """

    filter: Privatizer | None
    generator: Generator | None

    def __init__(
        self,
        attribute_index: int,
        seed: int,
        optimizer: Callable[[Iterable[nn.Parameter]], Optimizer],
        filter: Privatizer | None = None,
        generator: Generator | None = None,
        decay: float = 0.0,
        network_rate: float = 1.0,
        mirrored: bool = False,
        final_rate: float = 0.0,
        generator_after: float = 0.0,
        generator_rate: float = 1.0,
        generator_stride: int = 1,
    ) -> None:
        TrainablePrivatizer.__init__(self, attribute_index, seed, optimizer, decay)
        if not 0 <= final_rate <= 1:
            raise UserError(f"game.final_rate={final_rate} is out of range: set it between 0 and 1")
        if not 0 <= generator_after < 1:
            raise UserError(
                f"game.generator_after={generator_after} must be at least 0 and below 1: it is the "
                "share of the epochs before the generator is trained"
            )
        if generator_rate <= 0:
            raise UserError(f"game.generator_rate={generator_rate} must be above 0")
        if generator_stride < 1:
            raise UserError(f"game.generator_stride={generator_stride} must be 1 or more")
        self.network_rate = network_rate
        self.mirrored = mirrored
        self.final_rate = final_rate
        self.filter = filter
        self.generator = generator
        self.generator_after = generator_after
        self.generator_rate = generator_rate
        self.generator_stride = generator_stride
        self.single_release = any(part.single_release for part in self.parts)

    @property
    def games(self) -> list[Game]:
        """The parts whose networks are trained, in the order in which images pass through them."""
        return [part for part in self.parts if isinstance(part, Game)]

    @property
    def fixed(self) -> list[Privatizer]:
        """The parts that stay as they are; images pass through them first."""
        return [part for part in self.parts if not isinstance(part, Game)]

    @property
    def networks(self) -> list[nn.Module]:
        """Two for each game: the network that changes images, then its discriminator."""
        return [network for game in self.games for network in (game.network, game.discriminator)]

    @property
    def baseline(self) -> Privatizer | None:
        """The filter of the paper's mechanism, which does not depend on the generator."""
        return self.filter if self.generator is not None else None

    @property
    def phase(self) -> Phase:
        """What is trained in the current epoch.

        Raises:
            UserError: there is no epoch for the generator after those of the filter.
        """
        epochs = self.max_epochs
        if not self.generator_after or len(self.games) < 2:
            return Phase(self.games, self.fixed, 0, epochs, final_rate=self.final_rate)
        if epochs < 2:
            raise UserError(
                f"game.generator_after={self.generator_after:g} needs an epoch for the filter and "
                "one for the generator: set trainer.max_epochs=2 or more"
            )
        first = min(max(round(self.generator_after * epochs), 1), epochs - 1)
        filter_game, generator_game = self.games
        if self.current_epoch < first:
            return Phase([filter_game], [], 0, first, final_rate=self.final_rate)
        return Phase(
            *([generator_game], [filter_game], first, epochs),
            lr_scale=self.generator_rate,
            stride=self.generator_stride,
        )

    def setup(self, stage: str) -> None:
        """See TrainablePrivatizer.setup.

        Raises:
            UserError: there are too few epochs or images for the generator after the filter.
        """
        super().setup(stage)
        if stage != "fit" or self.phase.end == self.max_epochs:
            return
        stride, processes = self.generator_stride, distributed.world_size()
        size: int = self.trainer.datamodule.batch_size  # type: ignore[attr-defined]
        if size < 2 * stride * processes or size % (stride * processes):
            raise UserError(
                f"data.batch_size={size} must be a multiple of game.generator_stride={stride}"
                f"{f' times {processes} processes' if processes > 1 else ''}, and at least twice "
                "that: batch norm needs two images"
            )

    @property
    def budgets(self) -> dict[str, float]:
        """See TrainablePrivatizer.budgets; without the games that are over or yet to come."""
        return {game.name: game.constraint.epsilon for game in self.phase.games}

    @property
    def stride(self) -> int:
        """See TrainablePrivatizer.stride."""
        return self.phase.stride

    @property
    def freezes(self) -> bool:
        """Whether a network is frozen when the current epoch ends."""
        return self.phase.end < self.max_epochs and self.current_epoch + 1 == self.phase.end

    def prepare_step(self, batch: Batch, batch_idx: int) -> Step:
        """See TrainablePrivatizer.prepare_step."""
        phase = self.phase
        progress = phase.progress(self.epochs_before(batch_idx))
        for part in phase.frozen:
            part.eval()  # before draws, which depend on it
        batch = phase.select(batch)
        rng = self.training_rng(batch_idx)
        draws = self.draw_local(batch.images, rng)
        if self.mirrored:
            batch = batch._replace(images=mirror_half(batch.images, rng))
        set_dropout_generator(self, rng)
        kind = StepKind(
            phase.start,
            tuple(game.turn(batch_idx) for game in phase.games),
            tuple(game.variant for game in phase.games),
        )
        tensors = {IMAGES: batch.images, SENSITIVE: self.sensitive(batch), **draws}
        return Step(kind, tensors, {PROGRESS: progress, **self.lr_factors(phase, progress)})

    def lr_factors(self, phase: Phase, progress: float) -> dict[str, float]:
        """Return factors of the learning rates of all networks that learn in a phase, by name."""
        factor = phase.lr_scale * self.learning_rate_factor(progress, phase.final_rate)
        return {
            lr_factor(index): factor * rate
            for game in phase.games
            for index, rate in zip(self.indices(game), (self.network_rate, 1.0), strict=True)
        }

    def indices(self, game: Game) -> tuple[int, int]:
        """Return the indices of a game's network and discriminator among ``networks``."""
        index = 2 * self.games.index(game)
        return index, index + 1

    def update(self, step: Step) -> dict[str, Tensor]:
        """Run one step of Algorithm 1.

        All gradients are computed at the parameters before the step; only then are they updated.
        """
        phase, turns = self.phase, step.kind.turns
        incoming = pass_frozen(phase.frozen, step.tensors[IMAGES], step.tensors)
        results = [  # the budget applies to the distortion of the whole batch
            result._replace(distortion=distributed.all_reduce_mean(result.distortion))
            for result in self.game_losses(phase.games, step, incoming, turns)
        ]
        values = self.values_to_log(phase.games, results)
        values |= self.fixed_distortion(step.tensors[IMAGES], incoming)
        optimizers: Sequence[Any] = self.optimizers()  # type: ignore[assignment]
        learning = []
        for game, turn, result in zip(phase.games, turns, results, strict=True):
            network, discriminator = self.indices(game)
            if result.discriminator is not None:
                # first: the network's backward pass below may free the activations of both
                self.compute_gradients(
                    optimizers[discriminator],
                    result.discriminator,
                    game.discriminator,
                    turn.network,
                )
                learning.append(discriminator)
            if turn.network:
                loss = result.adversarial + game.constraint_term(result.distortion)
                self.compute_gradients(optimizers[network], loss, game.network)
                learning.append(network)
        for index in learning:
            self.step_optimizer(optimizers[index], step.numbers[lr_factor(index)])
        for game, turn, result in zip(phase.games, turns, results, strict=True):
            if turn.network:
                game.after_step(result.distortion)
        return values

    def finish_step(self, step: Step) -> None:
        """Let the games whose network has learned keep snapshots."""
        for game, turn in zip(self.phase.games, step.kind.turns, strict=True):
            if turn.network:
                game.keep_snapshot(step.numbers[PROGRESS])

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Log the losses of the mechanism as it would be released, always with the same noise."""
        draws = self.draw(batch.images, self.validation_rng(batch_idx))
        turns = [Turn(network=True, discriminator=True)] * len(self.games)
        tensors = {IMAGES: batch.images, SENSITIVE: self.sensitive(batch), **draws}
        incoming = pass_frozen(self.fixed, batch.images, draws)
        results = self.game_losses(
            self.games, Step(None, tensors, {PROGRESS: 1.0}), incoming, turns
        )
        values = self.values_to_log(self.games, results)
        values |= self.fixed_distortion(batch.images, incoming)
        self.log_validation(values, len(batch.images))

    def fixed_distortion(self, images: Tensor, incoming: Tensor) -> dict[str, Tensor]:
        """Return the distortion of the fixed filter by name, if there is one, to log it."""
        return {"filter/distortion": losses.distortion(incoming, images)} if self.fixed else {}

    def game_losses(
        self, games: Sequence[Game], step: Step, incoming: Tensor, turns: Sequence[Turn]
    ) -> list[Losses]:
        """Pass images through games; each game's output is a constant for the next.

        Args:
            games: in the order in which images pass through their networks.
            step: the original images, their s, what ``draw`` drew for them, and the progress.
            incoming: input of the first game, [B, 3, H, W].
            turns: which networks of each game are updated.
        """
        original, sensitive = step.tensors[IMAGES], step.tensors[SENSITIVE]
        progress = step.numbers[PROGRESS]
        results: list[Losses] = []
        for game, turn in zip(games, turns, strict=True):
            if results:
                incoming = results[-1].output()
            results.append(game.losses(original, incoming, sensitive, step.tensors, turn, progress))
        return results

    def values_to_log(self, games: Sequence[Game], results: list[Losses]) -> dict[str, Tensor]:
        """Return losses and metrics by name."""
        values: dict[str, Tensor] = {}
        for game, result in zip(games, results, strict=True):
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
        """Recompute the batch norm statistics of averaged networks that are being trained.

        Averaged weights need their own statistics: those of the network fit its latest weights.
        """

        def inputs() -> Iterator[dict[str, Any]]:
            for number, images in enumerate(batches()):
                rng = keyed_generator(self.device, self.seed, Purpose.UPDATE_BN, number)
                yield {"images": images, "draws": self.draw_local(images, rng)}

        was_training = self.training
        self.eval()
        for game in self.phase.games:
            if game.average is not None:
                update_bn(inputs(), UpdateBNAdapter(game.average, self.forward).eval())
        self.train(was_training)

    def for_inference(self) -> Privatizer:
        """Return the networks that change images, without their discriminators."""
        if self.filter is None or self.generator is None:
            (part,) = self.parts
            return part.for_inference()
        return FilterGeneratorInference(self.filter.for_inference(), self.generator.for_inference())


def pass_frozen(parts: Sequence[Privatizer], images: Tensor, draws: Draws) -> Tensor:
    """Pass images [B, 3, H, W] through parts that are not, or no longer, trained."""
    with torch.no_grad():
        for part in parts:
            images = part(images, draws).images
    return images


def mirror_half(images: Tensor, rng: torch.Generator) -> Tensor:
    """Mirror each image of this process, [B, C, H, W], with probability one half."""
    size = len(images) * distributed.world_size()
    whole = torch.rand(size, generator=rng, device=rng.device).to(images.device)
    rows = distributed.local_shard(whole) < 0.5
    if images.is_cuda:  # indexing would wait for the number of rows
        return torch.where(rows[:, None, None, None], images.flip(3), images)
    mirrored = images.clone()  # touches less memory than where
    mirrored[rows] = images[rows].flip(3)
    return mirrored


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
