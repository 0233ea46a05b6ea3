"""What a type cannot check of a run's configuration, Lightning's options among it."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator, Mapping
from typing import Any

from omegaconf import DictConfig

from privacy_gan.config.task import config_to_dict
from privacy_gan.config.validators import format_value, is_integer, is_number, validate_values
from privacy_gan.errors import UserError

# what a run is said to be; whoever has a value of the same name must have the same
RUN_SETTINGS = ("epsilon", "image_size", "num_classes")

# of Lightning's Trainer
TRAINER_OPTIONS = frozenset(
    """
    accelerator strategy devices num_nodes precision logger callbacks fast_dev_run max_epochs
    min_epochs max_steps min_steps max_time limit_train_batches limit_val_batches
    limit_test_batches limit_predict_batches overfit_batches val_check_interval
    check_val_every_n_epoch num_sanity_val_steps log_every_n_steps enable_checkpointing
    enable_progress_bar enable_model_summary accumulate_grad_batches gradient_clip_val
    gradient_clip_algorithm deterministic benchmark inference_mode use_distributed_sampler
    profiler detect_anomaly barebones plugins sync_batchnorm reload_dataloaders_every_n_epochs
    default_root_dir enable_autolog_hparams model_registry
    """.split()
)

# option: values that change nothing here, and why all others cannot work and what does instead
UNSUPPORTED: dict[str, tuple[tuple[Any, ...], str]] = {
    "accumulate_grad_batches": (
        (None, 1),
        "players take turns batch by batch, so nothing is accumulated: data.batch_size=N makes "
        "batches larger",
    ),
    "overfit_batches": (
        (None, 0, 0.0),
        "it takes the data's order away: +trainer.limit_train_batches=N takes N batches an epoch",
    ),
    "fast_dev_run": (
        (None, False, 0),
        "it would leave a run that looks finished: a short one is trainer.max_epochs=1 "
        "+trainer.limit_train_batches=1 evaluate=false",
    ),
    "barebones": (
        (None, False),
        "checkpoints and validation, which it leaves out, are needed: leave it out",
    ),
    "enable_checkpointing": (
        (None, True),
        "without last.ckpt nobody could load the mechanism: leave it out",
    ),
    "use_distributed_sampler": (
        (False,),
        "the data module shares batches among processes itself: leave it false",
    ),
    "limit_test_batches": ((None,), "test images are the judge's, who takes all: leave it out"),
    "limit_predict_batches": ((None,), "nothing is predicted here: leave it out"),
}

PRECISIONS = ("auto", "32-true", "32", "bf16-mixed", "bf16")
DOUBLE_PRECISIONS = ("64-true", "64")  # for own mechanisms that convert what they are given
CLIPPING_ALGORITHMS = ("norm", "value")


def check_config(config: DictConfig) -> None:
    """Check the ranges of values; changes nothing.

    Raises:
        UserError: a value is out of its range.
    """
    if not (math.isfinite(config.epsilon) and config.epsilon > 0):
        raise UserError(
            f"epsilon={config.epsilon} is not a distortion budget: it must be above 0, "
            "the paper uses 0.001 to 0.05"
        )
    settings = config_to_dict(config, resolve=False)
    validate_values(settings)
    check_devices(config.trainer)
    mechanism = (settings.get("privatizer") or {}).get("_target_", "")
    check_trainer_options(settings["trainer"], str(mechanism))


def check_consistency(config: DictConfig) -> None:
    """Refuse a mechanism, or data, that are other than the run is said to be.

    Raises:
        UserError: names both values.
    """
    settings = config_to_dict(config, resolve=False)
    for room in ("privatizer", "constraint", "data"):
        for path, value in find_run_settings(settings.get(room), f"{room}."):
            name = path.rpartition(".")[2]
            if config[name] is not None and value != config[name]:
                raise contradiction_error(path, value, name, config[name])


def find_run_settings(tree: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    """Yield values that a part of a configuration has of its own for what a run is said to be.

    Lists are left out: a stack's parts were other runs.
    """
    for key, value in tree.items() if isinstance(tree, Mapping) else ():
        if isinstance(value, Mapping):
            yield from find_run_settings(value, f"{prefix}{key}.")
        elif key in RUN_SETTINGS and value is not None and "${" not in str(value):
            yield f"{prefix}{key}", value


def contradiction_error(path: str, value: Any, source: str, said: Any) -> UserError:
    """Return what to tell of two values for the same thing."""
    follows = "." not in path or said is None  # from something else, which is given
    remedy = f"leave {path} out" if follows else f"give {source}={format_value(value)}"
    return UserError(f"{path}={format_value(value)} contradicts {source}={format_value(said)}: {remedy}")


def is_distributed(trainer: DictConfig) -> bool:
    """Tell whether a trainer divides a run among several processes."""
    return "strategy" in trainer


def check_devices(trainer: DictConfig) -> None:
    """Check how many devices a trainer takes.

    Raises:
        UserError: not as many as it can use.
    """
    devices = trainer.devices
    if not is_distributed(trainer):
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
    elif not is_integer(devices) or devices < 1:
        raise UserError(f"trainer.devices={devices} must be a whole number, 1 or more")


def check_trainer_options(trainer: Mapping[str, Any], mechanism: str) -> None:
    """Check what is asked of the Trainer; strategy and devices are checked elsewhere.

    Args:
        trainer: its part of the configuration, resolved or not.
        mechanism: the class that is to be trained, by its full name.

    Raises:
        UserError: there is no such option, or it cannot work here.
    """
    for name, value in trainer.items():
        if str(name).startswith("_"):
            continue
        if name not in TRAINER_OPTIONS:
            near = difflib.get_close_matches(str(name), TRAINER_OPTIONS, 1)
            meant = f": did you mean trainer.{near[0]}?" if near else ""
            raise UserError(f"trainer.{name} is no option of Lightning's Trainer{meant}")
        harmless, why = UNSUPPORTED.get(str(name), ((value,), ""))
        if not any(value is known or value == known for known in harmless):
            raise UserError(f"trainer.{name}={format_value(value)} cannot be used: {why}")
    own = not mechanism.startswith("privacy_gan.")
    if str(trainer.get("precision")) not in (*PRECISIONS, *(DOUBLE_PRECISIONS if own else ())):
        raise UserError(
            f"trainer.precision={format_value(trainer.get('precision'))} cannot be used: there are auto, "
            "32-true, bf16-mixed"
        )
    check_limits(trainer)
    check_clipping(trainer)


def check_limits(trainer: Mapping[str, Any]) -> None:
    """Refuse limits that leave nothing to train or to validate on.

    Raises:
        UserError: names one.
    """
    for name in ("limit_train_batches", "limit_val_batches"):
        value: Any = trainer.get(name)
        some = is_integer(value) and value >= 1
        share = is_number(value) and isinstance(value, float) and 0 < value <= 1
        if not (value is None or some or share):
            raise UserError(
                f"trainer.{name}={format_value(value)} must be a number of batches, 1 or more, or a share "
                "of them, above 0.0 up to 1.0"
            )
    steps: Any = trainer.get("max_steps")
    if not (steps is None or steps == -1 or (is_integer(steps) and steps >= 1)):
        raise UserError(f"trainer.max_steps={format_value(steps)} must be 1 or more, or -1 for no limit")


def check_clipping(trainer: Mapping[str, Any]) -> None:
    """Check how gradients are clipped.

    Raises:
        UserError: not by a positive number, or in an unknown way.
    """
    value, algorithm = (trainer.get(f"gradient_clip_{what}") for what in ("val", "algorithm"))
    if value is not None and not (is_number(value) and value > 0):
        raise UserError(f"trainer.gradient_clip_val={format_value(value)} must be a number above 0")
    if algorithm is not None and algorithm not in CLIPPING_ALGORITHMS:
        raise UserError(
            f"trainer.gradient_clip_algorithm={format_value(algorithm)}: there are {', '.join(CLIPPING_ALGORITHMS)}"
        )
