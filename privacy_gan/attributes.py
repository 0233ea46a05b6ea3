"""The names of attributes: CelebA's, the paper's words for them, and the closest to a slip."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

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
