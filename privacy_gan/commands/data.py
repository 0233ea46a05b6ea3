"""Says what is in a folder of images, and how to train on it."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

from omegaconf import DictConfig

from privacy_gan.attributes import PAPER_ATTRIBUTES
from privacy_gan.config import config_to_dict
from privacy_gan.data.celeba_files import find_celeba_files
from privacy_gan.data.celeba_source import CelebASource
from privacy_gan.data.folder_source import open_folder
from privacy_gan.data.image_files import open_images
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
    summary = celeba_summary(path) if is_celeba(path, options) else None
    print(summarize(summary or folder_summary(path, options), bool(config.details)))


def is_celeba(path: Path, options: dict[str, object]) -> bool:
    """Return whether a folder is a copy of CelebA, and no other labels are given."""
    if options["labels"] is not None:
        return False
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
    names = sorted(stored.names())
    known = source.known_attributes
    measured = [name for name in PAPER_ATTRIBUTES if name in known.classes]
    sample = sample_images(names, stored.read, SAMPLE)
    command = ["privacy-gan", "train", "data=celeba", f"data.root={path}"]
    return DataSummary(
        path,
        "CelebA",
        attributes,
        splits,
        source.persons(),
        known,
        measured or list(known.classes),
        sample,
        False,
        (),
        train_command(command, (measured or list(known.classes))[0], sample),
    )


def folder_summary(path: Path, options: dict[str, object]) -> DataSummary:
    """Describe one's own images."""
    labels = options["labels"]
    chosen = {name: options[name] for name in OPTIONS}
    source = open_folder(path, None if labels is None else str(labels), SIDE, **chosen)  # type: ignore[arg-type]
    sample = sample_images(source.files, source.stored.read, SAMPLE)
    command = ["privacy-gan", "train", "data=folder", f"data.images={path}"]
    command += [f"data.labels={labels}"] if labels is not None else []
    command += [f"data.{name}={format_option(value)}" for name, value in chosen.items() if value]
    attribute = next(iter(source.measurable), source.attribute_names[0])
    return DataSummary(
        path,
        source.layout,
        source.attributes,
        source.splits,
        source.persons(),
        source.known_attributes,
        source.measurable,
        sample,
        source.splits_are_made,
        source.notes,
        train_command(command, attribute, sample),
    )


def train_command(command: list[str], attribute: str, sample: Sample) -> str:
    """Return the command to train, with an image size if the images are small."""
    side = min(SIDE, max(sample.least_side // 16 * 16, 16))
    size = [f"image_size={side}"] if side != SIDE else []
    return shlex.join([*command, f"attribute={attribute}", *size])


def format_option(value: object) -> str:
    """Return an option's value in Hydra's syntax."""
    write: Callable[[object], str] = format_option
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}:{write(each)}" for key, each in value.items()) + "}"
    return f"[{','.join(map(write, value))}]" if isinstance(value, list) else str(value)
