"""Which runs make a curve, and what they amount to over seeds."""

import pytest
from made_up import measure, write_run

from privacy_gan.reporting.curves import panels_of
from privacy_gan.reporting.judged import all_judged
from privacy_gan.reporting.reading import runs_below
from privacy_gan.reporting.seeds import OverSeeds


def panels(folder):
    return panels_of(all_judged(runs_below(folder).finished))


def test_mean_and_spread_over_seeds():
    assert OverSeeds.of([0.6, 0.7, 0.8]) == OverSeeds(pytest.approx(0.7), pytest.approx(0.1), 3)
    assert OverSeeds.of([0.6, None]) == OverSeeds(0.6, None, 1)
    assert OverSeeds.of([None]) is None


def test_seeds_are_one_point_and_budgets_one_curve(tmp_path):
    for epsilon in (0.05, 0.001):
        for seed, leaks in enumerate((0.7, 0.8)):
            write_run(tmp_path, epsilon=epsilon, seed=seed, leaks=leaks)
    ((curve,),) = (panel.curves for panel in panels(tmp_path))
    assert curve.name == "filter_generator-entropy"
    assert [point.epsilon for point in curve.points] == [0.001, 0.05]
    for point in curve.points:
        over = point.over_seeds("privacy_loss")
        assert (over.mean, over.seeds) == (pytest.approx(0.75), 2)
        assert over.std == pytest.approx(0.1 / 2**0.5)
        low, high = point.interval("privacy_loss")
        assert (low, high) == (pytest.approx(0.75 - over.std), pytest.approx(0.75 + over.std))


def test_of_one_seed_the_bar_is_its_interval_over_test_images(tmp_path):
    write_run(tmp_path, leaks=0.7)
    ((curve,),) = (panel.curves for panel in panels(tmp_path))
    assert curve.points[0].over_seeds("privacy_loss") == OverSeeds(0.7, None, 1)
    assert curve.points[0].interval("privacy_loss") == (pytest.approx(0.69), pytest.approx(0.71))


def test_runs_that_were_made_otherwise_are_never_averaged(tmp_path):
    write_run(tmp_path / "a", setup={"width": 16})
    write_run(tmp_path / "b", setup={"width": 32}, seed=1)
    (panel,) = panels(tmp_path)
    assert [curve.name for curve in panel.curves] == [
        "filter_generator-entropy, width=16",
        "filter_generator-entropy, width=32",
    ]


def test_what_cannot_be_compared_is_another_panel(tmp_path):
    write_run(tmp_path / "a")
    write_run(tmp_path / "b", settings={"judge.epochs": 2})
    write_run(tmp_path / "c", data="celeba-64")
    write_run(tmp_path / "d", attribute="Male")
    assert [panel.title for panel in panels(tmp_path)] == [  # in the paper's order of attributes
        "Smiling in faces-64, judged with judge.epochs=5",
        "Smiling in faces-64, judged with judge.epochs=2",
        "Smiling in celeba-64",
        "Male in faces-64",
    ]


def test_the_filter_alone_is_a_curve_of_its_own(tmp_path):
    write_run(tmp_path, leaks=0.7, baseline=0.85)
    (panel,) = panels(tmp_path)
    assert [curve.name for curve in panel.curves] == [
        "filter_generator-entropy",
        "filter_generator-entropy, its filter alone",
    ]


def test_a_training_that_was_judged_twice_counts_once(tmp_path):
    write_run(tmp_path / "a", leaks=0.7)
    again = write_run(tmp_path / "b", leaks=0.9)
    (panel,) = panels(tmp_path)
    assert panel.curves[0].points[0].mean("privacy_loss") == 0.7
    assert [entry.folder.path for entry in panel.repeated] == [again]


def test_the_hypervolume_is_that_of_each_seed_where_all_have_all_budgets(tmp_path):
    # the square's edges are 0.9 and 0.5, 0.55 and 0.95
    write_run(tmp_path, seed=0, leaks=0.7, utility=0.75)  # a half of both
    write_run(tmp_path, seed=1, leaks=0.5, utility=0.75)
    (panel,) = panels(tmp_path)
    area = panel.hypervolume(panel.curves[0])
    assert (area.mean, area.seeds) == (pytest.approx((0.25 + 0.5) / 2), 2)
    write_run(tmp_path, seed=0, leaks=0.9, utility=0.95, epsilon=0.001)
    (panel,) = panels(tmp_path)
    area = panel.hypervolume(panel.curves[0])  # of the means: 0.6, 0.75
    assert (area.mean, area.seeds) == (pytest.approx(0.75 * 0.5), 1)


def test_without_anything_to_learn_there_is_no_square(tmp_path):
    write_run(tmp_path, utility_score=measure(0.8))
    (panel,) = panels(tmp_path)
    assert panel.square() is None
    assert panel.hypervolume(panel.curves[0]) is None
