"""Image names are matched to files, and ambiguous matches raise an error."""

import pytest

from privacy_gan.data.matching import format_examples, match_names
from privacy_gan.errors import UserError

NUMBERS = [f"{number:06d}" for number in range(1, 21)]


def format_names(template):
    return [template.format(number) for number in NUMBERS]


@pytest.mark.parametrize(
    ("names", "files", "note"),
    [
        ("{}.jpg", "{}.jpg", None),
        ("{}", "{}.jpg", "ignoring suffixes: 000001 is 000001.jpg"),
        ("{}.JPG", "{}.png", "ignoring suffixes: 000001.JPG is 000001.png"),
        ("./{}.jpg", "{}.png", "ignoring suffixes"),
        ("img/{}.jpg", "{}.jpg", "ignoring folders and suffixes"),
        ("/data/faces/{}.jpg", "{}.jpg", "ignoring folders"),
        ("C:\\faces\\{}.jpg", "{}.png", "ignoring folders"),
        ("{}.jpg", "blurred/a/{}.png", "ignoring folders"),
        ("a/{}.jpg", "b/{}.jpg", "ignoring folders"),
        ("{}.jpg", "{}_anonymized.jpg", "ignoring a common prefix or suffix"),
        ("{}.jpg", "anon_{}.jpg", "ignoring a common prefix or suffix"),
        ("img_{}.jpg", "{}.jpg", "ignoring a common prefix or suffix"),
        ("{}.jpg", "{}.jpg.png", "ignoring a common prefix or suffix"),
        ("a/{}.jpg", "out/face-{}-blur.webp", "ignoring a common prefix or suffix"),
    ],
)
def test_names_are_matched_to_files_with_a_note(names, files, note):
    files = format_names(files)
    matches = match_names(format_names(names), files[::-1], "images=FOLDER")
    assert [matches.files[row] for row in range(20)] == files
    assert matches.unlabelled == []
    if note is None:
        assert not matches.notes
    else:
        assert note in matches.notes[0]
        assert "20 of 20" in matches.notes[0]


def test_numbers_without_leading_zeros_match_files_with_them():
    matches = match_names(
        [str(number) for number in range(1, 21)], format_names("{}.jpg"), "FOLDER"
    )
    assert matches.files == dict(enumerate(format_names("{}.jpg")))


def test_unpadded_numbers_match_exactly():
    names = [f"{number}.jpg" for number in range(1, 201)]
    files = [f"face_{number}.png" for number in range(1, 201)]
    assert match_names(names, files, "FOLDER").files == dict(enumerate(files))


@pytest.mark.parametrize("first", [1, 51, 101])
def test_numbers_with_the_same_ending_do_not_match(first):
    names = [f"{number}.jpg" for number in range(1, 101)]
    files = [f"{number}.jpg" for number in range(first, 201)]
    files_by_index = match_names(names, files, "FOLDER").files
    assert files_by_index == {n: name for n, name in enumerate(names) if name in files}


def test_composed_and_decomposed_umlauts_match():
    assert match_names(["Ju\u0308rgen.jpg"], ["J\u00fcrgen.jpg"], "F").files == {
        0: "J\u00fcrgen.jpg"
    }


def test_files_in_another_folder_do_not_match_if_folders_distinguish_images():
    names = ["a/1.jpg", "a/2.jpg", "b/1.jpg", "b/2.jpg"]
    matches = match_names(names, ["a/1.png", "a/2.png", "c/1.png"], "FOLDER")
    assert matches.files == {0: "a/1.png", 1: "a/2.png"}
    assert matches.unlabelled == ["c/1.png"]


def test_similar_names_do_not_match():
    matches = match_names(["1.jpg", "2.jpg", "3.jpg"], ["a7.png", "b8.png", "c9.png"], "FOLDER")
    assert matches.files == {}


AMBIGUOUS = {
    "two suffixes": (["1.jpg"], ["1.png", "1.webp"], ["1.png", "1.webp", "1.jpg"]),
    "the image and another format": (["1.jpg"], ["1.jpg", "1.png"], ["1.jpg", "1.png"]),
    "two folders": (["1.jpg"], ["a/1.png", "b/1.png"], ["a/1.png", "b/1.png", "1.jpg"]),
    "a copy below": (["1.jpg"], ["1.jpg", "old/1.jpg"], ["1.jpg", "old/1.jpg"]),
    "two names": (["a/1.jpg", "b/1.jpg"], ["1.png"], ["1.png", "a/1.jpg", "b/1.jpg"]),
    "two suffixes added by tools": (
        format_names("{}.jpg"),
        [*format_names("{}_blur.jpg"), *format_names("{}_mask.jpg")],
        ["_blur.jpg", "_mask.jpg"],
    ),
    "censored and original images in one folder": (
        format_names("{}.jpg"),
        [*format_names("{}.jpg"), *format_names("{}_anonymized.jpg")],
        ["000001.jpg", "000001_anonymized.jpg"],
    ),
    "two added suffixes, one for fewer files": (
        format_names("{}.jpg"),
        [*format_names("{}_blur.jpg"), *format_names("{}_mask.jpg")[:-1]],
        ["_blur.jpg", "_mask.jpg"],
    ),
}


@pytest.mark.parametrize(("names", "files", "parts"), AMBIGUOUS.values(), ids=AMBIGUOUS.keys())
def test_ambiguous_matches_raise_an_error_that_names_both(names, files, parts):
    with pytest.raises(UserError) as error:
        match_names(names, files, "images=FOLDER")
    assert all(part in str(error.value) for part in parts)
    assert "\n" not in str(error.value)


def test_examples_include_the_most_similar_file():
    assert format_examples(["face-17.jpg"], ["alice.png", "face_17_x.png"]) == (
        "the labels list face-17.jpg, the folder contains alice.png, and face_17_x.png is most "
        "similar to face-17.jpg"
    )
