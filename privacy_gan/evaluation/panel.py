"""Named panels: fixed, versioned sets of adversaries.

Results of the same panel can be compared. A panel with other members, or with another setting of a
member, has another name: a change of conf/judge needs a new version here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from privacy_gan.runs.fingerprint import short_hash

CUSTOM = "custom"  # any other set of adversaries
PREFIX, VARIANTS = "judge.adversaries.", "judge.variants."
NOT_PART = ("image_size", "weights", "weights_key")  # settings that depend on the run
NEED_ORIGINALS = ("fixed_classifier", "inversion", "restoration")
NEEDS_WEIGHTS = "pretrained"

# Hashes of the settings of the members; tests/panel_members.py prints those of conf/judge.
STANDARD_1 = {
    "pca_mlp": "66a3bd54",
    "kernel_ridge": "a0d52edb",
    "resnet10": "264ae1f0",
    "resnet18": "d59fb8a6",
    "fixed_classifier": "44ca552e",
    "convnext": "7362f832",
    "inversion": "20657144",
    "restoration": "b78cba8b",
}
QUICK_1 = ("pca_mlp", "kernel_ridge", "resnet10", "fixed_classifier", "inversion")
MLP_1 = {
    "kernel_ridge": "a0d52edb",
    "fixed_classifier": "44ca552e",
    "inversion": "2cbb9a68",
    "mlp": "97fbb5ce",
    "wide_mlp": "ab742c14",
}
PRETRAINED_1 = "b4cc0249"  # of the member that judge.weights adds
VARIANTS_1 = "62e794fc"  # of the variants of judge=thorough
PANELS = {
    "standard-1": STANDARD_1,
    "quick-1": {name: STANDARD_1[name] for name in QUICK_1},
    "mlp-1": MLP_1,
}


def panel_name(settings: Mapping[str, Any]) -> str:
    """Return the name of the panel that a judge's settings describe, or ``CUSTOM``.

    Without original images, an audit's panel has no adversary that needs them: its name ends with
    "without originals". With weights from a file, it ends with "with pretrained"; with the variants
    of judge=thorough, with "with variants".

    Args:
        settings: settings of the judge by dotted path, see ``judge_settings``.
    """
    name = name_without_variants(settings)
    variants = variants_key(settings)
    if variants is None or name == CUSTOM:
        return name
    return f"{name} with variants" if variants == VARIANTS_1 else CUSTOM


def name_without_variants(settings: Mapping[str, Any]) -> str:
    """Return the name of a judge's panel before variants are added, see ``panel_name``."""
    found = member_keys(settings)
    with_weights = found.pop(NEEDS_WEIGHTS, None)
    if with_weights not in (None, PRETRAINED_1):
        return CUSTOM
    end = "" if with_weights is None else " with pretrained"
    for name, members in PANELS.items():
        without = {member: key for member, key in members.items() if member not in NEED_ORIGINALS}
        if found == members:
            return f"{name}{end}"
        if found == without:
            return f"{name} without originals{end}"
    return CUSTOM


def member_keys(settings: Mapping[str, Any]) -> dict[str, str]:
    """Return a hash of the settings of each adversary that a judge's settings describe.

    Args:
        settings: settings of the judge by dotted path, see ``judge_settings``.
    """
    members: dict[str, dict[str, Any]] = {}
    for path, value in settings.items():
        name, _, setting = path.removeprefix(PREFIX).partition(".")
        if path.startswith(PREFIX) and setting and setting.rpartition(".")[2] not in NOT_PART:
            members.setdefault(name, {})[setting] = value
    if settings.get("judge.weights") is None:
        members.pop(NEEDS_WEIGHTS, None)
    return {
        name: short_hash(json.dumps(member, sort_keys=True)) for name, member in members.items()
    }


def variants_key(settings: Mapping[str, Any]) -> str | None:
    """Return a hash of the settings of the variants, None without any.

    Args:
        settings: settings of the judge by dotted path, see ``judge_settings``.
    """
    variants = {path: value for path, value in settings.items() if path.startswith(VARIANTS)}
    return short_hash(json.dumps(variants, sort_keys=True)) if variants else None
