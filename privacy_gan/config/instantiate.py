"""Instantiates the objects that a configuration describes."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pkgutil import resolve_name
from typing import Any

import hydra.utils
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from privacy_gan.errors import UserError

# Hydra 1.4 asks its caller which code a configuration may execute. Configurations come from the
# user, who may name their own mechanisms.
TRUSTED: dict[str, Any] = (
    {"_execution_whitelist_": hydra.utils.UNSAFE_DISABLE_EXECUTION_CHECKS}
    if hasattr(hydra.utils, "UNSAFE_DISABLE_EXECUTION_CHECKS")
    else {}
)


def instantiate(node: DictConfig, **kwargs: Any) -> Any:
    """Instantiate the object that a node of the configuration describes.

    Args:
        node: has a ``_target_``.
        kwargs: further arguments for the target.

    Raises:
        UserError: the target cannot be instantiated; a UserError of the target is passed on.
        MissingMandatoryValue: the user must give a value.
    """
    try:
        return hydra.utils.instantiate(node, **kwargs, **TRUSTED, _convert_="all")
    except MissingMandatoryValue:
        raise  # its message says which value to give
    except Exception as error:  # Hydra 1.3 wraps the target's exception, 1.4 does not
        cause: BaseException = error
        while cause.__cause__ is not None and not isinstance(cause, UserError):
            cause = cause.__cause__
        if isinstance(cause, UserError):
            raise cause from None
        raise UserError(f"{node._target_} cannot be set up as configured: {cause}") from error


def instantiate_mechanism(node: DictConfig, seed: int, attribute_index: int = 0) -> Any:
    """Instantiate a mechanism and the mechanisms inside it.

    Args:
        node: describes the mechanism.
        seed: of the run.
        attribute_index: index of the sensitive attribute in ``Batch.attributes``; only training
            needs it.

    Raises:
        UserError, MissingMandatoryValue: see ``instantiate``.
    """
    context = {"attribute_index": attribute_index, "seed": seed}
    try:
        tree = OmegaConf.to_container(node, resolve=True)
    except OmegaConfBaseException:
        return instantiate(node, **context)  # raises a helpful error
    assert isinstance(tree, dict)
    return instantiate(OmegaConf.create(drop_undeclared_arguments({**tree, **context}, context)))


def drop_undeclared_arguments(tree: Any, context: Mapping[str, Any]) -> Any:
    """Remove context arguments from mechanisms whose constructors do not declare them.

    Args:
        tree: nested dictionaries and lists, in which every mechanism, also within a stack, has all
            arguments of ``context``.
        context: arguments that mechanisms may declare, such as ``seed``.
    """
    if isinstance(tree, list):
        return [drop_undeclared_arguments(entry, context) for entry in tree]
    if not isinstance(tree, Mapping):
        return tree
    entries = {name: drop_undeclared_arguments(entry, context) for name, entry in tree.items()}
    if "_target_" not in entries or not context.keys() <= entries.keys():
        return entries
    try:
        parameters = inspect.signature(resolve_name(entries["_target_"])).parameters
    except (ImportError, AttributeError, TypeError, ValueError):
        return entries  # instantiating it raises a helpful error
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return entries
    undeclared = context.keys() - parameters.keys()
    return {name: entry for name, entry in entries.items() if name not in undeclared}
