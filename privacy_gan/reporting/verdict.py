"""What an evaluation shows, derived from its 95% intervals: one sentence, or a verdict in lines."""

from __future__ import annotations

from privacy_gan.evaluation.metrics import METRICS
from privacy_gan.reporting.budget import (
    budget_of,
    budget_warnings,
    describe_distortion,
    describe_excess,
    format_distortion,
    format_excess,
    validation_distortions,
)
from privacy_gan.reporting.certificate import certificate_lines, certificate_sentence
from privacy_gan.reporting.leakage import (
    ACCURACY,
    Leak,
    leading_leak,
    leaks_by_measure,
    missing_measures,
)
from privacy_gan.reporting.lower_bounds import training_lines
from privacy_gan.runs.estimate import Estimate
from privacy_gan.runs.evaluation import Evaluation
from privacy_gan.runs.result import Result


def summary_sentences(result: Result, mechanism: str) -> list[str]:
    """Return a sentence for each attribute that a run hides.

    Args:
        result: of the run.
        mechanism: its name.
    """
    budget = budget_of(result.fingerprint)
    if not result.evaluations:
        return [unjudged_sentence(result, mechanism, budget)]
    return [summary_sentence(each, mechanism, budget) for each in result.evaluations.values()]


def summary_sentence(evaluation: Evaluation, mechanism: str, budget: float | None) -> str:
    """Return the largest leak, distortion and utility score in a sentence, after the certificate.

    Args:
        evaluation: of one attribute.
        mechanism: its name; "" for images that were censored elsewhere.
        budget: the distortion budget; None if there is none.
    """
    after = f" after {mechanism}" if mechanism else ""
    parts = [
        leak_clause(evaluation, after),
        describe_distortion(evaluation, budget),
        utility_clause(evaluation),
    ]
    return f"{certificate_sentence(evaluation)}{'; '.join(filter(None, parts))}."


def leak_clause(evaluation: Evaluation, after: str) -> str:
    """Return whether the attribute leaks, with the leading metric and accuracy."""
    leak, name = leading_leak(evaluation), evaluation.attribute
    if leak.is_found:
        clause = f"{name} still leaks{after}: an adversary predicts it with {format_score(leak)}"
        if leak.measure == ACCURACY:
            return clause
        accuracy = leaks_by_measure(evaluation)[ACCURACY]
        guess = accuracy.metric.format_value(accuracy.guess)
        return f"{clause}; {titled('accuracy', accuracy)} (guessing {guess})"
    if not is_learned_from_originals(evaluation):
        return (
            f"Whether {name} leaks{after} is unknown: the adversaries cannot predict it from the "
            f"original images either; they reach {format_score(leak)}"
        )
    if leak.prefix:
        return (
            f"No leak of {name} was found{after} so far: {unfinished_clause(evaluation)}; they "
            f"reach {format_score(leak)}"
        )
    return (
        f"No leak of {name} was found{after}: adversaries reach no more than {format_score(leak)}"
    )


def unfinished_clause(evaluation: Evaluation) -> str:
    """Return that the adversaries were not done, or that this is unknown."""
    if not any(evaluation.curves.values()):
        return "whether the adversaries were done learning is unknown"
    if evaluation.adversaries_done():
        return "the strongest adversary was dropped before it was done learning"
    return "the adversaries were not done learning"


def format_score(leak: Leak) -> str:
    """Return a measure's title and value, with its values by guessing and on original images."""
    show, title = leak.metric.format_value, leak.metric.title
    references = f"guessing {show(leak.guess)}"
    if leak.original is not None:
        references += f", original images {leak.original_prefix}{show(leak.original.value)}"
    if leak.measure == "leaked_bits":
        return f"{leak.prefix}{show(leak.censored.value)} {title} ({references})"
    return f"{titled('accuracy' if leak.measure == ACCURACY else title, leak)} ({references})"


def titled(title: str, leak: Leak) -> str:
    """Return "accuracy 87.0%", or "accuracy of at least 87.0%"."""
    of = " of " if leak.prefix else " "
    return f"{title}{of}{leak.prefix}{leak.metric.format_value(leak.censored.value)}"


def is_learned_from_originals(evaluation: Evaluation) -> bool:
    """Return whether adversaries can predict the attribute from original images, by any metric."""
    return any(leak.is_learned_from_originals for leak in leaks_by_measure(evaluation).values())


def utility_clause(evaluation: Evaluation) -> str:
    """Return the utility score, and that of the original images; "" if it was not measured."""
    metric = METRICS["utility_score"]
    score = evaluation.measures.get(metric.name)
    if score is None or score.censored is None:
        return ""
    original = score.original
    reference = (
        "" if original is None else f" (original images {metric.format_value(original.value)})"
    )
    return f"{metric.title} {metric.format_value(score.censored.value)}{reference}"


def unjudged_sentence(result: Result, mechanism: str, budget: float | None) -> str:
    """Return what is known about a run that was not judged."""
    attribute = result.fingerprint.get("attribute", "the attribute")
    start = f"Whether {attribute} leaks after {mechanism} is unknown: the run was not judged"
    distortions = validation_distortions(result.training)
    if not distortions or budget is None:
        return f"{start}."
    # of the network whose output is the final image
    final_distortion = list(distortions.values())[-1]
    excess = f"; {format_excess(final_distortion, budget)}" if final_distortion > budget else ""
    return (
        f"{start}; distortion {format_distortion(final_distortion)} on validation images "
        f"(budget {budget:g}{excess})."
    )


def run_verdict(result: Result) -> list[str]:
    """Return the verdict on each hidden attribute of a run, then its budget warnings."""
    lines = [line for evaluation in result.evaluations.values() for line in verdict(evaluation)]
    return [*lines, *budget_warnings(result)]


def verdict(evaluation: Evaluation, budget: float | None = None) -> list[str]:
    """Return whether the attribute leaks, and the evidence, as lines.

    It leaks if the whole 95% interval of one of the adversaries' metrics is above guessing. The
    leading metric comes first: when one value of the attribute is frequent, an adversary can learn
    much and still be no more accurate than guessing.

    Args:
        evaluation: of the attribute.
        budget: epsilon, to compare the distortion with; None skips this.
    """
    leak, name = leading_leak(evaluation), evaluation.attribute
    adversary = (
        f"an adversary trained on {evaluation.images['train']:,} labelled censored images"
        f"{versions_clause(evaluation, leak)}"
    )
    excess = describe_excess(evaluation, budget)
    certified = certificate_lines(evaluation)
    notes = [
        *training_lines(evaluation),
        *missing_measure_lines(evaluation),
        *([excess] if excess else []),
    ]
    claim = f"{adversary} predicts it {predicted(leak, leak.censored, leak.prefix, leak.guess)}"
    if leak.is_found:
        return [
            *certified,
            f"{name} leaks: {claim}",
            *accuracy_lines(evaluation, leak),
            *original_lines(leak),
            *notes,
        ]
    if not is_learned_from_originals(evaluation):
        return [
            *certified,
            f"whether {name} leaks is unknown: {claim}, but the same adversaries cannot predict it "
            f"from the original images either: {remedy(leak)}",
            *notes,
        ]
    return [
        *certified,
        f"no leak of {name} was found{' so far' if leak.prefix else ''}: {claim}",
        *original_lines(leak),
        f"this does not prove that nothing leaks: with {evaluation.images['test']:,} test images, "
        f"up to {leak.metric.format_value(leak.censored.high)} is possible, and adversaries with "
        f"more images{', longer training' if leak.prefix else ''} or other methods may find more",
        *notes,
    ]


def remedy(leak: Leak) -> str:
    """Return what may help adversaries that cannot predict the attribute from any images."""
    longer = "train them longer (judge.max_epochs) or on more images"
    return longer if leak.prefix or leak.original_prefix else "train them on more images"


def predicted(leak: Leak, estimate: Estimate, prefix: str, guess: float | None = None) -> str:
    """Return how well the attribute is predicted: "for 87.0% of images (95% interval ...)".

    Args:
        leak: its metric and title.
        estimate: how well.
        prefix: "at least " if that is a lower bound, else "".
        guess: the value by guessing; None to omit it.
    """
    value = f"{prefix}{leak.metric.format_value(estimate.value)}"
    of, title = " of" if prefix else "", leak.metric.title
    score = {
        ACCURACY: f"for {value} of images",
        "leaked_bits": f"with {value} {title}",
    }.get(leak.measure, f"with {title}{of} {value}")
    return f"{score} {format_interval(leak.measure, estimate, guess)}"


def format_interval(measure: str, estimate: Estimate, guess: float | None = None) -> str:
    """Return an estimate's interval, and the value by guessing, in brackets."""
    show = METRICS[measure].format_value
    interval = f"95% interval {show(estimate.low).rstrip('%')} to {show(estimate.high)}"
    return f"({interval})" if guess is None else f"({interval}; guessing {show(guess)})"


def accuracy_lines(evaluation: Evaluation, leak: Leak) -> list[str]:
    """Return accuracy, the paper's metric, if another metric leads."""
    if leak.measure == ACCURACY:
        return []
    accuracy = leaks_by_measure(evaluation)[ACCURACY]
    value = f"{accuracy.prefix}{accuracy.metric.format_value(accuracy.censored.value)}"
    interval = format_interval(ACCURACY, accuracy.censored, accuracy.guess)
    hidden = "" if accuracy.is_found else "; accuracy alone would not show the leak"
    return [f"accuracy, the paper's metric, is {value} {interval}{hidden}"]


def original_lines(leak: Leak) -> list[str]:
    """Return what the same adversaries predict from uncensored images, if it was measured."""
    if leak.original is None:
        return []
    return [
        f"trained on the original images, the same adversaries predict it "
        f"{predicted(leak, leak.original, leak.original_prefix)}"
    ]


def missing_measure_lines(evaluation: Evaluation) -> list[str]:
    """Return which metrics an old result lacks that can show a leak which accuracy hides."""
    missing = [METRICS[name].title for name in missing_measures(evaluation)]
    if not missing:
        return []
    return [
        f"this result has no {' or '.join(missing)}, which can show a leak that accuracy hides "
        "when one value is frequent: judge the run again"
    ]


def versions_clause(evaluation: Evaluation, leak: Leak) -> str:
    """Return how many censored versions of an image the strongest adversary saw, if several."""
    strongest = evaluation.strongest.get(leak.metric.score_name)
    count = 1 if strongest is None else strongest.queries
    return f" and given {count} censored versions of each image" if count > 1 else ""


def format_share(estimate: Estimate, of: str = "images") -> str:
    """Return a share with its interval: "87.0% of images (95% interval 85.0 to 89.0%)"."""
    return f"{estimate.value:.1%} of {of} {format_interval(ACCURACY, estimate)}"
