"""The configuration of a training run: its schema, and what a type cannot check."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from omegaconf import MISSING, DictConfig, OmegaConf

from privacy_gan.attributes import canonical_attribute
from privacy_gan.data.attribute_group import SEPARATOR, AttributeGroup, group_of
from privacy_gan.errors import UserError
from privacy_gan.runs import read_config


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
    checkpoint_minutes: float = MISSING
    runs_per_gpu: int = MISSING
    networks: Any = MISSING
    data: Any = MISSING
    privatizer: Any = MISSING
    loss: Any = MISSING
    classifiers: Any = MISSING
    judge: Any = MISSING
    trainer: Any = MISSING
    logger: Any = MISSING


def register_with_hydra() -> None:
    """Make known to Hydra what conf/train.yaml names: the schema and the sweeper."""
    plugins = Plugins.instance()  # before the import: it loads Hydra's own sweeper anew

    from hydra_plugins.privacy_gan import ResumingSweeper  # type: ignore[import-untyped]

    plugins.register(ResumingSweeper)
    ConfigStore.instance().store(name="train_schema", node=TrainConfig)


def check(config: DictConfig) -> None:
    """Refuse what cannot be trained, give the attribute its proper name and count its classes.

    Raises:
        UserError: a value is out of its range.
    """
    if not (math.isfinite(config.epsilon) and config.epsilon > 0):
        raise UserError(
            f"epsilon={config.epsilon} is no distortion budget: it must be above 0, "
            "the paper uses 0.001 to 0.05"
        )
    if not (math.isfinite(config.penalty_weight) and config.penalty_weight >= 0):
        raise UserError(f"penalty_weight={config.penalty_weight} must be 0 or above")
    if not 0 <= config.seed < 2**32:
        raise UserError(f"seed={config.seed} must be between 0 and {2**32 - 1}")
    for name in ("width", "data.batch_size", "trainer.max_epochs", "runs_per_gpu"):
        value = OmegaConf.select(config, name)
        if not isinstance(value, int) or value < 1:
            raise UserError(f"{name}={value} must be a whole number, 1 or more")
    name_attribute(config)


def name_attribute(config: DictConfig) -> None:
    """Give the attribute, or the group of attributes, its proper name, and count its classes.

    Raises:
        UserError: several attributes make up no group, or the number of classes is another.
    """
    group = sensitive_group(config)
    if group is None:
        config.attribute = canonical_attribute(config.attribute)
        config.group_rule = None  # about groups only
    else:
        config.attribute = group.name
    num_classes = len(group.classes) if group else 2
    if config.num_classes not in (None, num_classes):
        raise UserError(
            f"num_classes={config.num_classes}, but {config.attribute} has {num_classes} classes: "
            "leave num_classes out, it follows from the attribute"
        )
    config.num_classes = num_classes


def sensitive_group(config: DictConfig) -> AttributeGroup | None:
    """Return the categorical attribute that several binary ones make up, or None for one alone.

    Raises:
        UserError: they make up none.
    """
    if config.attribute is None:
        config.attribute = first_hidden(config)
    words = [config.attribute] if isinstance(config.attribute, str) else list(config.attribute)
    if len(words) == 1 and SEPARATOR not in words[0]:
        config.attribute = words[0]
        return None
    group = group_of([str(word) for word in words], config.group_rule)
    return AttributeGroup(tuple(map(canonical_attribute, group.members)), group.rule)


def first_hidden(config: DictConfig) -> str:
    """Return what the first of the stacked runs hides.

    Raises:
        UserError: there is none.
    """
    runs = OmegaConf.select(config, "privatizer.runs")
    if not runs:
        raise UserError(
            "privatizer.runs names no runs to stack: give finished ones, "
            "privatizer.runs=[FOLDER,FOLDER]"
        )
    return str(read_config(Path(runs[0])).attribute)
