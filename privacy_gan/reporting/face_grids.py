"""Figures 2 and 4: faces over budgets, from what runs left in faces.png."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from privacy_gan.errors import UserError
from privacy_gan.reporting.judged import setup_of
from privacy_gan.reporting.mechanism import mechanism_of
from privacy_gan.reporting.reading import FinishedRun
from privacy_gan.runs.faces import Faces, Pixels

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


@dataclass(frozen=True)
class Pictured:
    """A run and its faces."""

    run: FinishedRun
    faces: Faces

    @property
    def epsilon(self) -> float:
        """The distortion budget."""
        return float(self.run.result.identity["epsilon"])

    @property
    def mechanism(self) -> str:
        """What the run's mechanism is called."""
        return mechanism_of(self.run.folder, self.run.result)

    @property
    def subject(self) -> tuple[str, str, str]:
        """Whose faces they are, and what is hidden in them."""
        result = self.run.result
        key, attribute = result.identity["data.key"], result.identity["attribute"]
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


def pictured(runs: Sequence[FinishedRun]) -> tuple[list[Pictured], list[str]]:
    """Return the runs that left faces, and what is wrong with the faces of others."""
    found, troubles = [], []
    for run in runs:
        try:
            found.append(Pictured(run, Faces.read(run.folder.faces)))
        except UserError as error:
            troubles.append(str(error))
        except OSError:
            continue  # Gaussian toy data have none, nor have runs of before there were any
    return found, troubles


def first_seeds(pictures: Sequence[Pictured]) -> list[Pictured]:
    """Return of each way of making a run, and each budget, the first seed's."""
    by_kind = grouped(
        sorted(pictures, key=lambda each: int(each.run.result.identity["seed"])),
        lambda each: (each.subject, each.mechanism, each.epsilon, made_as(each)),
    )
    kept = {id(some[0]) for _, some in by_kind}
    return [picture for picture in pictures if id(picture) in kept]


def face_grids(pictures: Sequence[Pictured]) -> list[FaceGrid]:
    """Return a grid for each mechanism, budgets side by side, and one of all mechanisms."""
    grids = []
    for subject, same in grouped(first_seeds(pictures), lambda picture: picture.subject):
        data, _, attribute = subject
        where = f"{attribute} in {data}"
        kinds = grouped(same, lambda each: (each.mechanism, made_as(each)))
        numbered = [
            (mechanism if count_of(mechanism, kinds) == 1 else f"{mechanism} ({number})", runs)
            for number, ((mechanism, _), runs) in enumerate(kinds, 1)
        ]
        for mechanism, runs in numbered:
            grids.append(
                FaceGrid(
                    f"faces-{data}-{attribute}-{mechanism}",
                    f"{where}, {mechanism}: x, and what is made of it at each epsilon, for a face "
                    "of each class.",
                    over_budgets(runs),
                )
            )
        if len(numbered) > 1:
            grids.append(
                FaceGrid(
                    f"faces-{data}-{attribute}-all",
                    f"{where}: the same face as each mechanism releases it at each epsilon, with "
                    "the other value of s put in where one is.",
                    over_mechanisms(numbered),
                )
            )
    return grids


def grouped(values: Iterable[V], key: Callable[[V], K]) -> list[tuple[K, list[V]]]:
    """Return values by their key, in the order of the keys' first occurrence."""
    groups: dict[K, list[V]] = {}
    for value in values:
        groups.setdefault(key(value), []).append(value)
    return list(groups.items())


def made_as(picture: Pictured) -> str:
    """Return how a run was made, but for budget and seed."""
    return json.dumps(setup_of(picture.run.result.identity), sort_keys=True)


def count_of(mechanism: str, kinds: Sequence[tuple[tuple[str, str], list[Pictured]]]) -> int:
    """Return how many kinds of runs have a mechanism's name."""
    return sum(name == mechanism for (name, _), _ in kinds)


def over_budgets(runs: Sequence[Pictured]) -> Faces:
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


def over_mechanisms(kinds: Sequence[tuple[str, list[Pictured]]]) -> Faces:
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
