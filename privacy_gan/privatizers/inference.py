"""Mechanisms made of networks, as used for inference.

These classes need neither Lightning nor Hydra. Classes that train a mechanism inherit from them and
add the training; they create their networks themselves, so they do not call these constructors.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from privacy_gan.models.stargan import StarGANGenerator
from privacy_gan.privatizers.base import (
    UNIFORM,
    Censored,
    Draws,
    FiniteRelease,
    Privatizer,
    SyntheticAttribute,
    rows_for_every_value,
)


class NetworkPrivatizer(Privatizer):
    """A mechanism that consists of one network.

    Args:
        network: maps images and noise to images.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    @property
    def active_network(self) -> nn.Module:
        """The network that changes images; subclasses may return an averaged copy."""
        return self.network

    @property
    def noise_size(self) -> int:
        """Dimensions of the network's noise."""
        return cast(int, self.active_network.noise_size)

    def draw_noise(self, images: Tensor, rng: torch.Generator) -> Tensor:
        """Draw the network's noise from N(0, I), [B, noise_size]."""
        size = (len(images), self.noise_size)
        return torch.randn(size, generator=rng, device=rng.device).to(images.device)


class FilterInference(NetworkPrivatizer):
    """x' = f(x, z1): removes the sensitive attribute.

    Args:
        network: f.
        deviation: standard deviation of the Gaussian noise added to f's output.
    """

    def __init__(self, network: nn.Module, deviation: float = 0.0) -> None:
        super().__init__(network)
        self.deviation = float(deviation)

    def draw(self, images: Tensor, rng: torch.Generator) -> Draws:
        """Draw z1, and the noise added to the output."""
        draws = {"filter_noise": self.draw_noise(images, rng)}
        if self.deviation:
            noise = torch.randn(images.shape, generator=rng, device=rng.device)
            draws["added_noise"] = noise.to(images)
        return draws

    def forward(self, images: Tensor, draws: Draws) -> Censored:
        """Remove the attribute; no attribute is inserted."""
        censored = self.active_network(images, draws["filter_noise"])
        if self.deviation:
            censored = censored + self.deviation * draws["added_noise"]
            if (limits := getattr(self.active_network, "limits", None)) is not None:
                censored = censored.clamp(*limits)
        return Censored(censored, None)

    def arguments(self) -> dict[str, Any]:
        """See Privatizer.arguments."""
        return {"network": self.network, "deviation": self.deviation}


class GeneratorInference(NetworkPrivatizer):
    """x'' = g(x', s', z2): inserts a random sensitive attribute.

    Args:
        network: g.
        num_classes: number of values of s'.
        synthetic: distribution of s', see SyntheticAttribute.
    """

    def __init__(self, network: nn.Module, num_classes: int, synthetic: str = UNIFORM) -> None:
        super().__init__(network)
        self.synthetic = SyntheticAttribute(num_classes, synthetic)

    def draw(self, images: Tensor, rng: torch.Generator) -> Draws:
        """Draw s', then z2."""
        return {
            "synthetic": self.synthetic.draw(images, rng),
            "generator_noise": self.draw_noise(images, rng),
        }

    def forward(self, images: Tensor, draws: Draws) -> Censored:
        """Insert s'."""
        synthetic = draws["synthetic"]
        return Censored(self.active_network(images, draws["generator_noise"], synthetic), synthetic)

    def figure_rows(self, images: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        """Return x, and x'' for every value of s' with the same noise."""
        draws = self.draw(images, rng)
        return {"x": images} | rows_for_every_value(self, images, draws, self.synthetic.num_classes)

    def arguments(self) -> dict[str, Any]:
        """See Privatizer.arguments."""
        return {"network": self.network, **self.synthetic.arguments()}


class FilterGeneratorInference(Privatizer):
    """The paper's mechanism g(f(x, z1), s', z2), or f alone, or g alone.

    Args:
        filter: removes the attribute; None to keep it.
        generator: inserts a random one; None to insert none.
    """

    def __init__(self, filter: Privatizer | None, generator: Privatizer | None) -> None:
        super().__init__()
        self.filter = filter
        self.generator = generator
        self.single_release = any(part.single_release for part in self.parts)

    @property
    def finite_part(self) -> FiniteRelease | None:
        """The filter's: the generator does not see the original image."""
        return None if self.filter is None else self.filter.finite_part

    @property
    def parts(self) -> Sequence[Privatizer]:
        """Filter and generator, where present, in the order in which images pass through them."""
        return [part for part in (self.filter, self.generator) if part is not None]

    def draw(self, images: Tensor, rng: torch.Generator) -> Draws:
        """Draw z1 for the filter, then s' and z2 for the generator."""
        draws: Draws = {}
        for part in self.parts:
            draws |= part.draw(images, rng)
        return draws

    def forward(self, images: Tensor, draws: Draws) -> Censored:
        """See Privatizer.forward."""
        censored = Censored(images, None)
        for part in self.parts:
            censored = part(censored.images, draws)
        return censored

    def figure_rows(self, images: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        """Return the rows of Figure 2: x, then x' of the filter and x'' of the generator."""
        rows = {"x": images}
        incoming = images
        for part in self.parts:
            rows |= part.figure_rows(incoming, rng) | {"x": images}
            incoming = rows.get("x'", images)
        return rows

    def arguments(self) -> dict[str, Any]:
        """See Privatizer.arguments."""
        return {"filter": self.filter, "generator": self.generator}


class StarGANInference(Privatizer):
    """x'' = G(x, s') of StarGAN: sets the attribute to a random s'.

    Args:
        generator: G, which takes and returns images in [-1, 1].
        num_classes: number of values of s'.
        synthetic: distribution of s', see SyntheticAttribute.
    """

    def __init__(
        self, generator: StarGANGenerator, num_classes: int, synthetic: str = UNIFORM
    ) -> None:
        super().__init__()
        self.generator = generator
        self.synthetic = SyntheticAttribute(num_classes, synthetic)

    def draw(self, images: Tensor, rng: torch.Generator) -> Draws:
        """Draw s'."""
        return {"synthetic": self.synthetic.draw(images, rng)}

    def forward(self, images: Tensor, draws: Draws) -> Censored:
        """Set the attribute to s'."""
        synthetic = draws["synthetic"]
        return Censored(to_unit(self.generator(to_signed(images), synthetic)), synthetic)

    def figure_rows(self, images: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        """Return x, and x'' for every value of s'."""
        draws = self.draw(images, rng)
        return {"x": images} | rows_for_every_value(self, images, draws, self.synthetic.num_classes)

    def arguments(self) -> dict[str, Any]:
        """See Privatizer.arguments."""
        return {"generator": self.generator, **self.synthetic.arguments()}


def to_signed(images: Tensor) -> Tensor:
    """Map images in [0, 1] to [-1, 1]."""
    return 2 * images - 1


def to_unit(images: Tensor) -> Tensor:
    """Map images in [-1, 1] to [0, 1]."""
    return (images + 1) / 2
