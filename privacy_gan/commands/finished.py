"""Runs that are finished: found without torch, so that a repeated command answers at once."""

from __future__ import annotations

import logging
from pathlib import Path

from omegaconf import DictConfig

from privacy_gan.commands.settings import judge_settings
from privacy_gan.config import completed, resolve, settings_of
from privacy_gan.data.keys import content_key
from privacy_gan.errors import UserError
from privacy_gan.runs.folder import RunFolder, run_of
from privacy_gan.runs.result import Result

log = logging.getLogger(__name__)


def find_finished(config: DictConfig) -> tuple[RunFolder, Result] | None:
    """Return a run's folder and result where all that is asked for is in it.

    None does not say that it is not finished: whatever is wrong, or takes torch to tell, is left to
    whoever trains it.

    Args:
        config: of the run, checked.
    """
    try:
        config = completed(config, resolve(config))
        settings = settings_of(config)
        if RunFolder(Path(settings["run_dir"])).result() is None:
            return None
        if (key := content_key(settings["data"])) is None:
            return None
        run = run_of(settings, key)
        result = run.result()
    except UserError:
        return None
    if result is None or not result.is_complete(config.evaluate, config.baseline):
        return None
    tell_finished(config, run.folder, result)
    return run.folder, result


def tell_finished(config: DictConfig, folder: RunFolder, result: Result) -> None:
    """Say that a run is finished, and warn if it was judged with other settings than asked for."""
    log.info("already finished: %s", folder.result_file)
    if not result.evaluations or not config.evaluate:
        return
    found = next(iter(result.evaluations.values())).settings
    asked = judge_settings(config)
    differing = sorted(key for key in found | asked if found.get(key) != asked.get(key))
    if differing:
        key = differing[0]
        log.warning(
            "it was judged with %s=%s, not %s: privacy-gan evaluate run=%s %s=%s judges it so",
            *(key, found.get(key), asked.get(key), folder.path, key, asked.get(key)),
        )
