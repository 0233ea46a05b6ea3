"""Attackers at work: what they say of images that they have not seen, and who is strongest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from privacy_gan.evaluation.bootstrap import Bootstrap
from privacy_gan.evaluation.calibration import Calibration, calibrate
from privacy_gan.evaluation.censoring import Censor
from privacy_gan.evaluation.learning import Learner
from privacy_gan.evaluation.progress import progress
from privacy_gan.evaluation.record import Attempt
from privacy_gan.evaluation.scores import SCORES


def query(
    attackers: Mapping[str, Learner], censor: Censor, split: str, times: int
) -> dict[str, Tensor]:
    """Let all attackers see a split again and again, censored anew each time.

    Returns:
        Probabilities by attacker, float64 [times, N, C].
    """
    answers: dict[str, list[Tensor]] = {name: [] for name in attackers}
    with progress(f"querying ({split})", times * censor.batches_in(split)) as bar:
        for number in range(times):
            for batch in censor.query(split, number):
                for name, attacker in attackers.items():
                    with torch.no_grad(), censor.arithmetic.autocast():
                        answer = attacker.log_probabilities(batch.images)
                    answers[name].append(answer.double().exp().cpu())
                bar.update()
    count = len(censor.datamodule.rows(split))
    return {name: torch.cat(seen).view(times, count, -1) for name, seen in answers.items()}


def attempts(
    valid: Mapping[str, Tensor],
    test: Mapping[str, Tensor],
    labels: Mapping[str, Tensor],
    prior: Tensor,
    queries: Sequence[int],
    bootstrap: Bootstrap,
) -> list[Attempt]:
    """Score every attacker at every number of queries.

    Args:
        valid: what ``query`` returned for the validation split.
        test: the same for the test split.
        labels: s of both splits, [N] each.
        prior: frequencies of s in training, [C].
        queries: how many answers to average over, the first ones.
        bootstrap: for the intervals on the test split.
    """
    made = []
    with progress("scoring", len(valid) * len(queries)) as bar:
        for name in valid:
            for times in queries:
                at_valid, at_test = (seen[name][:times].mean(dim=0) for seen in (valid, test))
                calibration, readings = read(at_valid, at_test, labels["valid"], prior)
                scores = {
                    score: bootstrap.percentile(
                        lambda p, s, score=score: SCORES[score](p, s, prior),
                        reading.test,
                        labels["test"],
                    )
                    for score, reading in readings.items()
                }
                on_valid = {score: reading.valid for score, reading in readings.items()}
                made.append(Attempt(name, times, calibration, on_valid, scores))
                bar.update()
    return made


class Reading(NamedTuple):
    """How predictions are read for one score.

    Attributes:
        valid: the score on the validation split.
        test: probabilities on the test split, [N, C].
    """

    valid: float
    test: Tensor


def read(
    valid: Tensor, test: Tensor, labels: Tensor, prior: Tensor
) -> tuple[Calibration, dict[str, Reading]]:
    """Read predictions for each score as they are or calibrated, as is better on validation images.

    Args:
        valid: probabilities on the validation split, [N, C].
        test: on the test split, [M, C].
        labels: of the validation split, [N].
        prior: frequencies in training, [C].
    """
    calibration = calibrate(valid, labels)
    ways = [(valid, test), (calibration.apply(valid), calibration.apply(test))]
    readings = {}
    for score, of in SCORES.items():
        values = [of(predicted, labels, prior) for predicted, _ in ways]
        best = max(range(len(ways)), key=values.__getitem__)
        readings[score] = Reading(values[best], ways[best][1])
    return calibration, readings


def strongest(made: Sequence[Attempt], score: str) -> Attempt:
    """Return the attempt that is strongest in a score on the validation split, never on test.

    Of equal ones the most informative is taken, then the first: with few queries.
    """
    return max(made, key=lambda attempt: (attempt.valid[score], attempt.valid["leaked_bits"]))


def describe(attempt: Attempt) -> dict[str, Any]:
    """Return who it was."""
    return {"attacker": attempt.attacker, "queries": attempt.queries}
