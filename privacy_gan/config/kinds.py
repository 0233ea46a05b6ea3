"""What values settings take, by their names: the same name takes the same everywhere.

Other checks are those of whoever is built, such as the judge.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from privacy_gan.errors import UserError

MOST_IMAGES = 100_000_000  # in a split that is drawn; more would fit into no memory
OURS = ("privacy_gan.", "torch.optim.")  # whose names these are; an own mechanism has its own


@dataclass(frozen=True)
class Kind:
    """Values that a setting can have.

    Attributes:
        words: which those are.
        holds: tells whether a value is one of them.
        refusal: what is said of another one.
    """

    words: str
    holds: Callable[[Any], bool]
    refusal: str = "must be {words}"


def whole(low: int, high: float = math.inf) -> Kind:
    """Return whole numbers from ``low`` on, up to ``high``."""
    words = f"between {low} and {high}, a whole number"
    if math.isinf(high):
        words = f"a whole number, {low} or more"
    return Kind(words, lambda value: is_whole(value) and low <= value <= high)


def from_0() -> Kind:
    """Return numbers that are not negative."""
    return Kind("0 or above", lambda value: is_number(value) and value >= 0)


def above_0() -> Kind:
    """Return positive numbers."""
    return Kind("a number above 0", lambda value: is_number(value) and value > 0)


def at_most(high: int) -> Kind:
    """Return whole numbers up to one; whoever uses them says how few are too few."""
    return Kind(f"{high:,} at most", lambda value: not is_whole(value) or value <= high)


def one_of(*words: str) -> Kind:
    """Return some words."""
    return Kind(" and ".join(words), lambda value: value in words, "is unknown: there are {words}")


def share(of_all: bool) -> Kind:
    """Return numbers between 0 and 1, with 1 itself where a share can be ``of_all``."""
    words = f"between 0 and 1{'' if of_all else ', below 1'}"
    below = is_share if of_all else (lambda value: is_share(value) and value < 1)
    return Kind(words, below)


def each(kind: Kind, words: str, count: int | None = None) -> Kind:
    """Return lists whose entries are of a kind, ``count`` of them, or at least one."""

    def holds(value: Any) -> bool:
        if not isinstance(value, list) or not value or len(value) != (count or len(value)):
            return False
        return all(map(kind.holds, value))

    return Kind(words, holds)


def is_number(value: Any) -> bool:
    """Tell whether a value is a number, and finite."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def is_whole(value: Any) -> bool:
    """Tell whether a value is a whole number."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_share(value: Any) -> bool:
    """Tell whether a value is a share of something."""
    return is_number(value) and 0 <= value <= 1


KINDS = {
    **dict.fromkeys(("epsilon", "learning_rate", "lr", "network_rate", "rate"), above_0()),
    **dict.fromkeys(("begin", "end", "leak_weight"), above_0()),
    **dict.fromkeys(("penalty_weight", "weight", "checkpoint_minutes"), from_0()),
    **dict.fromkeys(("lambda_cls", "lambda_rec", "lambda_gp"), from_0()),
    **dict.fromkeys(("decay", "until"), share(of_all=True)),
    **dict.fromkeys(("averaging", "output_noise"), share(of_all=False)),
    **dict.fromkeys(("width", "image_size", "crop", "batch_size", "classifiers.epochs"), whole(1)),
    **dict.fromkeys(("max_epochs", "log_every_n_steps", "num_nodes"), whole(1)),
    **dict.fromkeys(("resamples", "runs_per_device", "components", "trials", "at_once"), whole(1)),
    **dict.fromkeys(("filter_every", "network_every", "discriminator_every"), whole(1)),
    **dict.fromkeys(("discriminator_steps", "residual_blocks"), whole(1)),
    **dict.fromkeys(("num_workers", "noise_size"), whole(0)),
    **dict.fromkeys(("num_train", "num_valid", "num_test"), at_most(MOST_IMAGES)),
    "fit": one_of("whole", "center"),
    "size": one_of("original", "model"),
    "target": one_of("barycentre", "random"),
    "seed": whole(0, 2**32 - 1),
    "port": whole(0, 65535),
    "queries": each(whole(1), "numbers of 1 or more, such as [1,4,16]"),
    "betas": each(share(of_all=False), "two numbers from 0 to below 1, such as [0.9,0.999]", 2),
}


def require_kinds(settings: Mapping[str, Any]) -> None:
    """Refuse values that settings cannot have; what is not set, or refers to another, is passed by.

    Args:
        settings: a configuration as nested dictionaries, not resolved.

    Raises:
        UserError: a number is not finite, or a value is not of its setting's kind.
    """
    for path, value in leaves(settings):
        if value is None or (isinstance(value, str) and ("${" in value or value == "???")):
            continue
        for number in value if isinstance(value, list) else [value]:
            if isinstance(number, float) and not math.isfinite(number):
                raise UserError(f"{path}={shown(value)} is not finite: give a number")
        kind = KINDS.get(path, KINDS.get(path.rpartition(".")[2]))
        if kind is not None and not kind.holds(value):
            raise UserError(f"{path}={shown(value)} {kind.refusal.format(words=kind.words)}")


def leaves(
    tree: Mapping[str, Any], prefix: str = "", own: bool = False
) -> Iterator[tuple[str, Any]]:
    """Yield settings and their dotted paths; what an own class is given, only as far as numbers go.

    Lists are leaves.
    """
    if "_target_" in tree:
        own = not str(tree["_target_"]).startswith(OURS)
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from leaves(value, f"{prefix}{key}.", own)
        elif not own or (isinstance(value, float) and not math.isfinite(value)):
            yield f"{prefix}{key}", value


def shown(value: Any) -> str:
    """Return a value as it is typed."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, list | tuple):
        return f"[{','.join(map(shown, value))}]"
    return str(value)
