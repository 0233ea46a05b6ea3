"""Selects another file of a config group, such as ``judge=quick``, for an existing run.

A run's config.yaml contains values, not the files that they came from, so Hydra would take the name
of a file for a value.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from privacy_gan.commands.hydra_app import register_with_hydra
from privacy_gan.config.paths import quote
from privacy_gan.errors import UserError

GROUPS = ("judge", "classifiers")  # what an evaluation of a run may change


def replace_groups(overrides: Sequence[str], conf: Path) -> list[str]:
    """Turn selections of files into overrides with their content, which come first.

    Args:
        overrides: in Hydra's syntax.
        conf: the folder conf/.

    Raises:
        UserError: there is no such file.
    """
    selections = [each for each in overrides if each.partition("=")[0] in GROUPS]
    if not selections:
        return list(overrides)
    others = [each for each in overrides if each not in selections]
    replaced = []
    for selection in selections:
        group, _, name = selection.partition("=")
        names = sorted(file.stem for file in (conf / group).glob("*.yaml"))
        if name not in names:
            raise UserError(f"{selection}: give one of {', '.join(names)}")
        replaced += [f"~{group}", f"+{group}={to_hydra(compose_group(selection, conf))}"]
    return [*replaced, *others]


def compose_group(selection: str, conf: Path) -> Any:
    """Return the content of a selected file, with references to the rest as they are written."""
    register_with_hydra()
    with initialize_config_dir(str(conf), version_base="1.3"):
        config = compose("train", [selection])
    return OmegaConf.to_container(config[selection.partition("=")[0]], resolve=False)


def to_hydra(value: Any) -> str:
    """Return a value in the syntax of Hydra's overrides."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}:{to_hydra(entry)}" for key, entry in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(to_hydra, value)) + "]"
    if value is None:
        return "null"
    return quote(value) if isinstance(value, str) else str(value).lower()
