"""ONNX files do what PyTorch does, for any number of images, and the caller draws."""

import mechanisms
import numpy as np
import onnxruntime
import pytest
import torch
from mechanisms import MECHANISMS, SIZE, made
from torch import nn

from privacy_gan.errors import UserError
from privacy_gan.exporting.onnx_file import write_onnx
from privacy_gan.models.unet import UNet
from privacy_gan.privatizers.base import Censored
from privacy_gan.privatizers.identity import Identity

WITH_UNETS = ["filter", "generator"]  # others have shallow networks: U-Nets take seconds each


class Shallow(nn.Module):
    """Is asked for what a U-Net is asked for, and has one layer."""

    limits = UNet.limits

    def __init__(self, classes=None):
        super().__init__()
        self.noise_size = 8
        self.num_classes = classes
        self.layer = nn.Conv2d(3, 3, 3, padding=1)
        self.project_noise = nn.Linear(self.noise_size, 3)
        self.embed_class = nn.Embedding(classes or 1, 3)

    def forward(self, images, noise, classes=None):
        shift = self.project_noise(noise)
        if classes is not None:
            shift = shift + self.embed_class(classes)
        return torch.sigmoid(self.layer(images) + shift[:, :, None, None])


@pytest.mark.parametrize("name", MECHANISMS)
def test_an_onnx_file_does_what_the_mechanism_does(name, tmp_path, monkeypatch):
    if name not in WITH_UNETS:
        monkeypatch.setattr(mechanisms, "unet", Shallow)
    mechanism = made(name).for_inference()
    path = tmp_path / "model.onnx"
    assert write_onnx(mechanism, SIZE, path) < 1e-4
    session = onnxruntime.InferenceSession(path)
    images = torch.rand(7, 3, SIZE, SIZE)
    draws = mechanism.draw(images, torch.Generator().manual_seed(5))
    assert [node.name for node in session.get_inputs()] == ["images", *draws]
    inputs = {name: tensor.numpy() for name, tensor in {"images": images, **draws}.items()}
    (censored,) = session.run(["censored"], inputs)
    with torch.no_grad():
        expected = mechanism(images, draws).images.numpy()
    np.testing.assert_allclose(censored, expected, rtol=0, atol=1e-4)


class Wrong(Identity):
    """Does something else when it is traced."""

    def forward(self, images, draws):
        return Censored(images + 1e-3 * torch.compiler.is_exporting(), None)


class Untraceable(Identity):
    def forward(self, images, draws):
        return Censored(images if images.sum() > 0 else -images, None)


@pytest.mark.parametrize(
    ("mechanism", "message"),
    [(Wrong(), r"differ from PyTorch's by 0\.001"), (Untraceable(), "cannot be written as ONNX")],
)
def test_a_file_that_is_not_right_is_not_written(mechanism, message, tmp_path):
    with pytest.raises(UserError, match=message) as error:
        write_onnx(mechanism, SIZE, tmp_path / "model.onnx")
    assert "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())
