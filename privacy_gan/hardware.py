"""Which device computes, and in which precision."""

from __future__ import annotations

import platform
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from lightning_fabric import Fabric

from privacy_gan.errors import UserError
from privacy_gan.launched import local_rank


@dataclass(frozen=True)
class Compute:
    """Where to compute, and in which precision.

    Attributes:
        device: of networks and batches.
        autocast: makes the context in which networks run.
    """

    device: torch.device
    autocast: Callable[[], AbstractContextManager[None]]


def choose_compute(accelerator: str, precision: str) -> Compute:
    """Return the trainer's device, with its precision where that needs no scaling of losses.

    Each of a run's processes has a device of its own.

    Args:
        accelerator: Lightning's name: "cpu", "gpu", "auto", ...
        precision: Lightning's name, or "auto"; all but "32-true" stand for "auto" here.

    Raises:
        UserError: the machine does not have the device.
    """
    if precision != "32-true":
        precision = choose_precision(accelerator, "auto")
    own = own_device(accelerator)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*`srun` command is available")  # not needed here
            fabric = Fabric(accelerator=accelerator, devices=own, precision=precision)  # type: ignore[arg-type]
    except (RuntimeError, ValueError) as error:
        raise UserError(f"trainer.accelerator={accelerator} cannot be used: {error}") from error
    return Compute(fabric.device, fabric.autocast)


def device_name(device: torch.device) -> str:
    """Return what a device is called: a GPU's model, a CPU's architecture."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return platform.machine()


def own_device(accelerator: str) -> int | list[int]:
    """Return which device is this process's, as Lightning wants to be told."""
    if accelerator == "cpu" or not torch.cuda.is_available():
        return 1
    return [local_rank()]


def choose_precision(accelerator: str, precision: str) -> str:
    """Return Lightning's name of a precision in place of "auto"."""
    if precision == "auto":
        return "bf16-mixed" if computes_bfloat16(accelerator) else "32-true"
    return precision


def computes_bfloat16(accelerator: str) -> bool:
    """Tell whether the hardware has bfloat16 arithmetic, rather than emulating it."""
    if accelerator in ("gpu", "cuda", "auto") and torch.cuda.is_available():
        return torch.cuda.get_device_capability() >= (8, 0)
    if accelerator == "cpu" or not torch.backends.mps.is_available():
        return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return False
