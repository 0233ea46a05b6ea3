"""An image of all photographs before and after, for a person who checks them.

Photographs with problems come first. The sheet shows originals, so that it must not be shared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isqrt
from multiprocessing.pool import ThreadPool
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from privacy_gan.data.decoding import UndecodableImageError, decode, upright_size
from privacy_gan.data.image_writer import available_cores
from privacy_gan.errors import UserError
from privacy_gan.progress import progress_bar
from privacy_gan.release.file_formats import open_regular_file
from privacy_gan.release.folder_censoring import ReleaseReport
from privacy_gan.release.outcomes import FoundFace
from privacy_gan.release.photos import Photo, escape_path
from privacy_gan.runs.files import atomic_write

MAX_PHOTOS = 1000  # a JPEG has at most 65,500 rows
COLUMNS = 4
PICTURE = WIDTH, HEIGHT = 200, 150  # pixels
GAP, LINE = 8, 16  # pixels between pictures, and of a line of text
CELL = (2 * WIDTH + 3 * GAP, HEIGHT + 2 * LINE + 3 * GAP)
PAPER, INK, FAINT, WARNING, CENSORED = "#ffffff", "#1a1a1a", "#6b6b6b", "#c1121f", "#2a9d4e"
BOX_WIDTH = 2
MARK = "contact sheet of privacy_gan"  # in the file's metadata
SUFFIXES = (".jpg", ".jpeg", ".png")


@dataclass(frozen=True)
class Entry:
    """A photograph on the sheet.

    Attributes:
        name: its path, relative to the input folder.
        before: its file.
        after: the images that it became.
        faces: the faces in it.
        problem: what a person should look at; empty if nothing.
    """

    name: Path
    before: Path
    after: Sequence[Path]
    faces: Sequence[FoundFace] = ()
    problem: str = ""


def require_private(path: Path, output: Path, source: Path) -> None:
    """Raise UserError unless a contact sheet can be written to a path without harm."""
    if path.suffix.lower() not in SUFFIXES:
        raise UserError(f"preview={path} must end in .jpg or .png")
    folders = {"output": output, "input": source.parent if source.is_file() else source}
    for option, folder in folders.items():
        if path.resolve().is_relative_to(folder.resolve()):
            raise UserError(
                f"preview={path} is in {option}={folder}, but shows the originals next to the "
                "censored images: choose a file elsewhere"
            )
    if path.exists() and not is_contact_sheet(path):
        raise UserError(f"preview={path} exists and is not a contact sheet: choose another file")


def is_contact_sheet(path: Path) -> bool:
    """Return whether a file is a contact sheet, which the next one replaces."""
    try:
        with Image.open(path, formats=("JPEG", "PNG")) as image:
            comment = image.info.get("comment", b"")
    except (OSError, ValueError, SyntaxError):
        return False
    return comment in (MARK, MARK.encode())


def write_contact_sheet(path: Path, report: ReleaseReport, output: Path) -> str:
    """Write the contact sheet of a release.

    Args:
        path: the file.
        report: what happened to the photographs.
        output: folder of the censored images.

    Returns:
        A line about the file.

    Raises:
        OSError: it cannot be written.
    """
    entries = sorted(list_entries(report, output), key=lambda each: not each.problem)
    shown = entries[:MAX_PHOTOS]
    rows = -(-len(shown) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * CELL[0], max(rows, 1) * CELL[1]), PAPER)
    with (
        ThreadPool(available_cores()) as pool,
        progress_bar("drawing the contact sheet", len(shown), " photographs") as advance,
    ):
        for place, cell in enumerate(pool.imap(draw_entry, shown)):
            row, column = divmod(place, COLUMNS)
            sheet.paste(cell, (column * CELL[0], row * CELL[1]))
            advance(1)
    with atomic_write(path) as file:
        file.touch(mode=0o600)  # for its owner only
        if path.suffix.lower() == ".png":
            info = PngInfo()
            info.add_text("comment", MARK)
            sheet.save(file, format="PNG", pnginfo=info)
        else:
            sheet.save(file, format="JPEG", quality=85, comment=MARK.encode())
    more = f" of {len(entries):,}" if len(entries) > len(shown) else ""
    return f"contact sheet of {len(shown):,}{more} photographs, which shows originals: {path}"


def list_entries(report: ReleaseReport, output: Path) -> list[Entry]:
    """Return all photographs, in the order of their names."""
    entries = [
        Entry(skipped.name, report.folder / skipped.name, (), (), skipped.reason)
        for skipped in report.skipped
    ]
    entries += [photo_entry(photo, report, output) for photo in report.images]
    return sorted(entries, key=lambda entry: entry.name)


def photo_entry(photo: Photo, report: ReleaseReport, output: Path) -> Entry:
    """Return the entry of a photograph that was censored."""
    after = [output / name for name in report.images[photo]]
    if report.faces is None:
        return Entry(photo.name, report.folder / photo.name, after)
    faces = report.faces[photo]
    unsure = [face.problem for face in faces if face.problem is not None]
    problem = "; ".join(unsure) if faces else "no face was found"
    return Entry(photo.name, report.folder / photo.name, after, faces, problem)


def draw_entry(entry: Entry) -> Image.Image:
    """Return a photograph before and after, with its name and what a person should look at."""
    cell = Image.new("RGB", CELL, PAPER)
    draw = ImageDraw.Draw(cell)
    before, size = read_thumbnail(entry.before)
    outline_faces(before, entry.faces, size)
    after = [read_thumbnail(path)[0] for path in entry.after]
    for place, picture in enumerate((before, tile(after))):
        cell.paste(picture, (GAP + place * (WIDTH + GAP), GAP))
    font = ImageFont.load_default(12)
    lines = ((escape_path(entry.name), INK), (entry.problem, WARNING))
    for number, (text, colour) in enumerate(lines):
        corner = (GAP, HEIGHT + 2 * GAP + number * LINE)
        draw.text(corner, shorten(text, font, CELL[0] - 2 * GAP), colour, font)
    return cell


def read_thumbnail(path: Path) -> tuple[Image.Image, tuple[int, int]]:
    """Return a picture that fits into the sheet, and the size of the image in the file."""
    try:
        with open_regular_file(path) as file:
            size = upright_size(file)
            image = decode(file, thumbnail=2 * WIDTH)
    except (UndecodableImageError, MemoryError, OSError):
        return message("cannot be shown"), PICTURE
    image.thumbnail(PICTURE)
    return image, size


def outline_faces(picture: Image.Image, faces: Sequence[FoundFace], size: tuple[int, int]) -> None:
    """Outline faces in a picture of a photograph with this width and height."""
    draw = ImageDraw.Draw(picture)
    for face in faces:
        corners = [
            (x * picture.width / size[0], y * picture.height / size[1]) for x, y in face.corners
        ]
        colour = CENSORED if face.problem is None else WARNING
        draw.line([*corners, corners[0]], colour, BOX_WIDTH)


def tile(pictures: Sequence[Image.Image]) -> Image.Image:
    """Return a picture of one or several; of none, a note."""
    if not pictures:
        return message("not written")
    columns = isqrt(len(pictures) - 1) + 1
    width, height = WIDTH // columns, HEIGHT // columns
    tiled = Image.new("RGB", PICTURE, PAPER)
    for place, picture in enumerate(pictures):
        row, column = divmod(place, columns)
        small = picture.copy()
        small.thumbnail((width, height))
        tiled.paste(small, (column * width, row * height))
    return tiled


def message(text: str) -> Image.Image:
    """Return a picture of a few words."""
    picture = Image.new("RGB", PICTURE, "#eeeeee")
    place = (WIDTH / 2, HEIGHT / 2)
    ImageDraw.Draw(picture).text(place, text, FAINT, ImageFont.load_default(12), anchor="mm")
    return picture


def shorten(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    """Return a text, cut to a width in pixels."""
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(f"{text}...") > width:
        text = text[:-1]
    return f"{text}..."
