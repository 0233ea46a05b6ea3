"""Random numbers that depend on a seed and an index alone, wherever a batch begins."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FACTOR_STREAM, NOISE_STREAM = 0, 1
WORDS_PER_BLOCK = 4  # Philox makes four 64-bit words for each value of its counter


def random_words(
    seed: int, stream: int, start: int, stop: int, words: int
) -> npt.NDArray[np.uint64]:
    """Return the `words` raw 64-bit words of each index in start..stop, uint64 [B, words].

    `words` is a multiple of four. Philox's raw output is fixed by its definition; what numpy's
    Generator methods make of it may change between numpy's versions, so none is used.
    """
    counter = start * (words // WORDS_PER_BLOCK)
    philox = np.random.Philox(key=seed | stream << 64, counter=counter)
    return philox.random_raw((stop - start) * words).reshape(stop - start, words)


def uniforms(words: npt.NDArray[np.uint64]) -> npt.NDArray[np.float64]:
    """Return raw words as numbers in [0, 1), multiples of 2**-53."""
    return (words >> np.uint64(11)).astype(np.float64) * 2.0**-53
