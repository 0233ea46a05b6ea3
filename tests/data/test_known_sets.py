"""Published data sets are recognized by their files, and read with their labels and splits."""

import shutil

import known_copies
import numpy as np
import pytest
from known_copies import COUNT, UTKFACE_MALFORMED, UTKFACE_NAMES, write_colour, write_lines
from PIL import Image

from privacy_gan.data.assignment import assign
from privacy_gan.data.known_sets.registry import KNOWN_SETS, find_known_set
from privacy_gan.errors import UserError

NAMES = tuple(KNOWN_SETS)


@pytest.fixture(scope="module")
def copies(tmp_path_factory):
    """A miniature of each data set, by its key. Tests that change one change a copy of it."""
    folders = {name: tmp_path_factory.mktemp(name) for name in NAMES}
    for name, folder in folders.items():
        getattr(known_copies, f"write_{name}")(folder)
    return folders


@pytest.fixture(scope="module")
def listings(copies):
    return {name: KNOWN_SETS[name].read(folder) for name, folder in copies.items()}


@pytest.fixture
def changed(copies, tmp_path):
    """A function that copies a miniature, so that a test can change it."""

    def copy(name):
        return shutil.copytree(copies[name], tmp_path / name)

    return copy


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def labels_of(listing, name):
    """Return the texts of the image with this name, by column."""
    row = listing.labels.names.index(name)
    return {column: texts[row] for column, texts in listing.labels.columns.items()}


def error_of(name, root):
    with pytest.raises(UserError) as error:
        KNOWN_SETS[name].read(root)
    message = str(error.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize("name", NAMES)
def test_a_set_is_found_by_its_files_and_only_by_its_own_reader(name, copies, tmp_path):
    assert [key for key, known in KNOWN_SETS.items() if known.matches(copies[name])] == [name]
    nested = tmp_path / "data" / "downloads"
    nested.mkdir(parents=True)
    (nested / "copy").symlink_to(copies[name])
    assert find_known_set(copies[name]) == find_known_set(nested) == name
    assert KNOWN_SETS[name].title


def test_other_folders_are_none_of_them(tmp_path):
    assert find_known_set(tmp_path / "missing") is None
    for number in range(3):
        write_colour(tmp_path / "cats" / f"26_1_{number}.jpg", np.random.default_rng(0))
    write_lines(tmp_path / "labels.csv", ["image,tabby", "26_1_0.jpg,1"])
    assert find_known_set(tmp_path) is None


@pytest.mark.parametrize("name", NAMES)
def test_all_labelled_images_are_read(name, listings, copies):
    listing = listings[name]
    assert len(listing.files) == len(listing.labels.names) == COUNT
    assert all(len(texts) == COUNT for texts in listing.labels.columns.values())
    assert listing.layout == KNOWN_SETS[name].title
    for file, label in zip(listing.files, listing.labels.names, strict=True):
        assert (listing.stored.path / file).is_file()
        assert file.endswith(label)
    assert listing.stored.path.is_relative_to(copies[name])


def test_findings_become_columns(listings):
    first = {"Cardiomegaly": "yes", "Effusion": "no", "Mass": "no", "Pleural_Thickening": "no"}
    person = {"sex": "M", "age": "57", "view": "PA", "patient": "1", "split": "train"}
    found = listings["chest_xray"]
    assert labels_of(found, "00000001_000.png") == first | person
    both = labels_of(found, "00000001_001.png")
    assert (both["Cardiomegaly"], both["Pleural_Thickening"], both["Mass"]) == ("yes", "yes", "no")
    none = labels_of(found, "00000001_002.png")
    assert {none[finding] for finding in first} == {"no"}
    assert none["view"] == "AP"


def test_a_patient_is_a_person_and_the_official_splits_are_used(listings):
    found = listings["chest_xray"]
    assert found.person == "patient"
    assert found.labels.columns["split"] == ("train",) * 90 + ("test",) * 30
    assigned = assign(found.labels, None, found.person, 0)
    assert len(set(assigned.persons)) == COUNT // 3
    assert (assigned.splits[90:] == 2).all()
    assert assigned.labels.attribute_names[:2] == ("sex", "view")
    assert assigned.labels.classes["Mass"] == ("0", "1")
    assert assigned.labels.classes["sex"] == ("F", "M")


def test_an_age_that_cannot_be_true_is_unknown(listings):
    found = listings["chest_xray"]
    assert labels_of(found, "00000002_000.png")["age"] == ""
    (note,) = found.labels.notes
    message = "has 1 age above 120, taken as unknown, such as 414 in 00000002_000.png"
    assert note == f"{found.labels.path} {message}"


def test_xrays_have_8_or_16_bits(listings):
    found = listings["chest_xray"]
    modes = [Image.open(found.stored.path / file).mode for file in found.files[:2]]
    assert modes == ["L", "I;16"]


@pytest.mark.parametrize(
    ("text", "years"), [("058Y", "58"), ("23", "23"), ("011M", "0"), ("020D", "0")]
)
def test_older_releases_write_ages_with_a_unit(text, years, changed):
    root = changed("chest_xray")
    edit(root / "Data_Entry_2017.csv", "0,1,57,M", f"0,1,{text},M")
    assert labels_of(KNOWN_SETS["chest_xray"].read(root), "00000001_000.png")["age"] == years


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("[x,y],\n", "[x,y]\n"),  # the header without the last comma, which its rows have
        ("OriginalImage[Width,Height]", '"OriginalImage[Width,Height]"'),
        ("Patient Gender", "Patient Sex"),
    ],
)
def test_the_header_of_the_xrays_occurs_in_several_forms(old, new, changed, listings):
    root = changed("chest_xray")
    edit(root / "Data_Entry_2017.csv", old, new)
    found = KNOWN_SETS["chest_xray"].read(root)
    assert found.labels.columns == listings["chest_xray"].labels.columns


def test_the_corrected_table_is_preferred(changed):
    root = changed("chest_xray")
    newer = root / "Data_Entry_2017_v2020.csv"
    shutil.copy(root / "Data_Entry_2017.csv", newer)
    edit(newer, "0,2,414,F", "0,2,41,F")
    found = KNOWN_SETS["chest_xray"].read(root)
    assert labels_of(found, "00000002_000.png")["age"] == "41"
    assert found.labels.path == newer


def test_faces_keep_the_texts_of_fairface(listings):
    found = listings["fairface"]
    expected = {"age": "more than 70", "gender": "Female", "race": "Latino_Hispanic"}
    assert labels_of(found, "train/2.jpg") == expected | {"split": "train"}
    expected = {"age": "3-9", "gender": "Male", "race": "East Asian", "split": "val"}
    assert labels_of(found, "val/1.jpg") == expected
    assert found.files[0] == "fairface-img-margin025-trainval/train/1.jpg"
    assert found.labels.columns["split"].count("val") == 30
    assert found.labels.classes["age"] == known_copies.AGES
    assert (found.person, found.labels.notes) == (None, ())


def test_the_folders_of_fairface_may_be_next_to_the_lists(changed):
    root = changed("fairface")
    (root / "fairface-img-margin025-trainval").rename(root / "unpacked")
    for split in ("train", "val"):
        (root / "unpacked" / split).rename(root / split)
    assert KNOWN_SETS["fairface"].read(root).files[-1] == "val/30.jpg"


def test_attributes_and_splits_of_celeba_hq_are_those_of_celeba(listings):
    found = listings["celeba_hq"]
    values = labels_of(found, "0.jpg")
    assert [name for name, text in values.items() if text == "1"] == ["Smiling"]
    assert len(found.labels.attribute_names) == 41  # with the split, which is removed later
    splits = found.labels.columns["split"][: len(known_copies.MAPPED)]
    assert splits == ("train", "train", "valid", "valid", "test", "test")
    assert found.labels.notes == ()  # masks are not images without labels


def test_celeba_hq_without_the_mapping_has_no_splits(changed):
    root = changed("celeba_hq")
    (root / "CelebA-HQ-to-CelebA-mapping.txt").unlink()
    found = KNOWN_SETS["celeba_hq"].read(root)
    assert "split" not in found.labels.columns
    (note,) = found.labels.notes
    assert note.endswith(
        "has no CelebA-HQ-to-CelebA-mapping.txt: the splits are not those of CelebA"
    )


def test_names_of_utkface_are_labels(listings):
    found = listings["utkface"]
    expected = [
        ("26", "female", "Asian"),
        ("100", "male", "White"),
        ("1", "male", "Other"),
        ("55", "male", "Indian"),
        ("24", "male", "Black"),
    ]
    for name, values in zip(UTKFACE_NAMES, expected, strict=True):
        assert tuple(labels_of(found, f"UTKFace/{name}").values()) == values
    assert found.labels.classes["sex"] == ("female", "male")


def test_malformed_names_of_utkface_are_excluded(listings):
    (note,) = listings["utkface"].labels.notes
    assert note.startswith("excluded 3 images in ")
    assert note.endswith(f"[date&time].jpg, such as UTKFace/{UTKFACE_MALFORMED[0]}")


def test_scores_above_0_are_yes(listings):
    found = listings["lfw"]
    expected = {
        "person": "Ada Alder",
        "Male": "no",
        "Asian": "no",
        "Middle_Aged": "yes",
        "Black_Hair": "yes",
        "No_Eyewear": "yes",
        "Smiling": "no",
        "Semi-Obscured_Forehead": "no",
    }
    assert labels_of(found, "Ada_Alder/Ada_Alder_0001.jpg") == expected
    assert labels_of(found, "Jean-Luc_De_Berg/Jean-Luc_De_Berg_0001.jpg")["Male"] == "yes"


def test_a_person_of_lfw_is_in_one_split(listings):
    found = listings["lfw"]
    assert found.person == "person"
    assigned = assign(found.labels, None, found.person, 0)
    assert assigned.persons[:3] == ("Ada Alder", "Ada Alder", "Jean-Luc De Berg")
    pairs = set(zip(assigned.persons, assigned.splits.tolist(), strict=True))
    assert len(pairs) == len(set(assigned.persons))


def test_rows_and_images_without_the_other_are_counted(listings, copies):
    row, image = listings["lfw"].labels.notes
    assert row.startswith("excluded 1 of 121 rows of ")
    assert row.endswith("NumberN39_0004.jpg")
    assert image.startswith(f"excluded 1 image in {copies['lfw']} without a label in ")
    assert image.endswith("such as lfw-deepfunneled/Zoe_Zander/Zoe_Zander_0001.jpg")


def test_a_part_of_the_images_is_enough(changed):
    root = changed("chest_xray")
    shutil.rmtree(root / "images_002")
    found = KNOWN_SETS["chest_xray"].read(root)
    assert len(found.files) == len(found.labels.columns["split"]) == 60
    assert "excluded 60 of 120 rows" in found.labels.notes[-1]


@pytest.mark.parametrize(
    ("name", "file", "message"),
    [
        ("chest_xray", "Data_Entry_2017.csv", "has no Data_Entry_2017*.csv, which NIH ChestX-ray"),
        ("fairface", "fairface_label_val.csv", "has no fairface_label_val.csv, which FairFace nee"),
        ("celeba_hq", "CelebAMask-HQ-attribute-anno.txt", "put the file into that folder, or give"),
        ("celeba_hq", "CelebA-HQ-img", "has no folder CelebA-HQ-img, which CelebAMask-HQ needs"),
        ("chest_xray", "images_00*", "has no images (JPEG, PNG, WebP, BMP"),
        ("fairface", "fairface-img*", "has no images (JPEG, PNG, WebP, BMP"),
        ("utkface", "UTKFace", "has no images (JPEG, PNG, WebP, BMP"),
        ("utkface", "UTKFace/*_*_*_*", "has no image named [age]_[gender]_[race]_[date&time].jpg"),
        ("lfw", "lfw_attributes.txt", "has no lfw_attributes.txt, which Labeled Faces in the Wild"),
        ("lfw", "lfw-deep*/[A-Y]*", "no image in"),
    ],
)
def test_a_missing_file_is_named(name, file, message, changed):
    root = changed(name)
    found = [path for path in root.glob(file) if path.name not in UTKFACE_MALFORMED]
    for path in found:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert found
    text = error_of(name, root)
    assert message in text
    assert str(root) in text


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_folder_is_named(name, tmp_path):
    message = f"data.images={tmp_path / 'none'} is not a folder: give the folder with "
    assert error_of(name, tmp_path / "none") == message + KNOWN_SETS[name].title


@pytest.mark.parametrize(
    ("name", "file", "old", "new", "message"),
    [
        ("chest_xray", "Data_Entry_2017.csv", "Image Index", "Image", "has no column Image Index"),
        (
            "chest_xray",
            "Data_Entry_2017.csv",
            ",2,1,58,M,AP,2500,2048,0.168,0.168,",
            "",
            "line 4 (00000001_002.png) has 2 fields and no Follow-up #",
        ),
        ("chest_xray", "Data_Entry_2017.csv", "1,57,M", "1,old,M", "the value 'old' for Patient"),
        ("chest_xray", "test_list.txt", "00000031_000.png\n", "", "test_list.txt gives no split f"),
        ("chest_xray", "test_list.txt", "00000031_000", "00000001_000", "both list 00000001_000"),
        ("fairface", "fairface_label_val.csv", "gender", "sex", "has no column gender: its col"),
        ("fairface", "fairface_label_val.csv", "val/1.jpg", "train/1.jpg", "both list train/1.jpg"),
        ("celeba_hq", "CelebAMask-HQ-attribute-anno.txt", "3.jpg  ", "3.jpg  1 ", "line 6 (3.jpg)"),
        ("celeba_hq", "CelebA-HQ-to-CelebA-mapping.txt", "orig_file", "md5", "no column orig_file"),
        ("celeba_hq", "CelebA-HQ-to-CelebA-mapping.txt", "119614.jpg", "x.jpg", "line 2 has 0 and"),
        ("celeba_hq", "CelebA-HQ-to-CelebA-mapping.txt", "\n7 ", "\n700 ", "gives no split for 1 "),
        ("lfw", "lfw_attributes.txt", "#\tperson", "#\tname", "line 3 comes before the line with"),
        ("lfw", "lfw_attributes.txt", "\t-0.7518", "", "line 3 (Ada Alder) has not a number for"),
        ("lfw", "lfw_attributes.txt", "-0.7518", "nan", "line 3 (Ada Alder) has not a number for"),
        ("lfw", "lfw_attributes.txt", "Alder\t2\t", "Alder\t1\t", "two values of Middle_Aged for"),
    ],
)
def test_a_damaged_file_is_named(name, file, old, new, message, changed):
    root = changed(name)
    edit(root / file, old, new)
    text = error_of(name, root)
    assert message in text
    assert str(root / file) in text


def test_an_incomplete_official_split_is_named(changed):
    root = changed("chest_xray")
    (root / "test_list.txt").unlink()
    found = KNOWN_SETS["chest_xray"].read(root)
    assert "split" not in found.labels.columns
    assert (
        found.labels.notes[-1]
        == f"{root} has no test_list.txt: the splits are not the official ones"
    )


@pytest.mark.parametrize(
    ("name", "folder", "message"),
    [
        ("chest_xray", "images_001", "has both"),
        ("fairface", "fairface-img-margin025-trainval", "has both"),
        ("utkface", "UTKFace", "has two copies of UTKFace, with UTKFace"),
        ("lfw", "lfw-deepfunneled", "has both"),
    ],
)
def test_two_copies_of_the_images_are_ambiguous(name, folder, message, changed):
    root = changed(name)
    shutil.copytree(root / folder, root / f"{folder}-small")
    assert message in error_of(name, root)


def test_two_copies_of_a_list_are_ambiguous(copies, tmp_path):
    for part in ("first", "second"):
        (tmp_path / part).symlink_to(copies["lfw"])
    message = error_of("lfw", tmp_path)
    assert "has two copies of Labeled Faces in the Wild" in message
    assert str(tmp_path / "second" / "lfw_attributes.txt") in message
