"""Adversaries on the leading principal components of the censored images: cheap, and fitted first.

What convolutions learn slowly, because it is spread over all of an image, is a single value here.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from privacy_gan.evaluation.learning import Learner, Recipe
from privacy_gan.evaluation.source import QUERY_BATCH, CensoredBatch, CensoredSource
from privacy_gan.models.calibration import calibrate
from privacy_gan.models.kernel_ridge import KernelRidge, Problem, choose, normal_equations
from privacy_gan.models.principal_components import PrincipalComponents
from privacy_gan.randomness import Purpose, keyed_generator, keyed_seed

COMPONENT_IMAGES = 8_192  # training images that the principal components are fitted to
KERNEL_IMAGES = 50_000  # training images that kernel ridge regression is fitted to
CHOICE_IMAGES = 8_192  # training images for each candidate of its kernel and its penalty
MAX_HELD_OUT = 4_096  # training images on which the candidates are compared


class ComponentLearner(Learner):
    """A network whose ``PrincipalComponents`` are fitted to the first epoch's images.

    If an image is not finite, neither are the predictions, and the learner diverges.
    """

    def prepare(self, source: CensoredSource, batch_size: int, seed: int) -> None:
        """Fit the principal components of the network."""
        del batch_size
        for module in self.network.modules():
            if isinstance(module, PrincipalComponents):
                batches = first_batches(source, COMPONENT_IMAGES, seed)
                key = keyed_seed(seed, Purpose.PRINCIPAL_COMPONENTS)
                module.fit((batch.images for batch in batches), key)


class KernelRidgeLearner(ComponentLearner):
    """Kernel ridge regression of the classes on principal components, in closed form.

    A fifth of the training images is held out to choose the length scale of the kernel and the
    ridge penalty, and to scale the regression's values to log-odds. The regression is then fitted
    to all of them.

    Args:
        components: number of principal components.
        landmarks: maximal number of training images whose kernels are the features.
        num_classes: number of values of the attribute.
        column: the attribute's column in ``CensoredBatch.attributes``.
    """

    trained_by_gradient = False

    def __init__(self, components: int, landmarks: int, num_classes: int, column: int) -> None:
        self.components = PrincipalComponents(components)
        self.regression = KernelRidge(components, num_classes)
        network = nn.Sequential(self.components, self.regression)
        super().__init__(network, Recipe(torch.optim.Adam), column)  # which is not used
        self.max_landmarks = landmarks
        self.num_classes = num_classes

    def prepare(self, source: CensoredSource, batch_size: int, seed: int) -> None:
        """Fit the principal components and the regression."""
        super().prepare(source, batch_size, seed)
        points, labels = self.training_points(source, seed)
        if points.isfinite().all():
            rng = keyed_generator("cpu", seed, Purpose.KERNEL_RIDGE)
            order = torch.randperm(len(points), generator=rng).to(points.device)
            self.fit(points[order], labels[order])
        else:
            self.regression.bias.fill_(torch.nan)

    def training_points(self, source: CensoredSource, seed: int) -> tuple[Tensor, Tensor]:
        """Return the components, float64 [N, K], and labels [N] of training images."""
        points, labels = [], []
        for batch in first_batches(source, KERNEL_IMAGES, seed):
            with torch.no_grad():
                points.append(self.components(batch.images))
            labels.append(batch.attributes[:, self.column])
        # not every accelerator computes in float64
        device = "cuda" if points[0].is_cuda else "cpu"
        return torch.cat(points).to(device).double(), torch.cat(labels).to(device)

    def fit(self, points: Tensor, labels: Tensor) -> None:
        """Fit the regression.

        Args:
            points: float64 [N, K], in random order.
            labels: [N].
        """
        one_hot = nn.functional.one_hot(labels, self.num_classes).double()
        held_out = min(MAX_HELD_OUT, max(1, len(points) // 5))
        landmarks = points[held_out : held_out + self.max_landmarks]
        candidates = slice(held_out, held_out + CHOICE_IMAGES)
        mean = one_hot[held_out:].mean(dim=0)
        targets = one_hot - mean
        choice = choose(
            Problem(points[candidates], targets[candidates], landmarks),
            *(points[:held_out], targets[:held_out]),
        )
        scores = (choice.predicted + mean).softmax(dim=1).cpu()
        calibration = calibrate(scores, labels[:held_out].cpu())
        problem = Problem(points, targets, landmarks)
        weights = normal_equations(problem, choice.length_scale).solve(choice.penalty)
        bias = torch.tensor(calibration.bias, dtype=torch.float64, device=mean.device)
        fitted = {
            "landmarks": landmarks,
            "length_scale": torch.tensor(choice.length_scale),
            "weights": calibration.slope * weights,
            "bias": calibration.slope * mean + bias,
        }
        self.regression.load_state_dict({name: value.float() for name, value in fitted.items()})


def first_batches(source: CensoredSource, images: int, seed: int) -> Iterator[CensoredBatch]:
    """Yield batches of the first epoch of training, until they have this many images."""
    count = 0
    for batch in source.training_epoch(0, QUERY_BATCH, seed):
        yield batch
        count += len(batch.images)
        if count >= images:
            return
