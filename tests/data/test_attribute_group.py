"""Several binary attributes as one categorical attribute."""

import numpy as np
import pytest

from privacy_gan.attributes import AttributeGroup, parse_attribute_group
from privacy_gan.errors import UserError

NAMES = ("Hat", "Black", "Brown", "Blond")
LABELS = np.array(
    [[0, 1, 0, 0], [1, 0, 1, 0], [0, 0, 0, 1], [1, 0, 0, 0], [0, 0, 1, 1]], dtype=np.uint8
)
COLOURS = ("Black", "Brown", "Blond")


@pytest.mark.parametrize(
    ("rule", "labels", "kept"),
    [
        ("other", [0, 1, 2, 3, 3], [1, 1, 1, 1, 1]),
        ("drop", [0, 1, 2, None, None], [1, 1, 1, 0, 0]),
        ("first", [0, 1, 2, None, 1], [1, 1, 1, 0, 1]),
    ],
)
def test_a_rule_says_what_images_with_none_or_several_are(rule, labels, kept):
    found, stays = AttributeGroup(COLOURS, rule).labels(LABELS, NAMES)
    assert stays.tolist() == [bool(keep) for keep in kept]
    assert found[stays].tolist() == [label for label in labels if label is not None]


def test_the_order_of_the_members_is_that_of_the_classes():
    found, _ = AttributeGroup(("Blond", "Black", "Brown"), "first").labels(LABELS, NAMES)
    assert found[[0, 1, 2, 4]].tolist() == [1, 2, 0, 0]


def test_no_rule_is_needed_where_every_image_has_exactly_one():
    group = AttributeGroup(COLOURS)
    assert group.labels(LABELS[:3], NAMES)[0].tolist() == [0, 1, 2]
    with pytest.raises(UserError, match="of 5 images 1 have none of Black, Brown, Blond and 1 hav"):
        group.labels(LABELS, NAMES)


@pytest.mark.parametrize("rule", [None, "other", "drop"])
def test_a_name_says_what_the_group_is(rule):
    group = AttributeGroup(COLOURS, rule)
    assert parse_attribute_group([group.name], rule) == group
    assert parse_attribute_group(COLOURS, rule) == group
    assert group.name.startswith("Black+Brown+Blond")


@pytest.mark.parametrize("members", [("Hat",), ("Hat", "Hat"), ()])
def test_a_group_has_two_different_members_or_more(members):
    with pytest.raises(UserError, match="two or more different attributes"):
        AttributeGroup(members)
