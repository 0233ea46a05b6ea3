"""Outputs of networks for censored and original test images, and the images' distortion."""

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
from privacy_gan.models.layers import as_colour
from privacy_gan.progress import progress_bar
from privacy_gan.randomness import Purpose, keyed_generator
from privacy_gan.tensors import DamagedFile, UnsupportedFile, read_tensors


@dataclass(frozen=True)
class Outputs:
    """Outputs of networks for either the censored or the original test images.

    Attributes:
        probabilities: class probabilities of each fixed classifier, float64 [N, C] by attribute.
        features: concatenated features of all fixed classifiers, [N, F].
        inception_features: features of Inception [N, 2048], or None without its weights.
    """

    probabilities: dict[str, Tensor]
    features: Tensor
    inception_features: Tensor | None

    def predicted(self, attribute: str) -> Tensor:
        """Return the classes that the attribute's fixed classifier predicts, [N]."""
        return self.probabilities[attribute].argmax(dim=1)

    def predictions_of(self, attributes: Sequence[str]) -> dict[str, Tensor]:
        """Return the classes that the fixed classifiers predict, [N] by attribute."""
        return {name: self.predicted(name) for name in attributes}


@dataclass(frozen=True)
class TestOutputs:
    """Outputs of networks for the test split, censored and original.

    Attributes:
        censored: outputs for the images, censored once.
        original: outputs for the same images, uncensored.
        feature_sizes: number of features of each fixed classifier.
        synthetic: s' [N]; random for mechanisms that insert no s'.
        distortion: mean squared error of each image, [N].
        ssim: structural similarity of each image [N], or None if the data are not viewable images.
    """

    __test__ = False  # so that pytest does not collect the class as a test

    censored: Outputs
    original: Outputs
    feature_sizes: list[int]
    synthetic: Tensor
    distortion: Tensor
    ssim: Tensor | None


def compute_test_outputs(
    source: CensoredSource,
    classifiers: Mapping[str, FixedClassifier],
    inception: nn.Module | None,
    num_classes: int,
    seed: int,
) -> TestOutputs:
    """Return the outputs of networks for the test split, censored once.

    Args:
        source: source of the images.
        classifiers: fixed classifiers by attribute.
        inception: InceptionV3, or None.
        num_classes: number of values of the sensitive attribute.
        seed: seed of all noise.

    Raises:
        UserError: a censored image is not finite.
    """
    networks = {name: classifier.network for name, classifier in classifiers.items()}
    censored: list[dict[str, Any]] = []
    original: list[dict[str, Any]] = []
    synthetic, distortion, ssim = [], [], []
    with progress_bar("measuring", count_batches(source.datamodule, "test")) as advance:
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
    distortions = torch.cat(distortion).cpu()
    if undefined := int((~distortions.isfinite()).sum()):
        raise UserError(
            f"{undefined} of {len(distortions)} censored test images have values that are not "
            "finite: compute in float32 with trainer.precision=32-true, or train the mechanism "
            "again"
        )
    return TestOutputs(
        concatenate(censored),
        concatenate(original),
        [network.head.in_features for network in networks.values()],
        torch.cat(synthetic),
        distortions,
        torch.cat(ssim).cpu() if ssim else None,
    )


def network_outputs(
    networks: Mapping[str, Classifier], images: Tensor, inception: nn.Module | None
) -> dict[str, Any]:
    """Return the features and probabilities of each network; features are computed once."""
    features = {name: network.features(images) for name, network in networks.items()}
    return {
        "probabilities": {
            name: network.head(features[name]).double().softmax(dim=1).cpu()
            for name, network in networks.items()
        },
        "features": torch.cat([each.float().cpu() for each in features.values()], dim=1),
        "inception": None if inception is None else inception_features(inception, images),
    }


def inception_features(inception: nn.Module, images: Tensor) -> Tensor:
    """Return Inception's features [B, 2048] of images in [0, 1], which it gets as uint8."""
    with torch.autocast(images.device.type, enabled=False):  # published distances use float32
        features: Tensor = inception((as_colour(images) * 255).round().to(torch.uint8))
    return features.float().cpu()


def structural_similarity(images: Tensor, original: Tensor) -> Tensor:
    """Return the structural similarity (Wang et al., 2004) of each image to its original, [B]."""
    values = structural_similarity_index_measure(images, original, data_range=1.0, reduction="none")
    assert isinstance(values, Tensor)
    return values.reshape(-1)


def concatenate(batches: Iterable[dict[str, Any]]) -> Outputs:
    """Concatenate the outputs for several batches."""
    batches = list(batches)
    names = batches[0]["probabilities"]
    inception = [batch["inception"] for batch in batches]
    return Outputs(
        {name: torch.cat([batch["probabilities"][name] for batch in batches]) for name in names},
        torch.cat([batch["features"] for batch in batches]),
        None if inception[0] is None else torch.cat(inception),
    )


def load_inception(weights: str | Path | None, device: torch.device) -> nn.Module | None:
    """Load torch-fidelity's InceptionV3, which maps uint8 [B, 3, H, W] to features [B, 2048].

    Args:
        weights: file of its state_dict, as published by torch-fidelity; None loads no network.
        device: device of the network.

    Raises:
        UserError: the file is missing or does not contain this state_dict, or torch-fidelity is not
            installed.
    """
    if weights is None:
        return None
    if not Path(weights).is_file():
        raise UserError(f"judge.inception_weights={weights} does not exist: give a local file")
    try:
        read_tensors(Path(weights))  # rejects a damaged file before torchmetrics loads it
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
        raise UserError(
            f"{weights} does not contain the weights of torch-fidelity's InceptionV3: give the "
            "file that torch-fidelity publishes"
        ) from error
    return network.to(device).eval()
