"""What became of the runs of a sweep, as it is told at the end."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from privacy_gan.sweeping.naming import names_of
from privacy_gan.sweeping.swept_run import (
    DONE,
    FAILED,
    FINISHED,
    MISSING,
    SKIPPED,
    TAKEN,
    SweptRun,
)

ORDER = [SKIPPED, FINISHED, MISSING, TAKEN, FAILED]


def summary(runs: Sequence[SweptRun], repetitions: int = 0) -> str:
    """Say what became of the runs of a sweep, those that failed last, and why they did.

    Args:
        runs: of the sweep.
        repetitions: combinations that amount to one of them.
    """
    counts = [(status, sum(run.status == status for run in runs)) for status in ORDER]
    told = ", ".join(f"{number} {status}" for status, number in counts if number)
    lines = [f"sweep of {len(runs)} {'run' if len(runs) == 1 else 'runs'}: {told}"]
    if repetitions:
        lines[0] += f" (combinations left out that are one of these again: {repetitions})"
    names = names_of(runs)
    width = max((len(name) for name in names), default=0)
    indent = " " * (2 + len(SKIPPED) + 2)
    for run, name in sorted(
        zip(runs, names, strict=True), key=lambda named: ORDER.index(named[0].status)
    ):
        lines.append(f"  {run.status:<{len(SKIPPED)}}  {name:<{width}}  {run.folder}")
        if run.reason:
            lines.append(indent + " ".join(run.reason.split()))
        if run.status == FAILED and (run.folder / "output.log").exists():
            lines.append(f"{indent}all that it said is in {run.folder / 'output.log'}")
    if any(run.status not in DONE for run in runs):
        lines.append("repeat the command to go on with those that are not finished")
    elif any(run.config.evaluate for run in runs):
        folder = runs[0].config.output_dir
        report = shlex.join(["privacy-gan", "report", f"folder={folder}"])
        lines.append(f"{report} reports on them")
    return "\n".join(lines)
