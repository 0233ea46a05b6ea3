"""Valid values of settings, by the settings' names.

A name has the same valid values everywhere in the configuration. Classes such as the judge check
their other arguments themselves.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from privacy_gan.errors import UserError

MAX_IMAGES = 100_000_000  # per split of generated data; more would not fit into memory
BUILT_IN = ("privacy_gan.", "torch.optim.")  # a user's own class may use the names differently


@dataclass(frozen=True)
class Validator:
    """The valid values of a setting.

    Attributes:
        words: describes them.
        accepts: returns whether a value is valid.
        refusal: message about an invalid value, with a place for ``words``.
    """

    words: str
    accepts: Callable[[Any], bool]
    refusal: str = "must be {words}"


def integer(low: int, high: float = math.inf) -> Validator:
    """Accept integers from ``low`` to ``high``."""
    words = f"between {low} and {high}, a whole number"
    if math.isinf(high):
        words = f"a whole number, {low} or more"
    return Validator(words, lambda value: is_integer(value) and low <= value <= high)


def non_negative() -> Validator:
    """Accept numbers that are 0 or above."""
    return Validator("0 or above", lambda value: is_number(value) and value >= 0)


def positive() -> Validator:
    """Accept numbers above 0."""
    return Validator("a number above 0", lambda value: is_number(value) and value > 0)


def at_most(high: int) -> Validator:
    """Accept integers up to ``high``; the class that takes the value checks the minimum."""
    return Validator(f"{high:,} at most", lambda value: not is_integer(value) or value <= high)


def one_of(*words: str) -> Validator:
    """Accept any of some words."""
    listed = " or ".join(words)
    return Validator(listed, lambda value: value in words, "is unknown: choose {words}")


def boolean() -> Validator:
    """Accept true and false."""
    return Validator("true or false", lambda value: isinstance(value, bool))


def automatic() -> Validator:
    """Accept true, false and "auto"."""
    return Validator(
        "auto, true or false",
        lambda value: value == "auto" or isinstance(value, bool),
        "is unknown: choose {words}",
    )


def fraction(including_1: bool) -> Validator:
    """Accept numbers between 0 and 1."""
    words = f"between 0 and 1{'' if including_1 else ', below 1'}"
    accepts = is_fraction if including_1 else (lambda value: is_fraction(value) and value < 1)
    return Validator(words, accepts)


def list_of(validator: Validator, words: str, length: int | None = None) -> Validator:
    """Accept lists of valid values, with ``length`` entries or at least one."""

    def accepts(value: Any) -> bool:
        if not isinstance(value, list) or not value or len(value) != (length or len(value)):
            return False
        return all(map(validator.accepts, value))

    return Validator(words, accepts)


def is_number(value: Any) -> bool:
    """Return whether a value is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def is_integer(value: Any) -> bool:
    """Return whether a value is an integer."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_fraction(value: Any) -> bool:
    """Return whether a value is a number between 0 and 1."""
    return is_number(value) and 0 <= value <= 1


BETAS = "two numbers from 0 to below 1, such as [0.9,0.999]"
VALIDATORS = {
    **dict.fromkeys(("epsilon", "learning_rate", "lr", "network_rate", "rate"), positive()),
    "generator_rate": positive(),
    **dict.fromkeys(("begin", "end", "leak_weight"), positive()),
    **dict.fromkeys(("penalty_weight", "weight", "checkpoint_minutes"), non_negative()),
    **dict.fromkeys(("lambda_cls", "lambda_rec", "lambda_gp"), non_negative()),
    **dict.fromkeys(("decay", "until", "final_rate", "filter_share"), fraction(including_1=True)),
    **dict.fromkeys(("averaging", "output_noise"), fraction(including_1=False)),
    **dict.fromkeys(("generator_averaging", "generator_after"), fraction(including_1=False)),
    **dict.fromkeys(("width", "image_size", "crop", "batch_size"), integer(1)),
    **dict.fromkeys(("classifiers.epochs", "max_epochs", "log_every_n_steps"), integer(1)),
    **dict.fromkeys(("resamples", "runs_per_device", "components", "num_nodes"), integer(1)),
    **dict.fromkeys(("trials", "at_once", "discriminator_steps", "residual_blocks"), integer(1)),
    **dict.fromkeys(("filter_every", "network_every", "discriminator_every"), integer(1)),
    "generator_stride": integer(1),
    **dict.fromkeys(("num_workers", "noise_size", "snapshots"), integer(0)),
    **dict.fromkeys(("num_train", "num_valid", "num_test"), at_most(MAX_IMAGES)),
    "fit": one_of("whole", "center", "faces"),
    "unsure": one_of("blur", "keep", "skip"),
    "faceless": one_of("skip", "copy"),
    "face_position": boolean(),
    "size": one_of("original", "model"),
    "target": one_of("barycentre", "random"),
    "data_scaling": boolean(),
    "trainer.graph": automatic(),
    "seed": integer(0, 2**32 - 1),
    "port": integer(0, 65535),
    "queries": list_of(integer(1), "numbers of 1 or more, such as [1,4,16]"),
    "betas": list_of(fraction(including_1=False), BETAS, length=2),
}


def validate_values(settings: Mapping[str, Any]) -> None:
    """Check the values of all settings; skip those that are not set or refer to another setting.

    Args:
        settings: a configuration as nested dictionaries, not resolved.

    Raises:
        UserError: a number is not finite, or a setting has an invalid value.
    """
    for path, value in iter_settings(settings):
        if value is None or (isinstance(value, str) and ("${" in value or value == "???")):
            continue
        for number in value if isinstance(value, list) else [value]:
            if isinstance(number, float) and not math.isfinite(number):
                raise UserError(f"{path}={format_value(value)} is not finite: give a number")
        validator = VALIDATORS.get(path, VALIDATORS.get(path.rpartition(".")[2]))
        if validator is not None and not validator.accepts(value):
            refusal = validator.refusal.format(words=validator.words)
            raise UserError(f"{path}={format_value(value)} {refusal}")


def iter_settings(
    tree: Mapping[str, Any], prefix: str = "", custom: bool = False
) -> Iterator[tuple[str, Any]]:
    """Yield dotted paths and values of settings; lists are values.

    Of a user's own class, only numbers that are not finite are yielded.
    """
    if "_target_" in tree:
        custom = not str(tree["_target_"]).startswith(BUILT_IN)
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from iter_settings(value, f"{prefix}{key}.", custom)
        elif not custom or (isinstance(value, float) and not math.isfinite(value)):
            yield f"{prefix}{key}", value


def format_value(value: Any) -> str:
    """Return a value as it is typed on the command line."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, list | tuple):
        return f"[{','.join(map(format_value, value))}]"
    return str(value)
