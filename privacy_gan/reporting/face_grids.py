"""Figures 2 and 4: faces over budgets, from what runs left in faces.png."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from privacy_gan.errors import UserError
from privacy_gan.reporting.records import FinishedRun, setup_from
from privacy_gan.runs.faces import Faces, Pixels

Subject = tuple[str, str, str]
Kind = tuple[str, str]


@dataclass(frozen=True)
class RunFaces:
    """A run and its faces."""

    run: FinishedRun
    faces: Faces

    @property
    def epsilon(self) -> float:
        """The distortion budget."""
        return float(self.run.result.fingerprint["epsilon"])

    @property
    def kind(self) -> Kind:
        """What the run's mechanism is called, and how it was made but for budget and seed."""
        return self.run.mechanism, json.dumps(setup_from(self.run.result.fingerprint), sort_keys=True)

    @property
    def subject(self) -> Subject:
        """Whose faces they are, and what is hidden in them."""
        result = self.run.result
        key, attribute = result.fingerprint["data.key"], result.fingerprint["attribute"]
        return result.data, str(key), str(attribute)


@dataclass(frozen=True)
class FaceGrid:
    """A picture of the report.

    Attributes:
        name: of its file, without suffix.
        caption: what is seen.
        faces: columns and rows.
    """

    name: str
    caption: str
    faces: Faces


def load_run_faces(runs: Sequence[FinishedRun]) -> tuple[list[RunFaces], list[str]]:
    """Return the runs that left faces, and what is wrong with the faces of others."""
    found, troubles = [], []
    for run in runs:
        try:
            found.append(RunFaces(run, Faces.read(run.folder.faces)))
        except UserError as error:
            troubles.append(str(error))
        except OSError:
            continue  # Gaussian toy data have none, nor have runs of before there were any
    return found, troubles


def face_grids(pictures: Sequence[RunFaces]) -> list[FaceGrid]:
    """Return a grid for each mechanism, budgets side by side, and one of all mechanisms."""
    grids = []
    for (data, _, attribute), kinds in by_subject(pictures).items():
        where, file = f"{attribute} in {data}", f"faces-{data}-{attribute}"
        names = [mechanism for mechanism, _ in kinds]
        numbered = [
            (name if names.count(name) == 1 else f"{name} ({number})", runs)
            for number, (name, runs) in enumerate(zip(names, kinds.values(), strict=True), 1)
        ]
        for name, runs in numbered:
            caption = (
                f"{where}, {name}: x, and what is made of it at each epsilon, for a face of each "
                "class."
            )
            grids.append(FaceGrid(f"{file}-{name}", caption, over_budgets(runs)))
        if len(numbered) > 1:
            caption = (
                f"{where}: the same face as each mechanism releases it at each epsilon, with the "
                "other value of s put in where one is."
            )
            grids.append(FaceGrid(f"{file}-all", caption, over_mechanisms(numbered)))
    return grids


def by_subject(pictures: Sequence[RunFaces]) -> dict[Subject, dict[Kind, list[RunFaces]]]:
    """Return pictures by subject and kind, those of the first seed at each budget."""
    firsts: dict[tuple[Subject, Kind, float], RunFaces] = {}
    for each in sorted(pictures, key=lambda each: int(each.run.result.fingerprint["seed"])):
        firsts.setdefault((each.subject, each.kind, each.epsilon), each)
    found: dict[Subject, dict[Kind, list[RunFaces]]] = {}
    for each in pictures:
        if firsts[each.subject, each.kind, each.epsilon] is each:
            found.setdefault(each.subject, {}).setdefault(each.kind, []).append(each)
    return found


def over_budgets(runs: Sequence[RunFaces]) -> Faces:
    """Return Figure 2: budgets as columns, rows as runs have them, for one face of each class."""
    runs = sorted(runs, key=lambda run: run.epsilon)
    shown = one_of_each_class(runs[0].faces)
    columns = tuple(
        f"{run.faces.columns[i]} epsilon {run.epsilon:g}" for i in shown for run in runs
    )
    rows = {
        label: np.stack([run.faces.rows[label][i] for i in shown for run in runs])
        for label in runs[0].faces.rows
        if all(label in run.faces.rows for run in runs)
    }
    return Faces(columns, rows)


def over_mechanisms(kinds: Sequence[tuple[str, list[RunFaces]]]) -> Faces:
    """Return one face, budgets as columns and mechanisms as rows; blank where there is no run."""
    runs = [run for _, some in kinds for run in some]
    budgets = sorted({run.epsilon for run in runs})
    original = runs[0].faces.rows["x"][0]
    rows: dict[str, Pixels] = {"x": np.stack([original] * len(budgets))}
    for mechanism, some in kinds:
        by_budget = {run.epsilon: released(run.faces, 0) for run in some}
        blank = np.full_like(original, 255)
        rows[mechanism] = np.stack([by_budget.get(epsilon, blank) for epsilon in budgets])
    return Faces(tuple(f"epsilon {epsilon:g}" for epsilon in budgets), rows)


def released(faces: Faces, index: int) -> Pixels:
    """Return a face as it is given away: with another s than its own, where one is put in."""
    own = faces.columns[index].removeprefix("s=")
    others = [label for label in faces.rows if "s'=" in label and not label.endswith(f"s'={own}")]
    label = others[0] if others else list(faces.rows)[-1]
    return faces.rows[label][index]  # type: ignore[no-any-return]


def one_of_each_class(faces: Faces) -> list[int]:
    """Return the first face of each class, at most two of them."""
    firsts = {label: index for index, label in reversed(list(enumerate(faces.columns)))}
    return sorted(firsts.values())[:2]
