"""Captures the training steps of a mechanism as graphs, within Lightning's Trainer."""

from __future__ import annotations

import logging
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.strategies import DDPStrategy
from torch import Tensor

from privacy_gan import distributed
from privacy_gan.graphs import CapturedSteps, CUDAGraphs, GraphBackend, Step, set_learning_rates
from privacy_gan.privatizers.trainable import TrainablePrivatizer, learning_rate

log = logging.getLogger(__name__)

HOOKS_WITHIN_A_STEP = ("on_before_backward", "on_after_backward", "on_before_optimizer_step")


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
        reason = self.find_obstacle(trainer)
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
        pl_module.captured = LightningSteps(captured, trainer)

    def find_obstacle(self, trainer: Trainer) -> str | None:
        """Return why steps cannot be captured, or None if nothing is known that prevents it."""
        if self.backend is None and trainer.strategy.root_device.type != "cuda":
            return "only steps on an NVIDIA GPU can be captured"
        if isinstance(trainer.strategy, DDPStrategy) or distributed.world_size() > 1:
            return "steps of several processes are not captured"
        for callback in trainer.callbacks:  # type: ignore[attr-defined]
            for hook in HOOKS_WITHIN_A_STEP:
                if overrides(callback, hook) and not getattr(callback, "capturable", False):
                    return f"{type(callback).__name__}.{hook} would not run at every step"
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
        """Free the graphs; later steps are ordinary ones."""
        assert isinstance(pl_module, TrainablePrivatizer)
        pl_module.captured = None


class LightningSteps:
    """Does for captured steps what a replay leaves out, because it calls no optimizer.

    Lightning's global step counts the optimizers' steps. Each step of a kind counts as much as the
    first one, which is not a replay. And the optimizers' learning rates are numbers again, not the
    memory of a graph, which would be saved in checkpoints.

    Args:
        captured: takes the steps.
        trainer: counts them.
    """

    def __init__(self, captured: CapturedSteps, trainer: Trainer) -> None:
        self.captured = captured
        self.optimizers = trainer.optimizers
        self.progress = trainer.fit_loop.epoch_loop.manual_optimization.optim_step_progress
        self.counts: dict[Any, int] = {}

    def __call__(self, step: Step) -> dict[str, Tensor]:
        """Take a step."""
        counters = (self.progress.total, self.progress.current)
        before = [(each.ready, each.completed) for each in counters]
        values = self.captured(step)
        count = self.counts.setdefault(step.kind, counters[0].completed - before[0][1])
        for counter, (ready, completed) in zip(counters, before, strict=True):
            counter.ready, counter.completed = ready + count, completed + count
        for index, optimizer in enumerate(self.optimizers):
            if (rate := step.numbers.get(learning_rate(index))) is not None:
                set_learning_rates(optimizer, [rate] * len(optimizer.param_groups))
        return values


def overrides(callback: Callback, hook: str) -> bool:
    """Return whether a callback defines a hook."""
    return getattr(type(callback), hook) is not getattr(Callback, hook)
