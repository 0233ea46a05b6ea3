"""The report command, on folders of all kinds."""

import csv
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from commands import ROOT, cli
from PIL import Image
from sample_results import write_run
from wandb_server import sync_offline_runs

from privacy_gan.runs.faces import Faces
from privacy_gan.runs.result import RESULT_VERSION

TABLES = [f"table{number}.{suffix}" for number in (1, 2, 3) for suffix in ("csv", "md", "tex")]
FIGURE = ["figure1.pdf", "figure1.png", "figure1.svg"]
CURVES = ["learning_curves.pdf", "learning_curves.png", "learning_curves.svg"]


def report(folder, *overrides, **options):
    process = cli(
        "report", f"folder={folder}", *overrides, env={"WANDB_MODE": "offline"}, **options
    )
    assert "Traceback" not in process.stderr
    return process


def files_of(folder):
    return sorted(
        path.name
        for path in (folder / "report").iterdir()
        if not path.is_dir() and not path.name.startswith(".")
    )


def write_faces(run, labels=("x", "x'", "x''  s'=0", "x''  s'=1")):
    """Write faces.png with one colour for each row: 0 for x, 40 for the next row, and so on."""
    rows = {
        label: np.full((4, 16, 16, 3), 40 * number, np.uint8) for number, label in enumerate(labels)
    }
    Faces(("s=0", "s=1", "s=0", "s=1"), rows).write(run / "faces.png")


def test_the_report_on_an_empty_folder_says_so(tmp_path):
    process = report(tmp_path)
    assert process.returncode == 0, process.stderr
    assert "No runs found." in process.stdout
    assert files_of(tmp_path) == ["report.html"]
    assert "No runs found." in (tmp_path / "report" / "report.html").read_text()


def test_a_missing_folder_is_an_error_of_one_line(tmp_path):
    process = report(tmp_path / "nowhere")
    assert process.returncode == 2
    assert process.stderr.strip() == (
        f"error: folder={tmp_path / 'nowhere'} is not a folder: name the folder that "
        "contains the runs"
    )


def test_figure_tables_faces_and_page(tmp_path):
    for epsilon in (0.001, 0.01):
        write_faces(write_run(tmp_path, data="celeba-64", epsilon=epsilon, baseline=0.85))
        write_faces(
            write_run(tmp_path, "generator", data="celeba-64", epsilon=epsilon),
            ("x", "x''  s'=0", "x''  s'=1"),
        )
    process = report(tmp_path, real=True)
    assert process.returncode == 0, process.stderr
    faces = [
        f"faces-celeba-64-Smiling-{name}.png"
        for name in ("all", "filter_generator-entropy", "generator")
    ]
    others = ["report.html", "results.csv"]
    assert files_of(tmp_path) == sorted([*faces, *FIGURE, *CURVES, *TABLES, *others])
    for name in files_of(tmp_path):
        assert name in process.stdout
    assert "filter_generator-entropy's filter alone" in process.stdout
    with Image.open(tmp_path / "report" / "figure1.png") as picture:
        assert np.asarray(picture.convert("L")).std() > 10
    svg = (tmp_path / "report" / "figure1.svg").read_text()
    for text in (
        *("majority baseline", "correlation baseline", "original", "0.001"),
        *("filter_generator-entropy", "Table 3"),
    ):
        assert text in svg, text
    assert "hollow" not in svg  # all adversaries were done
    with (tmp_path / "report" / "table3.csv").open(newline="") as file:
        assert {row["column"] for row in csv.DictReader(file)} >= {"filter", "generator"}


def test_results_without_learning_curves_have_lower_bounds_and_no_empty_plots(tmp_path):
    write_run(tmp_path, curves={})
    write_run(tmp_path, curves={}, data="celeba-64")
    assert report(tmp_path).returncode == 0
    assert not [name for name in files_of(tmp_path) if name.startswith("learning_curves")]
    assert "hollow: at least" in (tmp_path / "report" / "figure1.svg").read_text()
    page = (tmp_path / "report" / "report.html").read_text()
    assert "There are no learning curves of Smiling in celeba-64; Smiling in faces-64." in page
    assert "data-learning=" not in page
    assert "<td>at least 80.0%</td>" in page


def test_committed_results_without_learning_curves_can_be_reported(tmp_path):
    process = report(ROOT / "docs" / "results" / "example", f"output={tmp_path / 'report'}")
    assert process.returncode == 0, process.stderr
    page = (tmp_path / "report" / "report.html").read_text()
    assert "There are no learning curves of Smiling in celeba-32" in page
    assert "of at least " in page


def test_the_same_results_make_the_same_files(tmp_path):
    write_run(tmp_path)
    previous = {}
    for _ in range(2):
        assert report(tmp_path).returncode == 0
        written = {name: (tmp_path / "report" / name).read_bytes() for name in files_of(tmp_path)}
        del written["report.html"]  # contains the time
        assert previous in ({}, written)
        previous = written


def test_the_report_names_unfinished_runs_and_damaged_files(tmp_path):
    write_faces(write_run(tmp_path, epsilon=0.001))
    no_faces = write_run(tmp_path, epsilon=0.005)
    (no_faces / "faces.png").write_bytes(b"no picture")
    cut = write_run(tmp_path, epsilon=0.01)
    (cut / "result.json").write_text((cut / "result.json").read_text()[:100])
    old = write_run(tmp_path, epsilon=0.02, version=RESULT_VERSION - 2)
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "result.json").write_text("[1, 2]")
    (tmp_path / "folder" / "result.json").mkdir(parents=True)
    half = tmp_path / "half"
    half.mkdir()
    (half / "config.yaml").write_text(
        "privatizer: {}\noverrides: [epsilon=0.03, 'data.root=a b']\n"
    )
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "config.yaml").write_text("{")
    process = report(tmp_path)
    assert process.returncode == 0, process.stderr
    page = (tmp_path / "report" / "report.html").read_text()
    assert "2 finished runs, 2 unfinished, 4 unreadable." in page
    for path in (cut, old, foreign, tmp_path / "folder", half, broken, no_faces):
        assert str(path) in process.stdout, path
        assert str(path) in page, path
    assert "privacy-gan train epsilon=0.03 'data.root=a b'" in process.stdout
    assert "faces-faces-64-Smiling-filter_generator-entropy.png" in files_of(tmp_path)


def test_a_result_without_a_privacy_loss_is_unreadable(tmp_path):
    run = write_run(tmp_path)
    text = (run / "result.json").read_text()
    (run / "result.json").write_text(text.replace('"privacy_loss"', '"another"'))
    process = report(tmp_path)
    assert process.returncode == 0, process.stderr
    assert "result.json has no privacy loss of Smiling" in process.stdout


def test_the_report_has_faces_of_runs_that_were_not_judged(tmp_path):
    write_faces(write_run(tmp_path, leaks=None))
    assert report(tmp_path).returncode == 0
    assert files_of(tmp_path) == [
        "faces-faces-64-Smiling-filter_generator-entropy.png",
        "report.html",
    ]


def test_faces_can_be_omitted(tmp_path):
    write_faces(write_run(tmp_path))
    assert report(tmp_path, "faces=false").returncode == 0
    assert not [name for name in files_of(tmp_path) if name.startswith("faces")]
    assert "data:image/webp" not in (tmp_path / "report" / "report.html").read_text()


def test_outdated_files_of_an_earlier_report_are_deleted(tmp_path):
    write_faces(write_run(tmp_path))
    assert report(tmp_path).returncode == 0
    (tmp_path / "report" / "notes.md").write_text("mine")
    assert report(tmp_path, "faces=false").returncode == 0
    assert not [name for name in files_of(tmp_path) if name.startswith("faces")]
    assert {"notes.md", "figure1.png"} <= set(files_of(tmp_path))


def test_a_report_that_cannot_be_written_is_an_error_of_one_line(tmp_path):
    write_run(tmp_path)
    (tmp_path / "file").touch()
    process = report(tmp_path, f"output={tmp_path / 'file'}")
    assert process.returncode == 2
    assert process.stderr.startswith(f"error: cannot write the report to {tmp_path / 'file'}")
    assert process.stderr.strip().endswith("choose another folder with output=FOLDER")


def test_two_reports_at_once_do_not_interfere(tmp_path):
    write_run(tmp_path)
    with ThreadPoolExecutor() as pool:
        processes = list(pool.map(report, [tmp_path, tmp_path]))
    assert [process.returncode for process in processes] == [0, 0]
    assert not list(tmp_path.rglob("*.partial"))


@pytest.mark.parametrize("name", ["a folder", "größe", "it's <b>"])
def test_folders_can_have_any_name(name, tmp_path):
    write_run(tmp_path / name)
    process = report(f"'{tmp_path / name}'" if "'" not in name else f'"{tmp_path / name}"')
    assert process.returncode == 0, process.stderr
    assert (tmp_path / name / "report" / "figure1.png").exists()


def test_the_report_can_be_sent_to_weights_and_biases(tmp_path):
    write_run(tmp_path, data="celeba-64")
    process = report(tmp_path, "wandb=papers")
    assert process.returncode == 0, process.stderr
    (tracked,) = sync_offline_runs(tmp_path).values()
    assert (tracked.project, tracked.group, tracked.name) == ("papers", "reports", tmp_path.name)
    logged = set(tracked.summary)
    assert {"table 1", "table 2", "table 3", "figure1", "learning_curves"} <= logged
