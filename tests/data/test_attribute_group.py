"""Groups of binary attributes that form one categorical attribute."""

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
    ("rule", "expected", "selected"),
    [
        ("other", [0, 1, 2, 3, 3], [1, 1, 1, 1, 1]),
        ("drop", [0, 1, 2, None, None], [1, 1, 1, 0, 0]),
        ("first", [0, 1, 2, None, 1], [1, 1, 1, 0, 1]),
    ],
)
def test_the_rule_classifies_images_with_none_or_several_attributes(rule, expected, selected):
    labels, is_selected = AttributeGroup(COLOURS, rule).labels(LABELS, NAMES)
    assert is_selected.tolist() == [bool(each) for each in selected]
    assert labels[is_selected].tolist() == [label for label in expected if label is not None]


def test_classes_are_in_the_order_of_the_members():
    labels, _ = AttributeGroup(("Blond", "Black", "Brown"), "first").labels(LABELS, NAMES)
    assert labels[[0, 1, 2, 4]].tolist() == [1, 2, 0, 0]


def test_a_rule_is_needed_unless_every_image_has_exactly_one_of_the_attributes():
    group = AttributeGroup(COLOURS)
    assert group.labels(LABELS[:3], NAMES)[0].tolist() == [0, 1, 2]
    with pytest.raises(UserError, match="of 5 images 1 have none of Black, Brown, Blond and 1 hav"):
        group.labels(LABELS, NAMES)


@pytest.mark.parametrize("rule", [None, "other", "drop"])
def test_the_name_of_a_group_can_be_parsed(rule):
    group = AttributeGroup(COLOURS, rule)
    assert parse_attribute_group([group.name], rule) == group
    assert parse_attribute_group(COLOURS, rule) == group
    assert group.name.startswith("Black+Brown+Blond")


@pytest.mark.parametrize("members", [("Hat",), ("Hat", "Hat"), ()])
def test_a_group_needs_two_different_members(members):
    with pytest.raises(UserError, match="two or more different attributes"):
        AttributeGroup(members)
