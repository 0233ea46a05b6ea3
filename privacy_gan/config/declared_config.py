"""What the files of a configuration declare, and what became of it: types, copies, options."""

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
INDEPENDENT_SEEDS = {"judge.seed"}  # a judge may draw its random numbers apart from the run's
NULLABLE = {"averaging", "crop", "limits", "num_workers", "on_device"}
DERIVED = {"privatizer.seed": "seed", "privatizer.attribute_index": "attribute"}
UNTYPED = {"attribute", "devices"}  # which say themselves what they take
EXAMPLES: dict[str, Any] = {
    "on_device": True,
    "attributes": ["Smiling", "Male"],
    "group_rule": "other",
}
MAX_SUGGESTIONS = 3
SIMILARITY = 0.8  # alike enough that one name stands for another


@dataclass
class DeclaredConfig:
    """What conf/ says before anybody changes it; the choices of files are the user's.

    Args:
        loader: Hydra's, of configurations.
        name: of the configuration: train, report, ...
    """

    loader: ConfigLoader
    name: str
    bases: dict[tuple[str, ...], DictConfig] = field(default_factory=dict)

    def base(self, choices: Sequence[str]) -> DictConfig:
        """Return the configuration that choices of files amount to, not resolved."""
        key = tuple(choices)
        if key not in self.bases:
            config = self.loader.load_configuration(self.name, list(choices), run_mode=RunMode.RUN)
            self.bases[key] = config
        return self.bases[key]

    def check(self, config: DictConfig, choices: Mapping[str, Any], typed: Sequence[str]) -> None:
        """Compare a configuration with what is declared.

        Args:
            config: as it was composed, not resolved.
            choices: of files, by group.
            typed: overrides.

        Raises:
            UserError: a value is of another type; is there twice and differs; or is read by nobody.
        """
        base = unresolved_settings(self.base(group_overrides(choices, typed)))
        if "run_dir" in base:
            base.setdefault("details", False)  # which older runs' configurations lack
        OverrideChecker(config, base, unresolved_settings(config)).check()
        if self.name == "train":  # a run that is judged again was trained as it says
            check_consistency(config)

    def options(self, choices: Sequence[str] = ()) -> list[str]:
        """Return all options, dotted, groups of files among them; those of the top come first."""
        base = self.base(choices)
        settings = unresolved_settings(base)
        groups = [group for group in base.hydra.runtime.choices if not group.startswith("hydra/")]
        return [*dict.fromkeys([*settings, *groups, *iter_paths(settings, "")])]


def group_overrides(choices: Mapping[str, Any], typed: Sequence[str]) -> list[str]:
    """Return overrides that choose the same files, but for experiments, which change values."""
    added = {word[1:].partition("=")[0] for word in typed if word.startswith("+")}
    places = [word for word in typed if word.lstrip("+").partition("=")[0] == "hydra.searchpath"]
    return places + [
        f"{'+' * (group in added)}{group}={chosen}"
        for group, chosen in choices.items()
        if chosen is not None and not (group == "experiment" or group.startswith("hydra/"))
    ]


def unresolved_settings(config: DictConfig) -> dict[str, Any]:
    """Return a configuration without Hydra's part of it, references as they are written."""
    tree = config_to_dict(config, resolve=False)
    tree.pop("hydra", None)
    return tree


def iter_paths(tree: Mapping[str, Any], prefix: str) -> Iterator[str]:
    """Yield the dotted paths of all settings, and of parts that hold some."""
    for key, value in tree.items():
        yield f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from iter_paths(value, f"{prefix}{key}.")


@dataclass
class OverrideChecker:
    """Compares what became of a configuration with what was declared.

    Args:
        config: what became of it.
        base: what was declared, as nested dictionaries that are not resolved.
        changed: what became of it, likewise.
    """

    config: DictConfig
    base: dict[str, Any]
    changed: dict[str, Any]

    def check(self) -> None:
        """Compare all.

        Raises:
            UserError: see ``Declared.check``.
        """
        for key in self.base:
            if key not in self.changed:
                raise UserError(f"~{key}: {key} is needed, give it a value instead")
        self.check_part(self.base, self.changed, "", built=False)

    def check_part(
        self, base: Mapping[str, Any], changed: Mapping[str, Any], prefix: str, built: bool
    ) -> None:
        """Compare a part.

        Args:
            base: what was declared.
            changed: what became of it.
            prefix: of its settings' paths.
            built: whether something is built of it, or of what it is a part of.
        """
        built = built or "_target_" in changed
        # what another class takes may be called nearly as what ours does
        near_to = base if changed.get("_target_") == base.get("_target_") else {}
        for key, value in changed.items():
            path = f"{prefix}{key}"
            if key not in base:
                is_part = isinstance(value, Mapping) and "_target_" in value
                self.check_added(path, value, {} if is_part else near_to, built)
            elif isinstance(base[key], Mapping) and isinstance(value, Mapping):
                self.check_part(base[key], value, f"{path}.", built)
            elif value != base[key]:
                self.check_value(path, value, base[key])

    def check_added(self, path: str, value: Any, beside: Mapping[str, Any], built: bool) -> None:
        """Refuse a setting that nobody reads."""
        if path in DERIVED:
            raise UserError(f"{path} follows from {DERIVED[path]}: give {DERIVED[path]}=VALUE")
        near = "." in path and not path.startswith("trainer.") and is_near_miss(path, beside)
        if near or not (built or isinstance(value, Mapping) or self.is_read(path)):
            raise unknown_option_error(path, value, [*iter_paths(self.base, "")])

    def is_read(self, path: str) -> bool:
        """Tell whether a setting is referred to."""
        return re.search(rf"\$\{{{re.escape(path)}[}}.\[]", str(self.changed)) is not None

    def check_value(self, path: str, value: Any, declared: Any) -> None:
        """Refuse a changed value of another type, or that contradicts what it was a copy of."""
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
        own = source is None or role_of(source[1]) is SettingRole.SHORTHAND
        if not own and path not in INDEPENDENT_SEEDS and value != declared:
            assert source is not None
            raise contradiction_error(path, value, source[1], declared)

    def check_replaced(self, path: str, value: Any, source: str) -> None:
        """Refuse changes to what is described elsewhere, unless it is described anew as a whole."""
        if isinstance(value, Mapping) and "_target_" in value:
            return
        if not isinstance(value, Mapping):
            raise UserError(f"{path}={format_value(value)}: {path} is what {source} is, change that")
        key, changed = next(iter(value.items()))
        raise UserError(explain_copy(self.base, f"{path}.{key}", changed))


def explain_copy(base: Mapping[str, Any], path: str, value: Any) -> str:
    """Return what to tell of a change to a copy: "" where the setting is none.

    Args:
        base: what is declared.
        path: of the setting that was to be changed.
        value: it was to have.
    """
    source = follow_references(base, path)
    if source == path:
        return ""
    said = get_by_path(base, source)
    if said is None or isinstance(said, Mapping):
        return f"{path} is {source}: give {source}={format_value(value)}"
    return str(contradiction_error(path, value, source, said))


def follow_references(base: Mapping[str, Any], path: str) -> str:
    """Return the path of the setting that one is a copy of, or its own."""
    names, place = path.split("."), 0
    node: Any = base
    while place < len(names) and isinstance(node, Mapping):
        node = node.get(names[place])
        place += 1
        if isinstance(node, str) and (reference := REFERENCE.fullmatch(node)):
            return follow_references(base, ".".join([reference[1], *names[place:]]))
    return path


def get_by_path(tree: Any, path: str) -> Any:
    """Return the value of a dotted path, or None."""
    for name in path.split("."):
        tree = tree.get(name) if isinstance(tree, Mapping) else None
    return tree


def has_declared_type(path: str, value: Any, declared: Any) -> bool:
    """Tell whether a value is of the type that was declared."""
    name = path.rpartition(".")[2]
    declared = EXAMPLES.get(name) if declared in (None, "???") else declared
    if declared is None or name in UNTYPED:
        return True
    if value is None:
        return isinstance(declared, Mapping) or name in NULLABLE
    if isinstance(declared, bool):
        return isinstance(value, bool)
    if isinstance(declared, int):
        return is_integer(value) or (name in VALIDATORS and VALIDATORS[name].holds(value))
    if isinstance(declared, float):
        return isinstance(value, int | float) and not isinstance(value, bool)
    if isinstance(declared, str):
        return isinstance(value, str | int | float) and not isinstance(value, bool)
    return isinstance(value, Mapping if isinstance(declared, Mapping) else list)


def describe_values(path: str, declared: Any) -> str:
    """Return what to give for a setting, in words."""
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
    """Return what to tell of a setting that there is not: which ones are near."""
    name = path.rpartition(".")[2]
    places = [option for option in options if option.rpartition(".")[2] == name and option != path]
    near = places if len(places) <= MAX_SUGGESTIONS else []
    near = near or difflib.get_close_matches(path, options, 1)
    near = near or [o for o in options if difflib.get_close_matches(name, [o.rpartition(".")[2]])]
    told = " or ".join(f"{option}={format_value(value)}" for option in near[:MAX_SUGGESTIONS])
    remedy = f"did you mean {told}?" if told else "--help shows all that there are"
    return UserError(f"{path} is no option: {remedy}")


def is_near_miss(path: str, beside: Mapping[str, Any]) -> bool:
    """Tell whether a setting's name is nearly that of another beside it."""
    names = [key for key in beside if not key.startswith("_")]
    return bool(difflib.get_close_matches(path.rpartition(".")[2], names, 1, SIMILARITY))
