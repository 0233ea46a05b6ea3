"""What fixed classifiers see in test images before and after, and how far the images moved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torchmetrics.functional.image import structural_similarity_index_measure

from privacy_gan.evaluation.censoring import Censor
from privacy_gan.evaluation.classifiers import FixedClassifier
from privacy_gan.evaluation.progress import progress
from privacy_gan.models.classifier import Classifier
from privacy_gan.randomness import Purpose, keyed_generator


@dataclass(frozen=True)
class Side:
    """Test images, censored or original, as seen by others; rows are images.

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


@dataclass(frozen=True)
class View:
    """Both sides of the test split.

    Attributes:
        censored: after the mechanism, queried once.
        original: before.
        feature_sizes: how many features each fixed classifier has.
        synthetic: s' [N]; drawn here where the mechanism puts none in.
        distortion: mean squared error of each image, [N].
        ssim: structural similarity of each image [N], or None for what are no pictures.
    """

    censored: Side
    original: Side
    feature_sizes: list[int]
    synthetic: Tensor
    distortion: Tensor
    ssim: Tensor | None


def view_test_split(
    censor: Censor,
    classifiers: Mapping[str, FixedClassifier],
    inception: nn.Module | None,
    num_classes: int,
) -> View:
    """Censor the test split once and look at it."""
    networks = {name: classifier.network for name, classifier in classifiers.items()}
    censored: list[dict[str, Any]] = []
    original: list[dict[str, Any]] = []
    synthetic, distortion, ssim = [], [], []
    with progress("measuring", censor.batches_in("test")) as bar:
        for index, batch in enumerate(censor.query("test", 0)):
            with torch.no_grad():
                with censor.arithmetic.autocast():
                    censored.append(look(networks, batch.images, inception))
                    original.append(look(networks, batch.original, inception))
                distortion.append((batch.images - batch.original).square().flatten(1).mean(1))
                if censor.datamodule.pictures:
                    ssim.append(similarity(batch.images, batch.original))
            if batch.synthetic is None:
                rng = keyed_generator("cpu", censor.seed, Purpose.JUDGE_SCORE, index)
                synthetic.append(torch.randint(num_classes, (len(batch.images),), generator=rng))
            else:
                synthetic.append(batch.synthetic.cpu())
            bar.update()
    return View(
        side(censored),
        side(original),
        [network.head.in_features for network in networks.values()],
        torch.cat(synthetic),
        torch.cat(distortion).cpu(),
        torch.cat(ssim).cpu() if ssim else None,
    )


def look(
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


def similarity(images: Tensor, original: Tensor) -> Tensor:
    """Return each image's structural similarity (Wang et al., 2004) to its original, [B]."""
    values = structural_similarity_index_measure(images, original, data_range=1.0, reduction="none")
    assert isinstance(values, Tensor)
    return values.reshape(-1)


def side(parts: Iterable[dict[str, Any]]) -> Side:
    """Put batches together."""
    parts = list(parts)
    names = parts[0]["probabilities"]
    inception = [part["inception"] for part in parts]
    return Side(
        {name: torch.cat([part["probabilities"][name] for part in parts]) for name in names},
        torch.cat([part["features"] for part in parts]),
        None if inception[0] is None else torch.cat(inception),
    )
