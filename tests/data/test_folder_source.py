"""What is found in a folder of images: classes, splits, files that are left out, and mistakes."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

from privacy_gan.attributes import UNKNOWN, AttributeGroup
from privacy_gan.config.task import require_binary
from privacy_gan.data.assignment import COMPLETED, GIVEN, MADE
from privacy_gan.data.folder_source import open_folder
from privacy_gan.data.image_source import FOLDER, open_source
from privacy_gan.errors import UserError


def write_image(path, shade=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (16, 16), (shade, shade, shade)).save(path)


def write_classes(folder, *names, count=50, suffix=".png"):
    for place, name in enumerate(names):
        for number in range(count):
            write_image(folder / name / f"{number}{suffix}", 40 * place)


def write_table(path, rows):
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, rows[0])
        table.writeheader()
        table.writerows(rows)


@pytest.fixture
def photos(tmp_path):
    for number in range(120):
        write_image(tmp_path / "photos" / f"{number}.png", number)
    return tmp_path / "photos"


def test_a_folder_of_any_name_is_a_class(tmp_path):
    write_classes(tmp_path, "none", "mask", "NA")
    found = open_folder(tmp_path, None, 16)
    assert found.attribute_names == ("class",)
    assert found.classes == (("mask", "NA", "none"),)
    assert np.bincount(found.attributes[:, 0]).tolist() == [50, 50, 50]
    assert np.abs(np.bincount(found.splits) - (120, 15, 15)).max() <= 3


def test_hidden_folders_are_skipped_and_links_followed_once(tmp_path):
    write_classes(tmp_path / "data", "cat", ".ipynb_checkpoints", "__MACOSX")
    write_classes(tmp_path, "elsewhere")
    (tmp_path / "data/dog").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "data/dog/again").symlink_to(tmp_path / "data")
    assert open_folder(tmp_path / "data", None, 16).classes == (("cat", "dog"),)


def test_images_of_all_formats_are_found(tmp_path):
    write_classes(tmp_path, "a", "b", suffix=".BMP")
    for path in (tmp_path / "b").iterdir():
        write_image(path.with_suffix(".tif"), 40)
        path.unlink()
    found = open_folder(tmp_path, None, 16)
    assert found.classes == (("a", "b"),)
    assert found.images(0, 100)[:, 0, 0, 0].tolist() == [0] * 50 + [40] * 50


def test_folders_of_splits_give_the_splits(tmp_path):
    for split in ("train", "dev", "test"):
        write_classes(tmp_path / split, "cat", "dog", count=20)
    found = open_folder(tmp_path, None, 16)
    assert np.bincount(found.splits).tolist() == [40, 40, 40]
    assert found.origin == GIVEN


MISTAKES = {
    "a split and a class": (("train", "left"), "has a folder train, but left is neither a split"),
    "classes that differ in case": (("Cat", "cat"), "has the classes Cat and cat: rename or merge"),
}


@pytest.mark.parametrize(("names", "message"), MISTAKES.values(), ids=MISTAKES.keys())
def test_folders_that_may_mean_two_things_are_an_error(names, message, tmp_path):
    write_classes(tmp_path, *(f"{name}/x" if name == "train" else name for name in names))
    with pytest.raises(UserError, match=message) as error:
        open_folder(tmp_path, None, 16)
    assert "\n" not in str(error.value)


def test_a_table_in_the_folder_is_pointed_at(photos):
    write_table(photos / "metadata.csv", [{"image": "0.png", "smile": 1}])
    with pytest.raises(UserError, match=r"no labels: .*; if .*metadata\.csv has the labels, give"):
        open_folder(photos, None, 16)


def labelled(photos, row, **options):
    path = photos.parent / "labels.csv"
    write_table(path, [{"image": f"{n}.png", **row(n)} for n in range(120)])
    return open_folder(photos, path, 16, **options)


def test_options_that_change_classes_move_no_image_to_another_split(photos):
    def row(number):
        return {"age": number, "x": number % 3, "y": -1 if number % 7 == 0 else number % 2}

    plain = labelled(photos, row)
    changed = labelled(photos, row, bins={"age": [0, 60]}, missing=[-1, 2])
    assert plain.attribute_names == ("x",)
    assert changed.attribute_names == ("age", "x", "y")
    assert plain.splits.tolist() == changed.splits.tolist()
    assert plain.content_key() != changed.content_key()


def test_default_attributes_have_all_classes_where_the_hidden_one_is_known(photos):
    def row(number):
        hidden = "" if number % 2 else number % 4 // 2
        return {"s": hidden, "u": number % 3, "v": number % 2}

    found = labelled(photos, row)
    assert found.measurable() == ("s", "u", "v")
    assert found.measurable(["s"]) == ("s", "u")  # v is 1 only where s is unknown
    assert (found.attributes[:, 0] == UNKNOWN).sum() == 60


def test_the_table_is_read_once_until_it_changes(photos):
    first = labelled(photos, lambda number: {"a": number % 2})
    options = {"images": str(photos), "labels": str(photos.parent / "labels.csv"), "image_size": 16}
    defaults = {"name": "folder", "split": None, "person": None, "crop": None, "bins": None}
    more = {"missing": [], "split_seed": 0, "layout": None, "channels": 3}
    config = {"_target_": FOLDER, "seed": 1, **options, **defaults, **more}
    opened = open_source(config)
    assert opened is open_source({**config, "seed": 2, "batch_size": 8})
    assert opened.content_key() == first.content_key()
    labelled(photos, lambda number: {"b": number % 3})
    assert open_source(config).attribute_names == ("b",)


WRONG = {
    "few": ({}, "has only 60 images with labels: training needs at least 100"),
    "bins of another column": ({"bins": {"height": [0, 1]}}, "data.bins has height, but .* it has"),
    "bins that are a list": ({"bins": [0, 1]}, r"data.bins=\[0, 1\] names no column: give"),
    "bins of words": ({"bins": {"age": "old"}}, "is not a list of numbers: give the least"),
    "missing that is a table": ({"missing": {"a": 1}}, "data.missing=.* is not a list of values"),
    "channels": ({"channels": 2}, "data.channels=2: give 3 for colour or 1 for grey"),
    "split seed": ({"split_seed": -1}, "data.split_seed=-1 is below 0"),
    "layout": ({"layout": "fairfaces"}, "data.layout=fairfaces is unknown: choose one of chest"),
    "split": ({"split": "fold"}, "data.split=fold is neither a file nor a column"),
}


@pytest.mark.parametrize(("options", "message"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_option_is_one_line(options, message, photos):
    if not options:
        for number in range(60):
            (photos / f"{number}.png").unlink()
    with pytest.raises(UserError, match=message) as error:
        labelled(photos, lambda number: {"age": number, "a": number % 2}, **options)
    assert "\n" not in str(error.value)


def test_one_value_may_be_given_without_a_list(photos):
    found = labelled(photos, lambda n: {"a": ("yes", "no", "unsure")[n % 3]}, missing="unsure")
    assert found.classes == (("0", "1"),)
    assert (found.attributes == UNKNOWN).sum() == 40


def test_slashes_in_column_names_become_underscores(photos):
    found = labelled(photos, lambda number: {"hair/colour": number % 2})
    assert found.attribute_names == ("hair_colour",)
    assert found.known_attributes.find("hair/colour") == "hair_colour"


def test_a_column_with_several_classes_is_no_member_of_a_group(photos):
    known = labelled(photos, lambda n: {"race": n % 3, "a": n % 2}).known_attributes
    with pytest.raises(UserError, match="race has the values 0, 1, 2, so it is a categorical"):
        require_binary(AttributeGroup(("a", "race")), known)


def test_classes_of_the_hub_have_their_names_and_shards_are_no_splits(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    write_image(tmp_path / "one.png")
    content = (tmp_path / "one.png").read_bytes()
    features = {"label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}
    schema = pa.schema(
        [("picture", pa.large_binary()), ("label", pa.int64())],
        metadata={"huggingface": json.dumps({"info": {"features": features}})},
    )
    (tmp_path / "data").mkdir()
    for shard in range(3):
        rows = {"picture": [content] * 40, "label": [n % 2 if n else -1 for n in range(40)]}
        pq.write_table(pa.table(rows, schema), tmp_path / "data" / f"{shard}.parquet")
    found = open_folder(tmp_path / "data", None, 16)
    assert found.classes == (("cat", "dog"),)
    assert (found.attributes == UNKNOWN).sum() == 3
    assert found.origin == MADE
    assert found.images(119, 120).shape == (1, 16, 16, 3)
    (tmp_path / "data/0.parquet").rename(tmp_path / "data/train-0.parquet")
    with pytest.raises(UserError, match=r"has files for splits, but 1\.parquet is none"):
        open_folder(tmp_path / "data", None, 16)


def test_a_person_in_two_given_splits_is_named(photos):
    def row(number):
        split = ("train", "valid", "test")[number // 2 % 3 if number else 2]
        return {"a": number % 2, "split": split, "who": f"p{number // 2}"}

    found = labelled(photos, row, person="who")
    (note,) = (each for each in found.notes if "several of the given splits" in each)
    assert "such as p0 in test and train: give each person's images one split" in note


def test_ids_that_lost_their_zeros_and_another_encoding_are_read_with_a_note(photos):
    for number in range(120):
        (photos / f"{number}.png").rename(photos / f"{number:03d}.png")
    path = photos.parent / "labels.csv"
    rows = [f"{number},{('größer', 'kleiner')[number % 2]}" for number in range(120)]
    path.write_bytes("\n".join(["id,size", *rows]).encode("cp1252"))
    found = open_folder(photos, path, 16)
    assert found.classes == (("größer", "kleiner"),)
    assert found.files[7] == "007.png"
    notes = " ".join(found.notes)
    assert "is not in UTF-8: it was read as Windows-1252" in notes
    assert "comparing numbers: 0 is 000.png" in notes


def test_labels_that_name_no_image_are_one_line_with_examples(photos):
    path = photos.parent / "labels.csv"
    path.write_text("image,a\n" + "\n".join(f"face-{n}x{n},{n % 2}" for n in range(120)))
    with pytest.raises(
        UserError, match=r"no image in .* has a label in .*labels\.csv \(the labels"
    ):
        open_folder(photos, path, 16)


def test_two_images_of_one_name_are_an_error_that_names_both(photos):
    write_image(photos / "old" / "3.png")
    path = photos.parent / "labels.csv"
    path.write_text("image,a\n" + "\n".join(f"{n},{n % 2}" for n in range(120)))
    with pytest.raises(UserError, match=r"has both 3\.png and old/3\.png, and 3 in the labels may"):
        open_folder(photos, path, 16)


def test_parquet_files_may_have_paths_of_images(photos):
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [{"image": f"photos/{n}.png", "a": n % 2} for n in range(120)]
    pq.write_table(pa.Table.from_pylist(rows), photos.parent / "train.parquet", row_group_size=7)
    found = open_folder(photos.parent, None, 16)
    assert found.images(0, 120)[:, 0, 0, 0].tolist() == list(range(120))


def test_where_splits_come_from_is_said(tmp_path):
    for split in ("train", "val"):
        write_classes(tmp_path / split, "cat", "dog", count=40)
    found = open_folder(tmp_path, None, 16)
    assert found.origin == COMPLETED
    first, second = found.notes
    assert first == "the splits are those of the folder (data.split)"
    assert second.startswith("there are no test images: the validation images are the test images")


def test_a_split_column_without_training_images_is_an_error(photos):
    with pytest.raises(UserError, match=r"data\.split=split has no training images, only test"):
        labelled(photos, lambda n: {"a": n % 2, "split": "test"})


def test_a_column_that_may_name_persons_is_pointed_at(photos):
    found = labelled(photos, lambda n: {"a": n % 2, "Person_ID": f"p{n // 2}"})
    assert "give data.person=Person_ID, so that no person is in two splits" in found.notes[0]
    named = labelled(photos, lambda n: {"a": n % 2, "who": f"p{n // 2}"}, person="who")
    assert named.notes == ()


def test_numbers_with_fractions_find_their_files(photos):
    for number in range(120):
        (photos / f"{number}.png").rename(photos / f"{number:03d}.png")
    path = photos.parent / "labels.csv"
    path.write_text("id,a\n" + "\n".join(f"{n}.0,{n % 2}" for n in range(120)))
    assert open_folder(photos, path, 16).files[100] == "100.png"
