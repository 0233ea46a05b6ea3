"""How far judging is, kept on disk, so that it goes on where it was interrupted."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from privacy_gan.runs.checkpoint import save
from privacy_gan.runs.identity import short_hash
from privacy_gan.tensor_files import DamagedFile, ForeignFile, read_tensors

log = logging.getLogger(__name__)

Content = dict[str, Any]


@dataclass
class Bookmark:
    """A file that says how far something is.

    Args:
        path: the file.
        key: what decides how it turns out; what was kept under another key is not gone on from.
        every_minutes: time between two writes.
    """

    path: Path
    key: str
    every_minutes: float
    written_at: float = field(default_factory=time.monotonic)

    def read(self) -> Content | None:
        """Return what was kept, or None; no code in the file is executed.

        Raises:
            UserError: the file cannot be read at the moment; it is kept.
        """
        try:
            kept = read_tensors(self.path)
        except FileNotFoundError:
            return None
        except (DamagedFile, ForeignFile):
            log.warning("%s was damaged: what it was about begins again", self.path)
            return None
        content: Content | None = kept.get("content") if kept.get("key") == self.key else None
        return content

    def is_due(self) -> bool:
        """Tell whether the last write is long ago."""
        return time.monotonic() - self.written_at >= 60 * self.every_minutes

    def write(self, content: Content) -> None:
        """Keep this, whole or not at all, in place of what was kept before."""
        save(self.path, {"key": self.key, "content": content})
        self.written_at = time.monotonic()

    def remove(self) -> None:
        """Forget it, and how far a second attempt is."""
        self.path.unlink(missing_ok=True)
        self.again().path.unlink(missing_ok=True)

    def again(self) -> Bookmark:
        """Return the bookmark of a second attempt at the same, by those who failed."""
        return replace(self, path=self.path.with_name(f"{self.path.name}.again"))


@dataclass(frozen=True)
class Bookmarks:
    """The bookmarks of one judgement, one for all that learn together.

    Args:
        folder: of their files.
        key: what decides how the judgement turns out.
        every_minutes: time between two writes of each.
    """

    folder: Path
    key: str
    every_minutes: float

    def of(self, attribute: str, names: Sequence[str]) -> Bookmark:
        """Return the bookmark of those that learn an attribute together."""
        key = short_hash(f"{self.key} {attribute} {' '.join(names)}")
        return Bookmark(self.folder / f"{attribute}-{names[0]}.pt", key, self.every_minutes)

    def learned(self, attribute: str, name: str) -> Bookmark:
        """Return where it is kept what one of them is after its training."""
        key = short_hash(f"{self.key} {attribute} {name}")
        return Bookmark(self.folder / f"{attribute}-{name}.learned.pt", key, self.every_minutes)
