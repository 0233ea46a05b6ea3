"""Serve a page to look at what a trained mechanism makes of single faces."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from privacy_gan.config import instantiate
from privacy_gan.data.release_format import ReleaseFormat
from privacy_gan.errors import UserError
from privacy_gan.evaluation.classifiers import FixedClassifiers
from privacy_gan.evaluation.saved_adversary import SavedAdversary, load_adversary
from privacy_gan.hardware import choose_compute
from privacy_gan.models.classifier import Classifier
from privacy_gan.release.censoring import FIT_MODES
from privacy_gan.release.demo_server import (
    LOOPBACK,
    DemoContent,
    create_app,
    open_browser,
    open_server,
)
from privacy_gan.release.face_predictions import Predictors
from privacy_gan.release.trained_model import TrainedModel, load_trained_model
from privacy_gan.reporting.verdict import format_share, run_verdict
from privacy_gan.runs.artifacts import read_artifact
from privacy_gan.runs.fingerprint import unflatten
from privacy_gan.runs.folder import RunFolder
from privacy_gan.runs.result import Evaluation, complete

BINARY = ("no", "yes")


def main(config: DictConfig) -> None:
    """Serve the page until Ctrl-C.

    Raises:
        UserError: the run cannot be shown, or the port not be used.
    """
    if config.fit not in FIT_MODES:
        raise UserError(f"fit={config.fit} is unknown: there are {' and '.join(FIT_MODES)}")
    trained = load_trained_model(Path(config.run))
    app = create_app(page_content(trained, config.fit, config.classifiers))
    with open_server(app, config.port) as server:
        address = f"http://{LOOPBACK}:{server.port}"
        print(f"serving {trained.path} at {address}, on this machine alone; Ctrl-C ends it")
        if config.browser:
            open_browser(address)
        server.serve_forever()


def page_content(trained: TrainedModel, fit: str, folder: str | None) -> DemoContent:
    """Return what the page is about.

    Args:
        trained: the mechanism.
        fit: how a photograph becomes a square.
        folder: of the fixed classifiers; None for where the run has them.
    """
    asked, privatizer = PanelBuilder(trained, folder), trained.privatizer
    return DemoContent(
        privatizer=privatizer,
        fit=fit,
        output_format=ReleaseFormat.of(trained.default_format),
        predictors=asked.predictors(),
        compute=choose_compute("cpu", privatizer.facts["precision"], privatizer.image_size),
        verdict=run_verdict(trained.result),
        notes=asked.notes,
    )


class PanelBuilder:
    """Finds those who are asked about faces, and notes who is missing, and why.

    Args:
        trained: the mechanism.
        folder: of the fixed classifiers; None for where the run has them.

    Attributes:
        notes: sentences for whoever looks at the page.
    """

    def __init__(self, trained: TrainedModel, folder: str | None) -> None:
        self.trained = trained
        self.folder = folder
        self.notes: list[str] = []
        command = shlex.join(["privacy-gan", "evaluate", f"run={trained.path}"])
        self.again = f"{command} judges it."

    def predictors(self) -> Predictors:
        """Return all that there are."""
        classes: dict[str, tuple[str, ...]] = {}
        classifiers: dict[str, Classifier] = {}
        adversaries: dict[str, SavedAdversary] = {}
        evaluations = self.trained.result.evaluations
        if not self.trained.is_run:
            self.notes.append(
                "This is an exported folder, which holds nobody who could be asked: give the "
                "folder of a run to see what classifiers and adversaries think."
            )
        elif not evaluations:
            self.notes.append(f"Nobody judged this run: {self.again}")
        else:
            for attribute, evaluation in evaluations.items():
                are_bare = evaluation.classes == ("0", "1")
                classes[attribute] = BINARY if are_bare else evaluation.classes
                if (content := self.kept(attribute, evaluation)) is None:
                    continue
                adversaries[attribute] = self.adversary(content, attribute, evaluation)
                classifiers |= self.classifiers(str(content["data"]), evaluation)
            classes |= {name: BINARY for name in classifiers if name not in classes}
        return Predictors(classes, classifiers, adversaries)

    def kept(self, attribute: str, evaluation: Evaluation) -> Mapping[str, Any] | None:
        """Return what was kept when an attribute was judged, or None."""
        path = RunFolder(self.trained.path).adversary(attribute)
        if path.exists():
            content = read_artifact(path, self.again)
            if complete(content.get("settings", {})) == evaluation.settings:
                return content
        self.notes.append(f"The adversaries of {attribute} were not kept: {self.again}")
        return None

    def adversary(
        self, content: Mapping[str, Any], attribute: str, evaluation: Evaluation
    ) -> SavedAdversary:
        """Return the strongest adversary of an attribute."""
        settings, num_classes = unflatten(evaluation.settings), len(evaluation.classes)
        try:
            node = settings["judge"]["adversaries"][content["adversary"]]
            network = instantiate(OmegaConf.create(settings["classifiers"]["network"]))
            adversary = load_adversary(
                dict(content), instantiate(OmegaConf.create(node)), network(num_classes), num_classes
            )
        except (UserError, LookupError, TypeError) as error:
            path = RunFolder(self.trained.path).adversary(attribute)
            raise UserError(f"{path} is damaged ({error}): {self.again}") from error
        prior = evaluation.measures["privacy_loss"].majority_baseline
        guessing = "" if prior is None else f"; guessing is right about {prior.value:.1%}"
        self.notes.append(
            f"The adversary who is asked here, {adversary.name}, was the best at telling "
            f"{attribute} of one censored version of an image. It learned from "
            f"{evaluation.images['train']:,} labelled ones, and is right about "
            f"{format_share(adversary.accuracy, 'test images')}{guessing}."
        )
        return adversary

    def classifiers(self, data: str, evaluation: Evaluation) -> dict[str, Classifier]:
        """Return the fixed classifiers that there are.

        Args:
            data: name of their folder among those of other data.
            evaluation: that they were part of.
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
        sizes = {name: len(BINARY) for name in evaluation.classifiers}
        sizes[evaluation.attribute] = len(evaluation.classes)
        found = classifiers.load_existing(sizes, self.trained.result.data, data)
        if missing := [name for name in sizes if name not in found]:
            self.notes.append(
                f"There is no fixed classifier of {', '.join(missing)} in {classifiers.folder}: "
                "classifiers=FOLDER says where they are."
            )
        return {name: classifier.network for name, classifier in found.items()}
