"""Write the table of metrics in docs/judging.md from the metrics' records.

python tests/documented_metrics.py
"""

from pathlib import Path

from privacy_gan.evaluation.metrics import METRICS

PAGE = Path(__file__).resolve().parents[1] / "docs" / "judging.md"
HEADER = "| metric | meaning | unit | better | source |"
KEY_SUFFIX = {"": "", "utility attribute": "/NAME", "class": "/CLASS"}
BETTER = {True: "high", False: "low", None: ""}


def table() -> str:
    """Return the table in Markdown."""
    rows = [
        f"| `{metric.name}{KEY_SUFFIX[metric.per]}` | {metric.explanation} | {metric.unit} | "
        f"{BETTER[metric.higher_is_better]} | {metric.source} |"
        for metric in METRICS.values()
    ]
    return "\n".join([HEADER, "|---|---|---|---|---|", *rows])


def replace_table(text: str) -> str:
    """Return a page with its table replaced by the current one."""
    before, _, rest = text.partition("| metric | ")
    return f"{before}{table()}\n\n{rest.partition(chr(10) * 2)[2]}"


if __name__ == "__main__":
    PAGE.write_text(replace_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
