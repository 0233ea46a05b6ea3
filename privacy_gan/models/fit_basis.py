"""The leading principal components of images that do not fit into memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from privacy_gan.models.subspace import Basis

FIT_VERSION = 1  # raise it whenever the same images give another basis
OVERSAMPLING = 32  # dimensions beyond the components that are asked for
ITERATIONS = 4  # of the subspace iteration; each reads all images once
NEGLIGIBLE = 1e-7  # of the largest variance, the precision of float32

Batches = Callable[[], Iterable[Tensor]]


def fit_basis(batches: Batches, components: int, seed: int) -> Basis:
    """Return the leading principal components of images.

    Randomized subspace iteration (Halko, Martinsson and Tropp, 2011, algorithm 4.4) on the images
    themselves: no covariance is stored, which would have 10 GB at 128 pixels. It reads all images
    ITERATIONS + 2 times.

    Args:
        batches: iterates over images [B, C, H, W] in [0, 1], the same ones at every call.
        components: number of components; fewer are returned if the others have no variance.
        seed: seed of the initial subspace.
    """
    mean, total_variance = mean_and_variance(batches)
    rng = torch.Generator().manual_seed(seed)
    rank = min(components + OVERSAMPLING, len(mean))
    basis = orthonormalize(torch.randn(len(mean), rank, generator=rng, dtype=torch.float64))
    for _ in range(ITERATIONS):
        basis = orthonormalize(times_covariance(batches, mean, basis))
    variances, rotation = torch.linalg.eigh(basis.T @ times_covariance(batches, mean, basis))
    order = variances.argsort(descending=True)[:components]
    order = order[variances[order] > NEGLIGIBLE * variances.max()]
    directions = basis @ rotation[:, order]
    # a decomposition leaves the signs open; the same ones on every machine
    directions *= torch.where(directions.sum(dim=0) < 0, -1.0, 1.0)
    return Basis(mean.float(), directions.float(), variances[order].sqrt().float(), total_variance)


def mean_and_variance(batches: Batches) -> tuple[Tensor, float]:
    """Return the mean image, float64 [D], and the sum of the variances of all values.

    Sums are relative to the first image, so that nothing cancels where values hardly vary.
    """
    count, origin, total, squares = 0, torch.empty(0), torch.empty(0), 0.0
    for batch in batches():
        values = batch.flatten(1)
        if count == 0:
            origin = values[0]
            total = torch.zeros(len(origin), dtype=torch.float64)
        shifted = values - origin
        total += shifted.sum(dim=0).cpu()
        squares += float(shifted.square().sum())
        count += len(values)
    shift = total / count
    return origin.cpu() + shift, squares / count - float(shift.square().sum())


def times_covariance(batches: Batches, mean: Tensor, basis: Tensor) -> Tensor:
    """Return the product of the images' covariance with a matrix, float64 on the CPU.

    Args:
        batches: see ``fit_basis``.
        mean: mean image, [D].
        basis: [D, R].
    """
    count, product = 0, torch.zeros_like(basis)
    matrix, center = torch.empty(0), torch.empty(0)
    for batch in batches():
        values = batch.flatten(1)
        if count == 0:
            matrix, center = basis.to(values), mean.to(values)
        centered = values - center
        product += (centered.T @ (centered @ matrix)).cpu()
        count += len(values)
    return product / count


def orthonormalize(matrix: Tensor) -> Tensor:
    """Return an orthonormal basis of the columns' span, [D, R]."""
    basis: Tensor = torch.linalg.qr(matrix).Q
    return basis
