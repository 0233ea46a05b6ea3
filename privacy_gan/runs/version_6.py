"""Reads result.json of version 6, whose keys have other names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# keys of version 6 that version 7 renamed
RENAMED = {
    "identity": "fingerprint",
    "outcomes": "correct",
    "prior": "majority_baseline",
    "floor": "correlation_baseline",
}


def with_current_keys(tree: dict[str, Any]) -> dict[str, Any]:
    """Return the content of result.json with keys of version 6 renamed as in version 7."""

    def rename(entry: Mapping[str, Any]) -> dict[str, Any]:
        return {RENAMED.get(key, key): value for key, value in entry.items()}

    def rename_in(evaluation: Mapping[str, Any]) -> dict[str, Any]:
        measures = {name: rename(measure) for name, measure in evaluation["measures"].items()}
        return {**rename(evaluation), "measures": measures}

    tree, version = rename(tree), tree.get("version", 0)
    if version != 6:
        return tree
    for part in ("evaluations", "baseline"):
        if tree[part] is not None:
            tree[part] = {name: rename_in(evaluation) for name, evaluation in tree[part].items()}
    return {**tree, "version": 7}
