"""ONNX files return the same as PyTorch, for any batch size, with random numbers as inputs."""

import numpy as np
import onnxruntime
import pytest
import torch
from mechanisms import MECHANISMS, SIZE, make_mechanism

from privacy_gan.errors import UserError
from privacy_gan.privatizers.base import Censored
from privacy_gan.privatizers.identity import Identity
from privacy_gan.release.onnx_export import export_onnx


@pytest.mark.parametrize("name", MECHANISMS)
def test_an_onnx_file_returns_the_same_images_as_the_mechanism(name, tmp_path):
    mechanism = make_mechanism(name).for_inference()
    path = tmp_path / "model.onnx"
    assert export_onnx(mechanism, SIZE, path) < 1e-4
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
    """Returns other images when it is exported."""

    def forward(self, images, draws):
        return Censored(images + 1e-3 * torch.compiler.is_exporting(), None)


class Untraceable(Identity):
    def forward(self, images, draws):
        return Censored(images if images.sum() > 0 else -images, None)


@pytest.mark.parametrize(
    ("mechanism", "message"),
    [(Wrong(), r"differ from PyTorch's by 0\.001"), (Untraceable(), "cannot be exported to ONNX")],
)
def test_a_wrong_file_is_not_written(mechanism, message, tmp_path):
    with pytest.raises(UserError, match=message) as error:
        export_onnx(mechanism, SIZE, tmp_path / "model.onnx")
    assert "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())
