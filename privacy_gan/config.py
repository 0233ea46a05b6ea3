"""The configuration of a run: its schema, what a type cannot check, and objects built from it."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import hydra.utils
from omegaconf import MISSING, DictConfig, OmegaConf
from omegaconf.errors import InterpolationResolutionError, MissingMandatoryValue

from privacy_gan.attributes import (
    SEPARATOR,
    AttributeGroup,
    canonical_attribute,
    find_attribute,
    group_of,
)
from privacy_gan.errors import UserError

# Hydra 1.4 asks its caller what a configuration may execute. Ours come from the user, who may name
# mechanisms of their own.
TRUSTED: dict[str, Any] = (
    {"_execution_whitelist_": hydra.utils.UNSAFE_DISABLE_EXECUTION_CHECKS}
    if hasattr(hydra.utils, "UNSAFE_DISABLE_EXECUTION_CHECKS")
    else {}
)


@dataclass
class TrainConfig:
    """Types of everything at the top of conf/train.yaml, where the fields are explained."""

    attribute: Any = MISSING
    group_rule: str | None = MISSING
    num_classes: int | None = MISSING
    synthetic: str = MISSING
    epsilon: float = MISSING
    penalty_weight: float = MISSING
    learning_rate: float = MISSING
    decay: float = MISSING
    seed: int = MISSING
    evaluate: bool = MISSING
    baseline: bool = MISSING
    image_size: int = MISSING
    width: int = MISSING
    output_dir: str = MISSING
    data_name: str = MISSING
    mechanism: str = MISSING
    run_dir: str = MISSING
    overrides: Any = MISSING
    checkpoint_minutes: float = MISSING
    runs_per_device: int = MISSING
    networks: Any = MISSING
    data: Any = MISSING
    privatizer: Any = MISSING
    loss: Any = MISSING
    constraint: Any = MISSING
    game: Any = MISSING
    classifiers: Any = MISSING
    judge: Any = MISSING
    trainer: Any = MISSING
    logger: Any = MISSING


@dataclass(frozen=True)
class Task:
    """What a run is about, resolved once from its configuration.

    Attributes:
        attribute: the proper name of what is sensitive, one attribute or a group of several.
        group: the group, or None.
        num_classes: values that it can take.
        epsilon: the distortion budget.
        accelerator: the trainer's, "auto" included.
        precision: likewise.
    """

    attribute: str
    group: AttributeGroup | None
    num_classes: int
    epsilon: float
    accelerator: str
    precision: str


def resolve(config: DictConfig, attribute_names: Sequence[str] | None = None) -> Task:
    """Return what a run is about.

    Args:
        config: of the run.
        attribute_names: of the data; None where they are not known yet, then a word that means none
            of CelebA's attributes stands for itself.

    Raises:
        UserError: the data have no such attribute, several attributes are not a group, or
            ``num_classes`` contradicts it.
    """

    def proper(word: str) -> str:
        if attribute_names is None:
            return canonical_attribute(word)
        return find_attribute(word, attribute_names)

    with user_errors_unwrapped():
        typed = config.attribute
    words = [str(word) for word in ([typed] if isinstance(typed, str) else typed)]
    group = None
    if len(words) > 1 or SEPARATOR in words[0]:
        members = group_of(words, config.group_rule).members
        group = AttributeGroup(tuple(map(proper, members)), config.group_rule)
    attribute = group.name if group else proper(words[0])
    num_classes = len(group.classes) if group else 2
    if config.num_classes not in (None, num_classes):
        raise UserError(
            f"num_classes={config.num_classes}, but {attribute} has {num_classes} classes: "
            "leave num_classes out, it follows from the attribute"
        )
    trainer = config.trainer
    return Task(
        attribute, group, num_classes, config.epsilon, trainer.accelerator, trainer.precision
    )


def completed(config: DictConfig, task: Task) -> DictConfig:
    """Return a copy with all interpolations resolved and the sensitive attribute's proper name.

    Raises:
        UserError: something that a value is read from is not there.
    """
    settled = copy.deepcopy(config)
    settled.attribute = task.attribute
    settled.group_rule = task.group.rule if task.group else None  # about groups only
    settled.num_classes = task.num_classes
    with user_errors_unwrapped():
        OmegaConf.resolve(settled)
    return settled


def settings_of(config: DictConfig) -> dict[str, Any]:
    """Return a configuration as nested dictionaries."""
    tree = OmegaConf.to_container(config, resolve=True)
    assert isinstance(tree, dict)
    return {str(key): value for key, value in tree.items()}


@contextmanager
def user_errors_unwrapped() -> Iterator[None]:
    """Unwrap user errors that our resolvers raised, which OmegaConf wraps more than once."""
    try:
        yield
    except InterpolationResolutionError as error:
        wrapped: BaseException | None = error
        while wrapped is not None and not isinstance(wrapped, UserError):
            wrapped = getattr(wrapped, "cause", None) or wrapped.__context__
        raise wrapped or error from None


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
    if not (math.isfinite(config.penalty_weight) and config.penalty_weight >= 0):
        raise UserError(f"penalty_weight={config.penalty_weight} must be 0 or above")
    if not 0 <= config.seed < 2**32:
        raise UserError(f"seed={config.seed} must be between 0 and {2**32 - 1}")
    for name in ("width", "data.batch_size", "trainer.max_epochs", "runs_per_device"):
        value = OmegaConf.select(config, name)
        if not isinstance(value, int) or value < 1:
            raise UserError(f"{name}={value} must be a whole number, 1 or more")
    check_devices(config.trainer)


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
    elif not isinstance(devices, int) or devices < 1:
        raise UserError(f"trainer.devices={devices} must be a whole number, 1 or more")


def build(node: DictConfig, **more: Any) -> Any:
    """Build what a part of the configuration describes.

    Raises:
        UserError: it cannot be built so, in the words of what was to be built.
        MissingMandatoryValue: a value that must be given was not.
    """
    try:
        return hydra.utils.instantiate(node, **more, **TRUSTED, _convert_="all")
    except MissingMandatoryValue:
        raise  # which says what to give
    except Exception as error:  # Hydra 1.3 wraps what is raised, 1.4 does not
        cause: BaseException = error
        while cause.__cause__ is not None and not isinstance(cause, UserError):
            cause = cause.__cause__
        if isinstance(cause, UserError):
            raise cause from None
        raise UserError(f"{node._target_} cannot be set up as configured: {cause}") from error
