"""Match the labels of a known data set to the images of a copy, which may be a part of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

from privacy_gan.data.labels import Labels
from privacy_gan.data.listing import Listing, match_listing
from privacy_gan.errors import UserError
from privacy_gan.plural import pluralize


def list_labelled(
    folder: Path, files: Sequence[str], labels: Labels, layout: str, person: str | None = None
) -> Listing:
    """Return the images that labels name, in the labels' order.

    Rows without an image, and images without a row, are left out, with a note.

    Args:
        folder: folder of the images.
        files: their paths in it.
        labels: of these images, and of others.
        layout: see ``Listing``.
        person: see ``Listing``.

    Raises:
        UserError: no image has a label, or two files may be the image of one row.
    """
    # in these data sets the folders of images are known, so that they need no note
    names = add_folders(labels.names, files)
    return match_listing(folder, files, labels, layout, person, names)


def add_folders(names: Sequence[str], files: Collection[str]) -> tuple[str, ...]:
    """Return the paths of the only files that end with each name, [N]; else the name as it is.

    Args:
        names: names of images, [N], such as 1.png or train/1.jpg.
        files: paths of the existing files, such as images_001/images/1.png.
    """
    depths = {name.count("/") + 1 for name in names}
    paths: dict[str, str | None] = {}
    for file in files:
        parts = file.split("/")
        for ending in {"/".join(parts[-depth:]) for depth in depths}:
            paths[ending] = None if ending in paths else file
    return tuple(paths.get(name) or name for name in names)


def with_column(listing: Listing, column: str, texts: Sequence[str]) -> Listing:
    """Return a listing whose labels have one more column of texts, [N]."""
    columns = {**listing.labels.columns, column: tuple(texts)}
    return replace(listing, labels=replace(listing.labels, columns=columns))


def with_note(listing: Listing, note: str) -> Listing:
    """Return a listing whose labels have one more note."""
    return replace(listing, labels=replace(listing.labels, notes=(*listing.labels.notes, note)))


def splits_of(names: Sequence[str], found: Sequence[str | None], source: str) -> tuple[str, ...]:
    """Return the split of each image, [N].

    Args:
        names: names of the images, [N].
        found: their splits, [N]; None for those that the source lacks.
        source: the file or files that give the splits, for messages.

    Raises:
        UserError: some have none.
    """
    without = [name for name, split in zip(names, found, strict=True) if split is None]
    if without:
        raise UserError(
            f"{source} gives no split for {len(without):,} of {pluralize(len(names), 'image')}, "
            f"such as {without[0]}: download it again"
        )
    return tuple(split for split in found if split is not None)
