"""Result files: packed bits, and files of version 6, whose keys have other names."""

import json

import numpy as np
import pytest
from commands import ROOT
from hypothesis import given
from hypothesis import strategies as st

from privacy_gan.runs.correct import pack_correct, unpack_correct
from privacy_gan.runs.result import RESULT_VERSION, Result


def test_pack_encodes_eight_images_as_two_digits_most_significant_first():
    assert pack_correct([True, False, True, False, True, True, True, True, True]) == "af80"


@given(st.lists(st.booleans(), min_size=1, max_size=40))
def test_unpack_inverts_pack(correct):
    np.testing.assert_array_equal(unpack_correct(pack_correct(correct), len(correct)), correct)


@pytest.mark.parametrize("text", ["af", "af8000", "no hexadecimals"])
def test_text_of_another_length_is_rejected(text):
    with pytest.raises(ValueError, match=r"bytes|hexadecimal"):
        unpack_correct(text, 9)


def test_version_6_is_read_with_all_its_values(tmp_path):
    renamed = {
        "identity": "fingerprint",
        "outcomes": "correct",
        "prior": "majority_baseline",
        "floor": "correlation_baseline",
    }
    for path in (ROOT / "docs" / "results").rglob("result.json"):
        text = path.read_text()
        Result.read(path).write(tmp_path / "result.json")
        for old, new in renamed.items():
            text = text.replace(f'"{old}": ', f'"{new}": ')
        current = json.loads((tmp_path / "result.json").read_text())
        assert_contains(current, {**json.loads(text), "version": RESULT_VERSION})


def assert_contains(whole, part):
    """Assert that a tree has every value of another one; it may have more keys."""
    if isinstance(part, dict):
        for key, value in part.items():
            assert_contains(whole[key], value)
    else:
        assert whole == part
