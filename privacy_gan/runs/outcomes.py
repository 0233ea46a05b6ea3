"""Which test images somebody was right about, as text that a result file can hold."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def pack(right: npt.ArrayLike) -> str:
    """Return yes or no for each of N images as hexadecimal digits, four images each."""
    return np.packbits(np.asarray(right, bool)).tobytes().hex()


def unpack(text: str, count: int) -> npt.NDArray[np.bool_]:
    """Return what ``pack`` was given, [count].

    Raises:
        ValueError: the text holds something else.
    """
    packed = np.frombuffer(bytes.fromhex(text), np.uint8)
    if len(packed) != -(-count // 8):
        raise ValueError(f"{len(packed)} bytes cannot be {count} images")
    return np.unpackbits(packed, count=count).astype(bool)
