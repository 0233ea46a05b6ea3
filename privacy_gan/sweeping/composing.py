"""The runs that a grid amounts to, all their mistakes found before any of them begins."""

from __future__ import annotations

import itertools
import json
import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from hydra.types import HydraContext
from omegaconf import DictConfig, OmegaConf, open_dict, read_write
from omegaconf.errors import OmegaConfBaseException

from privacy_gan.attributes import CELEBA_ATTRIBUTES, SEPARATOR
from privacy_gan.config import build, check, completed, resolve, settings_of
from privacy_gan.config.declared import Declared
from privacy_gan.config.paths import PATHS, settle_paths
from privacy_gan.errors import Mistakes, UserError
from privacy_gan.sweeping.swept_run import (
    SweptRun,
    folder_override,
    names_of,
    quoted,
    refuse_shared_folders,
    untold_keys,
)

# what a mechanism does not use does not make another run of it; one that does has its own
USED_BY_REFERENCE = (
    *("game", "loss", "constraint", "penalty_weight", "learning_rate", "decay", "synthetic"),
)
MISTAKES = (UserError, HydraException, OmegaConfBaseException)


def grid_of(overrides: Sequence[Override]) -> list[list[str]]:
    """Return all combinations of what was typed; of two overrides of a setting the last counts.

    Raises:
        UserError: a range has no values to go through one by one.
    """
    values: dict[str, list[str]] = {}
    for override in overrides:
        key = override.get_key_element()
        if override.is_discrete_sweep():
            values[key] = [f"{key}={value}" for value in override.sweep_string_iterator()]
        elif override.is_sweep_override():
            raise UserError(
                f"{override.input_line} is a range to search: add hydra/sweeper=optuna, or give "
                f"values, {key}=A,B"
            )
        else:
            values[key] = [f"{key}={override.get_value_element_as_str()}"]
    return [list(combination) for combination in itertools.product(*values.values())]


class SweepLoader:
    """Loads the configurations of runs.

    Hydra reads all files again for each run. Here it does so once for all runs that differ in
    nothing but single values, which are then put into copies, as Hydra would put them.

    Args:
        context: of Hydra, which composes.
        sweep: the sweep's configuration.
    """

    def __init__(self, context: HydraContext, sweep: DictConfig) -> None:
        self.loader = context.config_loader
        self.sweep = sweep
        self.name = str(sweep.hydra.job.config_name)
        self.parser = OverridesParser.create(self.loader)
        self.parse = cache(self.parser.parse_override)
        self.is_group = cache(lambda key: bool(self.loader.get_group_options(key)))
        # pickled: copied from there in an eighth of the time that deepcopy takes
        self.composed: dict[tuple[str, ...], tuple[bytes, list[Override]]] = {}

    def load(self, overrides: Sequence[str]) -> DictConfig:
        """Return a run's configuration, Hydra's own part of it included.

        Raises:
            HydraException, OmegaConfBaseException: something in it does not exist.
        """
        parsed = [self.parse(override) for override in overrides]
        values = {o.key_or_group: o for o in parsed if self.sets_a_value(o)}
        alike = tuple(o.key_or_group if self.sets_a_value(o) else str(o.input_line) for o in parsed)
        if alike not in self.composed:
            composed = self.loader.load_sweep_config(self.sweep, list(overrides))
            self.composed[alike] = pickle.dumps(composed), parsed
            return composed
        first, its_overrides = self.composed[alike]
        config: DictConfig = pickle.loads(first)
        before = {o.key_or_group: o.value() for o in its_overrides}
        for key, override in values.items():
            if override.value() != before[key]:  # what a later one undid is not done again
                OmegaConf.update(config, key, override.value(), merge=True)
        config.hydra.overrides.task = list(overrides)
        naming = config.hydra.job.config.override_dirname
        told = sorted(
            str(o.input_line) for o in parsed if o.key_or_group not in naming.exclude_keys
        )
        dirname = naming.item_sep.join(told).replace("=", naming.kv_sep)
        config.hydra.job.override_dirname = dirname
        return config

    def sets_a_value(self, override: Override) -> bool:
        """Tell whether an override sets one number, word or list, and chooses no file."""
        return (
            not (override.is_add() or override.is_force_add() or override.is_delete())
            and override.package is None
            and not override.key_or_group.startswith("hydra")
            and not isinstance(override.value(), dict)
            and not self.is_group(override.key_or_group)
        )


@dataclass
class Composer:
    """Makes runs of overrides.

    Args:
        loader: of their configurations.
    """

    loader: SweepLoader

    @cached_property
    def declared(self) -> Declared:
        """What the files of the configuration say."""
        return Declared(self.loader.loader, self.loader.name)

    def runs(self, grid: Sequence[Sequence[str]], named: Sequence[str] = ()) -> list[SweptRun]:
        """Return the runs of a grid, each with a folder of its own.

        Settings that a folder's name leaves out, and that runs differ in, are added to it. Where
        runs are tracked, what they vary is their name.
        Combinations that amount to the same run are one.

        Args:
            grid: overrides of each run.
            named: settings that are added to the folders' names in any case.

        Raises:
            Mistakes: all that is wrong with the runs.
            UserError: two of them would share a folder.
        """
        runs = without_repetitions(self.composed(grid))
        if untold := [*named, *(key for key in untold_keys(runs) if key not in named)]:
            renamed = [[*run.overrides, folder_override(run, untold)] for run in runs]
            for run, apart in zip(runs, self.composed(renamed), strict=True):
                run.config, run.launched = apart.config, apart.overrides
        refuse_shared_folders(runs)
        for run, name in zip(runs, names_of(runs), strict=True):
            if OmegaConf.select(run.config, "logger.wandb") is not None:
                run.launched = [*run.launched, f"logger.wandb.name={quoted(name)}"]
        return runs

    def composed(self, grid: Sequence[Sequence[str]]) -> list[SweptRun]:
        """Return a run for each combination.

        Raises:
            Mistakes: of all combinations.
        """
        runs: list[SweptRun] = []
        mistakes: list[Exception] = []
        for overrides in grid:
            try:
                config, wrong = self.compose(overrides)
                mistakes += wrong
                runs.append(SweptRun(overrides, completed(config, resolve(config)), overrides))
            except MISTAKES as error:
                mistakes.append(error)
        if mistakes:
            raise Mistakes([*mistakes, *wrong_data(runs)])
        return runs

    def compose(self, overrides: Sequence[str]) -> tuple[DictConfig, list[Exception]]:
        """Return a run's configuration, and what is wrong with its values."""
        config = self.loader.load(overrides)
        HydraConfig.instance().set_config(config)
        choices, typed = config.hydra.runtime.choices, [*config.hydra.overrides.hydra, *overrides]
        with read_write(config), open_dict(config):
            del config["hydra"]
        settle_paths(config, PATHS)
        wrong: list[Exception] = []
        checks: list[Callable[[], None]] = [
            lambda: self.declared.check(config, choices, typed),
            lambda: check(config),
        ]
        for each in checks:
            try:
                each()
            except MISTAKES as error:
                wrong.append(error)
        return config, wrong


def without_repetitions(runs: Sequence[SweptRun]) -> list[SweptRun]:
    """Return the runs without those that are another one in all but what they do not use."""
    kept: dict[str, SweptRun] = {}
    for run in runs:
        settings = settings_of(run.config)
        told = (*USED_BY_REFERENCE, "logger", "overrides")
        used = {key: settings[key] for key in settings if key not in told}
        kept.setdefault(json.dumps(used, sort_keys=True, default=str), run)
    return list(kept.values())


def wrong_data(runs: Sequence[SweptRun]) -> list[Exception]:
    """Return what is wrong with the data of runs: are they there, with what is to be hidden?

    The data are asked, for which torch must be imported, only where a word is none of CelebA's
    attributes.
    """
    names: dict[str, Sequence[str]] = {}
    mistakes: list[Exception] = []
    for run in runs:
        data = json.dumps(settings_of(run.config.data), sort_keys=True, default=str)
        try:
            for key in OmegaConf.missing_keys(run.config.data):
                raise UserError(f"data.{key} has no value: give one, data.{key}=...")
            root = OmegaConf.select(run.config, "data.root")
            if root is not None and not Path(root).expanduser().is_dir():
                raise UserError(
                    f"data.root={root} is not a folder: give the one that holds the data"
                )
            if set(run.config.attribute.split(SEPARATOR)) <= set(CELEBA_ATTRIBUTES):
                continue
            if data not in names:
                names[data] = build(run.config.data).attribute_names
            resolve(run.config, names[data])
        except UserError as error:
            mistakes.append(error)
    return mistakes
