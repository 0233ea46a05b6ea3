"""Runs that are finished: found without torch, so that a repeated command answers at once."""

from __future__ import annotations

import logging
import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from privacy_gan.config import config_to_dict, resolve_config, resolve_task
from privacy_gan.config.paths import quote
from privacy_gan.config.validators import format_value
from privacy_gan.data.image_source import content_key
from privacy_gan.errors import UserError
from privacy_gan.runs.fingerprint import judge_settings, unflatten
from privacy_gan.runs.folder import RunFolder
from privacy_gan.runs.result import Result
from privacy_gan.runs.run import run_from_config

UNSET = "???"  # of a setting that is not there

log = logging.getLogger(__name__)


def find_finished_run(config: DictConfig) -> tuple[RunFolder, Result] | None:
    """Return a run's folder and result where all that is asked for is in it.

    None does not say that it is not finished: whatever is wrong, or takes torch to tell, is left to
    whoever trains it.

    Args:
        config: of the run, checked.
    """
    try:
        config = resolve_config(config, resolve_task(config))
        if RunFolder(Path(config.run_dir)).result() is None:
            return None
        if (key := content_key(config_to_dict(config.data))) is None:
            return None
        run = run_from_config(config, key)
        result = run.complete_result(config.evaluate, config.baseline)
    except UserError:
        return None
    if result is None:
        return None
    report_finished(config, run.folder, result)
    return run.folder, result


def report_finished(config: DictConfig, folder: RunFolder, result: Result) -> None:
    """Say that a run is finished, and warn if it was judged with other settings than asked for."""
    log.info("already finished: %s", folder.result_file)
    if not result.evaluations or not config.evaluate:
        return
    found = next(iter(result.evaluations.values())).settings
    asked = judge_settings(config)
    was, wanted = unflatten(found), unflatten(asked)
    changes = list(find_differences(was, wanted))
    if changes:
        told = ", ".join(
            f"{path}={format_short(old)}, not {format_short(new)}" for path, old, new in changes
        )
        again = shlex.join([f"run={folder.path}", *(format_override(*change) for change in changes)])
        log.warning("it was judged with %s: privacy-gan evaluate %s judges it so", told, again)


def find_differences(
    was: Mapping[str, Any], wanted: Mapping[str, Any], prefix: str = ""
) -> Iterator[tuple[str, Any, Any]]:
    """Yield what differs between nested settings: where, and both values; MISSING for none."""
    for key in sorted({*was, *wanted}):
        old, new = was.get(key, UNSET), wanted.get(key, UNSET)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            yield from find_differences(old, new, f"{prefix}{key}.")
        elif old != new:
            yield f"{prefix}{key}", old, new


def format_override(path: str, old: Any, new: Any) -> str:
    """Return what to type so that a setting becomes another."""
    if new == UNSET:
        return f"~{path}"
    return f"{'++' if old == UNSET or isinstance(new, Mapping) else ''}{path}={format_literal(new)}"


def format_literal(value: Any) -> str:
    """Return a value in Hydra's notation."""
    if isinstance(value, Mapping):
        return f"{{{','.join(f'{key}:{format_literal(entry)}' for key, entry in value.items())}}}"
    if isinstance(value, list):
        return f"[{','.join(map(format_literal, value))}]"
    is_plain = not isinstance(value, str) or re.fullmatch(r"[A-Za-z_][\w.-]*", value, re.ASCII)
    return format_value(value) if is_plain else quote(value)


def format_short(value: Any) -> str:
    """Return a value for a sentence."""
    return "..." if isinstance(value, Mapping) else "unset" if value == UNSET else format_value(value)
