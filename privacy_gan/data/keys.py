"""What data hold, told without torch, which takes seconds to start."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from privacy_gan.data.celeba_source import CelebASource
from privacy_gan.data.faces.source import SyntheticFacesSource
from privacy_gan.data.image_source import ImageSource

# by the data modules that serve them
SOURCES: dict[str, Callable[..., ImageSource]] = {
    "privacy_gan.data.celeba.CelebADataModule": CelebASource,
    "privacy_gan.data.synthetic_faces.SyntheticFacesDataModule": SyntheticFacesSource,
}


def content_key(data: Mapping[str, Any]) -> str | None:
    """Return what ``content_key`` of the data module would be, or None where that takes torch.

    Args:
        data: how the data module is configured, ``_target_`` included.

    Raises:
        UserError: files are missing or damaged.
    """
    source = SOURCES.get(data["_target_"])
    if source is None:
        return None
    arguments = {name: data[name] for name in inspect.signature(source).parameters}
    if "root" in arguments:
        arguments["root"] = Path(arguments["root"])
    return source(**arguments).content_key()
