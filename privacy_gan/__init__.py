"""Censor a sensitive attribute in images, and measure what still leaks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from privacy_gan.release.trained_model import load_privatizer

__version__ = "0.1.0"
__all__ = ["__version__", "load_privatizer"]


def __getattr__(name: str) -> Any:
    """Import ``load_privatizer`` on first access, so that importing the package needs no torch."""
    if name == "load_privatizer":
        from privacy_gan.release.trained_model import load_privatizer

        return load_privatizer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
