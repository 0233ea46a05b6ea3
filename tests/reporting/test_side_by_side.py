"""Finished runs side by side."""

import os
import subprocess
import sys

import pytest
from tiny_runs import ROOT

from privacy_gan.errors import UserError
from privacy_gan.reporting.side_by_side import compare_runs
from privacy_gan.runs.result import RESULT_VERSION, Estimate, Evaluation, Measure, Result

ALONE = "epsilon-0.01 seed-0"


def estimate(value):
    return Estimate(value, value - 0.01, value + 0.01)


def measure(value, original):
    return Measure(estimate(value), estimate(original), estimate(0.5))


def write_run(
    folder,
    mechanism,
    leaks,
    data="faces-64",
    key="0123456789abcdef",
    settings=(),
    original=0.9,
    version=RESULT_VERSION,
    seed=0,
):
    """Write a result in which an attribute leaks so much."""
    run = folder / mechanism / "Smiling" / "epsilon-0.01" / f"seed-{seed}"
    run.mkdir(parents=True)
    evaluations = {
        attribute: Evaluation(
            attribute=attribute,
            classes=("0", "1"),
            images={},
            measures={
                "privacy_loss": measure(leak, original),
                "paper_privacy_loss": measure(leak - 0.02, original - 0.02),
                "distortion": measure(0.01, 0),
            },
            strongest={},
            settings={"judge.epochs": 5, "judge.seed": seed, **dict(settings)},
        )
        for attribute, leak in leaks.items()
    }
    result = Result(data, {"data.key": key}, {}, evaluations, baseline=None, version=version)
    result.write(run / "result.json")
    return run


def tables(folder):
    """Return the tables by title, each a list of lines, and the legend."""
    *found, legend = compare_runs(folder).split("\n\n")
    titles, bodies = found[::2], found[1::2]
    return {t: b.splitlines() for t, b in zip(titles, bodies, strict=True)}, legend


def test_each_attribute_has_a_table_and_who_leaks_most_comes_first(tmp_path):
    write_run(tmp_path, "blur", {"Smiling": 0.6})
    write_run(tmp_path, "stargan-10", {"Smiling": 0.85})
    write_run(tmp_path, "stack", {"Smiling": 0.55, "Male": 0.7})
    write_run(tmp_path, "filter-entropy", {})  # was not judged
    found, legend = tables(tmp_path)
    assert list(found) == [f"{name} in faces-64, {ALONE}" for name in ("Smiling", "Male")]
    smiling = found[f"Smiling in faces-64, {ALONE}"]
    assert [line.split("  ")[0] for line in smiling[2:]] == [
        "stargan-10",
        "blur",
        "stack (Smiling and Male)",
        "(original)",
        "(floor)",
        "(prior)",
    ]
    assert "85.0% [84.0, 86.0%]" in smiling[2]
    assert "70.0%" in "".join(found[f"Male in faces-64, {ALONE}"])
    assert len({len(line) for line in smiling}) == 1
    assert "over test images" in legend


def test_the_papers_own_measure_has_a_column(tmp_path):
    write_run(tmp_path, "blur", {"Smiling": 0.6})
    (lines,) = tables(tmp_path)[0].values()
    assert "the paper's way" in lines[0]
    assert "60.0% [59.0, 61.0%]" in lines[2]
    assert "58.0%" in lines[2]
    assert "88.0%" in lines[3]  # the same adversary on original images


def test_other_images_are_another_table_with_bounds_of_their_own(tmp_path):
    write_run(tmp_path / "a", "blur", {"Smiling": 0.6}, data="celeba-64", original=0.91)
    write_run(tmp_path / "b", "blur", {"Smiling": 0.7}, data="celeba-128", original=0.95)
    found, _ = tables(tmp_path)
    assert list(found) == [f"Smiling in celeba-{size}, {ALONE}" for size in (64, 128)]
    assert "91.0%" in found[f"Smiling in celeba-64, {ALONE}"][3]
    assert "95.0%" in found[f"Smiling in celeba-128, {ALONE}"][3]


def test_images_of_one_name_that_are_others_are_told_apart(tmp_path):
    write_run(tmp_path / "a", "blur", {"Smiling": 0.6})
    write_run(tmp_path / "b", "blur", {"Smiling": 0.7}, key="fedcba9876543210")
    assert list(tables(tmp_path)[0]) == [
        f"Smiling in faces-64, {ALONE} (01234567)",
        f"Smiling in faces-64, {ALONE} (fedcba98)",
    ]


def test_another_judge_is_another_table_and_what_differs_is_said(tmp_path):
    write_run(tmp_path / "a", "blur", {"Smiling": 0.6})
    write_run(tmp_path / "b", "noise", {"Smiling": 0.7}, settings={"judge.epochs": 2})
    assert list(tables(tmp_path)[0]) == [
        f"Smiling in faces-64, {ALONE}, judged with judge.epochs=5",
        f"Smiling in faces-64, {ALONE}, judged with judge.epochs=2",
    ]


def test_seeds_are_compared(tmp_path):
    write_run(tmp_path, "blur", {"Smiling": 0.6})
    write_run(tmp_path, "blur", {"Smiling": 0.62}, seed=1)
    ((title, lines),) = tables(tmp_path)[0].items()
    assert title == "Smiling in faces-64"
    assert [line.split("  ")[0] for line in lines[2:4]] == [
        "blur epsilon-0.01 seed-1",
        "blur epsilon-0.01 seed-0",
    ]


def test_runs_of_one_name_are_told_apart_by_their_folders(tmp_path):
    narrow = write_run(tmp_path / "width-16", "filter", {"Smiling": 0.6})
    wide = write_run(tmp_path / "width-32", "filter", {"Smiling": 0.5})
    (lines,) = tables(tmp_path)[0].values()
    assert str(narrow) in lines[2]
    assert str(wide) in lines[3]


def test_a_damaged_result_is_named(tmp_path):
    run = write_run(tmp_path, "blur", {"Smiling": 0.6})
    (run / "result.json").write_text("{")
    with pytest.raises(UserError, match=r"result.json is unreadable"):
        compare_runs(tmp_path)


@pytest.mark.parametrize("version", [3, RESULT_VERSION + 1])
def test_a_result_of_another_version_is_refused_with_what_to_do(version, tmp_path):
    run = write_run(tmp_path, "blur", {"Smiling": 0.6}, version=version)
    with pytest.raises(UserError, match=rf"{run}.* another version.*: repeat the command"):
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
