"""experiments/benchmark.py as a person runs it; what it finds is not held against a clock."""

import json

import pytest
from benchmarks.table import format_table
from commands import cli, error_line
from presets import JUDGED, TINY

LEFT_TO_IT = ("evaluate", "trainer.enable_progress_bar", "data.num_train")
UNDONE = ("upsampling", "adam", "precision", "layout")
SMALL = [override for override in TINY + JUDGED if not override.startswith(LEFT_TO_IT)] + [
    "data.num_train=72"
]  # nine batches; three to warm up and four for a turn


def benchmark(*arguments, **how):
    return cli("benchmark", *arguments, timeout=600, **how)


def test_every_part_is_timed_and_written_to_a_file(tmp_path):
    output = tmp_path / "figures" / "out.json"
    parts = "training,changes,data,judging,memory,startup"
    options = ["--rounds", 1, "--parts", parts, "--output", output]
    ran = benchmark(*options, *SMALL, f"data.cache_dir={tmp_path / 'cache'}")
    assert ran.returncode == 0, ran.stderr
    record = json.loads(output.read_text())
    assert ran.stdout == f"{format_table(record)}\n\nAll figures: {output}\n"
    assert record["training"]["images_per_second"].keys() == {"project", "bare", "reference"}
    assert record["training"]["operations_per_image"]["project"] > 0
    assert record["changes"]["times_faster"].keys() == {*UNDONE}
    assert record["judging"]["learners"] == ["resnet10", "inversion", "retrained"]
    assert record["memory"]["peak_bytes"].keys() == {"64", "128"}
    assert record["startup"]["seconds"].keys() == {"help", "finished_run", "first_step"}
    assert not list(tmp_path.glob("*.partial"))


def test_a_single_part_runs_in_a_fresh_interpreter(tmp_path):
    options = ["--rounds", 1, "--parts", "data", "--output", tmp_path / "out.json"]
    ran = benchmark(*options, *SMALL, f"data.cache_dir={tmp_path / 'cache'}", real=True)
    assert ran.returncode == 0, ran.stderr
    assert "Traceback" not in ran.stderr
    assert json.loads((tmp_path / "out.json").read_text())["data"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--rounds", "0"], "error: --rounds 0 must be 1 or more"),
        (["--parts", "data,tea"], "error: --parts tea: choose among training,data,judging"),
        (["epsilon=-1"], "error: epsilon=-1.0 is not a distortion budget"),
        (["--parts", "training", "--rounds", "9"], "error: 72 training images are 9 batches"),
        (["--parts", "training", "privatizer=filter"], "error: only privatizer=filter_generator"),
    ],
)
def test_a_mistake_is_reported_in_one_line(arguments, told, tmp_path):
    ran = benchmark(*SMALL, *arguments, f"data.cache_dir={tmp_path / 'cache'}")
    assert told in error_line(ran)


def test_an_unwritable_output_is_reported_in_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    options = ["--parts", "data", "--rounds", 1, "--output", tmp_path / "file" / "out.json"]
    ran = benchmark(*options, *SMALL, f"data.cache_dir={tmp_path / 'cache'}")
    assert "error: cannot write" in error_line(ran)
