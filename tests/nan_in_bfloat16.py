"""Finds operations whose results are nan or random in bfloat16 on a CPU:

    .venv/bin/python tests/nan_in_bfloat16.py [REPEATS]

The script runs every kind of operation of our networks, forward and backward, REPEATS times on the
same inputs. It prints a line for each operation whose results are not finite, differ between
repeats, or are far from those in float32. It fills memory with nan before each repeat to reveal
reads of uninitialized memory. Set ``ONEDNN_MAX_CPU_ISA=AVX512_CORE_BF16`` to disable AMX.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from privacy_gan.models.unet import convolve_upsampled

BATCHES = (1, 16)
SIDES = (1, 2, 4, 8, 16, 32)
CHANNELS = ((3, 4), (4, 8), (3, 32), (32, 64), (128, 256), (256, 512), (512, 512))
TOLERANCE = 0.1  # relative to the largest value: bfloat16 has 8 bits, long sums lose more


class ConvolveUpsampled(nn.Conv2d):
    """The first convolution of the UNet's up blocks."""

    def forward(self, images: Tensor) -> Tensor:
        return convolve_upsampled(images, self.weight)


def operations(inputs: int, outputs: int, side: int) -> Iterator[tuple[str, nn.Module]]:
    """Yield named operations on feature maps with the given channels and side."""
    yield "conv 1x1", nn.Conv2d(inputs, outputs, 1)
    yield "conv 3x3", nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
    yield "conv 3x3 stride 2", nn.Conv2d(inputs, outputs, 3, stride=2, padding=1, bias=False)
    yield "conv 1x1 stride 2", nn.Conv2d(inputs, outputs, 1, stride=2, bias=False)
    yield "conv 7x7 stride 2", nn.Conv2d(inputs, outputs, 7, stride=2, padding=3, bias=False)
    yield "conv 4x4 stride 2, transposed", nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=False)
    yield "conv 3x3 upsampled", ConvolveUpsampled(inputs, outputs, 3, bias=False)
    yield "upsampling", nn.Upsample(scale_factor=2)
    yield "linear", nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, outputs))
    yield "average pooling", nn.AdaptiveAvgPool2d(1)
    yield "max pooling 3x3 stride 2", nn.MaxPool2d(3, 2, 1)
    if side > 1:
        yield "max pooling 2x2", nn.MaxPool2d(2)
        convolution = nn.Conv2d(inputs, outputs, 1, bias=False)
        yield "batch norm", nn.Sequential(convolution, nn.BatchNorm2d(outputs))


def results(operation: nn.Module, images: Tensor, bfloat16: bool) -> list[Tensor]:
    """Return the output, and the gradients of images and parameters, in float32."""
    images = images.clone(memory_format=torch.channels_last).requires_grad_()
    operation.zero_grad()
    with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
        output = operation(images)
    weights = torch.randn(output.shape, generator=torch.Generator().manual_seed(1))
    (output.float() * weights).mean().backward()
    gradients = [images.grad, *(parameter.grad for parameter in operation.parameters())]
    return [value.detach().float() for value in (output, *gradients) if value is not None]


def find_faults(
    compute: Callable[[], list[Tensor]], expected: list[Tensor], repeats: int
) -> list[str]:
    """Return descriptions of what is wrong with the results of an operation."""
    non_finite, varying, first = 0, 0, compute()
    for _ in range(repeats):
        for size in (1 << 10, 1 << 14, 1 << 18):
            torch.full((size,), torch.nan)  # freed immediately
        values = compute()
        non_finite += not all(bool(value.isfinite().all()) for value in values)
        varying += not all(map(torch.equal, values, first))
    pairs = zip(first, expected, strict=True)
    errors = [(one - other).abs().max() / other.abs().max().clamp_min(1e-6) for one, other in pairs]
    faults = [f"not finite in {non_finite} of {repeats} repeats"] * bool(non_finite)
    faults += [f"differs in {varying} of {repeats} repeats"] * bool(varying)
    is_inexact = not max(errors) < TOLERANCE  # true for nan
    return faults + [f"off by {max(errors):.0%} of the largest value"] * is_inexact


def print_line(line: str) -> None:
    print(line, flush=True)  # noqa: T201


def main(repeats: int = 20) -> None:
    """Test all operations."""
    has_amx = torch.cpu._is_amx_tile_supported()
    print_line(f"torch {torch.__version__}, {torch.get_num_threads()} threads")
    print_line(f"AMX: {'yes' if has_amx else 'no; faults found here do not need it'}")
    for batch, side, (inputs, outputs) in (
        (b, s, c) for b in BATCHES for s in SIDES for c in CHANNELS if s * c[1] <= 2048
    ):
        torch.manual_seed(0)
        images = torch.randn(batch, inputs, side, side).to(memory_format=torch.channels_last)
        for name, operation in operations(inputs, outputs, side):
            operation = operation.to(memory_format=torch.channels_last)
            exact = results(operation, images, bfloat16=False)
            faults = find_faults(lambda f=operation, x=images: results(f, x, True), exact, repeats)
            if faults:
                shape = f"{batch} x {inputs} x {side} x {side} to {outputs} channels"
                print_line(f"{name}, {shape}: {'; '.join(faults)}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
