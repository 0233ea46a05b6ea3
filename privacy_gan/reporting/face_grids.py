"""Figures 2 and 4: faces over budgets, from the runs' faces.png."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from privacy_gan.attributes import NO_YES, SEPARATOR
from privacy_gan.data.image_source import FOLDER
from privacy_gan.errors import UserError
from privacy_gan.reporting.finished_runs import FinishedRun
from privacy_gan.reporting.records import setup_from
from privacy_gan.runs.faces import Faces, Pixels

Subject = tuple[str, str, str]  # name of the data, its key, the hidden attribute
MechanismSetup = tuple[str, str]  # name, settings without budget and seed


@dataclass(frozen=True)
class RunFaces:
    """A run and its faces.

    Attributes:
        run: the run.
        faces: its faces.png.
    """

    run: FinishedRun
    faces: Faces

    @property
    def epsilon(self) -> float:
        """The distortion budget."""
        return float(self.run.result.fingerprint["epsilon"])

    @property
    def mechanism_setup(self) -> MechanismSetup:
        """The mechanism's name, and its settings without budget and seed."""
        setup = setup_from(self.run.result.fingerprint)
        return self.run.mechanism, json.dumps(setup, sort_keys=True)

    @property
    def subject(self) -> Subject:
        """The images and the hidden attribute; grids show runs with the same."""
        result = self.run.result
        key, attribute = result.fingerprint["data.key"], result.fingerprint["attribute"]
        return result.data, str(key), str(attribute)

    @property
    def labelled(self) -> Faces:
        """The faces with columns such as "Smiling: yes"; "s=1" if the classes are unknown."""
        *_, attribute = self.subject
        evaluation = self.run.result.evaluations.get(attribute)
        if evaluation is not None:
            return self.faces.with_class_names(attribute, evaluation.classes)
        settings = self.run.result.fingerprint
        if SEPARATOR in attribute or settings.get("data._target_") == FOLDER:
            return self.faces  # the run was not judged, so that its classes are not known
        return self.faces.with_class_names(attribute, NO_YES)


@dataclass(frozen=True)
class FaceGrid:
    """A picture of the report.

    Attributes:
        name: of its file, without suffix.
        caption: what it shows.
        faces: columns and rows.
    """

    name: str
    caption: str
    faces: Faces


def load_run_faces(runs: Sequence[FinishedRun]) -> tuple[list[RunFaces], list[str]]:
    """Return the faces of all runs that have some, and the errors of unreadable files."""
    loaded, errors = [], []
    for run in runs:
        try:
            loaded.append(RunFaces(run, Faces.read(run.folder.faces)))
        except UserError as error:
            errors.append(str(error))
        except OSError:
            continue  # runs on Gaussian toy data have no faces, and some old runs
    return loaded, errors


def make_face_grids(faces: Sequence[RunFaces]) -> list[FaceGrid]:
    """Return a grid over budgets for each mechanism, and one of all mechanisms."""
    grids = []
    for (data, _, attribute), mechanisms in group_faces(faces).items():
        subject, file = f"{attribute} in {data}", f"faces-{data}-{attribute}"
        names = [mechanism for mechanism, _ in mechanisms]
        numbered = [
            (name if names.count(name) == 1 else f"{name} ({number})", runs)
            for number, (name, runs) in enumerate(zip(names, mechanisms.values(), strict=True), 1)
        ]
        for name, runs in numbered:
            caption = (
                f"{subject}, {name}: x and its censored versions at each epsilon, for one face of "
                "each class."
            )
            grids.append(FaceGrid(f"{file}-{name}", caption, budget_grid(runs)))
        if len(numbered) > 1:
            caption = (
                f"{subject}: the same face censored by each mechanism at each epsilon. Mechanisms "
                "that insert an s' insert one that differs from s."
            )
            grids.append(FaceGrid(f"{file}-all", caption, mechanism_grid(numbered)))
    return grids


def group_faces(faces: Sequence[RunFaces]) -> dict[Subject, dict[MechanismSetup, list[RunFaces]]]:
    """Return faces by subject and mechanism, those of the first seed at each budget."""
    first_seeds: dict[tuple[Subject, MechanismSetup, float], RunFaces] = {}
    for each in sorted(faces, key=lambda each: int(each.run.result.fingerprint["seed"])):
        first_seeds.setdefault((each.subject, each.mechanism_setup, each.epsilon), each)
    groups: dict[Subject, dict[MechanismSetup, list[RunFaces]]] = {}
    for each in faces:
        if first_seeds[each.subject, each.mechanism_setup, each.epsilon] is each:
            mechanisms = groups.setdefault(each.subject, {})
            mechanisms.setdefault(each.mechanism_setup, []).append(each)
    return groups


def budget_grid(runs: Sequence[RunFaces]) -> Faces:
    """Return Figure 2 for one face of each class: budgets as columns, the runs' rows as rows."""
    runs = sorted(runs, key=lambda run: run.epsilon)
    indices = first_of_each_class(runs[0].faces)
    columns = tuple(
        f"{run.labelled.columns[index]}\nepsilon {run.epsilon:g}"
        for index in indices
        for run in runs
    )
    rows = {
        label: np.stack([run.labelled.rows[label][index] for index in indices for run in runs])
        for label in runs[0].labelled.rows
        if all(label in run.labelled.rows for run in runs)
    }
    return Faces(columns, rows)


def mechanism_grid(mechanisms: Sequence[tuple[str, list[RunFaces]]]) -> Faces:
    """Return one face, budgets as columns and mechanisms as rows; blank where there is no run."""
    all_runs = [run for _, runs in mechanisms for run in runs]
    budgets = sorted({run.epsilon for run in all_runs})
    original = all_runs[0].faces.rows["x"][0]
    rows: dict[str, Pixels] = {"x": np.stack([original] * len(budgets))}
    for mechanism, runs in mechanisms:
        by_budget = {run.epsilon: censored_face(run.faces, 0) for run in runs}
        blank = np.full_like(original, 255)
        rows[mechanism] = np.stack([by_budget.get(epsilon, blank) for epsilon in budgets])
    return Faces(tuple(f"epsilon {epsilon:g}" for epsilon in budgets), rows)


def censored_face(faces: Faces, index: int) -> Pixels:
    """Return a face in its final form: x'' with another s' than its s, else the last row."""
    value = faces.columns[index].removeprefix("s=")
    others = [label for label in faces.rows if "s'=" in label and not label.endswith(f"s'={value}")]
    label = others[0] if others else list(faces.rows)[-1]
    return faces.rows[label][index]  # type: ignore[no-any-return]


def first_of_each_class(faces: Faces) -> list[int]:
    """Return the indices of the first face of each class, at most two of them."""
    first = {label: index for index, label in reversed(list(enumerate(faces.columns)))}
    return sorted(first.values())[:2]
