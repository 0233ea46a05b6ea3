"""The configuration of a training run: its schema, and what a type cannot check."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING, DictConfig, OmegaConf

from privacy_gan.attributes import canonical_attribute
from privacy_gan.errors import UserError


@dataclass
class TrainConfig:
    """Types of everything at the top of conf/train.yaml, where the fields are explained."""

    attribute: str = MISSING
    num_classes: int = MISSING
    epsilon: float = MISSING
    penalty_weight: float = MISSING
    seed: int = MISSING
    evaluate: bool = MISSING
    image_size: int = MISSING
    width: int = MISSING
    output_dir: str = MISSING
    data_name: str = MISSING
    run_dir: str = MISSING
    checkpoint_minutes: float = MISSING
    networks: Any = MISSING
    data: Any = MISSING
    privatizer: Any = MISSING
    loss: Any = MISSING
    classifiers: Any = MISSING
    judge: Any = MISSING
    trainer: Any = MISSING
    logger: Any = MISSING


def register_schema() -> None:
    """Make the schema known to Hydra, as conf/train.yaml names it."""
    ConfigStore.instance().store(name="train_schema", node=TrainConfig)


def check(config: DictConfig) -> None:
    """Refuse what cannot be trained, and give the attribute its proper name.

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
    for name in ("width", "num_classes", "data.batch_size", "trainer.max_epochs"):
        value = OmegaConf.select(config, name)
        if not isinstance(value, int) or value < 1:
            raise UserError(f"{name}={value} must be a whole number, 1 or more")
    config.attribute = canonical_attribute(config.attribute)
