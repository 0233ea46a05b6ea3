"""Finds finished runs without importing torch, so that a repeated command returns quickly."""

from __future__ import annotations

import logging
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from privacy_gan.config import config_to_dict, resolve_config, resolve_task
from privacy_gan.config.paths import quote
from privacy_gan.config.validators import format_value
from privacy_gan.data.image_source import data_key, own_attributes
from privacy_gan.errors import UserError
from privacy_gan.runs.fingerprint import judge_settings, unflatten
from privacy_gan.runs.folder import RunFolder
from privacy_gan.runs.result import Result
from privacy_gan.runs.run import run_from_config

MAX_DIFFERENCES = 3  # of the settings, in a message
REMOVED = "judge.epochs"  # an option of earlier versions
UNSET = "???"  # value of a setting that does not exist

log = logging.getLogger(__name__)


def find_finished_run(config: DictConfig) -> tuple[RunFolder, Result] | None:
    """Return a run's folder and result if all that the configuration asks for is in the result.

    None does not mean that the run is unfinished: training deals with errors, and with data whose
    data key needs torch.

    Args:
        config: of the run, checked.
    """
    try:
        known = own_attributes(config_to_dict(config.data))
        config = resolve_config(config, resolve_task(config, known))
        if RunFolder(Path(config.run_dir)).result() is None:
            return None
        if (key := data_key(config_to_dict(config.data))) is None:
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
    """Log that a run is finished, and warn if it was judged with different settings."""
    log.info("already finished: %s", folder.result_file)
    if not result.evaluations or not config.evaluate:
        return
    used = next(iter(result.evaluations.values())).settings
    differences = list(find_differences(unflatten(used), unflatten(judge_settings(config))))
    if differences:
        overrides = [
            format_override(*difference)
            for difference in differences
            if difference[0] != REMOVED  # evaluate deletes it
        ]
        arguments = shlex.join([f"run={folder.path}", *overrides])
        earlier = "by an earlier version, " if REMOVED in used else ""
        log.warning(
            "it was judged %swith %s; to judge it with your settings: privacy-gan evaluate %s",
            *(earlier, describe_differences(differences), arguments),
        )


def describe_differences(differences: Sequence[tuple[str, Any, Any]]) -> str:
    """Return the first differences, those of top-level settings first, and the number of others."""
    ranked = sorted(differences, key=lambda each: (each[0].count("."), each[0]))
    text = ", ".join(
        f"{path}={format_short(old)}, not {format_short(new)}"
        for path, old, new in ranked[:MAX_DIFFERENCES]
    )
    more = len(ranked) - MAX_DIFFERENCES
    return f"{text} and {more} more difference{'s' * (more != 1)}" if more > 0 else text


def find_differences(
    before: Mapping[str, Any], after: Mapping[str, Any], prefix: str = ""
) -> Iterator[tuple[str, Any, Any]]:
    """Yield (path, old, new) for every difference between nested settings; UNSET if missing."""
    for key in sorted({*before, *after}):
        old, new = before.get(key, UNSET), after.get(key, UNSET)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            yield from find_differences(old, new, f"{prefix}{key}.")
        elif old != new:
            yield f"{prefix}{key}", old, new


def format_override(path: str, old: Any, new: Any) -> str:
    """Return the override that changes a setting from an old to a new value."""
    if new == UNSET:
        return f"~{path}"
    return f"{'++' if old == UNSET or isinstance(new, Mapping) else ''}{path}={format_literal(new)}"


def format_literal(value: Any) -> str:
    """Return a value in Hydra's override syntax."""
    if isinstance(value, Mapping):
        return f"{{{','.join(f'{key}:{format_literal(entry)}' for key, entry in value.items())}}}"
    if isinstance(value, list):
        return f"[{','.join(map(format_literal, value))}]"
    is_plain = not isinstance(value, str) or re.fullmatch(r"[A-Za-z_][\w.-]*", value, re.ASCII)
    return format_value(value) if is_plain else quote(value)


def format_short(value: Any) -> str:
    """Return a value for a message, with a mapping shortened to "..."."""
    return (
        "..." if isinstance(value, Mapping) else "unset" if value == UNSET else format_value(value)
    )
