"""A mechanism as an ONNX file, for programs without PyTorch; the caller owns what is random."""

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
TOLERANCE = 1e-4  # of pixels in [0, 1]
MISSING_PACKAGES = (
    "an ONNX file needs a package that is not installed: "
    "pip install onnx onnxscript onnxruntime, or export with onnx=false"
)


class ExportModule(nn.Module):
    """A mechanism whose draws are inputs like its images.

    Args:
        mechanism: after its training.
        names: of its draws, in their order.
    """

    def __init__(self, mechanism: Privatizer, names: list[str]) -> None:
        super().__init__()
        self.mechanism = mechanism
        self.names = names

    def forward(self, images: Tensor, *drawn: Tensor) -> Tensor:
        """Return the censored images."""
        draws = dict(zip(self.names, drawn, strict=True))
        censored: Tensor = self.mechanism(images, draws).images
        return censored


def export_onnx(mechanism: Privatizer, image_size: int, path: Path) -> float:
    """Write a mechanism and check the file against PyTorch with onnxruntime.

    The inputs are "images" [B, 3, S, S] float32 in [0, 1] and the mechanism's draws by their names;
    the output is "censored", as the images. B is free.

    Args:
        mechanism: after its training, as ``for_inference`` returns it, on the CPU.
        image_size: S.
        path: of the file, which appears only if it is right.

    Returns:
        The greatest difference from PyTorch found, on pixels in [0, 1].

    Raises:
        UserError: a package is missing, the mechanism cannot be expressed, or the file's images
            differ by more than 1e-4.
    """
    images, draws = example(mechanism, image_size, 2)
    batch = torch.export.Dim("batch", min=1, max=4096)
    of_draws = tuple({0: batch} for _ in draws)
    free = ({0: batch}, of_draws) if draws else ({0: batch},)
    with atomic_write(path) as partial:
        try:
            with silence_exporter():
                torch.onnx.export(
                    ExportModule(mechanism, list(draws)).eval(),
                    (images, *draws.values()),
                    partial,
                    input_names=[IMAGES, *draws],
                    output_names=[CENSORED],
                    dynamic_shapes=free,
                    dynamo=True,
                    external_data=False,
                )
        except ImportError as error:
            raise UserError(MISSING_PACKAGES) from error
        except Exception as error:  # of many kinds, over many lines
            why = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise UserError(
                f"this mechanism cannot be written as ONNX ({why[:200]}): export with onnx=false"
            ) from error
        found = max(
            difference(mechanism, partial, *example(mechanism, image_size, n)) for n in (1, 5)
        )
        if not found <= TOLERANCE:
            raise UserError(
                f"the ONNX file's images differ from PyTorch's by {found:.2g}, more than "
                f"{TOLERANCE:g}: export with onnx=false"
            )
    return found


def example(mechanism: Privatizer, image_size: int, count: int) -> tuple[Tensor, Draws]:
    """Return random images and what the mechanism draws for them."""
    rng = torch.Generator().manual_seed(count)
    images = torch.rand(count, 3, image_size, image_size, generator=rng)
    return images, mechanism.draw(images, rng)


def difference(mechanism: Privatizer, path: Path, images: Tensor, draws: Draws) -> float:
    """Return by how much the file's images differ at most from PyTorch's."""
    try:
        import onnxruntime
    except ImportError as error:
        raise UserError(MISSING_PACKAGES) from error
    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    wanted = {node.name for node in session.get_inputs()}
    given: dict[str, Any] = {
        name: tensor.numpy() for name, tensor in {IMAGES: images, **draws}.items() if name in wanted
    }
    (made,) = session.run([CENSORED], given)
    with torch.no_grad():
        expected = mechanism(images, draws).images
    return float((torch.from_numpy(made) - expected).abs().max())


@contextlib.contextmanager
def silence_exporter() -> Iterator[None]:
    """Keep the exporter's chatter off the terminal."""
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)
