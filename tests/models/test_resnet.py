"""ResNets and their initialization from a file of weights."""

import pytest
import torch
from torchvision import models

from privacy_gan.errors import UserError
from privacy_gan.models.resnet import resnet10, resnet18


def parameters(module):
    return sum(p.numel() for p in module.parameters())


def test_resnet18_matches_torchvision_except_for_the_head():
    head_difference = (512 + 1) * (1000 - 2)
    assert parameters(resnet18(2)) == parameters(models.resnet18()) - head_difference


def test_resnet10_has_one_block_per_stage():
    # ResNet-18 minus the second block of each stage: two 3x3 convolutions and two norms each
    second_blocks = sum(2 * 9 * c * c + 2 * 2 * c for c in (64, 128, 256, 512))
    assert parameters(resnet10(3)) == parameters(resnet18(3)) - second_blocks


@pytest.mark.parametrize("size", [16, 64, 128])
def test_logits_have_one_column_per_class(size):
    assert resnet10(3)(torch.rand(2, 3, size, size)).shape == (2, 3)


def test_weights_from_a_file_initialize_all_but_the_head(tmp_path):
    source = models.resnet18()
    torch.save(source.state_dict(), tmp_path / "resnet18.pth")
    network = resnet18(2, weights=tmp_path / "resnet18.pth")
    assert torch.equal(network.body.layer4[1].conv2.weight, source.layer4[1].conv2.weight)
    assert torch.equal(network.body.conv1.weight, source.conv1.weight)
    assert network.head.out_features == 2


def test_weights_of_another_architecture_are_rejected(tmp_path):
    torch.save(models.resnet34().state_dict(), tmp_path / "resnet34.pth")
    with pytest.raises(UserError, match=r"resnet34.pth is for another architecture"):
        resnet18(2, weights=tmp_path / "resnet34.pth")


def test_error_names_a_missing_weights_file(tmp_path):
    with pytest.raises(UserError, match=r"none.pth does not exist"):
        resnet18(2, weights=tmp_path / "none.pth")


def test_file_without_a_state_dict_is_rejected(tmp_path):
    (tmp_path / "text.pth").write_text("<html>")
    with pytest.raises(UserError, match=r"text.pth holds no weights"):
        resnet18(2, weights=tmp_path / "text.pth")
