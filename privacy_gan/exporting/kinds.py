"""Mechanisms as JSON and back, but for their weights.

Only what is listed here is ever made: a description from a stranger names no code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from privacy_gan.errors import UserError
from privacy_gan.models.stargan import StarGANGenerator
from privacy_gan.models.unet import UNet
from privacy_gan.privatizers.blur import Blur
from privacy_gan.privatizers.chain import Chain
from privacy_gan.privatizers.filtering import ReleasedFilter
from privacy_gan.privatizers.identity import Identity
from privacy_gan.privatizers.in_turn import ReleasedPair
from privacy_gan.privatizers.noise import Noise
from privacy_gan.privatizers.pixelate import Pixelate
from privacy_gan.privatizers.replacing import ReleasedGenerator
from privacy_gan.privatizers.translating import ReleasedStarGAN
from privacy_gan.privatizers.transport import Transport

KINDS: dict[str, Callable[..., nn.Module]] = {
    "filter_generator": ReleasedPair,
    "filter": ReleasedFilter,
    "generator": ReleasedGenerator,
    "stargan": ReleasedStarGAN,
    "transport": Transport,
    "blur": Blur,
    "pixelate": Pixelate,
    "noise": Noise,
    "identity": Identity,
    "stack": Chain,
    "unet": UNet,
    "stargan_generator": StarGANGenerator,
}
NAMES = {kind: name for name, kind in KINDS.items()}


def describe(value: Any) -> Any:
    """Return a mechanism or network as JSON: its kind and what that makes it of.

    Raises:
        UserError: it is, or consists of, something that is not listed.
    """
    if isinstance(value, nn.Module):
        if type(value) not in NAMES:
            raise UserError(
                f"{type(value).__name__} is not part of this project, so that an exported file "
                f"could not name it: {', '.join(NAMES.values())} can be exported"
            )
        return {"kind": NAMES[type(value)], **describe(value.arguments())}  # type: ignore[operator]
    if isinstance(value, Mapping):
        return {str(name): describe(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [describe(entry) for entry in value]
    return value


def rebuild(value: Any) -> Any:
    """Return what ``describe`` described, with weights that are not the described one's.

    Raises:
        ValueError: there is no such kind.
        TypeError, UserError: a kind is not made of such arguments.
    """
    if isinstance(value, Mapping):
        entries = {name: rebuild(entry) for name, entry in value.items()}
        if "kind" not in entries:
            return entries
        kind = entries.pop("kind")
        if kind not in KINDS:
            raise ValueError(f"there is no kind {kind!r}")
        return KINDS[kind](**entries)
    if isinstance(value, list):
        return [rebuild(entry) for entry in value]
    return value
