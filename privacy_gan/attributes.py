"""Attribute names, their aliases, and categorical attributes composed of binary ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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
    return word.strip().lower().replace(" ", "_").replace("-", "_")


def find_attribute(word: str, names: Sequence[str]) -> str:
    """Return the attribute with a given name or alias.

    Case does not matter, and spaces, hyphens and underscores are equivalent.

    Args:
        word: name of an attribute, or one of the paper's names for it.
        names: attributes of the data set.

    Raises:
        UserError: there is no such attribute; the message suggests the most similar one.
    """
    spellings = {_simplify(name): name for name in names}
    spellings |= {alias: name for alias, name in ALIASES.items() if name in names}
    simplified = _simplify(word)
    if simplified in spellings:
        return spellings[simplified]
    close = get_close_matches(simplified, spellings, n=1)
    hint = f"did you mean {spellings[close[0]]}?" if close else f"choose from {', '.join(names)}"
    raise UserError(f"the data have no attribute '{word}': {hint}")


SEPARATOR = "+"

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
            attributes: binary labels, [N, A].
            names: names of the A attributes.

        Raises:
            UserError: some images have none or several of the members, and there is no rule.
        """
        chosen = attributes[:, [names.index(name) for name in self.members]]
        number = chosen.sum(axis=1)
        labels = chosen.argmax(axis=1).astype(np.uint8)  # index of the first one
        if self.rule == "other":
            labels[number != 1] = len(self.members)
            return labels, np.ones(len(labels), dtype=bool)
        if self.rule is None and (number != 1).any():
            meanings = "; ".join(f"{rule}: {meaning}" for rule, meaning in RULES.items())
            raise UserError(
                f"of {len(labels)} images {int((number == 0).sum())} have none of "
                f"{', '.join(self.members)} and {int((number > 1).sum())} have several: set "
                f"group_rule=RULE to one of these ({meanings})"
            )
        return labels, number >= 1 if self.rule == "first" else number == 1


def parse_attribute_group(words: Sequence[str], rule: str | None) -> AttributeGroup:
    """Return the group of the given attributes; a word may itself be the name of a group."""
    members = [member for word in words for member in word.split(SEPARATOR)]
    members[-1] = members[-1].removesuffix(f"-{rule}")
    return AttributeGroup(tuple(members), rule)
