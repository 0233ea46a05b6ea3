"""Censor a folder of photographs with a trained run."""

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
from privacy_gan.release.trained_model import TrainedModel, load_trained_model
from privacy_gan.reporting.verdict import run_verdict
from privacy_gan.tensors import hash_weights

MAX_NAMES = 5

log = logging.getLogger(__name__)


def main(config: DictConfig) -> None:
    """Censor what the configuration names, and say what became of it.

    Raises:
        UserError: a folder cannot be used, or some photographs were not censored.
    """
    trained = load_trained_model(Path(config.run))
    privatizer, side = trained.privatizer, trained.privatizer.image_size
    chosen = ReleaseFormat.of(config.released_as or trained.default_format)
    how = ReleaseSettings(side, config.fit, config.size, chosen, config.batch_size)
    compute = choose_compute(config.trainer.accelerator, privatizer.facts["precision"], side)
    output = Path(config.output)
    try:
        released = censor_folder(
            Path(config.input),
            output,
            how,
            partial(censor_images, privatizer.to(compute.device), compute=compute),
            build_manifest(trained, how),
            config.overwrite,
        )
    except OSError as error:
        if error.errno in DISK_FULL:
            raise
        raise UserError(
            f"cannot write to output={output} ({error.strerror or error}): choose another folder"
        ) from error
    print_summary(released, output)
    for line in format_leaks(trained, how.format.name):
        print(line)
    if lacking := len(released.skipped):
        number = "1 photograph was" if lacking == 1 else f"{lacking:,} photographs were"
        raise UserError(f"{number} not censored, for reasons above, and missing in {output}")


def build_manifest(trained: TrainedModel, how: ReleaseSettings) -> Manifest:
    """Return what is to be known of the censored images."""
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
        "side": how.image_size,
        "fit": how.fit,
        "size": how.size,
        "format": how.format.name,
    }
    judged = {
        name: {key: value for key, value in asdict(of).items() if key != "correct"}
        for name, of in trained.result.evaluations.items()
    }
    return Manifest(model, released, judged)


def print_summary(released: ReleaseReport, output: Path) -> None:
    """Say what became of the photographs: those that are lacking first, on the error stream."""
    for skipped in released.skipped:
        print(f"skipped {skipped}", file=sys.stderr)
    print(f"{released.censored:,} images censored into {output}")
    if released.recensored:
        print(
            f"{released.recensored:,} of them were there, made of what is not known to be the same "
            "photograph, and were made again"
        )
    if released.already_censored:
        print(f"{released.already_censored:,} more were there already")
    if released.non_images:
        print(format_other_files(released.non_images))
    if released.unrelated:
        some = escape_path(released.unrelated[0])
        log.warning(
            "%d other files in %s, such as %s, were not made of these photographs: look at them "
            "before you hand the folder out",
            *(len(released.unrelated), output, some),
        )


def format_other_files(others: Sequence[Path]) -> str:
    """Return how many files are no pictures, and the first of them by name."""
    named = ", ".join(escape_path(name) for name in others[:MAX_NAMES])
    more = ", ..." if len(others) > MAX_NAMES else ""
    number = "1 other file" if len(others) == 1 else f"{len(others):,} other files"
    verb = "is no picture and was" if len(others) == 1 else "are no pictures and were"
    return f"{number} of the input {verb} not copied: {named}{more}"


def format_leaks(trained: TrainedModel, released_as: str) -> list[str]:
    """Return what is known of what the images still tell."""
    result = trained.result
    if not result.evaluations:
        return ["nobody judged this run: what its images still tell of the attribute is unknown"]
    lines = run_verdict(result)
    if released_as not in trained.judged_formats:
        words = [f"run={trained.path}", f"judge.released_as={released_as}"]
        command = shlex.join(["privacy-gan", "evaluate", *words])
        lines.append(
            f"it was judged on images as the network makes them, not as {released_as}"
            + trained.is_run * f": {command} does that"
        )
    return lines
