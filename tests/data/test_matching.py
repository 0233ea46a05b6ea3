"""Names in a list find their files, as programs write them; what is open is refused."""

import pytest

from privacy_gan.data.matching import format_examples, match_names
from privacy_gan.errors import UserError

NUMBERS = [f"{number:06d}" for number in range(1, 21)]


def named(form):
    return [form.format(number) for number in NUMBERS]


@pytest.mark.parametrize(
    ("names", "files", "told"),
    [
        ("{}.jpg", "{}.jpg", None),
        ("{}", "{}.jpg", "without suffixes: 000001 is 000001.jpg"),
        ("{}.JPG", "{}.png", "without suffixes: 000001.JPG is 000001.png"),
        ("./{}.jpg", "{}.png", "without suffixes"),
        ("img/{}.jpg", "{}.jpg", "without folders and suffixes"),
        ("/data/faces/{}.jpg", "{}.jpg", "without folders"),
        ("C:\\faces\\{}.jpg", "{}.png", "without folders"),
        ("{}.jpg", "blurred/a/{}.png", "without folders"),
        ("a/{}.jpg", "b/{}.jpg", "without folders"),
        ("{}.jpg", "{}_anonymized.jpg", "apart from what was added to all of them"),
        ("{}.jpg", "anon_{}.jpg", "apart from what was added"),
        ("img_{}.jpg", "{}.jpg", "apart from what was added"),
        ("{}.jpg", "{}.jpg.png", "apart from what was added"),
        ("a/{}.jpg", "out/face-{}-blur.webp", "apart from what was added"),
    ],
)
def test_each_name_finds_its_file_and_it_is_said_how(names, files, told):
    files = named(files)
    found = match_names(named(names), files[::-1], "images=FOLDER")
    assert [found.files[row] for row in range(20)] == files
    assert found.unlabelled == []
    assert (told in found.notes[0] and "20 of 20" in found.notes[0]) if told else not found.notes


def test_numbers_find_files_whose_zeros_a_spreadsheet_dropped():
    found = match_names([str(number) for number in range(1, 21)], named("{}.jpg"), "FOLDER")
    assert found.files == dict(enumerate(named("{}.jpg")))


def test_unpadded_numbers_are_told_apart():
    names = [f"{number}.jpg" for number in range(1, 201)]
    files = [f"face_{number}.png" for number in range(1, 201)]
    assert match_names(names, files, "FOLDER").files == dict(enumerate(files))


@pytest.mark.parametrize("first", [1, 51, 101])
def test_images_whose_numbers_end_alike_are_not_taken_for_each_other(first):
    names = [f"{number}.jpg" for number in range(1, 101)]
    files = [f"{number}.jpg" for number in range(first, 201)]
    found = match_names(names, files, "FOLDER").files
    assert found == {n: name for n, name in enumerate(names) if name in files}


def test_umlauts_are_the_same_however_a_system_composes_them():
    assert match_names(["Ju\u0308rgen.jpg"], ["J\u00fcrgen.jpg"], "F").files == {
        0: "J\u00fcrgen.jpg"
    }


def test_a_file_of_another_folder_is_not_taken_where_folders_tell_images_apart():
    names = ["a/1.jpg", "a/2.jpg", "b/1.jpg", "b/2.jpg"]
    found = match_names(names, ["a/1.png", "a/2.png", "c/1.png"], "FOLDER")
    assert found.files == {0: "a/1.png", 1: "a/2.png"}
    assert found.unlabelled == ["c/1.png"]


def test_what_only_looks_alike_is_not_matched():
    found = match_names(["1.jpg", "2.jpg", "3.jpg"], ["a7.png", "b8.png", "c9.png"], "FOLDER")
    assert found.files == {}


OPEN = {
    "two suffixes": (["1.jpg"], ["1.png", "1.webp"], ["1.png", "1.webp", "1.jpg"]),
    "the image and another format": (["1.jpg"], ["1.jpg", "1.png"], ["1.jpg", "1.png"]),
    "two folders": (["1.jpg"], ["a/1.png", "b/1.png"], ["a/1.png", "b/1.png", "1.jpg"]),
    "a copy below": (["1.jpg"], ["1.jpg", "old/1.jpg"], ["1.jpg", "old/1.jpg"]),
    "two names": (["a/1.jpg", "b/1.jpg"], ["1.png"], ["1.png", "a/1.jpg", "b/1.jpg"]),
    "two additions": (
        named("{}.jpg"),
        [*named("{}_blur.jpg"), *named("{}_mask.jpg")],
        ["_blur.jpg", "_mask.jpg"],
    ),
    "the censored beside the original": (
        named("{}.jpg"),
        [*named("{}.jpg"), *named("{}_anonymized.jpg")],
        ["000001.jpg", "000001_anonymized.jpg"],
    ),
    "more of one addition than of another": (
        named("{}.jpg"),
        [*named("{}_blur.jpg"), *named("{}_mask.jpg")[:-1]],
        ["_blur.jpg", "_mask.jpg"],
    ),
}


@pytest.mark.parametrize(("names", "files", "told"), OPEN.values(), ids=OPEN.keys())
def test_what_is_open_is_refused_and_both_are_named(names, files, told):
    with pytest.raises(UserError) as refused:
        match_names(names, files, "images=FOLDER")
    assert all(part in str(refused.value) for part in told)
    assert "\n" not in str(refused.value)


def test_examples_name_either_side_and_what_nearly_fits():
    told = format_examples(["face-17.jpg"], ["alice.png", "face_17_x.png"])
    assert told == (
        "the labels name face-17.jpg, the folder holds alice.png, and face_17_x.png is most like "
        "face-17.jpg"
    )
