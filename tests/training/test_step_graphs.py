"""Training steps that are captured as graphs and replayed do the same as eager steps."""

from dataclasses import replace

import pytest
import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.callbacks import LambdaCallback
from recorded_graphs import RecordedGraphs
from step_runs import MECHANISMS, STEPS, SaveAt, assert_equal, state, train_steps

from privacy_gan import graphs
from privacy_gan.privatizers.adversarial import AdversarialPrivatizer
from privacy_gan.privatizers.game import Game
from privacy_gan.privatizers.trainable import TrainablePrivatizer
from privacy_gan.randomness import Purpose, keyed_generator
from privacy_gan.training.ddp_strategy import UnwrappedDDPStrategy
from privacy_gan.training.step_graphs import StepGraphs
from privacy_gan.training.trainer import ClipGradients


@pytest.fixture(autouse=True)
def _static_sizes(monkeypatch):
    """Compute as on a GPU, where no size depends on values, and capture every kind of step soon."""
    for module in ("models.subspace_filter", "privatizers.filter"):
        monkeypatch.setattr(f"privacy_gan.{module}.has_static_sizes", lambda tensor: True)
    monkeypatch.setattr(graphs, "WARM_UP_STEPS", 1)


# in bfloat16, those with several networks, all losses and both games
IN_BFLOAT16 = ["cross-entropy", "paper", "robust", "phases", "subspace", "codebook", "stargan"]
CASES = [(name, "64-true") for name in MECHANISMS if name != "robust filter"]
CASES += [(name, "bf16-mixed") for name in IN_BFLOAT16]


@pytest.mark.parametrize(("mechanism", "precision"), CASES)
def test_replayed_steps_are_eager_steps(tiny, mechanism, precision):
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


def test_training_resumes_exactly_with_and_without_graphs(tiny, tmp_path):
    """A checkpoint holds nothing of the graphs; a resumed run captures its steps again."""
    path, overrides, precision = tmp_path / "after-13.ckpt", MECHANISMS["robust"], "bf16-mixed"
    expected, _ = train_steps(tiny, overrides, precision, callbacks=[SaveAt(13, path)])
    with_graphs = path.with_name("with-graphs.ckpt")
    save = SaveAt(13, with_graphs)
    train_steps(tiny, overrides, precision, RecordedGraphs(), callbacks=[save])
    rates = [
        group["lr"]
        for saved in torch.load(with_graphs, weights_only=False)["optimizer_states"]
        for group in saved["param_groups"]
    ]
    assert all(isinstance(rate, float) for rate in rates)
    for checkpoint, backend in [
        (path, RecordedGraphs()),
        (with_graphs, RecordedGraphs()),
        (with_graphs, None),
    ]:
        resumed, _ = train_steps(tiny, overrides, precision, backend, checkpoint=checkpoint)
        assert resumed.global_step == expected.global_step
        assert_equal(state(resumed), state(expected))
        assert backend is None or backend.replays


def freeze(monkeypatch, name):
    """Let captured steps read a value where the step that is captured has it."""
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


@pytest.mark.parametrize("name", ["progress", "lr_factor/0", "lr_factor/1"])
def test_a_number_that_a_graph_has_frozen_is_found(tiny, monkeypatch, name):
    """The smoothing of the robust game's loss depends on the progress."""
    freeze(monkeypatch, name)
    backend = RecordedGraphs()
    eager, _ = train_steps(tiny, MECHANISMS["robust filter"], "64-true")
    replayed, _ = train_steps(tiny, MECHANISMS["robust filter"], "64-true", backend)
    assert backend.replays >= STEPS // 2
    with pytest.raises(AssertionError, match="filter"):
        assert_equal(state(replayed), state(eager))


@pytest.mark.parametrize("name", ["images", "sensitive", "filter_noise"])
def test_a_batch_that_a_graph_would_freeze_is_found(tiny, monkeypatch, caplog, name):
    freeze(monkeypatch, name)
    backend = RecordedGraphs()
    train_steps(tiny, MECHANISMS["robust filter"], "64-true", backend)
    assert backend.replays == 0
    assert "reads memory that is only there for this step" in caplog.text


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
def test_steps_that_cannot_be_captured_are_eager_steps(tiny, monkeypatch, caplog, message):
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


class HookingCallback(Callback):
    def on_before_optimizer_step(self, trainer, pl_module, optimizer):
        raise NotImplementedError


class Module(TrainablePrivatizer):
    networks = ()

    def __init__(self):
        LightningModule.__init__(self)

    def forward(self, images, draws):
        raise NotImplementedError


class Divided(Module):
    def prepare_step(self, batch, batch_idx):
        raise NotImplementedError


class Hooking(Divided):
    def on_after_backward(self):
        raise NotImplementedError


class ClipsMore(ClipGradients):
    pass


@pytest.mark.parametrize(
    ("callbacks", "module", "options", "reason"),
    [
        ([ClipGradients(1.0, "norm")], Divided(), {}, None),
        ([], Module(), {}, "Module does not implement prepare_step and update"),
        (
            *([HookingCallback()], Divided(), {}),
            "HookingCallback.on_before_optimizer_step would not run at every step",
        ),
        (
            *([LambdaCallback(on_after_backward=print)], Divided(), {}),
            "LambdaCallback.on_after_backward would not run at every step",
        ),
        (
            *([ClipsMore(1.0, "norm")], Divided(), {}),
            "ClipsMore.on_before_optimizer_step would not run at every step",
        ),
        ([], Hooking(), {}, "Hooking.on_after_backward would not run at every step"),
        ([], Divided(), {"profiler": "simple"}, "a profiler times single operations"),
        (
            *([], Divided(), {"strategy": UnwrappedDDPStrategy()}),
            "steps of several processes are not captured",
        ),
    ],
)
def test_what_is_known_to_prevent_graphs_is_named(callbacks, module, options, reason):
    trainer = Trainer(
        accelerator="cpu", devices=1, logger=False, enable_checkpointing=False, **options
    )
    trainer.callbacks = callbacks
    assert StepGraphs(RecordedGraphs()).find_obstacle(trainer, module) == reason
    assert "only steps on an NVIDIA GPU" in StepGraphs().find_obstacle(trainer, module)
