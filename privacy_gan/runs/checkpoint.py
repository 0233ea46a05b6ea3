"""Checkpoints, which contain the fingerprint of their run."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import torch

from privacy_gan.errors import UserError
from privacy_gan.runs.files import atomic_write
from privacy_gan.tensors import DamagedFile, UnsupportedFile, read_tensors


class DamagedCheckpoint(UserError):
    """A checkpoint file is damaged."""


def save_atomically(path: Path, content: dict[str, Any]) -> None:
    """Save content with tensors atomically."""
    serialized = BytesIO()  # torch.save to a file does not report a full disk
    torch.save(content, serialized)
    with atomic_write(path) as file:
        file.write_bytes(serialized.getbuffer())


def write_checkpoint(path: Path, content: dict[str, Any], fingerprint: dict[str, Any]) -> None:
    """Write a checkpoint of a run atomically."""
    save_atomically(path, {**content, "identity": fingerprint})


def read_checkpoint(path: Path, mmap: bool = False) -> dict[str, Any]:
    """Return a checkpoint, whose "identity" is its run's fingerprint; no code in it is executed.

    Args:
        path: the file.
        mmap: whether to map tensors into memory instead of reading them.

    Raises:
        DamagedCheckpoint: the file is damaged.
        UserError: the file is not a checkpoint of this project, or cannot be read at the moment.
        FileNotFoundError: the file does not exist.
    """
    try:
        checkpoint = read_tensors(path, mmap)
        return {**checkpoint, "identity": dict(checkpoint["identity"])}
    except DamagedFile as error:
        raise DamagedCheckpoint(f"{path} is damaged: {retrain_hint(path)}") from error
    except (UnsupportedFile, LookupError, TypeError, ValueError) as error:
        raise UserError(
            f"{path} is damaged or not a checkpoint of this project (your callbacks' states must "
            f"consist of tensors and plain values): {retrain_hint(path)}"
        ) from error


def retrain_hint(path: Path) -> str:
    """Return what to do without the checkpoint."""
    return f"delete {path.parent} to train this run from the start"
