"""Names and folders tell a sweep's runs apart."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from privacy_gan.errors import UserError
from privacy_gan.sweeping.swept_run import (
    folder_override,
    require_distinct_folders,
    run_names,
    unnamed_keys,
)


def run(folder, *overrides):
    return SimpleNamespace(folder=Path(folder), overrides=overrides)


def test_runs_are_called_by_what_was_not_typed_for_all_of_them():
    runs = [run("a", "x=1", "seed=0"), run("b", "x=1", "seed=1")]
    assert run_names(runs) == ["seed=0", "seed=1"]
    assert run_names([run("outputs/faces/filter/Male/epsilon-1/seed-0", "x=1")]) == [
        "filter/Male/epsilon-1/seed-0"
    ]


def test_only_what_folders_leave_out_is_added_to_them():
    runs = [
        run(f"out/seed-{seed}", f"width={width}", f"seed={seed}", "x=1")
        for width in (8, 16)
        for seed in (0, 1)
    ]
    assert unnamed_keys(runs) == ["width"]
    assert folder_override(runs[3], ["width"]) == "run_dir='out/seed-1-width-16'"
    assert unnamed_keys(runs[:2]) == []


def test_names_hold_nothing_that_a_path_or_a_shell_would_mind():
    odd = run("o'ut/seed-0", "judge.queries=[1,16]", "+a/b@c='d e'")
    assert folder_override(odd, ["judge.queries", "a/b@c"]) == (
        r"run_dir='o\'ut/seed-0-judge.queries-1_16-a_b_c-d_e'"
    )


def test_runs_that_would_share_a_folder_all_the_same_are_refused():
    with pytest.raises(UserError, match=r"runs with x=a/b and with x=a:b would share the folder"):
        require_distinct_folders([run("out/x-a_b", "x=a/b"), run("out/x-a_b", "x=a:b")])
