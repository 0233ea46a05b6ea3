"""One categorical attribute made of several binary ones, such as the colour of the hair."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from privacy_gan.errors import UserError

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
        """Refuse what is no choice between classes.

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


def group_of(words: Sequence[str], rule: str | None) -> AttributeGroup:
    """Return the group that names make up, whether or not they were joined before."""
    members = [member for word in words for member in word.split(SEPARATOR)]
    members[-1] = members[-1].removesuffix(f"-{rule}")
    return AttributeGroup(tuple(members), rule)
