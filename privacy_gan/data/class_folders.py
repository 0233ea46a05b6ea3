"""Labels from the folders that images are in, as torchvision's ImageFolder reads them.

FOLDER/CLASS/IMAGE gives each image the class of its folder; FOLDER/SPLIT/CLASS/IMAGE, with folders
such as train, val and test, gives it a split, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from privacy_gan.data.labels import Labels
from privacy_gan.data.text_tables import SPLIT_WORDS, normalize
from privacy_gan.errors import UserError
from privacy_gan.plural import pluralize

CLASS, SPLIT = "class", "split"  # names of the columns
SPLIT_FOLDERS = {word for word in SPLIT_WORDS if word.isalpha()}


def read_class_folders(folder: Path, files: Sequence[str]) -> Labels:
    """Return the class of each image, and its split if the folders give it.

    Args:
        folder: the folder with the folders of classes.
        files: relative paths of the images in it.

    Raises:
        UserError: no image is in a folder of a class.
    """
    parts = {file: file.split("/") for file in files}
    outer = {names[0] for names in parts.values() if len(names) > 1}
    has_splits = bool(outer) and {*map(normalize, outer)} <= SPLIT_FOLDERS
    depth = 1 if has_splits else 0  # of the class in a path
    labelled = [file for file in files if len(parts[file]) > depth + 1]
    if not labelled:
        raise UserError(
            f"{folder} has {pluralize(len(files), 'image')} but no labels: give a table of them, "
            "data.labels=FILE, or sort the images into a folder for each class, such as "
            f"{folder}/CLASS/{Path(files[0]).name}"
        )
    columns = {CLASS: tuple(parts[file][depth] for file in labelled)}
    if has_splits:
        columns[SPLIT] = tuple(parts[file][0] for file in labelled)
    notes: tuple[str, ...] = ()
    if outside := sorted(set(files) - set(labelled)):
        notes = (
            f"excluded {pluralize(len(outside), 'image')} in no folder of a class, such as "
            f"{outside[0]}",
        )
    return Labels(folder, tuple(labelled), columns, notes)
