"""StarGAN (Choi et al., 2018), which the paper compares with: changes s but does not hide it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Optimizer

from privacy_gan import distributed
from privacy_gan.data.batch import Batch
from privacy_gan.errors import UserError
from privacy_gan.graphs import Step
from privacy_gan.losses import distortion
from privacy_gan.models.stargan import StarGANDiscriminator, StarGANGenerator
from privacy_gan.privatizers.base import UNIFORM, SyntheticAttribute
from privacy_gan.privatizers.inference import StarGANInference, to_signed, to_unit
from privacy_gan.privatizers.trainable import TrainablePrivatizer, lr_factor


class StepKind(NamedTuple):
    """What decides which kernels a step launches.

    Attributes:
        generator: whether the generator is updated, too.
    """

    generator: bool


class StarGAN(StarGANInference, TrainablePrivatizer):
    """x'' = G(x, s') with a random s', trained against a critic that also predicts the class.

    No budget limits the distortion; only the weight of the cycle loss does.

    Args:
        attribute_index: column of the sensitive attribute among the batch's attributes.
        seed: seed of all noise and synthetic attributes in training.
        optimizer: returns an optimizer for a list of parameters; called once for each network.
        image_size: side of the images; a power of two, 8 or more.
        num_classes: number of values of s.
        width: channels of the first level of both networks.
        residual_blocks: number of the generator's residual blocks.
        discriminator_steps: discriminator steps for each generator step, counted from the start of
            every epoch; an epoch of fewer batches ends with one generator step.
        lambda_cls: weight of the classification losses.
        lambda_rec: weight of the cycle loss on G(G(x, s'), s), which is not computed if this is 0.
        lambda_gp: weight of the gradient penalty.
        synthetic: distribution of s', see SyntheticAttribute.
        decay: see TrainablePrivatizer.

    Raises:
        UserError: a number, such as the image size, is out of range.
    """

    def __init__(
        self,
        attribute_index: int,
        seed: int,
        optimizer: Callable[[Iterable[nn.Parameter]], Optimizer],
        image_size: int,
        num_classes: int,
        width: int = 64,
        residual_blocks: int = 6,
        discriminator_steps: int = 5,
        lambda_cls: float = 1.0,
        lambda_rec: float = 10.0,
        lambda_gp: float = 10.0,
        synthetic: str = UNIFORM,
        decay: float = 0.0,
    ) -> None:
        TrainablePrivatizer.__init__(self, attribute_index, seed, optimizer, decay)
        require_at_least("discriminator_steps", discriminator_steps, 1)
        for name, weight in [("cls", lambda_cls), ("rec", lambda_rec), ("gp", lambda_gp)]:
            require_at_least(f"lambda_{name}", weight, 0)
        self.discriminator_steps = discriminator_steps
        self.lambda_cls = lambda_cls
        self.lambda_rec = lambda_rec
        self.lambda_gp = lambda_gp
        self.generator = StarGANGenerator(num_classes, width, residual_blocks)
        self.discriminator = StarGANDiscriminator(image_size, num_classes, width)
        self.synthetic = SyntheticAttribute(num_classes, synthetic)

    @property
    def networks(self) -> list[nn.Module]:
        """The generator, then the discriminator."""
        return [self.generator, self.discriminator]

    def prepare_step(self, batch: Batch, batch_idx: int) -> Step:
        """See TrainablePrivatizer.prepare_step."""
        rng = self.training_rng(batch_idx)
        images = batch.images
        tensors = {"images": images, "sensitive": self.sensitive(batch)}
        tensors |= self.draw_local(images, rng)
        alpha = draw_alpha(len(images) * distributed.world_size(), rng)
        tensors["alpha"] = distributed.local_shard(alpha)
        factor = self.learning_rate_factor(self.training_progress(batch_idx))
        every = min(self.discriminator_steps, int(self.trainer.num_training_batches))
        return Step(
            StepKind(generator=(batch_idx + 1) % every == 0),
            tensors,
            {lr_factor(index): factor for index in range(len(self.networks))},
        )

    def update(self, step: Step) -> dict[str, Tensor]:
        """Update the discriminator, then, every ``discriminator_steps`` steps, the generator."""
        images, sensitive, synthetic, alpha = (
            step.tensors[name] for name in ("images", "sensitive", "synthetic", "alpha")
        )
        real = to_signed(images)
        with torch.set_grad_enabled(step.kind.generator):
            fake = self.generator(real, synthetic)
        generator, discriminator = self.optimizers()  # type: ignore[attr-defined]
        values = self.discriminator_losses(real, sensitive, fake.detach(), alpha)
        self.compute_gradients(discriminator, values["discriminator_loss"], self.discriminator)
        self.step_optimizer(discriminator, step.numbers[lr_factor(1)])
        if step.kind.generator:
            generator_values = self.generator_losses(real, sensitive, fake, synthetic)
            self.compute_gradients(generator, generator_values["loss"], self.generator)
            self.step_optimizer(generator, step.numbers[lr_factor(0)])
            values |= generator_values
        values["distortion"] = distortion(to_unit(fake), images)
        return add_prefix(values)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Log both networks' losses, always with the same synthetic attributes."""
        rng = self.validation_rng(batch_idx)
        real, sensitive = to_signed(batch.images), self.sensitive(batch)
        synthetic = self.draw(batch.images, rng)["synthetic"]
        fake = self.generator(real, synthetic)
        values = self.discriminator_losses(real, sensitive, fake, draw_alpha(len(real), rng))
        values |= self.generator_losses(real, sensitive, fake, synthetic)
        values["distortion"] = distortion(to_unit(fake), batch.images)
        self.log_validation(add_prefix(values), len(real))

    def discriminator_losses(
        self, real: Tensor, sensitive: Tensor, fake: Tensor, alpha: Tensor
    ) -> dict[str, Tensor]:
        """Return the discriminator's loss (eqs. 5 and 8), and metrics.

        Args:
            real: x, [B, 3, H, W] in [-1, 1].
            sensitive: s, [B].
            fake: G(x, s'), a constant here.
            alpha: weights of the gradient penalty's mixtures, [B, 1, 1, 1] in [0, 1].
        """
        source, logits = self.discriminator(real)
        adversarial = self.discriminator(fake)[0].mean() - source.mean()
        penalty = gradient_penalty(self.discriminator, real, fake, alpha)
        classification = classification_loss(logits, sensitive)
        return {
            "discriminator_loss": adversarial
            + self.lambda_cls * classification
            + self.lambda_gp * penalty,
            "gradient_penalty": penalty,
            "discriminator_accuracy": class_accuracy(logits, sensitive),
        }

    def generator_losses(
        self, real: Tensor, sensitive: Tensor, fake: Tensor, synthetic: Tensor
    ) -> dict[str, Tensor]:
        """Return the generator's loss (eqs. 6 and 8), its terms, and metrics.

        Args:
            real: x, [B, 3, H, W] in [-1, 1].
            sensitive: s, [B].
            fake: G(x, s'), with gradients of the generator.
            synthetic: s', [B].
        """
        source, logits = self.discriminator(fake)
        adversarial = -source.mean()
        classification = classification_loss(logits, synthetic)
        values = {
            "loss": adversarial + self.lambda_cls * classification,
            "adversarial_loss": adversarial,
            "fooled": class_accuracy(logits, synthetic),
        }
        if self.lambda_rec:
            reconstruction = F.l1_loss(self.generator(fake, sensitive), real)
            values["loss"] = values["loss"] + self.lambda_rec * reconstruction
            values["reconstruction_loss"] = reconstruction
        return values

    def for_inference(self) -> StarGANInference:
        """Return G and the distribution of s'."""
        inference = StarGANInference(self.generator, **self.synthetic.arguments())
        inference.synthetic = self.synthetic  # with its fitted frequencies
        return inference


def add_prefix(values: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return values by the names under which they are logged."""
    return {f"stargan/{key}": value for key, value in values.items()}


def draw_alpha(count: int, rng: torch.Generator) -> Tensor:
    """Draw alpha for the gradient penalty, [count, 1, 1, 1] in [0, 1)."""
    return torch.rand(count, 1, 1, 1, generator=rng, device=rng.device)


def gradient_penalty(
    discriminator: Callable[[Tensor], tuple[Tensor, Tensor]],
    real: Tensor,
    fake: Tensor,
    alpha: Tensor,
) -> Tensor:
    """Return the mean of (||grad D_src||_2 - 1)^2 at mixtures of real images and fakes.

    See Gulrajani et al. (2017). D_src is summed over its patches, as in StarGAN's released code;
    its paper does not specify this.

    Args:
        discriminator: maps images to D_src and a second output, which is not used.
        real: [B, 3, H, W].
        fake: [B, 3, H, W], a constant here.
        alpha: weight of the real image in the mixture, [B, 1, 1, 1] in [0, 1].

    Returns:
        A scalar with gradients with respect to the discriminator.
    """
    # bfloat16 is too coarse for second derivatives; in validation, gradients must be enabled
    full_precision = torch.autocast(real.device.type, enabled=False)
    with full_precision, torch.inference_mode(False), torch.enable_grad():
        mixture = (alpha * real + (1 - alpha) * fake).detach().requires_grad_()
        source, _ = discriminator(mixture)
        (gradient,) = torch.autograd.grad(source.sum(), mixture, create_graph=True)
        norms = torch.linalg.vector_norm(gradient.flatten(1), dim=1)
        penalty: Tensor = (norms - 1).square().mean()
    return penalty


def classification_loss(logits: Tensor, classes: Tensor) -> Tensor:
    """Return the cross-entropy of logits [B, C] for classes [B]; binary if logits are [B, 1]."""
    if logits.shape[1] == 1:
        return F.binary_cross_entropy_with_logits(logits[:, 0], classes.to(logits.dtype))
    return F.cross_entropy(logits, classes)


def class_accuracy(logits: Tensor, classes: Tensor) -> Tensor:
    """Return the accuracy of logits [B, 1] or [B, C] for classes [B], detached."""
    predictions = logits[:, 0] > 0 if logits.shape[1] == 1 else logits.argmax(dim=1)
    return (predictions.detach() == classes).float().mean()


def require_at_least(name: str, value: float, minimum: int) -> None:
    if not value >= minimum:
        raise UserError(f"privatizer.{name}={value} must be {minimum} or more")
