"""The method's few formulas, each a pure function."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from privacy_gan.errors import UserError


def negative_entropy(logits: Tensor, sensitive: Tensor) -> Tensor:
    """Filter's adversarial term, the paper's choice (section 3.3): minus the entropy of h_f(x').

    Smallest where the discriminator is undecided; it ignores the true attribute.

    Args:
        logits: h_f(x'), [B, C].
        sensitive: s, [B]; not used, so that both adversarial terms are called alike.

    Returns:
        Mean over the batch in nats, between -log C and 0.
    """
    del sensitive
    log_probabilities = F.log_softmax(logits, dim=1)
    return (log_probabilities.exp() * log_probabilities).sum(dim=1).mean()


def complement_cross_entropy(logits: Tensor, sensitive: Tensor) -> Tensor:
    """Filter's adversarial term called log-likelihood in the paper: cross-entropy against 1 - s.

    Args:
        logits: h_f(x'), [B, 2].
        sensitive: s in {0, 1}, [B].

    Raises:
        UserError: more than two classes, among which "the other one" is not defined.
    """
    if logits.shape[1] != 2:
        raise UserError(
            f"loss=cross_entropy needs a binary attribute, this one has {logits.shape[1]} classes: "
            "it drives the discriminator towards 1 - s, which only two classes define; "
            "use loss=entropy"
        )
    return F.cross_entropy(logits, 1 - sensitive)


def distortion(censored: Tensor, original: Tensor) -> Tensor:
    """d(x', x): squared error, mean over pixels, channels and batch (section 3.3, Algorithm 1)."""
    return F.mse_loss(censored, original)


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
