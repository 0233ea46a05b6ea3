"""Objects that a configuration describes."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pkgutil import resolve_name
from typing import Any

import hydra.utils
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from privacy_gan.errors import UserError

# Hydra 1.4 asks its caller what a configuration may execute. Ours come from the user, who may name
# mechanisms of their own.
TRUSTED: dict[str, Any] = (
    {"_execution_whitelist_": hydra.utils.UNSAFE_DISABLE_EXECUTION_CHECKS}
    if hasattr(hydra.utils, "UNSAFE_DISABLE_EXECUTION_CHECKS")
    else {}
)


def instantiate(node: DictConfig, **more: Any) -> Any:
    """Build what a part of the configuration describes.

    Raises:
        UserError: it cannot be built so, in the words of what was to be built.
        MissingMandatoryValue: a value that must be given was not.
    """
    try:
        return hydra.utils.instantiate(node, **more, **TRUSTED, _convert_="all")
    except MissingMandatoryValue:
        raise  # which says what to give
    except Exception as error:  # Hydra 1.3 wraps what is raised, 1.4 does not
        cause: BaseException = error
        while cause.__cause__ is not None and not isinstance(cause, UserError):
            cause = cause.__cause__
        if isinstance(cause, UserError):
            raise cause from None
        raise UserError(f"{node._target_} cannot be set up as configured: {cause}") from error


def instantiate_mechanism(node: DictConfig, seed: int, attribute_index: int = 0) -> Any:
    """Build a mechanism, and those that it consists of.

    Args:
        node: describes it.
        seed: of the run.
        attribute_index: the sensitive attribute's column among the labels, which only training asks
            for.

    Raises:
        UserError, MissingMandatoryValue: see ``build``.
    """
    told = {"attribute_index": attribute_index, "seed": seed}
    try:
        tree = OmegaConf.to_container(node, resolve=True)
    except OmegaConfBaseException:
        return instantiate(node, **told)  # says what is wrong
    assert isinstance(tree, dict)
    return instantiate(OmegaConf.create(drop_undeclared_arguments({**tree, **told}, told)))


def drop_undeclared_arguments(tree: Any, told: Mapping[str, Any]) -> Any:
    """Leave out what mechanisms are told without declaring it, as those that do not learn.

    Args:
        tree: of dictionaries and lists. Mechanisms are told all of ``told``, also within a stack.
        told: names of arguments, and values.
    """
    if isinstance(tree, list):
        return [drop_undeclared_arguments(entry, told) for entry in tree]
    if not isinstance(tree, Mapping):
        return tree
    entries = {name: drop_undeclared_arguments(entry, told) for name, entry in tree.items()}
    if "_target_" not in entries or not told.keys() <= entries.keys():
        return entries
    try:
        parameters = inspect.signature(resolve_name(entries["_target_"])).parameters
    except (ImportError, AttributeError, TypeError, ValueError):
        return entries  # what cannot be asked is built, or says why not
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return entries
    unasked = told.keys() - parameters.keys()
    return {name: entry for name, entry in entries.items() if name not in unasked}
