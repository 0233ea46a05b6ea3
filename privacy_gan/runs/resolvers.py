"""OmegaConf resolvers for use in conf/; most of them read finished runs and other files.

The result of ``stacked_parts`` becomes part of a stack's configuration, so that the stack can be
built again without the runs' folders.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from functools import cache
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
    """Return a key of the training in a run's folder, or "" if there is no finished run.

    Two trainings of the same configuration differ in their final validation metrics.
    """
    try:
        result = Result.read(folder / "result.json")
    except (FileNotFoundError, UserError):
        return ""  # loading the run then raises the error
    return short_hash(json.dumps([result.fingerprint, result.training], sort_keys=True))


def start_key(folder: str | None) -> str | None:
    """Return the ``training_key`` of the run that ``start_from`` names, or None.

    Raises:
        UserError: the folder contains no finished run.
    """
    if folder is None:
        return None
    key = training_key(Path(folder))
    if not key:
        raise UserError(f"start_from={folder} contains no finished run: give the folder of one")
    return key


def file_key(file: str | None) -> str | None:
    """Return a key of a file's content, "" if it cannot be read, or None for no file."""
    if file is None:
        return None
    try:
        status = Path(file).stat()
        return content_key(file, (status.st_mtime_ns, status.st_size))
    except OSError:
        return ""  # using the file then raises the error


@cache
def content_key(file: str, version: tuple[int, int]) -> str:
    """Return a key of a file's content, which is read once for each version of the file."""
    del version
    with Path(file).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()[:16]


GENERIC = ("images", "image", "imgs", "img", "photos", "pictures", "data", "train")


def folder_name(folder: str | None) -> str:
    """Return the last part of a folder's path, with only letters, digits and -_. in it.

    If that is a word such as images, which many data sets have, the part before it comes first.
    """
    if folder is None:
        return "images"  # using the folder then raises an error
    path = Path(folder).expanduser().resolve()
    name = f"{path.parent.name}-{path.name}" if path.name.lower() in GENERIC else path.name
    return re.sub(r"[^\w.-]+", "-", name).strip("-.") or "images"


def stacked_parts(runs: Sequence[str]) -> list[dict[str, Any]]:
    """Return, for each run to stack, its configuration and its ``training_key``.

    Raises:
        UserError: there are no runs; or one is not finished, was written by another version, is
            damaged, or hides a categorical attribute.
    """
    if not runs:
        raise UserError(
            "privatizer.runs is empty: give the folders of finished runs, "
            "privatizer.runs=[FOLDER,FOLDER]"
        )
    return [describe_part(Path(run)) for run in runs]


def describe_part(path: Path) -> dict[str, Any]:
    """Return a run's configuration as a part of a stack."""
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
        # with the arguments of ``instantiate_mechanism``; part of the stack's fingerprint
        "privatizer": {
            **config_to_dict(config.privatizer, resolve=False),
            "attribute_index": 0,
            "seed": config.seed,
        },
    }


OmegaConf.register_new_resolver("multiply", lambda a, b: a * b, replace=True)
OmegaConf.register_new_resolver("training_key", start_key, replace=True)
OmegaConf.register_new_resolver("file_key", file_key, replace=True)
OmegaConf.register_new_resolver("folder_name", folder_name, replace=True)
# part of the name of a stack's folder; depends on the runs and their order
OmegaConf.register_new_resolver(
    "short_hash", lambda parts: short_hash(" ".join(map(str, parts))), replace=True
)
OmegaConf.register_new_resolver(
    "stacked_parts", lambda runs: OmegaConf.create(stacked_parts(runs)), replace=True
)
