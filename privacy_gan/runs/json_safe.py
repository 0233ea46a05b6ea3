"""Numbers that JSON does not support."""

from __future__ import annotations

import math
from typing import Any


def json_safe(value: Any) -> Any:
    """Return a value with None in place of numbers that JSON does not support, such as NaN."""
    if isinstance(value, dict):
        return {key: json_safe(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [json_safe(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
