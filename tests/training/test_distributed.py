"""Data-parallel training gives the same result as a single process."""

import csv
import json
import signal
import sys

import pytest
import torch
from commands import run_train, start
from presets import SHIPPED_DISCRIMINATORS, SUBSPACE

from privacy_gan.sweeping.processes import reserve_port

TWO = "trainer=ddp_cpu"
# In float32, rounding alone changes the gradient of these networks by 1%, because inputs of a ReLU
# can be close to 0. These tests therefore compare in float64.
EXACT = """
import os
import signal
import subprocess
import sys
import torch
from privacy_gan.privatizers.adversarial import AdversarialPrivatizer
from privacy_gan.privatizers.stargan import StarGAN

torch.set_default_dtype(torch.float64)

class Exact:
    def training_step(self, batch, batch_idx):
        if f"{self.current_epoch}.{batch_idx}" == os.environ.get("STOP_IN"):
            os.kill(os.getpid(), signal.SIGTERM)
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
# Adam would amplify rounding errors of gradients that are close to 0.
ONE_STEP = [
    "privatizer.optimizer._target_=torch.optim.SGD",
    "~privatizer.optimizer.betas",
    "privatizer.optimizer.lr=0.1",
    "+trainer.limit_train_batches=1",
    "trainer.max_epochs=1",
    "epsilon=1e-4",  # exceeded, so that the penalty is active
]
# 24 steps; three validation batches of two sizes, which two processes cannot divide evenly; noise,
# dropout, mirrored images, snapshots, two phases, multiplier, moving averages and batch norm
# updates, which must agree on all ranks
LONG = [
    *("privatizer=filter_generator", "game=robust", *SUBSPACE),
    *("game.mirrored=true", "game.snapshots=2", "game.final_rate=0.2"),
    *("game.generator_after=0.5", "game.generator_stride=2"),
    *("data.num_train=96", "data.num_valid=20"),
]


@pytest.fixture(autouse=True)
def exact_mechanisms(tmp_path, monkeypatch):
    (tmp_path / "exact.py").write_text(EXACT)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


def exact(mechanism):
    return [f"privatizer._target_=exact.{mechanism}", "trainer.precision=64-true"]


def run(folder, *overrides, ends=0, env=None):
    process = run_train(folder, *overrides, env=env)
    assert process.returncode == ends, process.stderr
    return process


def load_checkpoint(folder):
    (checkpoint,) = folder.rglob("last.ckpt")
    return torch.load(checkpoint, weights_only=True)


def steps_taken(folder):
    loop = load_checkpoint(folder)["loops"]["fit_loop"]
    return loop["epoch_loop.batch_progress"]["total"]["completed"]


def weights(folder):
    return load_checkpoint(folder)["state_dict"]


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


def measured(folder):
    (file,) = folder.rglob("result.json")
    return json.loads(file.read_text())["training"]


@pytest.mark.parametrize("mechanism", ["filter_generator", "stargan"])
def test_step_of_two_processes_equals_the_step_of_one(tmp_path, mechanism):
    step = [f"privatizer={mechanism}", *exact(mechanism), *ONE_STEP, *SHIPPED_DISCRIMINATORS]
    run(tmp_path / "one", *step)
    run(tmp_path / "two", TWO, *step)
    one, two = weights(tmp_path / "one"), weights(tmp_path / "two")
    for name, value in one.items():
        torch.testing.assert_close(two[name], value, rtol=1e-9, atol=1e-9, msg=name)
    # logged metrics are means over all images
    ours, theirs = logged(tmp_path / "two"), logged(tmp_path / "one")
    assert ours == {key: pytest.approx(value, rel=1e-5) for key, value in theirs.items()}


@pytest.fixture(scope="module")
def uninterrupted(once):
    """Return metrics, weights and results of 24 steps of one process."""

    def train(folder):
        (folder / "exact.py").write_text(EXACT)
        run(folder, *LONG, *exact("filter_generator"), env={"PYTHONPATH": str(folder)})

    folder = once("one_process", train)
    return logged(folder), weights(folder), measured(folder)


def assert_same(folder, uninterrupted):
    metrics, values, result = uninterrupted
    ours = logged(folder)
    # a loss that only some steps compute is logged in every step, but not right after resuming
    assert {key for key in metrics if "discriminator" not in key[1]} <= ours.keys()
    assert ours == {key: pytest.approx(metrics[key], rel=1e-4) for key in ours}
    assert measured(folder) == pytest.approx(result, rel=1e-6)
    ours = weights(folder)
    for name, value in values.items():
        torch.testing.assert_close(ours[name], value, rtol=1e-6, atol=1e-6, msg=name)


def test_two_epochs_of_two_processes_equal_those_of_one(tmp_path, uninterrupted):
    run(tmp_path, TWO, *LONG, *exact("filter_generator"))
    assert_same(tmp_path, uninterrupted)


@pytest.mark.parametrize(("first", "then"), [(TWO, "trainer=cpu"), ("trainer=cpu", TWO)])
def test_run_resumes_with_another_number_of_processes(tmp_path, uninterrupted, first, then):
    long = [*LONG, *exact("filter_generator")]
    stopped = run(tmp_path, first, *long, ends=128 + signal.SIGTERM, env={"STOP_IN": "1.3"})
    assert "interrupted: stopped in epoch 2, checkpoint saved" in stopped.stderr
    assert stopped.stderr.count("interrupted") == 1
    assert "Traceback" not in stopped.stderr
    assert 12 < steps_taken(tmp_path) < 24
    run(tmp_path, then, *long)
    assert_same(tmp_path, uninterrupted)


def test_run_without_sync_batchnorm_does_not_resume_with_another_number_of_processes(tmp_path):
    no_sync = "trainer.sync_batchnorm=false"
    step = [*exact("filter_generator"), *ONE_STEP]
    run(tmp_path / "two", TWO, no_sync, *step)
    run(tmp_path / "one", *step)
    one, two = weights(tmp_path / "one"), weights(tmp_path / "two")
    assert any(not torch.allclose(two[name], value, atol=1e-4) for name, value in one.items())
    again = run_train(tmp_path / "two", *step)
    assert again.returncode == 2
    assert "trainer.batch_norms" in again.stderr


def test_batch_size_that_is_not_a_multiple_of_processes_is_reported_once(tmp_path):
    process = run_train(tmp_path, TWO, "data.batch_size=9")
    assert process.returncode == 2
    assert process.stderr.count("data.batch_size=9 cannot be divided evenly among 2 processes") == 1
    assert process.stderr.count("error:") == 1
    assert "Traceback" not in process.stderr


def test_gradient_free_mechanism_is_the_same_on_several_processes(tmp_path):
    run(tmp_path / "two", TWO, "privatizer=noise")
    run(tmp_path / "one", "privatizer=noise")
    assert measured(tmp_path / "two") == measured(tmp_path / "one")


COLLECTIVES = """
import sys, torch
from torch import nn
from privacy_gan import distributed
from privacy_gan.training.sync_batch_norm import CPUSyncBatchNormPlugin

rank = int(sys.argv[1])
with distributed.process_group(f"127.0.0.1:{sys.argv[2]}", rank, 3, torch.device("cpu")):
    value = torch.tensor(float(rank), requires_grad=True)
    mean = distributed.all_reduce_mean(value)
    mean.square().backward()
    assert (mean.item(), value.grad.item()) == (1.0, 2.0)  # average_gradients divides by 3
    assert distributed.broadcast_from_rank_zero(lambda: rank) == 0
    def work(names):
        return dict.fromkeys(names, rank)
    results = distributed.scatter_work(["a", "b", "c", "d"], work)
    assert results == {"a": 0, "b": 1, "c": 2, "d": 0} and list(results) == ["a", "b", "c", "d"]
    assert distributed.scatter_work(["a"], work) == {"a": 0}
    assert distributed.any_rank(rank == 2, torch.device("cpu"))

    rng = torch.Generator().manual_seed(0)
    noise, gradient = torch.randn(2, 6, 4, 5, 5, generator=rng)
    local = slice(2 * rank, 2 * rank + 2)
    # at an offset of 100, the difference of second moment and squared mean would be inexact
    for offset, dtype, tolerance in [(100, torch.float32, 1e-4), (0, torch.bfloat16, 2e-2)]:
        whole, ours = nn.BatchNorm2d(4).double(), nn.BatchNorm2d(4)
        CPUSyncBatchNormPlugin().apply(ours)
        for norm in (whole, ours):
            norm.running_mean.fill_(offset - 1)
            norm.weight.data = torch.arange(1, 5).to(norm.weight.dtype)
        x = (noise + offset).to(dtype).double().requires_grad_()
        y = x.detach()[local].to(dtype).requires_grad_()
        expected, output = whole(x), ours(y)
        assert output.dtype == dtype
        expected.backward(gradient.to(dtype).double())
        output.backward(gradient[local].to(dtype))
        distributed.average_gradients(ours.parameters())
        near = {"rtol": tolerance, "atol": tolerance, "check_dtype": False}
        torch.testing.assert_close(output, expected[local], **near)
        torch.testing.assert_close(y.grad, x.grad[local], **near)
        for p, q in zip(ours.parameters(), whole.parameters()):
            torch.testing.assert_close(p.grad * 3, q.grad, **near)  # a mean over three ranks
        torch.testing.assert_close(dict(ours.state_dict()), dict(whole.state_dict()), **near)
"""


def test_collective_operations_of_three_processes(tmp_path):
    with reserve_port() as port:
        started = [
            start([sys.executable, "-c", COLLECTIVES, str(rank), str(port)]) for rank in range(3)
        ]
        assert [process.wait(timeout=100) for process in started] == [0, 0, 0]
