"""Faces drawn for people: enlarged, with labels."""

from __future__ import annotations

import math
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from privacy_gan.runs.faces import Faces
from privacy_gan.runs.files import replacing

CELL = 128
GAP = 4
MARGIN = 96
HEADER = 28
INK, PAPER = (40, 40, 40), (255, 255, 255)


def save_picture(picture: Image.Image, path: Path) -> None:
    """Write a PNG whole or not at all."""
    with replacing(path) as file:
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
