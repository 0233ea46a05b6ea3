"""What a run is about: its attribute, budget and device, resolved from its configuration."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import InterpolationResolutionError

from privacy_gan.attributes import (
    SEPARATOR,
    AttributeGroup,
    canonical_attribute,
    find_attribute,
    parse_attribute_group,
)
from privacy_gan.config.validators import format_value
from privacy_gan.errors import UserError


@dataclass(frozen=True)
class Task:
    """What a run is about, resolved once from its configuration.

    Attributes:
        attribute: the proper name of what is sensitive, one attribute or a group of several.
        group: the group, or None.
        num_classes: values that it can take.
        epsilon: the distortion budget.
        accelerator: the trainer's, "auto" included.
        precision: likewise.
    """

    attribute: str
    group: AttributeGroup | None
    num_classes: int
    epsilon: float
    accelerator: str
    precision: str


def resolve_task(config: DictConfig, attribute_names: Sequence[str] | None = None) -> Task:
    """Return what a run is about.

    Args:
        config: of the run.
        attribute_names: of the data; None where they are not known yet, then a word that means none
            of CelebA's attributes stands for itself.

    Raises:
        UserError: the data have no such attribute, several attributes are not a group, or
            ``num_classes`` contradicts it.
    """

    def proper(word: str) -> str:
        if attribute_names is None:
            return canonical_attribute(word)
        return find_attribute(word, attribute_names)

    with unwrap_user_errors():
        words = attribute_words(config.attribute)
    group = None
    if len(words) > 1 or SEPARATOR in words[0]:
        members = parse_attribute_group(words, config.group_rule).members
        group = AttributeGroup(tuple(map(proper, members)), config.group_rule)
    attribute = group.name if group else proper(words[0])
    num_classes = len(group.classes) if group else 2
    if config.num_classes not in (None, num_classes):
        raise UserError(
            f"num_classes={config.num_classes}, but {attribute} has {num_classes} classes: "
            "leave num_classes out, it follows from the attribute"
        )
    trainer = config.trainer
    return Task(
        attribute, group, num_classes, config.epsilon, trainer.accelerator, trainer.precision
    )


def attribute_words(given: Any) -> list[str]:
    """Return the words that say what is sensitive.

    Args:
        given: one, or a list.

    Raises:
        UserError: they are no words.
    """
    words = [given] if isinstance(given, str) else list(given) if is_list(given) else []
    if not words or not all(isinstance(word, str) and word.strip() for word in words):
        raise UserError(
            f"attribute={format_value(list(given) if is_list(given) else given)} names no attribute: "
            "give a word, such as Smiling, or several, [Black_Hair,Blond_Hair]; what YAML takes "
            "for something else, such as No, 1 or null, stands in quotes"
        )
    return words


def is_list(given: Any) -> bool:
    """Tell whether a setting is a list."""
    return isinstance(given, list | ListConfig)


def resolve_config(config: DictConfig, task: Task) -> DictConfig:
    """Return a copy with all interpolations resolved and the sensitive attribute's proper name.

    Raises:
        UserError: something that a value is read from is not there.
    """
    settled = copy.deepcopy(config)
    settled.attribute = task.attribute
    settled.group_rule = task.group.rule if task.group else None  # about groups only
    settled.num_classes = task.num_classes
    with unwrap_user_errors():
        OmegaConf.resolve(settled)
    return settled


def config_to_dict(config: DictConfig, resolve: bool = True) -> dict[str, Any]:
    """Return a configuration as nested dictionaries, references resolved or as they are written."""
    tree = OmegaConf.to_container(config, resolve=resolve)
    assert isinstance(tree, dict)
    return {str(key): value for key, value in tree.items()}


@contextmanager
def unwrap_user_errors() -> Iterator[None]:
    """Unwrap user errors that our resolvers raised, which OmegaConf wraps more than once."""
    try:
        yield
    except InterpolationResolutionError as error:
        wrapped: BaseException | None = error
        while wrapped is not None and not isinstance(wrapped, UserError):
            wrapped = getattr(wrapped, "cause", None) or wrapped.__context__
        raise wrapped or error from None
