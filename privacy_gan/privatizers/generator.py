"""The generator g, which puts a random sensitive attribute in (section 3.2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from privacy_gan import losses
from privacy_gan.privatizers.base import Censored
from privacy_gan.privatizers.stage import Losses, Stage, accuracy
from privacy_gan.privatizers.synthetic import UNIFORM, SyntheticAttribute


class GeneratorStage(Stage):
    """x'' = g(x', s', z2) against h_g, which tells s from real images and knows fakes.

    Args:
        network: makes g, given the number of classes of its input s'.
        discriminator: makes h_g, given its number of outputs.
        num_classes: values that s can take; h_g has one output more, for fakes.
        synthetic: the law of s', see SyntheticAttribute.
        rules: budget and schedule, see Stage.
    """

    name = "generator"

    def __init__(
        self,
        network: Callable[..., nn.Module],
        discriminator: Callable[[int], nn.Module],
        num_classes: int,
        synthetic: str = UNIFORM,
        **rules: Any,
    ) -> None:
        super().__init__(network(num_classes=num_classes), discriminator(num_classes + 1), **rules)
        self.synthetic = SyntheticAttribute(num_classes, synthetic)

    def draw(self, count: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw s', then z2."""
        return self.synthetic.draw(count, rng), self.noise(count, rng)

    def losses(
        self,
        original: Tensor,
        incoming: Tensor,
        sensitive: Tensor,
        drawn: tuple[Tensor, ...],
        with_discriminator: bool,
    ) -> Losses:
        """See Stage.losses; h_g(x'') is computed once for both players, h_g(x) only if needed."""
        synthetic, noise = drawn
        replaced = self.network(incoming, noise, synthetic)
        logits = self.discriminator(replaced)
        adversarial = F.cross_entropy(logits, synthetic)
        distortion = losses.distortion(replaced, original)
        metrics = {
            "adversarial_loss": adversarial.detach(),
            "fooled": accuracy(logits, synthetic),
        }
        discriminator_loss = None
        if with_discriminator:
            real = self.discriminator(original)
            discriminator_loss = losses.discriminator_loss(real, sensitive, logits)
            metrics["discriminator_accuracy"] = accuracy(real, sensitive)
        return Losses(replaced, adversarial, discriminator_loss, distortion, metrics)

    def privatize(self, images: Tensor, rng: torch.Generator) -> Censored:
        """Put a random attribute in."""
        synthetic, noise = self.draw_for(images, rng)
        return Censored(self.network(images, noise, synthetic), synthetic)

    def figure_rows(self, images: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        """Return x'' for every value of s', with the same noise."""
        noise = self.noise(len(images), rng).to(images.device)
        labels = torch.arange(self.synthetic.num_classes, device=images.device)
        return {
            f"x''  s'={value}": self.network(images, noise, label.expand(len(images)))
            for value, label in enumerate(labels)
        }
