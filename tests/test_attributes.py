"""Attribute names and aliases."""

import pytest

from privacy_gan.attributes import (
    CELEBA_ATTRIBUTES,
    NO_YES,
    canonical_attribute,
    find_attribute,
    value_names,
)
from privacy_gan.errors import UserError


def test_celeba_has_40_distinct_attributes():
    assert len(set(CELEBA_ATTRIBUTES)) == len(CELEBA_ATTRIBUTES) == 40


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("Smiling", "Smiling"),
        ("smile", "Smiling"),
        ("gender", "Male"),
        ("Gender", "Male"),
        ("lipstick", "Wearing_Lipstick"),
        ("age", "Young"),
        ("young", "Young"),
        ("makeup", "Heavy_Makeup"),
        ("heavy makeup", "Heavy_Makeup"),
        ("high-cheekbones", "High_Cheekbones"),
        ("Mouth Open", "Mouth_Slightly_Open"),
        ("5_o_clock_shadow", "5_o_Clock_Shadow"),
    ],
)
def test_aliases_and_any_case_are_accepted(word, name):
    assert find_attribute(word, CELEBA_ATTRIBUTES) == name
    assert canonical_attribute(word) == name


def test_error_suggests_the_most_similar_attribute():
    with pytest.raises(UserError, match="no attribute 'Smilling': did you mean Smiling"):
        find_attribute("Smilling", CELEBA_ATTRIBUTES)


def test_error_lists_the_available_attributes():
    with pytest.raises(UserError, match="choose from Smiling, Male"):
        find_attribute("Bald", ["Smiling", "Male"])


def test_alias_of_a_missing_attribute_is_rejected():
    with pytest.raises(UserError):
        find_attribute("gender", ["Smiling"])


def test_canonical_attribute_returns_unknown_words_unchanged():
    assert canonical_attribute("component") == "component"


def test_a_name_of_the_data_comes_before_an_alias_and_an_exact_one_before_a_similar_one():
    assert find_attribute("age", ["Young", "age"]) == "age"
    assert find_attribute("Gender", ["gender", "Male"]) == "gender"
    assert find_attribute("gender", ["Male"]) == "Male"
    both = ["Hair Colour", "hair_colour"]
    assert [find_attribute(name, both) for name in both] == both
    with pytest.raises(UserError, match="'hair-colour' may be Hair Colour or hair_colour"):
        find_attribute("hair-colour", both)


def test_values_are_named_as_people_read_them():
    assert value_names("Young", NO_YES) == ("Young: no", "Young: yes")
    assert value_names("age", ("0-2", "3-9")) == ("age: 0-2", "age: 3-9")
    assert value_names("Black_Hair+Blond_Hair", ("Black_Hair", "Blond_Hair")) == (
        "Black Hair",
        "Blond Hair",
    )
