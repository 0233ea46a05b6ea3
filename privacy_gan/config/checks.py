"""Checks a run's configuration beyond types, including Lightning's Trainer options."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator, Mapping
from typing import Any

from omegaconf import DictConfig

from privacy_gan.config.task import config_to_dict
from privacy_gan.config.validators import format_value, is_integer, is_number, validate_values
from privacy_gan.errors import UserError

# top-level settings; a part of the run with a setting of the same name must have the same value
RUN_SETTINGS = ("epsilon", "image_size", "num_classes")

# options of Lightning's Trainer
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
OUR_TRAINER_OPTIONS = frozenset({"graph"})  # see make_trainer

# option: values that have no effect here, and why other values are refused and what to do instead
UNSUPPORTED: dict[str, tuple[tuple[Any, ...], str]] = {
    "accumulate_grad_batches": (
        (None, 1),
        "networks are updated in turn after every batch, so gradients cannot accumulate: "
        "data.batch_size=N makes batches larger",
    ),
    "overfit_batches": (
        (None, 0, 0.0),
        "it disables shuffling: +trainer.limit_train_batches=N takes N batches per epoch",
    ),
    "fast_dev_run": (
        (None, False, 0),
        "it would leave a run that looks finished: for a short run use trainer.max_epochs=1 "
        "+trainer.limit_train_batches=1 evaluate=false",
    ),
    "barebones": (
        (None, False),
        "it disables checkpoints and validation, which are needed: remove it",
    ),
    "enable_checkpointing": (
        (None, True),
        "without last.ckpt the mechanism could not be loaded: remove it",
    ),
    "use_distributed_sampler": (
        (False,),
        "the data module distributes batches to the processes itself: leave it false",
    ),
    "limit_test_batches": ((None,), "the judge uses all test images: remove it"),
    "limit_predict_batches": ((None,), "Trainer.predict is not used: remove it"),
}

PRECISIONS = ("auto", "32-true", "32", "bf16-mixed", "bf16")
DOUBLE_PRECISIONS = ("64-true", "64")  # for a user's own mechanism that converts its inputs
CLIPPING_ALGORITHMS = ("norm", "value")


def check_config(config: DictConfig) -> None:
    """Check the values of a run's configuration. Changes nothing.

    Raises:
        UserError: a value is out of range.
    """
    if not (math.isfinite(config.epsilon) and config.epsilon > 0):
        raise UserError(
            f"epsilon={config.epsilon} is not a distortion budget: it must be above 0; "
            "the paper uses 0.001 to 0.05"
        )
    settings = config_to_dict(config, resolve=False)
    validate_values(settings)
    check_devices(config.trainer)
    mechanism = (settings.get("privatizer") or {}).get("_target_", "")
    check_trainer_options(settings["trainer"], str(mechanism))


def check_consistency(config: DictConfig) -> None:
    """Check that mechanism, constraint and data have the run's budget, image size and classes.

    Raises:
        UserError: names two values that differ.
    """
    settings = config_to_dict(config, resolve=False)
    for part in ("privatizer", "constraint", "data"):
        for path, value in find_run_settings(settings.get(part), f"{part}."):
            name = path.rpartition(".")[2]
            if config[name] is not None and value != config[name]:
                raise contradiction_error(path, value, name, config[name])


def find_run_settings(tree: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    """Yield paths and values of RUN_SETTINGS in a part of a configuration, except references.

    Lists are skipped: the parts of a stack come from other runs.
    """
    for key, value in tree.items() if isinstance(tree, Mapping) else ():
        if isinstance(value, Mapping):
            yield from find_run_settings(value, f"{prefix}{key}.")
        elif key in RUN_SETTINGS and value is not None and "${" not in str(value):
            yield f"{prefix}{key}", value


def contradiction_error(path: str, value: Any, source: str, source_value: Any) -> UserError:
    """Return an error about a setting whose value differs from that of its source."""
    is_derived = "." not in path or source_value is None  # the source cannot take the value
    remedy = f"remove {path}" if is_derived else f"give {source}={format_value(value)}"
    return UserError(
        f"{path}={format_value(value)} contradicts {source}={format_value(source_value)}: {remedy}"
    )


def is_distributed(trainer: DictConfig) -> bool:
    """Return whether a trainer uses several processes."""
    return "strategy" in trainer


def check_devices(trainer: DictConfig) -> None:
    """Check the number of devices.

    Raises:
        UserError: the trainer cannot use that number.
    """
    devices = trainer.devices
    if not is_distributed(trainer):
        if devices != 1:
            raise UserError(
                f"trainer.devices={devices} needs trainer=ddp, or trainer=ddp_cpu without GPUs; "
                "CUDA_VISIBLE_DEVICES selects one of several GPUs"
            )
        return
    if devices == "auto" and trainer.accelerator != "cpu":
        if not trainer.sync_batchnorm:
            raise UserError(
                "trainer.devices=auto: with trainer.sync_batchnorm=false the result depends on the "
                "number of processes, so give it, trainer.devices=N"
            )
    elif not is_integer(devices) or devices < 1:
        raise UserError(f"trainer.devices={devices} must be a whole number, 1 or more")


def check_trainer_options(trainer: Mapping[str, Any], mechanism: str) -> None:
    """Check Trainer options, except strategy and devices.

    Args:
        trainer: the node ``trainer`` of the configuration, resolved or not.
        mechanism: full name of the class to train.

    Raises:
        UserError: an option does not exist or is not supported.
    """
    for name, value in trainer.items():
        if str(name).startswith("_"):
            continue
        if name not in (known_options := TRAINER_OPTIONS | OUR_TRAINER_OPTIONS):
            near = difflib.get_close_matches(str(name), known_options, 1)
            hint = f": did you mean trainer.{near[0]}?" if near else ""
            raise UserError(f"trainer.{name} is not an option of Lightning's Trainer{hint}")
        harmless, reason = UNSUPPORTED.get(str(name), ((value,), ""))
        if not any(value is known or value == known for known in harmless):
            raise UserError(f"trainer.{name}={format_value(value)} cannot be used: {reason}")
    precision, is_custom = trainer.get("precision"), not mechanism.startswith("privacy_gan.")
    if str(precision) not in (*PRECISIONS, *(DOUBLE_PRECISIONS if is_custom else ())):
        raise UserError(
            f"trainer.precision={format_value(precision)} cannot be used: choose auto, 32-true or "
            "bf16-mixed"
        )
    check_limits(trainer)
    check_clipping(trainer)


def check_limits(trainer: Mapping[str, Any]) -> None:
    """Check limits on batches and steps.

    Raises:
        UserError: a limit leaves nothing to train or validate on.
    """
    for name in ("limit_train_batches", "limit_val_batches"):
        value: Any = trainer.get(name)
        is_count = is_integer(value) and value >= 1
        is_share = is_number(value) and isinstance(value, float) and 0 < value <= 1
        if not (value is None or is_count or is_share):
            raise UserError(
                f"trainer.{name}={format_value(value)} must be a number of batches, 1 or more, or "
                "a fraction of them, above 0.0 up to 1.0"
            )
    steps: Any = trainer.get("max_steps")
    if not (steps is None or steps == -1 or (is_integer(steps) and steps >= 1)):
        raise UserError(
            f"trainer.max_steps={format_value(steps)} must be 1 or more, or -1 for no limit"
        )


def check_clipping(trainer: Mapping[str, Any]) -> None:
    """Check gradient clipping.

    Raises:
        UserError: the threshold is not positive, or the algorithm is unknown.
    """
    value, algorithm = (trainer.get(f"gradient_clip_{name}") for name in ("val", "algorithm"))
    if value is not None and not (is_number(value) and value > 0):
        raise UserError(f"trainer.gradient_clip_val={format_value(value)} must be a number above 0")
    if algorithm is not None and algorithm not in CLIPPING_ALGORITHMS:
        raise UserError(
            f"trainer.gradient_clip_algorithm={format_value(algorithm)}: choose "
            f"{' or '.join(CLIPPING_ALGORITHMS)}"
        )
