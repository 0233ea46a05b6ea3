"""Measuring: an evaluation of what adversaries and fixed classifiers see in censored images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from privacy_gan.data.table_data_module import SPLITS, TableDataModule
from privacy_gan.evaluation import measures
from privacy_gan.evaluation.bootstrap import Bootstrap
from privacy_gan.evaluation.classifiers import FixedClassifier
from privacy_gan.evaluation.floor import prior
from privacy_gan.evaluation.least_distortion import least_distortion
from privacy_gan.evaluation.outputs import outputs_on_test
from privacy_gan.evaluation.predictions import predict_all, scores_on_test, strongest, who
from privacy_gan.evaluation.references import Answers
from privacy_gan.evaluation.retrained import RETRAINED, predicted_classes
from privacy_gan.evaluation.scores import SCORES
from privacy_gan.evaluation.source import CensoredSource
from privacy_gan.evaluation.validation import normalized_gain, normalized_utility, trade_off
from privacy_gan.runs.result import Evaluation


def measure(
    source: CensoredSource,
    attribute: str,
    fixed: Mapping[str, FixedClassifier],
    answers: Answers,
    originals: Answers,
    *,
    adversaries: Sequence[str],
    queries: Sequence[int],
    inception: nn.Module | None,
    bootstrap: Bootstrap,
    seed: int,
    epsilon: float,
    epsilon_batch_size: int,
) -> Evaluation:
    """Measure censored images by what adversaries and fixed classifiers see in them.

    Args:
        source: of the censored images.
        attribute: the sensitive one.
        fixed: the fixed classifiers, of the sensitive and of all utility attributes.
        answers: of the adversaries and of the retrained classifier.
        originals: of the same ones after learning from original images.
        adversaries: their names; who else answered is the retrained classifier.
        queries: numbers of censored versions that adversaries are shown.
        inception: InceptionV3, for its FID; None leaves that out.
        bootstrap: for the intervals.
        seed: of all noise.
        epsilon: the distortion budget.
        epsilon_batch_size: images whose mean distortion the budget was meant for.
    """
    datamodule = source.datamodule
    utilities = [name for name in fixed if name != attribute]
    seen, seen_in_originals = (told(of, datamodule, utilities) for of in (answers, originals))
    answers, originals = ({name: of[name] for name in adversaries} for of in (answers, originals))
    labels = {split: labels_of(datamodule, split, fixed) for split in SPLITS}
    sensitive = {split: by_name[attribute] for split, by_name in labels.items()}
    classes = datamodule.classes(attribute)
    frequencies = prior(sensitive["train"], len(classes))

    predictions, of_originals = (
        predict_all(of, sensitive["valid"], frequencies, times)
        for of, times in [(answers, queries), (originals, [1])]
    )
    best, best_originals = (
        {score: strongest(of, score) for score in SCORES} for of in (predictions, of_originals)
    )
    outputs = outputs_on_test(source, fixed, inception, len(classes), seed)
    floor = measures.floor_of(attribute, labels["train"], labels["test"], len(classes))
    found = {
        **measures.privacy(
            {score: of.by_score[score].test for score, of in best.items()},
            {score: of.by_score[score].test for score, of in best_originals.items()},
            floor,
            frequencies,
            sensitive["test"],
            bootstrap,
        ),
        **measures.as_in_the_paper(answers, originals, sensitive["test"], bootstrap),
        **measures.utility(
            outputs.censored.all_predicted(utilities),
            outputs.original.all_predicted(utilities),
            labels["train"],
            labels["test"],
            bootstrap,
        ),
        **measures.utility(
            seen,
            seen_in_originals,
            labels["train"],
            labels["test"],
            bootstrap,
            kind="retrained_utility",
        ),
        **measures.replacement(outputs, attribute, utilities, len(classes), bootstrap),
        **measures.change(outputs, epsilon, epsilon_batch_size, bootstrap),
    }
    validation = trade_off(
        normalized_gain(
            best["accuracy"], best_originals["accuracy"], frequencies, sensitive["valid"]
        ),
        normalized_utility(source, fixed, utilities, labels["train"], seed),
    )
    accuracies = {name: classifier.test_accuracy for name, classifier in fixed.items()}
    return Evaluation(
        attribute=attribute,
        classes=classes,
        images={split: len(values) for split, values in sensitive.items()},
        measures=found,
        strongest={score: who(of) for score, of in best.items()},
        adversaries=scores_on_test(predictions, sensitive["test"], frequencies, bootstrap),
        classifiers=accuracies,
        validation=validation,
        least_distortion=least_distortion(datamodule, attribute),
        outcomes=measures.outcomes(
            best["accuracy"].by_score["accuracy"].test.argmax(dim=1) == sensitive["test"],
            outputs.censored.all_predicted(utilities),
            labels["test"],
        ),
        warnings=measures.warnings(found, attribute, accuracies),
    )


def told(
    answers: Answers, datamodule: TableDataModule, utilities: Sequence[str]
) -> dict[str, Tensor]:
    """Return what the retrained classifier, if there is one, tells of test images, [N] each."""
    if RETRAINED not in answers:
        return {}
    sizes = [len(datamodule.classes(name)) for name in utilities]
    classes = predicted_classes(answers[RETRAINED]["test"][0], sizes)
    return dict(zip(utilities, classes, strict=True))


def labels_of(
    datamodule: TableDataModule, split: str, attributes: Mapping[str, Any]
) -> dict[str, Tensor]:
    """Return a split's labels by attribute, [N] each."""
    labels = datamodule.labels(split)
    return {name: labels[:, datamodule.column(name)] for name in attributes}
