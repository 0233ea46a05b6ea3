"""Which images show the same person, and that splits made here never share one."""

import logging
import os
from pathlib import Path

import numpy as np
import pytest
from celeba_layouts import HTML, official_zip, release_subfolders_zip, renumber
from commands import ROOT

from privacy_gan.data.celeba import CelebADataModule
from privacy_gan.data.celeba_files import read_partition_list
from privacy_gan.data.celeba_source import CelebASource
from privacy_gan.data.gaussian import GaussianDataModule
from privacy_gan.data.persons import read_identities, shared_persons_note
from privacy_gan.data.synthetic_faces import SyntheticFacesDataModule
from privacy_gan.errors import UserError

CELEBA = Path(os.environ.get("PRIVACY_GAN_CELEBA", ROOT.parent / "shared" / "celeba64"))

# six images, in the splits 0, 1, 2, 0, 1, 2: a person for each pair in the same split
IDENTITIES = "000001.jpg 2880\n000010.jpg 2880\n000004.jpg 17\n000013.jpg 17\n"
IDENTITIES += "000007.jpg 9\n000016.jpg 9\n"


def make_datamodule(root, cache_dir):
    datamodule = CelebADataModule(
        root, 16, cache_dir=cache_dir, num_workers=1, batch_size=1, seed=0
    )
    datamodule.setup()
    return datamodule


def test_persons_of_celeba_are_read_from_its_list_of_identities(fake, tmp_path, cache_dir):
    official_zip(tmp_path, fake)
    (tmp_path / "identity_CelebA.txt").write_text(IDENTITIES)
    assert CelebASource(tmp_path, 16).persons().tolist() == [2880, 17, 9, 2880, 17, 9]
    datamodule = make_datamodule(tmp_path, cache_dir)
    # in the order of rows, numbered across all splits
    persons = {split: datamodule.persons(split).tolist() for split in ("train", "valid", "test")}
    assert persons == {"train": [0, 0], "valid": [1, 1], "test": [2, 2]}


def test_without_a_list_of_identities_persons_are_not_known(fake, tmp_path, cache_dir):
    official_zip(tmp_path, fake)
    datamodule = make_datamodule(tmp_path, cache_dir)
    assert datamodule.persons("test") is None
    assert not datamodule.independent_images


def test_the_list_of_identities_is_found_in_the_releases_folders(fake, tmp_path):
    release_subfolders_zip(tmp_path, fake)
    (tmp_path / "Anno" / "identity_CelebA.txt").write_text(IDENTITIES)
    assert len(set(CelebASource(tmp_path, 16).persons())) == 3


def test_the_list_of_identities_changes_no_key(fake, tmp_path):
    official_zip(tmp_path, fake)
    source = CelebASource(tmp_path, 16)
    before = source.content_key(), source.cache_key()
    (tmp_path / "identity_CelebA.txt").write_text(IDENTITIES)
    assert (source.content_key(), source.cache_key()) == before


def test_the_list_may_have_more_images_and_other_suffixes(tmp_path):
    path = tmp_path / "identity_CelebA.csv"
    path.write_text("image_id,identity\n000001.png,5\n000002.png,6\n000003.png,5\n")
    ids, notes = read_identities(path, ["000003.jpg", "000001.jpg"])
    assert ids.tolist() == [5, 5]
    assert notes == []
    path.write_text("image_id,identity\na/000001.png,5\nb/000001.png,6\n")
    with pytest.raises(UserError, match="two values for 000001; replace the file"):
        read_identities(path, ["000001.jpg"])


def test_images_that_the_list_lacks_count_as_other_persons(fake, tmp_path, caplog):
    official_zip(tmp_path, fake)
    path = tmp_path / "identity_CelebA.txt"
    path.write_text("\n".join(IDENTITIES.splitlines()[:4]))
    with caplog.at_level(logging.WARNING):
        ids = CelebASource(tmp_path, 16).persons()
    assert len(set(ids)) == 4
    assert ids[0] == ids[3] == 2880
    assert caplog.messages == [
        f"{path} lacks 2 of 6 images, such as 000007.jpg: each of them counts as another person"
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (IDENTITIES.replace("2880", "Ann", 1), "000001.jpg has the value 'Ann'"),
        (IDENTITIES.replace("2880", "-2", 1), "000001.jpg has the value '-2'"),
        (IDENTITIES.replace("2880", "9" * 20, 1), "000001.jpg has the value '9999"),
        (IDENTITIES[:-2], "line 6 (000016.jpg) has 1 instead of 2 fields"),
        (IDENTITIES + "000001.jpg 17\n", "two values for 000001.jpg, the second in line 7"),
        (IDENTITIES.replace("0000", "9999"), "has none of the 6 images, such as 000001.jpg"),
        ("", "is empty"),
        (IDENTITIES.replace("\n", " 1\n"), "has 2 columns besides the image names"),
        (HTML, "is a web page"),
    ],
    ids=["text", "negative", "huge", "truncated", "twice", "other", "empty", "wide", "page"],
)
def test_a_damaged_list_raises_one_line_that_says_what_to_do(text, problem, fake, tmp_path):
    official_zip(tmp_path, fake)
    path = tmp_path / "identity_CelebA.txt"
    path.write_text(text)
    with pytest.raises(UserError) as error:
        CelebASource(tmp_path, 16).persons()
    message = str(error.value)
    assert str(path) in message
    assert problem in message
    assert "\n" not in message
    assert "remove it, which takes images as independent" in message or problem == "is a web page"


def test_the_official_splits_by_number_share_no_person(fake, tmp_path, cache_dir, caplog):
    numbers = [1, 162_771, 182_638, 2, 162_772, 182_639]
    official_zip(tmp_path, renumber(fake, numbers))
    (tmp_path / "list_eval_partition.txt").unlink()
    ids = "".join(f"{n:06d}.jpg {index % 3}\n" for index, n in enumerate(numbers))
    (tmp_path / "identity_CelebA.txt").write_text(ids)
    datamodule = make_datamodule(tmp_path, cache_dir)
    assert [datamodule.persons(split).tolist() for split in ("train", "valid", "test")] == [
        [0, 0],
        [1, 1],
        [2, 2],
    ]
    assert "in several splits" not in caplog.text


def test_persons_in_several_splits_are_reported_once(fake, tmp_path, cache_dir, caplog):
    official_zip(tmp_path, fake)
    (tmp_path / "identity_CelebA.txt").write_text(IDENTITIES.replace("2880", "17"))
    datamodule = make_datamodule(tmp_path, cache_dir)
    with caplog.at_level(logging.WARNING):
        for split in ("train", "valid", "test"):
            datamodule.persons(split)
    (message,) = caplog.messages
    assert message.startswith("celeba-16: 1 of 2 persons have images in several splits")


@pytest.mark.skipif(
    not (CELEBA / "identity_CelebA.txt").is_file(),
    reason=f"no identity_CelebA.txt in {CELEBA}; set PRIVACY_GAN_CELEBA to a copy with it",
)
def test_celebas_splits_share_no_person():
    partition = read_partition_list(CELEBA / "list_eval_partition.txt")
    ids, notes = read_identities(CELEBA / "identity_CelebA.txt", partition.names)
    assert notes == []
    assert len(set(ids)) < len(ids) / 2
    assert shared_persons_note(ids, partition.values[:, 0]) == []


def test_the_number_of_shared_persons_counts_persons_not_images():
    splits = np.array([0, 0, 1, 2, 2, 1], np.uint8)
    (note,) = shared_persons_note([1, 1, 1, 2, 2, 2], splits)
    assert note.startswith("2 of 2 persons")
    assert shared_persons_note([1, 1, 2, 3, 3, 2], splits) == []


def test_drawn_data_are_independent_and_name_no_persons(cache_dir):
    counts = {"num_train": 4, "num_valid": 2, "num_test": 2, "batch_size": 2, "seed": 0}
    faces = SyntheticFacesDataModule(16, drawing_seed=0, cache_dir=cache_dir, **counts)
    for datamodule in (faces, GaussianDataModule(**counts)):
        datamodule.setup()
        assert datamodule.persons("test") is None
        assert datamodule.independent_images
