"""The filter f, which removes the sensitive attribute (section 3.1; Huang et al., 2018)."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from privacy_gan import losses
from privacy_gan.errors import UserError
from privacy_gan.losses import AdversarialLoss
from privacy_gan.models.subspace import Subspace
from privacy_gan.models.subspace_filter import SubspaceClassifier, SubspaceFilter
from privacy_gan.privatizers.base import Draws
from privacy_gan.privatizers.constraint import Constraint
from privacy_gan.privatizers.game import Game, Losses, Turn, accuracy
from privacy_gan.privatizers.inference import FilterInference
from privacy_gan.tensors import has_static_sizes


class ImageSpace:
    """A game is played on images; the other place for it is a ``Subspace``."""

    def encode(self, images: Tensor) -> Tensor:
        """Return images [B, C, H, W] as they are."""
        return images

    def decode(self, images: Tensor, shape: torch.Size) -> Tensor:
        """Return images as they are."""
        del shape
        return images

    def distortion(self, changed: Tensor, values: Tensor, images: Tensor) -> Tensor:
        """Return d(x', x), a scalar, for x' and x, which is given twice."""
        del values
        return losses.distortion(changed, images)


class Filter(FilterInference, Game):
    """x' = f(x, z1), trained against h_f, which predicts s from x'.

    Args:
        network: returns f.
        discriminator: returns h_f, given its number of outputs.
        adversarial_loss: f's adversarial loss, a function of the logits h_f(x'), s and the training
            progress in [0, 1].
        num_classes: number of values of s, and of h_f's outputs.
        constraint: keeps the distortion within the budget.
        balanced: whether all values of s have equal weight in both losses, however frequent they
            are, so that the filter hides s from the adversary with the best balanced accuracy.
        snapshots: number of snapshots that are kept in the second half of the training. After it, a
            random one censors each image; h_f sees their output in half of its images. 0 for none.
        budget_share: share of the constraint's budget that the filter may use; a generator after it
            needs the rest.
        output_noise: share of its budget spent on Gaussian noise, which is added to f's output and
            part of x'.
        options: update intervals and averaging, see Game.

    Raises:
        UserError: the adversarial loss does not support this number of classes, or a number is out
            of range.
    """

    name = "filter"
    class_weights: Tensor
    mixture: SubspaceFilter | None

    def __init__(
        self,
        network: Callable[..., nn.Module],
        discriminator: Callable[[int], nn.Module],
        adversarial_loss: AdversarialLoss,
        num_classes: int,
        constraint: Constraint,
        balanced: bool = False,
        snapshots: int = 0,
        output_noise: float = 0.0,
        budget_share: float = 1.0,
        **options: Any,
    ) -> None:
        if not 0 <= output_noise <= 1:
            raise UserError(
                f"game.output_noise={output_noise} is out of range: set it between 0 and 1"
            )
        if not 0 < budget_share <= 1:
            raise UserError(
                f"game.filter_share={budget_share} must be above 0 and at most 1: it is the "
                "filter's share of epsilon"
            )
        constraint = copy.deepcopy(constraint)
        constraint.epsilon *= budget_share
        Game.__init__(self, network(), discriminator(num_classes), constraint, **options)
        if snapshots < 0:
            raise UserError(f"game.snapshots={snapshots} must be 0 or more")
        self.snapshots = snapshots
        mixture = network(members=snapshots) if snapshots else None
        self.mixture = cast(SubspaceFilter | None, mixture)
        self.adversarial_loss = adversarial_loss
        self.balanced = balanced
        self.register_buffer("class_weights", torch.ones(num_classes), persistent=False)
        # a network that adds noise itself has this option, too
        adds_noise = hasattr(self.network, "output_noise")
        self.deviation = 0.0 if adds_noise else (output_noise * self.constraint.epsilon) ** 0.5
        # a loss that does not support this number of classes fails now, not at the first step
        example = adversarial_loss(
            torch.zeros(2, num_classes), torch.zeros(2).long(), torch.tensor(1.0)
        )
        if example.shape != (2,):
            raise UserError(
                f"loss={getattr(adversarial_loss, '__name__', adversarial_loss)} must return one "
                f"value for each image, [B]; for two images it returned {list(example.shape)}"
            )

    @property
    def noise_size(self) -> int:
        """Dimensions of the noise of the network or, if there is one, of the mixture."""
        return super().noise_size if self.mixture is None else self.mixture.noise_size

    def draw(self, images: Tensor, rng: torch.Generator) -> Draws:
        """Draw the noise and, in training, which images h_f sees from a snapshot."""
        draws = super().draw(images, rng)
        if self.training and self.mixture is not None:
            numbers = torch.rand(len(images), generator=rng, device=rng.device)
            draws["from_snapshot"] = (numbers < 0.5).to(images.device)
        return draws

    @property
    def space(self) -> ImageSpace | Subspace:
        """Where the game is played.

        In training, that is the subspace if both networks see images through it: coordinates are
        far fewer than pixels. After training, images are clipped, so that it is played on these.
        """
        f, h_f = self.network, self.discriminator
        if not (isinstance(f, SubspaceFilter) and isinstance(h_f, SubspaceClassifier)):
            return ImageSpace()
        same = f.components == h_f.subspace.components
        return f.subspace if self.training and same else ImageSpace()

    def in_space(self, network: nn.Module) -> Callable[..., Tensor]:
        """Return a network as a function of images or, in a subspace, of coordinates."""
        if isinstance(self.space, ImageSpace):
            return network
        return cast(SubspaceFilter | SubspaceClassifier, network).on_coordinates

    def discriminator_inputs(self, values: Tensor, censored: Tensor, draws: Draws) -> Tensor:
        """Return what h_f sees: in training, half of it from snapshots, once there are any.

        Args:
            values: x, images or coordinates.
            censored: x', the same.
            draws: what ``draw`` drew for these images.
        """
        if not self.training or self.mixture is None or not self.mixture.kept:
            return censored
        rows, noise = draws["from_snapshot"], draws["filter_noise"]
        mixture = self.in_space(self.mixture)
        with torch.no_grad():
            if has_static_sizes(values):
                by_image = rows.view(-1, *[1] * (values.ndim - 1))
                return torch.where(by_image, mixture(values, noise), censored)
            inputs = censored.clone()
            inputs[rows] = mixture(values[rows], noise[rows])
        return inputs

    @property
    def variant(self) -> bool:
        """Whether there are snapshots, which h_f then sees."""
        return self.mixture is not None and self.mixture.kept > 0

    def keep_snapshot(self, progress: float) -> None:
        """Keep snapshots at even steps through the second half of the training."""
        if self.mixture is None:
            return
        kept = self.mixture.kept
        if kept < self.snapshots and progress >= 0.5 + 0.5 * (kept + 0.5) / self.snapshots:
            network = self.network if self.average is None else self.average.module
            self.mixture.keep(cast(SubspaceFilter, network))

    @property
    def inference_network(self) -> nn.Module:
        """The mixture of all snapshots, once there are any; else see Game.inference_network."""
        if self.mixture is None or not self.mixture.kept:
            return super().inference_network
        return self.mixture

    @property
    def needs_labels(self) -> bool:
        """Whether the game depends on how frequent the values of s are."""
        return self.balanced

    def fit_labels(self, labels: Tensor) -> None:
        """Give all values of s equal weight.

        Args:
            labels: s of the training images, [N].

        Raises:
            UserError: s does not take all its values.
        """
        counts = torch.bincount(labels, minlength=len(self.class_weights))
        if not counts.all():
            raise UserError(
                f"no training image has the value {int(counts.argmin())} of the attribute, which "
                "game.balanced=true needs: use more images, or game.balanced=false"
            )
        self.class_weights.copy_(len(labels) / (len(counts) * counts))

    def losses(
        self,
        original: Tensor,
        incoming: Tensor,
        sensitive: Tensor,
        draws: Draws,
        turn: Turn,
        progress: float | Tensor,
    ) -> Losses:
        """See Game.losses; h_f(x') is computed once for both networks."""
        del incoming  # the filter is the first game, so that it is x
        space, h_f = self.space, self.in_space(self.discriminator)
        values = space.encode(original)
        with torch.set_grad_enabled(torch.is_grad_enabled() and turn.network):
            if isinstance(space, ImageSpace):
                censored = self(values, draws).images
            else:
                censored = self.in_space(self.network)(values, draws["filter_noise"])
        logits = h_f(censored)
        seen = self.discriminator_inputs(values, censored, draws)
        seen_logits = logits if seen is censored else h_f(seen)
        weights = self.class_weights[sensitive]
        progress = torch.as_tensor(progress, dtype=torch.float64)
        adversarial = (weights * self.adversarial_loss(logits, sensitive, progress)).mean()
        metrics = {
            "adversarial_loss": adversarial.detach(),
            "discriminator_accuracy": accuracy(logits, sensitive),
        }
        discriminator = None
        if turn.discriminator:
            losses_of_images = F.cross_entropy(seen_logits, sensitive, reduction="none")
            discriminator = (weights * losses_of_images).mean()
            # what h_f knows: its posterior for the values' frequencies, not for equal ones
            posterior = seen_logits.detach() - self.class_weights.log()
            metrics["discriminator_loss"] = F.cross_entropy(posterior, sensitive)
        return Losses(
            output=lambda: space.decode(censored.detach(), original.shape),
            adversarial=adversarial,
            discriminator=discriminator,
            distortion=space.distortion(censored, values, original),
            metrics=metrics,
        )

    def for_inference(self) -> FilterInference:
        """Return f alone."""
        return FilterInference(self.inference_network, self.deviation)
