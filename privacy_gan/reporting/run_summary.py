"""The summary that the terminal shows at the end of a run."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

from privacy_gan.evaluation.metrics import METRICS, find_metric
from privacy_gan.reporting.budget import budget_of, budget_warnings
from privacy_gan.reporting.cells import (
    CEILING,
    COLUMNS,
    HEADINGS,
    align_columns,
    format_cell,
    has_ceiling,
    measure_cell,
    measure_label,
)
from privacy_gan.reporting.certificate import certificate_lines
from privacy_gan.reporting.controls import control_lines
from privacy_gan.reporting.data_scaling import scaling_lines
from privacy_gan.reporting.finished_runs import mechanism_name
from privacy_gan.reporting.interval_note import interval_note
from privacy_gan.reporting.leakage import ACCURACY, leading_leak
from privacy_gan.reporting.lower_bounds import (
    adversary_prefix,
    bound_notes,
    training_lines,
)
from privacy_gan.reporting.slices import slice_lines, slice_rows
from privacy_gan.reporting.verdict import summary_sentence, summary_sentences
from privacy_gan.runs.evaluation import Evaluation
from privacy_gan.runs.folder import RunFolder
from privacy_gan.runs.result import ENDED_AFTER, Result

SHORT_HEADINGS = ("censored", "original", "maj.", "corr.")  # for 80 columns
FIRST = [name for name, metric in METRICS.items() if metric.prominence == "first"]
BASELINES_NOTE = (
    "majority baseline: without looking at the image; "
    "correlation baseline: from the other attributes alone"
)
CEILING_NOTE = "ceiling: the highest accuracy possible if {attribute} is hidden completely"
SHORT_TABLE_NOTES = (
    "privacy loss: accuracy of the strongest adversary",
    "retrained utility: utility score of a classifier trained on censored images",
    "maj.: majority baseline, without looking at the image",
    "corr.: correlation baseline, from the other attributes alone",
)
DETAILS_NOTE = "details=true shows all metrics and every adversary"
TITLE = (
    "{attribute} censored with epsilon {epsilon:g} "
    "(a distortion budget, not differential privacy's epsilon)"
)


def run_summary(folder: RunFolder, result: Result, details: bool) -> str:
    """Return the text that the terminal shows at the end of a run.

    Args:
        folder: of the run.
        result: of the run.
        details: whether to show all metrics and adversaries, or only the most important ones.
    """
    mechanism = mechanism_name(folder, result)
    lines = [
        *summary_sentences(result, mechanism),
        *(f"warning: {line}" for line in budget_warnings(result)),
        "",
    ]
    if details:
        return "\n".join([*lines, full_summary(folder, result)])
    for evaluation in result.evaluations.values():
        lines += [*short_table(evaluation), ""]
    budget = budget_of(result.fingerprint)
    for evaluation in (result.baseline or {}).values():
        lines += [summary_sentence(evaluation, f"{mechanism}'s filter alone", budget), ""]
    lines += short_table_notes(result.evaluations.values())
    lines += [f"warning: {line}" for line in result_warnings(result)]
    return "\n".join([*lines, *output_file_lines(folder)])


def full_summary(folder: RunFolder, result: Result) -> str:
    """Return all tables of a result, then the paths of its files."""
    hidden = " and ".join(result.evaluations or [result.fingerprint["attribute"]])
    lines = [TITLE.format(attribute=hidden, epsilon=result.fingerprint["epsilon"])]
    for evaluation in result.evaluations.values():
        lines += ["", *full_tables(evaluation), ""]
    for evaluation in (result.baseline or {}).values():
        lines += ["The filter alone (baseline):", "", *full_tables(evaluation), ""]
    for network in ("filter", "generator"):
        distortion = result.training.get(f"valid/{network}/distortion")
        if distortion is not None:
            lines.append(f"{network:<10} distortion {distortion:.4f} on validation images")
    return "\n".join([*lines, *output_file_lines(folder)])


def output_file_lines(folder: RunFolder) -> list[str]:
    """Return the paths of the newest picture and of the result."""
    pictures = sorted(folder.images.glob("*.png"))
    return [
        *(f"faces      {picture}" for picture in pictures[-1:]),
        f"result     {folder.result_file}",
    ]


def result_warnings(result: Result) -> Iterator[str]:
    """Yield the warnings of the training and of the judge, each once."""
    if (epochs := result.training.get(ENDED_AFTER)) is not None:
        max_epochs = result.fingerprint.get("trainer.max_epochs")
        yield (
            f"training stopped after {epochs:.4g} of {max_epochs} epochs, because of a limit or a "
            "callback"
        )
    warnings = (warning for each in result.evaluations.values() for warning in each.warnings)
    yield from dict.fromkeys(warnings)


def short_table(evaluation: Evaluation) -> list[str]:
    """Return a table of the most important metrics, the leading one first."""
    names = dict.fromkeys((leading_leak(evaluation).measure, *FIRST))
    return measure_table(evaluation, names, COLUMNS, SHORT_HEADINGS, short_label)


def short_table_notes(evaluations: Collection[Evaluation]) -> list[str]:
    """Return the notes below short tables; none below no table."""
    if not evaluations:
        return []
    text = "\n".join(line for each in evaluations for line in short_table(each))
    lines = [
        *(note for note in SHORT_TABLE_NOTES if note.partition(":")[0] in text),
        *(line for each in evaluations for line in certificate_lines(each)[1:]),
        *(line for each in evaluations for line in ceiling_lines(each)),
        *(line for each in evaluations for line in slice_lines(each)),
        *bound_notes(text),
        *(line for each in evaluations for line in training_lines(each)),
        *(line for each in evaluations for line in scaling_lines(each)),
        *(line for each in evaluations for line in control_lines(each)),
        *map(interval_note, evaluations),
        DETAILS_NOTE,
    ]
    return list(dict.fromkeys(lines))


def ceiling_lines(evaluation: Evaluation) -> list[str]:
    """Return the ceiling of the utility scores, if it is known."""
    measure = evaluation.measures.get("utility_score") or evaluation.measures.get(
        "retrained_utility_score"
    )
    if measure is None or measure.ceiling is None:
        return []
    value = METRICS["utility_score"].format_value(measure.ceiling.value)
    return [
        f"ceiling of the utility scores: {value}, the highest possible if "
        f"{evaluation.attribute} is hidden completely"
    ]


def full_tables(evaluation: Evaluation) -> list[str]:
    """Return a table of all metrics and one of all adversaries, with notes."""
    measures, adversaries = full_table(evaluation), adversary_table(evaluation)
    return [
        *measures,
        "",
        *least_distortion_lines(evaluation),
        intervals_note(interval_note(evaluation)),
        "original: on uncensored images, with adversaries trained on uncensored images",
        BASELINES_NOTE,
        *([CEILING_NOTE.format(attribute=evaluation.attribute)] if has_ceiling(evaluation) else []),
        *metric_notes(evaluation.measures),
        *bound_notes("\n".join([*measures, *adversaries])),
        *training_lines(evaluation),
        *scaling_lines(evaluation),
        *control_lines(evaluation),
        "privacy metrics are those of the strongest adversary on validation images:",
        *(
            f"  {measure_label(score)}: {strongest.adversary} with "
            f"{format_queries(strongest.queries)}"
            for score, strongest in evaluation.strongest.items()
        ),
        "",
        *adversaries,
        *slice_table(evaluation),
        *(f"\nwarning: {warning}" for warning in evaluation.warnings),
    ]


def slice_table(evaluation: Evaluation) -> list[str]:
    """Return an empty line, a table of all slices and which one leaks most, if there are any."""
    if not (rows := slice_rows(evaluation)):
        return []
    return ["", *align_columns(rows), *slice_lines(evaluation)]


def full_table(evaluation: Evaluation) -> list[str]:
    """Return a table of all metrics, with a column of ceilings if any are known."""
    columns: tuple[str, ...] = COLUMNS
    headings: tuple[str, ...] = HEADINGS
    if has_ceiling(evaluation):
        columns = (*COLUMNS, CEILING)
        headings = (*(each.removesuffix(" baseline") for each in HEADINGS), CEILING)
    return measure_table(evaluation, evaluation.measures, columns, headings, indented_label)


def intervals_note(intervals: str) -> str:
    """Return a note on intervals, from what they resample."""
    return f"[{intervals}; they exclude the variation between training seeds]"


def least_distortion_lines(evaluation: Evaluation) -> list[str]:
    """Return the least distortion that any mechanism needs, if it was computed."""
    if not evaluation.least_distortion:
        return []
    hidden, replaced = (evaluation.least_distortion[key] for key in ("hidden", "replaced"))
    return [
        f"hiding {evaluation.attribute} completely needs a distortion of at least about "
        f"{hidden:.2g} ({replaced:.2g} with a random replacement)"
    ]


def metric_notes(names: Iterable[str]) -> list[str]:
    """Return the notes of a table's metrics."""
    metrics = [find_metric(name) for name in names if "/" not in name]
    return [f"{metric.title}: {metric.note}" for metric in metrics if metric.note]


def measure_table(
    evaluation: Evaluation,
    names: Iterable[str],
    columns: Sequence[str],
    headings: Sequence[str],
    label: Callable[[str], str],
) -> list[str]:
    """Return a table with a line for each of the named metrics that the evaluation has.

    Args:
        evaluation: of one attribute.
        names: of the metrics.
        columns: attributes of ``Measure``; values in the first have an interval.
        headings: of the columns.
        label: returns a metric's name in the table.
    """
    rows = [[evaluation.attribute, *headings]]
    for name in names:
        if name not in evaluation.measures:
            continue
        cells = [
            measure_cell(evaluation, name, column, interval=column == columns[0])
            for column in columns
        ]
        rows.append([label(name), *cells])
    return align_columns(rows)


def adversary_table(evaluation: Evaluation) -> list[str]:
    """Return a table of each adversary's accuracy on test images by number of queries."""
    adversaries = evaluation.adversaries
    queries = sorted({scores.queries for scores in adversaries})
    accuracies = {(each.adversary, each.queries): each.test["accuracy"] for each in adversaries}
    rows = [["adversary's accuracy", *map(format_queries, queries)]]
    for name in dict.fromkeys(each.adversary for each in adversaries):
        prefix = adversary_prefix(evaluation, name)
        cells = (
            format_cell(ACCURACY, accuracies.get((name, count)), True, prefix) for count in queries
        )
        rows.append([name, *cells])
    return align_columns(rows)


def format_queries(count: int) -> str:
    """Return "1 query" or "4 queries"."""
    return f"{count} quer{'y' if count == 1 else 'ies'}"


def short_label(measure: str) -> str:
    """Return a measure's name in the short table."""
    return find_metric(measure).short_title or measure_label(measure)


def indented_label(measure: str) -> str:
    """Return a measure's label in a list; those of single attributes or classes are indented."""
    metric, key = find_metric(measure), measure.partition("/")[2]
    if f"{metric.name}_score" in METRICS and key:  # below the row of the mean
        return f"  {key}"
    if metric.family == "association":
        return f"  {metric.title} with {key}"
    return f"  {measure_label(measure)}" if key else measure_label(measure)
