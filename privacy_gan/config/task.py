"""Resolves a run's task from its configuration: attribute, budget and device."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import InterpolationResolutionError

from privacy_gan.attributes import (
    NO_YES,
    SEPARATOR,
    AttributeGroup,
    DataAttributes,
    canonical_attribute,
    parse_attribute_group,
)
from privacy_gan.config.validators import format_value
from privacy_gan.errors import UserError


@dataclass(frozen=True)
class Task:
    """What a run hides, within which budget, and where it computes.

    Attributes:
        attribute: canonical name of the sensitive attribute, or of a group of several.
        group: the group of attributes, or None.
        num_classes: number of values of the attribute.
        epsilon: distortion budget.
        accelerator: ``trainer.accelerator``; may be "auto".
        precision: ``trainer.precision``; may be "auto".
        measurable: the attributes to measure by default; None if the data were not opened.
    """

    attribute: str
    group: AttributeGroup | None
    num_classes: int
    epsilon: float
    accelerator: str
    precision: str
    measurable: tuple[str, ...] | None = None


def resolve_task(config: DictConfig, known: DataAttributes | None = None) -> Task:
    """Return a run's task.

    Args:
        config: of the run.
        known: the data's attributes; None if they are not known yet, in which case names that are
            not CelebA's stay unchanged and attributes have two values.

    Raises:
        UserError: the data do not have the attribute, several attributes do not form a group, or
            ``num_classes`` contradicts the attribute.
    """

    def canonical(word: str) -> str:
        return canonical_attribute(word) if known is None else known.find(word)

    with unwrap_user_errors():
        words = attribute_words(config.attribute, known)
    group = None
    is_column = known is not None and words[0] in known.classes  # its name may have the separator
    if len(words) > 1 or (SEPARATOR in words[0] and not is_column):
        members = parse_attribute_group(words, config.group_rule).members
        group = AttributeGroup(tuple(map(canonical, members)), config.group_rule)
        require_binary(group, known)
    attribute = group.name if group else canonical(words[0])
    classes = group.classes if group else NO_YES if known is None else known.classes[attribute]
    num_classes = len(classes)
    if config.num_classes not in (None, num_classes):
        raise UserError(
            f"num_classes={config.num_classes}, but {attribute} has {num_classes} classes: "
            "remove num_classes, which the attribute determines"
        )
    trainer = config.trainer
    return Task(
        attribute,
        group,
        num_classes,
        config.epsilon,
        trainer.accelerator,
        trainer.precision,
        None if known is None else known.measurable(group.members if group else [attribute]),
    )


def require_binary(group: AttributeGroup, known: DataAttributes | None) -> None:
    """Require that images have or lack each attribute of a group.

    Raises:
        UserError: one has other values.
    """
    for member in group.members:
        if known is not None and known.classes[member] != NO_YES:
            raise UserError(
                f"attribute=[{','.join(group.members)}]: {member} has the values "
                f"{', '.join(known.classes[member][:3])}, so it is a categorical attribute by "
                f"itself, attribute={member}; a list is of attributes that images have or lack"
            )


def attribute_words(value: Any, known: DataAttributes | None = None) -> list[str]:
    """Return the words in the setting ``attribute``.

    Args:
        value: a word or a list of words.
        known: the data's attributes, or None, for messages.

    Raises:
        UserError: the value has another type or is empty.
    """
    if isinstance(value, ListConfig):
        value = list(value)
    words = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    if value is None and known is not None:
        raise UserError(
            f"attribute has no value: give the one to hide, such as attribute={min(known.classes)}"
            f"; the data have {', '.join(known.classes)}"
        )
    if not words or not all(isinstance(word, str) and word.strip() for word in words):
        raise UserError(
            f"attribute={format_value(value)} names no attribute: give a word, such as Smiling, or "
            "several, [Black_Hair,Blond_Hair]; quote words that YAML reads as something else, such "
            "as No, 1 or null"
        )
    return words


def resolve_config(config: DictConfig, task: Task) -> DictConfig:
    """Return a copy with all references resolved and the sensitive attribute's canonical name.

    Raises:
        UserError: a reference cannot be resolved.
    """
    resolved = copy.deepcopy(config)
    resolved.attribute = task.attribute
    resolved.group_rule = task.group.rule if task.group else None  # applies to groups only
    resolved.num_classes = task.num_classes
    if resolved.judge.attributes is None and task.measurable is not None:
        resolved.judge.attributes = list(task.measurable)
    with unwrap_user_errors():
        OmegaConf.resolve(resolved)
    return resolved


def config_to_dict(config: DictConfig, resolve: bool = True) -> dict[str, Any]:
    """Return a configuration as nested dictionaries, with references resolved or as written."""
    tree = OmegaConf.to_container(config, resolve=resolve)
    assert isinstance(tree, dict)
    return {str(key): value for key, value in tree.items()}


@contextmanager
def unwrap_user_errors() -> Iterator[None]:
    """Unwrap user errors of our resolvers, which OmegaConf wraps in several exceptions."""
    try:
        yield
    except InterpolationResolutionError as error:
        wrapped: BaseException | None = error
        while wrapped is not None and not isinstance(wrapped, UserError):
            wrapped = getattr(wrapped, "cause", None) or wrapped.__context__
        raise wrapped or error from None
