"""Figures 2 and 4 from the faces of runs."""

import numpy as np
from sample_results import write_run
from test_report import write_faces

from privacy_gan.reporting.face_grids import load_run_faces, make_face_grids
from privacy_gan.reporting.records import find_runs
from privacy_gan.runs.faces import draw_grid


def grids_below(folder):
    faces, errors = load_run_faces(find_runs(folder).finished)
    return {grid.name: grid.faces for grid in make_face_grids(faces)}, errors


def brightness(images):
    return [int(image.mean()) for image in images]


def test_a_budget_grid_has_the_papers_rows_and_a_face_of_each_class(tmp_path):
    for epsilon in (0.01, 0.001):
        write_faces(write_run(tmp_path, epsilon=epsilon))
    grids, errors = grids_below(tmp_path)
    (faces,) = grids.values()
    assert errors == []
    assert list(faces.rows) == ["x", "x'", "x''  s'=0", "x''  s'=1"]
    assert faces.columns == (
        "Smiling: no\nepsilon 0.001",
        "Smiling: no\nepsilon 0.01",
        "Smiling: yes\nepsilon 0.001",
        "Smiling: yes\nepsilon 0.01",
    )
    assert brightness(faces.rows["x'"]) == [40] * 4


def test_faces_are_those_of_the_first_seed(tmp_path):
    write_faces(write_run(tmp_path, seed=1))
    write_faces(write_run(tmp_path, seed=0), ("x", "x'"))
    (faces,) = grids_below(tmp_path)[0].values()
    assert list(faces.rows) == ["x", "x'"]


def test_the_grid_of_mechanisms_shows_faces_with_another_s(tmp_path):
    write_faces(write_run(tmp_path, epsilon=0.001))
    write_faces(write_run(tmp_path, epsilon=0.01))
    write_faces(write_run(tmp_path, "blur", epsilon=0.01), ("x", "x'"))
    faces = grids_below(tmp_path)[0]["faces-faces-64-Smiling-all"]
    assert faces.columns == ("epsilon 0.001", "epsilon 0.01")
    assert list(faces.rows) == ["x", "blur", "filter_generator-entropy"]
    assert brightness(faces.rows["filter_generator-entropy"]) == [120, 120]  # s is 0, so s'=1
    assert brightness(faces.rows["blur"]) == [255, 40]  # blank without a run at the first budget


def test_each_attribute_and_data_set_has_its_own_grid_below(tmp_path):
    for more in ({}, {"attribute": "Male"}, {"data": "celeba-64"}):
        write_faces(write_run(tmp_path, **more))
    assert len(grids_below(tmp_path)[0]) == 3


def test_runs_with_the_same_name_and_other_settings_are_numbered(tmp_path):
    write_faces(write_run(tmp_path / "a", setup={"width": 8}))
    write_faces(write_run(tmp_path / "b", setup={"width": 16}))
    assert list(grids_below(tmp_path)[0]) == [
        "faces-faces-64-Smiling-filter_generator-entropy (1)",
        "faces-faces-64-Smiling-filter_generator-entropy (2)",
        "faces-faces-64-Smiling-all",
    ]


def test_a_long_name_fits(tmp_path):
    name = "a mechanism of one's own with a rather long name"
    write_faces(write_run(tmp_path, name))
    write_faces(write_run(tmp_path, "blur"), ("x", "x'"))
    faces = grids_below(tmp_path)[0]["faces-faces-64-Smiling-all"]
    picture = np.asarray(draw_grid(faces).convert("L"))
    left_edge = picture[:, :4]
    assert left_edge.min() > 200, "the name is cut off"
