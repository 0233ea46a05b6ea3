"""faces.png preserves pixels and labels, and damaged files are errors."""

import numpy as np
import pytest
import torch
from PIL import Image

from privacy_gan.errors import UserError
from privacy_gan.runs.faces import Faces


@pytest.fixture
def faces():
    values = torch.rand(2, 3, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    return Faces.from_tensors({"x": values[0], "x''  s'=1": values[1]}, ("s=0", "s=1", "s=0"))


def test_reading_returns_the_labels_and_pixels_that_were_written(faces, tmp_path):
    faces.write(tmp_path / "faces.png")
    read = Faces.read(tmp_path / "faces.png")
    assert read.columns == faces.columns
    assert list(read.rows) == ["x", "x''  s'=1"]
    for label, images in faces.rows.items():
        assert images.shape == (3, 4, 5, 3)
        np.testing.assert_array_equal(read.rows[label], images)


def test_values_are_rounded_to_the_nearest_byte():
    values = torch.tensor([0.0, 0.1 / 255, 0.6 / 255, 1.0]).reshape(1, 1, 2, 2).expand(1, 3, 2, 2)
    pixels = Faces.from_tensors({"x": values}, ("s=0",)).rows["x"]
    assert pixels[0, :, :, 1].tolist() == [[0, 0], [1, 255]]


def test_another_picture_is_rejected(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "faces.png")
    with pytest.raises(UserError, match="damaged"):
        Faces.read(tmp_path / "faces.png")


def test_a_truncated_file_is_rejected(faces, tmp_path):
    path = tmp_path / "faces.png"
    faces.write(path)
    for length in range(0, path.stat().st_size - 1, 7):
        (tmp_path / "cut.png").write_bytes(path.read_bytes()[:length])
        try:
            read = Faces.read(tmp_path / "cut.png")
        except UserError:
            continue
        np.testing.assert_array_equal(
            read.rows["x"], faces.rows["x"]
        )  # only the end of the file was missing
