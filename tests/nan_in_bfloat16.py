"""Looks for operations that give nan, or chance, in bfloat16 on a CPU:

    .venv/bin/python tests/nan_in_bfloat16.py [TIMES]

Every kind of operation of our networks, forward and backward, TIMES times on the same inputs. A
line for each that gives values that are not finite, that differ from one time to the next, or that
are far from float32's. Memory is filled with nan before each time, so that whatever reads what
nobody wrote shows it. ``ONEDNN_MAX_CPU_ISA=AVX512_CORE_BF16`` in front leaves AMX out.
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
FAR = 0.1  # of the largest value: bfloat16 has 8 bits, sums of many have fewer


class ConvolveUpsampled(nn.Conv2d):
    """The UNet's way up."""

    def forward(self, images: Tensor) -> Tensor:
        return convolve_upsampled(images, self.weight)


def operations(inputs: int, outputs: int, side: int) -> Iterator[tuple[str, nn.Module]]:
    """Yield operations on feature maps of so many channels and pixels."""
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
        after = nn.Conv2d(inputs, outputs, 1, bias=False)
        yield "batch norm", nn.Sequential(after, nn.BatchNorm2d(outputs))


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


def faults(compute: Callable[[], list[Tensor]], expected: list[Tensor], times: int) -> list[str]:
    """Return what is wrong with an operation, in words."""
    undefined, varying, first = 0, 0, compute()
    for _ in range(times):
        for size in (1 << 10, 1 << 14, 1 << 18):
            torch.full((size,), torch.nan)  # and given back at once
        found = compute()
        undefined += not all(bool(value.isfinite().all()) for value in found)
        varying += not all(map(torch.equal, found, first))
    pairs = zip(first, expected, strict=True)
    far = [(one - other).abs().max() / other.abs().max().clamp_min(1e-6) for one, other in pairs]
    told = [f"not finite {undefined} of {times} times"] * bool(undefined)
    told += [f"differs {varying} of {times} times"] * bool(varying)
    return told + [f"off by {max(far):.0%} of the largest value"] * (not max(far) < FAR)


def say(line: str) -> None:
    print(line, flush=True)  # noqa: T201


def main(times: int = 20) -> None:
    """Try all."""
    has_amx = torch.cpu._is_amx_tile_supported()
    say(f"torch {torch.__version__}, {torch.get_num_threads()} threads")
    say(f"AMX: {'yes' if has_amx else 'none; what is found here needs none'}")
    for batch, side, (inputs, outputs) in (
        (b, s, c) for b in BATCHES for s in SIDES for c in CHANNELS if s * c[1] <= 2048
    ):
        torch.manual_seed(0)
        images = torch.randn(batch, inputs, side, side).to(memory_format=torch.channels_last)
        for name, operation in operations(inputs, outputs, side):
            operation = operation.to(memory_format=torch.channels_last)
            exact = results(operation, images, bfloat16=False)
            told = faults(lambda f=operation, x=images: results(f, x, True), exact, times)
            if told:
                shape = f"{batch} x {inputs} x {side} x {side} to {outputs} channels"
                say(f"{name}, {shape}: {'; '.join(told)}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
