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

from privacy_gan.data.assignment import CELEBA_LIST, assign
from privacy_gan.data.image_data_module import ImageDataModule
from privacy_gan.data.image_files import ImageFolder, check_sizes
from privacy_gan.data.image_metadata import metadata_notes
from privacy_gan.data.labelled_images import LabelledImages, find_images, image_sizes
from privacy_gan.data.labels import Labels, read_labels
from privacy_gan.data.matching import Matches, format_examples, match_names
from privacy_gan.data.persons import number_persons
from privacy_gan.errors import UserError
from privacy_gan.plural import pluralize

MIN_IMAGES = 100  # of which ten are test images


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
        bins: for columns of numbers, the least number of each class, ascending, by column.
        missing: values that mean that an image has no value, besides "", "NaN" and the like.
    """

    images: Path
    labels: Path
    original: Path | None = None
    split: str | None = None
    person: str | None = None
    bins: object = None
    missing: object = ()


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

    censored: LabelledImages
    originals: LabelledImages | None
    attribute: str
    columns: tuple[str, ...]
    notes: tuple[str, ...]


class AuditDataModule(ImageDataModule):
    """Serves a labelled folder of images."""

    def __init__(self, source: LabelledImages, **loading: Any) -> None:
        super().__init__(source, batch_size=1, **loading)  # the judge sets its own batch size

    def split_name(self) -> str:
        """Return a name that depends on the files, since labels do not determine the pixels."""
        return f"{self.data_name}-{self.source.cache_key()[:8]}"


def find_audit_images(
    files: AuditFiles, attribute: str, image_size: int, seed: int, squeezed: bool = True
) -> AuditImages:
    """Match images with labels, and exclude those without a counterpart.

    Args:
        files: the files that the user gives.
        attribute: the attribute that should be hidden, as the user writes it.
        image_size: side of the square images that adversaries see, in pixels; a multiple of 16.
        seed: seed of a random split.
        squeezed: whether adversaries see the whole images, squeezed into squares.

    Raises:
        UserError: a file or folder is missing or damaged, the attribute does not exist, the match
            of images and labels is ambiguous, or too few images remain.
    """
    check_sizes(image_size, None)
    folders = {"images": files.images, "original": files.original}
    images = {
        option: find_images(folder, option)
        for option, folder in folders.items()
        if folder is not None
    }
    labels = read_labels(files.labels, images["images"])
    labels = labels.with_options(files.bins, files.missing, "")
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
    has_value = labels.has_value(column)
    selected = [row for row in matched if has_value[row]]
    notes += excluded_notes(labels, files, matches["images"], matched)
    if unknown := sorted(set(matched) - set(selected)):
        notes.append(
            f"excluded {pluralize(len(unknown), 'image')} without a value for {column} in "
            f"{files.labels}, such as {labels.names[unknown[0]]}"
        )
    hint = "" if matched else f" ({format_examples(labels.names, images['images'])})"
    require_enough(len(selected), str(files.images), f"with labels in {files.labels}", hint)
    is_complete = len(selected) == len(labels.names)
    assignment = assign(labels.select_rows(selected), files.split, files.person, seed)
    labels = assignment.labels
    notes += [*assignment.notes, *labels.excluded_columns()]
    name = "celeba" if labels.path.stem == CELEBA_LIST else labels.path.stem
    key = labels_key(labels, files, assignment.splits, is_complete)

    def make_source(option: str, folder: Path) -> LabelledImages:
        return LabelledImages(
            f"{name}-{image_size}",
            ImageFolder(folder),
            tuple(matches[option].files[row] for row in selected),
            image_size,
            labels.attribute_names,
            tuple(labels.classes.values()),
            labels.attributes(),
            assignment.splits,
            key,
            None if assignment.persons is None else number_persons(assignment.persons),
        )

    censored = make_source("images", files.images)
    sizes = image_sizes(files.images, censored.files)
    if squeezed and sizes != {(image_size, image_size)}:
        notes.append(size_note(sizes, image_size))
    notes += metadata_notes(files.images, censored.files)
    originals = make_source("original", files.original) if files.original is not None else None
    return AuditImages(censored, originals, column, tuple(labels.columns), tuple(notes))


def require_enough(number: int, folder: str, which: str, hint: str = "") -> None:
    """Raise UserError if an audit has too few images.

    Args:
        number: of the images.
        folder: where they are.
        which: images count, in words.
        hint: what to add to the message.
    """
    if number < MIN_IMAGES:
        raise UserError(
            f"{folder} has only {pluralize(number, 'image')} {which}: an audit needs at least "
            f"{MIN_IMAGES}, and thousands are better{hint}"
        )


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
    as_they_are = files.bins is None and not files.missing
    if is_complete and as_they_are and files.split is not None and Path(files.split).is_file():
        for path in (files.labels, Path(files.split)):
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    else:
        digest.update(repr((labels.names, labels.classes)).encode())
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
