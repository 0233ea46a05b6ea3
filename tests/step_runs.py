"""Short trainings by each mechanism, with and without graphs, whose every step is compared."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import torch
from presets import SUBSPACE
from pytorch_lightning import Callback, Trainer

from privacy_gan.commands.run_setup import build_privatizer, prepare_run
from privacy_gan.training.gradient_free import fit_parts
from privacy_gan.training.step_graphs import StepGraphs

MECHANISMS = {
    "filter": ["privatizer=filter", "loss=entropy"],
    "cross-entropy": ["privatizer=filter", "loss=cross_entropy"],
    "generator": ["privatizer=generator"],
    "paper": [],
    "robust": ["game=robust"],
    "robust filter": ["privatizer=filter", "game=robust"],
    "phases": ["game=robust", "game.generator_after=0.5", "game.generator_stride=2"],
    "subspace": [
        *SUBSPACE,
        "privatizer=filter",
        "game=robust",
        "game.snapshots=2",
        "game.mirrored=true",
    ],
    "codebook": [
        "privatizer=codebook_generator",
        "privatizer.filter.codewords=2",
        "privatizer.filter.principal_components=8",
        "privatizer.filter.width=8",
    ],
    "stargan": ["privatizer=stargan", "privatizer.width=4", "privatizer.residual_blocks=1"],
}


STEPS = 20


@dataclass
class Recorder(Callback):
    """Keeps the scalars of every step, as they were after the step and as they are at the end."""

    copies: list = field(default_factory=list)
    logged: list = field(default_factory=list)

    def on_train_batch_end(self, trainer, pl_module, *step):
        self.copies.append({name: value.clone() for name, value in pl_module.logged.items()})
        self.logged.append(pl_module.logged)


@dataclass
class SaveAt(Callback):
    """Saves a checkpoint after a number of steps."""

    steps: int
    path: Path

    def on_train_batch_end(self, trainer, pl_module, *step):
        done = trainer.current_epoch * trainer.num_training_batches + trainer.fit_loop.batch_idx + 1
        if done == self.steps:
            trainer.save_checkpoint(self.path)


def train_steps(
    tiny, overrides, precision, backend=None, checkpoint=None, callbacks=(), accelerator="cpu"
):
    """Train, ten steps in an epoch; return the trainer and the scalars of every step.

    Args:
        tiny: composes configurations.
        overrides: of the configuration.
        precision: Lightning's name of it.
        backend: captures the steps; None for eager steps.
        checkpoint: to resume from.
        callbacks: further ones.
        accelerator: Lightning's name of it.
    """
    config = tiny("data.num_train=80", "judge=quick", *overrides)
    setup = prepare_run(config)
    setup.datamodule.setup()
    privatizer = build_privatizer(setup)
    fit_parts(privatizer, setup.datamodule, setup.column, torch.device("cpu"))
    if precision == "64-true":
        privatizer.double()  # before Lightning loads a checkpoint
        to_batch = setup.datamodule.on_after_batch_transfer
        setup.datamodule.on_after_batch_transfer = lambda *batch: to_double(to_batch(*batch))
    recorder = Recorder()
    trainer = Trainer(
        accelerator=accelerator,
        devices=1,
        precision=precision,
        max_epochs=2,
        callbacks=[recorder, *callbacks, *([] if backend is None else [StepGraphs(backend)])],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        limit_val_batches=0,
    )
    trainer.fit(privatizer, datamodule=setup.datamodule, ckpt_path=checkpoint)
    return trainer, recorder


def to_double(batch):
    return batch._replace(images=batch.images.double())


def state(trainer):
    """Return weights, buffers and optimizer states by name."""
    found = dict(trainer.lightning_module.state_dict())
    for number, optimizer in enumerate(trainer.optimizers):
        for index, entries in optimizer.state_dict()["state"].items():
            found |= {f"optimizer {number}/{index}/{key}": value for key, value in entries.items()}
    return found


def assert_equal(one, other, tolerance=0.0):
    """Compare tensors by name, up to an absolute difference."""
    assert one.keys() == other.keys()
    for name, value in one.items():
        found, expected = value.double().cpu(), other[name].double().cpu()
        assert torch.allclose(found, expected, rtol=0, atol=tolerance), name
