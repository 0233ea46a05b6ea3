"""Attributes: their names, the paper's words for them, and categorical ones made of several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np
import numpy.typing as npt

from privacy_gan.errors import UserError

# All forty of CelebA, in the order of its label file.
CELEBA_ATTRIBUTES = tuple(
    """
    5_o_Clock_Shadow Arched_Eyebrows Attractive Bags_Under_Eyes Bald Bangs Big_Lips Big_Nose
    Black_Hair Blond_Hair Blurry Brown_Hair Bushy_Eyebrows Chubby Double_Chin Eyeglasses Goatee
    Gray_Hair Heavy_Makeup High_Cheekbones Male Mouth_Slightly_Open Mustache Narrow_Eyes No_Beard
    Oval_Face Pale_Skin Pointy_Nose Receding_Hairline Rosy_Cheeks Sideburns Smiling Straight_Hair
    Wavy_Hair Wearing_Earrings Wearing_Hat Wearing_Lipstick Wearing_Necklace Wearing_Necktie Young
    """.split()
)

# The paper's words (section 4.2, tables 1 and 2), and short forms of them.
ALIASES = {
    "smile": "Smiling",
    "gender": "Male",
    "lipstick": "Wearing_Lipstick",
    "age": "Young",
    "cheekbones": "High_Cheekbones",
    "mouth_open": "Mouth_Slightly_Open",
    "makeup": "Heavy_Makeup",
}
PAPER_ATTRIBUTES = tuple(ALIASES.values())  # those that it measures


def canonical_attribute(word: str) -> str:
    """Return the CelebA attribute that a word means, or the word itself where it means none."""
    try:
        return find_attribute(word, CELEBA_ATTRIBUTES)
    except UserError:
        return word


def _simplify(word: str) -> str:
    return word.strip().lower().replace(" ", "_").replace("-", "_")


def find_attribute(word: str, names: Sequence[str]) -> str:
    """Return the attribute that a word means, whatever its case and whether words are spaced.

    Args:
        word: an attribute's name or one of the paper's words for it.
        names: the attributes that the data have.

    Raises:
        UserError: there is no such attribute; names the closest.
    """
    spellings = {_simplify(name): name for name in names}
    spellings |= {alias: name for alias, name in ALIASES.items() if name in names}
    simplified = _simplify(word)
    if simplified in spellings:
        return spellings[simplified]
    close = get_close_matches(simplified, spellings, n=1)
    hint = f"did you mean {spellings[close[0]]}?" if close else f"there are {', '.join(names)}"
    raise UserError(f"the data have no attribute '{word}': {hint}")


SEPARATOR = "+"

# What an image is that has none of a group's attributes, or several of them.
RULES = {
    "other": "a class of its own",
    "drop": "left out of all splits",
    "first": "of the class that comes first in the list, where it has several; left out otherwise",
}


@dataclass(frozen=True)
class AttributeGroup:
    """A categorical attribute: which one of several binary attributes an image has.

    Attributes:
        members: the binary attributes, whose order is that of the classes.
        rule: what becomes of images with none or several of them, one of RULES; None where there
            are no such images.
    """

    members: tuple[str, ...]
    rule: str | None = None

    def __post_init__(self) -> None:
        """Refuse what is not a choice between classes.

        Raises:
            UserError: there are less than two members, one occurs twice, or the rule is unknown.
        """
        listed = ",".join(self.members)
        if len(set(self.members)) < max(2, len(self.members)):
            raise UserError(f"attribute=[{listed}] must list two or more different attributes")
        if self.rule is not None and self.rule not in RULES:
            raise UserError(f"group_rule={self.rule} is unknown: there are {', '.join(RULES)}")

    @property
    def name(self) -> str:
        """What the categorical attribute is called: Black_Hair+Blond_Hair-other."""
        return SEPARATOR.join(self.members) + (f"-{self.rule}" if self.rule else "")

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order of their numbers."""
        return (*self.members, "other") if self.rule == "other" else self.members

    def labels(
        self, attributes: npt.NDArray[np.uint8], names: Sequence[str]
    ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]]:
        """Return the class of every image [N], and whether the image is kept [N].

        Args:
            attributes: binary labels [N, A].
            names: their names.

        Raises:
            UserError: there are images with none or several of the members, and no rule.
        """
        chosen = attributes[:, [names.index(name) for name in self.members]]
        number = chosen.sum(axis=1)
        labels = chosen.argmax(axis=1).astype(np.uint8)  # the first of several
        if self.rule == "other":
            labels[number != 1] = len(self.members)
            return labels, np.ones(len(labels), dtype=bool)
        if self.rule is None and (number != 1).any():
            meanings = "; ".join(f"{rule}: {meaning}" for rule, meaning in RULES.items())
            raise UserError(
                f"of {len(labels)} images {int((number == 0).sum())} have none of "
                f"{', '.join(self.members)} and {int((number > 1).sum())} have several: say with "
                f"group_rule=RULE what they are ({meanings})"
            )
        return labels, number >= 1 if self.rule == "first" else number == 1


def parse_attribute_group(words: Sequence[str], rule: str | None) -> AttributeGroup:
    """Return the group that names make up, whether or not they were joined before."""
    members = [member for word in words for member in word.split(SEPARATOR)]
    members[-1] = members[-1].removesuffix(f"-{rule}")
    return AttributeGroup(tuple(members), rule)
