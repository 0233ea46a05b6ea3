"""Fingerprints: the settings that determine the results of a run, and of its evaluation."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig

from privacy_gan.config import config_to_dict
from privacy_gan.config.schema import SettingRole, role_of

SUBSPACE_COPY = re.compile(r"privatizer\..+\.components")

# options that did not always exist, with values that do what earlier versions did
NEW_OPTIONS = {
    "start_key": None,
    "filter.balanced": False,
    "filter.snapshots": 0,
    "filter.budget_share": 1.0,
    "privatizer.mirrored": False,
    "privatizer.final_rate": 0.0,
    "privatizer.generator_after": 0.0,
    "privatizer.generator_rate": 1.0,
    "privatizer.generator_stride": 1,
    "data.prior": 0.5,
    "data.certify": 0.0,
}


def run_fingerprint(settings: Mapping[str, Any], data_key: str) -> dict[str, Any]:
    """Return the settings that determine a run's results, by dotted path.

    Args:
        settings: the run's resolved configuration as nested dictionaries.
        data_key: identifies the data's labels and splits, independently of where the files are.
    """
    decisive = {
        path: value
        for path, value in flatten(settings).items()
        if role_of(path) is SettingRole.FINGERPRINT
    }
    if "networks.components" in decisive:  # its copies may be filled in, see training/subspace.py
        copies = [path for path in decisive if SUBSPACE_COPY.fullmatch(path)]
        for path in copies:
            del decisive[path]
    for path in [path for path, value in decisive.items() if is_new_default(path, value)]:
        del decisive[path]  # earlier runs, without this option, have no such key
    if processes := unsynchronized_batch_norms(settings["trainer"]):
        decisive["trainer.batch_norms"] = processes
    return decisive | {"data.key": data_key}


def is_new_default(path: str, value: Any) -> bool:
    """Return whether a setting is a new option whose default does what earlier versions did."""
    return any(
        path == option or path.endswith(f".{option}")
        for option, default in NEW_OPTIONS.items()
        if value == default
    )


def classifier_settings(config: DictConfig) -> dict[str, Any]:
    """Return the settings that determine the fixed classifiers, by dotted path."""
    settings = config_to_dict(config.classifiers)
    return flatten({key: value for key, value in settings.items() if key != "folder"})


def judge_settings(config: DictConfig) -> dict[str, Any]:
    """Return the settings that determine an evaluation, by dotted path."""
    return flatten(
        {"judge": config_to_dict(config.judge), "classifiers": classifier_settings(config)}
    )


def flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return the leaves of a nested dictionary by dotted path.

    Lists of numbers or strings are leaves; indices of lists of dictionaries are part of the path.
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


def unflatten(leaves: Mapping[str, Any]) -> dict[str, Any]:
    """Return a nested dictionary from its leaves; lists of dictionaries become dictionaries."""
    tree: dict[str, Any] = {}
    for path, value in leaves.items():
        *parents, name = path.split(".")
        branch = tree
        for parent in parents:
            branch = branch.setdefault(parent, {})
        branch[name] = value
    return tree


def unsynchronized_batch_norms(trainer: Mapping[str, Any]) -> str | None:
    """Return machines x devices if each process has its own batch norms, else None."""
    if "strategy" not in trainer or trainer["sync_batchnorm"]:
        return None
    return f"{trainer.get('num_nodes', 1)} x {trainer['devices']}"


def short_hash(text: str) -> str:
    """Return eight hexadecimal digits of a text's SHA-256 hash."""
    return hashlib.sha256(text.encode()).hexdigest()[:8]
