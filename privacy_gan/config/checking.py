"""What a type cannot check of a run's configuration."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf

from privacy_gan.config.kinds import is_whole, require_kinds, shown
from privacy_gan.config.trainer_options import check_options
from privacy_gan.errors import UserError

# what a run is said to be; whoever has a value of the same name must have the same
SAID = ("epsilon", "image_size", "num_classes")


def check(config: DictConfig) -> None:
    """Check the ranges of values; changes nothing.

    Raises:
        UserError: a value is out of its range.
    """
    if not (math.isfinite(config.epsilon) and config.epsilon > 0):
        raise UserError(
            f"epsilon={config.epsilon} is not a distortion budget: it must be above 0, "
            "the paper uses 0.001 to 0.05"
        )
    settings = OmegaConf.to_container(config, resolve=False)
    assert isinstance(settings, dict)
    require_kinds({str(key): value for key, value in settings.items()})
    check_devices(config.trainer)
    mechanism = (settings.get("privatizer") or {}).get("_target_", "")
    check_options(settings["trainer"], str(mechanism))


def require_one_truth(config: DictConfig) -> None:
    """Refuse a mechanism, or data, that are other than the run is said to be.

    Raises:
        UserError: names both values.
    """
    settings = OmegaConf.to_container(config, resolve=False)
    assert isinstance(settings, dict)
    for room in ("privatizer", "constraint", "data"):
        for path, value in said_in(settings.get(room), f"{room}."):
            name = path.rpartition(".")[2]
            if config[name] is not None and value != config[name]:
                raise contradiction(path, value, name, config[name])


def said_in(tree: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    """Yield values that a part of a configuration has of its own for what a run is said to be.

    Lists are left out: a stack's parts were other runs.
    """
    for key, value in tree.items() if isinstance(tree, Mapping) else ():
        if isinstance(value, Mapping):
            yield from said_in(value, f"{prefix}{key}.")
        elif key in SAID and value is not None and "${" not in str(value):
            yield f"{prefix}{key}", value


def contradiction(path: str, value: Any, source: str, said: Any) -> UserError:
    """Return what to tell of two values for the same thing."""
    follows = "." not in path or said is None  # from something else, which is given
    remedy = f"leave {path} out" if follows else f"give {source}={shown(value)}"
    return UserError(f"{path}={shown(value)} contradicts {source}={shown(said)}: {remedy}")


def has_processes(trainer: DictConfig) -> bool:
    """Tell whether a trainer divides a run among several processes."""
    return "strategy" in trainer


def check_devices(trainer: DictConfig) -> None:
    """Check how many devices a trainer takes.

    Raises:
        UserError: not as many as it can use.
    """
    devices = trainer.devices
    if not has_processes(trainer):
        if devices != 1:
            raise UserError(
                f"trainer.devices={devices} needs trainer=ddp, or trainer=ddp_cpu without GPUs; "
                "CUDA_VISIBLE_DEVICES chooses one of several GPUs"
            )
        return
    if devices == "auto" and trainer.accelerator != "cpu":
        if not trainer.sync_batchnorm:
            raise UserError(
                "trainer.devices=auto: with trainer.sync_batchnorm=false the outcome depends on "
                "the number of processes, so give it, trainer.devices=..."
            )
    elif not is_whole(devices) or devices < 1:
        raise UserError(f"trainer.devices={devices} must be a whole number, 1 or more")
