"""faces.png gives back what was written, and says when it cannot."""

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


def test_labels_and_pixels_come_back(faces, tmp_path):
    faces.write(tmp_path / "faces.png")
    back = Faces.read(tmp_path / "faces.png")
    assert back.columns == faces.columns
    assert list(back.rows) == ["x", "x''  s'=1"]
    for label, images in faces.rows.items():
        assert images.shape == (3, 4, 5, 3)
        np.testing.assert_array_equal(back.rows[label], images)


def test_values_are_rounded_to_the_nearest_byte():
    values = torch.tensor([0.0, 0.1 / 255, 0.6 / 255, 1.0]).reshape(1, 1, 2, 2).expand(1, 3, 2, 2)
    pixels = Faces.from_tensors({"x": values}, ("s=0",)).rows["x"]
    assert pixels[0, :, :, 1].tolist() == [[0, 0], [1, 255]]


def test_a_picture_of_somebody_else_is_no_sheet_of_faces(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "faces.png")
    with pytest.raises(UserError, match="damaged"):
        Faces.read(tmp_path / "faces.png")


def test_a_truncated_file_is_damaged(faces, tmp_path):
    path = tmp_path / "faces.png"
    faces.write(path)
    for length in range(0, path.stat().st_size - 1, 7):
        whole = path.read_bytes()
        (tmp_path / "cut.png").write_bytes(whole[:length])
        try:
            back = Faces.read(tmp_path / "cut.png")
        except UserError:
            continue
        np.testing.assert_array_equal(back.rows["x"], faces.rows["x"])  # only the end was missing
