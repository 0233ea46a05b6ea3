"""Dictionaries of tensors: reading from files, searching for non-finite values, hashing."""

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

# What torch.load raises for an intact file with other content, such as pickled code or an object
# that is not a dictionary.
CONTENT_ERRORS = (
    pickle.UnpicklingError,
    LookupError,
    TypeError,
    ValueError,
    AttributeError,
)


class DamagedFile(UserError):
    """A file is corrupted, or was not written by ``torch.save``."""


class UnsupportedFile(UserError):
    """An intact file holds something other than a dictionary of plain data and tensors."""


def read_tensors(path: Path, mmap: bool = False) -> dict[str, Any]:
    """Load a file's dictionary of tensors to the CPU, without executing code from the file.

    Only wrong bytes count as damage: lack of memory, a missing permission and a failing disk are
    reported as a plain UserError.

    Args:
        path: the file.
        mmap: map the file into memory, so that tensors are read from disk when they are used.

    Raises:
        DamagedFile: the file is truncated or corrupted, or was not written by ``torch.save``.
        UnsupportedFile: the file is intact but holds something else.
        UserError: the file cannot be read at the moment.
        FileNotFoundError: the file does not exist.
    """
    try:
        return dict(torch.load(path, map_location="cpu", weights_only=True, mmap=mmap))
    except FileNotFoundError:
        raise
    except Exception as error:
        if not is_out_of_memory(error):
            if is_damaged(path):
                raise DamagedFile(f"{path} is damaged") from error
            if isinstance(error, CONTENT_ERRORS):
                raise UnsupportedFile(
                    f"{path} is intact, but not a dictionary of tensors"
                ) from error
        raise unreadable_error(path, error) from error


def is_damaged(path: Path) -> bool:
    """Return whether a file differs from what ``torch.save`` wrote, by the zip's checksums.

    Raises:
        UserError: the file cannot be read at the moment.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is not None
    except (OSError, MemoryError) as unreadable:
        raise unreadable_error(path, unreadable) from unreadable
    except Exception:  # its type depends on which byte is wrong
        return True


def unreadable_error(path: Path, error: Exception) -> UserError:
    """Return an error for a file that cannot be read for a reason other than its content."""
    return UserError(
        f"{path} cannot be read ({read_error(error)}); the file was left unchanged: fix the cause "
        "and run the same command again"
    )


def read_error(error: Exception) -> str:
    """Return a short description of why a file cannot be read."""
    if is_out_of_memory(error):
        return "not enough memory"
    message = getattr(error, "strerror", None) or str(error).strip().partition("\n")[0]
    return message or type(error).__name__


def has_static_sizes(tensor: Tensor) -> bool:
    """Return whether no size may depend on a tensor's values.

    On a GPU the host would wait for them, and neither a captured graph nor compiled code can.
    """
    return tensor.is_cuda or torch.compiler.is_compiling()


def find_non_finite(tree: Any) -> str | None:
    """Return the dotted path of the first tensor with a value that is not finite, if any.

    Args:
        tree: a tensor, or nested dictionaries, lists and tuples of them; other values are ignored.
    """
    for path, tensor in iterate_tensors(tree):
        if tensor.is_floating_point() and not tensor.isfinite().all():
            return path
    return None


def iterate_tensors(tree: Any, path: str = "") -> Iterator[tuple[str, Tensor]]:
    """Yield the dotted path and the tensor of every leaf of a nested structure."""
    if isinstance(tree, Tensor):
        yield path, tree
    elif isinstance(tree, Mapping | list | tuple):
        entries = tree.items() if isinstance(tree, Mapping) else enumerate(tree)
        for key, entry in entries:
            yield from iterate_tensors(entry, f"{path}.{key}" if path else str(key))


def require_finite(weights: Mapping[str, Any], where: object, remedy: str) -> None:
    """Raise a UserError if any weight is not finite.

    Args:
        weights: tensors by name.
        where: where they come from, for the message.
        remedy: what the user can do, for the message.

    Raises:
        UserError: a weight is not finite; the message names the first such tensor.
    """
    if (name := find_non_finite(weights)) is not None:
        raise UserError(
            f"{where} holds weights that are not finite ({name}), as if training had diverged: "
            f"{remedy}"
        )


def hash_weights(module: torch.nn.Module) -> str:
    """Return the SHA-256 of a module's state_dict, in hexadecimal."""
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()
