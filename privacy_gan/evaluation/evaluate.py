"""Compute all metrics from the predictions for the test images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from privacy_gan.attributes import IGNORED
from privacy_gan.data.table_data_module import SPLITS, TableDataModule
from privacy_gan.evaluation.attack import PAPER, Attack
from privacy_gan.evaluation.examples import choose_examples
from privacy_gan.evaluation.least_distortion import least_distortion
from privacy_gan.evaluation.metrics import METRICS, build_scores, result_key
from privacy_gan.evaluation.metrics.bootstrap import Bootstrap, compute_on_all
from privacy_gan.evaluation.metrics.privacy import ACCURACY_SCORE
from privacy_gan.evaluation.metrics.samples import information
from privacy_gan.evaluation.metrics.utility import fixed_classifier_predictions
from privacy_gan.evaluation.observations import Observations, class_frequencies
from privacy_gan.evaluation.outputs import compute_test_outputs
from privacy_gan.evaluation.persons import (
    count_persons,
    few_persons_warnings,
    pack_test_persons,
    resampled_persons,
)
from privacy_gan.evaluation.predictions import AdversaryPredictions, QueryProbabilities, predict_all
from privacy_gan.evaluation.retrained import predicted_classes
from privacy_gan.evaluation.slices import measure_slices
from privacy_gan.evaluation.stack import with_stack
from privacy_gan.evaluation.validation import normalized_gain, normalized_utility, trade_off
from privacy_gan.evaluation.warnings import (
    exclusion_warnings,
    fixed_classifier_warnings,
    query_warnings,
    unknown_label_warnings,
    weak_classifier_warnings,
)
from privacy_gan.progress import progress_bar
from privacy_gan.runs.correct import pack_correct
from privacy_gan.runs.evaluation import RETRAINED, AdversaryScores, Evaluation, Measure, Strongest
from privacy_gan.runs.slices import Slices


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
    """Collect everything that metrics are computed from.

    Args:
        attack: the attack on the censored images.
        censored: what its networks predict.
        originals: what the same networks predict for original images after training on original
            images, or None.
        bootstrap: computes the intervals; resamples the test images' persons if they are known.
        inception: InceptionV3 for the Inception FID, or None to disable it.
        epsilon: the distortion budget, or None.
        epsilon_batch_size: number of images over which the budget bounds the mean distortion.
        discriminator_loss: cross-entropy of the filter's discriminator on validation images, in
            nats, or None.
    """
    source, attribute = attack.source, attack.attribute
    classes = source.datamodule.classes(attribute)
    measured = [attribute, *attack.utilities]
    labels = {split: labels_by_attribute(source.datamodule, split, measured) for split in SPLITS}
    valid = labels["valid"][attribute]
    frequencies = class_frequencies(labels["train"][attribute], len(classes))
    scores = build_scores(classes)

    def predictions(
        probabilities: QueryProbabilities, queries: Sequence[int]
    ) -> list[AdversaryPredictions]:
        return predict_all(probabilities, valid, frequencies, queries, scores)

    def stacked(probabilities: QueryProbabilities) -> QueryProbabilities:
        return with_stack(probabilities, valid, source.datamodule.persons("valid"), attack.seed)

    adversaries = select_adversaries(censored)
    probabilities = stacked(adversaries)
    references = None
    if originals is not None:
        references = stacked(matching_references(adversaries, select_adversaries(originals)))
    outputs = None
    if source.has_originals:
        outputs = compute_test_outputs(source, attack.fixed, inception, len(classes), attack.seed)
    known = None if discriminator_loss is None else known_bits(discriminator_loss, valid)
    return Observations(
        attribute=attribute,
        classes=classes,
        utilities=tuple(attack.utilities),
        train_labels=labels["train"],
        test_labels=labels["test"],
        bootstrap=bootstrap.over(resampled_persons(source.datamodule)),
        scores=scores,
        probabilities=probabilities,
        predictions=predictions(probabilities, attack.queries),
        paper_probabilities={
            images: found[PAPER]["test"][0]
            for images, found in (("censored", censored), ("original", originals or {}))
            if found.get(PAPER)
        },
        original_probabilities=references,
        original_predictions=None if references is None else predictions(references, [1]),
        outputs=outputs,
        retrained=retrained_classes(attack, censored),
        retrained_on_originals=retrained_classes(attack, originals or {}) or None,
        epsilon=epsilon,
        epsilon_batch_size=epsilon_batch_size,
        discriminator_bits=known,
    )


def select_adversaries(probabilities: QueryProbabilities) -> QueryProbabilities:
    """Return the probabilities of the adversaries that did not diverge."""
    return {
        name: by_split
        for name, by_split in probabilities.items()
        if by_split and name not in (RETRAINED, PAPER)
    }


def matching_references(
    probabilities: QueryProbabilities, originals: QueryProbabilities
) -> QueryProbabilities:
    """Return the references of those adversaries that also attacked the censored images.

    The reference of a stronger adversary than these would make the leakage look small. If no
    adversary is in both, all references are returned.
    """
    matching = {name: originals[name] for name in originals if name in probabilities}
    return matching or originals


def retrained_classes(attack: Attack, probabilities: QueryProbabilities) -> dict[str, Tensor]:
    """Return the test classes that the retrained classifier predicts, [N] by attribute."""
    if not probabilities.get(RETRAINED):
        return {}
    sizes = [len(attack.source.datamodule.classes(name)) for name in attack.utilities]
    classes = predicted_classes(probabilities[RETRAINED]["test"][0], sizes)
    return dict(zip(attack.utilities, classes, strict=True))


def known_bits(cross_entropy: float, labels: Tensor) -> float:
    """Return the entropy of labels minus a cross-entropy in nats, in bits, at least 0."""
    nats = torch.tensor([cross_entropy], dtype=torch.float64)
    return compute_on_all(lambda weights, column: information(weights, nats, column), labels)


def evaluate(
    attack: Attack, observations: Observations, excluded: Mapping[str, Sequence[str]]
) -> Evaluation:
    """Compute the evaluation of censored images.

    Args:
        attack: the attack on the censored images.
        observations: what ``collect_observations`` returned.
        excluded: names of the networks that diverged on "censored" and on "original" images.
    """
    source, attribute = attack.source, attack.attribute
    measures = compute_measures(observations)
    accuracies = {name: classifier.test_accuracy for name, classifier in attack.fixed.items()}
    strongest = {score: observations.strongest(score) for score in observations.scores}
    return Evaluation(
        attribute=attribute,
        classes=observations.classes,
        images={split: len(source.datamodule.rows(split)) for split in SPLITS},
        measures=measures,
        strongest={
            score: Strongest(winner.adversary, winner.queries)
            for score, winner in strongest.items()
        },
        adversaries=score_adversaries(observations),
        classifiers=accuracies,
        validation=validation_trade_off(attack, observations),
        least_distortion=(
            least_distortion(source.datamodule, attribute) if source.has_originals else {}
        ),
        correct=packed_correctness(observations),
        warnings=(
            *exclusion_warnings(excluded, attribute),
            *few_persons_warnings(source.datamodule),
            *weak_classifier_warnings(measures, attribute, accuracies),
            *unknown_label_warnings(observations),
            *fixed_classifier_warnings(observations),
            *query_warnings(observations),
        ),
        left_out={images: list(names) for images, names in excluded.items() if names},
        persons=count_persons(source.datamodule),
        person_ids=pack_test_persons(source.datamodule),
        independent_images=source.datamodule.independent_images,
        slices=slices_of(attack, observations),
        examples=choose_examples(observations),
        data_scaling=observations.data_scaling,
    )


def slices_of(attack: Attack, observations: Observations) -> Slices:
    """Return what the strongest adversary finds within each value of each utility attribute."""
    datamodule = attack.source.datamodule
    names = [attack.attribute, *attack.utilities]
    classes = {name: tuple(datamodule.classes(name)) for name in attack.utilities}
    return measure_slices(observations, labels_by_attribute(datamodule, "valid", names), classes)


def validation_trade_off(attack: Attack, observations: Observations) -> dict[str, float | None]:
    """Return the trade-off on the validation split; empty without original images."""
    reference = observations.strongest_on_originals(ACCURACY_SCORE)
    if reference is None:
        return {}
    labels = labels_by_attribute(attack.source.datamodule, "valid", [attack.attribute])[
        attack.attribute
    ]
    strongest = observations.strongest(ACCURACY_SCORE)
    gain = normalized_gain(strongest, reference, observations.frequencies, labels)
    settings = (attack.utilities, observations.train_labels, attack.seed)
    return trade_off(gain, normalized_utility(attack.source, attack.fixed, *settings))


def labels_by_attribute(
    datamodule: TableDataModule, split: str, attributes: Sequence[str]
) -> dict[str, Tensor]:
    """Return a split's labels by attribute, [N] each."""
    labels = datamodule.labels(split)
    return {name: labels[:, datamodule.column(name)] for name in attributes}


def compute_measures(observations: Observations) -> dict[str, Measure]:
    """Return the values of all metrics that apply, by their keys in result.json."""
    items = {"utility attribute": observations.utilities, "class": observations.classes}
    measures: dict[str, Measure | None] = {}
    for metric in METRICS.values():
        if metric.per:
            measures |= {
                result_key(metric.name, item): metric.function(observations, item)
                for item in items[metric.per]
            }
        else:
            measures[metric.name] = metric.function(observations)
    return {name: measure for name, measure in measures.items() if measure is not None}


def score_adversaries(observations: Observations) -> tuple[AdversaryScores, ...]:
    """Return the scores of all adversaries, at every number of queries, on both splits."""
    scores = []
    with progress_bar("scoring", len(observations.predictions)) as advance:
        for each in observations.predictions:
            by_score = each.by_score
            methods = {score: prediction.method for score, prediction in by_score.items()}
            valid: dict[str, float | None] = {
                score: prediction.valid for score, prediction in by_score.items()
            }
            test = {score: observations.score_of(score, each) for score in by_score}
            scores.append(AdversaryScores(each.adversary, each.queries, methods, valid, test))
            advance(1)
    return tuple(scores)


def packed_correctness(observations: Observations) -> dict[str, str]:
    """Return which test images were classified correctly, by metric, see ``pack``.

    Two evaluations of the same images can then be compared image by image.
    """
    utilities, _ = fixed_classifier_predictions(observations)
    strongest = observations.strongest(ACCURACY_SCORE).by_score[ACCURACY_SCORE].test
    correct = {"privacy_loss": strongest.argmax(dim=1) == observations.labels}
    for name, predicted in utilities.items():
        labels = observations.test_labels[name]
        if bool((labels != IGNORED).all()):  # images without a label are neither
            correct[f"utility/{name}"] = predicted == labels
    return {key: pack_correct(images) for key, images in correct.items()}
