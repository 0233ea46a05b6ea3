"""Persons as text in result.json."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from privacy_gan.data.persons import number_persons
from privacy_gan.runs.person_ids import pack_persons, unpack_persons


def test_persons_are_numbered_in_the_order_of_their_first_images():
    assert number_persons([30, 10, 30, 20, 10]).tolist() == [0, 1, 0, 2, 1]
    assert number_persons(["bob", "ann", "bob"]).tolist() == [0, 1, 0]


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=40))
def test_unpack_returns_which_images_show_the_same_person(ids):
    unpacked = unpack_persons(pack_persons(ids), len(ids))
    same = np.equal.outer(ids, ids)
    np.testing.assert_array_equal(np.equal.outer(unpacked, unpacked), same)


def test_the_text_does_not_depend_on_the_names_of_persons():
    assert pack_persons([2880, 17, 2880]) == pack_persons(["x", "a", "x"])


def test_a_thousand_persons_in_two_thousand_images_take_a_few_kilobytes():
    ids = np.random.default_rng(0).integers(0, 1000, 2000)
    assert len(pack_persons(ids)) < 6000


@pytest.mark.parametrize("text", ["not base64!", "AAAA", pack_persons([1, 2])])
def test_damaged_text_is_rejected(text):
    with pytest.raises(ValueError, match=r"damaged|cannot be the persons in 3 images"):
        unpack_persons(text, 3)
