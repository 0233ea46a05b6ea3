"""The method's few formulas, each a pure function."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from privacy_gan.errors import UserError

# a filter's adversarial term: of h_f(x') [B, C], s [B] and the share of the training that is over
AdversarialLoss = Callable[[Tensor, Tensor, float], Tensor]


def negative_entropy(logits: Tensor, sensitive: Tensor, done: float = 1.0) -> Tensor:
    """Filter's adversarial term, the paper's choice (section 3.3): minus the entropy of h_f(x').

    Smallest where the discriminator is undecided; it ignores the true attribute.

    Args:
        logits: h_f(x'), [B, C].
        sensitive: s, [B]; not used, so that all adversarial terms are called alike.
        done: likewise.

    Returns:
        Mean over the batch in nats, between -log C and 0.
    """
    del sensitive, done
    log_probabilities = F.log_softmax(logits, dim=1)
    return (log_probabilities.exp() * log_probabilities).sum(dim=1).mean()


def complement_cross_entropy(logits: Tensor, sensitive: Tensor, done: float = 1.0) -> Tensor:
    """Filter's adversarial term called log-likelihood in the paper: cross-entropy against 1 - s.

    Args:
        logits: h_f(x'), [B, 2].
        sensitive: s in {0, 1}, [B].
        done: not used, so that all adversarial terms are called alike.

    Raises:
        UserError: more than two classes, among which "the other one" is not defined.
    """
    del done
    if logits.shape[1] != 2:
        raise UserError(
            f"loss=cross_entropy needs a binary attribute, this one has {logits.shape[1]} classes: "
            "it drives the discriminator towards 1 - s, which only two classes define; "
            "use loss=entropy"
        )
    return F.cross_entropy(logits, 1 - sensitive)


def smoothed_accuracy(
    logits: Tensor,
    sensitive: Tensor,
    done: float = 1.0,
    begin: float = 0.05,
    end: float = 0.05,
    until: float = 1.0,
) -> Tensor:
    """Filter's adversarial term that is the gradient of what the best adversary's accuracy is.

    With h = softmax(h_f(x')), the probabilities of s that x' leaves, an adversary is right as often
    as the largest of them, here smoothed: phi(h) = tau log sum_c exp(h_c / tau). The filter changes
    h, and with it the mean of phi, by the tangent phi(h) + grad phi(h) . (e_s - h), which knows s.
    docs/robust.md derives it.

    Args:
        logits: h_f(x'), [B, C].
        sensitive: s, [B].
        done: share of the training that is over, in [0, 1].
        begin: tau at the beginning.
        end: tau at the end, which it falls to geometrically.
        until: share of the training in which it falls.

    Returns:
        Mean over the batch, between 0 and 1 + tau log C.
    """
    temperature = begin * (end / begin) ** min(1.0, done / until)
    probabilities = F.softmax(logits, dim=1)
    scaled = probabilities / temperature
    gradient = F.softmax(scaled, dim=1)
    phi = temperature * torch.logsumexp(scaled, dim=1)
    of_true = gradient.gather(1, sensitive[:, None]).squeeze(1)
    tangent: Tensor = phi + of_true - (gradient * probabilities).sum(dim=1)
    return tangent.mean()


def distortion(censored: Tensor, original: Tensor) -> Tensor:
    """d(x', x): squared error, mean over pixels, channels and batch (section 3.3, Algorithm 1)."""
    return F.mse_loss(censored, original)


def augmented_lagrangian(distortion: Tensor, epsilon: float, multiplier: Tensor) -> Tensor:
    """(max(0, m + r)^2 - m^2) / 2 with r = d / epsilon - 1 (Nocedal and Wright, 2006, eq. 17.55).

    Its slope in r is m where the budget is met, so that a fitting multiplier m meets it.
    """
    excess = distortion / epsilon - 1
    return ((multiplier + excess).clamp(min=0).square() - multiplier.square()) / 2


def distortion_penalty(distortion: Tensor, epsilon: float, weight: float) -> Tensor:
    """Weight * max(d - epsilon, 0)^2 (Algorithm 1); nothing within the budget."""
    return weight * (distortion - epsilon).clamp(min=0).square()


def discriminator_loss(real: Tensor, sensitive: Tensor, fake: Tensor) -> Tensor:
    """h_g's loss (eq. 3, halved): real images carry their s, generated ones the class "fake".

    Args:
        real: h_g(x), [B, C + 1]; the last class is "fake".
        sensitive: s in {0, ..., C - 1}, [B].
        fake: h_g(x''), [B, C + 1].
    """
    fake_class = sensitive.new_full(fake.shape[:1], fake.shape[1] - 1)
    return (F.cross_entropy(real, sensitive) + F.cross_entropy(fake, fake_class)) / 2
