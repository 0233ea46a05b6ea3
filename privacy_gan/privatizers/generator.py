"""The generator g, which inserts a random sensitive attribute (section 3.2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from privacy_gan import losses
from privacy_gan.privatizers.base import UNIFORM, Draws, SyntheticAttribute
from privacy_gan.privatizers.game import Game, Losses, Turn, accuracy
from privacy_gan.privatizers.inference import GeneratorInference


class Generator(GeneratorInference, Game):
    """x'' = g(x', s', z2), trained against h_g, which predicts s of real images and detects fakes.

    Args:
        network: returns g, given the number of classes of its input s'.
        discriminator: returns h_g, given its number of outputs.
        num_classes: number of values of s; h_g has one more output, for fakes.
        synthetic: distribution of s', see SyntheticAttribute.
        options: budget, update intervals and averaging, see Game.
    """

    name = "generator"

    def __init__(
        self,
        network: Callable[..., nn.Module],
        discriminator: Callable[[int], nn.Module],
        num_classes: int,
        synthetic: str = UNIFORM,
        **options: Any,
    ) -> None:
        g, h_g = network(num_classes=num_classes), discriminator(num_classes + 1)
        Game.__init__(self, g, h_g, **options)
        self.synthetic = SyntheticAttribute(num_classes, synthetic)

    def losses(
        self,
        original: Tensor,
        incoming: Tensor,
        sensitive: Tensor,
        draws: Draws,
        turn: Turn,
        progress: float | Tensor,
    ) -> Losses:
        """See Game.losses; h_g(x'') is computed once for both networks, h_g(x) only if needed."""
        del progress
        with torch.set_grad_enabled(torch.is_grad_enabled() and turn.network):
            replaced = self(incoming, draws).images
        logits = self.discriminator(replaced)
        adversarial = F.cross_entropy(logits, draws["synthetic"])
        distortion = losses.distortion(replaced, original)
        metrics = {
            "adversarial_loss": adversarial.detach(),
            "fooled": accuracy(logits, draws["synthetic"]),
        }
        discriminator_loss = None
        if turn.discriminator:
            real = self.discriminator(original)
            discriminator_loss = losses.discriminator_loss(real, sensitive, logits)
            metrics["discriminator_accuracy"] = accuracy(real, sensitive)
        return Losses(replaced.detach, adversarial, discriminator_loss, distortion, metrics)

    def for_inference(self) -> GeneratorInference:
        """Return g and the distribution of s'."""
        inference = GeneratorInference(self.inference_network, **self.synthetic.arguments())
        inference.synthetic = self.synthetic  # with its fitted frequencies
        return inference
