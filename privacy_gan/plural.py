"""Counts with singular and plural nouns, for messages."""

from __future__ import annotations


def pluralize(count: int, noun: str) -> str:
    """Return a count with its noun: "1 image", "2,000 images"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
