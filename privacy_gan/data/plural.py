"""Singular and plural in messages."""

from __future__ import annotations


def pluralize(count: int, singular: str, plural: str) -> str:
    """Return a count and its noun: "1 image has", "2,000 images have"."""
    return f"{count:,} {singular if count == 1 else plural}"
