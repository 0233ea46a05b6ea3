"""Training steps that are captured as graphs and replayed take the same steps as ordinary ones."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from presets import SUBSPACE
from pytorch_lightning import Callback, Trainer
from recorded_graphs import RecordedGraphs

from privacy_gan import graphs
from privacy_gan.commands.run_setup import build_privatizer, prepare_run
from privacy_gan.privatizers.adversarial import AdversarialPrivatizer
from privacy_gan.privatizers.game import Game
from privacy_gan.privatizers.trainable import TrainablePrivatizer
from privacy_gan.randomness import Purpose, keyed_generator
from privacy_gan.training.ddp_strategy import UnwrappedDDPStrategy
from privacy_gan.training.gradient_free import fit_parts
from privacy_gan.training.step_graphs import StepGraphs
from privacy_gan.training.trainer import ClipGradients

STEPS = 20
CPU = torch.device("cpu")


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
        if 10 * trainer.current_epoch + trainer.fit_loop.batch_idx + 1 == self.steps:
            trainer.save_checkpoint(self.path)


def train_steps(tiny, overrides, precision, backend=None, checkpoint=None, callbacks=()):
    """Train, ten steps in an epoch; return the trainer and the scalars of every step.

    Args:
        tiny: composes configurations.
        overrides: of the configuration.
        precision: Lightning's name of it.
        backend: captures the steps; None for ordinary steps.
        checkpoint: to resume from.
        callbacks: further ones.
    """
    config = tiny("data.num_train=80", "judge=quick", *overrides)
    setup = prepare_run(config)
    setup.datamodule.setup()
    privatizer = build_privatizer(setup)
    fit_parts(privatizer, setup.datamodule, setup.column, CPU)
    if precision == "64-true":
        to_batch = setup.datamodule.on_after_batch_transfer
        setup.datamodule.on_after_batch_transfer = lambda *batch: to_double(to_batch(*batch))
    recorder = Recorder()
    trainer = Trainer(
        accelerator="cpu",
        precision=precision,
        max_epochs=2,
        callbacks=[recorder, *callbacks, *([] if backend is None else [StepGraphs(backend)])],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
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


def assert_equal(one, other):
    assert one.keys() == other.keys()
    for name, value in one.items():
        assert torch.equal(value.double(), other[name].double()), name


@pytest.fixture(autouse=True)
def _static_sizes(monkeypatch):
    """Compute as on a GPU, where no size depends on values, and capture every kind of step soon."""
    for module in ("models.subspace_filter", "privatizers.filter"):
        monkeypatch.setattr(f"privacy_gan.{module}.has_static_sizes", lambda tensor: True)
    monkeypatch.setattr(graphs, "WARM_UP_STEPS", 1)


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


@pytest.mark.parametrize("precision", ["64-true", "bf16-mixed"])
@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_replayed_steps_are_ordinary_steps(tiny, mechanism, precision):
    overrides = MECHANISMS[mechanism]
    backend = RecordedGraphs()
    eager, expected = train_steps(tiny, overrides, precision)
    replayed, found = train_steps(tiny, overrides, precision, backend)
    assert len(found.copies) == STEPS
    assert backend.replays >= STEPS // 2
    assert replayed.global_step == eager.global_step
    assert_equal(state(replayed), state(eager))
    for one, other in zip(found.copies, expected.copies, strict=True):
        assert_equal(one, other)
    for copy, logged in zip(found.copies, found.logged, strict=True):
        assert_equal(logged, copy)  # no later step has changed them


@pytest.mark.parametrize(
    ("before", "after"),
    [(None, RecordedGraphs), (RecordedGraphs, None), (RecordedGraphs, RecordedGraphs)],
)
def test_training_resumes_exactly_with_and_without_graphs(tiny, tmp_path, before, after):
    """A checkpoint holds nothing of the graphs; those of a resumed run are captured anew."""
    overrides, precision = MECHANISMS["robust"], "bf16-mixed"
    backends = [None if each is None else each() for each in (before, after)]
    path = tmp_path / "interrupted.ckpt"
    train_steps(tiny, overrides, precision, backends[0], callbacks=[SaveAt(13, path)])
    rates = [
        group["lr"]
        for saved in torch.load(path, weights_only=False)["optimizer_states"]
        for group in saved["param_groups"]
    ]
    assert all(isinstance(rate, float) for rate in rates)
    resumed, _ = train_steps(tiny, overrides, precision, backends[1], checkpoint=path)
    expected, _ = train_steps(tiny, overrides, precision)
    assert resumed.global_step == expected.global_step
    assert_equal(state(resumed), state(expected))
    assert all(each is None or each.replays for each in backends)


FROZEN = ["progress", "learning_rate/0", "learning_rate/1", "images", "sensitive", "filter_noise"]


@pytest.mark.parametrize("name", FROZEN)
def test_a_value_that_a_graph_has_frozen_is_found(tiny, monkeypatch, name):
    """The smoothing of the robust game's loss depends on the progress."""
    prepare_step, update = AdversarialPrivatizer.prepare_step, AdversarialPrivatizer.update

    def prepare(self, batch, batch_idx):
        self.prepared = prepare_step(self, batch, batch_idx)
        return self.prepared

    def update_with_frozen_value(self, step):
        tensors, numbers = dict(step.tensors), dict(step.numbers)
        if name in tensors:
            tensors[name] = self.prepared.tensors[name]
        else:
            numbers[name] = torch.full((), self.prepared.numbers[name], dtype=torch.float64)
        return update(self, replace(step, tensors=tensors, numbers=numbers))

    monkeypatch.setattr(AdversarialPrivatizer, "prepare_step", prepare)
    monkeypatch.setattr(AdversarialPrivatizer, "update", update_with_frozen_value)
    backend = RecordedGraphs()
    eager, _ = train_steps(tiny, MECHANISMS["robust filter"], "64-true")
    replayed, _ = train_steps(tiny, MECHANISMS["robust filter"], "64-true", backend)
    assert backend.replays >= STEPS // 2
    with pytest.raises(AssertionError, match="filter"):
        assert_equal(state(replayed), state(eager))


def test_a_scalar_that_later_steps_change_is_found(tiny, monkeypatch):
    monkeypatch.setattr(
        graphs._Kind, "read", lambda kind: dict(zip(kind._names, kind.result, strict=True))
    )
    _, recorder = train_steps(tiny, MECHANISMS["filter"], "64-true", RecordedGraphs())
    with pytest.raises(AssertionError, match="filter/loss"):
        assert_equal(recorder.logged[-2], recorder.copies[-2])


def new_generator(self, batch_idx):
    return keyed_generator("cpu", self.seed, Purpose.TRAIN, self.current_epoch, batch_idx)


def read_a_value(self, distortion):
    if distortion < 1:
        self.constraint.update(distortion)


def copy_from_the_host(self, distortion):
    self.constraint.update(distortion + torch.tensor(0.0))


OBSTACLES = {
    "a generator that is not registered": (TrainablePrivatizer, "training_rng", new_generator),
    "it reads a value": (Game, "after_step", read_a_value),
    "it copies from the host": (Game, "after_step", copy_from_the_host),
}


@pytest.mark.parametrize("message", OBSTACLES)
def test_steps_that_cannot_be_captured_are_ordinary_steps(tiny, monkeypatch, caplog, message):
    overrides = MECHANISMS["subspace"]
    monkeypatch.setattr(*OBSTACLES[message])
    backend = RecordedGraphs()
    eager, expected = train_steps(tiny, overrides, "64-true")
    fallen_back, found = train_steps(tiny, overrides, "64-true", backend)
    assert backend.replays == 0
    (warning,) = [each for each in caplog.messages if "cannot be captured" in each]
    assert message in warning
    assert fallen_back.global_step == eager.global_step
    assert_equal(state(fallen_back), state(eager))
    for one, other in zip(found.copies, expected.copies, strict=True):
        assert_equal(one, other)


class HooksIntoSteps(Callback):
    def on_before_optimizer_step(self, trainer, pl_module, optimizer):
        raise NotImplementedError


@pytest.mark.parametrize(
    ("callbacks", "strategy", "reason"),
    [
        ([StepGraphs()], "auto", "only steps on an NVIDIA GPU can be captured"),
        (
            [StepGraphs(RecordedGraphs()), HooksIntoSteps()],
            "auto",
            "HooksIntoSteps.on_before_optimizer_step would not run at every step",
        ),
        (
            [StepGraphs(RecordedGraphs())],
            UnwrappedDDPStrategy(),
            "steps of several processes are not captured",
        ),
        ([StepGraphs(RecordedGraphs()), ClipGradients(1.0, "norm")], "auto", None),
    ],
)
def test_what_is_known_to_prevent_graphs_is_named(callbacks, strategy, reason):
    trainer = Trainer(accelerator="cpu", devices=1, strategy=strategy, logger=False)
    assert (
        callbacks[0].find_obstacle(SimpleNamespace(strategy=trainer.strategy, callbacks=callbacks))
        == reason
    )
