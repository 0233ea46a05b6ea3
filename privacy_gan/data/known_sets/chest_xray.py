"""NIH ChestX-ray14: chest X-rays with findings, and each patient's sex and age (Wang et al., 2017).

The images are in images/, or in images_001/images/ to images_012/images/, as they are downloaded.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from privacy_gan.data.known_sets.files import find_file, find_files, require_file
from privacy_gan.data.known_sets.matched_labels import (
    list_labelled,
    splits_of,
    with_column,
    with_note,
)
from privacy_gan.data.labelled_images import find_images
from privacy_gan.data.labels import Labels, drop_duplicate_rows
from privacy_gan.data.listing import Listing
from privacy_gan.data.text_tables import TextTable, is_missing, parse_lines, read_text
from privacy_gan.errors import UserError
from privacy_gan.plural import pluralize

TITLE = "NIH ChestX-ray14"
TABLE = "Data_Entry_2017*.csv"
LISTS = {"train": "train_val_list.txt", "test": "test_list.txt"}
PATIENT = "patient"
# Names of each field that is used. All of them come before the two whose names have a comma, so
# that these do not change their places.
FIELDS = (
    ("Image Index",),
    ("Finding Labels",),
    ("Patient ID",),
    ("Patient Age",),
    ("Patient Gender", "Patient Sex"),
    ("View Position",),
)
NO_FINDING = "No Finding"
AGE = re.compile(r"(\d+)([YMWD]?)")
UNITS = {"": 1, "Y": 1, "M": 12, "W": 52, "D": 365}  # in a year
MAX_AGE = 120  # the release of 2017 has mistyped ages such as 414


def matches(root: Path) -> bool:
    """Return whether a folder has the table of this data set."""
    return bool(find_files(root, TABLE))


def read(root: Path) -> Listing:
    """Return the X-rays with sex, age, view and findings, and official splits if they are known.

    Raises:
        UserError: a file is missing or damaged, or no image has a label.
    """
    path = require_file(root, TABLE, TITLE)
    table = read_entries(path)
    rows, notes = drop_duplicate_rows(table, 0, range(1, len(FIELDS)))
    texts = zip(*(table.rows[row] for row in rows), strict=True)
    names, findings, patients, ages, sexes, views = map(tuple, texts)
    years, doubts = parse_ages(path, names, ages)
    columns = {
        "sex": sexes,
        "age": years,
        "view": views,
        **finding_columns(findings),
        PATIENT: patients,
    }
    labels = Labels(path, names, columns, (*notes, *doubts))
    listing = list_labelled(root, find_images(root, "data.images"), labels, TITLE, PATIENT)
    return add_splits(listing, root)


def read_entries(path: Path) -> TextTable:
    """Read the fields that are used, in the order of ``FIELDS``.

    Raises:
        UserError: the file is not such a table, is truncated, or lists no images.
    """
    text, encoding = read_text(path)
    records = parse_lines(path, text)
    _, header = next(records, (0, []))
    places = [find_field(path, header, names) for names in FIELDS]
    rows: list[list[str]] = []
    lines: list[int] = []
    for number, fields in records:
        if len(fields) <= max(places):
            raise UserError(
                f"{path} is truncated or damaged: line {number} ({fields[0]}) has "
                f"{pluralize(len(fields), 'field')} and no {header[len(fields)]}; download it again"
            )
        rows.append([fields[place] for place in places])
        lines.append(number)
    if not rows:
        raise UserError(f"{path} lists no images: download it again")
    return TextTable(path, tuple(names[0] for names in FIELDS), rows, lines, None, encoding)


def find_field(path: Path, header: Sequence[str], names: Sequence[str]) -> int:
    """Return the index of the field with one of these names.

    Raises:
        UserError: there is none.
    """
    for index, title in enumerate(header):
        if title in names:
            return index
    begins = ", ".join(header[:3]) or "nothing"
    raise UserError(
        f"{path} has no column {names[0]}, it begins with {begins}: download it again, as {TITLE} "
        "has it"
    )


def finding_columns(texts: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return whether each image has each finding, yes or no, [N] by name.

    Args:
        texts: the findings in each image, such as Mass|Nodule or No Finding, [N].
    """
    found = [None if is_missing(text) else set(text.split("|")) for text in texts]
    names = sorted({name for each in found for name in each or ()} - {NO_FINDING})
    return {
        name.replace(" ", "_"): tuple(
            "" if each is None else "yes" if name in each else "no" for each in found
        )
        for name in names
    }


def parse_ages(
    path: Path, names: Sequence[str], texts: Sequence[str]
) -> tuple[tuple[str, ...], list[str]]:
    """Return ages in years, [N], and a note if some cannot be true, which become unknown.

    Args:
        path: the table, for messages.
        names: names of the images, [N].
        texts: ages such as 58, 058Y or 011M, [N].

    Raises:
        UserError: a text is not an age.
    """
    years: list[str] = []
    doubtful: list[int] = []
    for row, text in enumerate(texts):
        match = AGE.fullmatch(text.strip().upper())
        if match is None and not is_missing(text):
            raise UserError(
                f"{path} is damaged: {names[row]} has the value {text!r} for Patient Age, which is "
                "not a number of years; download it again"
            )
        age = int(match[1]) // UNITS[match[2]] if match else None
        if age is not None and age > MAX_AGE:
            doubtful.append(row)
        years.append("" if age is None or age > MAX_AGE else str(age))
    if not doubtful:
        return tuple(years), []
    first = doubtful[0]
    return tuple(years), [
        f"{path} has {pluralize(len(doubtful), 'age')} above {MAX_AGE}, taken as unknown, such as "
        f"{texts[first]} in {names[first]}"
    ]


def add_splits(listing: Listing, root: Path) -> Listing:
    """Return the listing with the official splits, train and test, if both lists are there.

    Raises:
        UserError: an image is in both lists, or in neither.
    """
    paths = {split: find_file(root, name, TITLE) for split, name in LISTS.items()}
    if absent := [LISTS[split] for split, path in paths.items() if path is None]:
        note = f"{root} has no {' and no '.join(absent)}: the splits are not the official ones"
        return with_note(listing, note)
    by_name: dict[str, str] = {}
    for split, path in paths.items():
        assert path is not None
        for name in read_text(path)[0].split():
            if by_name.setdefault(name, split) != split:
                first = paths[by_name[name]]
                raise UserError(f"{first} and {path} both list {name}: download both again")
    names = listing.labels.names
    source = " or ".join(map(str, paths.values()))
    splits = splits_of(names, [by_name.get(name) for name in names], source)
    return with_column(listing, "split", splits)
