"""Algorithm 1: filter and generator, or either alone, trained against their discriminators."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from pytorch_lightning import LightningModule
from torch import Tensor, nn
from torch.optim import Optimizer

from privacy_gan import replicas
from privacy_gan.data.batch import Batch
from privacy_gan.errors import UserError
from privacy_gan.privatizers.base import Censored, Privatizer
from privacy_gan.privatizers.filter import FilterStage
from privacy_gan.privatizers.generator import GeneratorStage
from privacy_gan.privatizers.stage import Losses, Stage
from privacy_gan.privatizers.synthetic import EMPIRICAL
from privacy_gan.randomness import Purpose, keyed_generator


class AdversarialPrivatizer(LightningModule, Privatizer):
    """g(f(x, z1), s', z2), the paper's mechanism; or f alone, or g alone (Table 3).

    Args:
        attribute_index: column of the sensitive attribute among the batch's attributes.
        seed: of all noise and synthetic attributes in training.
        optimizer: makes the optimizer of a list of parameters; called once for each network.
        filter: takes the attribute out; None to leave it in.
        generator: puts a random one in; None to put none in.
        decay: share of the training, at its end, in which the learning rates fall evenly to 0; 0
            keeps them, as the paper does. Players that circle each other come to rest so.
    """

    def __init__(
        self,
        attribute_index: int,
        seed: int,
        optimizer: Callable[[Iterable[nn.Parameter]], Optimizer],
        filter: FilterStage | None = None,
        generator: GeneratorStage | None = None,
        decay: float = 0.0,
    ) -> None:
        super().__init__()
        if not 0 <= decay <= 1:
            raise UserError(f"privatizer.decay={decay} is no share: set it between 0 and 1")
        self.automatic_optimization = False
        self.attribute_index = attribute_index
        self.seed = seed
        self.make_optimizer = optimizer
        self.filter = filter
        self.generator = generator
        self.decay = decay

    @property
    def stages(self) -> list[Stage]:
        """Those that there are, in the order in which an image passes them."""
        return [stage for stage in (self.filter, self.generator) if stage is not None]

    @property
    def baseline(self) -> Privatizer | None:
        """Return the filter of the paper's mechanism, which the generator does not influence."""
        return self.filter if self.generator is not None else None

    def setup(self, stage: str) -> None:
        """Let the generator know how frequent the attribute's values are, where it wants to."""
        if self.generator is not None and self.generator.synthetic.law == EMPIRICAL:
            labels = self.trainer.datamodule.labels("train")  # type: ignore[attr-defined]
            self.generator.synthetic.learn(labels[:, self.attribute_index])

    def configure_optimizers(self) -> list[Optimizer]:
        """Return two optimizers a stage: its network's, then its discriminator's."""
        return [
            self.make_optimizer(player.parameters())
            for stage in self.stages
            for player in (stage.network, stage.discriminator)
        ]

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        """Take one step of Algorithm 1.

        All gradients are taken at the parameters before the step; only then does anything change.
        """
        rng = keyed_generator(self.device, self.seed, Purpose.TRAIN, self.current_epoch, batch_idx)
        due = [batch_idx % stage.discriminator_every == 0 for stage in self.stages]
        whole = len(batch.images) * replicas.count()
        drawn = [tuple(map(replicas.own_part, stage.draw(whole, rng))) for stage in self.stages]
        results = [  # distortion, of the whole batch, is what the penalty is on
            result._replace(distortion=replicas.mean(result.distortion))
            for result in self.stage_losses(batch, drawn, due)
        ]
        optimizers: list[Any] = self.optimizers()  # type: ignore[assignment]
        stepping = []
        for index, (stage, result) in enumerate(zip(self.stages, results, strict=True)):
            network, discriminator = optimizers[2 * index : 2 * index + 2]
            if result.discriminator is not None:
                # first, because the network's pass below may then free what both go through
                self.take_gradient(discriminator, result.discriminator, stage.discriminator, True)
                stepping.append(discriminator)
            loss = result.adversarial + stage.penalty(result.distortion)
            self.take_gradient(network, loss, stage.network, False)
            stepping.append(network)
        rate = self.share_of_learning_rate(batch_idx)
        for optimizer in stepping:
            for group in optimizer.param_groups:
                group["lr"] = rate * optimizer.defaults["lr"]
            optimizer.step()
        self.log_dict(replicas.mean_values(self.values_of("train", results)))

    def share_of_learning_rate(self, batch_idx: int) -> float:
        """Return what of the learning rate is left, in (0, 1]; a function of the step alone."""
        if not self.decay:
            return 1.0
        assert self.trainer.max_epochs is not None
        done = self.current_epoch + batch_idx / self.trainer.num_training_batches
        return min(1.0, (1 - done / self.trainer.max_epochs) / self.decay)

    def stage_losses(
        self, batch: Batch, drawn: list[tuple[Tensor, ...]], with_discriminator: list[bool]
    ) -> list[Losses]:
        """Pass a batch through all stages; what one makes is a constant to the next."""
        sensitive = batch.attributes[:, self.attribute_index]
        incoming = batch.images
        results = []
        for stage, random, with_its_own in zip(self.stages, drawn, with_discriminator, strict=True):
            result = stage.losses(batch.images, incoming, sensitive, random, with_its_own)
            incoming = result.output.detach()
            results.append(result)
        return results

    def take_gradient(
        self, optimizer: Any, loss: Tensor, player: nn.Module, retain_graph: bool
    ) -> None:
        """Set the gradients of one player's parameters, and of no others."""
        optimizer.zero_grad(set_to_none=True)
        self.manual_backward(loss, inputs=list(player.parameters()), retain_graph=retain_graph)
        replicas.average_gradients(player.parameters())

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Log the losses as the finished mechanism would have them, always at the same noise."""
        number = self.trainer.datamodule.validation_batch(batch_idx)  # type: ignore[attr-defined]
        rng = keyed_generator(self.device, self.seed, Purpose.VALID, number)
        drawn = [stage.draw_for(batch.images, rng) for stage in self.stages]
        results = self.stage_losses(batch, drawn, [True] * len(self.stages))
        values = self.values_of("valid", results)
        self.log_dict(values, batch_size=len(batch.images), sync_dist=replicas.count() > 1)

    def values_of(self, split: str, results: list[Losses]) -> dict[str, Tensor]:
        """Return what is worth logging."""
        values: dict[str, Tensor] = {}
        for stage, result in zip(self.stages, results, strict=True):
            of_stage = {
                "loss": result.adversarial + stage.penalty(result.distortion),
                "distortion": result.distortion,
                **result.metrics,
            }
            if result.discriminator is not None:
                of_stage["discriminator_loss"] = result.discriminator
            values |= {f"{split}/{stage.name}/{key}": of.detach() for key, of in of_stage.items()}
        return values

    def privatize(self, images: Tensor, rng: torch.Generator) -> Censored:
        """See Privatizer.privatize."""
        censored = Censored(images, None)
        for stage in self.stages:
            censored = stage.privatize(censored.images, rng)
        return censored

    def figure_rows(self, images: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        """Return the rows of Figure 2: x, then x' and x'' as far as there are such stages."""
        rows = {"x": images}
        incoming = images
        for stage in self.stages:
            rows |= stage.figure_rows(incoming, rng)
            if stage is not self.stages[-1]:
                incoming = rows["x'"]
        return rows
