"""The binormal model: from bits about a binary attribute to accuracy.

An adversary's evidence, the log of the likelihood ratio of s = 1 and s = 0, is taken to be normal:
N(d^2 / 2, d^2) if s = 1 and N(-d^2 / 2, d^2) if s = 0, as for two Gaussian classes with the same
covariance (Green and Swets, 1966). The separation d then determines both its information about s
and its accuracy.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

SEPARATIONS = np.linspace(0, 15, 601)
DEVIATIONS = np.linspace(-8, 8, 801)  # of the evidence from its mean, in standard deviations


def accuracy_from_bits(bits: npt.ArrayLike, frequency: float) -> Floats:
    """Return the accuracy of the best decision by evidence with this information about s.

    It increases with the bits, from that of always deciding for the more frequent value to 1.

    Args:
        bits: information, of any shape; clamped to [0, entropy of s].
        frequency: frequency of s = 1, between 0 and 1, both excluded.
    """
    information, accuracy = binormal_curve(frequency)
    found: Floats = np.interp(np.asarray(bits, float), information, accuracy)
    return found


def binormal_curve(frequency: float) -> tuple[Floats, Floats]:
    """Return information in bits and accuracy at every separation, both non-decreasing."""
    prior = math.log(frequency / (1 - frequency))
    density = np.exp(-(DEVIATIONS**2) / 2)
    density /= density.sum()
    separations = SEPARATIONS[:, None]
    remaining = np.zeros(len(SEPARATIONS))
    correct = np.zeros(len(SEPARATIONS))
    for sign, share in ((1, frequency), (-1, 1 - frequency)):
        evidence = sign * separations**2 / 2 + separations * DEVIATIONS + prior
        probability = 1 / (1 + np.exp(-sign * evidence))  # of the true value
        remaining -= share * (np.log2(np.maximum(probability, 1e-300)) @ density)
        correct += share * gaussian_tail(-sign * prior, SEPARATIONS)
    entropy = -sum(p * math.log2(p) for p in (frequency, 1 - frequency))
    return np.maximum.accumulate(np.clip(entropy - remaining, 0, entropy)), correct


def gaussian_tail(threshold: float, separations: Floats) -> Floats:
    """Return P(evidence > threshold) for evidence N(d^2 / 2, d^2) at every separation d."""
    certain = np.where(threshold < 0, 1.0, 0.0 if threshold > 0 else 0.5)
    return np.array(
        [
            0.5 * math.erfc((threshold / d - d / 2) / math.sqrt(2)) if d > 0 else float(certain)
            for d in separations
        ]
    )
