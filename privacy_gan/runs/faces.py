"""Example faces of a run, original and censored: as exact pixels, and as a labelled grid."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont, PngImagePlugin

from privacy_gan.attributes import value_names
from privacy_gan.errors import UserError
from privacy_gan.runs.files import atomic_write

if TYPE_CHECKING:
    from torch import Tensor

LABELS = "privacy_gan"  # key of the PNG text chunk with the labels

# sizes in a grid, in pixels
CELL = 128
GAP = 4
MARGIN = 96
HEADER = 28  # with one line of text
LINE_HEIGHT = 18
FONT_SIZES = range(14, 8, -1)  # the largest that fits is used for the columns' labels
INK, PAPER = (40, 40, 40), (255, 255, 255)

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Faces:
    """The rows of Figure 2 in a form that files preserve exactly.

    Attributes:
        columns: label of each of the N faces, such as "s=1".
        rows: images [N, H, W, 3] in [0, 255] by label: "x", "x'", "x''  s'=0", ...
    """

    columns: tuple[str, ...]
    rows: dict[str, Pixels]

    @classmethod
    def from_tensors(cls, rows: Mapping[str, Tensor], columns: tuple[str, ...]) -> Faces:
        """Round images [N, C, H, W] in [0, 1] to bytes, as torchvision's save_image does.

        Grey images, with C = 1, become RGB with three equal channels.
        """
        return cls(
            columns,
            {
                label: (images.float().cpu() * 255 + 0.5)
                .clamp(0, 255)
                .byte()
                .expand(-1, 3 if images.shape[1] == 1 else -1, -1, -1)
                .permute(0, 2, 3, 1)
                .numpy()
                for label, images in rows.items()
            },
        )

    def with_class_names(self, attribute: str, classes: Sequence[str]) -> Faces:
        """Return the faces with values' names in their labels.

        Columns begin with "Smiling: yes" in place of "s=1", and rows end with "s'=yes" in place of
        "s'=1".

        Args:
            attribute: the sensitive one.
            classes: names of its values.
        """
        names = value_names(attribute, classes)
        by_column = {f"s={value}": name for value, name in enumerate(names)}
        lines = (column.split("\n") for column in self.columns)
        columns = ("\n".join([by_column.get(first, first), *more]) for first, *more in lines)
        words = [name.removeprefix(f"{attribute.replace('_', ' ')}: ") for name in names]
        by_row = {f"s'={value}": f"s'={word}" for value, word in enumerate(words)}
        rows = {}
        for label, images in self.rows.items():
            row, mark, value = label.partition("s'=")
            rows[row + by_row.get(mark + value, mark + value)] = images
        return Faces(tuple(columns), rows)

    def write(self, path: Path) -> None:
        """Write a PNG atomically: the images side by side, with the labels in a text chunk."""
        sheet = np.concatenate([np.concatenate(list(images), 1) for images in self.rows.values()])
        labels = PngImagePlugin.PngInfo()
        labels.add_itxt(LABELS, json.dumps({"columns": self.columns, "rows": list(self.rows)}))
        with atomic_write(path) as file:
            Image.fromarray(sheet).save(file, format="PNG", pnginfo=labels)

    @classmethod
    def read(cls, path: Path, needs_original: bool = True) -> Faces:
        """Read a file that ``write`` wrote.

        Args:
            path: of the file.
            needs_original: whether a file without the row "x" is damaged.

        Raises:
            UserError: the file is damaged.
            FileNotFoundError: the file does not exist.
        """
        try:
            with Image.open(path) as picture:
                sheet = np.asarray(picture.convert("RGB"))
                labels = json.loads(picture.info[LABELS])
            columns, names = tuple(map(str, labels["columns"])), list(map(str, labels["rows"]))
            tiles = sheet.reshape(len(names), -1, len(columns), sheet.shape[1] // len(columns), 3)
            rows = dict(zip(names, tiles.swapaxes(1, 2), strict=True))
            if needs_original:
                rows = {"x": rows.pop("x"), **rows}
            return cls(columns, rows)
        except FileNotFoundError:
            raise
        except (OSError, SyntaxError, ValueError, KeyError, TypeError, ZeroDivisionError) as error:
            if (
                getattr(error, "errno", None) is not None
            ):  # from the operating system, not the decoder
                raise UserError(
                    f"{path} cannot be read ({error}): make it readable and run the same command "
                    "again"
                ) from error
            raise UserError(f"{path} is damaged ({error}): delete it") from error


def save_picture(picture: Image.Image, path: Path) -> None:
    """Write a PNG atomically."""
    with atomic_write(path) as file:
        picture.save(file, format="PNG")


def draw_grid(faces: Faces) -> Image.Image:
    """Draw faces and their labels, each face 128 pixels wide; columns may have several lines."""
    font = ImageFont.load_default(FONT_SIZES[0])
    margin = max(MARGIN, *(20 + math.ceil(font.getlength(label)) for label in faces.rows))
    header = HEADER + LINE_HEIGHT * max(label.count("\n") for label in faces.columns)
    height = header + len(faces.rows) * (CELL + GAP)
    sheet = Image.new("RGB", (margin + len(faces.columns) * (CELL + GAP), height), PAPER)
    pen = ImageDraw.Draw(sheet)
    column_font = fit_font(faces.columns, CELL)
    for column, label in enumerate(faces.columns):
        middle = margin + column * (CELL + GAP) + CELL // 2
        pen.text((middle, header // 2), label, INK, column_font, anchor="mm", align="center")
    for row, (label, images) in enumerate(faces.rows.items()):
        top = header + row * (CELL + GAP)
        pen.text((margin - 10, top + CELL // 2), label, INK, font, anchor="rm")
        for column, image in enumerate(images):
            face = Image.fromarray(image).resize((CELL, CELL), Image.Resampling.NEAREST)
            sheet.paste(face, (margin + column * (CELL + GAP), top))
    return sheet


def fit_font(labels: Sequence[str], width: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return the largest font in which all lines of the labels fit a width, if any does."""
    lines = [line for label in labels for line in label.split("\n")]
    for size in FONT_SIZES:
        font = ImageFont.load_default(size)
        if all(font.getlength(line) <= width for line in lines):
            break
    return font
