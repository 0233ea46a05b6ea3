"""ONNX export of a mechanism, for programs without PyTorch. Random numbers are inputs."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from privacy_gan.errors import UserError
from privacy_gan.privatizers.base import Draws, Privatizer
from privacy_gan.runs.files import atomic_write

IMAGES, CENSORED = "images", "censored"
TOLERANCE = 1e-4  # difference between pixels in [0, 1]
MISSING_PACKAGES = (
    "ONNX export needs a package that is not installed: "
    "pip install onnx onnxscript onnxruntime, or export with onnx=false"
)


class ExportModule(nn.Module):
    """A mechanism that takes its draws as positional inputs.

    Args:
        mechanism: the trained mechanism.
        names: names of its draws, in the order of the inputs.
    """

    def __init__(self, mechanism: Privatizer, names: list[str]) -> None:
        super().__init__()
        self.mechanism = mechanism
        self.names = names

    def forward(self, images: Tensor, *values: Tensor) -> Tensor:
        """Return the censored images."""
        draws = dict(zip(self.names, values, strict=True))
        censored: Tensor = self.mechanism(images, draws).images
        return censored


def export_onnx(mechanism: Privatizer, image_size: int, path: Path, channels: int = 3) -> float:
    """Export a mechanism to an ONNX file, and check the file against PyTorch with onnxruntime.

    The inputs are "images", float32 [B, C, S, S] in [0, 1], and the mechanism's draws by name. The
    output is "censored", of the same shape and range as the images. The batch size B is dynamic.

    Args:
        mechanism: the trained mechanism, as returned by ``for_inference``, on the CPU.
        image_size: S.
        path: the file, which is only written if the check passes.
        channels: C, 3, or 1 for grey images.

    Returns:
        The largest difference from PyTorch, on pixels in [0, 1].

    Raises:
        UserError: a package is missing, the mechanism cannot be exported, or the images differ by
            more than TOLERANCE.
    """
    images, draws = example_inputs(mechanism, image_size, 2, channels)
    batch = torch.export.Dim("batch", min=1, max=4096)
    draw_shapes = tuple({0: batch} for _ in draws)
    dynamic_shapes = ({0: batch}, draw_shapes) if draws else ({0: batch},)
    with atomic_write(path) as partial:
        try:
            with silence_exporter():
                torch.onnx.export(
                    ExportModule(mechanism, list(draws)).eval(),
                    (images, *draws.values()),
                    partial,
                    input_names=[IMAGES, *draws],
                    output_names=[CENSORED],
                    dynamic_shapes=dynamic_shapes,
                    dynamo=True,
                    external_data=False,
                )
        except ImportError as error:
            raise UserError(MISSING_PACKAGES) from error
        except Exception as error:  # many types, and messages of many lines
            why = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise UserError(
                f"this mechanism cannot be exported to ONNX ({why[:200]}): export with onnx=false"
            ) from error
        largest = max(
            max_difference(mechanism, partial, *example_inputs(mechanism, image_size, n, channels))
            for n in (1, 5)
        )
        if not largest <= TOLERANCE:
            raise UserError(
                f"images of the ONNX file differ from PyTorch's by {largest:.2g}, more than "
                f"{TOLERANCE:g}: export with onnx=false"
            )
    return largest


def example_inputs(
    mechanism: Privatizer, image_size: int, count: int, channels: int
) -> tuple[Tensor, Draws]:
    """Return random images, and the mechanism's draws for them."""
    rng = torch.Generator().manual_seed(count)
    images = torch.rand(count, channels, image_size, image_size, generator=rng)
    return images, mechanism.draw(images, rng)


def max_difference(mechanism: Privatizer, path: Path, images: Tensor, draws: Draws) -> float:
    """Return the largest difference between images of an ONNX file and of PyTorch."""
    try:
        import onnxruntime
    except ImportError as error:
        raise UserError(MISSING_PACKAGES) from error
    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    names = {node.name for node in session.get_inputs()}  # without inputs that have no effect
    inputs: dict[str, Any] = {
        name: tensor.numpy() for name, tensor in {IMAGES: images, **draws}.items() if name in names
    }
    (censored,) = session.run([CENSORED], inputs)
    with torch.no_grad():
        expected = mechanism(images, draws).images
    return float((torch.from_numpy(censored) - expected).abs().max())


@contextlib.contextmanager
def silence_exporter() -> Iterator[None]:
    """Suppress what the exporter logs, prints and warns."""
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)
