"""The images of an audit: folders of images with their labels and splits."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from privacy_gan.data.image_metadata import metadata_notes
from privacy_gan.data.labelled_folder import LabelledFolder, find_images, image_sizes
from privacy_gan.data.labels import Labels, parse_splits, random_splits, read_labels
from privacy_gan.data.matching import Matches, format_examples, match_names
from privacy_gan.data.persons import IDENTITIES, number_persons, read_identities
from privacy_gan.data.table_data_module import ImageDataModule
from privacy_gan.data.text_tables import is_missing
from privacy_gan.errors import UserError
from privacy_gan.plural import pluralize

MIN_IMAGES = 100  # of which ten are test images
CELEBA_LIST = "list_attr_celeba"


@dataclass(frozen=True)
class AuditFiles:
    """The files of an audit, as the user gives them.

    Attributes:
        images: folder of the censored images.
        labels: file with the attributes of each image.
        original: folder of the same images uncensored, or None.
        split: column of the labels, or file, with the split of each image; None for a random split.
        person: column or file with the person in each image; None for CelebA's list of identities
            next to CelebA's list of attributes, if there is one. A random split keeps all images of
            a person together.
    """

    images: Path
    labels: Path
    original: Path | None = None
    split: str | None = None
    person: str | None = None


@dataclass(frozen=True)
class AuditImages:
    """The images of an audit, with labels and splits.

    Attributes:
        censored: the censored images.
        originals: the same images uncensored, in the same order; or None.
        attribute: the attribute that should be hidden.
        columns: all columns of the labels, including those that are not attributes.
        notes: warnings for the user, one line each.
    """

    censored: LabelledFolder
    originals: LabelledFolder | None
    attribute: str
    columns: tuple[str, ...]
    notes: tuple[str, ...]


class AuditDataModule(ImageDataModule):
    """Serves a labelled folder of images."""

    def __init__(self, source: LabelledFolder, **loading: Any) -> None:
        super().__init__(source, batch_size=1, **loading)  # the judge sets its own batch size

    def split_name(self) -> str:
        """Return a name that depends on the files, since labels do not determine the pixels."""
        return f"{self.data_name}-{self.source.cache_key()[:8]}"


def find_audit_images(files: AuditFiles, attribute: str, image_size: int, seed: int) -> AuditImages:
    """Match images with labels, and exclude those without a counterpart.

    Args:
        files: the files that the user gives.
        attribute: the attribute that should be hidden, as the user writes it.
        image_size: side of the square images that adversaries see, in pixels; a multiple of 16.
        seed: seed of a random split.

    Raises:
        UserError: a file or folder is missing or damaged, the attribute does not exist, the match
            of images and labels is ambiguous, or too few images remain.
    """
    if image_size < 1 or image_size % 16:
        raise UserError(
            f"image_size={image_size} is not a multiple of 16: use 64 or 128, for example"
        )
    folders = {"images": files.images, "original": files.original}
    images = {
        option: find_images(folder, option)
        for option, folder in folders.items()
        if folder is not None
    }
    labels = read_labels(files.labels, images["images"])
    column = labels.find_attribute_column(attribute)
    matches = {
        option: match_names(labels.names, names, f"{option}={folders[option]}")
        for option, names in images.items()
    }
    notes = [*labels.notes, *(note for each in matches.values() for note in each.notes)]
    matched = [
        row
        for row in range(len(labels.names))
        if all(row in each.files for each in matches.values())
    ]
    selected = [row for row in matched if not is_missing(labels.columns[column][row])]
    notes += excluded_notes(labels, files, matches["images"], matched)
    if unknown := sorted(set(matched) - set(selected)):
        notes.append(
            f"excluded {pluralize(len(unknown), 'image')} without a value for {column} in "
            f"{files.labels}, such as {labels.names[unknown[0]]}"
        )
    if len(selected) < MIN_IMAGES:
        raise UserError(
            f"{files.images} has only {pluralize(len(selected), 'image')} with labels in "
            f"{files.labels}: an audit needs at least {MIN_IMAGES}, and thousands are better"
            + ("" if matched else f" ({format_examples(labels.names, images['images'])})")
        )
    is_complete = len(selected) == len(labels.names)
    labels = labels.select_rows(selected)
    persons, person_notes = read_persons(labels, files)
    notes += person_notes
    if files.split is not None:
        splits = parse_splits(labels.read_values("split", files.split), f"split={files.split}")
    else:
        splits = random_splits(labels.names if persons is None else persons, seed)
    sources = [source for source in (files.split, files.person) if source]
    labels = labels.drop_columns([labels.find_column(source) for source in sources])
    notes += labels.excluded_columns()
    name = "celeba" if labels.path.stem == CELEBA_LIST else labels.path.stem
    key = labels_key(labels, files, splits, is_complete)

    def make_source(option: str, folder: Path) -> LabelledFolder:
        return LabelledFolder(
            f"{name}-{image_size}",
            folder,
            tuple(matches[option].files[row] for row in selected),
            image_size,
            labels.attribute_names,
            labels.attributes(),
            splits,
            key,
            None if persons is None else number_persons(persons),
        )

    censored = make_source("images", files.images)
    sizes = image_sizes(files.images, censored.files)
    if sizes != {(image_size, image_size)}:
        notes.append(size_note(sizes, image_size))
    notes += metadata_notes(files.images, censored.files)
    originals = make_source("original", files.original) if files.original is not None else None
    return AuditImages(censored, originals, column, tuple(labels.columns), tuple(notes))


def read_persons(labels: Labels, files: AuditFiles) -> tuple[tuple[str, ...] | None, list[str]]:
    """Return a text for the person in each image, None if the files name none, and warnings.

    Raises:
        UserError: a file that names them is damaged, or ``files.person`` lacks images.
    """
    if files.person is not None:
        return labels.read_values("person", files.person), []
    if labels.path.stem != CELEBA_LIST:
        return None, []
    lists = (labels.path.with_name(f"{IDENTITIES}{suffix}") for suffix in (".txt", ".csv"))
    path = next((path for path in lists if path.is_file()), None)
    if path is None:
        return None, []
    ids, notes = read_identities(path, labels.names)
    return tuple(map(str, ids)), notes


def excluded_notes(
    labels: Labels, files: AuditFiles, matches: Matches, matched: Sequence[int]
) -> list[str]:
    """Return a line for labels without images, and one for images without labels."""
    notes = []
    folders = [folder for folder in (files.images, files.original) if folder is not None]
    if absent := sorted(set(range(len(labels.names))) - set(matched)):
        notes.append(
            f"excluded {len(absent):,} of {pluralize(len(labels.names), 'row')} of {files.labels} "
            f"without an image in {' and '.join(map(str, folders))}, such as "
            f"{labels.names[absent[0]]}"
        )
    if unlabelled := matches.unlabelled:
        notes.append(
            f"excluded {pluralize(len(unlabelled), 'image')} in {files.images} without a label in "
            f"{files.labels}, such as {unlabelled[0]}"
        )
    return notes


def labels_key(
    labels: Labels, files: AuditFiles, splits: npt.NDArray[np.uint8], is_complete: bool
) -> str:
    """Return a hash of the labels and splits.

    For all of CelebA this is the content key of its runs, so reports compare them with the audit.
    """
    digest = hashlib.sha256()
    if is_complete and files.split is not None and Path(files.split).is_file():
        for path in (files.labels, Path(files.split)):
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    else:
        digest.update(repr((labels.names, labels.attribute_names)).encode())
        digest.update(labels.attributes().tobytes() + splits.tobytes())
    return digest.hexdigest()[:16]


def size_note(sizes: set[tuple[int, int]], image_size: int) -> str:
    """Return a line for images that adversaries see at another size than their own."""
    small, large = min(sizes, key=math.prod), max(sizes, key=math.prod)
    size = f"{small[0]}x{small[1]}"
    if small != large:
        size += f" to {large[0]}x{large[1]}"
    detail = " and may miss finer detail" if math.prod(large) > image_size**2 else ""
    return (
        f"the images have {size} pixels: adversaries see them resized to {image_size}x{image_size}"
        f"{detail} (image_size)"
    )
