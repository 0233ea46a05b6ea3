"""Finished runs side by side."""

import json
import os
import subprocess
import sys

import pytest
from tiny_runs import ROOT

from privacy_gan.errors import UserError
from privacy_gan.reporting.side_by_side import compare_runs


def estimate(value):
    return {"value": value, "low": value - 0.01, "high": value + 0.01}


def measure(value):
    return {
        "censored": estimate(value),
        "original": estimate(0.9),
        "prior": estimate(0.5),
        "floor": None,
    }


def write_run(folder, mechanism, leaks):
    """Write a result in which an attribute leaks so much."""
    run = folder / mechanism / "Smiling" / "epsilon-0.01" / "seed-0"
    run.mkdir(parents=True)
    evaluations = {
        attribute: {
            "attribute": attribute,
            "measures": {"privacy_loss": measure(leak), "distortion": measure(0.01)},
        }
        for attribute, leak in leaks.items()
    }
    (run / "result.json").write_text(json.dumps({"evaluations": evaluations}))
    return run


def test_each_attribute_has_a_table_and_who_leaks_most_comes_first(tmp_path):
    write_run(tmp_path, "blur", {"Smiling": 0.6})
    write_run(tmp_path, "stargan-10", {"Smiling": 0.85})
    write_run(tmp_path, "stack", {"Smiling": 0.55, "Male": 0.7})
    write_run(tmp_path, "filter-entropy", {})  # was not judged
    smiling, male = compare_runs(tmp_path).split("\n\n")
    names = [line.split("  ")[0] for line in smiling.splitlines()]
    assert names[0] == "Smiling"
    assert names[2:] == [
        "stargan-10 epsilon-0.01 seed-0",
        "blur epsilon-0.01 seed-0",
        "stack epsilon-0.01 seed-0",
        "(original)",
        "(floor)",
        "(prior)",
    ]
    assert "85.0% [84.0, 86.0%]" in smiling.splitlines()[2]
    assert male.splitlines()[0].startswith("Male")
    assert "70.0%" in male
    assert len({len(line) for line in smiling.splitlines()}) == 1


def test_a_damaged_result_is_named(tmp_path):
    run = write_run(tmp_path, "blur", {"Smiling": 0.6})
    (run / "result.json").write_text("{")
    with pytest.raises(UserError, match=r"result.json is unreadable"):
        compare_runs(tmp_path)


def test_the_command_says_where_there_is_nothing(tmp_path):
    process = subprocess.run(
        [sys.executable, str(ROOT / "experiments" / "compare.py"), f"folder={tmp_path}"],
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ,
        check=False,
    )
    assert process.returncode == 2
    assert process.stderr.strip() == f"error: no judged run lies below {tmp_path}"
