"""What people and programs write for yes, no, what they do not know, and for splits."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import numpy as np
import numpy.typing as npt

BINARY = {
    **dict.fromkeys(("0", "0.0", "-1", "-1.0", "false", "no", "f", "n"), 0),
    **dict.fromkeys(("1", "1.0", "+1", "true", "yes", "t", "y"), 1),
}
MINUS_ONE = frozenset(("-1", "-1.0"))
ZERO = frozenset(("0", "0.0"))
MISSING = frozenset(("", "nan", "na", "n/a", "none", "null", "?", "-"))

SPLIT_WORDS = {
    **dict.fromkeys(("0", "0.0", "train", "training"), 0),
    **dict.fromkeys(("1", "1.0", "valid", "val", "validation"), 1),
    **dict.fromkeys(("2", "2.0", "test", "testing"), 2),
}


def plain(text: str) -> str:
    """Return a text without blanks around it, in lower case."""
    return text.strip().lower()


def is_missing(text: str) -> bool:
    """Tell whether a text says that a value is not known."""
    return plain(text) in MISSING


def is_binary(texts: Iterable[str]) -> bool:
    """Tell whether texts say nothing but yes, no and that a value is not known.

    0 and -1 in one column are two different things: often -1 is what is not known, or uncertain.
    """
    known = set(map(plain, texts)) - MISSING
    return bool(known) and known <= BINARY.keys() and not (known & ZERO and known & MINUS_ONE)


def coded(texts: Collection[str]) -> npt.NDArray[np.uint8]:
    """Return yes as 1 and no as 0, uint8 [N]; nothing may be missing."""
    codes = {text: BINARY[plain(text)] for text in set(texts)}
    return np.fromiter(map(codes.__getitem__, texts), np.uint8, len(texts))
