"""What each mechanism of networks does to images, in training and afterwards.

Each class is a mechanism after its training, which asks for neither Lightning nor Hydra. The one
that is trained inherits from it and adds what only training needs; it makes its networks itself, so
it does not call this class's constructor.
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
    Privatizer,
    SyntheticAttribute,
    with_every_value,
)


class NetworkPrivatizer(Privatizer):
    """A mechanism that is one network, given noise.

    Args:
        network: changes images, given noise.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    @property
    def released(self) -> nn.Module:
        """What changes images; while the network learns, that may be another."""
        return self.network

    def noise(self, images: Tensor, rng: torch.Generator) -> Tensor:
        """Draw the network's noise from N(0, I), [B, noise_size]."""
        size = (len(images), cast(int, self.released.noise_size))
        return torch.randn(size, generator=rng, device=rng.device).to(images.device)


class Filtering(NetworkPrivatizer):
    """x' = f(x, z1): takes the sensitive attribute out.

    Args:
        network: f.
        deviation: of the Gaussian noise that is added to what f returns.
    """

    def __init__(self, network: nn.Module, deviation: float = 0.0) -> None:
        super().__init__(network)
        self.deviation = float(deviation)

    def draw(self, images: Tensor, rng: torch.Generator) -> Draws:
        """Draw z1, and the noise that is added."""
        draws = {"filter_noise": self.noise(images, rng)}
        if self.deviation:
            added = torch.randn(images.shape, generator=rng, device=rng.device)
            draws["added_noise"] = added.to(images)
        return draws

    def forward(self, images: Tensor, draws: Draws) -> Censored:
        """Take the attribute out; nothing is put in."""
        censored = self.released(images, draws["filter_noise"])
        if self.deviation:
            censored = censored + self.deviation * draws["added_noise"]
            if (limits := getattr(self.released, "limits", None)) is not None:
                censored = censored.clamp(*limits)
        return Censored(censored, None)

    def arguments(self) -> dict[str, Any]:
        """See Privatizer.arguments."""
        return {"network": self.network, "deviation": self.deviation}


class Replacing(NetworkPrivatizer):
    """x'' = g(x', s', z2): puts a random sensitive attribute in.

    Args:
        network: g.
        num_classes: values that s' can take.
        synthetic: the distribution of s', see SyntheticAttribute.
    """

    def __init__(self, network: nn.Module, num_classes: int, synthetic: str = UNIFORM) -> None:
        super().__init__(network)
        self.synthetic = SyntheticAttribute(num_classes, synthetic)

    def draw(self, images: Tensor, rng: torch.Generator) -> Draws:
        """Draw s', then z2."""
        return {
            "synthetic": self.synthetic.draw(images, rng),
            "generator_noise": self.noise(images, rng),
        }

    def forward(self, images: Tensor, draws: Draws) -> Censored:
        """Put s' in."""
        synthetic = draws["synthetic"]
        return Censored(self.released(images, draws["generator_noise"], synthetic), synthetic)

    def figure_rows(self, images: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        """Return x, and x'' for every value of s', with the same noise."""
        draws = self.draw(images, rng)
        return {"x": images} | with_every_value(self, images, draws, self.synthetic.num_classes)

    def arguments(self) -> dict[str, Any]:
        """See Privatizer.arguments."""
        return {"network": self.network, **self.synthetic.arguments()}


class InTurn(Privatizer):
    """g(f(x, z1), s', z2), the paper's mechanism; or f alone, or g alone.

    Args:
        filter: takes the attribute out; None to leave it in.
        generator: puts a random one in; None to put none in.
    """

    def __init__(self, filter: Privatizer | None, generator: Privatizer | None) -> None:
        super().__init__()
        self.filter = filter
        self.generator = generator

    @property
    def games(self) -> Sequence[Privatizer]:
        """Those that there are, in the order in which an image passes their networks."""
        return [game for game in (self.filter, self.generator) if game is not None]

    def draw(self, images: Tensor, rng: torch.Generator) -> Draws:
        """Draw z1, s' and z2, as far as there are such games."""
        draws: Draws = {}
        for game in self.games:
            draws |= game.draw(images, rng)
        return draws

    def forward(self, images: Tensor, draws: Draws) -> Censored:
        """See Privatizer.forward."""
        censored = Censored(images, None)
        for game in self.games:
            censored = game(censored.images, draws)
        return censored

    def figure_rows(self, images: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        """Return the rows of Figure 2: x, then x' and x'' as far as there are such games."""
        rows = {"x": images}
        incoming = images
        for game in self.games:
            rows |= game.figure_rows(incoming, rng) | {"x": images}
            incoming = rows.get("x'", images)
        return rows

    def arguments(self) -> dict[str, Any]:
        """See Privatizer.arguments."""
        return {"filter": self.filter, "generator": self.generator}


class Translating(Privatizer):
    """x'' = G(x, s') of StarGAN: sets the attribute to a random s'.

    Args:
        generator: G, of images in [-1, 1].
        num_classes: values that s' can take.
        synthetic: the distribution of s', see SyntheticAttribute.
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
        return {"x": images} | with_every_value(self, images, draws, self.synthetic.num_classes)

    def arguments(self) -> dict[str, Any]:
        """See Privatizer.arguments."""
        return {"generator": self.generator, **self.synthetic.arguments()}


def to_signed(images: Tensor) -> Tensor:
    """Map images in [0, 1] to [-1, 1]."""
    return 2 * images - 1


def to_unit(images: Tensor) -> Tensor:
    """Map images in [-1, 1] to [0, 1]."""
    return (images + 1) / 2
