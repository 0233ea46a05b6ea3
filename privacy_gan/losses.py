"""Loss functions of the method, each a pure function."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from privacy_gan.errors import UserError

# adversarial loss of a filter: h_f(x') [B, C], s [B], progress in [0, 1] -> [B]; the progress is a
# scalar tensor, because a CUDA graph would freeze a number
AdversarialLoss = Callable[[Tensor, Tensor, Tensor], Tensor]


def negative_entropy(logits: Tensor, sensitive: Tensor, progress: float | Tensor = 1.0) -> Tensor:
    """Adversarial loss of the paper's filter (section 3.3): negative entropy of h_f(x').

    It is smallest if the discriminator is undecided, and does not depend on the true attribute.

    Args:
        logits: h_f(x'), [B, C].
        sensitive: unused; part of the signature that all adversarial losses share.
        progress: unused, for the same reason.

    Returns:
        One value for each image, in nats, between -log C and 0, [B].
    """
    del sensitive, progress
    log_probabilities = F.log_softmax(logits, dim=1)
    return (log_probabilities.exp() * log_probabilities).sum(dim=1)


def complement_cross_entropy(
    logits: Tensor, sensitive: Tensor, progress: float | Tensor = 1.0
) -> Tensor:
    """Adversarial loss that the paper calls log-likelihood: cross-entropy with the target 1 - s.

    Args:
        logits: h_f(x'), [B, 2].
        sensitive: s in {0, 1}, [B].
        progress: unused; part of the signature that all adversarial losses share.

    Returns:
        One value for each image, in nats, [B].

    Raises:
        UserError: there are more than two classes, so that 1 - s is not defined.
    """
    del progress
    if logits.shape[1] != 2:
        raise UserError(
            f"loss=cross_entropy needs a binary attribute, this one has {logits.shape[1]} classes: "
            "it drives the discriminator towards 1 - s, which only two classes define; "
            "use loss=entropy"
        )
    return F.cross_entropy(logits, 1 - sensitive, reduction="none")


def smoothed_accuracy(
    logits: Tensor,
    sensitive: Tensor,
    progress: float | Tensor = 1.0,
    begin: float = 0.05,
    end: float = 0.05,
    until: float = 1.0,
) -> Tensor:
    """Adversarial loss of the robust game: the smoothed accuracy of the best adversary.

    If h = softmax(h_f(x')) is the posterior of s given x', the best adversary's accuracy is the
    mean of max_c h_c, smoothed here to phi(h) = tau log sum_c exp(h_c / tau). Changing x' changes
    the mean of phi as it changes the mean of the tangent phi(h) + grad phi(h) . (e_s - h), which
    is this loss. See docs/robust.md.

    Args:
        logits: h_f(x'), [B, C].
        sensitive: s, [B].
        progress: share of the training that is over, in [0, 1].
        begin: initial tau.
        end: final tau; tau decays geometrically from ``begin`` to it.
        until: share of the training in which tau decays.

    Returns:
        One value for each image, between 0 and 1 + tau log C, [B].
    """
    over = torch.as_tensor(progress, dtype=torch.float64) / until
    temperature = begin * (end / begin) ** over.clamp(max=1)
    probabilities = F.softmax(logits, dim=1)
    scaled = probabilities / temperature
    gradient = F.softmax(scaled, dim=1)
    phi = temperature * torch.logsumexp(scaled, dim=1)
    true_slope = gradient.gather(1, sensitive[:, None]).squeeze(1)
    tangent: Tensor = phi + true_slope - (gradient * probabilities).sum(dim=1)
    return tangent


def distortion(censored: Tensor, original: Tensor) -> Tensor:
    """d(x', x): squared error, mean over pixels, channels and batch (section 3.3, Algorithm 1)."""
    return F.mse_loss(censored, original)


def augmented_lagrangian(distortion: Tensor, epsilon: Tensor | float, multiplier: Tensor) -> Tensor:
    """(max(0, m + r)^2 - m^2) / 2 with r = d / epsilon - 1 (Nocedal and Wright, 2006, eq. 17.55).

    At d = epsilon its slope in r is m, so that the right multiplier m meets the budget exactly.
    """
    excess = distortion / epsilon - 1
    return ((multiplier + excess).clamp(min=0).square() - multiplier.square()) / 2


def distortion_penalty(distortion: Tensor, epsilon: float, weight: float) -> Tensor:
    """Weight * max(d - epsilon, 0)^2 (Algorithm 1); 0 within the budget."""
    return weight * (distortion - epsilon).clamp(min=0).square()


def discriminator_loss(real: Tensor, sensitive: Tensor, fake: Tensor) -> Tensor:
    """Loss of h_g (eq. 3, halved): real images have their s as target, generated ones "fake".

    Args:
        real: h_g(x), [B, C + 1]; the last class is "fake".
        sensitive: s in {0, ..., C - 1}, [B].
        fake: h_g(x''), [B, C + 1].
    """
    fake_class = sensitive.new_full(fake.shape[:1], fake.shape[1] - 1)
    return (F.cross_entropy(real, sensitive) + F.cross_entropy(fake, fake_class)) / 2
