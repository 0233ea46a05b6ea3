"""Configurations of a grid's runs, as Hydra composes them, in a fraction of the time."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from functools import cache

from hydra._internal.config_loader_impl import get_overrides_dirname
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.types import HydraContext
from omegaconf import DictConfig, OmegaConf


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
        self.parse = cache(OverridesParser.create(self.loader).parse_override)
        self.is_group = cache(lambda key: bool(self.loader.get_group_options(key)))
        self.composed: dict[tuple[str, ...], tuple[DictConfig, list[Override]]] = {}

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
            self.composed[alike] = composed, parsed
            return copy.deepcopy(composed)
        first, its_overrides = self.composed[alike]
        config = copy.deepcopy(first)
        before = {o.key_or_group: o.value() for o in its_overrides}
        for key, override in values.items():
            if override.value() != before[key]:  # what a later one undid is not done again
                OmegaConf.update(config, key, override.value(), merge=True)
        config.hydra.overrides.task = list(overrides)
        naming = config.hydra.job.config.override_dirname
        config.hydra.job.override_dirname = get_overrides_dirname(
            overrides=parsed,
            kv_sep=naming.kv_sep,
            item_sep=naming.item_sep,
            exclude_keys=naming.exclude_keys,
        )
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
