"""Which device computes, and in which precision."""

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

from privacy_gan.cluster_environment import local_rank
from privacy_gan.errors import UserError


@dataclass(frozen=True)
class Compute:
    """Where to compute, and in which precision.

    Attributes:
        device: of networks and batches.
        autocast: makes the context in which networks run.
    """

    device: torch.device
    autocast: Callable[[], AbstractContextManager[None]]


# Smaller images are computed in float32 on CPUs. There, in bfloat16, oneDNN leaves parts of the
# weight gradient of a padded convolution unwritten whose stride exceeds its input's side: what was
# in memory before became the gradient, nan at times. A ResNet halves images five times: below 32
# pixels its last convolutions of stride 2 see one pixel. tests/nan_in_bfloat16.py shows it.
SMALLEST_IN_BFLOAT16 = 32

log = logging.getLogger(__name__)


def choose_compute(accelerator: str, precision: str, image_size: int | None = None) -> Compute:
    """Return the trainer's device, with its precision where that needs no scaling of losses.

    Each of a run's processes has a device of its own.

    Args:
        accelerator: Lightning's name: "cpu", "gpu", "auto", ...
        precision: Lightning's name, or "auto"; all but "32-true" and "bf16-mixed" stand for "auto"
            here, and the latter for bfloat16 where the hardware has it.
        image_size: side of the images in pixels, see ``choose_precision``.

    Raises:
        UserError: the machine does not have the device.
    """
    if precision == "bf16-mixed" and supports_bfloat16(accelerator):
        precision = choose_precision(accelerator, precision, image_size)
    elif precision != "32-true":
        precision = choose_precision(accelerator, "auto", image_size)
    require_gpu(accelerator)
    own = local_device(accelerator)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*`srun` command is available")  # not needed here
            fabric = Fabric(accelerator=accelerator, devices=own, precision=precision)  # type: ignore[arg-type]
    except (RuntimeError, ValueError) as error:
        raise UserError(f"trainer.accelerator={accelerator} cannot be used: {error}") from error
    return Compute(fabric.device, fabric.autocast)


def require_gpu(accelerator: str) -> None:
    """Refuse a GPU that is not there.

    Raises:
        UserError: a GPU is asked for, and this machine has none.
    """
    if accelerator in ("gpu", "cuda") and not (
        torch.cuda.is_available() or torch.backends.mps.is_available()
    ):
        raise UserError(
            "this machine has no GPU that torch can use: trainer=cpu, or trainer.accelerator=cpu, "
            "computes without"
        )


def device_name(device: torch.device) -> str:
    """Return what a device is called: a GPU's model, a CPU's architecture."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return platform.machine()


def local_device(accelerator: str) -> int | list[int]:
    """Return which device is this process's, as Lightning wants to be told."""
    if accelerator == "cpu" or not torch.cuda.is_available():
        return 1
    return [local_rank()]


def choose_precision(accelerator: str, precision: str, image_size: int | None = None) -> str:
    """Return Lightning's name of a precision in place of "auto".

    Args:
        accelerator: Lightning's name.
        precision: Lightning's name, which stays what it is, or "auto" for bfloat16 where the
            hardware computes it, but float32 for small images on a CPU.
        image_size: side of the images in pixels; None where there are none.
    """
    is_small = image_size is not None and image_size < SMALLEST_IN_BFLOAT16
    is_doubtful = is_small and is_cpu(accelerator)
    if precision == "auto":
        return "bf16-mixed" if supports_bfloat16(accelerator) and not is_doubtful else "32-true"
    if is_doubtful and precision.startswith("bf16"):
        warn_of_small_images(precision)
    return precision


@cache
def warn_of_small_images(precision: str) -> None:
    """Warn, once, of what bfloat16 does at times."""
    log.warning(
        "trainer.precision=%s: on a CPU, with images of less than %d pixels, gradients can be "
        "wrong or nan at random; trainer.precision=auto takes float32",
        *(precision, SMALLEST_IN_BFLOAT16),
    )


def is_cpu(accelerator: str) -> bool:
    """Tell whether an accelerator is, or "auto" becomes, the CPU."""
    if accelerator == "auto":
        return not (torch.cuda.is_available() or torch.backends.mps.is_available())
    return accelerator == "cpu"


def supports_bfloat16(accelerator: str) -> bool:
    """Tell whether the hardware has bfloat16 arithmetic, rather than emulating it."""
    if accelerator in ("gpu", "cuda", "auto") and torch.cuda.is_available():
        return torch.cuda.get_device_capability() >= (8, 0)
    if accelerator == "cpu" or not torch.backends.mps.is_available():
        return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return False
