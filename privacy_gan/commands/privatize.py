"""Censors a folder of photographs with a trained run."""

from __future__ import annotations

import logging
import shlex
import sys
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

import privacy_gan
from privacy_gan.data.release_format import ReleaseFormat
from privacy_gan.errors import DISK_FULL, UserError
from privacy_gan.hardware import choose_compute
from privacy_gan.release.censoring import censor_images
from privacy_gan.release.folder_censoring import ReleaseReport, ReleaseSettings, censor_folder
from privacy_gan.release.output_folder import Manifest
from privacy_gan.release.photos import escape_path
from privacy_gan.release.salt import load_salt, salted_seed
from privacy_gan.release.trained_model import TrainedModel, load_trained_model
from privacy_gan.reporting.verdict import run_verdict
from privacy_gan.tensors import hash_weights

MAX_NAMES = 5

log = logging.getLogger(__name__)


def main(config: DictConfig) -> None:
    """Censor the photographs in a folder and print a summary.

    Raises:
        UserError: a folder cannot be used, or some photographs were not censored.
    """
    trained = load_trained_model(Path(config.run))
    privatizer, side = trained.privatizer, trained.privatizer.image_size
    file_format = ReleaseFormat.parse(config.released_as or trained.default_format)
    choices = (config.fit, config.size, file_format, config.batch_size, privatizer.channels)
    settings = ReleaseSettings(side, *choices)
    compute = choose_compute(config.trainer.accelerator, privatizer.facts["precision"], side)
    output = Path(config.output)
    censor = partial(censor_images, privatizer.to(compute.device), compute=compute)
    if config.salt is not None:
        censor.keywords["seed"] = salted_seed(load_salt(Path(config.salt)))
    elif privatizer.single_release:
        raise UserError(
            "this mechanism may censor each photograph only once, because what it leaks adds up: "
            "set salt=FILE, a secret with which it always censors a photograph in the same way"
        )
    try:
        report = censor_folder(
            Path(config.input),
            output,
            settings,
            censor,
            build_manifest(trained, settings),
            config.overwrite,
        )
    except OSError as error:
        if error.errno in DISK_FULL:
            raise
        raise UserError(
            f"cannot write to output={output} ({error.strerror or error}): choose another folder"
        ) from error
    print_summary(report, output)
    for line in format_leaks(trained, settings.format.name):
        print(line)
    if skipped := len(report.skipped):
        number = "1 photograph was" if skipped == 1 else f"{skipped:,} photographs were"
        pronoun = "is" if skipped == 1 else "are"
        raise UserError(
            f"{number} not censored, for the reasons above, and {pronoun} missing in {output}"
        )


def build_manifest(trained: TrainedModel, settings: ReleaseSettings) -> Manifest:
    """Return what the output folder's manifest says about the censored images."""
    facts = trained.privatizer.facts
    model = {
        "made_by": f"privacy_gan {privacy_gan.__version__}",
        "mechanism": facts["mechanism"],
        "attributes": list(trained.privatizer.attributes),
        "epsilon": facts["epsilon"],
        "seed_of_training": facts["seed"],
        "trained_on": facts["data"],
        "weights": hash_weights(trained.privatizer),
    }
    released: dict[str, Any] = {
        "side": settings.image_size,
        "fit": settings.fit,
        "size": settings.size,
        "format": settings.format.name,
    }
    judged = {
        name: {key: value for key, value in asdict(evaluation).items() if key != "correct"}
        for name, evaluation in trained.result.evaluations.items()
    }
    return Manifest(model, released, judged)


def print_summary(report: ReleaseReport, output: Path) -> None:
    """Print how many photographs were censored, and to stderr which were skipped and why."""
    for skipped in report.skipped:
        print(f"skipped {skipped}", file=sys.stderr)
    print(f"{format_count(report.censored, 'image')} censored into {output}")
    if report.recensored:
        print(
            f"{report.recensored:,} of them existed already and were censored again, because they "
            "may have been made from other photographs"
        )
    if report.already_censored:
        print(f"{report.already_censored:,} more had been censored before")
    if report.non_images:
        print(format_other_files(report.non_images))
    if report.unrelated:
        verb = "was" if len(report.unrelated) == 1 else "were"
        log.warning(
            "%s in %s, such as %s, %s not made from these photographs: check them before you "
            "share the folder",
            *(format_count(len(report.unrelated), "other file"), output),
            *(escape_path(report.unrelated[0]), verb),
        )


def format_count(number: int, noun: str) -> str:
    """Return a number with its noun, in the singular or plural."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def format_other_files(others: Sequence[Path]) -> str:
    """Return how many input files are not images, with the names of the first few."""
    names = ", ".join(escape_path(name) for name in others[:MAX_NAMES])
    more = ", ..." if len(others) > MAX_NAMES else ""
    verbs = "is not an image and was" if len(others) == 1 else "are not images and were"
    return f"{format_count(len(others), 'input file')} {verbs} not copied: {names}{more}"


def format_leaks(trained: TrainedModel, released_as: str) -> list[str]:
    """Return lines on what the censored images still leak, as far as it was measured."""
    result = trained.result
    if not result.evaluations:
        return ["this run was not judged: what its images still leak is unknown"]
    lines = run_verdict(result)
    if released_as not in trained.judged_formats:
        arguments = [f"run={trained.path}", f"judge.released_as={released_as}"]
        command = shlex.join(["privacy-gan", "evaluate", *arguments])
        lines.append(
            f"it was judged on the network's output, not on {released_as} files"
            + trained.is_run * f"; to judge it on those: {command}"
        )
    return lines
