"""Train the strongest adversary on a quarter and on a half of the labelled images, too.

What it then finds says how strong it would get with more images, see scaling_measures.py.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from privacy_gan import distributed
from privacy_gan.evaluation import adversaries
from privacy_gan.evaluation.attack import PAPER, Attack
from privacy_gan.evaluation.learning import Learner, predict_queries
from privacy_gan.evaluation.metrics.samples import counts, mean, negative_log_likelihood
from privacy_gan.evaluation.observations import class_frequencies
from privacy_gan.evaluation.predictions import combine_queries
from privacy_gan.evaluation.subsets import Rows, nested_blocks, restrict
from privacy_gan.randomness import Purpose, keyed_seed
from privacy_gan.runs.artifacts import ArtifactCache, Content, ResumeCheckpoint
from privacy_gan.runs.evaluation import RETRAINED
from privacy_gan.tensors import find_non_finite

log = logging.getLogger(__name__)

SHARES = {"quarter": 0.25, "half": 0.5}  # of the training images

# These start from a classifier that has seen all labels. Trained on fewer images, they would not
# show what labels are worth, and they would not predict labels that they have not seen.
FROM_CLASSIFIER = tuple(
    getattr(adversaries, path.rpartition(".")[2]) for path in adversaries.NEED_ORIGINALS
)


class Winner(NamedTuple):
    """The adversary with the most bits on validation images, and its number of queries."""

    adversary: str
    queries: int


@dataclass(frozen=True)
class SmallerTrainings:
    """What the winner predicts after training on some of the images.

    Attributes:
        winner: the adversary.
        blocks: rows of the training images: the first block is a quarter of them, the first two are
            a half, see ``nested_blocks``.
        predictions: for each of ``SHARES``: probabilities, float64, "valid" and "test",
            [queries, N, C], and "unseen", [1, B, C], of the block after those that it was trained
            on, from one query; and "ending", why its training ended, see ``LearningCurve``.
    """

    winner: Winner
    blocks: list[Rows]
    predictions: list[Content]


def train_on_subsets(
    attack: Attack,
    probabilities: Mapping[str, Mapping[str, Tensor]],
    cache: ArtifactCache | None,
    key: str = "",
) -> SmallerTrainings | None:
    """Train the winner of an attack on subsets of its images. All ranks share the work.

    Args:
        attack: the attack on all training images.
        probabilities: what its networks predict from each query, [queries, N, C] by name and split.
        cache: where to save the progress; None saves nothing.
        key: everything that affects the attack, in any form that changes with it.

    Returns:
        None if it is not possible: see ``find_obstacle``, or the winner diverges.
    """
    blocks = nested_blocks(attack.source.datamodule, list(SHARES.values()), attack.seed)
    winner = distributed.broadcast_from_rank_zero(lambda: choose_winner(attack, probabilities))
    if winner is None or (obstacle := find_obstacle(attack, blocks)) is not None:
        log.info("no adversary is trained on fewer images: %s", obstacle if winner else "none fits")
        return None
    make = partial(train_shares, attack, winner, blocks)
    names = list(SHARES)
    if cache is None:
        found = distributed.scatter_work(names, lambda local: make(local, None))
    else:
        stem = f"{attack.attribute}-data_scaling-{winner.adversary}"  # no adversary has this name
        paths = {name: cache.path(f"{stem}-{name}", key) for name in names}
        found = {}
        # ranks train at the same time; a single process saves each training before the next
        for group in [names] if distributed.world_size() > 1 else [[name] for name in names]:
            found |= cache.get({name: paths[name] for name in group}, make)
    if not all(found.values()):
        log.warning("%s diverged on fewer images: data scaling is unknown", winner.adversary)
        return None
    return SmallerTrainings(winner, blocks, [found[name] for name in names])


def choose_winner(
    attack: Attack, probabilities: Mapping[str, Mapping[str, Tensor]]
) -> Winner | None:
    """Return the adversary with the most bits on validation images.

    Returns:
        None if all adversaries diverged or start from a classifier that has seen all labels.
    """
    datamodule = attack.source.datamodule
    column = datamodule.column(attack.attribute)
    labels = datamodule.labels("valid")[:, column]
    classes = len(datamodule.classes(attack.attribute))
    frequencies = class_frequencies(datamodule.labels("train")[:, column], classes)
    bits = {}
    for name, factory in attack.factories.items():
        by_split = probabilities.get(name)
        if not by_split or name in (RETRAINED, PAPER) or starts_from_classifier(factory):
            continue
        for queries in attack.queries:
            splits = by_split["valid"][:queries], by_split["test"][:queries]
            scores = {"bits": signed_bits}
            found = combine_queries(*splits, labels, frequencies, scores)["bits"].valid
            bits[Winner(name, queries)] = found
    return max(bits, key=bits.__getitem__) if bits else None


def starts_from_classifier(factory: Callable[..., Learner]) -> bool:
    """Return whether a function creates networks that start from the fixed classifier."""
    if isinstance(factory, partial):  # a variant's factory is among the arguments
        return any(map(starts_from_classifier, (factory.func, *factory.args)))
    return factory in FROM_CLASSIFIER


def signed_bits(
    weights: Tensor, probabilities: Tensor, labels: Tensor, frequencies: Tensor
) -> Tensor:
    """Return ``leaked_bits`` without clamping at 0, which would hide small differences; a score."""
    shares = counts(weights, labels, len(frequencies)) / weights.sum(dim=1, keepdim=True)
    entropy = torch.special.entr(shares).sum(dim=1)
    cross_entropy = mean(weights, negative_log_likelihood(probabilities, labels))
    bits: Tensor = (entropy - cross_entropy) / math.log(2)
    return bits


def find_obstacle(attack: Attack, blocks: Sequence[Rows]) -> str | None:
    """Return why the images cannot be divided for the attack, or None."""
    if not all(map(len, blocks)):
        return "there are too few persons"
    if len(blocks[0]) < attack.batch_size:
        return "a quarter of them is less than a batch"
    datamodule = attack.source.datamodule
    labels = datamodule.table.attributes[blocks[0], datamodule.column(attack.attribute)]
    if len(set(labels.tolist())) < len(datamodule.classes(attack.attribute)):
        return f"a quarter of them lacks a value of {attack.attribute}"
    return None


def train_shares(
    attack: Attack,
    winner: Winner,
    blocks: Sequence[Rows],
    names: Sequence[str],
    resume: ResumeCheckpoint | None,
) -> dict[str, Content]:
    """Train the winner on shares of the images, by names in ``SHARES``.

    Args:
        attack: the attack on all images.
        winner: its winner.
        blocks: blocks of the training images.
        names: the shares; a single one if there is a checkpoint.
        resume: checkpoint of the training.

    Returns:
        By name, see ``SmallerTrainings.predictions``; empty if the winner diverged.
    """
    assert resume is None or len(names) == 1, "a checkpoint holds one training"
    order = list(SHARES)
    return {
        name: train_share(attack, winner, blocks, order.index(name) + 1, resume) for name in names
    }


def train_share(
    attack: Attack,
    winner: Winner,
    blocks: Sequence[Rows],
    count: int,
    resume: ResumeCheckpoint | None,
) -> Content:
    """Train the winner on the first ``count`` blocks; see ``train_shares``."""
    source = restrict(attack.source, "train", np.concatenate(blocks[:count]))
    label = f"{winner.adversary} with fewer images"
    trained = replace(attack, source=source, label=label).train([winner.adversary], resume)
    if winner.adversary not in trained:
        return {}
    learners = {winner.adversary: trained[winner.adversary].learner}
    unseen = restrict(attack.source, "test", blocks[count])
    queries = [
        ("valid", source, "valid", winner.queries, attack.seed),
        ("test", source, "test", winner.queries, attack.seed),
        ("unseen", unseen, "test", 1, keyed_seed(attack.seed, Purpose.DATA_SCALING)),
    ]
    predictions = {
        name: predict_queries(learners, images, split, number, seed)[winner.adversary]
        for name, images, split, number, seed in queries
    }
    if find_non_finite(predictions) is not None:
        return {}
    curve = trained[winner.adversary].curve
    assert curve is not None  # only the paper's adversary has none
    return {**predictions, "ending": curve.ending}
