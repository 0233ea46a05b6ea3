"""Fingerprints of existing runs do not change, and every new setting has a role."""

import hashlib
import json
import re

import pytest
from commands import ROOT
from omegaconf import OmegaConf

from privacy_gan.config import config_to_dict, resolve_config, resolve_task
from privacy_gan.config.schema import ROLES, SettingRole, TrainConfig, role_of
from privacy_gan.runs.fingerprint import run_fingerprint
from privacy_gan.runs.result import Result

SHIPPED = "cd9d80e4e6a8693d"

# Fingerprints of existing runs. Changing one invalidates all such runs.
FINGERPRINTS = {
    "": SHIPPED,
    "trainer=ddp logger=wandb judge=quick classifiers=quick baseline=true": SHIPPED,
    "trainer.profiler=simple data.num_workers=2 privatizer.optimizer.fused=false": SHIPPED,
    "trainer=ddp trainer.sync_batchnorm=false trainer.devices=2": "a8089667821c3f23",
    "trainer=cpu +trainer.max_steps=7 +trainer.gradient_clip_val=1.0 "
    "+trainer.max_time={minutes:1}": "21f8a528a94793b8",
    "+data.mine=1": "e1a1515b7c6eefcf",
    "data=celeba data.root=/x": "ab5f9ca8c9b7f287",
    "data=gaussian": "e9f93a60a0a5b27b",
    "attribute=[Black_Hair,Blond_Hair] group_rule=drop": "6df43cae930ecb8d",
    "constraint=multiplier epsilon=0.005 attribute=gender seed=3": "d6dc045d376f1357",
    "game=robust": "e1f14e88cfd08d32",
    "privatizer=filter loss=cross_entropy": "fd75694cfa5a1c9b",
    "privatizer=generator": "d20275cb4b2db4aa",
    "privatizer=stargan": "e9e259597fd22b7c",
    "privatizer=transport data=gaussian": "098d9f52c077ab75",
    "privatizer=pixelate": "35a5fb05c37760b0",
    "experiment=demo": "81cdb0f573bd7c8b",
}


@pytest.mark.parametrize("overrides", FINGERPRINTS)
def test_fingerprints_of_existing_runs_do_not_change(overrides, tiny):
    config = tiny(*overrides.split(), preset=[], cached=False)
    settings = run_fingerprint(config_to_dict(resolve_config(config, resolve_task(config))), "key")
    fingerprint = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]
    assert fingerprint == FINGERPRINTS[overrides]


def test_all_settings_in_the_fingerprints_of_committed_results_still_belong_to_fingerprints():
    paths = {
        path
        for file in (ROOT / "docs" / "results").rglob("result.json")
        for path in Result.read(file).fingerprint
    }
    assert len(paths) > 60
    assert {path for path in paths if role_of(path) is not SettingRole.FINGERPRINT} == set()


def test_the_documented_filters_in_a_subspace_are_the_runs_that_were_measured(tiny):
    files = (ROOT / "docs" / "results").rglob("*-subspace/*/*/*/result.json")
    measured = [Result.read(file).fingerprint | {"data.key": "key"} for file in files]
    page = (ROOT / "docs" / "subspace.md").read_text()
    commands = re.findall(r"    privacy-gan train (.* evaluate=false)\n", page)
    assert len(commands) >= len(measured) > 2
    for command in commands:
        config = tiny(*command.split(), preset=[], cached=False)
        settings = run_fingerprint(config_to_dict(resolve_config(config, resolve_task(config))), "")
        assert settings | {"data.key": "key"} in measured, command


def test_every_top_level_setting_has_a_role():
    assert {name for name in ROLES if "." not in name} == set(TrainConfig.__annotations__)


def test_every_setting_of_a_node_with_mixed_roles_has_a_role(tiny):
    mixed = {name.rpartition(".")[0] for name in ROLES if "." in name}
    assert mixed == {"data", "privatizer.optimizer", "trainer"}
    choices = [
        (group, choice)
        for group in ("data", "privatizer", "trainer")
        for choice in choices_of(group)
    ]
    for group, choice in choices:
        config = tiny(f"{group}={choice}", preset=[], cached=False)
        for part in mixed:
            settings = OmegaConf.select(config, part, throw_on_resolution_failure=False)
            for name in settings or ():
                assert f"{part}.{name}" in ROLES, f"add {part}.{name} to ROLES"


def choices_of(group):
    return [path.stem for path in sorted((ROOT / "conf" / group).glob("*.yaml"))]


@pytest.mark.parametrize(
    ("path", "role"),
    [
        ("trainer.strategy._target_", SettingRole.RUNTIME),
        ("trainer.max_steps", SettingRole.FINGERPRINT),
        ("game.betas", SettingRole.SHORTHAND),
        ("judge.adversaries.resnet10.recipe.augmented", SettingRole.JUDGING),
        ("somebodys_own", SettingRole.FINGERPRINT),
    ],
)
def test_a_setting_has_the_role_of_its_nearest_listed_ancestor(path, role):
    assert role_of(path) is role
