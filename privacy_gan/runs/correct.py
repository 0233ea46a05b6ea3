"""Which test images were classified correctly, as text for result.json."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def pack_correct(correct: npt.ArrayLike) -> str:
    """Return N booleans as hexadecimal digits, four booleans per digit."""
    return np.packbits(np.asarray(correct, bool)).tobytes().hex()


def unpack_correct(text: str, count: int) -> npt.NDArray[np.bool_]:
    """Return the booleans from which ``pack_correct`` returned a text, [count].

    Raises:
        ValueError: the text does not encode ``count`` booleans.
    """
    packed = np.frombuffer(bytes.fromhex(text), np.uint8)
    if len(packed) != -(-count // 8):
        raise ValueError(f"{len(packed)} bytes cannot be {count} images")
    return np.unpackbits(packed, count=count).astype(bool)
