"""Match the image names in a list to files, although tools write names differently.

Names are matched as they are, then without suffixes, without folders, as numbers, and without a
prefix or suffix that a tool added to all of them. A name and a file match only if neither has
another candidate.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from privacy_gan.errors import UserError
from privacy_gan.plural import pluralize

IMAGE_SUFFIX = r"\.(?:jpe?g|jpe|jfif|png|webp|bmp|gif|tiff?|ppm|heic|avif)"
SUFFIX = re.compile(IMAGE_SUFFIX + "$", re.IGNORECASE)
SAMPLE_SIZE = 10  # names that are searched for a prefix or suffix
MAX_CANDIDATES = 2_000  # files that are searched for the one most similar to a name


@dataclass(frozen=True)
class Matches:
    """The file of each matched name.

    Attributes:
        files: file by index of the name.
        unlabelled: files that match no name, sorted.
        notes: lines that say how names were matched to files with different names.
    """

    files: dict[int, str]
    unlabelled: list[str]
    notes: tuple[str, ...] = ()


def is_image_file(text: str) -> bool:
    """Return whether a text is the name of an image file."""
    return SUFFIX.search(text) is not None


def path_key(name: str) -> str:
    """Return a normalized path without suffix, the same on all systems."""
    slashed = unicodedata.normalize("NFC", name.strip()).replace("\\", "/")
    return SUFFIX.sub("", slashed).removeprefix("./").casefold()


def file_key(name: str) -> str:
    """Return a normalized file name without folders and suffix, the same on all systems."""
    return path_key(name).rpartition("/")[2]


def number_key(name: str) -> str:
    """Return the number in a file name without leading zeros, which spreadsheets drop; else "".

    Some write 7.0 for 007.
    """
    key = re.sub(r"\.0+$", "", file_key(name))
    return str(int(key)) if key.isascii() and key.isdigit() else ""


IGNORING_SUFFIXES = ("ignoring suffixes", path_key)
IGNORING_FOLDERS = ("ignoring folders and suffixes", file_key)
COMPARING_NUMBERS = ("comparing numbers", number_key)
IGNORING_AFFIXES = "ignoring a common prefix or suffix"

Pairs = dict[str, str]  # a file's key by a name's key


def match_names(names: Sequence[str], files: Collection[str], location: str) -> Matches:
    """Find the file of each name.

    Args:
        names: image names, all different.
        files: existing files, with their folders.
        location: where the files are, for messages.

    Raises:
        UserError: a name matches several files, or a file several names; names two of them.
    """
    matcher = NameMatcher(names, files, location)
    for method, key in (IGNORING_SUFFIXES, IGNORING_FOLDERS, COMPARING_NUMBERS):
        matcher.match_by(method, key)
    matcher.match_by_affixes()
    matcher.reject_rivals()
    return matcher.matches()


class NameMatcher:
    """Matches names to files, one method after another; see ``match_names``."""

    def __init__(self, names: Sequence[str], files: Collection[str], location: str) -> None:
        self.names, self.location = names, location
        self.all_files = sorted(files)
        exact = set(files)
        self.matched = {row: name for row, name in enumerate(names) if name in exact}
        self.remaining = exact - set(self.matched.values())
        self.notes: list[str] = []

    def matches(self) -> Matches:
        """Return the matches so far."""
        return Matches(self.matched, sorted(self.remaining), tuple(self.notes))

    def match_by(self, method: str, key: Callable[[str], str]) -> None:
        """Match each name to the file with the same key, if the key is unique on both sides."""
        if not self.remaining or len(self.matched) == len(self.names):
            return
        rows_by_key, files_by_key = group_by_key(self.names, key), group_by_key(self.all_files, key)
        pairs = {}
        for shared_key, rows in rows_by_key.items():
            files = [self.all_files[index] for index in files_by_key.get(shared_key, ())]
            if (
                not files
                or any(row in self.matched for row in rows)
                or not self.remaining.issuperset(files)
            ):
                continue
            if len(rows) > 1 or len(files) > 1:
                raise self.ambiguity_error([self.names[row] for row in rows], files)
            pairs[rows[0]] = files[0]
        self.add_matches(method, pairs)

    def match_by_affixes(self) -> None:
        """Match names to files if most files, or most names, add the same prefix and suffix."""
        unmatched = [row for row in range(len(self.names)) if row not in self.matched]
        rows = {file_key(self.names[row]): row for row in unmatched}
        files = {file_key(file): file for file in self.remaining}
        longer_names = [
            {name: file for file, name in pairs.items()} for pairs in match_affixes(files, rows)
        ]
        candidates = [*match_affixes(rows, files), *longer_names]
        best, *others = sorted(candidates, key=len, reverse=True) or [{}]
        if not best or 2 * len(best) < min(len(rows), len(files)):
            return
        names = {file: name for name, file in best.items()}
        ties = [pairs for pairs in others if len(pairs) == len(best)]
        for name, file in (pair for pairs in ties for pair in pairs.items()):
            if best.get(name, file) != file:
                rivals = [files[best[name]], files[file]]
                raise self.ambiguity_error([self.names[rows[name]]], rivals)
            if names.get(file, name) != name:
                both = [self.names[rows[names[file]]], self.names[rows[name]]]
                raise self.ambiguity_error(both, [files[file]])
        self.add_matches(IGNORING_AFFIXES, {rows[name]: files[file] for name, file in best.items()})

    def reject_rivals(self) -> None:
        """Raise UserError if a remaining file fits a name as well as the name's matched file."""
        if not self.remaining or not self.matched:
            return
        row_by_path = {path_key(self.names[row]): row for row in self.matched}
        for file in sorted(self.remaining):
            parts = path_key(file).split("/")
            for start in range(len(parts)):
                row = row_by_path.get("/".join(parts[start:]))
                if row is not None:
                    raise self.ambiguity_error([self.names[row]], [self.matched[row], file])
        rows = {file_key(self.names[row]): row for row in self.matched}
        files = {file_key(file): file for file in self.remaining}
        for pairs in match_affixes(rows, files)[:1]:
            if len(pairs) > 1 and 2 * len(pairs) >= len(files):
                name, file = next(iter(pairs.items()))
                row = rows[name]
                raise self.ambiguity_error([self.names[row]], [self.matched[row], files[file]])

    def add_matches(self, method: str, pairs: dict[int, str]) -> None:
        """Add the matches that one method found, and a note about them."""
        if pairs:
            row, file = next(iter(pairs.items()))
            self.notes.append(
                f"matched {len(pairs):,} of {pluralize(len(self.names), 'name')} to files in "
                f"{self.location}, {method}: {self.names[row]} is {file}"
            )
            self.matched |= pairs
            self.remaining -= set(pairs.values())

    def ambiguity_error(self, names: Sequence[str], files: Sequence[str]) -> UserError:
        """Return the error for one name with two files, or for two names with one file."""
        if len(files) > 1:
            return UserError(
                f"{self.location} has both {files[0]} and {files[1]}, and {names[0]} in the labels "
                "may be either: move the wrong one to another folder"
            )
        return UserError(
            f"{files[0]} in {self.location} may be {names[0]} or {names[1]} in the labels: use the "
            "file's exact name in the labels"
        )


def group_by_key(names: Iterable[str], key: Callable[[str], str]) -> dict[str, list[int]]:
    """Return the indices of names by key. Names with an empty key are omitted."""
    groups: dict[str, list[int]] = {}
    for index, name in enumerate(names):
        if name_key := key(name):
            groups.setdefault(name_key, []).append(index)
    return groups


def match_affixes(short: Collection[str], long: Collection[str]) -> list[Pairs]:
    """Match short keys to long keys that are a short key plus a fixed prefix and suffix.

    Returns:
        Pairs of short and long keys for each prefix and suffix that occur, most pairs first.
    """
    ordered = sorted(long)
    sample = ordered[:: max(1, len(ordered) // SAMPLE_SIZE)]
    affixes: Counter[tuple[str, str]] = Counter()
    for key in sample:
        around = [key.partition(part)[::2] for part in short if part and part in key]
        affixes.update(pair for pair in around if any(pair))
    candidates = [
        {
            part: key
            for key in ordered
            if key.startswith(before)
            and key.endswith(after)
            and (part := key[len(before) : len(key) - len(after)]) in short
            and not splits_number(before, part)
            and not splits_number(part, after)
        }
        for (before, after), _ in affixes.most_common(SAMPLE_SIZE)
    ]
    return sorted((pairs for pairs in candidates if pairs), key=len, reverse=True)


def splits_number(left: str, right: str) -> bool:
    """Return whether the boundary of two texts is inside a number: 110 must not match 10."""
    return left[-1:].isdigit() and right[:1].isdigit()


def format_examples(names: Sequence[str], files: Collection[str]) -> str:
    """Describe a name, a file, and the file that is most similar to the name."""
    candidates = sorted(files)[:MAX_CANDIDATES]
    text = f"the labels list {names[0]}, the folder contains {candidates[0]}"
    keys = {file_key(file): file for file in candidates}
    close = get_close_matches(file_key(names[0]), keys, n=1)
    if close and keys[close[0]] != candidates[0]:
        text += f", and {keys[close[0]]} is most similar to {names[0]}"
    return text
