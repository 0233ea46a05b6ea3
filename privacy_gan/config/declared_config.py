"""Checks overrides against what conf/ declares: existing options, types, consistent copies."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from privacy_gan.config.checks import check_consistency, contradiction_error
from privacy_gan.config.schema import SettingRole, role_of
from privacy_gan.config.task import config_to_dict, unwrap_user_errors
from privacy_gan.config.validators import VALIDATORS, format_value, is_integer
from privacy_gan.errors import UserError

REFERENCE = re.compile(r"\$\{([\w.\[\]]+)\}")
INDEPENDENT_SEEDS = {"judge.seed"}  # may differ from the run's seed
NULLABLE = {
    "attributes",
    "averaging",
    "crop",
    "generator_averaging",
    "limits",
    "num_workers",
    "on_device",
}
DERIVED = {"privatizer.seed": "seed", "privatizer.attribute_index": "attribute"}
REPLACED = {
    "judge.epochs": "adversaries are trained until they are done; judge.max_epochs=N bounds that",
}
UNTYPED = {"attribute", "bins", "devices", "graph", "missing"}  # checked elsewhere
EXAMPLES: dict[str, Any] = {
    "on_device": True,
    "attributes": ["Smiling", "Male"],
    "group_rule": "other",
}
MAX_SUGGESTIONS = 3
SIMILARITY = 0.8  # of two names, above which one is taken for a misspelling of the other


@dataclass
class DeclaredConfig:
    """A configuration as conf/ and the user's choices of files declare it, before overrides.

    Args:
        loader: Hydra's config loader.
        name: of the configuration: train, report, ...
        bases: configurations composed so far, by choices of files.
    """

    loader: ConfigLoader
    name: str
    bases: dict[tuple[str, ...], DictConfig] = field(default_factory=dict)

    def base(self, choices: Sequence[str]) -> DictConfig:
        """Return the configuration that choices of files compose, not resolved."""
        key = tuple(choices)
        if key not in self.bases:
            config = self.loader.load_configuration(self.name, list(choices), run_mode=RunMode.RUN)
            self.bases[key] = config
        return self.bases[key]

    def check(
        self, config: DictConfig, choices: Mapping[str, Any], overrides: Sequence[str]
    ) -> None:
        """Check a composed configuration.

        Args:
            config: composed, not resolved.
            choices: the selected file of each config group.
            overrides: from the command line.

        Raises:
            UserError: a value has the wrong type or contradicts another one, or no code reads a
                setting.
        """
        for path in REPLACED:
            if OmegaConf.select(config, path) is not None:
                raise unknown_option_error(path, None, [])
        base = unresolved_settings(self.base(group_overrides(choices, overrides)))
        if "run_dir" in base:
            base.setdefault("details", False)  # missing in the configurations of older runs
        OverrideChecker(config, base, unresolved_settings(config)).check()
        if self.name == "train":  # evaluate reads a run's own configuration, checked in training
            check_consistency(config)

    def options(self, choices: Sequence[str] = ()) -> list[str]:
        """Return the dotted paths of all options and config groups, top-level options first."""
        base = self.base(choices)
        settings = unresolved_settings(base)
        groups = [group for group in base.hydra.runtime.choices if not group.startswith("hydra/")]
        return [*dict.fromkeys([*settings, *groups, *iter_paths(settings, "")])]


def group_overrides(choices: Mapping[str, Any], overrides: Sequence[str]) -> list[str]:
    """Return overrides that select the same files, except experiments, which change values."""
    added = {override[1:].partition("=")[0] for override in overrides if override.startswith("+")}
    search_paths = [
        override
        for override in overrides
        if override.lstrip("+").partition("=")[0] == "hydra.searchpath"
    ]
    return search_paths + [
        f"{'+' * (group in added)}{group}={choice}"
        for group, choice in choices.items()
        if choice is not None and not (group == "experiment" or group.startswith("hydra/"))
    ]


def unresolved_settings(config: DictConfig) -> dict[str, Any]:
    """Return a configuration without Hydra's node as nested dictionaries, not resolved."""
    tree = config_to_dict(config, resolve=False)
    tree.pop("hydra", None)
    return tree


def iter_paths(tree: Mapping[str, Any], prefix: str) -> Iterator[str]:
    """Yield the dotted paths of all settings and nodes."""
    for key, value in tree.items():
        yield f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from iter_paths(value, f"{prefix}{key}.")


@dataclass
class OverrideChecker:
    """Compares a configuration after overrides with the declared one.

    Args:
        config: the configuration, not resolved.
        base: the declared configuration as nested dictionaries, not resolved.
        changed: ``config`` as nested dictionaries, not resolved.
    """

    config: DictConfig
    base: dict[str, Any]
    changed: dict[str, Any]

    def check(self) -> None:
        """Check all settings.

        Raises:
            UserError: see ``DeclaredConfig.check``.
        """
        for key in self.base:
            if key not in self.changed:
                raise UserError(f"~{key}: {key} is needed, give it a value instead")
        self.check_node(self.base, self.changed, "", instantiated=False)

    def check_node(
        self, base: Mapping[str, Any], changed: Mapping[str, Any], prefix: str, instantiated: bool
    ) -> None:
        """Check the settings of a node.

        Args:
            base: the declared node.
            changed: the node after overrides.
            prefix: of its settings' paths.
            instantiated: whether an enclosing node has a ``_target_``.
        """
        instantiated = instantiated or "_target_" in changed
        # another class may have arguments with names similar to the declared ones
        siblings = base if changed.get("_target_") == base.get("_target_") else {}
        for key, value in changed.items():
            path = f"{prefix}{key}"
            if key not in base:
                has_target = isinstance(value, Mapping) and "_target_" in value
                self.check_added(path, value, {} if has_target else siblings, instantiated)
            elif isinstance(base[key], Mapping) and isinstance(value, Mapping):
                self.check_node(base[key], value, f"{path}.", instantiated)
            elif value != base[key]:
                self.check_value(path, value, base[key])

    def check_added(
        self, path: str, value: Any, siblings: Mapping[str, Any], instantiated: bool
    ) -> None:
        """Refuse a new setting that no code reads, or that looks like a misspelt one."""
        if path in DERIVED:
            raise UserError(f"{path} follows from {DERIVED[path]}: give {DERIVED[path]}=VALUE")
        near = "." in path and not path.startswith("trainer.") and is_near_miss(path, siblings)
        if near or not (instantiated or isinstance(value, Mapping) or self.is_read(path)):
            raise unknown_option_error(path, value, [*iter_paths(self.base, "")])

    def is_read(self, path: str) -> bool:
        """Return whether another setting refers to a setting."""
        return re.search(rf"\$\{{{re.escape(path)}[}}.\[]", str(self.changed)) is not None

    def check_value(self, path: str, value: Any, declared: Any) -> None:
        """Refuse a value of the wrong type, or one that contradicts the setting it was copied from.

        Args:
            path: of the setting.
            value: after overrides.
            declared: its declared value.
        """
        with unwrap_user_errors():
            if isinstance(value, str) and "${" in value:
                value = OmegaConf.select(self.config, path)
            source = REFERENCE.fullmatch(declared) if isinstance(declared, str) else None
            if source is not None:
                declared = OmegaConf.select(self.config, source[1])
        if source is not None and isinstance(declared, DictConfig):
            self.check_replaced(path, value, source[1])
            return
        if not has_declared_type(path, value, declared):
            raise UserError(f"{path}={format_value(value)}: give {describe_values(path, declared)}")
        may_differ = source is None or role_of(source[1]) is SettingRole.SHORTHAND
        if not may_differ and path not in INDEPENDENT_SEEDS and value != declared:
            assert source is not None
            raise contradiction_error(path, value, source[1], declared)

    def check_replaced(self, path: str, value: Any, source: str) -> None:
        """Refuse changes to a copy of another node, unless a node with ``_target_`` replaces it."""
        if isinstance(value, Mapping) and "_target_" in value:
            return
        if not isinstance(value, Mapping):
            raise UserError(
                f"{path}={format_value(value)}: {path} is a copy of {source}, change that instead"
            )
        key, changed = next(iter(value.items()))
        raise UserError(explain_copy(self.base, f"{path}.{key}", changed))


def explain_copy(base: Mapping[str, Any], path: str, value: Any) -> str:
    """Return a message about a change to a setting that copies another; "" if it copies none.

    Args:
        base: the declared configuration.
        path: of the changed setting.
        value: its new value.
    """
    source = follow_references(base, path)
    if source == path:
        return ""
    source_value = get_by_path(base, source)
    if source_value is None or isinstance(source_value, Mapping):
        return f"{path} is a copy of {source}: give {source}={format_value(value)}"
    return str(contradiction_error(path, value, source, source_value))


def follow_references(base: Mapping[str, Any], path: str) -> str:
    """Return the path of the setting that a setting copies, or the path itself."""
    names, depth = path.split("."), 0
    node: Any = base
    while depth < len(names) and isinstance(node, Mapping):
        node = node.get(names[depth])
        depth += 1
        if isinstance(node, str) and (reference := REFERENCE.fullmatch(node)):
            return follow_references(base, ".".join([reference[1], *names[depth:]]))
    return path


def get_by_path(tree: Any, path: str) -> Any:
    """Return the value at a dotted path, or None."""
    for name in path.split("."):
        tree = tree.get(name) if isinstance(tree, Mapping) else None
    return tree


def has_declared_type(path: str, value: Any, declared: Any) -> bool:
    """Return whether a value has the type of the declared one."""
    name = path.rpartition(".")[2]
    declared = EXAMPLES.get(name) if declared in (None, "???") else declared
    if declared is None or name in UNTYPED:
        return True
    if value is None:
        return isinstance(declared, Mapping) or name in NULLABLE
    if isinstance(declared, bool):
        return isinstance(value, bool)
    if isinstance(declared, int):
        return is_integer(value) or (name in VALIDATORS and VALIDATORS[name].accepts(value))
    if isinstance(declared, float):
        return isinstance(value, int | float) and not isinstance(value, bool)
    if isinstance(declared, str):
        return isinstance(value, str | int | float) and not isinstance(value, bool)
    return isinstance(value, Mapping if isinstance(declared, Mapping) else list)


def describe_values(path: str, declared: Any) -> str:
    """Return words for the values that a setting takes, for "give ..."."""
    name = path.rpartition(".")[2]
    declared = EXAMPLES.get(name) if declared in (None, "???") else declared
    if isinstance(declared, list) and name in VALIDATORS:
        return f"a list, {VALIDATORS[name].words}"
    if isinstance(declared, bool):
        return "true or false"
    if isinstance(declared, Mapping):
        key = next((str(key) for key in declared if not str(key).startswith("_")), "NAME")
        return f"its settings one by one, such as {path}.{key}=VALUE"
    words = {int: "a whole number", float: "a number", list: "a list", str: "a word"}
    example = f", such as {format_value(declared)}" if declared not in (None, []) else ""
    return f"{words.get(type(declared), 'another value')}{example}"


def unknown_option_error(path: str, value: Any, options: Sequence[str]) -> UserError:
    """Return an error about an option that does not exist, with similar ones."""
    if path in REPLACED:
        return UserError(f"{path} is not an option any more: {REPLACED[path]}")
    name = path.rpartition(".")[2]
    elsewhere = [
        option for option in options if option.rpartition(".")[2] == name and option != path
    ]
    near = elsewhere if len(elsewhere) <= MAX_SUGGESTIONS else []
    near = near or difflib.get_close_matches(path, options, 1)
    near = near or [o for o in options if difflib.get_close_matches(name, [o.rpartition(".")[2]])]
    suggestions = [f"{option}={format_value(value)}" for option in near[:MAX_SUGGESTIONS]]
    hint = f"did you mean {' or '.join(suggestions)}?" if suggestions else "--help lists all"
    return UserError(f"{path} is not an option: {hint}")


def is_near_miss(path: str, siblings: Mapping[str, Any]) -> bool:
    """Return whether a setting's name is similar to that of a setting in the same node."""
    names = [key for key in siblings if not key.startswith("_")]
    return bool(difflib.get_close_matches(path.rpartition(".")[2], names, 1, SIMILARITY))
