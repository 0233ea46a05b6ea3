"""Batch norm over all processes' images on the CPU, for which torch has none."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from privacy_gan import replicas


class ReplicatedBatchNorm2d(nn.BatchNorm2d):
    """BatchNorm2d whose moments in training are those of all processes' images together."""

    def forward(self, input: Tensor) -> Tensor:
        """Normalise [B, C, H, W]; every process has B images."""
        if not self.training or replicas.count() == 1:
            return super().forward(input)
        assert self.running_mean is not None
        values = input.to(torch.promote_types(input.dtype, torch.float32))
        # Both moments at once, for a message costs more than what is in it; and about a point near
        # the mean, since their difference would be inexact far from it.
        shifted = values - self.running_mean[:, None, None]
        moments = torch.stack([shifted.mean(dim=(0, 2, 3)), shifted.square().mean(dim=(0, 2, 3))])
        mean, square = replicas.mean(moments)
        variance = (square - mean.square()).clamp_min(0)
        scale = self.weight * torch.rsqrt(variance + self.eps)
        shift = self.bias - mean * scale
        self._remember(mean.detach(), variance.detach(), values.numel() // values.shape[1])
        normalized: Tensor = shifted * scale[:, None, None] + shift[:, None, None]
        return normalized.to(input.dtype)

    def _remember(self, mean: Tensor, variance: Tensor, values: int) -> None:
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        assert self.momentum is not None
        values *= replicas.count()
        self.num_batches_tracked.add_(1)
        self.running_mean.add_(mean, alpha=self.momentum)
        self.running_var.lerp_(variance * values / (values - 1), self.momentum)


def replicate_batch_norms(module: nn.Module) -> None:
    """Turn all of a module's BatchNorm2d into such, in place."""
    for child in module.modules():
        if type(child) is nn.BatchNorm2d:
            child.__class__ = ReplicatedBatchNorm2d


def localize_batch_norms(module: nn.Module) -> None:
    """Turn them back."""
    for child in module.modules():
        if type(child) is ReplicatedBatchNorm2d:
            child.__class__ = nn.BatchNorm2d  # type: ignore[assignment]
