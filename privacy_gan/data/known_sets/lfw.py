"""Labeled Faces in the Wild, with the attributes that Kumar et al. (2009) predicted for it.

The attributes are scores of classifiers; a score above 0 means yes. The images are in a folder for
each person, in lfw/, lfw_funneled/ or lfw-deepfunneled/.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from privacy_gan.data.known_sets.files import find_files, require_file
from privacy_gan.data.known_sets.matched_labels import list_labelled
from privacy_gan.data.labelled_images import find_images
from privacy_gan.data.labels import Labels, drop_duplicate_rows
from privacy_gan.data.listing import Listing
from privacy_gan.data.text_tables import TextTable, read_text
from privacy_gan.errors import UserError

TITLE = "Labeled Faces in the Wild"
TABLE = "lfw_attributes.txt"
PERSON = "person"
KEYS = [PERSON, "imagenum"]  # the first columns


def matches(root: Path) -> bool:
    """Return whether a folder has the attributes of this data set."""
    return bool(find_files(root, TABLE))


def read(root: Path) -> Listing:
    """Return the faces with their attributes, yes or no, and persons.

    Raises:
        UserError: a file is missing or damaged, or no image has a label.
    """
    path = require_file(root, TABLE, TITLE)
    table = read_scores(path)
    assert table.columns is not None
    others = range(1, len(table.columns))
    rows, notes = drop_duplicate_rows(table, 0, others)
    columns = {
        table.columns[column]: tuple(table.rows[row][column] for row in rows) for column in others
    }
    names = tuple(table.rows[row][0] for row in rows)
    labels = Labels(path, names, columns, tuple(notes))
    return list_labelled(root, find_images(root, "data.images"), labels, TITLE, PERSON)


def read_scores(path: Path) -> TextTable:
    """Read the image, the person, and yes or no for each attribute.

    Raises:
        UserError: the file is not such a table, or a line of it is damaged.
    """
    text, encoding = read_text(path)
    titles: list[str] = []
    rows: list[list[str]] = []
    lines: list[int] = []
    for number, line in enumerate(text.splitlines(), start=1):
        fields = [field.strip() for field in line.rstrip().split("\t")]
        if fields[0] == "#":  # the line with the names has a mark in front of them
            fields = fields[1:]
        if fields[:2] == KEYS:
            titles = [title.replace(" ", "_") for title in fields[2:]]
        elif line.strip() and not line.startswith("#"):
            rows.append(parse_row(path, number, fields, titles))
            lines.append(number)
    if not rows:
        raise UserError(f"{path} lists no images: download it again")
    return TextTable(path, ("image", PERSON, *titles), rows, lines, None, encoding)


def parse_row(path: Path, number: int, fields: Sequence[str], titles: Sequence[str]) -> list[str]:
    """Return the image, the person, and yes or no for each attribute, from one line.

    Raises:
        UserError: there are no titles before this line, or it has other fields.
    """
    if not titles:
        raise UserError(
            f"{path} is damaged: line {number} comes before the line with {' and '.join(KEYS)} and "
            "the names of the attributes; download it again"
        )
    person, *texts = fields
    try:
        image, *scores = int(texts[0]), *map(float, texts[1:])
    except (ValueError, IndexError):
        scores = []
    if len(scores) != len(titles) or not all(map(math.isfinite, scores)):
        raise UserError(
            f"{path} is truncated or damaged: line {number} ({person}) has not a number for each "
            f"of {len(titles)} attributes; download it again"
        )
    folder = person.replace(" ", "_")
    answers = ["yes" if score > 0 else "no" for score in scores]
    return [f"{folder}/{folder}_{image:04d}.jpg", person, *answers]
