"""What an audit is about: folders of images, and the labels and splits that go with them."""

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
from privacy_gan.data.table_data_module import ImageDataModule
from privacy_gan.data.text_tables import is_missing
from privacy_gan.errors import UserError

MIN_IMAGES = 100  # images, of which ten are test images
CELEBA_LIST = "list_attr_celeba"


@dataclass(frozen=True)
class AuditFiles:
    """What a user names.

    Attributes:
        images: folder of the censored images.
        labels: file that says which attributes each image has.
        original: folder of the same images uncensored, or None.
        split: column of the labels, or file, that says to which split each image belongs; None to
            divide them here.
        person: column or file that says whom each image shows, all of whose images then come into
            one split; or None.
    """

    images: Path
    labels: Path
    original: Path | None = None
    split: str | None = None
    person: str | None = None


@dataclass(frozen=True)
class AuditImages:
    """Images that can be judged.

    Attributes:
        censored: the images.
        originals: the same ones uncensored, in the same order; or None.
        attribute: that is to be hidden.
        columns: of the labels, those that cannot be measured among them.
        notes: what a user should know of them, a line each.
    """

    censored: LabelledFolder
    originals: LabelledFolder | None
    attribute: str
    columns: tuple[str, ...]
    notes: tuple[str, ...]


class AuditDataModule(ImageDataModule):
    """Serves a labelled folder; what is made of its pixels is kept apart from that of others."""

    def __init__(self, source: LabelledFolder, **loading: Any) -> None:
        super().__init__(source, batch_size=1, **loading)  # batches are the judge's

    def split_name(self) -> str:
        """Return a name that changes with the files: another folder may hold other pixels."""
        return f"{self.data_name}-{self.source.fingerprint()[:8]}"


def find_audit_images(files: AuditFiles, attribute: str, image_size: int, seed: int) -> AuditImages:
    """Find the images that have labels, and the labels that have images.

    Args:
        files: that a user names.
        attribute: that is to be hidden, in a user's word.
        image_size: side of the squares that adversaries see, in pixels; a multiple of 16.
        seed: of the division into splits.

    Raises:
        UserError: a file or folder is missing or damaged, there is no such attribute, it is open
            which label is which image's, or too few images are left.
    """
    if image_size < 1 or image_size % 16:
        raise UserError(f"image_size={image_size} is not a multiple of 16")
    if files.split and files.person:
        raise UserError("person=... is about images that are divided here: leave split=... out")
    folders = {"images": files.images, "original": files.original}
    held = {name: find_images(of, name) for name, of in folders.items() if of is not None}
    labels = read_labels(files.labels, held["images"])
    column = labels.find_attribute_column(attribute)
    found = {
        name: match_names(labels.names, images, f"{name}={folders[name]}")
        for name, images in held.items()
    }
    notes = [*labels.notes, *(note for matches in found.values() for note in matches.notes)]
    there = [row for row in range(len(labels.names)) if all(row in m.files for m in found.values())]
    kept = [row for row in there if not is_missing(labels.columns[column][row])]
    notes += excluded_notes(labels, files, found["images"], there)
    if unknown := sorted(set(there) - set(kept)):
        notes.append(
            f"{len(unknown):,} images, such as {labels.names[unknown[0]]}, have no value of "
            f"{column} in {files.labels}: they are left out"
        )
    if len(kept) < MIN_IMAGES:
        raise UserError(
            f"{len(kept)} images in {files.images} have labels in {files.labels}, which is too few "
            f"to learn and to measure anything: {MIN_IMAGES} are the least, thousands are better"
            + ("" if there else f" ({format_examples(labels.names, held['images'])})")
        )
    is_complete = len(kept) == len(labels.names)
    labels = labels.rows(kept)
    if files.split is not None:
        splits = parse_splits(labels.texts("split", files.split), f"split={files.split}")
    else:
        people = labels.names
        if files.person is not None:
            people = labels.texts("person", files.person)
        splits = random_splits(people, seed)
    labels = labels.without([labels.find(given) for given in (files.split, files.person) if given])
    notes += labels.excluded_columns()
    name = "celeba" if labels.path.stem == CELEBA_LIST else labels.path.stem
    key = labels_key(labels, files, splits, is_complete)

    def folder_of(option: str, folder: Path) -> LabelledFolder:
        return LabelledFolder(
            f"{name}-{image_size}",
            folder,
            tuple(found[option].files[row] for row in kept),
            image_size,
            labels.attribute_names,
            labels.attributes(),
            splits,
            key,
        )

    censored = folder_of("images", files.images)
    sizes = image_sizes(files.images, censored.files)
    if sizes != {(image_size, image_size)}:
        notes.append(size_note(sizes, image_size))
    notes += metadata_notes(files.images, censored.files)
    originals = folder_of("original", files.original) if files.original is not None else None
    return AuditImages(censored, originals, column, tuple(labels.columns), tuple(notes))


def excluded_notes(
    labels: Labels, files: AuditFiles, matches: Matches, there: Sequence[int]
) -> list[str]:
    """Return a line about labels without images, and one about images without labels."""
    notes = []
    folders = [folder for folder in (files.images, files.original) if folder is not None]
    if absent := sorted(set(range(len(labels.names))) - set(there)):
        notes.append(
            f"{len(absent):,} of the {len(labels.names):,} images in {files.labels}, such as "
            f"{labels.names[absent[0]]}, are not in {' and in '.join(map(str, folders))}: "
            "they are left out"
        )
    if unlabelled := matches.unlabelled:
        notes.append(
            f"{len(unlabelled):,} images in {files.images}, such as {unlabelled[0]}, have no label "
            f"in {files.labels}: they are left out"
        )
    return notes


def labels_key(
    labels: Labels, files: AuditFiles, splits: npt.NDArray[np.uint8], is_complete: bool
) -> str:
    """Return what tells these labels and splits from others.

    Of all of CelebA it is the key that runs on it have, so that reports show both side by side.
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
    """Return how large images are that adversaries do not see as they are."""
    small, large = min(sizes, key=math.prod), max(sizes, key=math.prod)
    told = f"{small[0]}x{small[1]}"
    if small != large:
        told += f" to {large[0]}x{large[1]}"
    loses = " and may miss what is finer" if math.prod(large) > image_size**2 else ""
    return (
        f"the images have {told} pixels: adversaries see them as squares of {image_size}{loses} "
        "(image_size)"
    )
