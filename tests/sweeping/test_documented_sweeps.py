"""Sweeps are as large as docs/sweeps.md says; what all pages train can be composed as written."""

import pickle
import re
import shlex
from functools import cache
from string import Template

import pytest
from commands import ROOT
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import HydraContext, RunMode
from omegaconf import OmegaConf

from privacy_gan.commands.hydra_app import register_with_hydra
from privacy_gan.sweeping.composing import Composer, SweepLoader, expand_grid

PAGE = (ROOT / "docs" / "sweeps.md").read_text()
STATED = {name: int(runs) for name, runs in re.findall(r"^\| `(\w+)` \| (\d+) \|", PAGE, re.M)}
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
TRAINS = re.compile(r"^ *privacy-gan (?:train|sweep|train_classifiers) ([^#\n`]*)", re.MULTILINE)
ASSIGNED = re.compile(r'^ *(\w+)="?([^"\n]*)"?$', re.MULTILINE)
CELEBA = ("data=celeba", "data.root=PATH")
# Hydra's own options, a search, folders of others
ELSEWHERE = ("--", "optuna", "privatizer.runs=", "start_from=")


def commands_of(page):
    """Return what a page's commands pass, with its variables in place."""
    text = page.read_text()
    variables = dict(ASSIGNED.findall(text))
    return [Template(command).safe_substitute(variables) for command in TRAINS.findall(text)]


COMMANDS = {
    (page.stem, command.strip())
    for page in PAGES
    for command in commands_of(page)
    if not any(each in command for each in ELSEWHERE)
}


@pytest.fixture(scope="module", autouse=True)
def files_are_parsed_once():
    """Keep what Hydra reads of a file: it reads all of them again for each configuration."""
    load = OmegaConf.load
    kept = {}

    def load_once(file):
        if file.name not in kept:
            kept[file.name] = pickle.dumps(load(file))
        return pickle.loads(kept[file.name])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(OmegaConf, "load", load_once)
        yield


@pytest.fixture(scope="module")
def runs_of():
    """Compose the runs of what is typed."""
    register_with_hydra()
    declared = {}
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        config_loader = GlobalHydra.instance().config_loader()
        parser = OverridesParser.create(config_loader)

        @cache
        def loaded(*hydra):
            sweep = config_loader.load_configuration("train", hydra, run_mode=RunMode.MULTIRUN)
            composer = Composer(SweepLoader(HydraContext(config_loader, None), sweep))
            composer.declared.bases = declared
            return sweep, composer

        @cache
        def compose(*typed, ends_alone=False):
            hydra = [word for word in typed if word.startswith(("hydra", "experiment="))]
            sweep, composer = loaded(*hydra)
            grid = [f"{key}={values}" for key, values in (sweep.hydra.sweeper.params or {}).items()]
            excluded = [set(combination) for combination in sweep.hydra.sweeper.leave_out]
            typed = [word for word in typed if not word.startswith("hydra")]
            product = expand_grid(parser.parse_overrides([*grid, *typed]))
            kept = [row for row in product if not any(each <= set(row) for each in excluded)]
            return composer.compose_runs([*kept[:1], *kept[1:][-1:]] if ends_alone else kept)

        yield compose


@pytest.mark.parametrize("preset", STATED)
def test_a_preset_has_as_many_runs_as_the_page_says(preset, runs_of):
    assert len(runs_of(*CELEBA, f"experiment={preset}")) == STATED[preset]


def test_presets_share_runs_as_the_page_says(runs_of):
    figure, table_1, table_2 = (
        {run.folder for run in runs_of(*CELEBA, f"experiment={name}")}
        for name in ("figure1", "table1", "table2")
    )
    assert len(figure & table_1) == 60
    assert table_1 == table_2


@pytest.mark.parametrize(("page", "command"), sorted(COMMANDS))
def test_a_documented_command_can_be_composed(page, command, runs_of):
    typed = [word for word in shlex.split(command) if word != "-m"]
    assert runs_of(*typed, ends_alone=True)


def test_all_pages_with_commands_are_read():
    assert {"README", "sweeps", "cluster", "robust", "several-gpus"} <= {
        page for page, _ in COMMANDS
    }
