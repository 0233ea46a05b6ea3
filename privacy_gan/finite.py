"""Values that are not finite (nan, inf): where there are some among weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor

from privacy_gan.errors import UserError


def first_undefined(tree: Any) -> str | None:
    """Return where the first value lies that is not finite, None where all are.

    Args:
        tree: a tensor, or dictionaries and lists with tensors in them; all else is passed over.

    Returns:
        The dotted path to the tensor.
    """
    return next((path for path, tensor in tensors_in(tree) if not is_finite(tensor)), None)


def is_finite(tensor: Tensor) -> bool:
    """Tell whether all of a tensor is."""
    return not tensor.is_floating_point() or bool(tensor.isfinite().all())


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
