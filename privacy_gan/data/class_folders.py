"""Labels from the folders that images are in, as torchvision's ImageFolder reads them.

FOLDER/CLASS/IMAGE gives each image the class of its folder; FOLDER/SPLIT/CLASS/IMAGE, with folders
such as train, val and test, gives it a split, too.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from privacy_gan.data.labels import Labels
from privacy_gan.data.text_tables import SPLIT_WORDS, normalize
from privacy_gan.errors import UserError
from privacy_gan.plural import pluralize

CLASS, SPLIT = "class", "split"  # names of the columns
TABLE_SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson")  # of files that may have the labels
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
    if not has_splits and (others := mixed_with_splits(outer)):
        raise UserError(
            f"{folder} has a folder train, but {others} is neither a split nor can it be a class "
            "next to it: call splits train, val and test, and put everything else elsewhere"
        )
    depth = 1 if has_splits else 0  # of the class in a path
    labelled = [file for file in files if len(parts[file]) > depth + 1]
    if not labelled:
        raise UserError(
            f"{folder} has {pluralize(len(files), 'image')} but no labels: give a table of them, "
            "data.labels=FILE, or sort the images into a folder for each class, such as "
            f"{folder}/CLASS/{Path(files[0]).name}{table_hint(folder)}"
        )
    columns = {CLASS: tuple(parts[file][depth] for file in labelled)}
    by_key: dict[str, str] = {}
    for name in dict.fromkeys(columns[CLASS]):
        if (first := by_key.setdefault(normalize(name), name)) != name:
            raise UserError(f"{folder} has the classes {first} and {name}: rename or merge them")
    if has_splits:
        columns[SPLIT] = tuple(parts[file][0] for file in labelled)
    notes: tuple[str, ...] = ()
    if outside := sorted(set(files) - set(labelled)):
        notes = (
            f"excluded {pluralize(len(outside), 'image')} in no folder of a class, such as "
            f"{outside[0]}",
        )
    # a folder called none is a class
    return Labels(folder, tuple(labelled), columns, notes, missing=frozenset())


def mixed_with_splits(names: Collection[str]) -> str:
    """Return the first name that is not a split's, if another one is train; else ""."""
    if "train" not in {*map(normalize, names)}:
        return ""
    return min(name for name in names if normalize(name) not in SPLIT_FOLDERS)


def table_hint(folder: Path) -> str:
    """Return what to add to a message if a folder has a table, which may have the labels."""
    tables = find_tables(folder)
    return f"; if {tables[0]} has the labels, give labels={tables[0]}" if tables else ""


def find_tables(folder: Path) -> list[Path]:
    """Return the sorted tables directly in a folder."""
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in TABLE_SUFFIXES)
