"""Schema of conf/train.yaml: types of top-level settings, and the role of every setting.

The role says whether a setting is part of a run's fingerprint (``runs/fingerprint.py``): a run
with another value of such a setting is another run. A setting has the role of its nearest
ancestor in ROLES. In nodes that mix roles, such as ``trainer``, ROLES lists every setting; a test
fails for a setting in conf/ that is missing there, so that no fingerprint changes by accident.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from omegaconf import MISSING


@dataclass
class TrainConfig:
    """Types of the top-level settings; conf/train.yaml explains them."""

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


class SettingRole(Enum):
    """What a setting influences."""

    FINGERPRINT = "what is trained and how: another value makes another run"
    LOCATION = "locations of files, and names of runs"
    RUNTIME = "speed, logging and devices"
    JUDGING = "how a trained run is judged"
    SHORTHAND = "copied by other settings, which count instead"


# How many processes share a run (devices, num_nodes, strategy) is not decisive: each gets its part
# of the same global batch, and whatever is averaged over a batch is averaged over all of it, so
# that they do together what one does. What they may not share is batch norm, see
# ``runs.fingerprint.unsynchronized_batch_norms``.
ROLES = {
    name: role
    for role, names in {
        SettingRole.FINGERPRINT: """
            attribute group_rule num_classes epsilon seed image_size width start_key networks
            data data._target_ data.image_size data.crop data.batch_size data.seed
            data.drawing_seed data.num_train data.num_valid data.num_test data.mu data.sigma
            data.prior data.certify data.bins data.missing data.split_seed data.channels
            privatizer privatizer.optimizer._target_ privatizer.optimizer._partial_
            privatizer.optimizer.lr privatizer.optimizer.betas
            trainer trainer._target_ trainer.max_epochs trainer.precision
            trainer.use_distributed_sampler
        """,
        SettingRole.LOCATION: """
            output_dir data_name mechanism run_dir overrides
            data.root data.images data.labels data.name data.layout data.split data.person
            data.cache_dir trainer.default_root_dir
        """,
        SettingRole.RUNTIME: """
            details checkpoint_minutes runs_per_device logger data.num_workers data.on_device
            privatizer.optimizer.fused
            trainer.accelerator trainer.devices trainer.num_nodes trainer.strategy
            trainer.graph trainer.sync_batchnorm trainer.num_sanity_val_steps trainer.logger
            trainer.log_every_n_steps trainer.profiler trainer.enable_progress_bar
            trainer.enable_model_summary
        """,
        SettingRole.JUDGING: "evaluate baseline classifiers judge",
        SettingRole.SHORTHAND: """
            penalty_weight learning_rate decay synthetic loss constraint game start_from
        """,
    }.items()
    for name in names.split()
}


def role_of(path: str) -> SettingRole:
    """Return a setting's role; settings not in ROLES, such as a user's own, are FINGERPRINT.

    Args:
        path: dotted path of a setting in conf/train.yaml.
    """
    while path not in ROLES and "." in path:
        path = path.rpartition(".")[0]
    return ROLES.get(path, SettingRole.FINGERPRINT)
