"""What of a configuration determines an evaluation."""

from __future__ import annotations

from typing import Any

from omegaconf import DictConfig

from privacy_gan.config import settings_of
from privacy_gan.runs.identity import flatten


def classifier_settings(config: DictConfig) -> dict[str, Any]:
    """Return the settings that determine the fixed classifiers, by dotted path."""
    settings = settings_of(config.classifiers)
    return flatten({key: value for key, value in settings.items() if key != "folder"})


def judge_settings(config: DictConfig) -> dict[str, Any]:
    """Return the settings that determine an evaluation, by dotted path."""
    return flatten({"judge": settings_of(config.judge), "classifiers": classifier_settings(config)})
