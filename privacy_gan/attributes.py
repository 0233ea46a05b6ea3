"""Attribute names, their aliases, and categorical attributes composed of binary ones."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

import numpy as np
import numpy.typing as npt

from privacy_gan.errors import UserError

# All 40 attributes of CelebA, in the order of its label file.
CELEBA_ATTRIBUTES = tuple(
    """
    5_o_Clock_Shadow Arched_Eyebrows Attractive Bags_Under_Eyes Bald Bangs Big_Lips Big_Nose
    Black_Hair Blond_Hair Blurry Brown_Hair Bushy_Eyebrows Chubby Double_Chin Eyeglasses Goatee
    Gray_Hair Heavy_Makeup High_Cheekbones Male Mouth_Slightly_Open Mustache Narrow_Eyes No_Beard
    Oval_Face Pale_Skin Pointy_Nose Receding_Hairline Rosy_Cheeks Sideburns Smiling Straight_Hair
    Wavy_Hair Wearing_Earrings Wearing_Hat Wearing_Lipstick Wearing_Necklace Wearing_Necktie Young
    """.split()
)

# The paper's names of attributes (section 4.2, tables 1 and 2), and short forms.
ALIASES = {
    "smile": "Smiling",
    "gender": "Male",
    "lipstick": "Wearing_Lipstick",
    "age": "Young",
    "cheekbones": "High_Cheekbones",
    "mouth_open": "Mouth_Slightly_Open",
    "makeup": "Heavy_Makeup",
}
PAPER_ATTRIBUTES = tuple(ALIASES.values())  # those that the paper evaluates


def canonical_attribute(word: str) -> str:
    """Return the CelebA attribute with this name or alias, or the word itself if there is none."""
    try:
        return find_attribute(word, CELEBA_ATTRIBUTES)
    except UserError:
        return word


def _simplify(word: str) -> str:
    return re.sub(r"[ /-]", "_", word.strip().lower())


def find_attribute(word: str, names: Sequence[str]) -> str:
    """Return the attribute with a given name or alias.

    An exact name comes first, then one that differs in case, or in spaces, hyphens, slashes and
    underscores, then an alias.

    Args:
        word: name of an attribute, or one of the paper's names for it.
        names: attributes of the data set.

    Raises:
        UserError: there is no such attribute, in which case the message suggests the most similar
            one, or the word may mean two of them.
    """
    if word in names:
        return word
    simplified = _simplify(word)
    similar = [name for name in names if _simplify(name) == simplified]
    if len(similar) > 1:
        raise UserError(f"'{word}' may be {similar[0]} or {similar[1]}: write it as the data do")
    spellings = {alias: name for alias, name in ALIASES.items() if name in names}
    spellings |= {_simplify(name): name for name in names}
    if simplified in spellings:
        return spellings[simplified]
    close = get_close_matches(simplified, spellings, n=1)
    hint = f"did you mean {spellings[close[0]]}?" if close else f"choose from {', '.join(names)}"
    raise UserError(f"the data have no attribute '{word}': {hint}")


SEPARATOR = "+"
UNKNOWN = 255  # in a table of labels: the image has no value of the attribute
IGNORED = -100  # the same in a batch: the ignore_index of torch's losses
NO_YES = ("0", "1")  # classes of an attribute that images have or lack


@dataclass(frozen=True)
class DataAttributes:
    """The attributes of a data set.

    Attributes:
        classes: names of each attribute's values, in the order of the columns of labels.
        measurable: returns the attributes to measure by default, given those that are hidden: all
            whose classes occur in every split among the images with values of the hidden ones.
        unusable: why other columns of the labels are not attributes, by their names.
    """

    classes: Mapping[str, tuple[str, ...]]
    measurable: Callable[[Sequence[str]], tuple[str, ...]]
    unusable: Mapping[str, str] = field(default_factory=dict)

    def find(self, word: str) -> str:
        """Return the attribute that a word means, see ``find_attribute``.

        Raises:
            UserError: there is no such attribute.
        """
        if word not in self.classes:
            for name, reason in self.unusable.items():
                if _simplify(name) == _simplify(word):
                    raise UserError(reason)
        return find_attribute(word, tuple(self.classes))


def value_names(attribute: str, classes: Sequence[str]) -> tuple[str, ...]:
    """Return the values of an attribute as people read them: "Young: yes", "age: 20-29".

    Args:
        attribute: its name; the classes of a group of attributes are attributes themselves.
        classes: names of its values; ``NO_YES`` are no and yes.
    """
    if SEPARATOR in attribute:
        names = list(classes)
    else:
        words = ("no", "yes") if tuple(classes) == NO_YES else classes
        names = [f"{attribute}: {word}" for word in words]
    return tuple(name.replace("_", " ") for name in names)


# How images with none or several of a group's attributes are labelled.
RULES = {
    "other": "an additional class",
    "drop": "excluded from all splits",
    "first": "with several, the class listed first; with none, excluded",
}


@dataclass(frozen=True)
class AttributeGroup:
    """A categorical attribute whose classes are binary attributes.

    Attributes:
        members: the binary attributes, in the order of the classes.
        rule: how images with none or several of them are labelled, a key of RULES; None if there
            are no such images.
    """

    members: tuple[str, ...]
    rule: str | None = None

    def __post_init__(self) -> None:
        """Check members and rule.

        Raises:
            UserError: there are fewer than two members, one occurs twice, or the rule is unknown.
        """
        listed = ",".join(self.members)
        if len(set(self.members)) < max(2, len(self.members)):
            raise UserError(f"attribute=[{listed}] must list two or more different attributes")
        if self.rule is not None and self.rule not in RULES:
            raise UserError(f"group_rule={self.rule} is unknown: choose one of {', '.join(RULES)}")

    @property
    def name(self) -> str:
        """Name of the categorical attribute, such as Black_Hair+Blond_Hair-other."""
        return SEPARATOR.join(self.members) + (f"-{self.rule}" if self.rule else "")

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, by index."""
        return (*self.members, "other") if self.rule == "other" else self.members

    def labels(
        self, attributes: npt.NDArray[np.uint8], names: Sequence[str]
    ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]]:
        """Return the class of each image, [N], and whether the image belongs to the data, [N].

        Args:
            attributes: labels, [N, A]; those of the members are 0, 1 or ``UNKNOWN``. An image with
                an unknown one does not belong to the data.
            names: names of the A attributes.

        Raises:
            UserError: some images have none or several of the members, and there is no rule.
        """
        chosen = attributes[:, [names.index(name) for name in self.members]]
        known = (chosen != UNKNOWN).all(axis=1)
        number = (chosen == 1).sum(axis=1)
        labels = (chosen == 1).argmax(axis=1).astype(np.uint8)  # index of the first one
        if self.rule == "other":
            labels[number != 1] = len(self.members)
            return labels, known
        if self.rule is None and (number[known] != 1).any():
            meanings = "; ".join(f"{rule}: {meaning}" for rule, meaning in RULES.items())
            raise UserError(
                f"of {int(known.sum())} images {int((number[known] == 0).sum())} have none of "
                f"{', '.join(self.members)} and {int((number[known] > 1).sum())} have several: set "
                f"group_rule=RULE to one of these ({meanings})"
            )
        return labels, known & (number >= 1 if self.rule == "first" else number == 1)


def parse_attribute_group(words: Sequence[str], rule: str | None) -> AttributeGroup:
    """Return the group of the given attributes; a word may itself be the name of a group."""
    members = [member for word in words for member in word.split(SEPARATOR)]
    members[-1] = members[-1].removesuffix(f"-{rule}")
    return AttributeGroup(tuple(members), rule)
