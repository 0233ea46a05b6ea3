"""What values settings take, by their names: the same name takes the same everywhere.

Other checks are those of whoever is built, such as the judge.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from privacy_gan.errors import UserError

MAX_IMAGES = 100_000_000  # in a split that is drawn; more would fit into no memory
BUILT_IN = ("privacy_gan.", "torch.optim.")  # whose names these are; an own mechanism has its own


@dataclass(frozen=True)
class Validator:
    """Values that a setting can have.

    Attributes:
        words: which those are.
        holds: tells whether a value is one of them.
        refusal: what is said of another one.
    """

    words: str
    holds: Callable[[Any], bool]
    refusal: str = "must be {words}"


def integer(low: int, high: float = math.inf) -> Validator:
    """Return whole numbers from ``low`` on, up to ``high``."""
    words = f"between {low} and {high}, a whole number"
    if math.isinf(high):
        words = f"a whole number, {low} or more"
    return Validator(words, lambda value: is_integer(value) and low <= value <= high)


def non_negative() -> Validator:
    """Return numbers that are not negative."""
    return Validator("0 or above", lambda value: is_number(value) and value >= 0)


def positive() -> Validator:
    """Return positive numbers."""
    return Validator("a number above 0", lambda value: is_number(value) and value > 0)


def at_most(high: int) -> Validator:
    """Return whole numbers up to one; whoever uses them says how few are too few."""
    return Validator(f"{high:,} at most", lambda value: not is_integer(value) or value <= high)


def one_of(*words: str) -> Validator:
    """Return some words."""
    return Validator(" and ".join(words), lambda value: value in words, "is unknown: there are {words}")


def fraction(of_all: bool) -> Validator:
    """Return numbers between 0 and 1, with 1 itself where a share can be ``of_all``."""
    words = f"between 0 and 1{'' if of_all else ', below 1'}"
    below = is_fraction if of_all else (lambda value: is_fraction(value) and value < 1)
    return Validator(words, below)


def list_of(kind: Validator, words: str, count: int | None = None) -> Validator:
    """Return lists whose entries are of a kind, ``count`` of them, or at least one."""

    def holds(value: Any) -> bool:
        if not isinstance(value, list) or not value or len(value) != (count or len(value)):
            return False
        return all(map(kind.holds, value))

    return Validator(words, holds)


def is_number(value: Any) -> bool:
    """Tell whether a value is a number, and finite."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def is_integer(value: Any) -> bool:
    """Tell whether a value is a whole number."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_fraction(value: Any) -> bool:
    """Tell whether a value is a share of something."""
    return is_number(value) and 0 <= value <= 1


VALIDATORS = {
    **dict.fromkeys(("epsilon", "learning_rate", "lr", "network_rate", "rate"), positive()),
    **dict.fromkeys(("begin", "end", "leak_weight"), positive()),
    **dict.fromkeys(("penalty_weight", "weight", "checkpoint_minutes"), non_negative()),
    **dict.fromkeys(("lambda_cls", "lambda_rec", "lambda_gp"), non_negative()),
    **dict.fromkeys(("decay", "until"), fraction(of_all=True)),
    **dict.fromkeys(("averaging", "output_noise"), fraction(of_all=False)),
    **dict.fromkeys(("width", "image_size", "crop", "batch_size", "classifiers.epochs"), integer(1)),
    **dict.fromkeys(("max_epochs", "log_every_n_steps", "num_nodes"), integer(1)),
    **dict.fromkeys(("resamples", "runs_per_device", "components", "trials", "at_once"), integer(1)),
    **dict.fromkeys(("filter_every", "network_every", "discriminator_every"), integer(1)),
    **dict.fromkeys(("discriminator_steps", "residual_blocks"), integer(1)),
    **dict.fromkeys(("num_workers", "noise_size"), integer(0)),
    **dict.fromkeys(("num_train", "num_valid", "num_test"), at_most(MAX_IMAGES)),
    "fit": one_of("whole", "center"),
    "size": one_of("original", "model"),
    "target": one_of("barycentre", "random"),
    "seed": integer(0, 2**32 - 1),
    "port": integer(0, 65535),
    "queries": list_of(integer(1), "numbers of 1 or more, such as [1,4,16]"),
    "betas": list_of(fraction(of_all=False), "two numbers from 0 to below 1, such as [0.9,0.999]", 2),
}


def validate_values(settings: Mapping[str, Any]) -> None:
    """Refuse values that settings cannot have; what is not set, or refers to another, is passed by.

    Args:
        settings: a configuration as nested dictionaries, not resolved.

    Raises:
        UserError: a number is not finite, or a value is not of its setting's kind.
    """
    for path, value in iter_settings(settings):
        if value is None or (isinstance(value, str) and ("${" in value or value == "???")):
            continue
        for number in value if isinstance(value, list) else [value]:
            if isinstance(number, float) and not math.isfinite(number):
                raise UserError(f"{path}={format_value(value)} is not finite: give a number")
        kind = VALIDATORS.get(path, VALIDATORS.get(path.rpartition(".")[2]))
        if kind is not None and not kind.holds(value):
            raise UserError(f"{path}={format_value(value)} {kind.refusal.format(words=kind.words)}")


def iter_settings(
    tree: Mapping[str, Any], prefix: str = "", own: bool = False
) -> Iterator[tuple[str, Any]]:
    """Yield settings and their dotted paths; what an own class is given, only as far as numbers go.

    Lists are leaves.
    """
    if "_target_" in tree:
        own = not str(tree["_target_"]).startswith(BUILT_IN)
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from iter_settings(value, f"{prefix}{key}.", own)
        elif not own or (isinstance(value, float) and not math.isfinite(value)):
            yield f"{prefix}{key}", value


def format_value(value: Any) -> str:
    """Return a value as it is typed."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, list | tuple):
        return f"[{','.join(map(format_value, value))}]"
    return str(value)
