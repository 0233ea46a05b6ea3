"""Fixed classifiers: trained once on original images and reused by every evaluation of these data.

They are cached in one folder, with a file for each attribute and training setup:

    DATA-SIZE-CONTENT/ATTRIBUTE-SETTINGS.pt
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from privacy_gan.attributes import IGNORED, UNKNOWN
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
        network: the network, in evaluation mode and without gradients.
        test_accuracy: its accuracy on original test images.
    """

    network: Classifier
    test_accuracy: float


class FixedClassifiers:
    """Loads cached fixed classifiers and trains those that are missing.

    Args:
        folder: folder of all fixed classifiers.
        network: creates a classifier, given its number of outputs.
        recipe: the training recipe.
        epochs: passes over the training split; the best epoch by validation loss is used.
        batch_size: images per batch.
        seed: seed of the initial weights and the order.
        settings: everything that affects a trained classifier, in any form that changes with it.
        checkpoint_minutes: minutes between two checkpoints of their training.
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
        """Return a classifier for each attribute; train those that are missing.

        Raises:
            UserError: a file is damaged or belongs to other data, or a folder is not writable.
        """
        cache = self.cache(datamodule.split_name(), "fixed classifiers")
        paths = {name: cache.path(name, self.settings) for name in attributes}
        contents = cache.get(
            paths, lambda missing, resume: self._train(missing, datamodule, compute, resume)
        )
        classifiers = {
            name: self._load(
                content, paths[name], datamodule.data_name, len(datamodule.classes(name))
            )
            for name, content in contents.items()
        }
        for classifier in classifiers.values():
            classifier.network.to(memory_format=torch.channels_last).to(compute.device)
        return classifiers

    def load_existing(
        self, sizes: Mapping[str, int], data_name: str, split_name: str
    ) -> dict[str, FixedClassifier]:
        """Return the cached classifiers, on the CPU, without the data.

        Args:
            sizes: number of classes by attribute.
            data_name: see TableDataModule.
            split_name: see TableDataModule.

        Raises:
            UserError: a file is damaged or belongs to other data.
        """
        cache = self.cache(split_name, "fixed classifiers")
        paths = {name: cache.path(name, self.settings) for name in sizes}
        remedy = "delete it; the next evaluation trains it again"
        return {
            name: self._load(read_artifact(path, remedy), path, data_name, sizes[name])
            for name, path in paths.items()
            if path.exists()
        }

    def cache(self, split_name: str, what: str) -> ArtifactCache:
        """Return the cache of classifiers, and of reference adversaries, of some data.

        Args:
            split_name: see TableDataModule.
            what: description of the artifacts, for messages.
        """
        folder = self.folder / split_name
        return ArtifactCache(folder, what, self.checkpoint_minutes, "classifiers.folder")

    def _load(
        self, content: Content, path: Path, data_name: str, num_classes: int
    ) -> FixedClassifier:
        if content.get("data") != data_name:
            raise UserError(
                f"{path} is a classifier of {content.get('data')}, not of {data_name}: "
                "delete it to train a new one"
            )
        network = self.network(num_classes)
        require_finite(content.get("weights", {}), path, "delete it to train it again")
        try:
            network.load_state_dict(content["weights"])
            accuracy = float(content["test_accuracy"])
        except (RuntimeError, TypeError, KeyError) as error:
            raise UserError(
                f"{path} contains the weights of another network: delete it to train it again"
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

        def factory(name: str) -> Learner:
            column = datamodule.column(name)
            with torch.random.fork_rng():
                torch.manual_seed(keyed_seed(self.seed, Purpose.JUDGE_INIT, column))
                network = self.network(len(datamodule.classes(name)))
                return Learner(network, self.recipe, column)

        settings = (self.epochs, self.batch_size, self.seed, "fixed classifiers", resume)
        learners = fit_or_exclude(factory, attributes, source, *settings)
        if missing := [name for name in attributes if name not in learners]:
            raise UserError(
                f"the fixed classifiers of {', '.join(missing)} diverged twice, the second time at "
                "half their learning rate: set a smaller one with classifiers.recipe.optimizer.lr"
            )
        accuracies = compute_test_accuracies(learners, source, self.seed)
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


def compute_test_accuracies(
    learners: dict[str, Learner], source: CensoredSource, seed: int
) -> dict[str, float]:
    """Return each learner's accuracy on the images of the test split that have a label."""
    correct, counts = dict.fromkeys(learners, 0), dict.fromkeys(learners, 0)
    for batch in source.query("test", 0, seed):
        for name, learner in learners.items():
            with torch.no_grad(), source.compute.autocast():
                predicted: Tensor = learner.log_probabilities(batch.images).argmax(dim=1)
            labels = batch.attributes[:, learner.column]
            correct[name] += int((predicted == labels).sum())
            counts[name] += int((labels != IGNORED).sum())
    return {name: number / counts[name] for name, number in correct.items()}


def require_known(datamodule: TableDataModule, split: str, attribute: str) -> None:
    """Require that all images of a split have a value of a sensitive attribute.

    ``TableDataModule.hide`` excludes the others, for one attribute.

    Raises:
        UserError: some have none.
    """
    labels = datamodule.table.attributes[datamodule.rows(split), datamodule.column(attribute)]
    if unknown := int((labels == UNKNOWN).sum()):
        raise UserError(
            f"{unknown:,} of {len(labels):,} {split} images of {datamodule.data_name} have no "
            f"value of {attribute}: several attributes can only be hidden together in images that "
            "have values of all"
        )


def require_all_classes(datamodule: TableDataModule, split: str, attribute: str) -> None:
    """Require that an attribute takes all its values in a split.

    Raises:
        UserError: the split is empty or lacks a class.
    """
    labels = datamodule.table.attributes[datamodule.rows(split), datamodule.column(attribute)]
    if not len(labels):
        raise UserError(f"{datamodule.data_name} has no {split} images, which the judge needs")
    classes = datamodule.classes(attribute)
    missing = [name for value, name in enumerate(classes) if value not in labels]
    if missing:
        raise UserError(
            f"none of the {len(labels)} {split} images of {datamodule.data_name} has {attribute}="
            f"{missing[0]}: the judge needs images of every class in every split, use more images"
        )
