"""FairFace: faces with age, gender and race (Karkkainen and Joo, 2021).

The images are in train/ and val/, often in a folder such as fairface-img-margin025-trainval/.
"""

from __future__ import annotations

from pathlib import Path

from privacy_gan.data.known_sets.files import find_files, require_file
from privacy_gan.data.known_sets.matched_labels import list_labelled
from privacy_gan.data.labelled_images import find_images
from privacy_gan.data.labels import Labels, read_labels
from privacy_gan.data.listing import Listing
from privacy_gan.errors import UserError

TITLE = "FairFace"
LISTS = {"train": "fairface_label_train.csv", "val": "fairface_label_val.csv"}
# the other column, service_test, marks images for a test of commercial services
COLUMNS = ("age", "gender", "race")


def matches(root: Path) -> bool:
    """Return whether a folder has a list of this data set."""
    return any(find_files(root, name) for name in LISTS.values())


def read(root: Path) -> Listing:
    """Return the faces with age, gender, race, and the split that their list is for.

    Raises:
        UserError: a file is missing or damaged, or no image has a label.
    """
    paths = {split: require_file(root, name, TITLE) for split, name in LISTS.items()}
    parts = {split: read_list(path) for split, path in paths.items()}
    names = [name for part in parts.values() for name in part.names]
    if shared := set(parts["train"].names).intersection(parts["val"].names):
        raise UserError(
            f"{paths['train']} and {paths['val']} both list {min(shared)}: download both again"
        )
    columns = {
        column: tuple(text for part in parts.values() for text in part.columns[column])
        for column in COLUMNS
    }
    columns["split"] = tuple(split for split, part in parts.items() for _ in part.names)
    notes = tuple(note for part in parts.values() for note in part.notes)
    labels = Labels(root, tuple(names), columns, notes)
    return list_labelled(root, find_images(root, "data.images"), labels, TITLE)


def read_list(path: Path) -> Labels:
    """Read one list.

    Raises:
        UserError: it is damaged, or lacks a column.
    """
    labels = read_labels(path)
    for column in COLUMNS:
        if column not in labels.columns:
            raise UserError(
                f"{path} has no column {column}: its columns are {', '.join(labels.columns)}; "
                f"download it again, as {TITLE} has it"
            )
    return labels
