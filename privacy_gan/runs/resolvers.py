"""What conf/ asks of finished runs: the resolvers that it names.

What ``stacked_parts`` returns becomes part of a stack's own configuration, so that the stack can be
built again wherever the runs' folders went.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from privacy_gan.attributes import SEPARATOR
from privacy_gan.config import config_to_dict
from privacy_gan.errors import UserError
from privacy_gan.runs.fingerprint import short_hash
from privacy_gan.runs.folder import open_folder
from privacy_gan.runs.result import Result


def training_key(folder: Path) -> str:
    """Return what changes when another training fills a run's folder, "" where none is finished.

    Two trainings of the same configuration are told apart by what they measured at their end.
    """
    try:
        result = Result.read(folder / "result.json")
    except (FileNotFoundError, UserError):
        return ""  # loading the run says what is wrong with it
    return short_hash(json.dumps([result.fingerprint, result.training], sort_keys=True))


def start_key(folder: str | None) -> str | None:
    """Return the ``training_key`` of the run that another begins with, None where there is none.

    Raises:
        UserError: the folder holds no finished run.
    """
    if folder is None:
        return None
    key = training_key(Path(folder))
    if not key:
        raise UserError(f"start_from={folder} holds no finished run: give the folder of one")
    return key


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
    return [describe_part(Path(run)) for run in runs]


def describe_part(path: Path) -> dict[str, Any]:
    """Return how one run was made."""
    folder = open_folder(path)
    folder.finished_result().require_current(folder.result_file)
    config = folder.config()
    if SEPARATOR in config.attribute:
        raise UserError(
            f"{path} hides {config.attribute}, which is not a binary attribute: "
            "stack runs on binary ones"
        )
    return {
        "folder": str(path),
        "attribute": config.attribute,
        "image_size": config.image_size,
        "training": training_key(path),
        # as ``build_mechanism`` tells mechanisms; part of the stack's identity
        "privatizer": {
            **config_to_dict(config.privatizer, resolve=False),
            "attribute_index": 0,
            "seed": config.seed,
        },
    }


OmegaConf.register_new_resolver("training_key", start_key, replace=True)
# names a stack's folder by what is stacked, in its order
OmegaConf.register_new_resolver(
    "short_hash", lambda parts: short_hash(" ".join(map(str, parts))), replace=True
)
OmegaConf.register_new_resolver(
    "stacked_parts", lambda runs: OmegaConf.create(stacked_parts(runs)), replace=True
)
