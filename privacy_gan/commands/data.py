"""Says what is in a folder of images, and how to train on it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from privacy_gan.attributes import PAPER_ATTRIBUTES
from privacy_gan.config import config_to_dict
from privacy_gan.config.paths import PATHS, quote
from privacy_gan.data.assignment import GIVEN
from privacy_gan.data.celeba_files import find_celeba_files
from privacy_gan.data.celeba_source import CelebASource
from privacy_gan.data.folder_source import open_folder
from privacy_gan.data.image_files import open_images
from privacy_gan.data.known_sets.registry import find_known_set
from privacy_gan.errors import UserError
from privacy_gan.reporting.data_summary import DataSummary, Sample, sample_images, summarize

SAMPLE = 500  # images that are opened
SIDE = 64  # of the images to train on, or less for smaller ones
OPTIONS = ("split", "person", "bins", "missing")


def main(config: DictConfig) -> None:
    """Print what is in the folder.

    Raises:
        UserError: it has no images with labels, or a file is damaged.
    """
    options = config_to_dict(config)
    path = Path(config.images)
    given = {name: options[name] for name in OPTIONS if options[name] not in (None, [], "")}
    is_celeba = options["labels"] is None and has_celeba(path)
    if is_celeba and given:
        raise UserError(
            f"{path} is a copy of CelebA, which data=celeba reads without {', '.join(given)}: give "
            "its list of attributes with labels=FILE to read it as any other folder"
        )
    summary = celeba_summary(path) if is_celeba else folder_summary(path, options["labels"], given)
    print(summarize(summary, bool(config.details)))


def has_celeba(path: Path) -> bool:
    """Return whether a folder is a copy of CelebA."""
    try:
        find_celeba_files(path)
    except UserError:
        return False
    return True


def celeba_summary(path: Path) -> DataSummary:
    """Describe a copy of CelebA."""
    source = CelebASource(path, SIDE)
    attributes, splits = source.labels()
    stored = open_images(find_celeba_files(path).images)
    known = source.known_attributes
    measured = [name for name in PAPER_ATTRIBUTES if name in known.classes] or list(known.classes)
    sample = sample_images(sorted(stored.names()), stored.read, SAMPLE, path)
    return DataSummary(
        path,
        "CelebA",
        attributes,
        splits,
        source.persons(),
        known,
        measured,
        sample,
        GIVEN,
        (),
        train_command({"data": "celeba", "data.root": path, "attribute": measured[0]}, sample),
    )


def folder_summary(path: Path, labels: str | None, given: dict[str, Any]) -> DataSummary:
    """Describe a folder of images.

    Args:
        path: the folder.
        labels: its table of labels, or None.
        given: options of ``open_folder``.
    """
    source = open_folder(path, labels, SIDE, **given)
    known = source.known_attributes
    # here, the options have no prefix
    reasons = {name: re.sub(r"\bdata\.", "", why) for name, why in known.unusable.items()}
    sample = sample_images(source.files, source.stored.read, SAMPLE, path)
    known_set = None if labels is not None else find_known_set(path.expanduser())
    measured = source.measurable()
    command = {"data": known_set or "folder", "data.images": path}
    if labels is not None:
        command["data.labels"] = labels
    command |= {f"data.{name}": value for name, value in given.items()}
    command["attribute"] = next(iter(measured), source.attribute_names[0])
    if sample.grey == sample.count and known_set is None:
        command["data.channels"] = 1
    return DataSummary(
        path,
        source.layout,
        source.attributes,
        source.splits,
        source.persons(),
        replace(known, unusable=reasons),
        measured,
        sample,
        source.origin,
        source.notes,
        train_command(command, sample),
    )


def train_command(options: dict[str, Any], sample: Sample) -> str:
    """Return the command to train, with an image size if the images are small."""
    side = min(SIDE, max(sample.least_side // 16 * 16, 16))
    size = {"image_size": side} if side != SIDE else {}
    words = [
        f"{name}={value if name in PATHS else format_option(value)}"  # paths need no quotes
        for name, value in {**options, **size}.items()
    ]
    return shlex.join(["privacy-gan", "train", *words])


def format_option(value: object) -> str:
    """Return an option's value in Hydra's syntax, in quotes where that is needed."""
    write: Callable[[object], str] = format_option
    if isinstance(value, dict):
        return "{" + ",".join(f"{write(key)}:{write(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return f"[{','.join(map(write, value))}]"
    text = str(value)
    return text if re.fullmatch(r"[\w./+-]+", text) else quote(text)
