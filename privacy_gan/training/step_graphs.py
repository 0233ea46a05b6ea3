"""Captures the training steps of a mechanism as graphs, within Lightning's Trainer."""

from __future__ import annotations

import logging
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.profilers import PassThroughProfiler
from pytorch_lightning.strategies import DDPStrategy
from torch import Tensor

from privacy_gan import distributed
from privacy_gan.graphs import CapturedSteps, CUDAGraphs, GraphBackend, Step
from privacy_gan.privatizers.trainable import TrainablePrivatizer, lr_factor, scale_learning_rate

log = logging.getLogger(__name__)

# that Lightning calls within a step, of callbacks or mechanisms
HOOKS = ("on_before_backward", "on_after_backward", "on_before_optimizer_step")
MODULE_HOOKS = (*HOOKS, "backward", "manual_backward", "optimizer_step")


class StepGraphs(Callback):
    """Captures training steps as graphs where that is possible, and says why where it is not.

    Args:
        backend: captures the steps; None for CUDA graphs.
    """

    def __init__(self, backend: GraphBackend | None = None) -> None:
        self.backend = backend

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Replace the mechanism's steps with captured ones."""
        assert isinstance(pl_module, TrainablePrivatizer)
        reason = self.find_obstacle(trainer, pl_module)
        if reason is not None:
            log.warning("trainer.graph=true has no effect: %s", reason)
            return
        captured = CapturedSteps(
            pl_module.update,
            self.backend or CUDAGraphs(pl_module.device),
            trainer.optimizers,
            "training steps",
            [pl_module.rng],
        )
        pl_module.captured = CapturedTrainingSteps(captured, trainer)

    def find_obstacle(self, trainer: Trainer, pl_module: LightningModule) -> str | None:
        """Return why steps cannot be captured, or None if nothing is known that prevents it."""
        if self.backend is None and trainer.strategy.root_device.type != "cuda":
            return "only steps on an NVIDIA GPU can be captured"
        if isinstance(trainer.strategy, DDPStrategy) or distributed.world_size() > 1:
            return "steps of several processes are not captured"
        if not isinstance(trainer.profiler, PassThroughProfiler):  # type: ignore[attr-defined]
            return "a profiler times single operations"
        if torch.is_anomaly_enabled():
            return "torch examines single operations for anomalies"
        if not overrides(pl_module, "prepare_step", TrainablePrivatizer):
            return f"{type(pl_module).__name__} does not implement prepare_step and update"
        for callback in trainer.callbacks:  # type: ignore[attr-defined]
            for hook in HOOKS:
                if overrides(callback, hook, Callback) and not vars(type(callback)).get(
                    "capturable"
                ):
                    return f"{type(callback).__name__}.{hook} would not run at every step"
        for hook in MODULE_HOOKS:
            if overrides(pl_module, hook, LightningModule):
                return f"{type(pl_module).__name__}.{hook} would not run at every step"
        return None

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Free the graphs."""
        self.release(pl_module)

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Free the graphs."""
        self.release(pl_module)

    def release(self, pl_module: LightningModule) -> None:
        """Free the graphs; later steps are eager."""
        assert isinstance(pl_module, TrainablePrivatizer)
        pl_module.captured = None


class CapturedTrainingSteps:
    """Does for captured steps what a replay leaves out, because it calls no optimizer.

    Lightning's global step counts the optimizers' steps. Each step of a kind counts as much as the
    first one, which is eager. The optimizers' learning rates are set to numbers again, because
    checkpoints would contain the memory of a graph.

    Args:
        captured: runs the steps.
        trainer: counts them.
    """

    def __init__(self, captured: CapturedSteps, trainer: Trainer) -> None:
        self.captured = captured
        self.optimizers = trainer.optimizers
        self.progress = trainer.fit_loop.epoch_loop.manual_optimization.optim_step_progress
        self.counts: dict[Any, int] = {}

    @property
    def failed(self) -> bool:
        """Whether the steps cannot be captured."""
        return self.captured.failed

    def __call__(self, step: Step) -> dict[str, Tensor]:
        """Run a step."""
        counters = (self.progress.total, self.progress.current)
        before = [(each.ready, each.completed) for each in counters]
        values = self.captured(step)
        count = self.counts.setdefault(step.kind, counters[0].completed - before[0][1])
        for counter, (ready, completed) in zip(counters, before, strict=True):
            counter.ready, counter.completed = ready + count, completed + count
        for index, optimizer in enumerate(self.optimizers):
            if (factor := step.numbers.get(lr_factor(index))) is not None:
                scale_learning_rate(optimizer, factor)
        return values


def overrides(owner: object, method: str, base: type) -> bool:
    """Return whether an object or its class replaces a method of a base class."""
    return getattr(getattr(owner, method), "__func__", None) is not getattr(base, method)
