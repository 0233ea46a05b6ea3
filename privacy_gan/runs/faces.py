"""A few faces and what a run's mechanism makes of them: pixel by pixel, and drawn for people."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont, PngImagePlugin

from privacy_gan.errors import UserError
from privacy_gan.runs.files import atomic_write

if TYPE_CHECKING:
    from torch import Tensor

LABELS = "privacy_gan"  # what the picture's text is called that says what is where in it

# of a grid, in pixels
CELL = 128
GAP = 4
MARGIN = 96
HEADER = 28
INK, PAPER = (40, 40, 40), (255, 255, 255)

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Faces:
    """Rows of Figure 2 as files keep them.

    Attributes:
        columns: what is known of each of the N faces, such as "s=1".
        rows: images [N, H, W, 3] in 0 to 255 by the row's label: "x", "x'", "x''  s'=0", ...
    """

    columns: tuple[str, ...]
    rows: dict[str, Pixels]

    @classmethod
    def of(cls, rows: Mapping[str, Tensor], columns: tuple[str, ...]) -> Faces:
        """Round images [N, 3, H, W] in [0, 1] to bytes, as torchvision's save_image does."""
        return cls(
            columns,
            {
                label: (images.float().cpu() * 255 + 0.5)
                .clamp(0, 255)
                .byte()
                .permute(0, 2, 3, 1)
                .numpy()
                for label, images in rows.items()
            },
        )

    def write(self, path: Path) -> None:
        """Write a PNG, whole or not at all: the images side by side, labels as its text."""
        sheet = np.concatenate([np.concatenate(list(images), 1) for images in self.rows.values()])
        labels = PngImagePlugin.PngInfo()
        labels.add_itxt(LABELS, json.dumps({"columns": self.columns, "rows": list(self.rows)}))
        with atomic_write(path) as file:
            Image.fromarray(sheet).save(file, format="PNG", pnginfo=labels)

    @classmethod
    def read(cls, path: Path) -> Faces:
        """Read what ``write`` wrote.

        Raises:
            UserError: the file is damaged.
            FileNotFoundError: there is none.
        """
        try:
            with Image.open(path) as picture:
                sheet = np.asarray(picture.convert("RGB"))
                labels = json.loads(picture.info[LABELS])
            columns, names = tuple(map(str, labels["columns"])), list(map(str, labels["rows"]))
            tiles = sheet.reshape(len(names), -1, len(columns), sheet.shape[1] // len(columns), 3)
            rows = dict(zip(names, tiles.swapaxes(1, 2), strict=True))
            return cls(columns, {"x": rows.pop("x"), **rows})  # the images themselves must be there
        except FileNotFoundError:
            raise
        except (OSError, SyntaxError, ValueError, KeyError, TypeError, ZeroDivisionError) as error:
            if getattr(error, "errno", None) is not None:  # the system's, not the decoder's
                raise UserError(f"{path} cannot be read ({error})") from error
            raise UserError(f"{path} is damaged ({error}): delete it") from error


def save_picture(picture: Image.Image, path: Path) -> None:
    """Write a PNG whole or not at all."""
    with atomic_write(path) as file:
        picture.save(file, format="PNG")


def draw_grid(faces: Faces) -> Image.Image:
    """Draw faces and their labels, each face 128 pixels wide."""
    font = ImageFont.load_default(14)
    margin = max(MARGIN, *(20 + math.ceil(font.getlength(label)) for label in faces.rows))
    height = HEADER + len(faces.rows) * (CELL + GAP)
    sheet = Image.new("RGB", (margin + len(faces.columns) * (CELL + GAP), height), PAPER)
    pen = ImageDraw.Draw(sheet)
    for column, label in enumerate(faces.columns):
        middle = margin + column * (CELL + GAP) + CELL // 2
        pen.text((middle, HEADER // 2), label, INK, font, anchor="mm")
    for row, (label, images) in enumerate(faces.rows.items()):
        top = HEADER + row * (CELL + GAP)
        pen.text((margin - 10, top + CELL // 2), label, INK, font, anchor="rm")
        for column, image in enumerate(images):
            face = Image.fromarray(image).resize((CELL, CELL), Image.Resampling.NEAREST)
            sheet.paste(face, (margin + column * (CELL + GAP), top))
    return sheet
