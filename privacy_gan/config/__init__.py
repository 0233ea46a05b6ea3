"""The configuration of a run: its schema, what is checked and resolved, objects built from it."""

from __future__ import annotations

from privacy_gan.config.building import build, build_mechanism
from privacy_gan.config.checking import check, check_devices, has_processes
from privacy_gan.config.schema import TrainConfig
from privacy_gan.config.task import (
    Task,
    completed,
    resolve,
    settings_of,
    user_errors_unwrapped,
)

__all__ = [
    "Task",
    "TrainConfig",
    "build",
    "build_mechanism",
    "check",
    "check_devices",
    "completed",
    "has_processes",
    "resolve",
    "settings_of",
    "user_errors_unwrapped",
]
