"""Lightning's Trainer with the arithmetic that the machine is fast at."""

from __future__ import annotations

from typing import Any

import torch
from pytorch_lightning import Trainer


def make_trainer(accelerator: str = "auto", precision: str = "auto", **options: Any) -> Trainer:
    """Return a Trainer.

    Args:
        accelerator: "cpu", "gpu", or "auto" for the best at hand.
        precision: Lightning's name of a precision, or "auto" for bfloat16 where the hardware
            computes it and float32 elsewhere.
        options: Lightning's.
    """
    precision = choose_precision(accelerator, precision)
    return Trainer(accelerator=accelerator, precision=precision, **options)  # type: ignore[arg-type]


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
