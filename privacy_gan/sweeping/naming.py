"""Names of a sweep's runs: what is typed for some of them and not for all, and their folders."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from privacy_gan.errors import UserError


class Named(Protocol):
    """A run, known by what was typed for it, and by its folder."""

    @property
    def overrides(self) -> Sequence[str]: ...
    @property
    def folder(self) -> Path: ...


def names_of(runs: Sequence[Named]) -> list[str]:
    """Return what was typed for each run and not for all of them."""
    if len(runs) == 1:
        return ["/".join(runs[0].folder.parts[-4:])]
    told = differing([run.overrides for run in runs])
    return [" ".join(o for o in run.overrides if o in told) or "no change" for run in runs]


def untold_keys(runs: Sequence[Named]) -> list[str]:
    """Return the keys of settings that runs which share a folder differ in."""
    by_folder: dict[Path, list[Named]] = {}
    for run in runs:
        by_folder.setdefault(run.folder, []).append(run)
    untold = {
        key_of(override)
        for sharing in by_folder.values()
        for override in differing([run.overrides for run in sharing])
    }
    # in the order in which they were typed
    return list(
        dict.fromkeys(key_of(o) for run in runs for o in run.overrides if key_of(o) in untold)
    )


def differing(overrides: Sequence[Sequence[str]]) -> set[str]:
    """Return the overrides that some have and others do not."""
    sets: list[set[str]] = [set(each) for each in overrides]
    return set().union(*sets) - set(sets[0]).intersection(*sets) if sets else set()


def key_of(override: str) -> str:
    """Return what an override sets."""
    return override.split("=", 1)[0].lstrip("+~")


def plain(text: str) -> str:
    """Return a text without what shells, paths and Hydra have another use for."""
    return re.sub(r"[^\w.+-]+", "_", text).strip("_")


def folder_override(run: Named, keys: Sequence[str]) -> str:
    """Return an override that gives a run a folder with some of its settings in its name."""
    values = {key_of(override): override.partition("=")[2] for override in run.overrides}
    told = [f"{plain(key)}-{plain(values[key])}" for key in keys if key in values]
    name = "-".join([run.folder.name, *told])
    return f"run_dir={quoted(str(run.folder.with_name(name)))}"


def quoted(text: str) -> str:
    """Return a text as a value of an override."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def refuse_shared_folders(runs: Sequence[Named]) -> None:
    """Refuse runs that would write to the same folder.

    Raises:
        UserError: names two.
    """
    first: dict[Path, Named] = {}
    for run in runs:
        other = first.setdefault(run.folder, run)
        if other is not run:
            names = names_of([other, run])
            raise UserError(
                f"runs with {names[0]} and with {names[1]} would share the folder {run.folder}: "
                "sweep over them in two commands, each with an output_dir=FOLDER of its own"
            )
