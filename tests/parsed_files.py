"""Parses each configuration file once for all that a process composes; Hydra does it every time."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

load = OmegaConf.load
_parsed: dict[tuple[str, int, int], bytes] = {}


def load_once(file: Any) -> Any:
    """Do the same as ``OmegaConf.load``, but parse a file that has not changed only once."""
    path = os.fspath(file if isinstance(file, str | Path) else file.name)
    status = Path(path).stat()
    key = (path, status.st_mtime_ns, status.st_size)
    if key not in _parsed:
        _parsed[key] = pickle.dumps(load(file))
    return pickle.loads(_parsed[key])


def parse_once() -> None:
    """Parse files once from now on."""
    OmegaConf.load = staticmethod(load_once)


def parse_all(folder: Path) -> None:
    """Parse all files of a folder, so that forks of this process need not."""
    for path in folder.rglob("*.yaml"):
        with path.open(encoding="utf-8") as file:
            load_once(file)
