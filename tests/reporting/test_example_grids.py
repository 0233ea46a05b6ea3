"""The report's grids of the faces that adversaries are surest of."""

from dataclasses import replace

import numpy as np
from sample_results import write_run

from privacy_gan.reporting.example_grids import make_example_grids
from privacy_gan.reporting.finished_runs import find_runs
from privacy_gan.reporting.records import all_evaluation_rows
from privacy_gan.runs.examples import Example, Examples
from privacy_gan.runs.faces import Faces
from privacy_gan.runs.folder import RunFolder
from privacy_gan.runs.result import Result

EXAMPLES = Examples("resnet18", 4, (Example(3, 1, 0.98),), (Example(5, 1, 0.6),))
IMAGE = np.full((1, 4, 4, 3), 40, np.uint8)


def write_examples(run, rows=("x", "x'")):
    """Add examples to a run that was written."""
    path = RunFolder(run).result_file
    result = Result.read(path)
    evaluations = {
        name: replace(evaluation, examples=EXAMPLES)
        for name, evaluation in result.evaluations.items()
    }
    replace(result, evaluations=evaluations).write(path)
    for kind, probability in (("surest", "98.0%"), ("median", "60.0%")):
        faces = Faces((f"s=1\n{probability}",), dict.fromkeys(rows, IMAGE))
        faces.write(RunFolder(run).examples("Smiling", kind))


def grids_below(folder):
    return make_example_grids(all_evaluation_rows(find_runs(folder).finished))


def test_grids_show_the_surest_and_the_median_faces_with_probabilities(tmp_path):
    write_examples(write_run(tmp_path))
    (surest, median), errors = grids_below(tmp_path)
    assert errors == []
    assert surest.name == "faces-faces-64-Smiling-filter_generator-entropy-surest"
    assert surest.faces.columns == ("Smiling: yes\n98.0%",)
    assert list(surest.faces.rows) == ["x", "x'"]
    assert surest.caption == (
        "Smiling in faces-64, filter_generator-entropy epsilon-0.01 seed-0: the test faces that "
        "resnet18 is surest of, from 4 censored versions of each. The percentage is the "
        "probability that it gives for the true value."
    )
    assert median.faces.columns == ("Smiling: yes\n60.0%",)
    assert "in the middle" in median.caption


def test_each_mechanism_shows_the_run_with_the_largest_leak(tmp_path):
    for seed, leak in enumerate((0.6, 0.8, 0.7)):
        write_examples(write_run(tmp_path, seed=seed, leaks=leak))
    write_examples(write_run(tmp_path, "blur", leaks=0.6))
    grids, _ = grids_below(tmp_path)
    assert [grid.caption.partition(":")[0] for grid in grids[::2]] == [
        "Smiling in faces-64, blur epsilon-0.01 seed-0",
        "Smiling in faces-64, filter_generator-entropy epsilon-0.01 seed-1",
    ]


def test_other_data_with_the_same_name_have_grids_of_their_own_name(tmp_path):
    write_examples(write_run(tmp_path / "a", key="a"))
    write_examples(write_run(tmp_path / "b", key="b"))
    grids, _ = grids_below(tmp_path)
    assert len({grid.name for grid in grids}) == len(grids) == 4


def test_results_without_examples_or_without_their_pictures_show_nothing(tmp_path):
    write_run(tmp_path)
    write_examples(shared := write_run(tmp_path, seed=1))
    for kind in ("surest", "median"):
        RunFolder(shared).examples("Smiling", kind).unlink()
    assert grids_below(tmp_path) == ([], [])


def test_pictures_without_originals_are_shown_and_damaged_ones_reported(tmp_path):
    write_examples(run := write_run(tmp_path), rows=["x'"])
    damaged = RunFolder(run).examples("Smiling", "median")
    damaged.write_bytes(b"")
    (grid,), (error,) = grids_below(tmp_path)
    assert list(grid.faces.rows) == ["x'"]
    assert f"{damaged} is damaged" in error
