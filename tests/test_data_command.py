"""privacy-gan data says what a folder has, and prints a command that trains on it."""

import shlex

import known_copies
import numpy as np
from celeba_layouts import make_fake, official_zip
from commands import cli, error_line
from hydra.core.override_parser.overrides_parser import OverridesParser
from PIL import Image


def lines_of(*words):
    process = cli("data", *words)
    assert process.returncode == 0, process.stderr
    return process.stdout.splitlines()


def command_of(lines):
    """Return the options of the printed command, as Hydra reads them."""
    (line,) = (line for line in lines if line.startswith("train "))
    program, verb, *words = shlex.split(line.removeprefix("train "))
    assert (program, verb) == ("privacy-gan", "train")
    overrides = OverridesParser.create().parse_overrides(words)
    return {each.key_or_group: each.value() for each in overrides}


def test_celeba_is_recognized(tmp_path):
    official_zip(tmp_path / "my faces", make_fake(120, (32, 32)))
    lines = lines_of(tmp_path / "my faces")
    assert lines[0] == f"{tmp_path / 'my faces'} (CelebA)"
    assert lines[1] == "images      120: JPEG, 32x32 pixels, colour"
    assert any(line.startswith("splits      ") and line.endswith("(given)") for line in lines)
    assert "            and 32 more: details=true lists them" in lines
    options = command_of(lines)
    assert options["data"] == "celeba"
    assert options["data.root"] == str(tmp_path / "my faces")
    assert (options["attribute"], options["image_size"]) == ("Smiling", 32)
    line = error_line(cli("data", tmp_path / "my faces", "person=x"))
    assert "is a copy of CelebA, which data=celeba reads without person" in line


def test_known_sets_are_recognized(tmp_path):
    known_copies.write_chest_xray(tmp_path)
    lines = lines_of(tmp_path, "bins={age: [0, 40]}")
    assert lines[1].endswith("grey")
    options = command_of(lines)
    assert (options["data"], options["data.bins"]) == ("chest_xray", {"age": [0, 40]})
    assert "data.channels" not in options  # follows from the name


def test_a_table_is_described_with_what_is_left_out(tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    rows = ["image,hair (colour),smile,age,who,unsure,same"]
    for number in range(200):
        Image.fromarray(np.full((70, 80), number, np.uint8)).save(photos / f"{number}.png")
        values = (("black", "red")[number % 2], number % 2, number, f"p{number // 4}")
        rows.append(",".join(map(str, (f"{number}.jpg", *values, "?" if number < 50 else 1, "x"))))
    rows[120] = rows[120].replace(",1,x", ",0,x")
    (tmp_path / "labels.csv").write_text("\n".join(rows))
    lines = lines_of(photos, f"labels={tmp_path / 'labels.csv'}", "person=who", "missing=?")
    text = "\n".join(lines)
    assert "images      200: PNG, 80x70 pixels, grey" in lines
    assert "persons     50" in lines
    assert "(made here, stratified)" in text
    (hair,) = (line for line in lines if "hair (colour)  black 50.0%, red 50.0%" in line)
    assert "guessing 5" in hair
    assert hair.endswith("from the others 100.0%")
    assert "smile          yes 50.0%" in text
    (unsure,) = (line for line in lines if " unsure " in line)
    assert unsure.endswith("no value for 50; only 1 image of no; a split lacks one of its classes")
    assert "left out    age has 200 different values, such as 0, 1: make classes of num" in text
    assert "            same has one value, x, in all 200 images" in lines
    assert any(line.startswith("note        matched 200 of 200 names to files") for line in lines)
    assert len(lines) < 14
    options = command_of(lines)
    assert options == {
        "data": "folder",
        "data.images": str(photos),
        "data.labels": str(tmp_path / "labels.csv"),
        "data.person": "who",
        "data.missing": "?",
        "attribute": "hair (colour)",
        "data.channels": 1,
    }


def test_a_folder_without_labels_is_one_line(tmp_path):
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (16, 16)).save(tmp_path / "photos/a.png")
    line = error_line(cli("data", "photos", cwd=tmp_path))
    assert "photos has 1 image but no labels: give a table of them, data.labels=FILE, or" in line
