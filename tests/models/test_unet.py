"""The UNet against the paper's description (appendix A.1)."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from privacy_gan.errors import UserError
from privacy_gan.models.unet import UNet, UpBlock, convolve_upsampled, transposed_kernel


def parameters(module):
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize("size", [64, 128])
@pytest.mark.parametrize("num_classes", [None, 2])
def test_output_shape_and_range(size, num_classes):
    network = UNet(size, width=4, num_classes=num_classes)
    classes = None if num_classes is None else torch.tensor([0, 1])
    out = network(torch.rand(2, 3, size, size), torch.randn(2, 1024), classes)
    assert out.shape == (2, 3, size, size)
    assert out.min() >= 0
    assert out.max() <= 1


def test_sides_may_differ():
    out = UNet((32, 48), width=2)(torch.rand(2, 3, 32, 48), torch.randn(2, 1024))
    assert out.shape == (2, 3, 32, 48)


def test_channels_match_the_paper():
    network = UNet(64, num_classes=2)
    convolutions = [
        (module.in_channels, module.out_channels)
        for module in network.modules()
        if isinstance(module, nn.Conv2d)
    ]
    down = [(3, 32), (32, 32), (32, 64), (64, 64), (64, 128), (128, 128)]
    bottom = [(128, 256), (256, 256), (256, 512), (512, 512)]
    # 512 of the bottleneck, 512 of the noise, 1 of the class, and 256 of the skip connection
    up = [(512 + 512 + 1 + 256, 256), (256, 256), (256 + 128, 128), (128, 128)]
    top = [(128 + 64, 64), (64, 64), (64 + 32, 32), (32, 32), (32, 3)]
    assert convolutions == down + bottom + up + top


def test_parameter_count():
    # 3x3 convolutions without bias and batch norms with two parameters per channel, at width 1:
    # channels 1, 2, 4, 8, 16; bottleneck 16 + 16 channels
    pairs = [(3, 1), (1, 1), (1, 2), (2, 2), (2, 4), (4, 4), (4, 8), (8, 8), (8, 16), (16, 16)]
    pairs += [(40, 8), (8, 8), (12, 4), (4, 4), (6, 2), (2, 2), (3, 1), (1, 1)]
    blocks = sum(9 * i * o + 2 * o for i, o in pairs)
    to_rgb = 1 * 3 + 3
    noise = (10 + 1) * 16 * 2 * 2
    assert parameters(UNet(32, width=1, noise_size=10)) == blocks + to_rgb + noise
    # the class: an embedding of size 128, projected to one more input channel of a convolution
    more = 2 * 128 + (128 + 1) * 4 + 9 * 8
    with_class = UNet(32, width=1, noise_size=10, num_classes=2)
    assert parameters(with_class) == blocks + to_rgb + noise + more


def test_output_depends_on_noise_and_class():
    torch.manual_seed(0)
    network = UNet(16, width=4, num_classes=2).eval()
    images, noise = torch.rand(1, 3, 16, 16), torch.randn(1, 1024)
    zero, one = torch.tensor([0]), torch.tensor([1])
    out = network(images, noise, zero)
    assert not torch.equal(out, network(images, noise, one))
    assert not torch.equal(out, network(images, torch.randn(1, 1024), zero))


def test_output_has_the_dtype_of_the_images_under_autocast():
    network = UNet(16, width=2)
    with torch.autocast("cpu", torch.bfloat16):
        out = network(torch.rand(2, 3, 16, 16), torch.randn(2, 1024))
    assert out.dtype == torch.float32


@pytest.mark.parametrize("size", [0, 40, (64, 60)])
def test_sizes_that_are_not_multiples_of_16_are_rejected(size):
    with pytest.raises(UserError, match="multiples of 16"):
        UNet(size)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 3), (4, 4), (5, 2)])
def test_convolve_upsampled_equals_upsampling_then_convolution_with_gradients(height, width):
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


def test_transposed_kernel_of_a_small_example():
    # pixels a b, upsampled to a a b b: the kernel (1, 10, 100) covers 0aa, aab, abb, bb0
    assert transposed_kernel(torch.tensor([[1.0, 10.0, 100.0]]), 1).tolist() == [
        [100.0, 110.0, 11.0, 1.0]
    ]
    images = torch.tensor([[[[1.0, 2.0]]]])
    weight = torch.zeros(1, 1, 3, 3)
    weight[0, 0, 1] = torch.tensor([1.0, 10.0, 100.0])
    row = [110.0, 211.0, 221.0, 22.0]
    assert convolve_upsampled(images, weight).tolist() == [[[row, row]]]


def test_up_block_equals_upsampling_concatenation_and_a_double_block():
    block = UpBlock(5, 3).double()
    below = torch.randn(4, 5, 4, 6, dtype=torch.double)
    skip = torch.randn(4, 3, 8, 12, dtype=torch.double)
    hidden = torch.cat([F.interpolate(below, scale_factor=2, mode="nearest"), skip], dim=1)
    for layer in block:
        hidden = layer(hidden)
    torch.testing.assert_close(block(below, skip), hidden)


def test_all_levels_of_the_unet_use_channels_last():
    network = UNet(32, width=4, noise_size=8, num_classes=2).to(memory_format=torch.channels_last)
    outputs = []
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.register_forward_hook(lambda _, inputs, output: outputs.append(output))
    images = torch.rand(2, 3, 32, 32).to(memory_format=torch.channels_last)
    network(images, torch.randn(2, 8), torch.tensor([0, 1]))
    assert len(outputs) == 18
    assert all(each.is_contiguous(memory_format=torch.channels_last) for each in outputs)
