"""The published data sets that the project can read."""

from __future__ import annotations

from pathlib import Path

from privacy_gan.data.known_sets import celeba_hq, chest_xray, fairface, lfw, utkface
from privacy_gan.data.known_sets.known_set import KnownSet

KNOWN_SETS: dict[str, KnownSet] = {
    "chest_xray": KnownSet(chest_xray.TITLE, chest_xray.matches, chest_xray.read),
    "fairface": KnownSet(fairface.TITLE, fairface.matches, fairface.read),
    "celeba_hq": KnownSet(celeba_hq.TITLE, celeba_hq.matches, celeba_hq.read),
    "utkface": KnownSet(utkface.TITLE, utkface.matches, utkface.read),
    "lfw": KnownSet(lfw.TITLE, lfw.matches, lfw.read),
}


def find_known_set(root: Path) -> str | None:
    """Return the key of the first data set that a folder has, or None."""
    return next((key for key, known in KNOWN_SETS.items() if known.matches(root)), None)
