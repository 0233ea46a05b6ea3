"""Columns of texts become attributes: yes and no, classes, and classes of numbers."""

import re

import pytest

from privacy_gan.attributes import UNKNOWN
from privacy_gan.data.columns import UnusableColumnError, encode_column

N = UNKNOWN


@pytest.mark.parametrize(
    ("texts", "classes", "values"),
    [
        ("1 0 1", "0 1", [1, 0, 1]),
        ("1 -1 1", "0 1", [1, 0, 1]),
        ("1.0 0.0 1.0", "0 1", [1, 0, 1]),
        ("1.0 -1.0 1", "0 1", [1, 0, 1]),
        ("1 1.0 2 3.0", "1 2 3", [0, 0, 1, 2]),
        ("v1.0 v1 v2", "v1 v1.0 v2", [1, 0, 2]),
        ("True false TRUE", "0 1", [1, 0, 1]),
        ("yes NO Yes", "0 1", [1, 0, 1]),
        ("Y n y", "0 1", [1, 0, 1]),
        ("1 ? 0", "0 1", [1, N, 0]),
        ("1 NaN 0", "0 1", [1, N, 0]),
        ("smiling neutral Smiling", "neutral smiling", [1, 0, 1]),
        ("20-29 3-9 0-2 more_than_70 3-9", "0-2 3-9 20-29 more_than_70", [2, 1, 0, 3, 1]),
        ("2.0 0.0 nan 1.0", "0 1 2", [2, 0, N, 1]),
    ],
)
def test_what_texts_mean(texts, classes, values):
    column = encode_column("a", texts.split())
    assert column.classes == tuple(classes.split())
    assert column.values.tolist() == values


def test_further_words_can_mean_that_there_is_no_value():
    assert encode_column("a", "1 -1 0 1".split(), ["0"]).values.tolist() == [1, 0, N, 1]
    # as in CheXpert, which writes numbers with fractions
    assert encode_column("a", "1.0 -1.0 0.0 1.0".split(), ["-1"]).values.tolist() == [1, N, 0, 1]
    words = encode_column("a", "Male Unsure Female".split(), ["unsure"])
    assert (words.classes, words.values.tolist()) == (("Female", "Male"), [1, N, 0])


@pytest.mark.parametrize(
    ("edges", "numbers", "classes", "values"),
    [
        ([0, 18, 40, 65], "0 17 18 39 40 65 99", "0-17 18-39 40-64 65+", [0, 0, 1, 1, 2, 3, 3]),
        ([18, 40], "17 18 40 nan", "18-39 40+", [N, 0, 1, N]),
        ([0, 1, 2], "0 1 2 3", "0 1 2+", [0, 1, 2, 2]),
    ],
)
def test_numbers_become_classes(edges, numbers, classes, values):
    column = encode_column("age", numbers.split(), edges=edges)
    assert column.classes == tuple(classes.split())
    assert column.values.tolist() == values


def test_classes_of_fractions_share_their_edges():
    column = encode_column("score", "0.1 0.5 0.9".split(), edges=[0, 0.5])
    assert column.classes == ("0 to 0.5", "0.5+")
    assert column.values.tolist() == [0, 1, 1]


@pytest.mark.parametrize(
    ("texts", "edges", "message"),
    [
        (
            "1 0 -1",
            None,
            "a has both -1 and 0, and one of them means unknown: say which",
        ),
        ("x x x", None, "a has one value, x, in all 3 images"),
        ("1 1 ?", None, "a has one value, 1, in all 2 images"),
        ("? nan na", None, "a has no values"),
        (
            " ".join(map(str, range(30))),
            None,
            "a has 30 different values, such as 0, 1: make",
        ),
        (
            " ".join(f"p{n}" for n in range(21)),
            None,
            "21 different values, such as p0, p1: an",
        ),
        ("1 2 old", [0, 2], "bins makes classes of numbers, but a has 'old'"),
        ("1 2 3", [5, 2], "bins of a must be two or more ascending numbers"),
        ("1 2 3", [0, 9], "a has numbers in fewer than two classes of bins"),
    ],
)
def test_a_column_that_is_no_attribute_says_why(texts, edges, message):
    with pytest.raises(UnusableColumnError, match=re.escape(message)):
        encode_column("a", texts.split(), edges=edges)
