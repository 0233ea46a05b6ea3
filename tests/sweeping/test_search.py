"""A search for the best trade-off: what is sought, and that it goes on when it is repeated."""

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


# colours, which small networks see, and as many faces as it takes to tell something from original
# ones
LEARNABLE = [
    *("attribute=Black_Hair", "judge.attributes=[Black_Hair,Blond_Hair]", "data.num_test=64"),
    *("data.num_train=512", "data.num_valid=128", "classifiers.epochs=6", "judge.epochs=6"),
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


def test_suggestions_are_within_what_was_typed():
    for _, overrides in search().ask(30):
        found = values_of(overrides)
        assert found["seed"] == "3"
        assert found["width"] in ("8", "16")
        assert 0.001 <= float(found["epsilon"]) <= 0.05
        assert 8 <= int(found["data.batch_size"]) <= 32


def test_what_is_learned_moves_the_search_and_the_same_outcomes_move_it_alike():
    def begin():
        found, suggested = search(), []
        for _ in range(60):
            ((trial, overrides),) = found.ask(1)
            suggested.append(float(values_of(overrides)["epsilon"]))
            found.tell(trial, run(utility=1 - suggested[-1], gain=0))
        return suggested

    first = begin()
    # small budgets did better: later suggestions are smaller
    assert median(first[40:]) < median(first[:20])
    assert median(first[40:]) < 0.003  # of the range's logarithm, the middle is 0.007
    assert begin() == first


def test_worth_is_utility_less_the_weighted_leak_of_a_finished_run():
    assert objective(run(0.75, 0.25), leak_weight=2) == 0.25
    assert objective(run(0.75, None), leak_weight=2) is None
    assert objective(run(0.75, 0.25, status=FAILED), leak_weight=2) is None


def test_runs_that_failed_are_not_the_best():
    found = search("epsilon=interval(0.1,0.2)")
    (first, _), (second, _) = found.ask(2)
    found.tell(first, None)
    assert found.format_best().startswith("the search has no best run")
    found.tell(second, run(0.5, 0.1))
    assert found.format_best().startswith("best of 1 on the validation split: epsilon=0.1")
    assert found.format_best().endswith("utility minus 2 x gain is 0.300")


def test_what_is_typed_last_counts():
    ((_, overrides),) = search("epsilon=0.1,0.2", "width=8,16", "epsilon=0.3").ask(1)
    assert values_of(overrides)["epsilon"] == "0.3"


def test_there_must_be_something_to_search():
    with pytest.raises(UserError, match="nothing to search"):
        search("epsilon=0.01")


def test_a_search_that_is_repeated_finds_its_runs_finished_and_goes_on(tmp_path):
    grid = [
        *(override for override in JUDGED if "adversaries.inversion" not in override),
        *LEARNABLE,
        f"classifiers.folder={tmp_path / 'classifiers'}",
        "privatizer=noise",
        "hydra/sweeper=optuna",
        "hydra.sweeper.trials=2",
        *TWO_AT_ONCE,  # whose processes stay for the second suggestion
        "epsilon=interval(0.001,0.05)",
    ]
    first = sweep(tmp_path, *grid)
    assert first.returncode == 0, first.stderr
    assert "sweep of 2 runs: 2 finished" in first.stdout
    before = finish_times(tmp_path)
    assert all(path.parent.name.startswith("seed-0-epsilon-0.0") for path in before)
    assert all("begun" in (path.parent / "output.log").read_text() for path in before)
    again = sweep(tmp_path, *grid)
    assert "sweep of 2 runs: 2 finished before" in again.stdout
    assert finish_times(tmp_path) == before
    (best,) = [line for line in first.stdout.splitlines() if line.startswith("best of 2 on")]
    assert best in again.stdout
