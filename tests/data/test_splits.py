"""Splits that are made here are stratified, and keep a person's images together."""

import numpy as np
import pytest

from privacy_gan.attributes import UNKNOWN
from privacy_gan.data.splits import (
    complete_splits,
    find_split_column,
    parse_splits,
    require_training_images,
    stratified_splits,
)
from privacy_gan.errors import UserError

RNG = np.random.default_rng(0)
LABELS = (RNG.random((1000, 4)) < (0.5, 0.1, 0.02, 0.9)).astype(np.uint8)


def shares(splits, labels):
    return np.array([labels[splits == split].mean(axis=0) for split in range(3)])


def test_each_split_has_the_classes_of_all_images():
    splits = stratified_splits(LABELS, None, seed=0)
    assert np.abs(np.bincount(splits) - (800, 100, 100)).max() <= 3
    assert np.abs(shares(splits, LABELS) - LABELS.mean(axis=0)).max() < 0.015
    assert (splits == stratified_splits(LABELS, None, seed=0)).all()
    assert (splits != stratified_splits(LABELS, None, seed=1)).any()


def test_a_class_of_three_images_is_in_every_split():
    labels = np.array([[3]] * 3 + [[n % 3] for n in range(300)], np.uint8)
    assert sorted(stratified_splits(labels, None, seed=0)[:3]) == [0, 1, 2]


def test_images_without_a_value_are_in_no_class():
    labels = LABELS.copy()
    labels[::2, 0] = UNKNOWN
    splits = stratified_splits(labels, None, seed=0)
    for value in (0, 1):
        count = np.bincount(splits[labels[:, 0] == value])
        assert np.abs(count / count.sum() - (0.8, 0.1, 0.1)).max() < 0.02


def test_all_images_of_a_person_are_in_one_split():
    people = np.array([f"p{n % 97}" for n in range(1000)])
    splits = stratified_splits(LABELS, people, seed=3)
    assert all(len(set(splits[people == person])) == 1 for person in people)
    assert np.abs(np.bincount(splits) / 1000 - (0.8, 0.1, 0.1)).max() < 0.03
    assert np.abs(shares(splits, LABELS) - LABELS.mean(axis=0)).max() < 0.07


@pytest.mark.parametrize(
    ("given", "count", "note"),
    [
        ([0, 1, 2], None, None),
        ([0, 2], [450, 50, 500], "there are no validation images: 10% of the training images"),
        ([0, 1], [450, 50, 500], "there are no test images: the validation images are the test"),
        ([0], [800, 100, 100], "all images are given as training images"),
    ],
)
def test_given_splits_are_kept_and_missing_ones_made(given, count, note):
    splits = np.array(given, np.uint8)[np.arange(1000) % len(given)]
    completed, notes = complete_splits(splits, LABELS, None, seed=0)
    if note is None:
        assert (completed == splits).all()
        assert notes == []
        return
    assert np.abs(np.bincount(completed) - count).max() <= 3
    assert notes[0].startswith(note)
    if len(given) > 1:
        assert ((completed == 2) == (splits != 0)).all()


def test_splits_without_training_images_are_an_error():
    message = "split=fold has no training images, only valid and test: call those to learn from tr"
    with pytest.raises(UserError, match=message):
        require_training_images(np.array([1, 2, 1], np.uint8), "split=fold")


def test_a_column_is_a_split_by_its_name_and_its_words():
    words = {"Split": ("a", "b"), "phase": ("train", "test"), "partition": ("train", "val")}
    assert find_split_column(words) == "partition"
    with pytest.raises(UserError, match="split=partition has the value 'left': use train, valid"):
        parse_splits(("train", "left"), "split=partition")
