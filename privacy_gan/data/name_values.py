"""Read a file with an image name and a value on each line, such as CelebA's list of splits."""

from __future__ import annotations

from pathlib import Path

from privacy_gan.data.text_tables import read_table
from privacy_gan.errors import UserError


def read_name_values(path: Path) -> dict[str, str]:
    """Return the value of each image from a file with an image name and a value on each line.

    Raises:
        UserError: the file has other columns, or two values for an image.
    """
    table = read_table(path)
    image_column = table.image_column()
    others = table.value_columns(image_column)
    if len(others) != 1:
        raise UserError(
            f"{path} has {len(others)} columns besides the image names: it must have exactly one"
        )
    values: dict[str, str] = {}
    for row, number in zip(table.rows, table.lines, strict=True):
        name, value = row[image_column], row[others[0]]
        if values.setdefault(name, value) != value:
            raise UserError(f"{path} has two values for {name}, the second in line {number}")
    return values
