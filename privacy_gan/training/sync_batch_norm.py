"""Synchronized batch norm for CPUs; torch's SyncBatchNorm supports GPUs only."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from pytorch_lightning.plugins import LayerSync
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from privacy_gan import distributed


class CPUSyncBatchNormPlugin(LayerSync):
    """Replaces the batch norms of a model with synchronized ones."""

    def apply(self, model: nn.Module) -> nn.Module:
        """Convert all batch norms in place."""
        for child in model.modules():
            if type(child) is nn.BatchNorm2d:
                child.__class__ = CPUSyncBatchNorm2d
        return model

    def revert(self, model: nn.Module) -> nn.Module:
        """Convert all batch norms back in place."""
        for child in model.modules():
            if type(child) is CPUSyncBatchNorm2d:
                child.__class__ = nn.BatchNorm2d  # type: ignore[assignment]
        return model


class CPUSyncBatchNorm2d(nn.BatchNorm2d):
    """BatchNorm2d that normalizes with the moments of all processes' images in training."""

    def forward(self, input: Tensor) -> Tensor:
        """Normalize [B, C, H, W], where B is the same in all processes."""
        if not self.training or distributed.world_size() == 1:
            return super().forward(input)
        mean, variance = self._moments(input.detach())
        count = distributed.world_size() * values_per_channel(input)
        self._update_running_moments(mean, variance, count)
        normalized: Tensor = _Normalize.apply(
            input, self.weight, self.bias, mean, variance, self.eps
        )
        return normalized

    def _moments(self, input: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and variance of each channel, [C] each.

        A single all-reduce averages the first two moments about the running mean, which all
        processes share. Moments about 0 would be numerically inexact if the mean is far from 0.
        """
        assert self.running_mean is not None
        # a momentum of 0 leaves the running moments unchanged; the results have their dtype
        mean, variance = torch.batch_norm_update_stats(
            input, self.running_mean, self.running_var, 0.0
        )
        shift = self.running_mean
        moments = torch.stack([mean - shift, variance + (mean - shift).square()])
        mean, square = distributed.all_reduce_mean(moments)
        return mean + shift, (square - mean.square()).clamp_min(0)

    def _update_running_moments(self, mean: Tensor, variance: Tensor, count: int) -> None:
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        # without momentum, the running moments are the averages over all batches
        weight = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, weight)
        self.running_var.lerp_(variance * count / (count - 1), weight)


class _Normalize(torch.autograd.Function):
    """Batch norm with given moments, those of all processes' inputs.

    Forward and backward use torch's kernels. The backward kernel takes the means of the gradient,
    and of the gradient times the normalized input, over the local images only. The difference from
    the means over all images is then added.
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
        inverse_std = torch.rsqrt(variance + ctx.eps)
        input_grad, weight_grad, bias_grad = torch.ops.aten.native_batch_norm_backward(
            *(gradient, input, weight, None, None, mean, inverse_std, True, ctx.eps),
            [True, True, True],
        )
        sums = torch.stack([bias_grad, weight_grad])
        excess, slope = (sums - distributed.all_reduce_mean(sums)) / values_per_channel(input)
        scale = weight * inverse_std
        slope = slope * inverse_std
        input_grad = torch.addcmul(input_grad, input, per_channel(scale * slope, input))
        input_grad += per_channel(scale * (excess - mean * slope), input)
        return input_grad, weight_grad, bias_grad, None, None, None


def values_per_channel(images: Tensor) -> int:
    """Return the number of values in each channel of [B, C, H, W]."""
    return images.numel() // images.shape[1]


def per_channel(values: Tensor, images: Tensor) -> Tensor:
    """Return values [C] as [C, 1, 1], which broadcasts over images, with the images' dtype."""
    return values[:, None, None].to(images.dtype)
