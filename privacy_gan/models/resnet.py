"""torchvision's ResNets as classifiers."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock, ResNet

from privacy_gan.errors import UserError
from privacy_gan.models.classifier import Classifier
from privacy_gan.models.layers import as_colour
from privacy_gan.tensors import DamagedFile, UnsupportedFile, read_tensors


class ColourResNet(ResNet):  # type: ignore[misc]
    """torchvision's ResNet, which takes grey images, [B, 1, H, W], as three equal channels, too."""

    def forward(self, x: Tensor) -> Tensor:
        """Map images to features."""
        features: Tensor = super().forward(as_colour(x))
        return features


def resnet18(num_classes: int, weights: str | Path | None = None) -> Classifier:
    """Return a ResNet-18 (He et al., 2016): two blocks per stage; the filter's discriminator."""
    return resnet([2, 2, 2, 2], num_classes, weights)


def resnet10(num_classes: int, weights: str | Path | None = None) -> Classifier:
    """Return the paper's ResNet-10: one block per stage; the generator's discriminator."""
    return resnet([1, 1, 1, 1], num_classes, weights)


def resnet(layers: list[int], num_classes: int, weights: str | Path | None = None) -> Classifier:
    """Return a ResNet with basic blocks.

    Args:
        layers: residual blocks in each of the four stages.
        num_classes: number of logits.
        weights: file with a torchvision state_dict to initialize all layers but the last from.

    Raises:
        UserError: see ``load_backbone``.
    """
    network = ColourResNet(BasicBlock, layers)
    if weights is not None:
        load_backbone(network, Path(weights))
    num_features = network.fc.in_features
    network.fc = nn.Identity()
    return Classifier(network, num_features, num_classes)


def load_backbone(network: ResNet, file: Path) -> None:
    """Load a state_dict from a file, except the tensors of ``fc``.

    Raises:
        UserError: the file does not exist, is not a state_dict, or is for another architecture.
    """
    try:
        state = read_tensors(file)
        body = {name: value for name, value in state.items() if not name.startswith("fc.")}
        missing, unexpected = network.load_state_dict(body, strict=False)
    except FileNotFoundError as error:
        raise UserError(f"{file} does not exist: weights must be a local file") from error
    except (DamagedFile, UnsupportedFile) as error:
        raise UserError(
            f"{file} holds no weights or is damaged: give a file with a torchvision state_dict"
        ) from error
    except (RuntimeError, TypeError, AttributeError) as error:  # other shapes, or no tensors
        reason = str(error).strip().partition("\n")[0]
        raise UserError(f"{file} holds no weights for this ResNet: {reason}") from error
    wrong = unexpected + [name for name in missing if not name.startswith("fc.")]
    if wrong:
        raise UserError(
            f"{file} is for another architecture: {len(wrong)} tensor{'s' * (len(wrong) > 1)} do "
            f"not match, the first is {wrong[0]}"
        )
