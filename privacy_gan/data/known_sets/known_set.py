"""What the project knows about a published data set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from privacy_gan.data.listing import Listing


@dataclass(frozen=True)
class KnownSet:
    """A published data set.

    Attributes:
        title: its published name.
        matches: returns whether a folder has the data set; looks at names only, so that it is fast.
        read: returns the labelled images of a folder; raises a UserError if a file is missing or
            damaged, or no image has a label.
    """

    title: str
    matches: Callable[[Path], bool]
    read: Callable[[Path], Listing]
