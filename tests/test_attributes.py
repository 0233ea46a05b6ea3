"""Words for attributes."""

import pytest

from privacy_gan.attributes import CELEBA_ATTRIBUTES, canonical_attribute, find_attribute
from privacy_gan.errors import UserError


def test_celeba_has_forty_distinct_attributes():
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
def test_the_papers_words_and_any_case_are_understood(word, name):
    assert find_attribute(word, CELEBA_ATTRIBUTES) == name
    assert canonical_attribute(word) == name


def test_a_slip_names_the_closest():
    with pytest.raises(UserError, match="no attribute 'Smilling': did you mean Smiling"):
        find_attribute("Smilling", CELEBA_ATTRIBUTES)


def test_an_attribute_that_these_data_lack_lists_what_they_have():
    with pytest.raises(UserError, match="there are Smiling, Male"):
        find_attribute("Bald", ["Smiling", "Male"])


def test_an_alias_of_an_attribute_that_these_data_lack_is_refused():
    with pytest.raises(UserError):
        find_attribute("gender", ["Smiling"])


def test_an_unknown_word_stays_as_it_is():
    assert canonical_attribute("component") == "component"
