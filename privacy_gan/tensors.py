"""Dictionaries of tensors: read from files, looked through for what is not finite, told apart."""

from __future__ import annotations

import hashlib
import pickle
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from privacy_gan.errors import UserError, is_out_of_memory

# What torch raises for a sound file that holds something else: it refuses to execute code, or
# finds no dictionary.
OF_SOMETHING_ELSE = (pickle.UnpicklingError, LookupError, TypeError, ValueError, AttributeError)


class DamagedFile(UserError):
    """A file's bytes are damaged, or it was never a file of tensors."""


class ForeignFile(UserError):
    """A sound file holds what is not read: no dictionary, or objects that execute code."""


def read_tensors(path: Path, mmap: bool = False) -> dict[str, Any]:
    """Return a file's dictionary of tensors, on the CPU; no code in the file is executed.

    Memory that runs out, a missing permission or a failing disk say nothing about the file: only
    what is wrong with its bytes counts as damage.

    Args:
        path: the file.
        mmap: whether tensors stay on the disk until they are used.

    Raises:
        DamagedFile: the file is truncated, or not a file of tensors.
        ForeignFile: the file is sound and holds something else.
        UserError: the file cannot be read at the moment.
        FileNotFoundError: there is none.
    """
    try:
        return dict(torch.load(path, map_location="cpu", weights_only=True, mmap=mmap))
    except FileNotFoundError:
        raise
    except Exception as error:
        if not is_out_of_memory(error):
            if is_damaged(path):
                raise DamagedFile(f"{path} is damaged") from error
            if isinstance(error, OF_SOMETHING_ELSE):
                raise ForeignFile(f"{path} is damaged or holds something else") from error
        raise UserError(
            f"{path} cannot be read ({reason(error)}), which is no fault of the file: it stays as "
            "it is, repeat the command when that is mended"
        ) from error


def is_damaged(path: Path) -> bool:
    """Tell whether a file's bytes are not as ``torch.save`` wrote them: a zip with checksums.

    Raises:
        UserError: the file cannot be read at the moment.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is not None
    except (OSError, MemoryError) as unreadable:
        raise UserError(
            f"{path} cannot be read ({reason(unreadable)}): it stays as it is"
        ) from unreadable
    except Exception:  # of many kinds, depending on which byte is wrong
        return True


def reason(error: Exception) -> str:
    """Return why something cannot be read, in a few words."""
    if is_out_of_memory(error):
        return "not enough memory"
    told = getattr(error, "strerror", None) or str(error).strip().partition("\n")[0]
    return told or type(error).__name__


def first_undefined(tree: Any) -> str | None:
    """Return where the first value lies that is not finite, None where all are.

    Args:
        tree: a tensor, or dictionaries and lists with tensors in them; all else is passed over.

    Returns:
        The dotted path to the tensor.
    """
    for path, tensor in tensors_in(tree):
        if tensor.is_floating_point() and not tensor.isfinite().all():
            return path
    return None


def tensors_in(tree: Any, path: str = "") -> Iterator[tuple[str, Tensor]]:
    """Yield tensors and their dotted paths."""
    if isinstance(tree, Tensor):
        yield path, tree
    elif isinstance(tree, Mapping | list | tuple):
        entries = tree.items() if isinstance(tree, Mapping) else enumerate(tree)
        for key, entry in entries:
            yield from tensors_in(entry, f"{path}.{key}" if path else str(key))


def require_finite(weights: Mapping[str, Any], where: object, remedy: str) -> None:
    """Refuse weights that are not finite: whatever is computed from them is not, either.

    Args:
        weights: tensors by name.
        where: they come from.
        remedy: what to do.

    Raises:
        UserError: names the first of them.
    """
    if (name := first_undefined(weights)) is not None:
        raise UserError(
            f"{where} holds weights that are not finite ({name}), as of a training that diverged: "
            f"{remedy}"
        )


def weights_key(module: torch.nn.Module) -> str:
    """Return what changes with a module's weights, be it by one bit."""
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()
