"""StarGAN (Choi et al., 2018), which the paper compares with: sets the attribute, hides nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
import torch.nn.functional as F
from pytorch_lightning import LightningModule
from torch import Tensor, nn
from torch.optim import Optimizer

from privacy_gan import replicas
from privacy_gan.data.batch import Batch
from privacy_gan.errors import UserError
from privacy_gan.losses import distortion
from privacy_gan.models.stargan import StarGANDiscriminator, StarGANGenerator
from privacy_gan.privatizers.base import Censored, Privatizer
from privacy_gan.privatizers.synthetic import EMPIRICAL, UNIFORM, SyntheticAttribute
from privacy_gan.randomness import Purpose, keyed_generator


class StarGAN(LightningModule, Privatizer):
    """x'' = G(x, s') with a random s', against a critic that also tells classes.

    No budget holds the distortion; the weight of the cycle does, as far as it is held.

    Args:
        attribute_index: column of the sensitive attribute among the batch's attributes.
        seed: of all noise and synthetic attributes in training.
        optimizer: makes the optimizer of a list of parameters; called once for each network.
        image_size: side of the images; a power of two, 8 or more.
        num_classes: values that s can take.
        width: channels of both networks' first level.
        residual_blocks: of the generator.
        discriminator_steps: for each step of the generator, counted anew in every epoch; in an
            epoch of fewer batches, the generator's step comes with the last.
        lambda_cls: weight of the classification losses.
        lambda_rec: weight of the cycle G(G(x, s'), s), which is left out where this is 0.
        lambda_gp: weight of the gradient penalty.
        synthetic: the law of s', see SyntheticAttribute.

    Raises:
        UserError: a number is out of its range, the size of the images among them.
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
    ) -> None:
        super().__init__()
        refuse_below("discriminator_steps", discriminator_steps, 1)
        for name, weight in [("cls", lambda_cls), ("rec", lambda_rec), ("gp", lambda_gp)]:
            refuse_below(f"lambda_{name}", weight, 0)
        self.automatic_optimization = False
        self.attribute_index = attribute_index
        self.seed = seed
        self.make_optimizer = optimizer
        self.discriminator_steps = discriminator_steps
        self.lambda_cls = lambda_cls
        self.lambda_rec = lambda_rec
        self.lambda_gp = lambda_gp
        self.generator = StarGANGenerator(num_classes, width, residual_blocks)
        self.discriminator = StarGANDiscriminator(image_size, num_classes, width)
        self.synthetic = SyntheticAttribute(num_classes, synthetic)

    def setup(self, stage: str) -> None:
        """Learn how frequent the attribute's values are, where s' is to be as frequent."""
        if self.synthetic.law == EMPIRICAL:
            labels = self.trainer.datamodule.labels("train")  # type: ignore[attr-defined]
            self.synthetic.learn(labels[:, self.attribute_index])

    def configure_optimizers(self) -> list[Optimizer]:
        """Return the generator's optimizer, then the discriminator's."""
        return [
            self.make_optimizer(player.parameters())
            for player in (self.generator, self.discriminator)
        ]

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        """Take a step of the discriminator and, every so often, then one of the generator."""
        rng = keyed_generator(self.device, self.seed, Purpose.TRAIN, self.current_epoch, batch_idx)
        real, sensitive = to_signed(batch.images), batch.attributes[:, self.attribute_index]
        synthetic, share = map(replicas.own_part, self.draw(len(real) * replicas.count(), rng))
        every = min(self.discriminator_steps, int(self.trainer.num_training_batches))
        generators_turn = (batch_idx + 1) % every == 0
        with torch.set_grad_enabled(generators_turn):
            fake = self.generator(real, synthetic)
        generator, discriminator = self.optimizers()  # type: ignore[attr-defined]
        values = self.discriminator_losses(real, sensitive, fake.detach(), share)
        self.take_step(discriminator, values["discriminator_loss"], self.discriminator)
        if generators_turn:
            generator_values = self.generator_losses(real, sensitive, fake, synthetic)
            self.take_step(generator, generator_values["loss"], self.generator)
            values |= generator_values
        values["distortion"] = distortion(to_unit(fake), batch.images)
        self.log_dict(replicas.mean_values(named("train", values)))

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Log both players' losses, always at the same synthetic attributes."""
        number = self.trainer.datamodule.validation_batch(batch_idx)  # type: ignore[attr-defined]
        rng = keyed_generator(self.device, self.seed, Purpose.VALID, number)
        real, sensitive = to_signed(batch.images), batch.attributes[:, self.attribute_index]
        synthetic, share = self.draw(len(real), rng)
        fake = self.generator(real, synthetic)
        values = self.discriminator_losses(real, sensitive, fake, share)
        values |= self.generator_losses(real, sensitive, fake, synthetic)
        values["distortion"] = distortion(to_unit(fake), batch.images)
        values = named("valid", values)
        self.log_dict(values, batch_size=len(real), sync_dist=replicas.count() > 1)

    def draw(self, count: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return a random s' [count], and alpha [count, 1, 1, 1] of the gradient penalty."""
        synthetic = self.synthetic.draw(count, rng)
        return synthetic, torch.rand(count, 1, 1, 1, generator=rng, device=rng.device)

    def discriminator_losses(
        self, real: Tensor, sensitive: Tensor, fake: Tensor, share: Tensor
    ) -> dict[str, Tensor]:
        """Return what the discriminator is trained to lessen (eqs. 5 and 8), and its parts.

        Args:
            real: x, [B, 3, H, W] in [-1, 1].
            sensitive: s, [B].
            fake: G(x, s'), a constant here.
            share: alpha of the gradient penalty, [B, 1, 1, 1] in [0, 1].
        """
        source, logits = self.discriminator(real)
        adversarial = self.discriminator(fake)[0].mean() - source.mean()
        penalty = gradient_penalty(self.discriminator, real, fake, share)
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
        """Return what the generator is trained to lessen (eqs. 6 and 8), and its parts.

        Args:
            real: x, [B, 3, H, W] in [-1, 1].
            sensitive: s, [B].
            fake: G(x, s'), attached to the generator.
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

    def take_step(self, optimizer: Any, loss: Tensor, player: nn.Module) -> None:
        """Update one player's parameters from gradients of no others."""
        optimizer.zero_grad(set_to_none=True)
        self.manual_backward(loss, inputs=list(player.parameters()))
        replicas.average_gradients(player.parameters())
        optimizer.step()

    def privatize(self, images: Tensor, rng: torch.Generator) -> Censored:
        """Set the attribute to a random value; see Privatizer.privatize."""
        synthetic = self.synthetic.draw(len(images), rng).to(images.device)
        return Censored(self.set_to(images, synthetic), synthetic)

    def set_to(self, images: Tensor, classes: Tensor) -> Tensor:
        """Return images [B, 3, H, W] in [0, 1] with the attribute set to classes [B]."""
        return to_unit(self.generator(to_signed(images), classes))

    def figure_rows(self, images: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        """Return x, and x'' for every value of s'."""
        labels = torch.arange(self.synthetic.num_classes, device=images.device)
        return {"x": images} | {
            f"x''  s'={value}": self.set_to(images, label.expand(len(images)))
            for value, label in enumerate(labels)
        }


def named(split: str, values: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return values worth logging by their full names, detached."""
    return {f"{split}/stargan/{key}": value.detach() for key, value in values.items()}


def gradient_penalty(
    discriminator: Callable[[Tensor], tuple[Tensor, Tensor]],
    real: Tensor,
    fake: Tensor,
    share: Tensor,
) -> Tensor:
    """Mean of (||grad D_src||_2 - 1)^2 between real images and fakes (Gulrajani et al., 2017).

    D_src is summed over its patches, as in StarGAN's released code; the paper does not say.

    Args:
        discriminator: maps images to D_src, and to something that does not matter here.
        real: [B, 3, H, W].
        fake: [B, 3, H, W], a constant here.
        share: of the real image in the mixture, [B, 1, 1, 1] in [0, 1].

    Returns:
        A scalar that has gradients with respect to the discriminator.
    """
    # bfloat16 is too coarse for a gradient's gradient; and validation needs gradients here, too
    full_precision = torch.autocast(real.device.type, enabled=False)
    with full_precision, torch.inference_mode(False), torch.enable_grad():
        mixture = (share * real + (1 - share) * fake).detach().requires_grad_()
        source, _ = discriminator(mixture)
        (gradient,) = torch.autograd.grad(source.sum(), mixture, create_graph=True)
        norms = torch.linalg.vector_norm(gradient.flatten(1), dim=1)
        penalty: Tensor = (norms - 1).square().mean()
    return penalty


def classification_loss(logits: Tensor, classes: Tensor) -> Tensor:
    """Cross-entropy of logits [B, C] against classes [B], binary where the logits are [B, 1]."""
    if logits.shape[1] == 1:
        return F.binary_cross_entropy_with_logits(logits[:, 0], classes.to(logits.dtype))
    return F.cross_entropy(logits, classes)


def class_accuracy(logits: Tensor, classes: Tensor) -> Tensor:
    """Return the share of rows where the logits, [B, 1] or [B, C], tell the class, detached."""
    told = logits[:, 0] > 0 if logits.shape[1] == 1 else logits.argmax(dim=1)
    return (told.detach() == classes).float().mean()


def to_signed(images: Tensor) -> Tensor:
    """Map images in [0, 1] to [-1, 1]."""
    return 2 * images - 1


def to_unit(images: Tensor) -> Tensor:
    """Map images in [-1, 1] to [0, 1]."""
    return (images + 1) / 2


def refuse_below(name: str, value: float, least: int) -> None:
    if not value >= least:
        raise UserError(f"privatizer.{name}={value} must be {least} or more")
