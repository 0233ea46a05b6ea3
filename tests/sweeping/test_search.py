"""The search for the best trade-off: its suggestions, its objective, and that it resumes."""

from statistics import median
from types import SimpleNamespace

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from presets import JUDGED
from sweeps import TWO_AT_ONCE, finish_times, sweep

from privacy_gan.errors import UserError
from privacy_gan.sweeping.search import Search, objective
from privacy_gan.sweeping.swept_run import FAILED, FINISHED

pytest.importorskip("optuna")

TYPED = [
    *("seed=3", "width=choice(8,16)", "epsilon=tag(log,interval(0.001,0.05))"),
    "data.batch_size=int(interval(8,32))",
]


# hair colours, which small networks can learn, and enough faces to learn them from original images
LEARNABLE = [
    *("attribute=Black_Hair", "judge.attributes=[Black_Hair,Blond_Hair]", "data.num_test=64"),
    *("data.num_train=512", "data.num_valid=128", "classifiers.epochs=6", "judge.max_epochs=6"),
    *("classifiers.batch_size=16", "judge.queries=[1]"),
    *("judge.adversaries.inversion=null", "data.batch_size=16"),
]


def run(utility, gain, status=FINISHED):
    validation = {"normalized_utility": utility, "normalized_gain": gain}
    judged = {"Smiling": SimpleNamespace(validation=validation)}
    return SimpleNamespace(status=status, evaluations=lambda: judged)


def search(*typed, seed=0):
    return Search(OverridesParser.create().parse_overrides(list(typed or TYPED)), seed, 2.0)


def values_of(overrides):
    return dict(override.split("=") for override in overrides)


def test_suggestions_are_within_the_typed_ranges():
    for _, overrides in search().ask(30):
        values = values_of(overrides)
        assert values["seed"] == "3"
        assert values["width"] in ("8", "16")
        assert 0.001 <= float(values["epsilon"]) <= 0.05
        assert 8 <= int(values["data.batch_size"]) <= 32


def test_results_guide_the_search_deterministically():
    def suggest():
        study, suggested = search(), []
        for _ in range(60):
            ((trial, overrides),) = study.ask(1)
            suggested.append(float(values_of(overrides)["epsilon"]))
            study.tell(trial, run(utility=1 - suggested[-1], gain=0))
        return suggested

    first = suggest()
    # small budgets are better, so that later suggestions are smaller
    assert median(first[40:]) < median(first[:20])
    assert median(first[40:]) < 0.003  # the middle of the logarithmic range is 0.007
    assert suggest() == first


def test_objective_is_utility_minus_weighted_gain_of_a_finished_run():
    assert objective(run(0.75, 0.25), leak_weight=2) == 0.25
    assert objective(run(0.75, None), leak_weight=2) is None
    assert objective(run(0.75, 0.25, status=FAILED), leak_weight=2) is None


def test_a_failed_run_is_never_the_best():
    study = search("epsilon=interval(0.1,0.2)")
    (first, _), (second, _) = study.ask(2)
    study.tell(first, None)
    assert study.format_best().startswith("the search has no best run")
    study.tell(second, run(0.5, 0.1))
    assert study.format_best().startswith("best of 1 on the validation split: epsilon=0.1")
    assert study.format_best().endswith("utility minus 2 x gain is 0.300")


def test_the_last_override_of_a_setting_counts():
    ((_, overrides),) = search("epsilon=0.1,0.2", "width=8,16", "epsilon=0.3").ask(1)
    assert values_of(overrides)["epsilon"] == "0.3"


def test_a_search_without_a_range_is_refused():
    with pytest.raises(UserError, match="nothing to search"):
        search("epsilon=0.01")


def test_a_repeated_search_skips_its_finished_runs(tmp_path):
    grid = [
        *(override for override in JUDGED if "adversaries.inversion" not in override),
        *LEARNABLE,
        f"classifiers.folder={tmp_path / 'classifiers'}",
        "privatizer=noise",
        "hydra/sweeper=optuna",
        "hydra.sweeper.trials=2",
        *TWO_AT_ONCE,  # whose processes also run the second suggestion
        "epsilon=interval(0.001,0.05)",
    ]
    first = sweep(tmp_path, *grid)
    assert first.returncode == 0, first.stderr
    assert "sweep of 2 runs: 2 finished" in first.stdout
    before = finish_times(tmp_path)
    assert all(path.parent.name.startswith("seed-0-epsilon-0.0") for path in before)
    assert all("started" in (path.parent / "output.log").read_text() for path in before)
    again = sweep(tmp_path, *grid)
    assert "sweep of 2 runs: 2 already finished" in again.stdout
    assert finish_times(tmp_path) == before
    (best,) = [line for line in first.stdout.splitlines() if line.startswith("best of 2 on")]
    assert best in again.stdout
