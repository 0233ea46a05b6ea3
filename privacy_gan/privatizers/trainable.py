"""What mechanisms that learn have in common: players that take turns, under Lightning.

A player is a network with an optimizer of its own, which minimises a loss of its own. Draws,
gradients and learning rates are solved here once, so that all such mechanisms resume exactly, and
come out the same however many processes share their batches.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable
from typing import Any

import torch
from pytorch_lightning import LightningModule
from torch import Tensor, nn
from torch.optim import Optimizer

from privacy_gan import distributed
from privacy_gan.data.batch import Batch
from privacy_gan.errors import UserError
from privacy_gan.privatizers.base import EMPIRICAL, Draws, Privatizer, SyntheticAttribute
from privacy_gan.randomness import Purpose, keyed_generator


class TrainablePrivatizer(LightningModule, Privatizer):
    """A mechanism whose players are trained by manual optimization.

    Args:
        attribute_index: column of the sensitive attribute among the batch's attributes.
        seed: of all noise and synthetic attributes in training.
        optimizer: makes the optimizer of a list of parameters; called once for each player.
        decay: share of the training, at its end, in which the learning rates fall evenly to 0; 0
            keeps them, as the paper does. Players that circle each other come to rest so.

    Attributes:
        logged: scalars of the last training step, its losses among them; all are to be finite.

    Raises:
        UserError: the decay is not a share.
    """

    def __init__(
        self,
        attribute_index: int,
        seed: int,
        optimizer: Callable[[Iterable[nn.Parameter]], Optimizer],
        decay: float = 0.0,
    ) -> None:
        super().__init__()
        if not 0 <= decay <= 1:
            raise UserError(f"privatizer.decay={decay} is not a share: set it between 0 and 1")
        self.automatic_optimization = False
        self.attribute_index = attribute_index
        self.seed = seed
        self.make_optimizer = optimizer
        self.decay = decay
        self.logged: dict[str, Tensor] = {}

    @property
    @abstractmethod
    def networks(self) -> list[nn.Module]:
        """The networks that learn, in the order of their optimizers."""

    def setup(self, stage: str) -> None:
        """Let empirical synthetic attributes know how frequent the sensitive one's values are."""
        for module in self.modules():
            if isinstance(module, SyntheticAttribute) and module.distribution == EMPIRICAL:
                labels = self.trainer.datamodule.labels("train")  # type: ignore[attr-defined]
                module.learn(labels[:, self.attribute_index])

    def configure_optimizers(self) -> list[Optimizer]:
        """Return an optimizer for each player."""
        return [self.make_optimizer(player.parameters()) for player in self.networks]

    def sensitive(self, batch: Batch) -> Tensor:
        """Return a batch's sensitive attribute s, [B]."""
        return batch.attributes[:, self.attribute_index]

    def training_rng(self, batch_idx: int) -> torch.Generator:
        """Return the generator of all that a training step draws, the same in every process."""
        key = (Purpose.TRAIN, self.current_epoch, batch_idx)
        return keyed_generator(self.device, self.seed, *key)

    def validation_rng(self, batch_idx: int) -> torch.Generator:
        """Return the generator of a validation batch's draws, the same after every epoch."""
        number = self.trainer.datamodule.validation_batch(batch_idx)  # type: ignore[attr-defined]
        return keyed_generator(self.device, self.seed, Purpose.VALID, number)

    def draw_local(self, images: Tensor, rng: torch.Generator) -> Draws:
        """Draw for the batch that all processes share, and return what belongs to these images."""
        shape = images.shape[1:]
        whole = images[:1].expand(len(images) * distributed.world_size(), *shape)
        return {name: distributed.local_shard(rows) for name, rows in self.draw(whole, rng).items()}

    def compute_gradients(
        self, optimizer: Any, loss: Tensor, player: nn.Module, retain_graph: bool = False
    ) -> None:
        """Set the gradients of one player's parameters, and of no others."""
        optimizer.zero_grad(set_to_none=True)
        self.manual_backward(loss, inputs=list(player.parameters()), retain_graph=retain_graph)
        distributed.average_gradients(player.parameters())

    def step_optimizer(self, optimizer: Any, batch_idx: int, share: float = 1.0) -> None:
        """Update a player's parameters, at a share of what is left of the learning rate."""
        factor = share * self.learning_rate_factor(batch_idx)
        for group in optimizer.param_groups:
            group["lr"] = factor * optimizer.defaults["lr"]
        optimizer.step()

    def learning_rate_factor(self, batch_idx: int) -> float:
        """Return what of the learning rate is left, in (0, 1]; a function of the step alone."""
        return min(1.0, (1 - self.training_progress(batch_idx)) / self.decay) if self.decay else 1.0

    def training_progress(self, batch_idx: int) -> float:
        """Return the share of the training that is over before a step, in [0, 1)."""
        assert self.trainer.max_epochs is not None
        epochs = self.current_epoch + batch_idx / self.trainer.num_training_batches
        return epochs / self.trainer.max_epochs

    def update_bn(self, batches: Callable[[], Iterable[Tensor]]) -> None:
        """Get ready to be validated or to be over; nothing, unless a mechanism says otherwise.

        Args:
            batches: makes a pass over this process's part of some training images, [B, 3, H, W]
                in [0, 1] each, always the same ones.
        """
        del batches

    def log_training(self, values: dict[str, Tensor]) -> None:
        """Log a step's values, means over all processes, as train/..."""
        named = {f"train/{name}": value.detach() for name, value in values.items()}
        self.logged = distributed.all_reduce_means(named)
        self.log_dict(self.logged)

    def log_validation(self, values: dict[str, Tensor], batch_size: int) -> None:
        """Log a batch's values, to be averaged over the validation split, as valid/..."""
        named = {f"valid/{name}": value.detach() for name, value in values.items()}
        self.log_dict(named, batch_size=batch_size, sync_dist=distributed.world_size() > 1)
