"""Which images were told right, packed into text and back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from privacy_gan.runs.result import pack, unpack


def test_eight_images_are_two_digits_the_first_one_highest():
    assert pack([True, False, True, False, True, True, True, True, True]) == "af80"


@given(st.lists(st.booleans(), min_size=1, max_size=40))
def test_what_is_packed_is_unpacked(right):
    np.testing.assert_array_equal(unpack(pack(right), len(right)), right)


@pytest.mark.parametrize("text", ["af", "af8000", "no hexadecimals"])
def test_text_of_another_length_is_refused(text):
    with pytest.raises(ValueError, match=r"bytes|hexadecimal"):
        unpack(text, 9)
