"""Sweeps are as large as docs/sweeps.md says; commands of four pages can be composed."""

import re
import shlex
from functools import cache
from string import Template

import pytest
from commands import ROOT
from hydra import initialize_config_dir
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import HydraContext, RunMode

from privacy_gan.commands.command_line import register_with_hydra
from privacy_gan.sweeping.composing import Composer
from privacy_gan.sweeping.loading import SweepLoader

PAGE = (ROOT / "docs" / "sweeps.md").read_text()
STATED = {name: int(runs) for name, runs in re.findall(r"^\| `(\w+)` \| (\d+) \|", PAGE, re.M)}
ON_CLUSTERS = (ROOT / "docs" / "cluster.md").read_text()
ON_REPORTS = (ROOT / "docs" / "report.md").read_text()
ON_SPEED = (ROOT / "docs" / "performance.md").read_text()
VARIABLES = dict(re.findall(r'^    (\w+)="(.*)"$', ON_REPORTS, re.M))
COMMANDS = [
    Template(command).safe_substitute(VARIABLES)
    for page in (PAGE, ON_CLUSTERS, ON_REPORTS, ON_SPEED)
    for command in re.findall(r"^    privacy-gan train ([^#\n]*)", page, re.M)
]


@pytest.fixture(scope="module")
def runs_of():
    """Compose the runs of what is typed."""
    register_with_hydra()
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        config_loader = GlobalHydra.instance().config_loader()
        parser = OverridesParser.create(config_loader)

        @cache
        def compose(*typed):
            hydra = [word for word in typed if word.startswith(("hydra", "experiment="))]
            sweep = config_loader.load_configuration("train", hydra, run_mode=RunMode.MULTIRUN)
            grid = [f"{key}={values}" for key, values in (sweep.hydra.sweeper.params or {}).items()]
            left_out = [set(combination) for combination in sweep.hydra.sweeper.leave_out]
            typed = [word for word in typed if not word.startswith("hydra")]
            (product,) = BasicSweeper.split_arguments(
                parser.parse_overrides([*grid, "data.root=PATH", *typed]), None
            )
            kept = [row for row in product if not any(each <= set(row) for each in left_out)]
            return Composer(SweepLoader(HydraContext(config_loader, None), sweep)).runs(kept)

        yield compose


@pytest.mark.parametrize("preset", STATED)
def test_a_preset_has_as_many_runs_as_the_page_says(preset, runs_of):
    assert len(runs_of("data=celeba", f"experiment={preset}")) == STATED[preset]


def test_presets_share_runs_as_the_page_says(runs_of):
    figure, table_1, table_2 = (
        {run.folder for run in runs_of("data=celeba", f"experiment={name}")}
        for name in ("figure1", "table1", "table2")
    )
    assert len(figure & table_1) == 60
    assert table_1 == table_2


@pytest.mark.parametrize("command", [c for c in COMMANDS if "optuna" not in c])
def test_a_documented_command_can_be_composed(command, runs_of):
    typed = [word for word in shlex.split(command) if word != "-m"]
    assert runs_of("data=celeba", *typed)
