"""A sweep's runs have distinct names and folders."""

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


def test_runs_are_named_after_the_overrides_that_vary():
    runs = [run("a", "x=1", "seed=0"), run("b", "x=1", "seed=1")]
    assert run_names(runs) == ["seed=0", "seed=1"]
    assert run_names([run("outputs/faces/filter/Male/epsilon-1/seed-0", "x=1")]) == [
        "filter/Male/epsilon-1/seed-0"
    ]


def test_only_settings_that_the_folder_names_lack_are_added():
    runs = [
        run(f"out/seed-{seed}", f"width={width}", f"seed={seed}", "x=1")
        for width in (8, 16)
        for seed in (0, 1)
    ]
    assert unnamed_keys(runs) == ["width"]
    assert folder_override(runs[3], ["width"]) == "run_dir='out/seed-1-width-16'"
    assert unnamed_keys(runs[:2]) == []


def test_folder_names_have_no_special_characters():
    odd = run("o'ut/seed-0", "judge.queries=[1,16]", "+a/b@c='d e'")
    assert folder_override(odd, ["judge.queries", "a/b@c"]) == (
        r"run_dir='o\'ut/seed-0-judge.queries-1_16-a_b_c-d_e'"
    )


def test_runs_that_would_still_share_a_folder_are_refused():
    with pytest.raises(UserError, match=r"runs with x=a/b and with x=a:b would share the folder"):
        require_distinct_folders([run("out/x-a_b", "x=a/b"), run("out/x-a_b", "x=a:b")])
