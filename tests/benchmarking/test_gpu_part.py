"""The benchmark's GPU part, on a CPU, where steps cannot be captured and nothing is compared."""

from dataclasses import replace

import pytest
import torch
from benchmarks import gpu
from benchmarks.gpu import EAGER, GRAPH, Plan, Variant, time_plan
from benchmarks.gpu_report import describe_gpu
from benchmarks.run import BenchmarkRun
from commands import ROOT, cli, error_line
from presets import TINY
from test_benchmark_command import SMALL

PLAN = Plan(
    {EAGER: Variant(graph=False), GRAPH: Variant(graph=True)},
    batch_sizes=(8,),
    images=24,
    runs=(1,),
    seconds=1000,
    shared=EAGER,
)


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setattr(gpu, "measure_peak_flops", lambda device, dtype: 1e12)
    judged = {"learning": 1e-4, "querying": 1e-5, "measuring": 1e-3}
    timed = {"seconds_of_an_image": judged, "epochs": 5, "queries": 16}
    monkeypatch.setattr(gpu, "benchmark_judging", lambda run: timed)
    overrides = [*SMALL, f"data.cache_dir={tmp_path / 'cache'}"]
    return BenchmarkRun(ROOT / "conf", overrides, tmp_path, rounds=2)


def test_all_ways_to_train_are_timed_and_described(run):
    found = time_plan(run, PLAN)
    assert list(found["training"]) == ["eager, batch size 8", "reference"]
    assert all(len(each["images_per_second"]["rounds"]) == 2 for each in found["training"].values())
    assert list(found["runs"]) == ["1"]
    assert list(found["judging"]) == [EAGER, GRAPH]
    assert not found["left_out"]
    assert list(found["failed"]) == ["training: graph, batch size 8"]

    text = "\n".join(describe_gpu({"gpu": found, "batch_size": 8}))
    assert all(f"{name}: " in text for name in found["training"])
    assert "several runs on the GPU together: 1: " in text
    assert "The paper's training (16.3 million images) would take" in text
    assert "Trained and judged (graph), it would take" in text
    assert "Not measured: training: graph, batch size 8 (the steps were not captured" in text


def test_what_is_not_measured_is_named_with_the_reason(run, monkeypatch):
    def fail(run):
        raise torch.OutOfMemoryError("out of memory\nmore")

    monkeypatch.setattr(gpu, "benchmark_judging", fail)
    found = time_plan(run, replace(PLAN, batch_sizes=(), runs=()))
    text = "\n".join(describe_gpu({"gpu": found, "batch_size": 8}))
    assert "Not measured: judging: graph (out of memory)." in text
    assert "would take" not in text

    late = time_plan(run, replace(PLAN, seconds=-1))
    assert late["training"] == late["runs"] == late["judging"] == {}
    text = "\n".join(describe_gpu({"gpu": late, "batch_size": 8}))
    assert "Not measured: runs: 1 (the time was over)." in text


def test_without_a_gpu_the_command_says_so(tmp_path):
    process = cli("benchmark", "--parts", "gpu", *TINY, f"data.cache_dir={tmp_path / 'cache'}")
    assert "error: --parts gpu needs an NVIDIA GPU" in error_line(process)


def test_the_hours_of_the_papers_experiments_in_the_docs_are_recomputed():
    page = (ROOT / "docs" / "cluster.md").read_text()
    command = next(line for line in page.splitlines() if " --hours " in line)
    process = cli("benchmark", *command.split()[2:])
    assert process.returncode == 0, process.stderr
    assert process.stdout in page
    assert "| `figure1` | 130 | 2,116 |" in process.stdout  # 130 runs x 100 epochs x 162,770


@pytest.mark.parametrize("rates", ["0", "fast", "1301,-1", "inf"])
def test_a_rate_is_a_number_above_0(rates):
    process = cli("benchmark", "--hours", rates)
    assert process.returncode == 2
    assert f"argument --hours: {rates} must be a number above 0" in process.stderr
