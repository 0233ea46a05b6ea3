"""Nested subsets of the training images."""

from contextlib import nullcontext

import numpy as np
import pytest
import torch
from planted import LightAndDark

from privacy_gan.data.release_format import ReleaseFormat
from privacy_gan.evaluation.source import (
    FileFormatSource,
    FolderSource,
    count_batches,
    original_images,
)
from privacy_gan.evaluation.subsets import nested_blocks, restrict
from privacy_gan.hardware import Compute

CPU = Compute(torch.device("cpu"), nullcontext)
SHARES = [0.25, 0.5]


class People(LightAndDark):
    """Twelve images of each person; the persons' images are not adjacent."""

    def read_persons(self):
        return np.arange(sum(self.counts)) % (sum(self.counts) // 12)


def set_up(data):
    data.setup()
    return data


def test_blocks_divide_the_training_images_and_hold_no_others():
    data = set_up(LightAndDark(train=64))
    blocks = nested_blocks(data, SHARES, seed=0)
    assert [len(block) for block in blocks] == [16, 16, 32]
    assert sorted(np.concatenate(blocks)) == list(data.rows("train"))


def test_blocks_depend_on_the_seed_alone():
    data = set_up(LightAndDark(train=64))
    first, again, other = (nested_blocks(data, SHARES, seed) for seed in (0, 0, 1))
    assert all(map(np.array_equal, first, again))
    assert not np.array_equal(first[0], other[0])


def test_no_person_is_in_two_blocks():
    data = set_up(People(train=480, valid=60, test=60))
    persons = data.read_persons()
    blocks = nested_blocks(data, SHARES, seed=0)
    people = [set(persons[block]) for block in blocks]
    assert len(people[0] | people[1] | people[2]) == sum(map(len, people))
    assert sorted(np.concatenate(blocks)) == list(data.rows("train"))
    assert [len(block) for block in blocks] == pytest.approx([120, 120, 240], abs=12)


@pytest.mark.parametrize("kind", ["mechanism", "folder", "jpeg"])
def test_a_restricted_source_trains_on_the_subset_in_full_batches(kind):
    data = set_up(LightAndDark(train=96, valid=32, test=40))
    source = original_images(data, CPU)
    if kind == "folder":
        source = FolderSource(data, data, CPU)
    elif kind == "jpeg":
        source = FileFormatSource(source, ReleaseFormat.parse("jpeg-90"))
    rows = nested_blocks(data, SHARES, seed=0)[0]
    subset = restrict(source, "train", rows)
    batches = list(subset.training_epoch(0, 8, seed=0))
    assert [len(batch.images) for batch in batches] == [8, 8, 8]
    assert count_batches(subset.datamodule, "train", 8) == 3
    expected = data.gather(torch.from_numpy(rows)).images.sum(dim=(1, 2, 3))
    seen = torch.cat([batch.original.sum(dim=(1, 2, 3)) for batch in batches])
    assert torch.equal(seen.sort().values, expected.sort().values)
    for split in ("valid", "test"):
        both = (next(each.query(split, 0, 0)).images for each in (source, subset))
        assert torch.equal(*both)
    assert len(source.datamodule.rows("train")) == 96


def test_training_images_can_be_predicted_as_test_images():
    data = set_up(LightAndDark(train=96, valid=32, test=40))
    block = nested_blocks(data, SHARES, seed=0)[1]
    unseen = restrict(original_images(data, CPU), "test", block)
    images = torch.cat([batch.images for batch in unseen.query("test", 0, 0)])
    assert torch.equal(images, data.gather(torch.from_numpy(block)).images)
    assert not set(unseen.datamodule.rows("train")) & set(block)
