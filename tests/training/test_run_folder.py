"""Contents of a run's folder, and what loggers receive."""

import csv
import math

import numpy as np
import pytest
from commands import run, train_command
from omegaconf import OmegaConf
from PIL import Image

from privacy_gan.commands.train import train
from privacy_gan.reporting.run_summary import full_summary
from privacy_gan.runs.faces import Faces
from privacy_gan.runs.result import Result


def test_folder_is_named_after_the_runs_settings(tiny, tmp_path):
    run, _ = train(tiny("attribute=gender", "epsilon=0.005", "seed=3", "loss=cross_entropy"))
    parts = run.path.relative_to(tmp_path / "outputs").parts
    assert parts == (
        "synthetic_faces-16",
        "filter_generator-cross_entropy",
        "Male",
        "epsilon-0.005",
        "seed-3",
    )


def test_folder_has_config_checkpoint_metrics_images_and_result(tiny):
    run, record = train(tiny())
    assert OmegaConf.load(run.path / "config.yaml").data.num_train == 32
    assert run.checkpoint.exists()
    pictures = sorted(picture.name for picture in (run.path / "images").iterdir())
    assert pictures == ["epoch-0001.png", "epoch-0002.png"]
    assert Result.read(run.result_file) == record
    assert 0 < record.training["valid/generator/distortion"] < 1
    with (run.path / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == list(range(8))
    assert all(row["train/filter/distortion"] for row in rows)
    assert [bool(row["valid/filter/distortion"]) for row in rows] == ([False] * 3 + [True]) * 2
    assert not list(run.path.rglob("*.partial")), "temporary files are left"


@pytest.mark.parametrize(
    ("privatizer", "rows"), [("filter_generator", 4), ("filter", 2), ("generator", 3)]
)
def test_image_grid_has_the_rows_of_figure_2(privatizer, rows, tiny):
    run, record = train(tiny(f"privatizer={privatizer}", "trainer.max_epochs=1"))
    with Image.open(run.path / "images" / "epoch-0001.png") as picture:
        # a header of 28 pixels, then rows of 128 with a gap of 4
        assert picture.height == 28 + rows * 132
        assert np.asarray(picture).std() > 10
        corner = np.asarray(picture)[28, 96]  # top left of the first face
    faces = Faces.read(run.faces)
    assert len(faces.rows) == rows
    assert faces.rows["x"].shape == (8, 16, 16, 3)
    assert faces.columns == ("s=0", "s=1") * 4
    np.testing.assert_array_equal(faces.rows["x"][0, 0, 0], corner)
    assert str(run.result_file) in full_summary(run, record)


OPTIONAL = ["wandb", "tensorboard", "pandas", "matplotlib", "scipy", "rich"]


# some libraries look for packages in the metadata
WITHOUT_PACKAGES = """
import importlib.metadata, runpy, sys
absent = sys.argv.pop(1).split()
sys.modules |= dict.fromkeys(absent)
find = importlib.metadata.Distribution.from_name
def find_present(name):
    if name in absent:
        raise importlib.metadata.PackageNotFoundError(name)
    return find(name)
importlib.metadata.Distribution.from_name = find_present
sys.argv.pop(0)
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_training_needs_no_optional_package(tmp_path):
    interpreter, *arguments = train_command(tmp_path, "trainer.max_epochs=1")
    command = [interpreter, "-c", WITHOUT_PACKAGES, " ".join(OPTIONAL), *arguments]
    process = run(command, real=True)
    assert process.returncode == 0, process.stderr
    assert "result.json" in process.stdout


def test_tensorboard_receives_scalars_and_faces(tiny):
    event_accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator"
    )
    run, _ = train(tiny("logger=tensorboard", "trainer.max_epochs=1"))
    events = event_accumulator.EventAccumulator(str(run.path / "tensorboard"))
    events.Reload()
    assert "train/filter/distortion" in events.Tags()["scalars"]
    assert events.Tags()["images"] == ["faces"]


def test_result_file_is_valid_json_if_a_number_is_undefined(tmp_path):
    path = tmp_path / "result.json"
    Result("faces-64", {"seed": 0}, {"loss": math.nan, "all": (1.0, -math.inf)}).write(path)
    assert Result.read(path).training == {"loss": None, "all": [1.0, None]}
    assert "NaN" not in path.read_text()
