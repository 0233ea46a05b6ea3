"""Fixed classifiers: trained once on original images, then used by every judgement of these data.

They lie in one folder, a file for each attribute and way of training:

    DATA-SIZE-CONTENT/ATTRIBUTE-SETTINGS.pt
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import torch
from filelock import FileLock, Timeout
from torch import Tensor

from privacy_gan.data.table_data_module import TableDataModule
from privacy_gan.errors import UserError
from privacy_gan.evaluation.censoring import Arithmetic, Censor, CensoredBatch
from privacy_gan.evaluation.learning import Learner, MakeOptimizer, learn_together
from privacy_gan.files import replacing
from privacy_gan.models.classifier import Classifier
from privacy_gan.privatizers.identity import Identity
from privacy_gan.randomness import Purpose, keyed_seed

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FixedClassifier:
    """A classifier of one attribute.

    Attributes:
        network: in evaluation mode, without gradients.
        test_accuracy: on original test images.
    """

    network: Classifier
    test_accuracy: float


class ClassifierSchool:
    """Trains fixed classifiers and finds those that are trained already.

    Args:
        folder: of all fixed classifiers.
        network: makes a classifier, given its number of outputs.
        optimizer: makes the optimizer of each.
        epochs: passes over the training split; the best by validation loss is kept.
        batch_size: images in a batch.
        seed: of initial weights and order.
        settings: what decides how a classifier turns out, in any form that changes with it.
    """

    def __init__(
        self,
        folder: str | Path,
        network: Callable[[int], Classifier],
        optimizer: MakeOptimizer,
        epochs: int,
        batch_size: int,
        seed: int,
        settings: str,
    ) -> None:
        self.folder = Path(folder)
        self.network = network
        self.optimizer = optimizer
        self.epochs = epochs
        self.batch_size = batch_size
        self.seed = seed
        self.settings = settings

    def get(
        self, attributes: Sequence[str], datamodule: TableDataModule, arithmetic: Arithmetic
    ) -> dict[str, FixedClassifier]:
        """Return a classifier for each attribute, training those that are missing.

        Raises:
            UserError: a file is damaged or belongs to other data, or a folder cannot be written.
        """
        found = self._find(attributes, datamodule)
        if missing := [name for name in attributes if name not in found]:
            with self._exclusive(datamodule):
                found |= self._find(missing, datamodule)  # another process may have trained them
                if missing := [name for name in attributes if name not in found]:
                    self._train(missing, datamodule, arithmetic)
                    found |= self._find(missing, datamodule)
        for classifier in found.values():
            classifier.network.to(memory_format=torch.channels_last).to(arithmetic.device)
        return {name: found[name] for name in attributes}

    def path(self, attribute: str, datamodule: TableDataModule) -> Path:
        """Return where a classifier lies."""
        how = hashlib.sha256(self.settings.encode()).hexdigest()[:8]
        return self._folder_of(datamodule) / f"{attribute}-{how}.pt"

    def _folder_of(self, datamodule: TableDataModule) -> Path:
        return self.folder / f"{datamodule.data_name}-{datamodule.split_key()[:8]}"

    def _find(
        self, attributes: Sequence[str], datamodule: TableDataModule
    ) -> dict[str, FixedClassifier]:
        return {
            name: self._read(path, name, datamodule)
            for name in attributes
            if (path := self.path(name, datamodule)).exists()
        }

    def _read(self, path: Path, attribute: str, datamodule: TableDataModule) -> FixedClassifier:
        try:
            stored = torch.load(path, map_location="cpu", weights_only=True)
            found, weights = str(stored["data"]), stored["weights"]
            accuracy = float(stored["test_accuracy"])
        except Exception as error:
            raise UserError(f"{path} is damaged: delete it to train it again") from error
        if found != datamodule.data_name:
            raise UserError(
                f"{path} is a classifier of {found}, not of {datamodule.data_name}: delete it to "
                "train one that fits"
            )
        network = self.network(len(datamodule.classes(attribute)))
        try:
            network.load_state_dict(weights)
        except (RuntimeError, TypeError) as error:
            raise UserError(
                f"{path} holds another network's weights: delete it to train it again"
            ) from error
        return FixedClassifier(network.eval().requires_grad_(False), accuracy)

    def _train(
        self, attributes: Sequence[str], datamodule: TableDataModule, arithmetic: Arithmetic
    ) -> None:
        censor = Censor(Identity(), datamodule, self.batch_size, self.seed, arithmetic)
        for split in ("train", "valid", "test"):
            for name in attributes:
                require_all_classes(datamodule, split, name)
        learners = {}
        for name in attributes:
            column = datamodule.column(name)
            with torch.random.fork_rng():
                torch.manual_seed(keyed_seed(self.seed, Purpose.JUDGE_INIT, column))
                network = self.network(len(datamodule.classes(name)))
                learners[name] = Learner(network, self.optimizer, column)
        log.info("training %d fixed classifiers into %s", len(learners), self.folder)
        learn_together(
            learners,
            censor.training_epoch,
            lambda: censor.query("valid", 0),
            self.epochs,
            censor.batches_in("train"),
            arithmetic,
            "fixed classifiers",
        )
        accuracies = accuracies_of(learners, censor.query("test", 0), arithmetic)
        for name, learner in learners.items():
            self._write(name, learner, accuracies[name], datamodule)

    def _write(
        self, attribute: str, learner: Learner, accuracy: float, datamodule: TableDataModule
    ) -> None:
        stored = {
            "attribute": attribute,
            "data": datamodule.data_name,
            "settings": self.settings,
            "test_accuracy": accuracy,
            "validation_loss": learner.best_loss,
            "weights": learner.network.state_dict(),
        }
        serialized = BytesIO()  # torch, writing to a disk, does not say when the disk is full
        torch.save(stored, serialized)
        with replacing(self.path(attribute, datamodule)) as file:
            file.write_bytes(serialized.getbuffer())

    @contextmanager
    def _exclusive(self, datamodule: TableDataModule) -> Iterator[None]:
        folder = self._folder_of(datamodule)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(folder / ".lock")
            try:
                lock.acquire(blocking=False)
            except Timeout:
                log.warning("Waiting for another process that trains classifiers in %s", folder)
                lock.acquire()
        except OSError as error:
            raise UserError(
                f"cannot write fixed classifiers to {folder} ({error.strerror}): choose another "
                "folder with judge.classifiers.folder=FOLDER"
            ) from error
        try:
            yield
        finally:
            lock.release()


def accuracies_of(
    learners: dict[str, Learner], batches: Iterator[CensoredBatch], arithmetic: Arithmetic
) -> dict[str, float]:
    """Return how often each learner is right."""
    correct, count = dict.fromkeys(learners, 0), 0
    for batch in batches:
        count += len(batch.images)
        for name, learner in learners.items():
            with torch.no_grad(), arithmetic.autocast():
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
