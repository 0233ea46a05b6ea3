"""Fixed classifiers: trained once on original images, then used by every judgement of these data.

They lie in one folder, a file for each attribute and way of training:

    DATA-SIZE-CONTENT/ATTRIBUTE-SETTINGS.pt
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from privacy_gan.data.table_data_module import TableDataModule
from privacy_gan.errors import UserError
from privacy_gan.evaluation.fitting import fit_or_exclude
from privacy_gan.evaluation.learning import Learner, Recipe
from privacy_gan.evaluation.source import CensoredSource, original_images
from privacy_gan.hardware import Compute
from privacy_gan.models.classifier import Classifier
from privacy_gan.randomness import Purpose, keyed_seed
from privacy_gan.runs.artifacts import ArtifactCache, Content, ResumeCheckpoint, read_artifact
from privacy_gan.tensors import require_finite


@dataclass(frozen=True)
class FixedClassifier:
    """A classifier of one attribute.

    Attributes:
        network: in evaluation mode, without gradients.
        test_accuracy: on original test images.
    """

    network: Classifier
    test_accuracy: float


class FixedClassifiers:
    """Finds fixed classifiers that are trained already, and trains those that are missing.

    Args:
        folder: of all fixed classifiers.
        network: makes a classifier, given its number of outputs.
        recipe: how each learns.
        epochs: passes over the training split; the best by validation loss is kept.
        batch_size: images in a batch.
        seed: of initial weights and order.
        settings: what decides how a classifier turns out, in any form that changes with it.
        checkpoint_minutes: time between two times that their progress is kept.
    """

    def __init__(
        self,
        folder: str | Path,
        network: Callable[[int], Classifier],
        recipe: Recipe,
        epochs: int,
        batch_size: int,
        seed: int,
        settings: str,
        checkpoint_minutes: float = 5,
    ) -> None:
        self.folder = Path(folder)
        self.network = network
        self.recipe = recipe
        self.epochs = epochs
        self.batch_size = batch_size
        self.seed = seed
        self.settings = settings
        self.checkpoint_minutes = checkpoint_minutes

    def get(
        self, attributes: Sequence[str], datamodule: TableDataModule, compute: Compute
    ) -> dict[str, FixedClassifier]:
        """Return a classifier for each attribute, training those that are missing.

        Raises:
            UserError: a file is damaged or belongs to other data, or a folder cannot be written.
        """
        cache = self.cache(datamodule.split_name(), "fixed classifiers")
        paths = {name: cache.path(name, self.settings) for name in attributes}
        contents = cache.get(
            paths, lambda missing, resume: self._train(missing, datamodule, compute, resume)
        )
        found = {
            name: self._load(
                content, paths[name], datamodule.data_name, len(datamodule.classes(name))
            )
            for name, content in contents.items()
        }
        for classifier in found.values():
            classifier.network.to(memory_format=torch.channels_last).to(compute.device)
        return found

    def load_existing(
        self, sizes: Mapping[str, int], data_name: str, split_name: str
    ) -> dict[str, FixedClassifier]:
        """Return those classifiers that there are, on the CPU, without the data.

        Args:
            sizes: numbers of values by attribute.
            data_name: of the data, see TableDataModule.
            split_name: likewise.

        Raises:
            UserError: a file is damaged or belongs to other data.
        """
        cache = self.cache(split_name, "fixed classifiers")
        paths = {name: cache.path(name, self.settings) for name in sizes}
        remedy = "delete it, the next judgement trains it again"
        return {
            name: self._load(read_artifact(path, remedy), path, data_name, sizes[name])
            for name, path in paths.items()
            if path.exists()
        }

    def cache(self, split_name: str, what: str) -> ArtifactCache:
        """Return where classifiers of some data, and all that learns from their originals, lie.

        Args:
            split_name: of the data, see TableDataModule.
            what: is asked for, in words.
        """
        folder = self.folder / split_name
        return ArtifactCache(folder, what, self.checkpoint_minutes, "classifiers.folder")

    def _load(
        self, stored: Content, path: Path, data_name: str, num_classes: int
    ) -> FixedClassifier:
        if stored.get("data") != data_name:
            raise UserError(
                f"{path} is a classifier of {stored.get('data')}, not of {data_name}: "
                "delete it to train one that fits"
            )
        network = self.network(num_classes)
        require_finite(stored.get("weights", {}), path, "delete it to train it again")
        try:
            network.load_state_dict(stored["weights"])
            accuracy = float(stored["test_accuracy"])
        except (RuntimeError, TypeError, KeyError) as error:
            raise UserError(
                f"{path} holds another network's weights: delete it to train it again"
            ) from error
        return FixedClassifier(network.eval().requires_grad_(False), accuracy)

    def _train(
        self,
        attributes: Sequence[str],
        datamodule: TableDataModule,
        compute: Compute,
        resume: ResumeCheckpoint,
    ) -> dict[str, Content]:
        source = original_images(datamodule, compute)
        for split in ("train", "valid", "test"):
            for name in attributes:
                require_all_classes(datamodule, split, name)

        def make(name: str) -> Learner:
            column = datamodule.column(name)
            with torch.random.fork_rng():
                torch.manual_seed(keyed_seed(self.seed, Purpose.JUDGE_INIT, column))
                network = self.network(len(datamodule.classes(name)))
                return Learner(network, self.recipe, column)

        what = "fixed classifiers"
        how = (source, self.epochs, self.batch_size, self.seed, what, resume)
        learners = fit_or_exclude(make, attributes, *how)
        if missing := [name for name in attributes if name not in learners]:
            raise UserError(
                f"the fixed classifiers of {', '.join(missing)} diverged, the second time at half "
                "their learning rate: set a smaller one, classifiers.recipe.optimizer.lr"
            )
        accuracies = test_accuracies(learners, source, self.seed)
        return {
            name: {
                "attribute": name,
                "data": datamodule.data_name,
                "settings": self.settings,
                "test_accuracy": accuracies[name],
                "validation_loss": learner.best_loss,
                "weights": learner.network.cpu().state_dict(),
            }
            for name, learner in learners.items()
        }


def test_accuracies(
    learners: dict[str, Learner], source: CensoredSource, seed: int
) -> dict[str, float]:
    """Return how often each learner is right on the test split."""
    correct, count = dict.fromkeys(learners, 0), 0
    for batch in source.query("test", 0, seed):
        count += len(batch.images)
        for name, learner in learners.items():
            with torch.no_grad(), source.compute.autocast():
                predicted: Tensor = learner.log_probabilities(batch.images).argmax(dim=1)
            correct[name] += int((predicted == batch.attributes[:, learner.column]).sum())
    return {name: right / count for name, right in correct.items()}


def require_all_classes(datamodule: TableDataModule, split: str, attribute: str) -> None:
    """Refuse a split in which an attribute does not take all its values.

    Raises:
        UserError: names the split.
    """
    labels = datamodule.labels(split)[:, datamodule.column(attribute)]
    if not len(labels):
        raise UserError(f"{datamodule.data_name} has no {split} images, which judging needs")
    classes = datamodule.classes(attribute)
    missing = [name for value, name in enumerate(classes) if not bool((labels == value).any())]
    if missing:
        raise UserError(
            f"none of the {len(labels)} {split} images of {datamodule.data_name} has {attribute}="
            f"{missing[0]}: nothing can be learned or measured there, use more images"
        )
