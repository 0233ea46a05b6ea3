"""What networks make of test images, censored and original, and how far apart the images are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torchmetrics.functional.image import structural_similarity_index_measure
from torchmetrics.image.fid import NoTrainInceptionV3

from privacy_gan.errors import UserError
from privacy_gan.evaluation.classifiers import FixedClassifier
from privacy_gan.evaluation.source import CensoredSource, count_batches
from privacy_gan.models.classifier import Classifier
from privacy_gan.progress import progress
from privacy_gan.randomness import Purpose, keyed_generator
from privacy_gan.tensors import DamagedFile, UnsupportedFile, read_tensors


@dataclass(frozen=True)
class Outputs:
    """What networks make of the test images, either censored or original; rows are images.

    Attributes:
        probabilities: of each fixed classifier, float64 [N, C] by attribute.
        features: of all fixed classifiers side by side, [N, F].
        inception_features: of Inception [N, 2048], or None without its weights.
    """

    probabilities: dict[str, Tensor]
    features: Tensor
    inception_features: Tensor | None

    def predicted(self, attribute: str) -> Tensor:
        """Return the class that a fixed classifier sees, [N]."""
        return self.probabilities[attribute].argmax(dim=1)

    def predictions_of(self, attributes: Sequence[str]) -> dict[str, Tensor]:
        """Return the class that each attribute's fixed classifier sees, [N] by attribute."""
        return {name: self.predicted(name) for name in attributes}


@dataclass(frozen=True)
class TestOutputs:
    """What networks make of the test split, censored and original.

    Attributes:
        censored: of images that were censored once.
        original: of the same images as they were.
        feature_sizes: how many features each fixed classifier has.
        synthetic: s' [N]; drawn here where none is put in.
        distortion: mean squared error of each image, [N].
        ssim: structural similarity of each image [N], or None where images are not pictures.
    """

    __test__ = False  # pytest would take the class for a test

    censored: Outputs
    original: Outputs
    feature_sizes: list[int]
    synthetic: Tensor
    distortion: Tensor
    ssim: Tensor | None


def outputs_on_test(
    source: CensoredSource,
    classifiers: Mapping[str, FixedClassifier],
    inception: nn.Module | None,
    num_classes: int,
    seed: int,
) -> TestOutputs:
    """Return what networks make of the test split, censored once.

    Args:
        source: of the images.
        classifiers: the fixed ones, by attribute.
        inception: for its features, or None.
        num_classes: values of the sensitive attribute.
        seed: of all noise.

    Raises:
        UserError: a censored image is not finite.
    """
    networks = {name: classifier.network for name, classifier in classifiers.items()}
    censored: list[dict[str, Any]] = []
    original: list[dict[str, Any]] = []
    synthetic, distortion, ssim = [], [], []
    with progress("measuring", count_batches(source.datamodule, "test")) as advance:
        for index, batch in enumerate(source.query("test", 0, seed)):
            with torch.no_grad():
                with source.compute.autocast():
                    censored.append(network_outputs(networks, batch.images, inception))
                    original.append(network_outputs(networks, batch.original, inception))
                distortion.append((batch.images - batch.original).square().flatten(1).mean(1))
                if source.datamodule.viewable:
                    ssim.append(structural_similarity(batch.images, batch.original))
            if batch.synthetic is None:
                rng = keyed_generator("cpu", seed, Purpose.JUDGE_SCORE, index)
                synthetic.append(torch.randint(num_classes, (len(batch.images),), generator=rng))
            else:
                synthetic.append(batch.synthetic.cpu())
            advance(1)
    changes = torch.cat(distortion).cpu()
    if undefined := int((~changes.isfinite()).sum()):
        raise UserError(
            f"the mechanism made values that are not finite of {undefined} of {len(changes)} test "
            "images: compute in float32, trainer.precision=32-true, or train it again"
        )
    return TestOutputs(
        concatenate(censored),
        concatenate(original),
        [network.head.in_features for network in networks.values()],
        torch.cat(synthetic),
        changes,
        torch.cat(ssim).cpu() if ssim else None,
    )


def network_outputs(
    networks: Mapping[str, Classifier], images: Tensor, inception: nn.Module | None
) -> dict[str, Any]:
    """Return what each network makes of images: features once, probabilities from them."""
    features = {name: network.features(images) for name, network in networks.items()}
    return {
        "probabilities": {
            name: network.head(features[name]).double().softmax(dim=1).cpu()
            for name, network in networks.items()
        },
        "features": torch.cat([some.float().cpu() for some in features.values()], dim=1),
        "inception": None if inception is None else inception_features(inception, images),
    }


def inception_features(inception: nn.Module, images: Tensor) -> Tensor:
    """Return Inception's features of images in [0, 1], which it takes as bytes, [B, 2048]."""
    with torch.autocast(images.device.type, enabled=False):  # as published distances are taken
        features: Tensor = inception((images * 255).round().to(torch.uint8))
    return features.float().cpu()


def structural_similarity(images: Tensor, original: Tensor) -> Tensor:
    """Return each image's structural similarity (Wang et al., 2004) to its original, [B]."""
    values = structural_similarity_index_measure(images, original, data_range=1.0, reduction="none")
    assert isinstance(values, Tensor)
    return values.reshape(-1)


def concatenate(parts: Iterable[dict[str, Any]]) -> Outputs:
    """Put batches together."""
    parts = list(parts)
    names = parts[0]["probabilities"]
    inception = [part["inception"] for part in parts]
    return Outputs(
        {name: torch.cat([part["probabilities"][name] for part in parts]) for name in names},
        torch.cat([part["features"] for part in parts]),
        None if inception[0] is None else torch.cat(inception),
    )


def load_inception(weights: str | Path | None, device: torch.device) -> nn.Module | None:
    """Return torch-fidelity's InceptionV3, bytes [B, 3, H, W] to features [B, 2048].

    Args:
        weights: its state dict's file, as torch-fidelity publishes it; None for no network.
        device: where it goes.

    Raises:
        UserError: the file is missing or not such a state dict, or torch-fidelity is not installed.
    """
    if weights is None:
        return None
    if not Path(weights).is_file():
        raise UserError(f"judge.inception_weights={weights} does not exist: give a local file")
    try:
        read_tensors(Path(weights))  # a damaged file is refused before torchmetrics loads it
        network: nn.Module = NoTrainInceptionV3(
            name="inception-v3-compat",
            features_list=["2048"],
            feature_extractor_weights_path=str(weights),
        )
    except ModuleNotFoundError as error:
        raise UserError(
            "judge.inception_weights needs torch-fidelity: pip install 'privacy_gan[fid]'"
        ) from error
    except (
        DamagedFile,
        UnsupportedFile,
        RuntimeError,
        LookupError,
        TypeError,
        AttributeError,
    ) as error:
        raise UserError(f"{weights} holds no weights of torch-fidelity's InceptionV3") from error
    return network.to(device).eval()
