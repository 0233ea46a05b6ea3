"""What a run is: the settings that decide what comes out of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from privacy_gan.errors import UserError
from privacy_gan.runs.result import Result

# Where, on what and how visibly a run happens; all else decides what comes out of it.
#
# How many processes share a run (devices, num_nodes, strategy) is among these: each gets its part
# of the same global batch, and whatever is averaged over a batch is averaged over all of it, so
# that they do together what one does. What they may not share is batch norm, see
# ``local_batch_norms``.
INCIDENTAL = {
    "output_dir",
    "data_name",
    "mechanism",
    "run_dir",
    "overrides",
    "details",
    "start_from",  # start_key says which training it holds
    "penalty_weight",  # those that use it have their own, which is the one that counts
    "loss",  # likewise
    "constraint",  # likewise
    "game",  # likewise
    "learning_rate",  # likewise
    "decay",  # likewise
    "synthetic",  # likewise
    "checkpoint_minutes",
    "evaluate",
    "baseline",
    "classifiers",
    "judge",
    "logger",
    "runs_per_device",
    "privatizer.optimizer.fused",  # the same arithmetic in one pass
    "data.root",
    "data.cache_dir",
    "data.num_workers",
    "data.on_device",
    "trainer.accelerator",
    "trainer.devices",
    "trainer.num_nodes",
    "trainer.strategy",
    "trainer.sync_batchnorm",
    "trainer.log_every_n_steps",
    "trainer.enable_progress_bar",
    "trainer.enable_model_summary",
    "trainer.num_sanity_val_steps",
    "trainer.profiler",
    "trainer.logger",
    "trainer.default_root_dir",
}


def identity(settings: Mapping[str, Any], data_key: str) -> dict[str, Any]:
    """Return what decides a run's outcome, by dotted path.

    Args:
        settings: the run's resolved configuration as nested dictionaries.
        data_key: changes with the data's labels and splits, wherever the data lie.
    """
    kept = {
        path: value
        for path, value in flatten(settings).items()
        if not any(path == name or path.startswith(f"{name}.") for name in INCIDENTAL)
    }
    if kept.get("start_key") is None:  # nor had runs one before there was a choice
        kept.pop("start_key", None)
    if processes := local_batch_norms(settings["trainer"]):
        kept["trainer.batch_norms"] = processes
    return kept | {"data.key": data_key}


def flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return a nested dictionary's leaves by their dotted paths.

    Lists of numbers or words are leaves; places in lists of dictionaries are part of the path.
    """
    leaves: dict[str, Any] = {}
    for key, value in tree.items():
        path = f"{prefix}{key}"
        if isinstance(value, list) and any(isinstance(entry, Mapping) for entry in value):
            value = {str(index): entry for index, entry in enumerate(value)}
        if isinstance(value, Mapping):
            leaves |= flatten(value, f"{path}.")
        else:
            leaves[path] = value
    return leaves


def nested(leaves: Mapping[str, Any]) -> dict[str, Any]:
    """Return the nested dictionary whose leaves, without lists of dictionaries, these are."""
    tree: dict[str, Any] = {}
    for path, value in leaves.items():
        *parents, name = path.split(".")
        branch = tree
        for parent in parents:
            branch = branch.setdefault(parent, {})
        branch[name] = value
    return tree


def local_batch_norms(trainer: Mapping[str, Any]) -> str | None:
    """Return how many processes have a batch norm of their own, where they do not share it."""
    if "strategy" not in trainer or trainer["sync_batchnorm"]:
        return None
    return f"{trainer.get('num_nodes', 1)} x {trainer['devices']}"


def training_key(folder: Path) -> str:
    """Return what changes when another training fills a run's folder, "" where none is finished.

    Two trainings of the same configuration are told apart by what they measured at their end.
    """
    try:
        result = Result.read(folder / "result.json")
    except (FileNotFoundError, UserError):
        return ""  # loading the run says what is wrong with it
    return short_hash(json.dumps([result.identity, result.training], sort_keys=True))


def short_hash(text: str) -> str:
    """Return eight hexadecimal digits that tell texts apart."""
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def starting_key(folder: str | None) -> str | None:
    """Return the ``training_key`` of the run that another begins with, None where there is none.

    Raises:
        UserError: the folder holds no finished run.
    """
    if folder is None:
        return None
    key = training_key(Path(folder))
    if not key:
        raise UserError(f"start_from={folder} holds no finished run: give the folder of one")
    return key


OmegaConf.register_new_resolver("training_key", starting_key, replace=True)
# names a stack's folder by what is stacked, in its order
OmegaConf.register_new_resolver(
    "short_hash", lambda parts: short_hash(" ".join(map(str, parts))), replace=True
)
