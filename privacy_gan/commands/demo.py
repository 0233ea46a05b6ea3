"""Serves a local web page that shows censored faces and what classifiers predict from them."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf

from privacy_gan.attributes import NO_YES
from privacy_gan.config import instantiate
from privacy_gan.data.release_format import ReleaseFormat
from privacy_gan.errors import UserError
from privacy_gan.evaluation.classifiers import FixedClassifiers
from privacy_gan.evaluation.saved_adversary import REMEDY, SavedAdversary, load_adversary
from privacy_gan.hardware import choose_compute
from privacy_gan.models.classifier import Classifier
from privacy_gan.release.censoring import FACES
from privacy_gan.release.demo_server import (
    LOOPBACK,
    DemoContent,
    create_app,
    open_browser,
    open_server,
)
from privacy_gan.release.face_predictions import Predictors
from privacy_gan.release.trained_model import TrainedModel, load_trained_model
from privacy_gan.reporting.lower_bounds import AT_LEAST
from privacy_gan.reporting.verdict import format_share, run_verdict
from privacy_gan.runs.artifacts import read_artifact
from privacy_gan.runs.evaluation import Evaluation, complete
from privacy_gan.runs.fingerprint import unflatten
from privacy_gan.runs.folder import RunFolder

if TYPE_CHECKING:
    from privacy_gan.release.face_finding import FaceFinder

BINARY = ("no", "yes")
NOT_DONE = " The adversaries were not known to be done learning: longer training may find more."


def main(config: DictConfig) -> None:
    """Serve the page until Ctrl-C.

    Raises:
        UserError: the run cannot be shown, or the port cannot be used.
    """
    trained = load_trained_model(Path(config.run))
    app = create_app(page_content(trained, config.fit, config.classifiers))
    with open_server(app, config.port) as server:
        address = f"http://{LOOPBACK}:{server.port}"
        print(
            f"serving {trained.path} at {address} (this machine only); press Ctrl-C to stop",
            flush=True,
        )
        if config.browser:
            open_browser(address)
        server.serve_forever()


def page_content(trained: TrainedModel, fit: str, folder: str | None) -> DemoContent:
    """Return what the page shows.

    Args:
        trained: the mechanism and its result.
        fit: what the mechanism gets of a photograph: whole, center or faces.
        folder: of the fixed classifiers; None for the run's.
    """
    loader, privatizer = PredictorLoader(trained, folder), trained.privatizer
    return DemoContent(
        privatizer=privatizer,
        fit=fit,
        output_format=ReleaseFormat.parse(trained.default_format),
        predictors=loader.load(),
        compute=choose_compute("cpu", privatizer.facts["precision"], privatizer.image_size),
        verdict=run_verdict(trained.result),
        notes=loader.notes,
        finder=load_finder(trained) if fit == FACES else None,
    )


def load_finder(trained: TrainedModel) -> FaceFinder:
    """Return what finds the faces in photographs. Raises UserError, see ``load_face_finder``."""
    from privacy_gan.release.face_finding import load_face_finder  # takes a second to import

    return load_face_finder(trained)


class PredictorLoader:
    """Loads a run's fixed classifiers and strongest adversaries, and notes which are missing.

    Args:
        trained: the mechanism and its result.
        folder: of the fixed classifiers; None for the run's.

    Attributes:
        notes: sentences to show on the page.
    """

    def __init__(self, trained: TrainedModel, folder: str | None) -> None:
        self.trained = trained
        self.folder = folder
        self.notes: list[str] = []
        command = shlex.join(["privacy-gan", "evaluate", f"run={trained.path}"])
        self.command = command
        self.hint = f"{REMEDY} with {command}"

    def load(self) -> Predictors:
        """Return all predictors that are available."""
        classes: dict[str, tuple[str, ...]] = {}
        named: dict[str, tuple[str, ...]] = {}
        classifiers: dict[str, Classifier] = {}
        adversaries: dict[str, SavedAdversary] = {}
        evaluations = self.trained.result.evaluations
        if not self.trained.is_run:
            self.notes.append(
                "This is an exported folder, which contains no classifiers and adversaries: give "
                "the folder of a run to see what they predict."
            )
        elif not evaluations:
            self.notes.append(f"This run was not judged: judge it with {self.command}")
        else:
            for attribute, evaluation in evaluations.items():
                named |= classes_of(evaluation)
                classes[attribute] = named[attribute]
                if (content := self.read_saved(attribute, evaluation)) is None:
                    continue
                adversaries[attribute] = self.load_adversary(content, attribute, evaluation)
                classifiers |= self.load_classifiers(str(content["data"]), evaluation)
            classes |= {name: named[name] for name in classifiers}
        return Predictors(classes, classifiers, adversaries)

    def read_saved(self, attribute: str, evaluation: Evaluation) -> Mapping[str, Any] | None:
        """Return the file of an attribute's strongest adversary, or None if it does not match."""
        path = RunFolder(self.trained.path).adversary(attribute)
        if path.exists():
            content = read_artifact(path, self.hint)
            if complete(content.get("settings", {})) == evaluation.settings:
                return content
        self.notes.append(f"The adversary of {attribute} was not saved: {self.hint}")
        return None

    def load_adversary(
        self, content: Mapping[str, Any], attribute: str, evaluation: Evaluation
    ) -> SavedAdversary:
        """Return an attribute's strongest adversary.

        Raises:
            UserError: the file is damaged.
        """
        settings, num_classes = unflatten(evaluation.settings), len(evaluation.classes)
        try:
            node = settings["judge"]["adversaries"][content["adversary"]]
            network = instantiate(OmegaConf.create(settings["classifiers"]["network"]))
            adversary = load_adversary(
                dict(content),
                instantiate(OmegaConf.create(node)),
                network(num_classes),
                num_classes,
            )
        except (UserError, LookupError, TypeError) as error:
            path = RunFolder(self.trained.path).adversary(attribute)
            reason = str(error).removesuffix(f": {REMEDY}")
            raise UserError(f"{path} is damaged ({reason}): {self.hint}") from error
        baseline = evaluation.measures["privacy_loss"].majority_baseline
        guessing = "" if baseline is None else f"; guessing achieves {baseline.value:.1%}"
        self.notes.append(
            f"The adversary shown here, {adversary.name}, is the best at predicting {attribute} "
            "from one censored version of an image. It was trained on "
            f"{evaluation.images['train']:,} labelled images and is right about "
            f"{'' if adversary.done else AT_LEAST}"
            f"{format_share(adversary.accuracy, 'test images')}{guessing}."
            f"{'' if adversary.done else NOT_DONE}"
        )
        return adversary

    def load_classifiers(self, data: str, evaluation: Evaluation) -> dict[str, Classifier]:
        """Return the fixed classifiers that exist, by attribute.

        Args:
            data: name of the data's folder in the classifiers' folder.
            evaluation: that they were used in.
        """
        settings = unflatten(evaluation.settings)["classifiers"]
        flat = {
            name.removeprefix("classifiers."): value
            for name, value in evaluation.settings.items()
            if name.startswith("classifiers.")
        }
        folder = self.folder or RunFolder(self.trained.path).config().classifiers.folder
        classifiers: FixedClassifiers = instantiate(
            OmegaConf.create({**settings, "folder": str(folder)}),
            settings=json.dumps(flat, sort_keys=True),
        )
        sizes = {name: len(words) for name, words in classes_of(evaluation).items()}
        loaded = classifiers.load_existing(sizes, self.trained.result.data, data)
        if missing := [name for name in sizes if name not in loaded]:
            self.notes.append(
                f"There is no fixed classifier of {', '.join(missing)} in {classifiers.folder}: "
                "if it is elsewhere, give classifiers=FOLDER."
            )
        return {name: classifier.network for name, classifier in loaded.items()}


def classes_of(evaluation: Evaluation) -> dict[str, tuple[str, ...]]:
    """Return the names of the values of all attributes that have a fixed classifier."""
    classes = {} if evaluation.slices is None else evaluation.slices.classes
    classes = {name: classes.get(name, NO_YES) for name in evaluation.classifiers}
    classes[evaluation.attribute] = evaluation.classes
    return {name: BINARY if words == NO_YES else words for name, words in classes.items()}
