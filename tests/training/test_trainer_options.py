"""Options of Lightning's Trainer: supported ones work, others fail with one line."""

import csv
import inspect
import json

import pytest
import torch
from commands import error_line, run_train
from pytorch_lightning import Callback, Trainer
from pytorch_lightning.loggers import Logger

from privacy_gan.commands.train import train
from privacy_gan.config.checks import TRAINER_OPTIONS

UNSUPPORTED = {
    "+trainer.accumulate_grad_batches=2": "data.batch_size=N",
    "+trainer.overfit_batches=2": "+trainer.limit_train_batches=N",
    "+trainer.fast_dev_run=true": "for a short run use trainer.max_epochs=1",
    "+trainer.barebones=true": "remove it",
    "+trainer.enable_checkpointing=false": "last.ckpt",
    "trainer.use_distributed_sampler=true": "leave it false",
    "+trainer.limit_train_batches=0": "1 or more",
    "+trainer.limit_train_batches=0.0": "1 or more",
    "+trainer.limit_val_batches=0": "1 or more",
    "+trainer.limit_test_batches=2": "remove it",
    "+trainer.max_steps=0": "must be 1 or more",
    "+trainer.gradient_clip_val=-1": "must be a number above 0",
    "+trainer.gradient_clip_algorithm=sum": "choose norm or value",
    "+trainer.gradient_clp_val=1": "did you mean trainer.gradient_clip_val?",
    "trainer.precision=16-true": "choose auto, 32-true or bf16-mixed",
    "trainer.precision=bf16-true": "choose auto, 32-true or bf16-mixed",
    "trainer.precision=16-mixed": "choose auto, 32-true or bf16-mixed",
    "+trainer.callbacks=[{_target_:builtins.dict}]": "is not a Callback of Lightning's",
    "data.batch_size=1": "batch norm needs at least two images",
}


class Counting(Callback):
    """Records the epoch of each step, and optionally ends training after an epoch."""

    epochs: list[int] = []  # noqa: RUF012 - shared with the test

    def __init__(self, stop=False):
        self.stop = stop

    def on_train_batch_end(self, trainer, *step):
        self.epochs.append(trainer.current_epoch)

    def on_train_epoch_end(self, trainer, pl_module):
        trainer.should_stop = self.stop


class RecordingLogger(Logger):
    """Records the steps that were logged."""

    steps: list[int] = []  # noqa: RUF012 - shared with the test
    name, version = "recording", ""

    def log_hyperparams(self, *args, **more):
        pass

    def log_metrics(self, metrics, step):
        self.steps.append(step)


def test_every_option_of_lightnings_trainer_is_known():
    assert set(inspect.signature(Trainer).parameters) <= TRAINER_OPTIONS


@pytest.mark.parametrize("override", UNSUPPORTED)
def test_unsupported_trainer_options_fail_with_one_line_before_training(override, tmp_path):
    assert UNSUPPORTED[override] in error_line(run_train(tmp_path, override))
    assert not list(tmp_path.rglob("config.yaml"))


def test_callbacks_and_loggers_of_the_user_are_added(tiny):
    Counting.epochs, RecordingLogger.steps = [], []
    target = "{_target_:test_trainer_options.%s}"
    folder, _ = train(
        tiny(
            f"+trainer.callbacks=[{target % 'Counting'}]",
            f"+trainer.logger={target % 'RecordingLogger'}",
        )
    )
    assert Counting.epochs == [0, 0, 0, 0, 1, 1, 1, 1]
    with folder.metrics.open() as file:
        steps = [int(row["step"]) for row in csv.DictReader(file)]
    assert set(RecordingLogger.steps) == set(steps) != set()


def test_result_records_that_a_callback_ended_training_early(tiny):
    target = "{_target_:test_trainer_options.Counting,stop:true}"
    folder, result = train(tiny(f"+trainer.callbacks=[{target}]", "+trainer.logger=false"))
    assert result.training["ended_after_epochs"] == 1
    assert json.loads(folder.result_file.read_text())["training"]["ended_after_epochs"] == 1
    assert not folder.metrics.exists()


def test_the_last_epoch_is_validated_however_rarely_epochs_are(tiny, tmp_path):
    every = train(tiny("trainer.max_epochs=3", "privatizer=filter", "seed=4"))[1]
    rarely = tiny(
        *("trainer.max_epochs=3", "privatizer=filter", "seed=4"),
        *("+trainer.check_val_every_n_epoch=2", f"output_dir={tmp_path / 'rarely'}"),
    )
    assert train(rarely)[1].training == every.training


@pytest.mark.parametrize("privatizer", ["filter_generator", "stargan"])
def test_each_networks_gradients_are_clipped_before_its_step(privatizer, tiny):
    """With SGD at rate 1, the length of the first step is the clipped norm of the gradients."""
    before, after = [], []

    class Steps(Callback):
        def on_train_start(self, trainer, pl_module):
            before.extend(flat(network) for network in pl_module.networks)

        def on_train_batch_end(self, trainer, pl_module, *step):
            after.extend(flat(network) for network in pl_module.networks)
            trainer.should_stop = True

    globals()["Steps"] = Steps
    train(
        tiny(
            f"privatizer={privatizer}",
            "privatizer.optimizer._target_=test_trainer_options.sgd",
            "+trainer.gradient_clip_val=0.001",
            "+trainer.callbacks=[{_target_:test_trainer_options.Steps}]",
            "+trainer.limit_train_batches=1",
            "trainer.max_epochs=1",
        )
    )
    lengths = [float((b - a).norm()) for a, b in zip(before, after, strict=True)]
    assert lengths == pytest.approx([0.001] * len(lengths), rel=0.02)


def sgd(parameters, **options):
    return torch.optim.SGD(parameters, lr=1.0)


def flat(network):
    return torch.cat([p.detach().double().flatten().clone() for p in network.parameters()])
