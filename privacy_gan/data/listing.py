"""Labelled images as they were found in a folder, before splits are made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from privacy_gan.data.image_files import ImageFolder, StoredImages
from privacy_gan.data.labels import Labels
from privacy_gan.data.matching import format_examples, match_names
from privacy_gan.errors import UserError
from privacy_gan.plural import pluralize


@dataclass(frozen=True)
class Listing:
    """Images and their labels.

    Attributes:
        stored: where the images are.
        files: names of the labelled images there, [N].
        labels: their labels, in the same order.
        layout: what kind of folder it is, in words.
        person: column of the labels with the person in each image, or None.
    """

    stored: StoredImages
    files: tuple[str, ...]
    labels: Labels
    layout: str
    person: str | None = None


def match_listing(
    folder: Path,
    files: Sequence[str],
    labels: Labels,
    layout: str,
    person: str | None = None,
    names: Sequence[str] | None = None,
) -> Listing:
    """Return the images that labels name, in the labels' order.

    Rows without an image, and images without a row, are left out, with a note.

    Args:
        folder: folder of the images.
        files: their paths in it.
        labels: of these images, and of others.
        layout: see ``Listing``.
        person: see ``Listing``.
        names: names by which the images are looked up, if not those in the labels.

    Raises:
        UserError: no image has a label, or two files may be the image of one row.
    """
    matches = match_names(names or labels.names, files, f"data.images={folder}")
    rows = sorted(matches.files)
    if not rows:
        examples = format_examples(labels.names, files)
        raise UserError(f"no image in {folder} has a label in {labels.path} ({examples})")
    notes = [*labels.notes, *matches.notes]
    if absent := [name for row, name in enumerate(labels.names) if row not in matches.files]:
        notes.append(
            f"excluded {len(absent):,} of {pluralize(len(labels.names), 'row')} of {labels.path} "
            f"without an image in {folder}, such as {absent[0]}"
        )
    if unlabelled := matches.unlabelled:
        notes.append(
            f"excluded {pluralize(len(unlabelled), 'image')} in {folder} without a label in "
            f"{labels.path}, such as {unlabelled[0]}"
        )
    selected = replace(labels.select_rows(rows), notes=tuple(notes))
    found = tuple(matches.files[row] for row in rows)
    return Listing(ImageFolder(folder), found, selected, layout, person)
