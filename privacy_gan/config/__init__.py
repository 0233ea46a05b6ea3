"""A run's configuration: schema, checks, resolution, and objects instantiated from it."""

from __future__ import annotations

from privacy_gan.config.checks import check_config, check_devices, is_distributed
from privacy_gan.config.instantiate import instantiate, instantiate_mechanism
from privacy_gan.config.schema import TrainConfig
from privacy_gan.config.task import (
    Task,
    config_to_dict,
    resolve_config,
    resolve_task,
    unwrap_user_errors,
)

__all__ = [
    "Task",
    "TrainConfig",
    "check_config",
    "check_devices",
    "config_to_dict",
    "instantiate",
    "instantiate_mechanism",
    "is_distributed",
    "resolve_config",
    "resolve_task",
    "unwrap_user_errors",
]
