"""Choice of device and precision."""

from __future__ import annotations

import logging
import platform
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache

import torch
from lightning_fabric import Fabric

from privacy_gan.cluster_environment import is_launched_externally, local_rank
from privacy_gan.errors import UserError
from privacy_gan.graphs import CUDAGraphs, GraphBackend


@dataclass(frozen=True)
class Compute:
    """A device and the precision to compute in.

    Attributes:
        device: device of networks and batches.
        autocast: returns the context manager in which networks run.
        graphs: captures training steps as graphs; None to take them one operation at a time.
    """

    device: torch.device
    autocast: Callable[[], AbstractContextManager[None]]
    graphs: GraphBackend | None = None


# CPUs use float32 for smaller images. In bfloat16, oneDNN leaves parts of the weight gradient of a
# padded convolution uninitialized if its stride exceeds the side of its input: gradients are wrong
# and sometimes nan. A ResNet halves images five times, so below 32 pixels its last convolutions
# with stride 2 see a single pixel. tests/nan_in_bfloat16.py reproduces this.
SMALLEST_IN_BFLOAT16 = 32

log = logging.getLogger(__name__)


# trainer.graph=auto: false until ``pytest -m gpu`` has passed on a GPU, which it has not yet
GRAPHS_BY_DEFAULT = False


def wants_graphs(graph: bool | str) -> bool:
    """Return whether training steps are to be captured as graphs where that is possible.

    Args:
        graph: true, false, or "auto" for the default.
    """
    return GRAPHS_BY_DEFAULT if graph == "auto" else bool(graph)


def choose_compute(
    accelerator: str,
    precision: str,
    image_size: int | None = None,
    graph: bool | str = False,
) -> Compute:
    """Return the trainer's device and a precision that needs no loss scaling.

    Each process of a run has its own device.

    Args:
        accelerator: name that Lightning knows: "cpu", "gpu", "auto", ...
        precision: name that Lightning knows, or "auto". Only "32-true", and "bf16-mixed" if the
            hardware supports it, are used as given; any other value means "auto".
        image_size: side of the images in pixels, see ``choose_precision``.
        graph: see ``wants_graphs``; without effect on a CPU and with several processes.

    Raises:
        UserError: the machine does not have the device.
    """
    if precision == "bf16-mixed" and supports_bfloat16(accelerator):
        precision = choose_precision(accelerator, precision, image_size)
    elif precision != "32-true":
        precision = choose_precision(accelerator, "auto", image_size)
    require_gpu(accelerator)
    devices = local_devices(accelerator)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*`srun` command is available")  # not needed here
            fabric = Fabric(accelerator=accelerator, devices=devices, precision=precision)  # type: ignore[arg-type]
    except (RuntimeError, ValueError) as error:
        raise UserError(f"trainer.accelerator={accelerator} cannot be used: {error}") from error
    graphs = None
    if wants_graphs(graph) and fabric.device.type == "cuda" and not is_launched_externally():
        graphs = CUDAGraphs(fabric.device)
    return Compute(fabric.device, fabric.autocast, graphs)


def require_gpu(accelerator: str) -> None:
    """Raise a UserError if a GPU is requested and this machine has none.

    Raises:
        UserError: torch finds neither a CUDA nor an MPS device.
    """
    if accelerator in ("gpu", "cuda") and not (
        torch.cuda.is_available() or torch.backends.mps.is_available()
    ):
        raise UserError(
            "this machine has no GPU that torch can use: to compute on the CPU, set trainer=cpu or "
            "trainer.accelerator=cpu"
        )


def device_name(device: torch.device) -> str:
    """Return the model name of a GPU, or the architecture of a CPU."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return platform.machine()


def local_devices(accelerator: str) -> int | list[int]:
    """Return this process's device in the form of Lightning's ``devices`` argument."""
    if accelerator == "cpu" or not torch.cuda.is_available():
        return 1
    return [local_rank()]


def choose_precision(accelerator: str, precision: str, image_size: int | None = None) -> str:
    """Resolve the precision "auto" to a name that Lightning knows.

    Args:
        accelerator: name that Lightning knows.
        precision: name that Lightning knows, which is returned unchanged, or "auto": bfloat16 if
            the hardware supports it, except for small images on a CPU, else float32.
        image_size: side of the images in pixels; None if there are no images.
    """
    is_small = image_size is not None and image_size < SMALLEST_IN_BFLOAT16
    is_affected = is_small and is_cpu(accelerator)
    if precision == "auto":
        return "bf16-mixed" if supports_bfloat16(accelerator) and not is_affected else "32-true"
    if is_affected and precision.startswith("bf16"):
        warn_about_small_images(precision)
    return precision


@cache
def warn_about_small_images(precision: str) -> None:
    """Warn once that bfloat16 gradients can be wrong."""
    log.warning(
        "trainer.precision=%s: on a CPU, with images of less than %d pixels, gradients can be "
        "wrong or nan at random; trainer.precision=auto uses float32",
        *(precision, SMALLEST_IN_BFLOAT16),
    )


def is_cpu(accelerator: str) -> bool:
    """Return whether an accelerator is the CPU, or is "auto" on a machine without a GPU."""
    if accelerator == "auto":
        return not (torch.cuda.is_available() or torch.backends.mps.is_available())
    return accelerator == "cpu"


def supports_bfloat16(accelerator: str) -> bool:
    """Return whether the hardware computes in bfloat16 natively."""
    if accelerator in ("gpu", "cuda", "auto") and torch.cuda.is_available():
        return torch.cuda.get_device_capability() >= (8, 0)
    if accelerator == "cpu" or not torch.backends.mps.is_available():
        return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return False
