"""What a person sees at the end: the result as a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from privacy_gan.runs.folder import RunFolder
from privacy_gan.runs.result import AdversaryScores, Estimate, Evaluation, Measure, Result

PERCENT: Callable[[float], str] = "{:.1%}".format
THREE_DIGITS: Callable[[float], str] = "{:.3f}".format
FIVE_DIGITS: Callable[[float], str] = "{:.5f}".format
ONE_DIGIT: Callable[[float], str] = "{:.1f}".format

# how measures are called and written; those that are not named here are shares
FORMATS = {
    "auroc": THREE_DIGITS,
    "leaked_bits": THREE_DIGITS,
    "probing_gap": THREE_DIGITS,
    "distortion": FIVE_DIGITS,
    "psnr": ONE_DIGIT,
    "ssim": THREE_DIGITS,
    "frechet_distance": THREE_DIGITS,
    "inception_fid": ONE_DIGIT,
}
NAMES = {
    "privacy_loss": "privacy loss (accuracy)",
    "normalized_gain": "  normalized gain",
    "paper_privacy_loss": "privacy loss, the paper's way",
    "retrained_utility_score": "utility score, retrained",
    "auroc": "ROC AUC",
    "leaked_bits": "leaked bits",
    "psnr": "PSNR (dB)",
    "ssim": "SSIM",
    "frechet_distance": "Frechet distance",
    "inception_fid": "Inception FID",
    "probing_gap": "probing gap (bits)",
}
KINDS = ("correlation/", "association/")
COLUMNS = ("censored", "original", "prior", "floor")
INTERVALS = "[95% bootstrap intervals over test images; training with another seed varies, too]"
TITLE = (
    "{attribute} censored with epsilon {epsilon:g} "
    "(a distortion budget, not differential privacy's epsilon)"
)


def name_of(measure: str) -> str:
    """Return what a measure is called."""
    return NAMES.get(measure, measure.replace("_", " ")).strip()


def shown(measure: str, value: float) -> str:
    """Return a measure's value as it is written."""
    return FORMATS.get(measure, THREE_DIGITS if measure.startswith(KINDS) else PERCENT)(value)


def summary(folder: RunFolder, result: Result) -> str:
    """Return the result as lines for a terminal: tables, then where the files are."""
    hidden = " and ".join(result.evaluations or [result.identity["attribute"]])
    lines = [TITLE.format(attribute=hidden, epsilon=result.identity["epsilon"])]
    for evaluation in result.evaluations.values():
        lines += ["", *evaluation_lines(evaluation), ""]
    for evaluation in (result.baseline or {}).values():
        lines += ["The filter alone, the baseline:", "", *evaluation_lines(evaluation), ""]
    for network in ("filter", "generator"):
        distortion = result.training.get(f"valid/{network}/distortion")
        if distortion is not None:
            lines.append(f"{network:<10} distortion {distortion:.4f} on validation images")
    pictures = sorted(folder.images.glob("*.png"))
    lines += [f"faces      {picture}" for picture in pictures[-1:]]
    lines.append(f"result     {folder.result_file}")
    return "\n".join(lines)


def evaluation_lines(evaluation: Evaluation) -> list[str]:
    """Return two tables, of measures and of adversaries."""
    return [
        *measure_table(evaluation.attribute, evaluation.measures),
        "",
        *least_distortion_lines(evaluation),
        f"{evaluation.images['test']} test images",
        INTERVALS,
        "original: on uncensored images; adversaries' measures by the same ones trained on these",
        "prior: without looking; floor: from the other attributes alone",
        "normalized gain: (censored - prior) / (original - prior)",
        "retrained: by one classifier that learned from censored images, as the adversaries do",
        "probing gap: what an adversary with 1 query learns beyond what the filter's own knew",
        "the paper's way: one ResNet-10 that sees each image once",
        *learning_lines(evaluation),
        "privacy is what the strongest adversary on validation images learns:",
        *(
            f"  {NAMES.get(score, score.replace('_', ' '))}: {who.adversary} with "
            f"{queries_in_words(who.queries)}"
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


def learning_lines(evaluation: Evaluation) -> list[str]:
    """Return how long the adversaries have learned, which bounds what they know."""
    epochs = evaluation.settings.get("judge.epochs")
    if epochs is None:
        return []
    return [
        f"adversaries' training: {epochs} epoch{'s' * (epochs != 1)} of "
        f"{evaluation.images['train']:,} images; a longer one (judge.epochs) may find more"
    ]


def measure_table(attribute: str, measures: Mapping[str, Measure]) -> list[str]:
    """Return one line per measure."""
    rows = [[attribute, *COLUMNS]]
    for key, measure in measures.items():
        name = NAMES.get(key, key.replace("_", " ") if "/" not in key else indented(key))
        show = FORMATS.get(key, THREE_DIGITS if key.startswith(KINDS) else PERCENT)
        cells = [cell(getattr(measure, column), show, column == "censored") for column in COLUMNS]
        rows.append([name, *cells])
    return aligned(rows)


def adversary_table(adversaries: Sequence[AdversaryScores]) -> list[str]:
    """Return one line per adversary: its accuracy on test images by number of queries."""
    queries = sorted({scores.queries for scores in adversaries})
    found = {(each.adversary, each.queries): each.test["accuracy"] for each in adversaries}
    rows = [["adversary's accuracy", *map(queries_in_words, queries)]]
    for name in dict.fromkeys(each.adversary for each in adversaries):
        rows.append([name, *(cell(found[name, n], PERCENT, True) for n in queries)])
    return aligned(rows)


def queries_in_words(count: int) -> str:
    """Return "1 query" or "4 queries"."""
    return f"{count} quer{'y' if count == 1 else 'ies'}"


def indented(key: str) -> str:
    """Return the attribute of "utility/Male" or "correlation/Male" as part of a list."""
    kind, attribute = key.split("/")
    return f"  {attribute}" if kind.endswith("utility") else f"  {kind} with {attribute}"


def cell(estimate: Estimate | None, show: Callable[[float], str], interval: bool) -> str:
    """Return a value, with its interval where there is room for it."""
    if estimate is None:
        return "-"
    value = show(estimate.value)
    if not interval:
        return value
    return f"{value} [{show(estimate.low).rstrip('%')}, {show(estimate.high)}]"


def aligned(rows: list[list[str]]) -> list[str]:
    """Return rows with columns of equal width, the first to the left, under a ruled header."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows
    ]
    return [lines[0], "-" * len(lines[0]), *lines[1:]]
