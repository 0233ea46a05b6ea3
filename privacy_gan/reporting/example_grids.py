"""The faces whose attribute the strongest adversary is surest of, next to those in the middle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from privacy_gan.errors import UserError
from privacy_gan.reporting.face_grids import FaceGrid
from privacy_gan.reporting.largest_leaks import largest_leaks, run_title
from privacy_gan.reporting.records import EvaluationRow
from privacy_gan.runs.examples import MEDIAN, SUREST, Examples
from privacy_gan.runs.faces import Faces


def make_example_grids(entries: Sequence[EvaluationRow]) -> tuple[list[FaceGrid], list[str]]:
    """Return grids of the surest and of the median faces, and the errors of unreadable files.

    For each mechanism and hidden attribute, they are those of the run with the largest leak.

    Args:
        entries: all evaluations.
    """
    recorded = [
        entry
        for entry in entries
        if not entry.is_baseline and entry.evaluation.examples is not None
    ]
    grids: dict[str, FaceGrid] = {}
    errors = []
    for entry in largest_leaks(recorded):
        for kind in (SUREST, MEDIAN):
            try:
                grid = example_grid(entry, kind)
            except UserError as error:
                errors.append(str(error))
            except OSError:
                continue  # the data have no faces, or the pictures were not copied
            else:
                while grid.name in grids:  # other data with the same name
                    grid = replace(grid, name=f"{grid.name}-again")
                grids[grid.name] = grid
    return list(grids.values()), errors


def example_grid(entry: EvaluationRow, kind: str) -> FaceGrid:
    """Return the grid of one kind of examples.

    Raises:
        UserError: the file of the faces is damaged.
        OSError: there is no such file.
    """
    evaluation = entry.evaluation
    assert evaluation.examples is not None
    faces = Faces.read(entry.folder.examples(entry.attribute, kind), needs_original=False)
    return FaceGrid(
        f"faces-{entry.data[0]}-{entry.attribute}-{entry.mechanism}-{kind}",
        f"{run_title(entry)}: {describe(evaluation.examples, kind)}",
        faces.with_class_names(entry.attribute, evaluation.classes),
    )


def describe(examples: Examples, kind: str) -> str:
    """Return what the faces of a kind are."""
    versions = (
        f"{examples.queries} censored versions" if examples.queries > 1 else "one censored version"
    )
    surest = f"the test faces that {examples.adversary} is surest of, from {versions} of each"
    if kind == SUREST:
        return f"{surest}. The percentage is the probability that it gives for the true value."
    return "for comparison, those for which that probability is in the middle of all test faces."
