"""Images in folders find their labels, and what does not fit is told."""

import numpy as np
import pytest
from PIL import Image

from privacy_gan.data.audit_data import AuditFiles, find_audit_images
from privacy_gan.data.labelled_folder import find_images
from privacy_gan.data.matching import match_names
from privacy_gan.errors import UserError


def image(path, shade=0, size=(16, 16)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (shade, shade, shade)).save(path)


@pytest.fixture
def data(tmp_path):
    """Return a folder with 120 labels and as many images, half of them in a folder below."""
    lines = ["file,light,dark"]
    for number in range(120):
        where = "a/" if number % 2 else ""
        image(tmp_path / "images" / f"{where}{number}.png", number)
        lines.append(f"{where}{number}.jpg,{number % 3 == 0:d},{number % 2}")
    (tmp_path / "labels.csv").write_text("\n".join(lines))
    return tmp_path


def found(data, size=16, **more):
    files = AuditFiles(data / "images", data / "labels.csv", **more)
    return find_audit_images(files, "light", size, 0)


def test_each_image_gets_its_label_though_the_suffix_differs(data):
    audited = found(data)
    (note,) = audited.notes
    assert note.startswith("120 of 120 names found their images in images=")
    assert note.endswith("without suffixes: 0.jpg is 0.png")
    source = audited.censored
    assert source.attribute_names == ("light", "dark")
    shades = source.images(0, 120)[:, 0, 0, 0]
    assert shades.tolist() == list(range(120))
    assert source.attributes[:, 0].tolist() == [int(shade % 3 == 0) for shade in shades]
    assert np.bincount(source.splits).tolist() == [96, 12, 12]
    assert source.name == "labels-16"


def test_what_does_not_fit_is_left_out_and_told(data):
    (data / "images/7.png").unlink(missing_ok=True)
    (data / "images/a/7.png").unlink()
    image(data / "images/unknown.png")
    audited = found(data)
    assert len(audited.censored.files) == 119
    assert "a/7.png" not in audited.censored.files
    _, absent, unlabelled = audited.notes
    assert absent.startswith("1 of the 120 images in ")
    assert "such as a/7.jpg, are not in " in absent
    assert "1 images in" in unlabelled
    assert "such as unknown.png, have no label" in unlabelled


def test_originals_are_those_of_the_same_labels(data):
    for number in range(119):
        image(data / "original" / f"{'a/' if number % 2 else ''}{number}.jpg", 200)
    audited = found(data, original=data / "original")
    assert len(audited.censored.files) == len(audited.originals.files) == 119
    assert "are not in" in audited.notes[1]
    assert audited.originals.images(0, 1)[0, 0, 0, 0] == 200
    assert (audited.censored.splits == audited.originals.splits).all()


def test_sizes_are_told_where_adversaries_do_not_see_the_images_as_they_are(data):
    image(data / "images/0.png", size=(400, 300))
    _, note = found(data).notes
    assert note == (
        "the images have 16x16 to 400x300 pixels: adversaries see them as squares of 16 and may "
        "miss what is finer (image_size)"
    )


def test_other_files_are_another_fingerprint_and_other_labels_another_key(data):
    before = found(data).censored
    fingerprint = before.fingerprint()
    image(data / "images/0.png", 99, size=(16, 16))
    changed = found(data).censored
    assert before.key == changed.key
    assert fingerprint != changed.fingerprint()
    text = (data / "labels.csv").read_text()
    (data / "labels.csv").write_text(text.replace("0.jpg,1,0", "0.jpg,0,0", 1))
    assert found(data).censored.key != before.key


@pytest.mark.parametrize("kind", ["few", "none", "missing", "broken", "twice", "size", "both"])
def test_mistakes_are_one_line(kind, data):
    size, more, message = 16, {}, "?"
    if kind == "few":
        for number in range(0, 42, 2):
            (data / f"images/{number}.png").unlink()
        message = "99 images in .* have labels .* too few"
    elif kind == "none":
        for path in list((data / "images").rglob("*.png")):
            path.rename(path.with_suffix(".txt"))
        message = "holds no images"
    elif kind == "missing":
        more, message = {"original": data / "gone"}, "original=.*gone is no folder"
    elif kind == "broken":
        (data / "images/4.png").write_text("hello")
        message = r"4\.png in .* is no image that can be read: delete it"
    elif kind == "twice":
        image(data / "images/4.webp")
        message = r"holds 4\.png and 4\.webp, and 4\.jpg in the labels may be either"
    elif kind == "size":
        size, message = 20, "image_size=20 is not a multiple of 16"
    elif kind == "both":
        more, message = {"split": "dark", "person": "dark"}, "leave split=... out"
    with pytest.raises(UserError, match=message) as refused:
        found(data, size, **more)
    assert "\n" not in str(refused.value)


def test_a_label_finds_nothing_outside_of_the_folder(tmp_path):
    image(tmp_path / "images/a.png")
    image(tmp_path / "outside.png")
    names = ["../outside.png", str(tmp_path / "outside.png"), "a.jpg", ""]
    found = find_images(tmp_path / "images", "images")
    assert found == ["a.png"]
    assert match_names(names, found, "images").files == {2: "a.png"}


def rewrite(data, edit):
    path = data / "labels.csv"
    path.write_text("\n".join(edit(path.read_text().split("\n"))))


def test_an_image_without_a_value_of_the_hidden_attribute_is_left_out_and_counted(data):
    rewrite(data, lambda lines: [*lines[:3], "2.jpg,,0", "a/3.jpg,NaN,1", *lines[5:]])
    audited = found(data)
    assert len(audited.censored.files) == 118
    assert not {"2.png", "a/3.png"} & set(audited.censored.files)
    assert audited.censored.attribute_names == ("light", "dark")
    told = "2 images, such as 2.jpg, have no value of light in "
    assert any(note.startswith(told) for note in audited.notes)


def test_another_attribute_that_lacks_a_value_is_left_out_by_name(data):
    rewrite(data, lambda lines: [*lines[:3], "2.jpg,0,", *lines[4:]])
    audited = found(data)
    assert len(audited.censored.files) == 120
    assert audited.censored.attribute_names == ("light",)
    told = "dark is not measured: 1 of 120 images have no value in it, such as 2.jpg"
    assert told in audited.notes


def test_what_divides_the_images_is_no_attribute_of_them(data):
    rewrite(
        data, lambda lines: [f"{line},{word}" for line, word in zip(lines, folds(), strict=True)]
    )
    audited = found(data, split="Fold")
    assert audited.censored.attribute_names == ("light", "dark")
    assert np.bincount(audited.censored.splits).tolist() == [60, 60]
    assert len(audited.notes) == 1


def folds():
    return ["fold", *(str(number % 2) for number in range(120))]


def test_names_that_no_image_has_are_shown_beside_those_that_there_are(data):
    rewrite(data, lambda lines: [lines[0], *(f"face-{n}x{n},{n % 2},0" for n in range(120))])
    with pytest.raises(UserError) as refused:
        found(data)
    assert "0 images in" in str(refused.value)
    assert "the labels name face-0x0, the folder holds 0.png" in str(refused.value)


def test_opacity_and_metadata_that_nobody_looks_at_are_told(data):
    Image.new("RGBA", (16, 16), (0, 0, 0, 9)).save(data / "images/0.png")
    Image.new("RGB", (16, 16)).save(data / "images/2.png", dpi=(72, 72), icc_profile=b"colours")
    opacity, carried = found(data).notes[-2:]
    assert opacity.startswith("1 of 120 images have an alpha channel: adversaries see them on")
    assert "1 file carries thumbnails or metadata" in carried
    assert "such as 2.png" in carried
    assert found(data).censored.images(0, 1)[0, 0, 0, 0] == 246  # on white
