"""Several processes that train one model do together what one does."""

import csv
import json
import signal
import subprocess
import time

import pytest
import torch
from processes import all_gone, marked
from tiny_runs import JUDGED, run_train, train_command

TWO = "trainer=ddp_cpu"
# Adam would blow rounding errors up where a gradient is nearly zero, and a fresh network does, too:
# hence no Adam, and float64.
ONE_STEP = [
    "privatizer.optimizer._target_=torch.optim.SGD",
    "~privatizer.optimizer.betas",
    "privatizer.optimizer.lr=0.1",
    "+trainer.limit_train_batches=1",
    "trainer.max_epochs=1",
    "epsilon=1e-4",  # all are over budget, so that the penalty counts
]
EXACT = """
import torch
from privacy_gan.privatizers.adversarial import AdversarialPrivatizer
from privacy_gan.privatizers.stargan import StarGAN

torch.set_default_dtype(torch.float64)

class Exact:
    def training_step(self, batch, batch_idx):
        super().training_step(batch._replace(images=batch.images.double()), batch_idx)

    def validation_step(self, batch, batch_idx):
        super().validation_step(batch._replace(images=batch.images.double()), batch_idx)

    def figure_rows(self, images, rng):
        return super().figure_rows(images.double(), rng)

class filter_generator(Exact, AdversarialPrivatizer):
    pass

class stargan(Exact, StarGAN):
    pass
"""


def run(folder, *overrides):
    process = run_train(folder, *overrides)
    assert process.returncode == 0, process.stderr
    return process


def weights(folder):
    (checkpoint,) = folder.rglob("last.ckpt")
    return torch.load(checkpoint, weights_only=True)["state_dict"]


def logged(folder):
    (file,) = folder.rglob("metrics.csv")
    with file.open(newline="") as opened:
        rows = list(csv.DictReader(opened))
    return {
        (row["step"], name): float(value)
        for row in rows
        for name, value in row.items()
        if value and name not in ("step", "train/images_per_second")
    }


@pytest.mark.parametrize("privatizer", ["filter_generator", "stargan"])
def test_a_step_of_two_processes_is_the_step_of_one_with_all_their_images(
    tmp_path, monkeypatch, privatizer
):
    (tmp_path / "exact.py").write_text(EXACT)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    exact = [f"privatizer._target_=exact.{privatizer}", "trainer.precision=64-true"]
    step = [f"privatizer={privatizer}", *exact, *ONE_STEP]
    run(tmp_path / "one", *step)
    run(tmp_path / "two", TWO, *step)
    one, two = weights(tmp_path / "one"), weights(tmp_path / "two")
    for name, value in one.items():
        torch.testing.assert_close(two[name], value, rtol=1e-9, atol=1e-9, msg=name)
    # the averages of what was logged are those of all images, too; validation is shared out
    ours, theirs = logged(tmp_path / "two"), logged(tmp_path / "one")
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        assert ours[name] == pytest.approx(value, rel=1e-5), name


def test_batch_norm_by_process_is_another_run_that_no_other_number_of_them_goes_on_with(tmp_path):
    alone = "trainer.sync_batchnorm=false"
    run(tmp_path / "two", TWO, alone, *ONE_STEP)
    run(tmp_path / "one", *ONE_STEP)
    one, two = weights(tmp_path / "one"), weights(tmp_path / "two")
    assert any(not torch.allclose(two[name], value, atol=1e-4) for name, value in one.items())
    again = run_train(tmp_path / "two", *ONE_STEP)
    assert again.returncode == 2
    assert "trainer.batch_norms" in again.stderr


def test_a_run_that_two_processes_began_one_goes_on_with(tmp_path):
    environment, mark = marked()
    long = ["privatizer=filter", "trainer.max_epochs=12", "checkpoint_minutes=0.01"]
    with subprocess.Popen(
        train_command(tmp_path, TWO, *long), env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        while not list(tmp_path.rglob("last.ckpt")):
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert "repeat the command to go on" in errors
    assert "Traceback" not in errors
    assert all_gone(mark)
    (checkpoint,) = tmp_path.rglob("last.ckpt")
    epoch = torch.load(checkpoint, weights_only=True)["epoch"]
    rows = len(logged(tmp_path))
    run(tmp_path, *long)
    assert epoch < 11
    assert torch.load(checkpoint, weights_only=True)["epoch"] == 11
    assert len(logged(tmp_path)) > rows


def test_a_sweep_of_such_runs_ends_with_correct_results_each_tracked_and_nothing_left(tmp_path):
    environment, mark = marked()
    overrides = ["-m", TWO, "epsilon=0.001,0.01", "logger=wandb", *JUDGED]
    process = subprocess.run(
        train_command(tmp_path, *overrides),
        capture_output=True,
        text=True,
        timeout=400,
        env=environment,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    assert all_gone(mark, seconds=1)
    records = [json.loads(path.read_text()) for path in sorted(tmp_path.rglob("result.json"))]
    assert [record["identity"]["epsilon"] for record in records] == [0.001, 0.01]
    assert all(record["evaluations"]["Smiling"]["measures"] for record in records)
    for record in records:
        run(tmp_path / "alone", f"epsilon={record['identity']['epsilon']}")
        (single,) = (
            json.loads(path.read_text())
            for path in (tmp_path / "alone").rglob("result.json")
            if f"epsilon-{record['identity']['epsilon']}" in str(path)
        )
        assert smooth(record) == pytest.approx(smooth(single), rel=0.05)
    tracked = [path.read_bytes() for path in tmp_path.rglob("offline-run-*/*.wandb")]
    assert sum(b"privacy_loss" in stored for stored in tracked) == 2  # the runs
    assert sum(b"trade-off" in stored for stored in tracked) == 1  # the sweep's chart


def smooth(record):
    """Return what rounding moves a little only; with 16 images, shares jump."""
    shares = ("accuracy", "fooled")
    return {key: value for key, value in record["training"].items() if not key.endswith(shares)}


DYING = """
import os
from privacy_gan import replicas
from privacy_gan.privatizers.adversarial import AdversarialPrivatizer

class Dying(AdversarialPrivatizer):
    def training_step(self, batch, batch_idx):
        if self.current_epoch == 1 and replicas.rank() == {rank}:
            {death}
        super().training_step(batch, batch_idx)
"""
DEATHS = {
    "raises": "raise ArithmeticError('the numbers are off')",
    "is killed": "os.kill(os.getpid(), 9)",
}


@pytest.mark.parametrize("rank", [0, 1])
@pytest.mark.parametrize("how", DEATHS)
def test_a_process_that_dies_takes_the_run_down_and_leaves_nothing_behind(tmp_path, rank, how):
    (tmp_path / "dying.py").write_text(DYING.format(rank=rank, death=DEATHS[how]))
    environment, mark = marked()
    started = time.monotonic()
    process = subprocess.run(
        train_command(tmp_path, TWO, "privatizer._target_=dying.Dying"),
        capture_output=True,
        text=True,
        timeout=90,
        env=environment | {"PYTHONPATH": str(tmp_path)},
        check=False,
    )
    assert process.returncode != 0
    assert time.monotonic() - started < 60
    assert all_gone(mark)
    assert not list(tmp_path.rglob("result.json"))
    if how == "raises":
        assert "ArithmeticError: the numbers are off" in process.stderr


def test_a_batch_that_cannot_be_shared_evenly_is_a_mistake(tmp_path):
    process = run_train(tmp_path, TWO, "data.batch_size=9")
    assert process.returncode == 2
    assert "error: data.batch_size=9 cannot be shared evenly by 2 processes" in process.stderr
    assert "Traceback" not in process.stderr


def test_what_does_not_learn_by_gradients_needs_no_second_process(tmp_path):
    run(tmp_path, TWO, "privatizer=pixelate")
