"""Extrapolation of learning curves in the number of training images by a power law.

The information that a network has about the labels is taken to follow

    bits(n) = limit - scale n^(-exponent),    scale >= 0,  limit <= entropy of the labels

(Hestness et al., 2017: the loss of deep networks follows power laws with exponents of 0.07 to 0.35;
1 is the rate of a correctly specified parametric model, and 0 would be a logarithm). Few points can
hardly tell the exponent, which is therefore not fitted but drawn: its prior is uniform in its
logarithm between the bounds below, and its probability given the points follows from how well the
law fits with it. Limit and scale are fitted to bootstrap samples of the points.

This cannot foresee a network that starts to learn only with more images than were tried.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

EXPONENTS = np.geomspace(0.05, 2, 200)
SMALLEST_ERROR = 1e-4  # bits; added to the errors, so that points without any can be fitted


def extrapolate(
    sizes: npt.ArrayLike, bits: Floats, samples: Floats, entropy: float, target: float, seed: int
) -> Floats:
    """Return draws of the bits that the law predicts at another size, [R].

    Args:
        sizes: numbers of training images, [K], K >= 3.
        bits: the measured bits, [K].
        samples: the same in R bootstrap samples of the test images, [R, K]. All points come from
            the same sample, so that what they have in common does not blur their differences.
        entropy: entropy of the labels in bits, the highest possible value.
        target: number of training images for which to predict.
        seed: seed of the drawn exponents.
    """
    relative = np.asarray(sizes, float) / np.max(sizes)
    errors = samples - bits
    covariance = errors.T @ errors / len(errors) + SMALLEST_ERROR**2 * np.eye(len(bits))
    precision: Floats = np.linalg.inv(covariance).astype(float)
    powers = relative ** -EXPONENTS[:, None]  # [E, K]
    limits, scales = fit(powers, bits[None], precision, entropy)
    residuals = bits - (limits[:, None] - scales[:, None] * powers)
    misfits = np.einsum("ek,kl,el->e", residuals, precision, residuals)
    likelihoods = np.exp((misfits.min() - misfits) / 2)
    rng = np.random.default_rng(seed)
    drawn = rng.choice(len(EXPONENTS), len(samples), p=likelihoods / likelihoods.sum())
    limits, scales = fit(powers[drawn], samples, precision, entropy)
    predicted: Floats = limits - scales * (target / np.max(sizes)) ** -EXPONENTS[drawn]
    return predicted


def fit(powers: Floats, bits: Floats, precision: Floats, entropy: float) -> tuple[Floats, Floats]:
    """Fit limits and scales of laws by generalized least squares.

    Args:
        powers: n^(-exponent) at each point, [R, K].
        bits: [R, K], or [1, K] for all laws.
        precision: inverse of the covariance of the points' errors, [K, K].
        entropy: upper bound of the limit.

    Returns:
        Limits and scales, [R] each.
    """
    design = np.stack([np.ones_like(powers), -powers], axis=2)  # [R, K, 2]
    weighted = precision @ design
    normal = np.swapaxes(design, 1, 2) @ weighted  # [R, 2, 2]
    right = np.swapaxes(weighted, 1, 2) @ bits[:, :, None]
    limit, scale = np.linalg.solve(normal, right)[:, :, 0].T
    constant = right[:, 0, 0] / normal[:, 0, 0]  # the limit if the scale is 0
    limit, scale = np.where(scale < 0, constant, limit), np.maximum(scale, 0)
    slope = powers @ precision
    steepest = ((entropy - bits) * slope).sum(axis=1) / (powers * slope).sum(axis=1)
    above = limit > entropy  # then the limit is the entropy, and the scale is fitted to that
    scale = np.where(above & (scale > 0), np.maximum(steepest, 0), scale)
    return np.minimum(limit, entropy), scale
