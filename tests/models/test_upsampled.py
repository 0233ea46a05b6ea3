"""Convolving an upsampled image without upsampling it gives what upsampling it first gives."""

import pytest
import torch
import torch.nn.functional as F

from privacy_gan.models.unet import UNet, UpBlock
from privacy_gan.models.upsampled import convolve_upsampled, spread


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 3), (4, 4), (5, 2)])
def test_it_is_the_convolution_of_the_upsampled_image_with_its_gradients(height, width):
    images = torch.randn(2, 3, height, width, dtype=torch.double, requires_grad=True)
    weight = torch.randn(4, 3, 3, 3, dtype=torch.double, requires_grad=True)
    expected = F.conv2d(F.interpolate(images, scale_factor=2, mode="nearest"), weight, padding=1)
    found = convolve_upsampled(images, weight)
    torch.testing.assert_close(found, expected)
    direction = torch.randn_like(expected)
    torch.testing.assert_close(
        torch.autograd.grad(found, [images, weight], direction),
        torch.autograd.grad(expected, [images, weight], direction),
    )


def test_kernels_by_hand():
    # pixels a b, doubled a a b b: the kernel (1, 10, 100) sees 0aa, aab, abb, bb0
    assert spread(torch.tensor([[1.0, 10.0, 100.0]]), 1).tolist() == [[100.0, 110.0, 11.0, 1.0]]
    images = torch.tensor([[[[1.0, 2.0]]]])
    weight = torch.zeros(1, 1, 3, 3)
    weight[0, 0, 1] = torch.tensor([1.0, 10.0, 100.0])
    row = [110.0, 211.0, 221.0, 22.0]
    assert convolve_upsampled(images, weight).tolist() == [[[row, row]]]


def test_a_block_on_the_way_up_is_upsampling_concatenation_and_a_double_block():
    block = UpBlock(5, 3).double()
    below = torch.randn(4, 5, 4, 6, dtype=torch.double)
    skip = torch.randn(4, 3, 8, 12, dtype=torch.double)
    hidden = torch.cat([F.interpolate(below, scale_factor=2, mode="nearest"), skip], dim=1)
    for layer in block:
        hidden = layer(hidden)
    torch.testing.assert_close(block(below, skip), hidden)


def test_all_levels_of_a_unet_keep_the_layout_of_channels_last():
    network = UNet(32, width=4, noise_size=8, num_classes=2).to(memory_format=torch.channels_last)
    outputs = []
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.register_forward_hook(lambda _, inputs, output: outputs.append(output))
    images = torch.rand(2, 3, 32, 32).to(memory_format=torch.channels_last)
    network(images, torch.randn(2, 8), torch.tensor([0, 1]))
    assert len(outputs) == 18
    assert all(each.is_contiguous(memory_format=torch.channels_last) for each in outputs)
