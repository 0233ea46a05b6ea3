"""Censors photographs with a trained run."""

from __future__ import annotations

import logging
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

import privacy_gan
from privacy_gan.data.release_format import ReleaseFormat
from privacy_gan.errors import DISK_FULL, UserError
from privacy_gan.hardware import choose_compute
from privacy_gan.release.censoring import FACES, censor_images
from privacy_gan.release.contact_sheet import require_private, write_contact_sheet
from privacy_gan.release.folder_censoring import ReleaseReport, censor_folder
from privacy_gan.release.outcomes import PhotoCensor
from privacy_gan.release.output_folder import Manifest
from privacy_gan.release.photos import escape_path
from privacy_gan.release.release_settings import BLUR, KEEP, ORIGINAL, ReleaseSettings
from privacy_gan.release.salt import load_salt, salted_seed
from privacy_gan.release.square_censoring import CensorFunction, SquareCensor
from privacy_gan.release.trained_model import TrainedModel, load_trained_model
from privacy_gan.reporting.verdict import run_verdict
from privacy_gan.tensors import hash_weights

if TYPE_CHECKING:
    from privacy_gan.detection.position import FacePosition

MAX_NAMES = 5

log = logging.getLogger(__name__)


def main(config: DictConfig) -> None:
    """Censor the photographs in a folder and print a summary.

    Raises:
        UserError: a folder cannot be used, or some photographs were not censored.
    """
    trained = load_trained_model(Path(config.run))
    settings = release_settings(config, trained)
    source, output = Path(config.input), Path(config.output)
    preview = None if config.preview is None else Path(config.preview)
    if config.salt is not None:
        require_outside(f"salt={config.salt}", Path(config.salt), source, output)
    if preview is not None:
        require_private(preview, output, source)
    censor = censor_function(config, trained)
    manifest = build_manifest(trained, settings)
    photo_censor: PhotoCensor = SquareCensor(settings, censor)
    if settings.fit == FACES:
        from privacy_gan.release.face_censoring import FaceCensor  # these take a second to import
        from privacy_gan.release.face_finding import load_face_finder

        finder = load_face_finder(trained)
        photo_censor = FaceCensor(settings, finder, censor)
        manifest.released["faces"] = face_facts(settings, finder.position)
    with naming_option(f"output={output}", "folder"):
        report = censor_folder(source, output, settings, photo_censor, manifest, config.overwrite)
    print_summary(report, output)
    if settings.fit == FACES:
        print_faces(report, settings)
    for line in format_leaks(trained, settings):
        print(line)
    if preview is not None:
        with naming_option(f"preview={preview}", "file"):
            print(write_contact_sheet(preview, report, output))
    if skipped := len(report.skipped):
        number = "1 photograph was" if skipped == 1 else f"{skipped:,} photographs were"
        pronoun = "is" if skipped == 1 else "are"
        raise UserError(
            f"{number} not censored, for the reasons above, and {pronoun} missing in {output}"
        )


def require_outside(option: str, path: Path, source: Path, output: Path) -> None:
    """Raise UserError if a secret file is among the photographs or the censored images."""
    for folder in (source, output):
        if path.resolve().is_relative_to(folder.resolve()):
            raise UserError(f"{option} is in {folder}: choose a file elsewhere")


@contextmanager
def naming_option(option: str, noun: str) -> Iterator[None]:
    """Raise UserError within the block if something cannot be written; name the option.

    Args:
        option: the option and its value.
        noun: "file" or "folder".
    """
    try:
        yield
    except OSError as error:
        if error.errno in DISK_FULL:
            raise
        raise UserError(
            f"cannot write to {option} ({error.strerror or error}): choose another {noun}"
        ) from error


def release_settings(config: DictConfig, trained: TrainedModel) -> ReleaseSettings:
    """Return how photographs are resized and written. Raises UserError, see ReleaseSettings."""
    return ReleaseSettings(
        image_size=trained.privatizer.image_size,
        fit=config.fit,
        size=config.size,
        format=ReleaseFormat.parse(config.released_as or trained.default_format),
        batch_size=config.batch_size,
        channels=trained.privatizer.channels,
        unsure=config.unsure,
        faceless=config.faceless,
    )


def censor_function(config: DictConfig, trained: TrainedModel) -> CensorFunction:
    """Return the function that censors images.

    Raises:
        UserError: the salt is missing or invalid.
    """
    privatizer = trained.privatizer
    hardware = (config.trainer.accelerator, privatizer.facts["precision"], privatizer.image_size)
    compute = choose_compute(*hardware)
    censor = partial(censor_images, privatizer.to(compute.device), compute=compute)
    if config.salt is not None:
        censor.keywords["seed"] = salted_seed(load_salt(Path(config.salt)))
    elif privatizer.single_release:
        raise UserError(
            "this mechanism may censor each photograph only once, because what it leaks adds up: "
            "set salt=FILE, a secret with which it always censors a photograph in the same way"
        )
    return censor


def face_facts(settings: ReleaseSettings, position: FacePosition) -> dict[str, Any]:
    """Return what the manifest says about how faces are found and what happens to them."""
    return {"unsure": settings.unsure, "faceless": settings.faceless, **asdict(position)}


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


def print_faces(report: ReleaseReport, settings: ReleaseSettings) -> None:
    """Print what became of the faces, and to stderr those that could not be censored."""
    for photo, faces in (report.faces or {}).items():
        for face in faces:
            if face.problem is not None:
                done = {BLUR: "covered", KEEP: "kept as it is"}[settings.unsure]
                done = "left out" if settings.writes_squares else done
                print(
                    f"unsure {escape_path(photo.name)}: {face.place} {face.problem}: {done}",
                    file=sys.stderr,
                )
        if not faces:
            name = escape_path(photo.name)
            print(f"unsure {name}: no face was found in it: copied", file=sys.stderr)
    counts = report.counts
    lines = [f"{format_count(counts.get('faces_censored', 0), 'face')} censored"]
    if unsure := counts.get("faces_unsure", 0):
        verb = "was" if unsure == 1 else "were"
        lines.append(f"{format_count(unsure, 'face')} {verb} not, as listed above")
    print("; ".join(lines))
    if copied := counts.get("photographs_without_faces", 0):
        print(f"of the images, {copied:,} had no face and are as they were: check them")
    largest = counts.get("pixels_of_largest_face", 0)
    if settings.size == ORIGINAL and largest > settings.image_size:
        print(
            f"faces are up to {largest:,} pixels wide, and have the detail of "
            f"{settings.image_size:,} pixels where they were censored"
        )


def format_leaks(trained: TrainedModel, settings: ReleaseSettings) -> list[str]:
    """Return lines on what the censored images still leak, as far as it was measured."""
    result, released_as = trained.result, settings.format.name
    hidden = " and ".join(trained.privatizer.attributes)
    lines = []
    if settings.fit == FACES:
        lines.append(
            f"hidden is {hidden}, not who a person is; what is around a face (hair, ears, clothes, "
            "other people) and faces that the detector did not find are as they were, and the edge "
            "of each region is a mixture"
        )
    if not result.evaluations:
        return [*lines, "this run was not judged: what its images still leak is unknown"]
    lines += run_verdict(result)
    if settings.fit == FACES:
        lines.append(
            "it was judged on its own test images, not on faces that the detector aligned, which "
            "can leak much more: docs/photographs.md"
        )
    if released_as not in trained.judged_formats:
        arguments = [f"run={trained.path}", f"judge.released_as={released_as}"]
        command = shlex.join(["privacy-gan", "evaluate", *arguments])
        lines.append(
            f"it was judged on the network's output, not on {released_as} files"
            + trained.is_run * f"; to judge it on those: {command}"
        )
    return lines
