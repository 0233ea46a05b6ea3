"""Interrupted runs resume exactly."""

import csv
import os
import shutil
import signal
import time
from subprocess import DEVNULL

import pytest
import torch
from commands import run, start, train_command

from privacy_gan.commands.train import train
from privacy_gan.errors import Interrupted, UserError
from privacy_gan.privatizers.adversarial import AdversarialPrivatizer


def state(run):
    """Return the checkpoint's state_dict and optimizer states."""
    checkpoint = torch.load(run.checkpoint, weights_only=True)
    return checkpoint["state_dict"], checkpoint["optimizer_states"]


def metrics(run):
    with (run.path / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        row.pop("train/images_per_second")
        # h_g's metrics are from its last update, which a resumed run has not made yet
        row.pop("train/generator/discriminator_loss")
        row.pop("train/generator/discriminator_accuracy")
    return rows


def assert_same(one, other):
    torch.testing.assert_close(one, other, rtol=0, atol=0)


@pytest.fixture
def uninterrupted(tiny, tmp_path, once):
    """Return a finished run in the test's own folder, and its result."""
    folder = once("uninterrupted_run", lambda folder: train(tiny(f"output_dir={folder}")))
    shutil.copytree(folder, tmp_path / "uninterrupted")
    return train(tiny(f"output_dir={tmp_path / 'uninterrupted'}"))


def stop_after(step, monkeypatch):
    """Send SIGTERM to this process during a given training step."""
    steps = 0
    original = AdversarialPrivatizer.training_step

    def training_step(self, batch, batch_idx):
        nonlocal steps
        steps += 1
        if steps == step:
            os.kill(os.getpid(), signal.SIGTERM)
        return original(self, batch, batch_idx)

    monkeypatch.setattr(AdversarialPrivatizer, "training_step", training_step)


@pytest.mark.parametrize("step", [1, 3, 4, 5, 7], ids=lambda s: f"step {s} of 4 + 4")
def test_run_stopped_at_any_step_resumes_bit_for_bit(step, tiny, uninterrupted, monkeypatch):
    with monkeypatch.context() as patched:
        stop_after(step, patched)
        with pytest.raises(Interrupted, match="run the same command again to resume") as stopped:
            train(tiny())
    assert stopped.value.exit_code == 128 + signal.SIGTERM
    resumed, result = train(tiny())
    expected, expected_result = uninterrupted
    assert_same(state(resumed), state(expected))
    assert result.training == expected_result.training
    assert metrics(resumed) == metrics(expected)


def test_robust_game_resumes_with_its_moving_average_and_multiplier(tiny, tmp_path, monkeypatch):
    robust = ["game=robust"]
    expected, expected_result = train(tiny(*robust, f"output_dir={tmp_path / 'uninterrupted'}"))
    with monkeypatch.context() as patched:
        stop_after(6, patched)
        with pytest.raises(Interrupted):
            train(tiny(*robust))
    resumed, result = train(tiny(*robust))
    weights, _ = state(expected)
    assert weights["filter.constraint.multiplier"] > 0
    assert weights["generator.average.n_averaged"] == 8
    assert_same(state(resumed), state(expected))
    assert result.training == expected_result.training


def test_run_killed_repeatedly_resumes_bit_for_bit(tiny, tmp_path, uninterrupted):
    command = train_command(tmp_path, "checkpoint_minutes=0")
    folder = tmp_path / "outputs"
    for _ in range(3):
        before = saved_at(folder)
        process = start(command, stdout=DEVNULL, stderr=DEVNULL)
        while saved_at(folder) == before and process.poll() is None:
            time.sleep(0.01)
        process.kill()
        assert process.wait() == -signal.SIGKILL
    # a new interpreter has another hash seed, which forks would share
    assert run(command, real=True).returncode == 0
    resumed, _ = train(tiny())
    expected, _ = uninterrupted
    assert_same(state(resumed), state(expected))


def saved_at(folder):
    return [path.stat().st_mtime_ns for path in folder.rglob("last.ckpt")]


def refuse_to_train(*args):
    raise AssertionError("trained again")


def test_finished_run_is_not_trained_again(tiny, uninterrupted, tmp_path, monkeypatch):
    monkeypatch.setattr(AdversarialPrivatizer, "training_step", refuse_to_train)
    again = train(tiny(f"output_dir={tmp_path / 'uninterrupted'}"))
    assert again[1] == uninterrupted[1]


def test_missing_result_is_written_without_training(tiny, uninterrupted, tmp_path, monkeypatch):
    run, record = uninterrupted
    run.result_file.unlink()
    monkeypatch.setattr(AdversarialPrivatizer, "training_step", refuse_to_train)
    _, again = train(tiny(f"output_dir={tmp_path / 'uninterrupted'}"))
    assert again.training == pytest.approx(record.training)
    assert run.result_file.exists()


def test_different_seeds_give_different_results(tiny):
    one, other = (train(tiny(f"seed={seed}")) for seed in (0, 1))
    assert one[1].training != other[1].training


def test_checkpoint_of_another_configuration_is_rejected(tiny, uninterrupted):
    run, _ = uninterrupted
    run.result_file.unlink()
    config = (run.path / "config.yaml").read_text()
    with pytest.raises(UserError, match=r"last.ckpt belongs to a run with width=2 \(this one: 4\)"):
        train(tiny(f"run_dir={run.path}", "width=4"))
    assert (run.path / "config.yaml").read_text() == config


def test_result_of_another_configuration_is_rejected(tiny, uninterrupted):
    run, _ = uninterrupted
    with pytest.raises(
        UserError, match=r"result.json belongs to a run with epsilon=0.01 \(this one: 0.02\)"
    ):
        train(tiny(f"run_dir={run.path}", "epsilon=0.02"))


def test_run_with_a_damaged_checkpoint_starts_again(tiny, uninterrupted, tmp_path, caplog):
    run, result = uninterrupted
    expected, logged = state(run), metrics(run)
    run.result_file.unlink()
    cut_short = run.checkpoint.read_bytes()[:1000]
    run.checkpoint.write_bytes(cut_short)
    again, result_again = train(tiny(f"output_dir={tmp_path / 'uninterrupted'}"))
    assert "last.ckpt was damaged: training starts again" in caplog.text
    assert (run.path / "last.ckpt.damaged").read_bytes() == cut_short
    assert_same(state(again), expected)
    assert metrics(again) == logged
    assert result_again == result


def test_run_locked_by_another_process_is_not_trained(tiny, uninterrupted, tmp_path):
    run, _ = uninterrupted
    run.result_file.unlink()
    with run.lock(), pytest.raises(UserError, match="another process is using"):
        train(tiny(f"output_dir={tmp_path / 'uninterrupted'}"))


def test_every_epoch_has_a_different_order(tiny, monkeypatch):
    images = []
    original = AdversarialPrivatizer.training_step

    def training_step(self, batch, batch_idx):
        images.extend(image.sum().item() for image in batch.images)
        return original(self, batch, batch_idx)

    monkeypatch.setattr(AdversarialPrivatizer, "training_step", training_step)
    train(tiny())
    first, second = images[:32], images[32:]
    assert sorted(first) == sorted(second)
    assert first != second
