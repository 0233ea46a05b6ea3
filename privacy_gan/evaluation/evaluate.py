"""What was seen of the test images, in metrics, and what to know before believing them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from privacy_gan.data.table_data_module import SPLITS, TableDataModule
from privacy_gan.evaluation.attack import Attack
from privacy_gan.evaluation.least_distortion import least_distortion
from privacy_gan.evaluation.metrics import METRICS, build_scores, result_key
from privacy_gan.evaluation.metrics.bootstrap import Bootstrap, compute_on_all
from privacy_gan.evaluation.metrics.privacy import ACCURACY_SCORE
from privacy_gan.evaluation.metrics.samples import information
from privacy_gan.evaluation.metrics.utility import fixed_classifier_predictions
from privacy_gan.evaluation.observations import Observations, prior
from privacy_gan.evaluation.outputs import outputs_on_test
from privacy_gan.evaluation.predictions import AdversaryPredictions, QueryProbabilities, predict_all
from privacy_gan.evaluation.retrained import RETRAINED, predicted_classes
from privacy_gan.evaluation.validation import normalized_gain, normalized_utility, trade_off
from privacy_gan.progress import progress
from privacy_gan.runs.result import AdversaryScores, Evaluation, Measure, Strongest, pack


def collect_observations(
    attack: Attack,
    censored: QueryProbabilities,
    originals: QueryProbabilities | None,
    *,
    bootstrap: Bootstrap,
    inception: nn.Module | None,
    epsilon: float | None,
    epsilon_batch_size: int,
    discriminator_loss: float | None,
) -> Observations:
    """Return all that metrics are functions of.

    Args:
        attack: on the censored images.
        censored: what its networks answer.
        originals: what the same ones answer after learning from original images, of such; or None.
        bootstrap: for the intervals.
        inception: InceptionV3, for its FID; None leaves that out.
        epsilon: the distortion budget, or None.
        epsilon_batch_size: images whose mean distortion the budget was meant for.
        discriminator_loss: of the filter's discriminator on validation images, nats, or None.
    """
    source, attribute = attack.source, attack.attribute
    classes = source.datamodule.classes(attribute)
    measured = [attribute, *attack.utilities]
    labels = {split: split_labels(source.datamodule, split, measured) for split in SPLITS}
    valid, frequencies = labels["valid"][attribute], prior(labels["train"][attribute], len(classes))
    scores = build_scores(classes)

    def predictions(
        answers: QueryProbabilities, queries: Sequence[int]
    ) -> list[AdversaryPredictions]:
        return predict_all(answers, valid, frequencies, queries, scores)

    answers = only_adversaries(censored)
    references = None
    if originals is not None:
        references = matching_references(answers, only_adversaries(originals))
    outputs = None
    if source.has_originals:
        outputs = outputs_on_test(source, attack.fixed, inception, len(classes), attack.seed)
    known = None if discriminator_loss is None else known_bits(discriminator_loss, valid)
    return Observations(
        attribute=attribute,
        classes=classes,
        utilities=tuple(attack.utilities),
        train_labels=labels["train"],
        test_labels=labels["test"],
        bootstrap=bootstrap,
        scores=scores,
        answers=answers,
        predictions=predictions(answers, attack.queries),
        original_probabilities=references,
        original_predictions=None if references is None else predictions(references, [1]),
        outputs=outputs,
        retrained=retrained_classes(attack, censored),
        retrained_on_originals=retrained_classes(attack, originals or {}) or None,
        epsilon=epsilon,
        epsilon_batch_size=epsilon_batch_size,
        discriminator_bits=known,
    )


def only_adversaries(answers: QueryProbabilities) -> QueryProbabilities:
    """Return the answers of those adversaries that did not diverge."""
    return {name: of for name, of in answers.items() if of and name != RETRAINED}


def matching_references(
    answers: QueryProbabilities, originals: QueryProbabilities
) -> QueryProbabilities:
    """Return answers on original images, of the adversaries that answered on censored ones, too.

    A reference that is stronger than all who attacked would make little of what leaks. Only where
    there is no such adversary, those of all are returned.
    """
    return {name: of for name, of in originals.items() if name in answers} or originals


def retrained_classes(attack: Attack, answers: QueryProbabilities) -> dict[str, Tensor]:
    """Return what the retrained classifier, if there is one, tells of test images, [N] each."""
    if not answers.get(RETRAINED):
        return {}
    sizes = [len(attack.source.datamodule.classes(name)) for name in attack.utilities]
    classes = predicted_classes(answers[RETRAINED]["test"][0], sizes)
    return dict(zip(attack.utilities, classes, strict=True))


def known_bits(cross_entropy: float, labels: Tensor) -> float:
    """Return what a cross-entropy in nats says is known of labels, in bits, not below 0."""
    nats = torch.tensor([cross_entropy], dtype=torch.float64)
    return compute_on_all(lambda weights, of: information(weights, nats, of), labels)


def evaluate(
    attack: Attack, seen: Observations, left_out: Mapping[str, Sequence[str]]
) -> Evaluation:
    """Return all that is found.

    Args:
        attack: on the censored images.
        seen: what ``observe`` returned.
        left_out: who diverged on "censored" and on "original" images.
    """
    source, attribute = attack.source, attack.attribute
    measures = compute_measures(seen)
    accuracies = {name: classifier.test_accuracy for name, classifier in attack.fixed.items()}
    winners = {score: seen.strongest(score) for score in seen.scores}
    return Evaluation(
        attribute=attribute,
        classes=seen.classes,
        images={split: len(source.datamodule.rows(split)) for split in SPLITS},
        measures=measures,
        strongest={score: Strongest(of.adversary, of.queries) for score, of in winners.items()},
        adversaries=score_adversaries(seen),
        classifiers=accuracies,
        validation=validation(attack, seen),
        least_distortion=(
            least_distortion(source.datamodule, attribute) if source.has_originals else {}
        ),
        correct=correctness(seen),
        warnings=(
            *exclusion_warnings(left_out, attribute),
            *weak_classifier_warnings(measures, attribute, accuracies),
        ),
        left_out={images: list(names) for images, names in left_out.items() if names},
    )


def validation(attack: Attack, seen: Observations) -> dict[str, float | None]:
    """Return the trade-off on the validation split; nothing without original images."""
    reference = seen.strongest_on_originals(ACCURACY_SCORE)
    if reference is None:
        return {}
    labels = split_labels(attack.source.datamodule, "valid", [attack.attribute])[attack.attribute]
    gain = normalized_gain(seen.strongest(ACCURACY_SCORE), reference, seen.frequencies, labels)
    how = (attack.utilities, seen.train_labels, attack.seed)
    return trade_off(gain, normalized_utility(attack.source, attack.fixed, *how))


def split_labels(
    datamodule: TableDataModule, split: str, attributes: Sequence[str]
) -> dict[str, Tensor]:
    """Return a split's labels by attribute, [N] each."""
    labels = datamodule.labels(split)
    return {name: labels[:, datamodule.column(name)] for name in attributes}


def compute_measures(seen: Observations) -> dict[str, Measure]:
    """Return all metrics that apply, by their names in result.json."""
    objects = {"utility attribute": seen.utilities, "class": seen.classes}
    found: dict[str, Measure | None] = {}
    for metric in METRICS.values():
        if metric.per:
            found |= {
                result_key(metric.name, name): metric.function(seen, name)
                for name in objects[metric.per]
            }
        else:
            found[metric.name] = metric.function(seen)
    return {name: measure for name, measure in found.items() if measure is not None}


def score_adversaries(seen: Observations) -> tuple[AdversaryScores, ...]:
    """Return the scores of all adversaries, at every number of queries, on both splits."""
    found = []
    with progress("scoring", len(seen.predictions)) as advance:
        for each in seen.predictions:
            by_score = each.by_score
            methods = {score: prediction.method for score, prediction in by_score.items()}
            valid: dict[str, float | None] = {score: of.valid for score, of in by_score.items()}
            test = {score: seen.score_of(score, each) for score in by_score}
            found.append(AdversaryScores(each.adversary, each.queries, methods, valid, test))
            advance(1)
    return tuple(found)


def correctness(seen: Observations) -> dict[str, str]:
    """Return which test images were told right, by measure, for comparisons image by image."""
    predicted, _ = fixed_classifier_predictions(seen)
    best = seen.strongest(ACCURACY_SCORE).by_score[ACCURACY_SCORE].test.argmax(dim=1)
    right = {
        f"utility/{name}": classes == seen.test_labels[name] for name, classes in predicted.items()
    }
    return {key: pack(of) for key, of in {"privacy_loss": best == seen.labels, **right}.items()}


def exclusion_warnings(left_out: Mapping[str, Sequence[str]], attribute: str) -> list[str]:
    """Return who learned nothing, in words."""
    return [
        f"{name} diverged on {images} images, the second time at half its learning rate, and was "
        f"left out: what it would have told of {attribute} or other attributes is not known"
        for images, names in left_out.items()
        for name in names
    ]


def weak_classifier_warnings(
    measures: Mapping[str, Measure], attribute: str, accuracies: Mapping[str, float]
) -> list[str]:
    """Return which fixed classifiers see less than labels tell, in words.

    Args:
        measures: all that were taken.
        attribute: the sensitive one.
        accuracies: of the fixed classifiers, on original test images.
    """
    named = {
        name: "privacy_loss" if name == attribute else f"utility/{name}" for name in accuracies
    }
    worse = [
        f"{name} ({accuracies[name]:.1%}, from labels {floor.value:.1%})"
        for name, measure in named.items()
        if (floor := measures[measure].correlation_baseline) is not None
        and accuracies[name] < floor.value
    ]
    if not worse:
        return []
    return [
        "these fixed classifiers see less in original images than the other attributes' labels "
        f"tell, so utility and success rate say little: {', '.join(worse)}; train them longer, "
        "classifiers.epochs=N"
    ]
