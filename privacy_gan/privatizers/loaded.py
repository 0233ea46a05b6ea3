"""Trained mechanisms as people get them: what they were trained on, and images checked once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from privacy_gan.errors import UserError
from privacy_gan.privatizers.base import Censored, Draws, Privatizer

TOLERANCE = 1e-3  # of pixels in [0, 1], for what arithmetic rounds


class InvalidImages(UserError, ValueError):
    """What was given to be censored is not what the mechanism takes."""


class LoadedPrivatizer(Privatizer):
    """A trained mechanism that is to be used and no longer trained.

    Args:
        mechanism: as it was at the end of its training.
        image_size: side of the squares that it was trained on, in pixels.
        hides: the sensitive attributes.
        facts: what else is known of its training.
        pictures: whether it was trained on pictures; what else it takes is not checked.
    """

    def __init__(
        self,
        mechanism: Privatizer,
        image_size: int,
        hides: list[str],
        facts: Mapping[str, Any],
        pictures: bool = True,
    ) -> None:
        super().__init__()
        self.mechanism = mechanism
        self.image_size = image_size
        self.attributes = tuple(hides)
        self.deterministic = mechanism.deterministic
        self.facts = dict(facts)
        self.pictures = pictures

    def privatize(self, images: Tensor, rng: torch.Generator | int) -> Censored:
        """Censor images.

        Args:
            images: float32 [B, 3, S, S] in [0, 1], S the mechanism's ``image_size``, on its device.
            rng: of all that is random, on the same device, or its seed. Who knows it knows s', and
                with it more of s than the image tells.

        Returns:
            The censored images, in the same range, and s' [B], or None where none was put in.

        Raises:
            UnusableImages: images or rng are something else; a ValueError.
        """
        if self.pictures:
            parameter = next(self.parameters(), None)
            require_images(images, self.image_size, parameter)
        require_rng(rng, images.device)
        return super().privatize(images, rng)

    def draw(self, images: Tensor, rng: torch.Generator) -> Draws:
        """See Privatizer.draw."""
        return self.mechanism.draw(images, rng)

    def forward(self, images: Tensor, draws: Draws) -> Censored:
        """See Privatizer.forward."""
        censored: Censored = self.mechanism(images, draws)
        return censored

    def figure_rows(self, images: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        """See Privatizer.figure_rows."""
        return self.mechanism.figure_rows(images, rng)

    def for_inference(self) -> Privatizer:
        """See Privatizer.for_inference."""
        return self.mechanism.for_inference()


def require_images(images: object, size: int, parameter: Tensor | None) -> None:
    """Refuse what a mechanism does not take, in a line that says what came and what is needed.

    Args:
        images: that somebody gave.
        size: S, of the images that the mechanism takes.
        parameter: of the mechanism, whose device and type images share; None where it has none.

    Raises:
        UnusableImages: they are no float tensor [B, 3, S, S] in [0, 1] on the mechanism's device.
    """
    hint = None
    if not isinstance(images, Tensor):
        hint = "torch.from_numpy and torchvision's pil_to_tensor make tensors of other images"
    elif not images.is_floating_point():
        hint = "images.float() / 255 makes them of bytes"
    else:
        hint = (
            wrong_shape(tuple(images.shape), size)
            or wrong_place(images, parameter)
            or wrong_values(images)
        )
    if hint is not None:
        kind = torch.float32 if parameter is None else parameter.dtype
        where = "" if parameter is None else f" on {parameter.device}"
        raise InvalidImages(
            f"images must be a {str(kind).removeprefix('torch.')} tensor [B, 3, {size}, {size}] in "
            f"[0, 1]{where}, and are {described(images)}: {hint}"
        )


def described(images: object) -> str:
    """Return what somebody gave, in words."""
    if not isinstance(images, Tensor):
        shape = getattr(images, "shape", getattr(images, "size", None))
        of = f" {list(shape)}" if isinstance(shape, tuple) else ""
        return f"a {type(images).__module__.partition('.')[0]} {type(images).__name__}{of}"
    told = f"a {str(images.dtype).removeprefix('torch.')} tensor {list(images.shape)}"
    if images.numel() and not images.is_complex() and not images.is_meta:
        told += f" from {images.min().item():.4g} to {images.max().item():.4g}"
    return f"{told} on {images.device}"


def wrong_shape(shape: tuple[int, ...], size: int) -> str | None:
    """Return what to do about a shape that is not [B, 3, S, S], or None."""
    if len(shape) == 3:
        return "images[None] makes a batch of one image"
    if len(shape) != 4:
        return "a batch of images has four dimensions"
    if shape[1] != 3 and shape[3] == 3:
        return "images.permute(0, 3, 1, 2) puts the colours first"
    if shape[1] == 1:
        return "images.expand(-1, 3, -1, -1) makes three colours of grey"
    if shape[1] == 4:
        return "images[:, :3] leaves the opacity out"
    if shape[1] != 3:
        return "three colours are needed, red, green and blue"
    if shape[2:] != (size, size):
        return f"resize them to {size} by {size} pixels"
    return None if shape[0] else "there is no image in it"


def wrong_place(images: Tensor, parameter: Tensor | None) -> str | None:
    """Return what to do about images of another type or on another device, or None."""
    if parameter is None:
        return None
    if images.device != parameter.device:
        return f"images.to('{parameter.device}') moves them, or move the mechanism"
    if images.dtype != parameter.dtype and not torch.is_autocast_enabled(images.device.type):
        return f"images.to({parameter.dtype}) makes them so"
    return None


def wrong_values(images: Tensor) -> str | None:
    """Return what to do about pixels that are not in [0, 1], or None."""
    least, most = (value.item() for value in images.aminmax())
    if least >= -TOLERANCE and most <= 1 + TOLERANCE:
        return None
    if not bool(images.isfinite().all()):
        return "pixels must be finite"
    if most > 2:
        return "images / 255 brings bytes to [0, 1]"
    if least < -0.5:
        return "(images + 1) / 2 brings [-1, 1] to [0, 1]"
    return "images.clamp(0, 1) cuts off what is beyond"


def require_rng(rng: object, device: torch.device) -> None:
    """Refuse what is neither a generator on the images' device nor a seed.

    Raises:
        UnusableImages: says what it is.
    """
    if isinstance(rng, int) and not isinstance(rng, bool):
        return
    if not isinstance(rng, torch.Generator):
        raise InvalidImages(
            f"rng must be a torch.Generator or a whole number as its seed, and is {rng!r}"
        )
    if rng.device.type != device.type:
        raise InvalidImages(
            f"rng must be on {device} as the images are, and is on {rng.device}: "
            f"torch.Generator('{device}') makes one"
        )
