"""Figures 2 and 4 from the faces of runs."""

import numpy as np
from sample_results import write_run
from test_report import write_faces

from privacy_gan.reporting.face_grids import load_run_faces, make_face_grids
from privacy_gan.reporting.finished_runs import find_runs
from privacy_gan.runs.faces import Faces, draw_grid


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
    assert list(faces.rows) == ["x", "x'", "x''  s'=no", "x''  s'=yes"]
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


def test_each_attribute_and_data_set_has_its_own_grid(tmp_path):
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


def test_columns_name_the_class_of_each_face():
    faces = Faces(("s=0", "s=1"), {"x": np.zeros((2, 8, 8, 3), np.uint8)})
    binary = faces.with_class_names("Wearing_Lipstick", ("0", "1"))
    assert binary.columns == ("Wearing Lipstick: no", "Wearing Lipstick: yes")
    classes = ("Black_Hair", "Blond_Hair")
    assert faces.with_class_names("+".join(classes), classes).columns == (
        "Black Hair",
        "Blond Hair",
    )


def test_faces_of_a_run_that_was_not_judged_have_labels_too(tmp_path):
    write_faces(write_run(tmp_path, leaks=None))
    write_faces(write_run(tmp_path, leaks=None, attribute="Black_Hair+Blond_Hair"))
    by_name = grids_below(tmp_path)[0]
    columns = {label for faces in by_name.values() for label in faces.columns}
    assert columns == {
        *("Smiling: no\nepsilon 0.01", "Smiling: yes\nepsilon 0.01"),
        *("s=0\nepsilon 0.01", "s=1\nepsilon 0.01"),  # classes are unknown
    }


def test_a_long_column_label_fits():
    faces = Faces(("s=0", "s=1"), {"x": np.full((2, 8, 8, 3), 255, np.uint8)})
    picture = draw_grid(faces.with_class_names("Mouth_Slightly_Open", ("0", "1")))
    between = np.asarray(picture.convert("L"))[:, 96 + 128 : 96 + 132]  # between the columns
    assert between.min() > 200, "labels overlap"


def test_a_long_name_fits(tmp_path):
    name = "a mechanism defined by a user, with a long name"
    write_faces(write_run(tmp_path, name))
    write_faces(write_run(tmp_path, "blur"), ("x", "x'"))
    faces = grids_below(tmp_path)[0]["faces-faces-64-Smiling-all"]
    picture = np.asarray(draw_grid(faces).convert("L"))
    left_edge = picture[:, :4]
    assert left_edge.min() > 200, "the name is cut off"
