"""Figures 2 and 4 from what runs left."""

import numpy as np
from sample_results import write_run
from test_report import leave_faces

from privacy_gan.reporting.face_grids import load_run_faces, make_face_grids
from privacy_gan.reporting.records import find_runs
from privacy_gan.runs.faces import draw_grid


def grids(folder):
    faces, errors = load_run_faces(find_runs(folder).finished)
    return {grid.name: grid.faces for grid in make_face_grids(faces)}, errors


def shade(images):
    return [int(image.mean()) for image in images]


def test_rows_are_the_papers_and_columns_are_budgets_for_a_face_of_each_class(tmp_path):
    for epsilon in (0.01, 0.001):
        leave_faces(write_run(tmp_path, epsilon=epsilon))
    found, troubles = grids(tmp_path)
    (faces,) = found.values()
    assert troubles == []
    assert list(faces.rows) == ["x", "x'", "x''  s'=0", "x''  s'=1"]
    assert faces.columns == (
        "s=0 epsilon 0.001",
        "s=0 epsilon 0.01",
        "s=1 epsilon 0.001",
        "s=1 epsilon 0.01",
    )
    assert shade(faces.rows["x'"]) == [40] * 4


def test_the_first_seeds_faces_are_shown(tmp_path):
    leave_faces(write_run(tmp_path, seed=1))
    leave_faces(write_run(tmp_path, seed=0), ("x", "x'"))
    (faces,) = grids(tmp_path)[0].values()
    assert list(faces.rows) == ["x", "x'"]


def test_mechanisms_are_rows_and_show_what_they_release_with_another_s(tmp_path):
    leave_faces(write_run(tmp_path, epsilon=0.001))
    leave_faces(write_run(tmp_path, epsilon=0.01))
    leave_faces(write_run(tmp_path, "blur", epsilon=0.01), ("x", "x'"))
    faces = grids(tmp_path)[0]["faces-faces-64-Smiling-all"]
    assert faces.columns == ("epsilon 0.001", "epsilon 0.01")
    assert list(faces.rows) == ["x", "blur", "filter_generator-entropy"]
    assert shade(faces.rows["filter_generator-entropy"]) == [120, 120]  # s is 0, so s'=1
    assert shade(faces.rows["blur"]) == [255, 40]  # at the first budget there is none


def test_other_attributes_and_data_are_other_grids(tmp_path):
    for more in ({}, {"attribute": "Male"}, {"data": "celeba-64"}):
        leave_faces(write_run(tmp_path, **more))
    assert len(grids(tmp_path)[0]) == 3


def test_runs_of_one_name_that_were_made_otherwise_are_numbered(tmp_path):
    leave_faces(write_run(tmp_path / "a", setup={"width": 8}))
    leave_faces(write_run(tmp_path / "b", setup={"width": 16}))
    assert list(grids(tmp_path)[0]) == [
        "faces-faces-64-Smiling-filter_generator-entropy (1)",
        "faces-faces-64-Smiling-filter_generator-entropy (2)",
        "faces-faces-64-Smiling-all",
    ]


def test_a_long_name_has_room(tmp_path):
    name = "a mechanism of one's own with a rather long name"
    leave_faces(write_run(tmp_path, name))
    leave_faces(write_run(tmp_path, "blur"), ("x", "x'"))
    faces = grids(tmp_path)[0]["faces-faces-64-Smiling-all"]
    picture = np.asarray(draw_grid(faces).convert("L"))
    left = picture[:, :4]
    assert left.min() > 200, "the name is cut off"
