"""Trained mechanisms, ready to censor images, which they validate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from privacy_gan.errors import UserError
from privacy_gan.privatizers.base import Censored, Draws, Privatizer

TOLERANCE = 1e-3  # of pixels in [0, 1], for rounding errors


class InvalidImages(UserError, ValueError):
    """The mechanism cannot censor these images."""


class LoadedPrivatizer(Privatizer):
    """A trained mechanism for inference.

    Args:
        mechanism: the mechanism after its training.
        image_size: side of the square images that it was trained on, in pixels.
        hides: the sensitive attributes.
        facts: further facts about its training.
        viewable: whether it was trained on images, which ``privatize`` then validates.
        channels: of these images, 3, or 1 for grey ones.
    """

    def __init__(
        self,
        mechanism: Privatizer,
        image_size: int,
        hides: list[str],
        facts: Mapping[str, Any],
        viewable: bool = True,
        channels: int = 3,
    ) -> None:
        super().__init__()
        self.mechanism = mechanism
        self.image_size = image_size
        self.attributes = tuple(hides)
        self.deterministic = mechanism.deterministic
        self.single_release = mechanism.single_release
        self.facts = dict(facts)
        self.viewable = viewable
        self.channels = channels

    def privatize(self, images: Tensor, rng: torch.Generator | int) -> Censored:
        """Censor images.

        Args:
            images: float32 [B, C, S, S] in [0, 1] on the mechanism's device, with S its
                ``image_size`` and C its ``channels``.
            rng: random number generator on the same device, or its seed. Keep it secret: it reveals
                s', and with s' the image reveals more about s.

        Returns:
            The censored images, in the same range, and s' [B], or None if none was inserted.

        Raises:
            InvalidImages: images or rng are invalid; a ValueError.
        """
        if self.viewable:
            parameter = next(self.parameters(), None)
            require_images(images, self.image_size, parameter, self.channels)
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


def require_images(images: object, size: int, parameter: Tensor | None, channels: int = 3) -> None:
    """Require images that a mechanism can censor.

    Args:
        images: the images to check.
        size: S, side of the images that the mechanism takes.
        parameter: a parameter of the mechanism, whose device and dtype images must have; None if it
            has none.
        channels: C, of these images.

    Raises:
        InvalidImages: they are not a float tensor [B, C, S, S] in [0, 1] on the mechanism's device;
            the message says how to convert them.
    """
    hint = None
    if not isinstance(images, Tensor):
        hint = "convert them with torch.from_numpy or torchvision's pil_to_tensor"
    elif not images.is_floating_point():
        hint = "images.float() / 255 converts bytes"
    else:
        hint = (
            shape_hint(tuple(images.shape), size, channels)
            or device_hint(images, parameter)
            or range_hint(images)
        )
    if hint is not None:
        dtype = str(torch.float32 if parameter is None else parameter.dtype).removeprefix("torch.")
        device = "" if parameter is None else f" on {parameter.device}"
        raise InvalidImages(
            f"images must be a {dtype} tensor [B, {channels}, {size}, {size}] in [0, 1]{device}, "
            f"but are {describe_images(images)}: {hint}"
        )


def describe_images(images: object) -> str:
    """Return type, shape and range of an argument, for a message."""
    if not isinstance(images, Tensor):
        shape = getattr(images, "shape", getattr(images, "size", None))
        suffix = f" {list(shape)}" if isinstance(shape, tuple) else ""
        return f"a {type(images).__module__.partition('.')[0]} {type(images).__name__}{suffix}"
    text = f"a {str(images.dtype).removeprefix('torch.')} tensor {list(images.shape)}"
    if images.numel() and not images.is_complex() and not images.is_meta:
        text += f" from {images.min().item():.4g} to {images.max().item():.4g}"
    return f"{text} on {images.device}"


def shape_hint(shape: tuple[int, ...], size: int, channels: int) -> str | None:
    """Return how to fix a shape other than [B, C, S, S], or None."""
    if len(shape) == 3:
        return "images[None] makes a batch of one image"
    if len(shape) != 4:
        return "a batch of images has four dimensions"
    if shape[1] != channels and shape[3] == channels:
        return "images.permute(0, 3, 1, 2) moves the channels first"
    if channels == 1 and shape[1] != 1:
        return "it was trained on grey images, whose one channel is the mean of three"
    if channels == 3 and shape[1] == 1:
        return "images.expand(-1, 3, -1, -1) converts grey images to RGB"
    if shape[1] == 4:
        return "images[:, :3] drops the alpha channel"
    if shape[1] != channels:
        return "images need three channels: red, green and blue"
    if shape[2:] != (size, size):
        return f"resize them to {size} by {size} pixels"
    return None if shape[0] else "the batch is empty"


def device_hint(images: Tensor, parameter: Tensor | None) -> str | None:
    """Return how to fix images with another dtype or on another device, or None."""
    if parameter is None:
        return None
    if images.device != parameter.device:
        return f"images.to('{parameter.device}') moves them, or move the mechanism"
    if images.dtype != parameter.dtype and not torch.is_autocast_enabled(images.device.type):
        return f"images.to({parameter.dtype}) converts them"
    return None


def range_hint(images: Tensor) -> str | None:
    """Return how to fix pixels outside [0, 1], or None."""
    lowest, highest = (value.item() for value in images.aminmax())
    if lowest >= -TOLERANCE and highest <= 1 + TOLERANCE:
        return None
    if not bool(images.isfinite().all()):
        return "pixels must be finite"
    if highest > 2:
        return "images / 255 scales bytes to [0, 1]"
    if lowest < -0.5:
        return "(images + 1) / 2 maps [-1, 1] to [0, 1]"
    return "images.clamp(0, 1) clips them"


def require_rng(rng: object, device: torch.device) -> None:
    """Require a generator on the images' device, or a seed.

    Raises:
        InvalidImages: it is neither.
    """
    if isinstance(rng, int) and not isinstance(rng, bool):
        return
    if not isinstance(rng, torch.Generator):
        raise InvalidImages(f"rng must be a torch.Generator or an integer seed, not {rng!r}")
    if rng.device.type != device.type:
        raise InvalidImages(
            f"rng must be on {device}, as the images are, but is on {rng.device}: "
            f"create it with torch.Generator('{device}')"
        )
