"""StarGAN's networks have the layers that its paper lists (Choi et al., 2018, tables 4 and 5)."""

import pytest
import torch
from torch import nn

from privacy_gan.errors import UserError
from privacy_gan.models.stargan import StarGANDiscriminator, StarGANGenerator


def parameters(module):
    return sum(p.numel() for p in module.parameters())


def convolution_shapes(network, *inputs):
    """Return the output shape of every convolution for one image, in order."""
    shapes = []
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            module.register_forward_hook(lambda m, i, out: shapes.append(tuple(out.shape[1:])))
    network(*inputs)
    return shapes


# kernel size, input and output channels of the generator's convolutions
BOTTOM = [(3, 256, 256)] * 12
REST = [(4, 64, 128), (4, 128, 256), *BOTTOM, (4, 256, 128), (4, 128, 64)]


@pytest.mark.parametrize(("num_classes", "planes"), [(2, 1), (3, 3), (5, 5)])
def test_generator_parameter_count(num_classes, planes):
    convolutions = [(7, 3 + planes, 64), *REST]
    expected = sum(k * k * i * o + 2 * o for k, i, o in convolutions) + 7 * 7 * 64 * 3
    with torch.device("meta"):
        assert parameters(StarGANGenerator(num_classes)) == expected
    assert expected == 8_430_528 + (planes - 5) * 49 * 64


@pytest.mark.parametrize("size", [64, 128])
def test_generator_layers_match_the_paper(size):
    half, quarter = size // 2, size // 4
    with torch.device("meta"):
        inputs = torch.empty(1, 3, size, size), torch.zeros(1, dtype=torch.long)
        shapes = convolution_shapes(StarGANGenerator(2), *inputs)
    assert shapes == [
        (64, size, size),
        (128, half, half),
        *[(256, quarter, quarter)] * (1 + 12),
        (128, half, half),
        (64, size, size),
        (3, size, size),
    ]


@pytest.mark.parametrize(
    ("size", "channels"),
    [(64, [64, 128, 256, 512, 1024]), (128, [64, 128, 256, 512, 1024, 2048])],
)
@pytest.mark.parametrize(("num_classes", "logits"), [(2, 1), (3, 3)])
def test_discriminator_layers_match_the_paper(size, channels, num_classes, logits):
    with torch.device("meta"):
        network = StarGANDiscriminator(size, num_classes)
        shapes = convolution_shapes(network, torch.empty(1, 3, size, size))
    last = channels[-1]
    sides = [size // 2**level for level in range(1, len(channels) + 1)]
    down = [(c, side, side) for c, side in zip(channels, sides, strict=True)]
    assert sides[-1] == 2
    assert shapes == [*down, (1, 2, 2), (logits, 1, 1)]
    convolutions = zip([3, *channels], channels, strict=False)
    body = sum(4 * 4 * i * o + o for i, o in convolutions)
    assert parameters(network) == body + 3 * 3 * last + 2 * 2 * last * logits


def test_discriminator_parameter_count_for_a_binary_attribute():
    # body: 3,136 + 131,200 + 524,544 + 2,097,664 + 8,389,632 and, at 128 pixels, 33,556,480 more
    with torch.device("meta"):
        counts = [parameters(StarGANDiscriminator(size, 2)) for size in (64, 128)]
    assert counts == [11_146_176 + 13 * 1024, 44_702_656 + 13 * 2048]


def test_norms_are_affine_and_have_no_running_statistics():
    norms = [m for m in StarGANGenerator(2, 2, 1).modules() if isinstance(m, nn.InstanceNorm2d)]
    assert len(norms) == 3 + 2 + 2
    assert all(norm.affine and not norm.track_running_stats for norm in norms)
    assert not list(StarGANGenerator(2, 2, 1).buffers())


def test_output_does_not_depend_on_mode_or_on_the_other_images():
    torch.manual_seed(0)
    network = StarGANGenerator(2, width=2, residual_blocks=1).double()
    images = torch.rand(3, 3, 16, 16, dtype=torch.float64) * 2 - 1
    classes = torch.tensor([0, 1, 1])
    together = network(images, classes)
    alone = network.eval()(images[1:2], classes[1:2])
    torch.testing.assert_close(together[1:2], alone)


@pytest.mark.parametrize("num_classes", [2, 3])
def test_output_shape_range_and_dependence_on_the_class(num_classes):
    torch.manual_seed(0)
    network = StarGANGenerator(num_classes, width=4, residual_blocks=1)
    with torch.no_grad():
        network.layers[-1].weight *= 100  # saturates tanh
    image = torch.rand(1, 3, 16, 24) * 2 - 1
    out = [network(image, torch.tensor([value])) for value in range(num_classes)]
    assert all(one.shape == image.shape and -1 <= one.min() <= one.max() <= 1 for one in out)
    assert not any(torch.equal(out[0], other) for other in out[1:])


def test_class_planes():
    images, classes = torch.zeros(2, 3, 4, 8), torch.tensor([1, 0])
    one = torch.ones(4, 8)
    binary = StarGANGenerator(2, 2, 1).class_planes(images, classes)
    assert torch.equal(binary, torch.stack([one, 0 * one])[:, None])
    ternary = StarGANGenerator(3, 2, 1).class_planes(images, classes)
    none = torch.zeros(4, 8)
    expected = [torch.stack([none, one, none]), torch.stack([one, none, none])]
    assert torch.equal(ternary, torch.stack(expected))


def test_outputs_have_the_dtype_of_the_images_under_autocast():
    images, classes = torch.rand(2, 3, 16, 16), torch.tensor([0, 1])
    with torch.autocast("cpu", torch.bfloat16):
        out = StarGANGenerator(2, 2, 1)(images, classes)
        source, logits = StarGANDiscriminator(16, 2, 2)(images)
    assert [t.dtype for t in (out, source, logits)] == [torch.float32] * 3


@pytest.mark.parametrize(("size", "side"), [(8, 2), (16, 2), (32, 2), (96, 3)])
def test_discriminator_output_shapes(size, side):
    source, logits = StarGANDiscriminator(size, 3, width=1)(torch.rand(2, 3, size, size))
    assert source.shape == (2, 1, side, side)
    assert logits.shape == (2, 3)


@pytest.mark.parametrize(("size", "times"), [(0, 2), (4, 2), (10, 2), (80, 5), (112, 5)])
def test_sizes_that_cannot_be_halved_often_enough_are_rejected(size, times):
    with pytest.raises(UserError, match=f"image_size={size} cannot be halved {times} times") as e:
        StarGANDiscriminator(size, 2)
    assert "\n" not in str(e.value)
