"""Stacks of finished runs: what a stack's configuration takes over from them.

A resolver for conf/privatizer/stack.yaml. What it returns becomes part of the stack's own
configuration, so that the stack can be built again wherever the runs' folders went.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from privacy_gan.attributes import SEPARATOR
from privacy_gan.errors import UserError
from privacy_gan.runs.folder import open_folder
from privacy_gan.runs.identity import training_key


def stacked_parts(runs: Sequence[str]) -> list[dict[str, Any]]:
    """Return how each of some runs was made, and which training it was.

    Raises:
        UserError: there are none; or one is not finished, another version's or damaged, or hides a
            categorical attribute.
    """
    if not runs:
        raise UserError(
            "privatizer.runs names no runs to stack: give finished ones, "
            "privatizer.runs=[FOLDER,FOLDER]"
        )
    return [part_of(Path(run)) for run in runs]


def part_of(path: Path) -> dict[str, Any]:
    """Return how one run was made."""
    folder = open_folder(path)
    folder.finished_result().require_current(folder.result_file)
    config = folder.config()
    if SEPARATOR in config.attribute:
        raise UserError(
            f"{path} hides {config.attribute}, which is not a binary attribute: "
            "stack runs on binary ones"
        )
    privatizer = OmegaConf.to_container(config.privatizer)
    assert isinstance(privatizer, dict)
    return {
        "folder": str(path),
        "attribute": config.attribute,
        "image_size": config.image_size,
        "training": training_key(path),
        # only training asks where the attribute stands among the labels
        "privatizer": {**privatizer, "attribute_index": 0, "seed": config.seed},
    }


OmegaConf.register_new_resolver(
    "stacked_parts", lambda runs: OmegaConf.create(stacked_parts(runs)), replace=True
)
