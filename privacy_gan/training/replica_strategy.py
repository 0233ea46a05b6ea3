"""Lightning's DDP without its reducer: modules average the gradients that they take."""

from __future__ import annotations

from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.plugins import LayerSync
from pytorch_lightning.strategies import DDPStrategy
from torch import nn

from privacy_gan import replicas
from privacy_gan.models.batch_norm import localize_batch_norms, replicate_batch_norms


class ReplicaStrategy(DDPStrategy):
    """A process for each device, each with the whole model.

    DistributedDataParallel expects one backward pass through all parameters a step, where players
    of a game take gradients of their own parameters only; looking for unused ones, as it would
    have to, costs time at every step. Here gradients are averaged where they are taken, by
    ``replicas.average_gradients``. Initial weights agree because they are a function of the seed.
    """

    def configure_ddp(self) -> None:
        """Wrap nothing."""


class ReplicatedBatchNorms(LayerSync):
    """Batch norm over all processes' images, on the CPU."""

    def apply(self, model: nn.Module) -> nn.Module:
        """Replace all batch norms."""
        replicate_batch_norms(model)
        return model

    def revert(self, model: nn.Module) -> nn.Module:
        """Put them back."""
        localize_batch_norms(model)
        return model


class SharedBuffers(Callback):
    """Gives all processes the first one's running moments before they validate.

    They differ where batch norm sees each process's images alone; what is saved is the first's.
    """

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Share them."""
        replicas.share_buffers(pl_module)
