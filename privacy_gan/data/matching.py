"""Which file each name in a list means, though programs write names as they like.

A name and a file are taken for the same image where nothing else fits either of them. These ways
are tried in their order: the name as it stands; without its suffix; without its folders; as a
number; and with the same words before or after all names, as tools add them.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from privacy_gan.errors import UserError

IMAGE_SUFFIX = r"\.(?:jpe?g|jpe|jfif|png|webp|bmp|gif|tiff?|ppm|heic|avif)"
SUFFIX = re.compile(IMAGE_SUFFIX + "$", re.IGNORECASE)
SAMPLE_SIZE = 10  # names in which words are looked for that a tool may have added
MAX_CANDIDATES = 2_000  # files among which the nearest to a name is looked for


@dataclass(frozen=True)
class Matches:
    """Which file each name means.

    Attributes:
        files: by the name's number.
        unlabelled: files that no name means, in order.
        notes: how names found files that are called otherwise, a clause each.
    """

    files: dict[int, str]
    unlabelled: list[str]
    notes: tuple[str, ...] = ()


def is_image_file(text: str) -> bool:
    """Tell whether a text is an image file's name."""
    return SUFFIX.search(text) is not None


def path_key(name: str) -> str:
    """Return a path without its suffix, spelled alike on all systems."""
    slashed = unicodedata.normalize("NFC", name.strip()).replace("\\", "/")
    return SUFFIX.sub("", slashed).removeprefix("./").casefold()


def file_key(name: str) -> str:
    """Return a file's name without folders and suffix, spelled alike on all systems."""
    return path_key(name).rpartition("/")[2]


def number_key(name: str) -> str:
    """Return the number that a file's name is, or "": spreadsheets drop leading zeros."""
    key = file_key(name)
    return str(int(key)) if key.isascii() and key.isdigit() else ""


IGNORING_SUFFIXES = ("without suffixes", path_key)
IGNORING_FOLDERS = ("without folders and suffixes", file_key)
AS_NUMBERS = ("as numbers", number_key)
IGNORING_AFFIXES = "apart from what was added to all of them"

Pairs = dict[str, str]  # a name's key and its file's


def match_names(names: Sequence[str], files: Collection[str], where: str) -> Matches:
    """Find the file that each name means.

    Args:
        names: of images, all different.
        files: that there are, with their folders.
        where: those are, in words for a message.

    Raises:
        UserError: several files fit a name, or several names a file; two of them are named.
    """
    matching = NameMatcher(names, files, where)
    for how, key in (IGNORING_SUFFIXES, IGNORING_FOLDERS, AS_NUMBERS):
        matching.match_by(how, key)
    matching.match_by_affixes()
    matching.reject_rivals()
    return matching.matches()


class NameMatcher:
    """Names that find their files, in one way after the other; see ``match_names``."""

    def __init__(self, names: Sequence[str], files: Collection[str], where: str) -> None:
        self.names, self.where = names, where
        self.all_files = sorted(files)
        exact = set(files)
        self.found = {row: name for row, name in enumerate(names) if name in exact}
        self.left = exact - set(self.found.values())
        self.notes: list[str] = []

    def matches(self) -> Matches:
        """Return what was found."""
        return Matches(self.found, sorted(self.left), tuple(self.notes))

    def match_by(self, how: str, key: Callable[[str], str]) -> None:
        """Match where a key belongs to one name and to one file, of all that there are."""
        if not self.left or len(self.found) == len(self.names):
            return
        rows_of, files_of = group_by_key(self.names, key), group_by_key(self.all_files, key)
        made = {}
        for of, rows in rows_of.items():
            alike = [self.all_files[number] for number in files_of.get(of, ())]
            if not alike or any(r in self.found for r in rows) or not self.left.issuperset(alike):
                continue
            if len(rows) > 1 or len(alike) > 1:
                raise self.ambiguity_error([self.names[row] for row in rows], alike)
            made[rows[0]] = alike[0]
        self.add_matches(how, made)

    def match_by_affixes(self) -> None:
        """Match where most files have the same words before or after the name, or most names."""
        left = [row for row in range(len(self.names)) if row not in self.found]
        rows = {file_key(self.names[row]): row for row in left}
        files = {file_key(file): file for file in self.left}
        longer_names = [
            {name: file for file, name in each.items()} for each in match_affixes(files, rows)
        ]
        best, *others = sorted(
            [*match_affixes(rows, files), *longer_names], key=len, reverse=True
        ) or [{}]
        if not best or 2 * len(best) < min(len(rows), len(files)):
            return
        names = {file: name for name, file in best.items()}
        as_good = [pairs for pairs in others if len(pairs) == len(best)]
        for name, file in (pair for pairs in as_good for pair in pairs.items()):
            if best.get(name, file) != file:
                raise self.ambiguity_error(
                    [self.names[rows[name]]], [files[best[name]], files[file]]
                )
            if names.get(file, name) != name:
                both = [self.names[rows[names[file]]], self.names[rows[name]]]
                raise self.ambiguity_error(both, [files[file]])
        self.add_matches(IGNORING_AFFIXES, {rows[name]: files[file] for name, file in best.items()})

    def reject_rivals(self) -> None:
        """Refuse files that are left and fit a name as well as the file that was taken for it."""
        if not self.left or not self.found:
            return
        taken = {path_key(self.names[row]): row for row in self.found}
        for file in sorted(self.left):
            parts = path_key(file).split("/")
            for start in range(len(parts)):
                row = taken.get("/".join(parts[start:]))
                if row is not None:
                    raise self.ambiguity_error([self.names[row]], [self.found[row], file])
        rows = {file_key(self.names[row]): row for row in self.found}
        files = {file_key(file): file for file in self.left}
        for pairs in match_affixes(rows, files)[:1]:
            if len(pairs) > 1 and 2 * len(pairs) >= len(files):
                name, file = next(iter(pairs.items()))
                row = rows[name]
                raise self.ambiguity_error([self.names[row]], [self.found[row], files[file]])

    def add_matches(self, how: str, made: dict[int, str]) -> None:
        """Add what one way matched."""
        if made:
            row, file = next(iter(made.items()))
            self.notes.append(
                f"{len(made):,} of {len(self.names):,} names found their images in {self.where} "
                f"{how}: {self.names[row]} is {file}"
            )
            self.found |= made
            self.left -= set(made.values())

    def ambiguity_error(self, names: Sequence[str], files: Sequence[str]) -> UserError:
        """Return what to say where it is open which name means which file."""
        if len(files) > 1:
            return UserError(
                f"{self.where} holds {files[0]} and {files[1]}, and {names[0]} in the labels may "
                "be either: move the one elsewhere that is not meant"
            )
        return UserError(
            f"{self.where} holds {files[0]}, which may be {names[0]} or {names[1]} in the labels: "
            "name it there as it is called"
        )


def group_by_key(names: Iterable[str], key: Callable[[str], str]) -> dict[str, list[int]]:
    """Return the numbers of names by their key, without those that have none."""
    found: dict[str, list[int]] = {}
    for number, name in enumerate(names):
        if of := key(name):
            found.setdefault(of, []).append(number)
    return found


def match_affixes(short: Collection[str], long: Collection[str]) -> list[Pairs]:
    """Return which of the shorter keys stand in which longer ones, by what was added to them.

    Returns:
        Pairs of a shorter and a longer key, most pairs first, for each choice of words before and
        after that fits.
    """
    ordered = sorted(long)
    sample = ordered[:: max(1, len(ordered) // SAMPLE_SIZE)]
    likely: Counter[tuple[str, str]] = Counter()
    for key in sample:
        around = [key.partition(part)[::2] for part in short if part and part in key]
        likely.update(words for words in around if any(words))
    choices = [
        {
            part: key
            for key in ordered
            if key.startswith(before)
            and key.endswith(after)
            and (part := key[len(before) : len(key) - len(after)]) in short
            and not splits_number(before, part)
            and not splits_number(part, after)
        }
        for (before, after), _ in likely.most_common(SAMPLE_SIZE)
    ]
    return sorted((pairs for pairs in choices if pairs), key=len, reverse=True)


def splits_number(left: str, right: str) -> bool:
    """Tell whether two texts side by side are one number: 10 is not what 110 is about."""
    return left[-1:].isdigit() and right[:1].isdigit()


def format_examples(names: Sequence[str], files: Collection[str]) -> str:
    """Return a name, a file, and the file that is called most like a name, in words."""
    some = sorted(files)[:MAX_CANDIDATES]
    told = f"the labels name {names[0]}, the folder holds {some[0]}"
    keys = {file_key(file): file for file in some}
    close = get_close_matches(file_key(names[0]), keys, n=1)
    if close and keys[close[0]] != some[0]:
        told += f", and {keys[close[0]]} is most like {names[0]}"
    return told
