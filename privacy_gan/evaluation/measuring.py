"""Measuring: an evaluation of what adversaries and fixed classifiers see in censored images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from privacy_gan.data.table_data_module import SPLITS, TableDataModule
from privacy_gan.evaluation import measures
from privacy_gan.evaluation.bootstrap import Bootstrap
from privacy_gan.evaluation.classifiers import FixedClassifier
from privacy_gan.evaluation.floor import prior
from privacy_gan.evaluation.least_distortion import least_distortion
from privacy_gan.evaluation.outputs import outputs_on_test
from privacy_gan.evaluation.predictions import (
    AdversaryPredictions,
    predict_all,
    scores_on_test,
    strongest,
    who,
)
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
    originals: Answers | None,
    *,
    utilities: Sequence[str],
    adversaries: Sequence[str],
    queries: Sequence[int],
    inception: nn.Module | None,
    bootstrap: Bootstrap,
    seed: int,
    epsilon: float | None,
    epsilon_batch_size: int,
) -> Evaluation:
    """Measure censored images by what adversaries and fixed classifiers see in them.

    Args:
        source: of the censored images.
        attribute: the sensitive one.
        fixed: the fixed classifiers, of the sensitive and of all utility attributes; none where
            there are no original images.
        answers: of the adversaries and of the retrained classifier, empty of who was left out.
        originals: of the same ones after learning from original images, or None.
        utilities: the utility attributes.
        adversaries: their names; who else answered is the retrained classifier.
        queries: numbers of censored versions that adversaries are shown.
        inception: InceptionV3, for its FID; None leaves that out.
        bootstrap: for the intervals.
        seed: of all noise.
        epsilon: the distortion budget, or None.
        epsilon_batch_size: images whose mean distortion the budget was meant for.
    """
    datamodule = source.datamodule
    seen = told(answers, datamodule, utilities)
    seen_in_originals = told(originals or {}, datamodule, utilities) or None
    left_out = {
        images: [name for name, answered in by_name.items() if not answered]
        for images, by_name in (("censored", answers), ("original", originals or {}))
    }
    answers = {name: answers[name] for name in adversaries if answers[name]}
    measured = [attribute, *utilities]
    labels = {split: labels_of(datamodule, split, measured) for split in SPLITS}
    sensitive = {split: by_name[attribute] for split, by_name in labels.items()}
    classes = datamodule.classes(attribute)
    frequencies = prior(sensitive["train"], len(classes))

    predictions = predict_all(answers, sensitive["valid"], frequencies, queries)
    best = {score: strongest(predictions, score) for score in SCORES}
    best_originals = None
    if originals is not None:
        originals = references_for(answers, {name: originals[name] for name in adversaries})
        of_originals = predict_all(originals, sensitive["valid"], frequencies, [1])
        best_originals = {score: strongest(of_originals, score) for score in SCORES}
    outputs, shown, shown_in_originals = None, {}, None
    if source.has_originals:
        outputs = outputs_on_test(source, fixed, inception, len(classes), seed)
        shown = outputs.censored.all_predicted(utilities)
        shown_in_originals = outputs.original.all_predicted(utilities)
    found = {
        **measures.privacy(
            by_score(best),
            None if best_originals is None else by_score(best_originals),
            measures.floor_of(attribute, labels["train"], labels["test"], len(classes)),
            frequencies,
            sensitive["test"],
            bootstrap,
        ),
        **measures.as_in_the_paper(answers, originals, sensitive["test"], bootstrap),
        **measures.utility(shown, shown_in_originals, labels["train"], labels["test"], bootstrap),
        **measures.utility(
            seen,
            seen_in_originals,
            labels["train"],
            labels["test"],
            bootstrap,
            kind="retrained_utility",
        ),
    }
    if outputs is not None:
        found |= measures.replacement(outputs, attribute, utilities, len(classes), bootstrap)
        found |= measures.change(outputs, epsilon, epsilon_batch_size, bootstrap)
    validation = {}
    if best_originals is not None:
        gain = normalized_gain(
            best["accuracy"], best_originals["accuracy"], frequencies, sensitive["valid"]
        )
        left = normalized_utility(source, fixed, utilities, labels["train"], seed)
        validation = trade_off(gain, left)
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
        least_distortion=least_distortion(datamodule, attribute) if source.has_originals else {},
        outcomes=measures.outcomes(
            best["accuracy"].by_score["accuracy"].test.argmax(dim=1) == sensitive["test"],
            shown,
            labels["test"],
        ),
        warnings=(
            *who_is_missing(left_out, attribute),
            *measures.warnings(found, attribute, accuracies),
        ),
        left_out={images: names for images, names in left_out.items() if names},
    )


def references_for(answers: Answers, originals: Answers) -> Answers:
    """Return answers on original images, of the adversaries that answered on censored ones, too.

    A reference that is stronger than all who attacked would make little of what leaks. Only where
    there is no such adversary, those of all are returned.
    """
    answered = {name: of for name, of in originals.items() if of}
    return {name: of for name, of in answered.items() if name in answers} or answered


def who_is_missing(left_out: Mapping[str, Sequence[str]], attribute: str) -> list[str]:
    """Return who learned nothing, in words."""
    return [
        f"{name} diverged on {images} images, the second time at half its learning rate, and was "
        f"left out: what it would have told of {attribute} or other attributes is not known"
        for images, names in left_out.items()
        for name in names
    ]


def by_score(best: Mapping[str, AdversaryPredictions]) -> dict[str, Tensor]:
    """Return what the strongest in each score predicts of test images, [N, C] each."""
    return {score: of.by_score[score].test for score, of in best.items()}


def told(
    answers: Answers, datamodule: TableDataModule, utilities: Sequence[str]
) -> dict[str, Tensor]:
    """Return what the retrained classifier, if there is one, tells of test images, [N] each."""
    if not answers.get(RETRAINED):
        return {}
    sizes = [len(datamodule.classes(name)) for name in utilities]
    classes = predicted_classes(answers[RETRAINED]["test"][0], sizes)
    return dict(zip(utilities, classes, strict=True))


def labels_of(
    datamodule: TableDataModule, split: str, attributes: Sequence[str]
) -> dict[str, Tensor]:
    """Return a split's labels by attribute, [N] each."""
    labels = datamodule.labels(split)
    return {name: labels[:, datamodule.column(name)] for name in attributes}
