"""What tests of whole runs share."""

from __future__ import annotations

import os

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from omegaconf import open_dict
from tiny_runs import ROOT, TINY

from privacy_gan.commands.command_line import register_with_hydra

torch.set_num_threads(1)

SLOW = ("sweeping", "training", "evaluation")  # rooms whose tests start processes and train


def pytest_xdist_auto_num_workers() -> int:
    """Take one worker more than there are cores: tests wait as often as they compute."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long, so that all workers end at about the same time."""
    items.sort(key=lambda item: not any(room in item.path.parts for room in SLOW))


@pytest.fixture
def tiny(tmp_path):
    """Compose a tiny run's configuration in a folder of the test's own."""

    def compose_tiny(*overrides, preset=TINY, cached=True):
        folders = [f"output_dir={tmp_path / 'outputs'}"]
        if cached:
            folders.append(f"data.cache_dir={tmp_path / 'cache'}")
        config = compose("train", [*preset, *folders, *overrides], return_hydra_config=True)
        HydraConfig.instance().set_config(config)
        with open_dict(config):
            del config["hydra"]
        return config

    register_with_hydra()
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        yield compose_tiny
