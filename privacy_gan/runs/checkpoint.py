"""Checkpoints, each marked with the run that it belongs to."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import torch

from privacy_gan.errors import UserError
from privacy_gan.runs.files import atomic_write
from privacy_gan.tensors import DamagedFile, UnsupportedFile, read_tensors


class DamagedCheckpoint(UserError):
    """A checkpoint's bytes are damaged."""


def save_atomically(path: Path, content: dict[str, Any]) -> None:
    """Write what has tensors in it, whole or not at all."""
    serialized = BytesIO()  # torch, writing to a disk, does not say when the disk is full
    torch.save(content, serialized)
    with atomic_write(path) as file:
        file.write_bytes(serialized.getbuffer())


def write_checkpoint(path: Path, content: dict[str, Any], identity: dict[str, Any]) -> None:
    """Write a checkpoint of a run, whole or not at all."""
    save_atomically(path, {**content, "identity": identity})


def read_checkpoint(path: Path, mmap: bool = False) -> dict[str, Any]:
    """Return a checkpoint, whose "identity" says which run's it is; no code in it is executed.

    Args:
        path: the file.
        mmap: whether tensors stay on the disk until they are used.

    Raises:
        DamagedCheckpoint: the file is damaged.
        UserError: the file is sound and no checkpoint of this project; or it cannot be read at the
            moment, which is no fault of its own.
        FileNotFoundError: there is none.
    """
    try:
        checkpoint = read_tensors(path, mmap)
        return {**checkpoint, "identity": dict(checkpoint["identity"])}
    except DamagedFile as error:
        raise DamagedCheckpoint(f"{path} is damaged: {retrain_hint(path)}") from error
    except (UnsupportedFile, LookupError, TypeError, ValueError) as error:
        raise UserError(
            f"{path} is damaged or not a checkpoint of this project (the state of own callbacks "
            f"must be tensors and plain values): {retrain_hint(path)}"
        ) from error


def retrain_hint(path: Path) -> str:
    """Return what to do without a checkpoint."""
    return f"delete {path.parent} to train this run from the start"
