"""Fixtures shared by all tests."""

from __future__ import annotations

import gc
import os
import shutil
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # for torch in this process and in those that tests start

import hypothesis  # noqa: F401 - before gc.freeze, because it asks the collector for references
import pytest
import torch
from chromium import chromium
from filelock import FileLock
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from omegaconf import open_dict
from parsed_files import parse_once
from presets import TINY

import privacy_gan
from privacy_gan.commands.hydra_app import register_with_hydra

ROOT = Path(__file__).resolve().parents[1]
SLOW = ("test_package.py", "test_presets.py", "benchmarking", "release", "sweeping")

gc.disable()  # until all test files are imported: what the libraries create stays
torch.set_num_threads(1)
parse_once()
assert Path(privacy_gan.__file__).is_relative_to(ROOT), "another checkout is installed here"


def pytest_xdist_auto_num_workers() -> int:
    """Use one worker more than there are cores, because tests spend much time waiting."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start with the slowest tests, so that all workers finish at about the same time."""
    places = {name: place for place, name in enumerate(SLOW)}
    items.sort(key=lambda item: min(places.get(part, len(SLOW)) for part in item.path.parts))


def pytest_collection_finish() -> None:
    """Save what would slow all tests down, now that the test files have imported the libraries."""
    gc.freeze()  # the collector would visit all objects of the libraries again and again
    gc.enable()
    if not torch.cuda.is_available():
        # Lightning sets it on import; torch would look for a driver in every optimizer step
        os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] = "0"


@pytest.fixture
def tiny(tmp_path):
    """Return a function that composes a tiny run's configuration in the test's folder."""

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


@pytest.fixture(scope="session")
def once(tmp_path_factory):
    """Create folders once for all workers: ``once(name, make)`` returns the folder.

    ``make(folder)`` fills it. Tests that change its content must change a copy.
    """
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent

    def create_once(name, make):
        folder = shared / "once" / name
        folder.parent.mkdir(exist_ok=True)
        with FileLock(f"{folder}.lock"):
            done = folder.with_name(f"{name}.done")
            if not done.exists():
                shutil.rmtree(folder, ignore_errors=True)  # left by a worker that failed
                folder.mkdir()
                make(folder)
                done.touch()
        return folder

    return create_once


@pytest.fixture(scope="session")
def chromium_of_session(tmp_path_factory):
    """Start one browser for the whole session."""
    with chromium(tmp_path_factory.mktemp("chromium")) as driver:
        yield driver


@pytest.fixture
def browser(chromium_of_session):
    """Return the session's browser with a fresh tab, empty cache and empty storage."""
    driver = chromium_of_session
    before = driver.current_window_handle
    driver.switch_to.new_window("tab")
    fresh = driver.current_window_handle
    driver.switch_to.window(before)
    driver.close()
    driver.switch_to.window(fresh)
    driver.execute_cdp_cmd("Network.clearBrowserCache", {})
    everything = {"origin": "*", "storageTypes": "all"}
    driver.execute_cdp_cmd("Storage.clearDataForOrigin", everything)
    for kind in ("browser", "performance"):
        driver.get_log(kind)
    return driver
