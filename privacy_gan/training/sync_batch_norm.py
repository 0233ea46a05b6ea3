"""Batch norm over all processes' images on the CPU, for which torch has none."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from pytorch_lightning.plugins import LayerSync
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from privacy_gan import distributed


class CPUSyncBatchNormPlugin(LayerSync):
    """Turns batch norms into such over processes."""

    def apply(self, model: nn.Module) -> nn.Module:
        """Turn all batch norms into such, in place."""
        for child in model.modules():
            if type(child) is nn.BatchNorm2d:
                child.__class__ = CPUSyncBatchNorm2d
        return model

    def revert(self, model: nn.Module) -> nn.Module:
        """Turn them back."""
        for child in model.modules():
            if type(child) is CPUSyncBatchNorm2d:
                child.__class__ = nn.BatchNorm2d  # type: ignore[assignment]
        return model


class CPUSyncBatchNorm2d(nn.BatchNorm2d):
    """BatchNorm2d whose moments in training are those of all processes' images together."""

    def forward(self, input: Tensor) -> Tensor:
        """Normalise [B, C, H, W]; every process has B images."""
        if not self.training or distributed.world_size() == 1:
            return super().forward(input)
        mean, variance = self._moments(input.detach())
        self._remember(mean, variance, distributed.world_size() * values_of_channel(input))
        normalized: Tensor = _Normalize.apply(
            input, self.weight, self.bias, mean, variance, self.eps
        )
        return normalized

    def _moments(self, input: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and variance of each channel, [C] each.

        Both travel in one message, as moments about a point that all processes know and that is
        near the mean: about 0, far from it, their difference would be inexact.
        """
        assert self.running_mean is not None
        # with a momentum of 0 it leaves the running moments alone, and takes on their precision
        mean, variance = torch.batch_norm_update_stats(
            input, self.running_mean, self.running_var, 0.0
        )
        shift = self.running_mean
        moments = torch.stack([mean - shift, variance + (mean - shift).square()])
        mean, square = distributed.all_reduce_mean(moments)
        return mean + shift, (square - mean.square()).clamp_min(0)

    def _remember(self, mean: Tensor, variance: Tensor, values: int) -> None:
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        # without a momentum all batches count alike
        weight = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, weight)
        self.running_var.lerp_(variance * values / (values - 1), weight)


class _Normalize(torch.autograd.Function):
    """Batch norm with given moments, which are those of all processes' inputs.

    Forward and backward are torch's own kernels. Backward, they take the means of the gradient, and
    of it times the normalised input, over this process's images; what these differ by from the
    means over all is put right.
    """

    @staticmethod
    def forward(
        ctx: Any,
        input: Tensor,
        weight: Tensor,
        bias: Tensor,
        mean: Tensor,
        variance: Tensor,
        eps: float,
    ) -> Tensor:
        ctx.save_for_backward(input, weight, mean, variance)
        ctx.eps = eps
        return F.batch_norm(input, mean, variance, weight, bias, training=False, eps=eps)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        input, weight, mean, variance = ctx.saved_tensors
        deviation = torch.rsqrt(variance + ctx.eps)  # its inverse
        of_input, of_weight, of_bias = torch.ops.aten.native_batch_norm_backward(
            *(gradient, input, weight, None, None, mean, deviation, True, ctx.eps),
            [True, True, True],
        )
        sums = torch.stack([of_bias, of_weight])
        excess, slope = (sums - distributed.all_reduce_mean(sums)) / values_of_channel(input)
        scale = weight * deviation
        slope = slope * deviation
        of_input = torch.addcmul(of_input, input, by_channel(scale * slope, input))
        of_input += by_channel(scale * (excess - mean * slope), input)
        return of_input, of_weight, of_bias, None, None, None


def values_of_channel(images: Tensor) -> int:
    """Return how many values each channel of [B, C, H, W] has."""
    return images.numel() // images.shape[1]


def by_channel(values: Tensor, images: Tensor) -> Tensor:
    """Return a value for each channel, [C], in the shape and precision of images."""
    return values[:, None, None].to(images.dtype)
