"""Images in folders are matched with labels, and exclusions are reported."""

import numpy as np
import pytest
from PIL import Image

from privacy_gan.attributes import UNKNOWN
from privacy_gan.data.audit_data import AuditFiles, find_audit_images
from privacy_gan.data.labelled_images import find_images
from privacy_gan.data.matching import match_names
from privacy_gan.errors import UserError


def write_image(path, shade=0, size=(16, 16)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (shade, shade, shade)).save(path)


@pytest.fixture
def data(tmp_path):
    """Return a folder with 120 labels and 120 images, half of them in a subfolder."""
    lines = ["file,light,dark"]
    for number in range(120):
        folder = "a/" if number % 2 else ""
        write_image(tmp_path / "images" / f"{folder}{number}.png", number)
        lines.append(f"{folder}{number}.jpg,{number % 3 == 0:d},{number % 2}")
    (tmp_path / "labels.csv").write_text("\n".join(lines))
    return tmp_path


def find_images_of(data, size=16, **options):
    files = AuditFiles(data / "images", data / "labels.csv", **options)
    return find_audit_images(files, "light", size, 0)


def test_images_are_matched_with_labels_of_other_suffixes(data):
    audited = find_images_of(data)
    (note,) = audited.notes
    assert note.startswith("matched 120 of 120 names to files in images=")
    assert note.endswith("ignoring suffixes: 0.jpg is 0.png")
    source = audited.censored
    assert source.attribute_names == ("light", "dark")
    shades = source.images(0, 120)[:, 0, 0, 0]
    assert shades.tolist() == list(range(120))
    assert source.attributes[:, 0].tolist() == [int(shade % 3 == 0) for shade in shades]
    assert np.bincount(source.splits).tolist() == [96, 12, 12]
    assert source.name == "labels-16"


def test_images_without_labels_and_labels_without_images_are_excluded_with_notes(data):
    (data / "images/7.png").unlink(missing_ok=True)
    (data / "images/a/7.png").unlink()
    write_image(data / "images/unknown.png")
    audited = find_images_of(data)
    assert len(audited.censored.files) == 119
    assert "a/7.png" not in audited.censored.files
    _, absent, unlabelled = audited.notes
    assert absent.startswith("excluded 1 of 120 rows of ")
    assert absent.endswith("images, such as a/7.jpg")
    assert unlabelled.startswith("excluded 1 image in ")
    assert unlabelled.endswith("labels.csv, such as unknown.png")


def test_originals_are_matched_with_the_same_labels(data):
    for number in range(119):
        write_image(data / "original" / f"{'a/' if number % 2 else ''}{number}.jpg", 200)
    audited = find_images_of(data, original=data / "original")
    assert len(audited.censored.files) == len(audited.originals.files) == 119
    assert "without an image in" in audited.notes[1]
    assert audited.originals.images(0, 1)[0, 0, 0, 0] == 200
    assert (audited.censored.splits == audited.originals.splits).all()


def test_a_note_says_that_adversaries_see_resized_images(data):
    write_image(data / "images/0.png", size=(400, 300))
    _, note = find_images_of(data).notes
    assert note == (
        "the images have 16x16 to 400x300 pixels: adversaries see them resized to 16x16 and may "
        "miss finer detail (image_size)"
    )


def test_files_change_the_cache_key_and_labels_change_the_key(data):
    before = find_images_of(data).censored
    cache_key = before.cache_key()
    write_image(data / "images/0.png", 99, size=(16, 16))
    changed = find_images_of(data).censored
    assert before.key == changed.key
    assert cache_key != changed.cache_key()
    text = (data / "labels.csv").read_text()
    (data / "labels.csv").write_text(text.replace("0.jpg,1,0", "0.jpg,0,0", 1))
    assert find_images_of(data).censored.key != before.key


@pytest.mark.parametrize("kind", ["few", "none", "missing", "broken", "twice", "size"])
def test_invalid_input_raises_a_one_line_error(kind, data):
    size, options, message = 16, {}, "?"
    if kind == "few":
        for number in range(0, 42, 2):
            (data / f"images/{number}.png").unlink()
        message = "has only 99 images with labels in .* at least 100"
    elif kind == "none":
        for path in list((data / "images").rglob("*.png")):
            path.rename(path.with_suffix(".txt"))
        message = "has no images"
    elif kind == "missing":
        options, message = {"original": data / "gone"}, "original=.*gone is not a folder"
    elif kind == "broken":
        (data / "images/4.png").write_text("hello")
        message = r"4\.png in .* is not a readable image: delete it"
    elif kind == "twice":
        write_image(data / "images/4.webp")
        message = r"has both 4\.png and 4\.webp, and 4\.jpg in the labels may be either"
    elif kind == "size":
        size, message = 20, "image_size=20 is not a multiple of 16"
    with pytest.raises(UserError, match=message) as error:
        find_images_of(data, size, **options)
    assert "\n" not in str(error.value)


def test_labels_do_not_match_files_outside_the_folder(tmp_path):
    write_image(tmp_path / "images/a.png")
    write_image(tmp_path / "outside.png")
    names = ["../outside.png", str(tmp_path / "outside.png"), "a.jpg", ""]
    files = find_images(tmp_path / "images", "images")
    assert files == ["a.png"]
    assert match_names(names, files, "images").files == {2: "a.png"}


def edit_labels(data, edit):
    path = data / "labels.csv"
    path.write_text("\n".join(edit(path.read_text().split("\n"))))


def test_images_without_a_value_of_the_hidden_attribute_are_excluded_and_counted(data):
    edit_labels(data, lambda lines: [*lines[:3], "2.jpg,,0", "a/3.jpg,NaN,1", *lines[5:]])
    audited = find_images_of(data)
    assert len(audited.censored.files) == 118
    assert not {"2.png", "a/3.png"} & set(audited.censored.files)
    assert audited.censored.attribute_names == ("light", "dark")
    expected = "excluded 2 images without a value for light in "
    assert any(note.startswith(expected) for note in audited.notes)


def test_other_attributes_with_missing_values_are_named_and_measured_on_the_other_images(data):
    edit_labels(data, lambda lines: [*lines[:3], "2.jpg,0,", *lines[4:]])
    audited = find_images_of(data)
    assert len(audited.censored.files) == 120
    assert audited.censored.attribute_names == ("light", "dark")
    assert np.flatnonzero(audited.censored.attributes[:, 1] == UNKNOWN).tolist() == [2]
    note = "dark has no value for 1 of 120 images, such as 2.jpg"
    assert note in audited.notes


def test_the_split_column_is_not_an_attribute(data):
    edit_labels(
        data, lambda lines: [f"{line},{word}" for line, word in zip(lines, folds(), strict=True)]
    )
    audited = find_images_of(data, split="Fold")
    assert audited.censored.attribute_names == ("light", "dark")
    assert np.bincount(audited.censored.splits).tolist() == [54, 6, 60]
    assert "the validation images are the test images" in audited.notes[-1]


def folds():
    return ["fold", *(str(number % 2) for number in range(120))]


def test_the_error_shows_examples_if_no_image_has_a_label(data):
    edit_labels(data, lambda lines: [lines[0], *(f"face-{n}x{n},{n % 2},0" for n in range(120))])
    with pytest.raises(UserError) as error:
        find_images_of(data)
    assert "has only 0 images with labels in" in str(error.value)
    assert "the labels list face-0x0, the folder contains 0.png" in str(error.value)


def test_notes_warn_of_transparency_and_metadata(data):
    Image.new("RGBA", (16, 16), (0, 0, 0, 9)).save(data / "images/0.png")
    Image.new("RGB", (16, 16)).save(data / "images/2.png", dpi=(72, 72), icc_profile=b"colours")
    transparency, metadata = find_images_of(data).notes[-2:]
    assert transparency.startswith("found an alpha channel in 1 of 120 images: adversaries see")
    assert "found thumbnails or metadata in 1 file" in metadata
    assert "such as 2.png" in metadata
    assert find_images_of(data).censored.images(0, 1)[0, 0, 0, 0] == 246  # on white


def add_persons(data):
    edit_labels(
        data,
        lambda lines: [
            f"{lines[0]},who,fold",
            *(
                f"{line},p{n // 4},{('train', 'val', 'test')[n % 3]}"
                for n, line in enumerate(lines[1:])
            ),
        ],
    )


def test_a_random_split_of_an_audit_never_shares_a_person(data):
    add_persons(data)
    source = find_images_of(data, person="who").censored
    assert source.persons().tolist() == [n // 4 for n in range(120)]
    split_of = dict(zip(source.persons(), source.splits, strict=True))
    assert [split_of[person] for person in source.persons()] == source.splits.tolist()
    assert np.bincount(source.splits).tolist() == [96, 12, 12]


def test_persons_of_an_audit_do_not_change_a_given_split(data):
    add_persons(data)
    alone = find_images_of(data, split="fold").censored
    source = find_images_of(data, split="fold", person="who").censored
    assert alone.persons() is None
    assert source.persons().tolist() == [n // 4 for n in range(120)]
    assert source.splits.tolist() == alone.splits.tolist() == [n % 3 for n in range(120)]
    assert "who" not in source.attribute_names


def as_celeba(data):
    """Rename the labels to CelebA's list, with numbers for names."""
    for number in range(120):
        folder = "a/" if number % 2 else ""
        path = data / "images" / f"{folder}{number}.png"
        path.rename(data / "images" / f"{number:06d}.png")
    rows = [f"{n:06d}.jpg {n % 3 == 0:d} {n % 2}" for n in range(120)]
    (data / "list_attr_celeba.txt").write_text("\n".join(["120", "light dark", *rows]))
    return AuditFiles(data / "images", data / "list_attr_celeba.txt")


def test_an_audit_with_celebas_list_takes_the_persons_next_to_it(data):
    files = as_celeba(data)
    before = find_audit_images(files, "light", 16, 0).censored
    assert before.persons() is None
    rows = [f"{n:06d}.jpg {1000 - n // 4}\n" for n in range(116)]
    (data / "identity_CelebA.txt").write_text("".join(rows))
    audited = find_audit_images(files, "light", 16, 0)
    persons = audited.censored.persons()
    assert persons.tolist() == [*(n // 4 for n in range(116)), *range(29, 33)]
    assert "lacks 4 of 120 images" in " ".join(audited.notes)
    split_of = dict(zip(persons, audited.censored.splits, strict=True))
    assert [split_of[person] for person in persons] == audited.censored.splits.tolist()
