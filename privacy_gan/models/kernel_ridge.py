"""Kernel ridge regression with an RBF kernel and landmarks (the Nystroem method).

Only the kernel between images and landmarks is computed, a batch at a time, never one between all
images (Rudi, Camoriano and Rosasco, 2015).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from privacy_gan.models.principal_components import FittedModule

BATCH = 1024  # points per batch of the kernel
PRECISION = 1e-13  # of float64 sums: what is added to a diagonal, relative to the trace
LENGTH_SCALES = (0.5, 1.0, 2.0)  # times the median distance of landmarks
PENALTIES = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)  # ridge penalties, per point
MEDIAN_POINTS = 1000  # landmarks among which distances are measured


class KernelRidge(FittedModule):
    """Maps points to linear functions of their kernels with landmarks: logits, once fitted.

    Args:
        features: coordinates of a point, K.
        num_classes: number of logits, C.
    """

    landmarks: Tensor
    length_scale: Tensor
    weights: Tensor
    bias: Tensor

    def __init__(self, features: int, num_classes: int) -> None:
        super().__init__()
        self.register_buffer("landmarks", torch.zeros(1, features))
        self.register_buffer("length_scale", torch.ones(()))
        self.register_buffer("weights", torch.zeros(1, num_classes))
        self.register_buffer("bias", torch.zeros(num_classes))

    def forward(self, points: Tensor) -> Tensor:
        """Map points [B, K] to logits, float32 [B, C], even under autocast."""
        with torch.autocast(points.device.type, enabled=False):
            kernel = rbf_kernel(points.float(), self.landmarks, self.length_scale)
            return kernel @ self.weights + self.bias


def rbf_kernel(points: Tensor, landmarks: Tensor, length_scale: Tensor | float) -> Tensor:
    """Return exp(-d^2 / (2 length_scale^2)) of all distances d, [N, M]."""
    return torch.exp(-torch.cdist(points, landmarks).square() / (2 * length_scale**2))


class Problem(NamedTuple):
    """A regression of targets on the kernels with landmarks.

    Attributes:
        points: [N, K].
        targets: [N, C].
        landmarks: [M, K].
    """

    points: Tensor
    targets: Tensor
    landmarks: Tensor


class NormalEquations(NamedTuple):
    """The sums over all points that a ridge regression with any penalty needs, float64.

    Attributes:
        products: K'K of the kernel K between points and landmarks, [M, M].
        targets: K'y, [M, C].
        kernel: kernel of the landmarks, [M, M].
        num_points: N.
    """

    products: Tensor
    targets: Tensor
    kernel: Tensor
    num_points: int

    def solve(self, penalty: float) -> Tensor:
        """Return the weights of the landmarks, [M, C], for a penalty per point."""
        matrix = self.products + penalty * self.num_points * self.kernel
        matrix.diagonal().add_(PRECISION * matrix.trace())
        solution: Tensor = torch.cholesky_solve(self.targets, torch.linalg.cholesky(matrix))
        return solution


def normal_equations(problem: Problem, length_scale: float) -> NormalEquations:
    """Accumulate the normal equations of a problem over batches of its points."""
    landmarks = problem.landmarks
    products = landmarks.new_zeros(len(landmarks), len(landmarks))
    sums = landmarks.new_zeros(len(landmarks), problem.targets.shape[1])
    batches = zip(*(torch.split(each, BATCH) for each in problem[:2]), strict=True)
    for points, targets in batches:
        kernel = rbf_kernel(points, landmarks, length_scale)
        products += kernel.T @ kernel
        sums += kernel.T @ targets
    own = rbf_kernel(landmarks, landmarks, length_scale)
    return NormalEquations(products, sums, own, len(problem.points))


class Choice(NamedTuple):
    """A length scale and a penalty, and what they predict for held-out points.

    Attributes:
        error: mean squared error on held-out points.
        length_scale: of the kernel.
        penalty: per point.
        predicted: predictions of the held-out points, [H, C].
    """

    error: float
    length_scale: float
    penalty: float
    predicted: Tensor


def choose(problem: Problem, points: Tensor, targets: Tensor) -> Choice:
    """Return the length scale and the penalty with the least squared error on held-out points.

    Args:
        problem: the points to fit.
        points: held-out points, [H, K].
        targets: their targets, [H, C].
    """

    def choices() -> Iterator[Choice]:
        median = median_distance(problem.landmarks[:MEDIAN_POINTS])
        for length_scale in (factor * median for factor in LENGTH_SCALES):
            equations = normal_equations(problem, length_scale)
            kernel = rbf_kernel(points, problem.landmarks, length_scale)
            for penalty in PENALTIES:
                predicted = kernel @ equations.solve(penalty)
                error = float((predicted - targets).square().mean())
                yield Choice(error, length_scale, penalty, predicted)

    return min(choices(), key=lambda choice: choice.error)


def median_distance(points: Tensor) -> float:
    """Return the median distance of points [N, K] that are not equal; 1 if all are equal."""
    distances = F.pdist(points)
    distances = distances[distances > 0]
    return float(distances.median()) if len(distances) else 1.0
