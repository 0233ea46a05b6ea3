"""experiments/benchmark.py as users run it; no test checks the measured times."""

import json

import pytest
from benchmarks.photographs_part import time_command
from benchmarks.run import BenchmarkRun
from benchmarks.table import describe_photographs, format_table
from commands import ROOT, cli, error_line
from presets import JUDGED, TINY

SET_BY_BENCHMARK = ("evaluate", "trainer.enable_progress_bar", "data.num_train")
CHANGES = ("upsampling", "adam", "precision", "layout")
SMALL = [override for override in TINY + JUDGED if not override.startswith(SET_BY_BENCHMARK)] + [
    "data.num_train=72"
]  # nine batches: three to warm up and four per round


def benchmark(*arguments, **options):
    return cli("benchmark", *arguments, timeout=600, **options)


def test_every_part_is_timed_and_written_to_a_file(tmp_path):
    output = tmp_path / "figures" / "out.json"
    parts = "training,changes,data,judging,memory,startup"
    options = ["--rounds", 1, "--parts", parts, "--output", output]
    process = benchmark(*options, *SMALL, f"data.cache_dir={tmp_path / 'cache'}")
    assert process.returncode == 0, process.stderr
    record = json.loads(output.read_text())
    assert process.stdout == f"{format_table(record)}\n\nAll measurements: {output}\n"
    assert record["training"]["images_per_second"].keys() == {"project", "bare", "reference"}
    assert record["training"]["operations_per_image"]["project"] > 0
    assert record["changes"]["times_faster"].keys() == {*CHANGES}
    assert record["judging"]["learners"] == ["resnet10", "inversion", "retrained"]
    assert record["memory"]["peak_bytes"].keys() == {"64", "128"}
    assert record["startup"]["seconds"].keys() == {"help", "finished_run", "first_step"}
    assert not list(tmp_path.glob("*.partial"))


def test_a_single_part_runs_in_a_fresh_interpreter(tmp_path):
    options = ["--rounds", 1, "--parts", "data", "--output", tmp_path / "out.json"]
    process = benchmark(*options, *SMALL, f"data.cache_dir={tmp_path / 'cache'}", real=True)
    assert process.returncode == 0, process.stderr
    assert "Traceback" not in process.stderr
    assert json.loads((tmp_path / "out.json").read_text())["data"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--rounds", "0"], "error: --rounds 0 must be 1 or more"),
        (["--parts", "data,tea"], "error: --parts tea: choose among training,data,judging"),
        (["epsilon=-1"], "error: epsilon=-1.0 is not a distortion budget"),
        (["--parts", "training", "--rounds", "9"], "error: 72 training images are 9 batches"),
        (["--parts", "training", "privatizer=filter"], "error: only privatizer=filter_generator"),
        (["--parts", "certificate"], "error: only privatizer=codebook can be timed"),
    ],
)
def test_a_mistake_is_reported_in_one_line(arguments, message, tmp_path):
    process = benchmark(*SMALL, *arguments, f"data.cache_dir={tmp_path / 'cache'}")
    assert message in error_line(process)


def test_an_unwritable_output_is_reported_in_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    options = ["--parts", "data", "--rounds", 1, "--output", tmp_path / "file" / "out.json"]
    process = benchmark(*options, *SMALL, f"data.cache_dir={tmp_path / 'cache'}")
    assert "error: cannot write" in error_line(process)


def test_the_time_and_memory_of_photographs_are_measured(tmp_path):
    overrides = [*SMALL, "image_size=32", f"data.cache_dir={tmp_path / 'cache'}"]
    run = BenchmarkRun(ROOT / "conf", overrides, tmp_path, rounds=1)
    measured = time_command(run, number=3, width=400)
    assert (measured["photographs"], measured["megapixels"]) == (3, 0.12)
    assert measured["faces_drawn"] == 4
    assert measured["seconds"] > 0
    assert 1e8 < measured["peak_bytes"] < 1e10
    assert measured["output_bytes"] > 1e4
    (line,) = describe_photographs({"photographs": measured})
    assert line.startswith("3 photographs of 0 megapixels with 4 faces on ")


def test_the_time_to_a_certificate_is_measured(tmp_path):
    output = tmp_path / "out.json"
    codebook = ["privatizer=codebook", "privatizer.codewords=4"]
    codebook += ["privatizer.principal_components=8"]
    process = benchmark(
        *("--parts", "certificate", "--output", output, *SMALL, *codebook),
        *("privatizer.width=16", f"data.cache_dir={tmp_path / 'cache'}"),
    )
    assert process.returncode == 0, process.stderr
    record = json.loads(output.read_text())["certificate"]
    assert (record["images"], record["codewords"], record["held_out_images"]) == (72, 4, 24)
    assert all(seconds > 0 for seconds in record["seconds"].values())
    assert "certified codebook of 4 codewords" in process.stdout
