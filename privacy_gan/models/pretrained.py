"""ResNets that start from ImageNet weights in torchvision's layout."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet

from privacy_gan.errors import UserError
from privacy_gan.models.classifier import Classifier
from privacy_gan.tensors import DamagedFile, UnsupportedFile, read_tensors, require_finite

# blocks per stage, and whether the blocks are bottlenecks
ARCHITECTURES = {
    "ResNet-18": ((2, 2, 2, 2), False),
    "ResNet-34": ((3, 4, 6, 3), False),
    "ResNet-50": ((3, 4, 6, 3), True),
}
# of ImageNet's images, as torchvision's weights expect them
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
MIN_SIDE = 64  # pixels; the last features of a smaller image would have a single position


class NormalizedImages(nn.Module):
    """Prepares images for weights from ImageNet: normalized, and enlarged to 64 pixels."""

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        for name, values in (("mean", IMAGENET_MEAN), ("std", IMAGENET_STD)):
            self.register_buffer(name, torch.tensor(values)[:, None, None], persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Map images [B, C, H, W] in [0, 1], C = 3 or 1, to [B, 3, max(H, 64), max(W, 64)]."""
        size = [max(MIN_SIDE, side) for side in images.shape[2:]]
        if size != list(images.shape[2:]):
            images = F.interpolate(images, size, mode="bilinear", antialias=True)
        normalized: Tensor = (images - self.mean) / self.std
        return normalized


def resnet_like(state: Mapping[str, Any], num_classes: int) -> Classifier:
    """Return an untrained ResNet with the architecture of a state_dict of torchvision's.

    Args:
        state: state_dict of a ResNet-18, 34 or 50. The last layer, ``fc``, is not used.
        num_classes: number of logits.

    Raises:
        LookupError: the state_dict is of another architecture.
    """
    found = tuple(
        len({match[1] for name in state if (match := re.match(rf"layer{stage}\.(\d+)\.", name))})
        for stage in (1, 2, 3, 4)
    )
    is_bottleneck = "layer1.0.conv3.weight" in state
    if (found, is_bottleneck) not in ARCHITECTURES.values():
        raise LookupError("it has other layers")
    resnet = ResNet(Bottleneck if is_bottleneck else BasicBlock, list(found))
    num_features = resnet.fc.in_features
    resnet.fc = nn.Identity()
    return Classifier(nn.Sequential(NormalizedImages(), resnet), num_features, num_classes)


def load_pretrained(file: Path, num_classes: int) -> Classifier:
    """Return a ResNet with a file's weights in all layers but the last.

    Args:
        file: state_dict of torchvision's ResNet-18, 34 or 50, as saved by ``torch.save``.
        num_classes: number of logits.

    Raises:
        UserError: the file does not exist, is damaged, or holds something else.
    """
    expected = f"give a file with torchvision's state_dict of a {', '.join(ARCHITECTURES)}"
    try:
        state = read_tensors(file)
        body = {name: value for name, value in state.items() if not name.startswith("fc.")}
        network = resnet_like(body, num_classes)
        network.body[1].load_state_dict(body)  # type: ignore[index]
    except (FileNotFoundError, IsADirectoryError) as error:
        raise UserError(f"judge.weights={file} does not exist: give a local file") from error
    except DamagedFile as error:
        raise UserError(f"judge.weights={file} is damaged: {expected}") from error
    except (UnsupportedFile, RuntimeError, LookupError, TypeError, AttributeError) as error:
        raise UserError(
            f"judge.weights={file} holds no weights in the expected layout: {expected}"
        ) from error
    require_finite(body, f"judge.weights={file}", "give another file")
    return network
