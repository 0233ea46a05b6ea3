"""One's own images, in a folder with a table of labels, in class folders, or in Parquet files.

This module does not import torch, which takes seconds.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from privacy_gan.data.assignment import assign
from privacy_gan.data.class_folders import find_tables, read_class_folders, table_hint
from privacy_gan.data.image_files import ImageFolder, check_sizes
from privacy_gan.data.known_sets.known_set import KnownSet
from privacy_gan.data.known_sets.registry import KNOWN_SETS, find_known_set
from privacy_gan.data.labelled_images import LabelledImages, find_images
from privacy_gan.data.labels import read_labels
from privacy_gan.data.listing import Listing, match_listing
from privacy_gan.data.parquet_images import (
    PERSON_COLUMNS,
    ParquetImages,
    find_parquet_files,
    read_parquet_labels,
)
from privacy_gan.data.persons import number_persons
from privacy_gan.errors import UserError
from privacy_gan.plural import pluralize

MIN_IMAGES = 100  # of which ten are validation and ten are test images


def open_folder(
    images: str | Path | None,
    labels: str | Path | None,
    image_size: int,
    name: str = "folder",
    split: str | None = None,
    person: str | None = None,
    crop: int | None = None,
    bins: object = None,
    missing: object = (),
    split_seed: int = 0,
    layout: str | None = None,
    channels: int = 3,
) -> LabelledImages:
    """Return a folder's images with their labels and splits.

    Args:
        images: folder of the images, of folders of classes, or of Parquet files.
        labels: table of labels; None for class folders and Parquet files.
        image_size: side of the square images in pixels, a multiple of 16.
        name: name of the data set.
        split: see ``assign``.
        person: see ``assign``; None for the column that a known data set has.
        crop: side of a centre crop taken before resizing; None to resize the whole image.
        bins: for columns of numbers, the least number of each class, ascending, by column.
        missing: values that mean that an image has no value, besides "", "NaN" and the like.
        split_seed: seed of splits that are made here.
        layout: key of the known set that the folder is a copy of, see ``KNOWN_SETS``; None to find
            out.
        channels: 3, or 1 for grey images.

    Raises:
        UserError: a file or an option is wrong, or too few images have labels.
    """
    check_sizes(image_size, crop)
    if split_seed < 0:
        raise UserError(f"data.split_seed={split_seed} is below 0: give 0 or more")
    if channels not in (1, 3):
        raise UserError(f"data.channels={channels}: give 3 for colour or 1 for grey images")
    if images is None:
        raise UserError("data.images has no value: give the folder of the images, data.images=...")
    listing = list_images(Path(images), None if labels is None else Path(labels), layout)
    if len(listing.files) < MIN_IMAGES:
        raise UserError(
            f"data.images={images} has only {pluralize(len(listing.files), 'image')} with labels: "
            f"training needs at least {MIN_IMAGES}, and thousands are better"
        )
    table = listing.labels.with_options(bins, missing, "data.")
    assignment = assign(table, split, person or listing.person, split_seed)
    persons = assignment.persons
    found = assignment.labels
    if not found.attribute_names:
        hint = table_hint(found.path) if found.path.is_dir() else ""
        raise UserError(found.no_attribute_message() + hint)
    reasons = {name: str(each) for name, each in found.encoded.items() if name not in found.classes}
    return LabelledImages(
        name=f"{name}-{image_size}" + (f"-crop{crop}" if crop else ""),
        stored=listing.stored,
        files=listing.files,
        image_size=image_size,
        attribute_names=found.attribute_names,
        classes=tuple(found.classes.values()),
        attributes=found.attributes(),
        splits=assignment.splits,
        person_ids=None if persons is None else number_persons(np.asarray(persons)),
        layout=listing.layout,
        channels=channels,
        crop=crop,
        origin=assignment.origin,
        unusable=reasons,
        notes=(*found.notes, *assignment.notes),
        column_notes=tuple(found.excluded_columns()),
    )


def list_images(images: Path, labels: Path | None, layout: str | None) -> Listing:
    """Return the labelled images of a folder.

    Args:
        images: the folder.
        labels: table of labels, or None.
        layout: key of a known set, or None to look for one if there is no table of labels.

    Raises:
        UserError: a file or folder is missing or damaged, no image has a label, or the match of
            images and labels is ambiguous.
    """
    images = images.expanduser()
    if not images.is_dir():
        raise UserError(f"data.images={images} is not a folder: give the folder with the images")
    if layout is not None:
        return require_known_set(layout).read(images)
    if labels is not None:
        files, path = find_images(images, "data.images"), labels.expanduser()
        return match_listing(
            images, files, read_labels(path, files), f"images with labels in {path.name}"
        )
    if (found_set := find_known_set(images)) is not None:
        return KNOWN_SETS[found_set].read(images)
    if parquet := find_parquet_files(images):
        found = read_parquet_labels(images, parquet)
        layout = pluralize(len(parquet), "Parquet file")
        person = next((column for column in found.columns if column in PERSON_COLUMNS), None)
        return Listing(ParquetImages(images), found.names, found, layout, person)
    found = read_class_folders(images, find_images(images, "data.images"))
    if tables := find_tables(images):
        note = f"{tables[0]} is not used: if it has the labels, give it with labels={tables[0]}"
        found = replace(found, notes=(*found.notes, note))
    return Listing(ImageFolder(images), found.names, found, "folders of classes")


def require_known_set(layout: str) -> KnownSet:
    """Return a known set by its key.

    Raises:
        UserError: there is none.
    """
    if layout not in KNOWN_SETS:
        raise UserError(f"data.layout={layout} is unknown: choose one of {', '.join(KNOWN_SETS)}")
    return KNOWN_SETS[layout]
