"""Composes the configurations of a sweep's runs and reports every error before a run starts."""

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

from privacy_gan.attributes import CELEBA_ATTRIBUTES, SEPARATOR, DataAttributes
from privacy_gan.config import (
    check_config,
    config_to_dict,
    instantiate,
    resolve_config,
    resolve_task,
)
from privacy_gan.config.declared_config import DeclaredConfig
from privacy_gan.config.paths import PATHS, resolve_paths
from privacy_gan.data.image_source import own_attributes
from privacy_gan.errors import UserError, UserErrors
from privacy_gan.sweeping.swept_run import (
    SweptRun,
    folder_override,
    quote,
    require_distinct_folders,
    run_names,
    unnamed_keys,
)

# A mechanism that uses one of these settings interpolates it into its own node. Without them at the
# top level, two runs whose mechanisms do not use them are equal.
INTERPOLATED_SETTINGS = (
    *("game", "loss", "constraint", "penalty_weight", "learning_rate", "decay", "synthetic"),
)
CONFIG_ERRORS = (UserError, HydraException, OmegaConfBaseException)


def expand_grid(overrides: Sequence[Override]) -> list[list[str]]:
    """Return all combinations of overrides; the last of several overrides of a setting counts.

    Raises:
        UserError: an override is a range, which only a search can sample.
    """
    values: dict[str, list[str]] = {}
    for override in overrides:
        key = override.get_key_element()
        if override.is_discrete_sweep():
            values[key] = [f"{key}={value}" for value in override.sweep_string_iterator()]
        elif override.is_sweep_override():
            raise UserError(
                f"{override.input_line} is a range to search: add hydra/sweeper=optuna, or list "
                f"values, {key}=A,B"
            )
        else:
            values[key] = [f"{key}={override.get_value_element_as_str()}"]
    return [list(combination) for combination in itertools.product(*values.values())]


class SweepLoader:
    """Loads the configurations of a sweep's runs.

    Hydra reads all files again for each run. This loader reads them once for all runs that differ
    only in single values, and sets these values in copies, as Hydra would.

    Args:
        context: Hydra's context, which has the config loader.
        sweep: the sweep's configuration.
    """

    def __init__(self, context: HydraContext, sweep: DictConfig) -> None:
        self.loader = context.config_loader
        self.sweep = sweep
        self.name = str(sweep.hydra.job.config_name)
        self.parser = OverridesParser.create(self.loader)
        self.parse = cache(self.parser.parse_override)
        self.is_group = cache(lambda key: bool(self.loader.get_group_options(key)))
        # pickled, because unpickling takes an eighth of the time of deepcopy
        self.composed: dict[tuple[str, ...], tuple[bytes, list[Override]]] = {}

    def load(self, overrides: Sequence[str]) -> DictConfig:
        """Return a run's configuration, with the ``hydra`` node.

        Raises:
            HydraException, OmegaConfBaseException: a setting or an option does not exist.
        """
        parsed = [self.parse(override) for override in overrides]
        values = {o.key_or_group: o for o in parsed if self.sets_a_value(o)}
        template = tuple(
            o.key_or_group if self.sets_a_value(o) else str(o.input_line) for o in parsed
        )
        if template not in self.composed:
            composed = self.loader.load_sweep_config(self.sweep, list(overrides))
            self.composed[template] = pickle.dumps(composed), parsed
            return composed
        pickled, its_overrides = self.composed[template]
        config: DictConfig = pickle.loads(pickled)
        before = {o.key_or_group: o.value() for o in its_overrides}
        for key, override in values.items():
            if override.value() != before[key]:  # a later override may have replaced equal ones
                OmegaConf.update(config, key, override.value(), merge=True)
        config.hydra.overrides.task = list(overrides)
        options = config.hydra.job.config.override_dirname
        parts = sorted(
            str(o.input_line) for o in parsed if o.key_or_group not in options.exclude_keys
        )
        dirname = options.item_sep.join(parts).replace("=", options.kv_sep)
        config.hydra.job.override_dirname = dirname
        return config

    def sets_a_value(self, override: Override) -> bool:
        """Return whether an override sets a number, string or list, and selects no file."""
        return (
            not (override.is_add() or override.is_force_add() or override.is_delete())
            and override.package is None
            and not override.key_or_group.startswith("hydra")
            and not isinstance(override.value(), dict)
            and not self.is_group(override.key_or_group)
        )


@dataclass
class Composer:
    """Composes runs from overrides.

    Args:
        loader: loads their configurations.
    """

    loader: SweepLoader

    @cached_property
    def declared(self) -> DeclaredConfig:
        """What the configuration files declare."""
        return DeclaredConfig(self.loader.loader, self.loader.name)

    def compose_runs(
        self, grid: Sequence[Sequence[str]], named_keys: Sequence[str] = ()
    ) -> list[SweptRun]:
        """Return the runs of a grid, each with its own folder.

        If runs that differ would share a folder, the settings that they differ in are added to
        the folder names. Tracked runs are named after the settings that the sweep varies.
        Combinations that give the same run are returned once.

        Args:
            grid: overrides of each run.
            named_keys: settings that are always added to the folder names.

        Raises:
            UserErrors: every error in the runs' configurations.
            UserError: two runs would share a folder.
        """
        runs = drop_duplicates(self.compose_all(grid))
        keys = [*named_keys, *(key for key in unnamed_keys(runs) if key not in named_keys)]
        if keys:
            renamed = [[*run.overrides, folder_override(run, keys)] for run in runs]
            for run, composed in zip(runs, self.compose_all(renamed), strict=True):
                run.config, run.launch_overrides = composed.config, composed.overrides
        require_distinct_folders(runs)
        for run, name in zip(runs, run_names(runs), strict=True):
            if OmegaConf.select(run.config, "logger.wandb") is not None:
                run.launch_overrides = [*run.launch_overrides, f"logger.wandb.name={quote(name)}"]
        return runs

    def compose_all(self, grid: Sequence[Sequence[str]]) -> list[SweptRun]:
        """Return a run for each combination.

        Raises:
            UserErrors: the errors of all combinations.
        """
        runs: list[SweptRun] = []
        errors: list[Exception] = []
        for overrides in grid:
            try:
                config, its_errors = self.compose(overrides)
                errors += its_errors
                known = own_attributes(config_to_dict(config.data))
                resolved = resolve_config(config, resolve_task(config, known))
                runs.append(SweptRun(overrides, resolved, overrides))
            except CONFIG_ERRORS as error:
                errors.append(error)
        if errors:
            raise UserErrors([*errors, *find_data_errors(runs)])
        return runs

    def compose(self, overrides: Sequence[str]) -> tuple[DictConfig, list[Exception]]:
        """Return a run's configuration and the errors in its values."""
        config = self.loader.load(overrides)
        HydraConfig.instance().set_config(config)
        choices, typed = config.hydra.runtime.choices, [*config.hydra.overrides.hydra, *overrides]
        with read_write(config), open_dict(config):
            del config["hydra"]
        resolve_paths(config, PATHS)
        errors: list[Exception] = []
        checks: list[Callable[[], None]] = [
            lambda: self.declared.check(config, choices, typed),
            lambda: check_config(config),
        ]
        for run_check in checks:
            try:
                run_check()
            except CONFIG_ERRORS as error:
                errors.append(error)
        return config, errors


def drop_duplicates(runs: Sequence[SweptRun]) -> list[SweptRun]:
    """Return the first of each set of runs that differ only in settings that they do not use."""
    selected: dict[str, SweptRun] = {}
    for run in runs:
        settings = config_to_dict(run.config)
        ignored = (*INTERPOLATED_SETTINGS, "logger", "overrides")
        used = {key: settings[key] for key in settings if key not in ignored}
        selected.setdefault(json.dumps(used, sort_keys=True, default=str), run)
    return list(selected.values())


def find_data_errors(runs: Sequence[SweptRun]) -> list[Exception]:
    """Return errors such as missing data folders and attributes that the data do not have.

    The data are opened, which imports torch, only for an attribute that CelebA does not have.
    """
    known: dict[str, DataAttributes] = {}
    errors: list[Exception] = []
    for run in runs:
        data = json.dumps(config_to_dict(run.config.data), sort_keys=True, default=str)
        try:
            for key in OmegaConf.missing_keys(run.config.data):
                raise UserError(f"data.{key} has no value: give one, data.{key}=...")
            root = OmegaConf.select(run.config, "data.root")
            if root is not None and not Path(root).expanduser().is_dir():
                raise UserError(
                    f"data.root={root} is not a folder: set it to the folder that has the data"
                )
            if set(run.config.attribute.split(SEPARATOR)) <= set(CELEBA_ATTRIBUTES):
                continue
            if data not in known:
                known[data] = instantiate(run.config.data).known_attributes()
            resolve_task(run.config, known[data])
        except UserError as error:
            errors.append(error)
    return errors
