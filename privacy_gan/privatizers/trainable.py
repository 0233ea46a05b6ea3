"""Base class of mechanisms that are trained: several networks with one optimizer each.

Each network minimizes its own loss. This class provides random draws, gradients and learning rates
for all such mechanisms, so that training resumes exactly and gives the same result on any number of
processes.
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
from privacy_gan.graphs import Step, set_learning_rates
from privacy_gan.privatizers.base import Draws, FitsLabels, Privatizer
from privacy_gan.randomness import Purpose, keyed_generator, keyed_seed


class TrainablePrivatizer(LightningModule, Privatizer):
    """A mechanism whose networks are trained with manual optimization.

    A training step has three parts: the host prepares it, ``update`` launches all kernels, and the
    host finishes it. The middle one can be captured as a CUDA graph.

    Args:
        attribute_index: column of the sensitive attribute among the batch's attributes.
        seed: seed of all noise and synthetic attributes in training.
        optimizer: returns an optimizer for a list of parameters; called once for each network.
        decay: share of the training, at its end, over which all learning rates fall linearly; 0
            keeps them constant, as in the paper. Decay lets networks that oscillate around each
            other converge.

    Attributes:
        logged: scalars of the last training step, including the losses; they should be finite.
        captured: runs steps in place of ``update``, where these are captured as CUDA graphs.

    Raises:
        UserError: the decay is not in [0, 1].
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
            raise UserError(f"privatizer.decay={decay} is out of range: set it between 0 and 1")
        self.automatic_optimization = False
        self.attribute_index = attribute_index
        self.seed = seed
        self.make_optimizer = optimizer
        self.decay = decay
        self.logged: dict[str, Tensor] = {}
        self.captured: Callable[[Step], dict[str, Tensor]] | None = None
        self._rng: torch.Generator | None = None

    @property
    @abstractmethod
    def networks(self) -> list[nn.Module]:
        """The trained networks, in the order of their optimizers."""

    def setup(self, stage: str) -> None:
        """Fit what depends on the frequencies of s to the training labels."""
        fitted = [each for each in self.modules() if isinstance(each, FitsLabels)]
        if needing := [each for each in fitted if each.needs_labels]:
            labels = self.trainer.datamodule.labels("train")  # type: ignore[attr-defined]
            for module in needing:
                module.fit_labels(labels[:, self.attribute_index])

    @property
    def budgets(self) -> dict[str, float]:
        """Distortion budgets in the current epoch, by the prefix of a network's metrics."""
        return {}

    @property
    def stride(self) -> int:
        """Every stride-th image of a batch is used in the current epoch."""
        return 1

    @property
    def freezes(self) -> bool:
        """Whether a network has been trained to its end when the current epoch ends."""
        return False

    def configure_optimizers(self) -> list[Optimizer]:
        """Return one optimizer for each network."""
        return [self.make_optimizer(network.parameters()) for network in self.networks]

    def prepare_step(self, batch: Batch, batch_idx: int) -> Step:
        """Return a training step: everything random is drawn, everything variable is decided.

        A mechanism that implements this and ``update`` can be captured; one that implements
        ``training_step`` instead cannot.
        """
        raise NotImplementedError

    def update(self, step: Step) -> dict[str, Tensor]:
        """Update the networks that learn in a step, and return the scalars to log by name.

        This may be captured as a CUDA graph. It launches the same kernels for all steps of a kind,
        and does not wait for any of them.
        """
        raise NotImplementedError

    def finish_step(self, step: Step) -> None:
        """Do what follows ``update`` and cannot be captured; by default, nothing."""
        del step

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        """Run a training step and log its scalars."""
        step = self.prepare_step(batch, batch_idx)
        values = self.update(step) if self.captured is None else self.captured(step)
        self.finish_step(step)
        self.log_training(values)

    def sensitive(self, batch: Batch) -> Tensor:
        """Return the batch's sensitive attribute s, [B]."""
        return batch.attributes[:, self.attribute_index]

    def training_rng(self, batch_idx: int) -> torch.Generator:
        """Return the generator for a training step's draws, the same in every process.

        It is always the same one, seeded for the step: a graph draws from the generator that it was
        captured with.
        """
        key = (Purpose.TRAIN, self.current_epoch, batch_idx)
        return self.rng.manual_seed(keyed_seed(self.seed, *key))

    @property
    def rng(self) -> torch.Generator:
        """The generator of all training steps, on the mechanism's device."""
        if self._rng is None or self._rng.device.type != self.device.type:
            self._rng = torch.Generator(self.device)
        return self._rng

    def validation_rng(self, batch_idx: int) -> torch.Generator:
        """Return the generator for a validation batch's draws, the same in every epoch."""
        number = self.trainer.datamodule.validation_batch(batch_idx)  # type: ignore[attr-defined]
        return keyed_generator(self.device, self.seed, Purpose.VALID, number)

    def draw_local(self, images: Tensor, rng: torch.Generator) -> Draws:
        """Draw for the batch of all processes, and return the rows of this process's images."""
        shape = images.shape[1:]
        whole = images[:1].expand(len(images) * distributed.world_size(), *shape)
        return {name: distributed.local_shard(rows) for name, rows in self.draw(whole, rng).items()}

    def compute_gradients(
        self, optimizer: Any, loss: Tensor, network: nn.Module, retain_graph: bool = False
    ) -> None:
        """Compute the gradients of one network's parameters, averaged over all processes."""
        optimizer.zero_grad(set_to_none=True)
        self.manual_backward(loss, inputs=list(network.parameters()), retain_graph=retain_graph)
        distributed.average_gradients(network.parameters())

    def step_optimizer(self, optimizer: Any, factor: float | Tensor) -> None:
        """Update a network's parameters, at ``factor`` times the optimizer's learning rate."""
        scale_learning_rate(optimizer, factor)
        optimizer.step()

    def learning_rate_factor(self, progress: float, final_rate: float = 0.0) -> float:
        """Return the factor of the learning rate at a step, in (0, 1].

        Args:
            progress: share of the network's training that is over, in [0, 1).
            final_rate: share of the learning rate that ``decay`` ends at.
        """
        if not self.decay:
            return 1.0
        left = min(1.0, (1 - progress) / self.decay)
        return final_rate + (1 - final_rate) * left

    def training_progress(self, batch_idx: int) -> float:
        """Return the share of the training that is over before a step, in [0, 1)."""
        return self.epochs_before(batch_idx) / self.max_epochs

    def epochs_before(self, batch_idx: int) -> float:
        """Return the number of epochs since the start of the training, including parts of one."""
        return self.current_epoch + batch_idx / self.trainer.num_training_batches

    @property
    def max_epochs(self) -> int:
        """Number of epochs of the training."""
        assert self.trainer.max_epochs is not None
        return self.trainer.max_epochs

    def update_bn(self, batches: Callable[[], Iterable[Tensor]]) -> None:
        """Recompute batch norm statistics before validation and at the end; by default, do nothing.

        Args:
            batches: iterates over this process's part of some training images, [B, 3, H, W] in
                [0, 1] each, the same ones at every call.
        """
        del batches

    def log_training(self, values: dict[str, Tensor]) -> None:
        """Log a step's values, averaged over all processes, as train/..."""
        prefixed = {f"train/{name}": value.detach() for name, value in values.items()}
        self.logged = distributed.all_reduce_means(prefixed)
        if self.logs_this_step:
            self.log_dict(self.logged)

    @property
    def logs_this_step(self) -> bool:
        """Whether Lightning writes this step's values; logging can take longer than the step."""
        every = self.trainer.log_every_n_steps  # type: ignore[attr-defined]
        number = self.trainer.fit_loop.epoch_loop.total_batch_idx + 1
        is_last = self.trainer.is_last_batch or self.trainer.should_stop
        return is_last or (every > 0 and number % every == 0)

    def log_validation(self, values: dict[str, Tensor], batch_size: int) -> None:
        """Log a batch's values, which are averaged over the validation split, as valid/..."""
        prefixed = {f"valid/{name}": value.detach() for name, value in values.items()}
        sync_dist = distributed.world_size() > 1
        self.log_dict(prefixed, batch_size=batch_size, sync_dist=sync_dist)


def scale_learning_rate(optimizer: Any, factor: float | Tensor) -> None:
    """Set the learning rate to ``factor`` times the one that the optimizer was created with."""
    rate = factor * optimizer.defaults["lr"]
    set_learning_rates(optimizer, [rate] * len(optimizer.param_groups))


def lr_factor(index: int) -> str:
    """Return the name, among a step's numbers, of the factor of an optimizer's learning rate."""
    return f"lr_factor/{index}"
