"""Where something was computed."""

from __future__ import annotations

from importlib.metadata import version

import torch

import privacy_gan
from privacy_gan.hardware import choose_compute, choose_precision, device_name


def environment(accelerator: str, precision: str, image_size: int) -> dict[str, str]:
    """Return what a result's last digits depend on beside the configuration.

    Args:
        accelerator: the trainer's.
        precision: likewise.
        image_size: side of the images in pixels.
    """
    device = choose_compute(accelerator, precision).device
    return {
        "privacy_gan": privacy_gan.__version__,
        "torch": torch.__version__,
        "pytorch_lightning": version("pytorch-lightning"),
        "device": device.type,
        "device_name": device_name(device),
        "precision": choose_precision(accelerator, precision, image_size),
        "threads": str(torch.get_num_threads()),
    }
