"""Runs on Gaussian toy data compared with the optimum."""

from dataclasses import replace

import pytest
from presets import NUMBERS
from sample_results import learning_curves, write_run

from privacy_gan.commands.train import train
from privacy_gan.evaluation.optimum import gaussian_optimum
from privacy_gan.reporting.finished_runs import find_runs
from privacy_gan.reporting.optimum_gap import compare_with_optimum, gaussian_runs, optimum_table


def test_a_run_is_compared_with_the_optimum_at_its_measured_distortion(tiny, tmp_path):
    epsilon = 0.5
    where = f"classifiers.folder={tmp_path / 'classifiers'}"
    run, record = train(
        tiny(where, f"epsilon={epsilon}", "privatizer=filter", preset=NUMBERS, cached=False)
    )
    (gaussian,) = gaussian_runs(find_runs(tmp_path).finished)
    (comparison,) = compare_with_optimum([gaussian])
    assert comparison.folder == run
    assert comparison.epsilon == epsilon
    measured = record.evaluations["Sign"].measures["distortion"].censored.value
    assert comparison.distortion == pytest.approx(measured)
    (optimum,) = gaussian_optimum(2**0.5, 0.7, [measured])
    assert comparison.optimum == pytest.approx(optimum, abs=0.005)
    assert comparison.gap == comparison.accuracy.value - comparison.optimum
    (table,) = optimum_table([gaussian])
    assert f"{comparison.optimum:.1%}" in table.splitlines()[2]

    (evaluation,) = gaussian.result.evaluations.values()
    for curves, prefix in (({}, "at least "), (learning_curves(), "")):
        evaluations = {"Sign": replace(evaluation, curves=curves)}
        changed = replace(gaussian, result=replace(gaussian.result, evaluations=evaluations))
        (comparison,) = compare_with_optimum([changed])
        (table,) = optimum_table([changed])
        row = table.splitlines()[2]
        assert comparison.prefix == prefix
        assert f"  {prefix}{comparison.accuracy.value:.1%} [" in row
        assert row.endswith(f"  {prefix}{comparison.gap:.1%}")
        assert ("at least:" in table) == bool(prefix)


def test_runs_on_images_are_not_compared(tmp_path):
    write_run(tmp_path)
    runs = find_runs(tmp_path).finished
    assert gaussian_runs(runs) == []
    assert optimum_table([]) == []
