"""Training on a GPU: steps as graphs, images on the device, bfloat16 by default, and NCCL."""

import pytest
import torch
import torch.distributed as dist
from presets import JUDGED
from step_runs import MECHANISMS, SaveAt, assert_equal, state, to_double, train_steps

from privacy_gan import distributed
from privacy_gan.commands.train import train
from privacy_gan.config import checks
from privacy_gan.data.synthetic_faces import SyntheticFacesDataModule
from privacy_gan.data.table_data_module import TableDataModule
from privacy_gan.evaluation.learning import Learner
from privacy_gan.graphs import CUDAGraphs
from privacy_gan.privatizers.game import Game
from privacy_gan.sweeping.processes import reserve_port
from privacy_gan.training.ddp_strategy import join_process_group
from privacy_gan.training.trainer import ClipGradients

# Sums on a GPU are not deterministic: in float32, the same eight steps differed by 0.002 on an
# H100. All else being equal, they differ by less than 1e-10 in float64.
TOLERANCE = {"rel": 1e-6, "abs": 1e-6}
# Graphs read learning rates in float32, so that they differ by up to 6e-8 of their value. In 80
# steps of 5e-4 or less, weights then differ by about 1e-9. A step that is left out, repeated or
# taken with the numbers of another one changes them by about 1e-4.
GRAPH_TOLERANCE = 1e-6
EIGHTY_STEPS = ["data.num_train=320"]
GIB = 2**30

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA device"),
]


class CountedGraphs(CUDAGraphs):
    """CUDA graphs that count their replays."""

    replays = 0

    def capture(self, work, generators):
        replay, result = super().capture(work, generators)

        def counted_replay():
            self.replays += 1
            replay()

        return counted_replay, result


def train_on_gpu(tiny, overrides, backend=None, precision="64-true", **options):
    overrides = [*overrides, *EIGHTY_STEPS]
    return train_steps(tiny, overrides, precision, backend, accelerator="gpu", **options)


def new_graphs():
    return CountedGraphs(torch.device("cuda", 0))


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_replayed_steps_are_eager_steps(tiny, mechanism):
    backend = new_graphs()
    eager, expected = train_on_gpu(tiny, MECHANISMS[mechanism])
    replayed, found = train_on_gpu(tiny, MECHANISMS[mechanism], backend)
    assert backend.replays >= 40
    assert replayed.global_step == eager.global_step
    assert_equal(state(replayed), state(eager), GRAPH_TOLERANCE)
    assert_equal(found.copies[-1], expected.copies[-1], 1e-3)  # accuracies are counts
    for copy, logged in zip(found.copies, found.logged, strict=True):
        assert_equal(logged, copy)


def test_replayed_steps_in_bfloat16_are_eager_steps(tiny):
    """The first steps, before bfloat16's rounding has been amplified."""
    backend = new_graphs()
    _, expected = train_on_gpu(tiny, MECHANISMS["paper"], precision="bf16-mixed")
    _, found = train_on_gpu(tiny, MECHANISMS["paper"], backend, precision="bf16-mixed")
    assert backend.replays >= 40
    for one, other in zip(found.copies[:16], expected.copies[:16], strict=True):
        for name in ("train/filter/loss", "train/generator/loss"):
            assert float(one[name]) == pytest.approx(float(other[name]), rel=0.05, abs=0.02)


def test_replayed_steps_with_clipped_gradients_and_pinned_memory_are_eager_steps(tiny):
    """The data loader's processes and its thread allocate memory during the capture."""
    overrides = ["data.on_device=false", "data.num_workers=2"]
    clipping = {"callbacks": [ClipGradients(0.1, "norm")]}
    backend = new_graphs()
    eager, _ = train_on_gpu(tiny, overrides, **clipping)
    replayed, _ = train_on_gpu(tiny, overrides, backend, **clipping)
    assert backend.replays >= 40
    assert_equal(state(replayed), state(eager), GRAPH_TOLERANCE)


@pytest.mark.parametrize("batch_size", [4, 32])
def test_replayed_steps_of_other_batch_sizes_are_eager_steps(tiny, batch_size):
    overrides, backend = [f"data.batch_size={batch_size}"], new_graphs()
    eager, _ = train_on_gpu(tiny, overrides)
    replayed, _ = train_on_gpu(tiny, overrides, backend)
    assert backend.replays >= 8
    assert_equal(state(replayed), state(eager), GRAPH_TOLERANCE)


def test_steps_that_wait_for_the_gpu_are_eager_steps(tiny, monkeypatch, caplog):
    """After a failed capture, dropout still draws from the mechanism's generator."""

    def read_a_value(self, distortion):
        if distortion < 1:
            self.constraint.update(distortion)

    monkeypatch.setattr(Game, "after_step", read_a_value)
    backend = new_graphs()
    eager, _ = train_on_gpu(tiny, MECHANISMS["subspace"])
    fallen_back, _ = train_on_gpu(tiny, MECHANISMS["subspace"], backend)
    assert backend.replays == 0
    assert "training steps cannot be captured as CUDA graphs" in caplog.text
    assert fallen_back.global_step == eager.global_step
    assert_equal(state(fallen_back), state(eager), GRAPH_TOLERANCE)
    torch.rand(1, device="cuda")  # so does torch's global one
    torch.cuda.empty_cache()
    assert torch.cuda.current_stream() == torch.cuda.default_stream()
    monkeypatch.undo()
    replayed, _ = train_on_gpu(tiny, MECHANISMS["subspace"], backend)
    assert backend.replays >= 40
    assert_equal(state(replayed), state(train_on_gpu(tiny, MECHANISMS["subspace"])[0]), 1e-6)


@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize("after", [False, True])
def test_training_resumes_with_and_without_graphs(tiny, tmp_path, before, after):
    path, overrides = tmp_path / "interrupted.ckpt", MECHANISMS["robust"]
    train_on_gpu(tiny, overrides, new_graphs() if before else None, callbacks=[SaveAt(53, path)])
    resumed, _ = train_on_gpu(tiny, overrides, new_graphs() if after else None, checkpoint=path)
    expected, _ = train_on_gpu(tiny, overrides)
    assert resumed.global_step == expected.global_step
    assert_equal(state(resumed), state(expected), GRAPH_TOLERANCE)


def test_adversaries_with_graphs_learn_the_same(tiny, tmp_path, monkeypatch, caplog):
    check_divergence, runs = Learner.check_divergence, []

    def check(self):
        if not hasattr(self, "recorded"):
            self.recorded = []
            runs[-1].append(self.recorded)
        self.recorded.extend(self._unchecked_losses)
        check_divergence(self)

    monkeypatch.setattr(Learner, "check_divergence", check)
    for graph in ("false", "true"):
        runs.append([])
        folders = [f"output_dir={tmp_path / graph}", f"classifiers.folder={tmp_path / graph}"]
        options = ["trainer=gpu", f"trainer.graph={graph}", "data.num_train=256"]
        _, result = train(tiny(*JUDGED, *options, *folders))
        assert result.evaluations["Smiling"].measures
    assert not [each for each in caplog.messages if "cannot be captured" in each]
    for eager, captured in zip(*runs, strict=True):
        assert len(eager) == len(captured) > 8
        # the first ones: later ones amplify float32's rounding
        first, other = (torch.stack(each[:8]).double().cpu() for each in (eager, captured))
        torch.testing.assert_close(other, first, rtol=1e-2, atol=1e-3)


def test_graphs_of_large_images_fit_into_memory(tiny):
    """The graphs of all kinds of steps share their memory."""
    peaks = []
    for backend in (None, new_graphs()):
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        overrides = ["image_size=128", "width=32", "data.batch_size=64"]
        train_on_gpu(tiny, overrides, backend, precision="bf16-mixed")
        peaks.append(torch.cuda.max_memory_reserved())
    eager, captured = peaks
    assert captured < 2 * eager + GIB


@pytest.fixture
def _in_float64(monkeypatch):
    """Let ``train`` compute in float64, which only a user's own mechanism may otherwise do."""
    to_batch = TableDataModule.on_after_batch_transfer
    monkeypatch.setattr(SyntheticFacesDataModule, "viewable", False)  # pictures are float32
    monkeypatch.setattr(checks, "PRECISIONS", [*checks.PRECISIONS, "64-true"])
    monkeypatch.setattr(
        TableDataModule, "on_after_batch_transfer", lambda *batch: to_double(to_batch(*batch))
    )


@pytest.mark.usefixtures("_in_float64")
def test_images_on_device_and_on_host_give_the_same_run(tiny, tmp_path):
    options = ["trainer=gpu", "trainer.precision=64-true"]
    records = [
        train(tiny(*options, f"data.on_device={on}", f"output_dir={tmp_path / on}"))[1]
        for on in ("false", "true")
    ]
    host, device = (record.training for record in records)
    assert device == pytest.approx(host, **TOLERANCE)


def test_automatic_precision_trains(tiny):
    _, record = train(tiny("trainer=gpu", "trainer.precision=auto", "trainer.max_epochs=1"))
    assert 0 < record.training["valid/generator/distortion"] < 1


@pytest.fixture
def single_torchrun_process(monkeypatch):
    """Set the environment variables of torchrun for a single process."""
    with reserve_port() as port:
        variables = {
            "RANK": 0,
            "LOCAL_RANK": 0,
            "GROUP_RANK": 0,
            "WORLD_SIZE": 1,
            "MASTER_PORT": port,
        }
        for name, value in variables.items():
            monkeypatch.setenv(name, str(value))
        monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
        yield


@pytest.mark.usefixtures("single_torchrun_process", "_in_float64")
def test_single_nccl_process_trains_the_same_run(tiny, tmp_path, caplog):
    device = torch.device("cuda", 0)
    with join_process_group(device):
        assert "cuda:nccl" in dist.get_backend_config()
        values = torch.arange(3.0, device=device)
        dist.all_reduce(values)  # with NCCL; more ranks would need more GPUs
        assert values.tolist() == [0.0, 1.0, 2.0]
        assert distributed.scatter_work(["a"], lambda names: dict.fromkeys(names, 1)) == {"a": 1}
    plain, ddp = (
        train(tiny(f"output_dir={tmp_path / name}", "trainer.precision=64-true", *trainer))[1]
        for name, trainer in [
            ("plain", ["trainer=gpu"]),
            ("ddp", ["trainer=ddp", "trainer.devices=1", "trainer.graph=true"]),
        ]
    )
    assert ddp.training == pytest.approx(plain.training, **TOLERANCE)
    assert "steps of several processes are not captured" in caplog.text
