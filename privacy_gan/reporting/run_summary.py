"""What a terminal shows when a run ends: a sentence, a short table or all of it, where to look."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from privacy_gan.evaluation.metrics import METRICS, find_metric
from privacy_gan.reporting.budget import budget_in, missed_lines
from privacy_gan.reporting.leakage import ACCURACY, leading_leak
from privacy_gan.reporting.records import mechanism_name
from privacy_gan.reporting.verdict import summary_sentence, summary_sentences
from privacy_gan.runs.folder import RunFolder
from privacy_gan.runs.result import ENDED_AFTER, AdversaryScores, Estimate, Evaluation, Result

COLUMNS = ("censored", "original", "majority_baseline", "correlation_baseline")  # of all measures
SHORT_COLUMNS = ("censored", "original", "guessing", "floor")
FIRST = [name for name, metric in METRICS.items() if metric.prominence == "first"]
INTERVALS_NOTE = "[95% bootstrap intervals over test images; training with another seed varies, too]"
SHORT_TABLE_NOTE = "95% intervals over test images; details=true shows all measures and every adversary"
TITLE = (
    "{attribute} censored with epsilon {epsilon:g} "
    "(a distortion budget, not differential privacy's epsilon)"
)


def run_summary(folder: RunFolder, result: Result, details: bool) -> str:
    """Return what to tell at a run's end.

    Args:
        folder: the run's.
        result: what came out.
        details: whether all measures and adversaries are shown, not the most important ones.
    """
    mechanism = mechanism_name(folder, result)
    lines = [
        *summary_sentences(result, mechanism),
        *(f"warning: {line}" for line in missed_lines(result)),
        "",
    ]
    if details:
        return "\n".join([*lines, full_summary(folder, result)])
    for evaluation in result.evaluations.values():
        lines += [*short_table(evaluation), ""]
    for evaluation in (result.baseline or {}).values():
        lines += [
            summary_sentence(evaluation, f"{mechanism}'s filter alone", budget_in(result.fingerprint)),
            "",
        ]
    if result.evaluations:
        lines.append(SHORT_TABLE_NOTE)
    lines += [f"warning: {line}" for line in warnings_of(result)]
    return "\n".join([*lines, *where_files_are(folder)])


def full_summary(folder: RunFolder, result: Result) -> str:
    """Return all of the result as lines: tables, then where the files are."""
    hidden = " and ".join(result.evaluations or [result.fingerprint["attribute"]])
    lines = [TITLE.format(attribute=hidden, epsilon=result.fingerprint["epsilon"])]
    for evaluation in result.evaluations.values():
        lines += ["", *full_tables(evaluation), ""]
    for evaluation in (result.baseline or {}).values():
        lines += ["The filter alone, the baseline:", "", *full_tables(evaluation), ""]
    for network in ("filter", "generator"):
        distortion = result.training.get(f"valid/{network}/distortion")
        if distortion is not None:
            lines.append(f"{network:<10} distortion {distortion:.4f} on validation images")
    return "\n".join([*lines, *where_files_are(folder)])


def where_files_are(folder: RunFolder) -> list[str]:
    """Return where the newest picture and the result are."""
    pictures = sorted(folder.images.glob("*.png"))
    return [
        *(f"faces      {picture}" for picture in pictures[-1:]),
        f"result     {folder.result_file}",
    ]


def warnings_of(result: Result) -> Iterator[str]:
    """Yield what should be known before the numbers are believed, each once."""
    if (epochs := result.training.get(ENDED_AFTER)) is not None:
        asked = result.fingerprint.get("trainer.max_epochs")
        yield f"training ended after {epochs:.4g} of {asked} epochs, by a limit or a callback"
    found = (warning for of in result.evaluations.values() for warning in of.warnings)
    yield from dict.fromkeys(found)


def short_table(evaluation: Evaluation) -> list[str]:
    """Return the measures that matter most, the one by which most leaks first."""
    names = dict.fromkeys((leading_leak(evaluation).measure, *FIRST))
    return measure_table(evaluation, names, SHORT_COLUMNS, name_of)


def full_tables(evaluation: Evaluation) -> list[str]:
    """Return two tables, of measures and of adversaries, and what one must know to read them."""
    return [
        *measure_table(evaluation, evaluation.measures, COLUMNS, name_in_list),
        "",
        *least_distortion_lines(evaluation),
        f"{evaluation.images['test']} test images",
        INTERVALS_NOTE,
        "original: on uncensored images; adversaries' measures by the same ones trained on these",
        "prior: without looking; floor: from the other attributes alone",
        *notes(evaluation.measures),
        *learning_lines(evaluation),
        "privacy is what the strongest adversary on validation images learns:",
        *(
            f"  {name_of(score)}: {who.adversary} with {queries_in_words(who.queries)}"
            for score, who in evaluation.strongest.items()
        ),
        "",
        *adversary_table(evaluation.adversaries),
        *(f"\nwarning: {warning}" for warning in evaluation.warnings),
    ]


def least_distortion_lines(evaluation: Evaluation) -> list[str]:
    """Return what no mechanism can do, in words."""
    if not evaluation.least_distortion:
        return []
    hidden, replaced = (evaluation.least_distortion[how] for how in ("hidden", "replaced"))
    return [
        f"no mechanism hides {evaluation.attribute} completely with a distortion below about "
        f"{hidden:.2g}, or puts a random one in below {replaced:.2g}"
    ]


def notes(names: Iterable[str]) -> list[str]:
    """Return what has to be said of the metrics of a table."""
    metrics = [find_metric(name) for name in names if "/" not in name]
    return [f"{metric.title}: {metric.note}" for metric in metrics if metric.note]


def learning_lines(evaluation: Evaluation) -> list[str]:
    """Return how long the adversaries have learned, which bounds what they know."""
    epochs = evaluation.settings.get("judge.epochs")
    if epochs is None:
        return []
    return [
        f"adversaries' training: {epochs} epoch{'s' * (epochs != 1)} of "
        f"{evaluation.images['train']:,} images; a longer one (judge.epochs) may find more"
    ]


def measure_table(
    evaluation: Evaluation,
    names: Iterable[str],
    headings: Sequence[str],
    called: Callable[[str], str],
) -> list[str]:
    """Return a line for each of some measures, of those that were taken."""
    rows = [[evaluation.attribute, *headings]]
    for name in names:
        if (measure := evaluation.measures.get(name)) is not None:
            estimates = [getattr(measure, column) for column in COLUMNS]
            cells = [cell(name, of, interval=place == 0) for place, of in enumerate(estimates)]
            rows.append([called(name), *cells])
    return aligned(rows)


def adversary_table(adversaries: Sequence[AdversaryScores]) -> list[str]:
    """Return one line per adversary: its accuracy on test images by number of queries."""
    queries = sorted({scores.queries for scores in adversaries})
    found = {(each.adversary, each.queries): each.test["accuracy"] for each in adversaries}
    rows = [["adversary's accuracy", *map(queries_in_words, queries)]]
    for name in dict.fromkeys(each.adversary for each in adversaries):
        rows.append([name, *(cell(ACCURACY, found[name, count], True) for count in queries)])
    return aligned(rows)


def queries_in_words(count: int) -> str:
    """Return "1 query" or "4 queries"."""
    return f"{count} quer{'y' if count == 1 else 'ies'}"


def name_of(measure: str) -> str:
    """Return what a measure is called, with what it is of, as "utility (Male)"."""
    title, of = find_metric(measure).title, measure.partition("/")[2]
    return f"{title} ({of})" if of else title


def name_in_list(measure: str) -> str:
    """Return what a measure is called in a list, where what belongs to another one is indented."""
    metric, of = find_metric(measure), measure.partition("/")[2]
    if metric.family == "utility" and of:
        return f"  {of}"
    if metric.family == "association":
        return f"  {metric.title} with {of}"
    return f"  {name_of(measure)}" if of else name_of(measure)


def cell(measure: str, estimate: Estimate | None, interval: bool) -> str:
    """Return a value, with its interval where there is room for it."""
    if estimate is None:
        return "-"
    show = find_metric(measure).format_value
    if not interval:
        return show(estimate.value)
    return f"{show(estimate.value)} [{show(estimate.low).rstrip('%')}, {show(estimate.high)}]"


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows with columns of equal width, the first to the left, under a ruled header."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows
    ]
    return [lines[0], "-" * len(lines[0]), *lines[1:]]
