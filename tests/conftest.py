"""What tests of whole runs share."""

from __future__ import annotations

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from omegaconf import open_dict
from tiny_runs import ROOT, TINY

from privacy_gan.commands.command_line import register_with_hydra

torch.set_num_threads(1)


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
