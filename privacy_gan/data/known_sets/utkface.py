"""UTKFace: faces with age, sex and race in their names (Zhang et al., 2017).

An image is named [age]_[gender]_[race]_[date&time].jpg, or .jpg.chip.jpg if it was aligned.
"""

from __future__ import annotations

import re
from itertools import islice
from pathlib import Path

from privacy_gan.data.image_files import ImageFolder, scan_images
from privacy_gan.data.known_sets.files import check_is_folder, folder_levels
from privacy_gan.data.labelled_images import find_images
from privacy_gan.data.labels import Labels
from privacy_gan.data.listing import Listing
from privacy_gan.errors import UserError
from privacy_gan.plural import pluralize

TITLE = "UTKFace"
FORM = "[age]_[gender]_[race]_[date&time].jpg"
# Only the start of the time is required, because some names continue in unusual ways.
NAME = re.compile(r"(\d{1,3})_([01])_([0-4])_\d{8}\d*")
SEXES = ("male", "female")
RACES = ("White", "Black", "Asian", "Indian", "Other")
SAMPLE_SIZE = 20  # names of a folder that are looked at


def matches(root: Path) -> bool:
    """Return whether most of the first images in a folder are named as in this data set."""
    return any(has_names(folder) for level in folder_levels(root) for folder in level)


def has_names(folder: Path) -> bool:
    """Return whether most of the first images directly in a folder are named in this way."""
    try:
        names = [entry.name for entry in islice(scan_images(folder), SAMPLE_SIZE)]
    except OSError:  # the folder cannot be read
        return False
    return 2 * sum(NAME.match(name) is not None for name in names) > len(names)


def read(root: Path) -> Listing:
    """Return the faces with the age, sex and race in their names; others are left out.

    Raises:
        UserError: no image has such a name, or two folders have the same image.
    """
    check_is_folder(root, TITLE)
    files = find_images(root, "data.images")
    labelled = [(file, match) for file in files if (match := NAME.match(base_name(file)))]
    if not labelled:
        raise UserError(
            f"data.images={root} has no image named {FORM}, as in {TITLE}, but {files[0]}: give "
            "the folder with the images"
        )
    names = tuple(file for file, _ in labelled)
    check_one_copy(root, {file: match[0] for file, match in labelled})
    columns = {
        "age": tuple(str(int(match[1])) for _, match in labelled),
        "sex": tuple(SEXES[int(match[2])] for _, match in labelled),
        "race": tuple(RACES[int(match[3])] for _, match in labelled),
    }
    notes: tuple[str, ...] = ()
    if others := sorted(set(files).difference(names)):
        notes = (
            f"excluded {pluralize(len(others), 'image')} in {root} whose names are not {FORM}, "
            f"such as {others[0]}",
        )
    return Listing(ImageFolder(root), names, Labels(root, names, columns, notes), TITLE)


def base_name(file: str) -> str:
    """Return the name of a file without its folders."""
    return file.rpartition("/")[2]


def check_one_copy(root: Path, photos: dict[str, str]) -> None:
    """Check that no photo is in two folders, such as the original and the aligned ones.

    A photo in the training and in the test images would make an adversary look better than it is.

    Args:
        root: the folder, for messages.
        photos: the part of the name that identifies the photo, by file.

    Raises:
        UserError: a photo is in two folders; names both files.
    """
    first: dict[str, str] = {}
    for file, photo in photos.items():
        other = first.setdefault(photo, file)
        if file.rpartition("/")[0] != other.rpartition("/")[0]:
            raise UserError(
                f"data.images={root} has two copies of {TITLE}, with {other} and {file}: give the "
                "folder of one of them as data.images"
            )
