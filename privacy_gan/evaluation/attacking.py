"""Attackers at work: what they say of images that they have not seen, and who is strongest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from privacy_gan.evaluation.bootstrap import Bootstrap
from privacy_gan.evaluation.calibration import calibrate, log_of
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


class Reading(NamedTuple):
    """How an attacker's answers are read for one score.

    Attributes:
        valid: the score on the validation split.
        test: probabilities on the test split, [N, C].
        way: how they were made of the answers, in words.
    """

    valid: float
    test: Tensor
    way: str


@dataclass(frozen=True)
class Answers:
    """What one attacker says after one number of queries.

    Attributes:
        attacker: its name.
        queries: censored versions of each image that it saw.
        readings: of its answers, by score.
    """

    attacker: str
    queries: int
    readings: dict[str, Reading]


def read_all(
    valid: Mapping[str, Tensor],
    test: Mapping[str, Tensor],
    labels: Tensor,
    prior: Tensor,
    queries: Sequence[int],
) -> list[Answers]:
    """Read every attacker's answers at every number of queries.

    Args:
        valid: what ``query`` returned for the validation split.
        test: the same for the test split.
        labels: s of the validation split, [N].
        prior: frequencies of s in training, [C].
        queries: how many answers to combine, the first ones.
    """
    return [
        Answers(name, times, read(valid[name][:times], test[name][:times], labels, prior))
        for name in valid
        for times in queries
    ]


def read(valid: Tensor, test: Tensor, labels: Tensor, prior: Tensor) -> dict[str, Reading]:
    """Read answers for each score in the way that is best in it on validation images.

    Args:
        valid: answers on the validation split, probabilities [K, N, C].
        test: on the test split, [K, M, C].
        labels: of the validation split, [N].
        prior: frequencies in training, [C].
    """
    ways: dict[str, tuple[Tensor, Tensor]] = {}
    at_test = combined(test)
    for name, at_valid in combined(valid).items():
        calibration = calibrate(at_valid, labels)
        ways[name] = at_valid, at_test[name]
        ways[f"{name}, calibrated"] = calibration.apply(at_valid), calibration.apply(at_test[name])
    readings = {}
    for score, of in SCORES.items():
        values = {way: of(on_valid, labels, prior) for way, (on_valid, _) in ways.items()}
        best = max(values, key=values.__getitem__)
        readings[score] = Reading(values[best], ways[best][1], best)
    return readings


def combined(answers: Tensor) -> dict[str, Tensor]:
    """Return what several answers amount to, [N, C], in each way of putting them together.

    The sum of log-odds is right where the censored versions of an image are independent given s;
    the mean is better where one answer may be sure and wrong.

    Args:
        answers: probabilities [K, N, C].
    """
    if len(answers) == 1:
        return {"as answered": answers[0]}
    return {
        "mean": answers.mean(dim=0),
        "sum of log-odds": F.softmax(log_of(answers).sum(dim=0), dim=1),
    }


def strongest(answers: Sequence[Answers], score: str) -> Answers:
    """Return those that are strongest in a score on the validation split, never on test.

    Of equal ones the most informative are taken, then the first: with few queries.
    """
    return max(
        answers, key=lambda each: (each.readings[score].valid, each.readings["leaked_bits"].valid)
    )


def attempts(
    answers: Sequence[Answers], labels: Tensor, prior: Tensor, bootstrap: Bootstrap
) -> list[Attempt]:
    """Score all answers on the test split.

    Args:
        answers: of all attackers.
        labels: s of the test split, [M].
        prior: frequencies of s in training, [C].
        bootstrap: for the intervals.
    """
    made = []
    with progress("scoring", len(answers)) as bar:
        for each in answers:
            scores = {
                score: bootstrap.percentile(
                    lambda p, s, score=score: SCORES[score](p, s, prior), reading.test, labels
                )
                for score, reading in each.readings.items()
            }
            valid = {score: reading.valid for score, reading in each.readings.items()}
            ways = {score: reading.way for score, reading in each.readings.items()}
            made.append(Attempt(each.attacker, each.queries, ways, valid, scores))
            bar.update()
    return made


def describe(answers: Answers) -> dict[str, Any]:
    """Return who it was."""
    return {"attacker": answers.attacker, "queries": answers.queries}
