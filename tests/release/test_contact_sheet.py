"""The contact sheet of photographs before and after, for a person who checks them."""

import numpy as np
import pytest
from negative_mechanism import five_photographs, run
from photographs import ORIENTATION, flat
from PIL import Image
from test_face_censoring import Planted, background, censor, planted, write

from privacy_gan.errors import UserError
from privacy_gan.release import contact_sheet
from privacy_gan.release.contact_sheet import (
    CELL,
    CENSORED,
    COLUMNS,
    GAP,
    HEIGHT,
    WARNING,
    WIDTH,
    require_private,
    write_contact_sheet,
)

BEFORE, AFTER = GAP, 2 * GAP + WIDTH  # left borders of a cell's pictures


def sheet_of(folder, report, name="sheet.png"):
    line = write_contact_sheet(folder / name, report, folder / "out")
    assert (folder / name).stat().st_mode & 0o777 == 0o600
    return np.asarray(Image.open(folder / name).convert("RGB")).astype(int), line


def cell(sheet, number):
    row, column = divmod(number, COLUMNS)
    left, top = column * CELL[0], row * CELL[1]
    return sheet[top : top + CELL[1], left : left + CELL[0]]


def colour(name):
    return np.array([int(name[at : at + 2], 16) for at in (1, 3, 5)])


def has_colour(pixels, name):
    return bool((np.abs(pixels - colour(name)).max(axis=-1) < 8).any())


def test_photographs_are_shown_before_and_after_in_the_order_of_their_names(tmp_path):
    five_photographs(tmp_path)
    report = run(tmp_path)
    sheet, line = sheet_of(tmp_path, report)
    assert line == f"contact sheet of 5 photographs, which shows originals: {tmp_path}/sheet.png"
    assert sheet.shape == (2 * CELL[1], COLUMNS * CELL[0], 3)
    for number in range(5):
        shown = cell(sheet, number)
        before, after = shown[GAP + 9, BEFORE + 9], shown[GAP + 9, AFTER + 9]
        np.testing.assert_allclose(before, (40 * number, 100, 200), atol=3)
        np.testing.assert_allclose(after, (255 - 40 * number, 155, 55), atol=3)
    assert not has_colour(sheet, WARNING)
    assert (sheet[CELL[1] + 1 :, 2 * CELL[0] :] == 255).all()  # after the last one


def test_problems_come_first_and_faces_are_outlined_where_they_are(tmp_path):
    write(tmp_path, background(400, 300), "a.png")
    sure, unsure = planted(100, 50, 160), planted(20, 200, 60, confidence=0.3)
    (tmp_path / "in/z.jpg").write_bytes(b"\xff\xd8\xff broken")
    report = censor(tmp_path, Planted([sure]))
    sheet, _ = sheet_of(tmp_path, report)
    assert has_colour(cell(sheet, 0), WARNING)  # the damaged photograph, whose name is last
    shown = cell(sheet, 1)
    assert not has_colour(shown, WARNING)
    picture = shown[GAP : GAP + HEIGHT, BEFORE : BEFORE + WIDTH]
    for x, y in ((50, 60), (130, 60), (90, 25), (90, 105)):  # sides of the square, at half size
        assert has_colour(picture[y - 2 : y + 3, x - 2 : x + 3], CENSORED)
    assert not has_colour(shown[GAP : GAP + HEIGHT, AFTER:], CENSORED)
    report = censor(tmp_path, Planted([sure, unsure]), overwrite=True)
    sheet, _ = sheet_of(tmp_path, report, "other.png")
    assert has_colour(cell(sheet, 0)[: GAP + HEIGHT], WARNING)


def test_a_turned_photograph_and_squares_of_its_faces_are_shown_upright(tmp_path):
    pixels = background(300, 400)  # upright
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    (tmp_path / "in").mkdir()
    Image.fromarray(np.rot90(pixels)).save(tmp_path / "in/a.jpg", quality=95, exif=exif)
    report = censor(tmp_path, Planted([planted(50, 200, 160), planted(90, 20, 160)]), size="model")
    sheet, _ = sheet_of(tmp_path, report)
    shown = cell(sheet, 0)[GAP : GAP + HEIGHT, BEFORE : BEFORE + WIDTH]
    scale = HEIGHT / 400
    x, y = round(50 * scale), round(280 * scale)  # the left side of the first face's square
    assert has_colour(shown[y - 2 : y + 3, x - 2 : x + 3], CENSORED)
    squares = cell(sheet, 0)[GAP : GAP + HEIGHT, AFTER:]
    assert not has_colour(squares[:20, :20], "#ffffff")
    assert not has_colour(squares[:20, WIDTH // 2 : WIDTH // 2 + 20], "#ffffff")


def test_more_photographs_than_fit_are_counted(tmp_path, monkeypatch):
    five_photographs(tmp_path)
    monkeypatch.setattr(contact_sheet, "MAX_PHOTOS", 3)
    sheet, line = sheet_of(tmp_path, run(tmp_path))
    assert line.startswith("contact sheet of 3 of 5 photographs")
    assert len(sheet) == CELL[1]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("out/sheet.png", "shows the originals next to the censored images"),
        ("in/deep/sheet.png", "is in input="),
        ("sheet.pdf", r"must end in \.jpg or \.png"),
        ("photo.jpg", "exists and is not a contact sheet"),
        ("notes.png", "exists and is not a contact sheet"),
    ],
)
def test_a_sheet_is_never_where_it_does_harm(name, message, tmp_path):
    flat((1, 2, 3)).save(tmp_path / "photo.jpg")
    (tmp_path / "notes.png").write_text("my notes")
    with pytest.raises(UserError, match=message):
        require_private(tmp_path / name, tmp_path / "out", tmp_path / "in")
    with pytest.raises(UserError, match="is in input="):
        require_private(tmp_path / "sheet.png", tmp_path / "out", tmp_path / "photo.jpg")


@pytest.mark.parametrize("name", ["sheet.png", "sheet.jpg"])
def test_a_sheet_replaces_an_earlier_one(name, tmp_path):
    five_photographs(tmp_path)
    report = run(tmp_path)
    sheet_of(tmp_path, report, name)
    require_private(tmp_path / name, tmp_path / "out", tmp_path / "in")
    sheet_of(tmp_path, report, name)
