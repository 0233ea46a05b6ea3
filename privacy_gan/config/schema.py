"""Types of what is at the top of conf/train.yaml."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from omegaconf import MISSING


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
    start_from: str | None = MISSING
    start_key: str | None = MISSING
    output_dir: str = MISSING
    data_name: str = MISSING
    mechanism: str = MISSING
    run_dir: str = MISSING
    overrides: Any = MISSING
    details: bool = MISSING
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
