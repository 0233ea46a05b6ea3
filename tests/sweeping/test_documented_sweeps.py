"""Sweeps have as many runs as docs/sweeps.md says, and all documented commands compose."""

import re
import shlex
from functools import cache
from string import Template

import known_copies
import pytest
from commands import ROOT
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import HydraContext, RunMode
from PIL import Image

from privacy_gan.commands.hydra_app import register_with_hydra
from privacy_gan.sweeping.composing import Composer, SweepLoader, expand_grid

PAGE = (ROOT / "docs" / "sweeps.md").read_text()
STATED = {name: int(runs) for name, runs in re.findall(r"^\| `(\w+)` \| (\d+) \|", PAGE, re.M)}
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
TRAINS = re.compile(r"^ *privacy-gan (?:train|sweep|train_classifiers) ([^#\n`]*)", re.MULTILINE)
ASSIGNED = re.compile(r'^ *(\w+)="?([^"\n]*)"?$', re.MULTILINE)
CELEBA = ("data=celeba", "data.root=PATH")
# Hydra's own options, searches, and commands that need other runs' folders
SKIPPED = ("--", "optuna", "privatizer.runs=", "start_from=")


def commands_of(page):
    """Return the arguments of a page's commands, with its variables substituted."""
    text = page.read_text()
    variables = dict(ASSIGNED.findall(text))
    return [Template(command).safe_substitute(variables) for command in TRAINS.findall(text)]


COMMANDS = {
    (page.stem, command.strip())
    for page in PAGES
    for command in commands_of(page)
    if not any(part in command for part in SKIPPED)
}


@pytest.fixture(scope="module")
def compose_runs():
    """Return a function that composes the runs of a command."""
    register_with_hydra()
    declared = {}
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        config_loader = GlobalHydra.instance().config_loader()
        parser = OverridesParser.create(config_loader)

        @cache
        def load(*hydra):
            sweep = config_loader.load_configuration("train", hydra, run_mode=RunMode.MULTIRUN)
            composer = Composer(SweepLoader(HydraContext(config_loader, None), sweep))
            composer.declared.bases = declared
            return sweep, composer

        @cache
        def compose(*typed, first_and_last_only=False):
            hydra = [word for word in typed if word.startswith(("hydra", "experiment="))]
            sweep, composer = load(*hydra)
            preset = [f"{k}={values}" for k, values in (sweep.hydra.sweeper.params or {}).items()]
            excluded = [set(combination) for combination in sweep.hydra.sweeper.leave_out]
            typed = [word for word in typed if not word.startswith("hydra")]
            product = expand_grid(parser.parse_overrides([*preset, *typed]))
            grid = [row for row in product if not any(each <= set(row) for each in excluded)]
            if first_and_last_only:
                grid = [*grid[:1], *grid[1:][-1:]]
            return composer.compose_runs(grid)

        yield compose


@pytest.mark.parametrize("preset", STATED)
def test_a_preset_has_as_many_runs_as_the_page_says(preset, compose_runs):
    assert len(compose_runs(*CELEBA, f"experiment={preset}")) == STATED[preset]


def test_presets_share_runs_as_the_page_says(compose_runs):
    figure, table_1, table_2 = (
        {run.folder for run in compose_runs(*CELEBA, f"experiment={name}")}
        for name in ("figure1", "table1", "table2")
    )
    assert len(figure & table_1) == 60
    assert table_1 == table_2


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Return folders and tables for commands on the reader's images, by their placeholders."""
    root = tmp_path_factory.mktemp("images")
    known_copies.write_chest_xray(root / "x-rays")
    for number in range(100):
        path = root / "faces" / ("cat", "dog")[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (16, 16)).save(path)
    rows = [f"{number}.png,{number % 2}" for number in range(100)]
    (root / "labels.csv").write_text("\n".join(["image,NAME", *rows]))
    return {"x-rays": root / "x-rays", "faces": root / "faces", "FILE": root / "labels.csv"}


def with_own_images(words, folders):
    """Put existing folders and tables into a command on the reader's images."""
    if not any(word.startswith("data.images=") for word in words):
        return words
    images = folders["x-rays" if "data=chest_xray" in words else "faces"]
    values = {"data.images": images, "data.labels": folders["FILE"]}
    pairs = [word.partition("=") for word in words]
    return [f"{name}={values.get(name, value)}" for name, _, value in pairs]


@pytest.mark.parametrize(("page", "command"), sorted(COMMANDS))
def test_a_documented_command_composes(page, command, compose_runs, folders):
    typed = [word for word in shlex.split(command) if word != "-m"]
    typed = with_own_images(typed, folders)
    assert compose_runs(*typed, first_and_last_only=True)


def test_commands_are_found_on_all_pages_that_have_some():
    assert {"README", "sweeps", "cluster", "robust", "several-gpus"} <= {
        page for page, _ in COMMANDS
    }
