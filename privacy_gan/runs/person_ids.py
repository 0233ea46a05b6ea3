"""The persons in test images, as text for result.json.

They say which images show the same person, and nothing about who that is: persons are numbered in
the order of their first images, so that every copy of the data gives the same text.
"""

from __future__ import annotations

import base64
import binascii
import zlib

import numpy as np
import numpy.typing as npt

from privacy_gan.data.persons import number_persons

Ids = npt.NDArray[np.int64]


def pack_persons(ids: npt.ArrayLike) -> str:
    """Return the persons in N images as text: zlib and base64 of their numbers.

    Versions of zlib may differ in the text: compare what ``unpack_persons`` returns.

    Args:
        ids: which images show the same person, [N]; only equality matters.
    """
    numbers = number_persons(ids).astype("<i4")
    return base64.b64encode(zlib.compress(numbers.tobytes(), 9)).decode("ascii")


def unpack_persons(text: str, count: int) -> Ids:
    """Return the numbers of the persons from which ``pack_persons`` returned a text, [count].

    Raises:
        ValueError: the text does not encode ``count`` persons.
    """
    try:
        content = zlib.decompress(base64.b64decode(text, validate=True))
    except (binascii.Error, zlib.error) as error:
        raise ValueError(f"the persons are damaged ({error})") from error
    if len(content) != 4 * count:
        raise ValueError(f"{len(content)} bytes cannot be the persons in {count} images")
    return np.frombuffer(content, "<i4").astype(np.int64)
