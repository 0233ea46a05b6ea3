"""Estimates from a measured rate: the hours of the paper's runs, and of all its experiments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

# sizes of CelebA's official splits, and the paper's epochs
TRAIN, VALID, TEST, EPOCHS = 162_770, 19_867, 19_962, 100


@dataclass(frozen=True)
class Experiment:
    """An experiment of the paper's.

    Attributes:
        runs: number of its runs that no experiment before it has.
        epochs: of each run.
        cost: of a training image, as a multiple of that of an image of 64 pixels.
    """

    runs: int
    epochs: int = EPOCHS
    cost: float = 1.0

    @property
    def images(self) -> int:
        """Number of training images, over all runs and epochs."""
        return self.runs * self.epochs * TRAIN

    def hours(self, rate: float) -> float:
        """Return the hours on one device that trains ``rate`` images of 64 pixels per second."""
        return self.images * self.cost / rate / 3600


EXPERIMENTS = {
    "figure1": Experiment(130),
    "table1": Experiment(20),  # the rest of its 80 runs are figure1's
    "table3": Experiment(24, epochs=200),
    "figure2": Experiment(4, cost=3.8),  # 128 pixels; measured on two CPU cores
}


def format_hours(rates: Sequence[float]) -> str:
    """Return a Markdown table of the hours of all the paper's experiments.

    Args:
        rates: training images per second, a column each.
    """
    columns = [f"hours at {rate:,.10g} images per second" for rate in rates]
    rows = [
        (name, each.runs, each.images, [each.hours(rate) for rate in rates])
        for name, each in EXPERIMENTS.items()
    ]
    names, runs, images, hours = zip(*rows, strict=True)
    totals = [sum(column) for column in zip(*hours, strict=True)]
    rows.append(("all", sum(runs), sum(images), totals))
    return "\n".join(
        [
            format_row(["preset", "runs", "training images, millions", *columns]),
            "|---|" + "---:|" * (2 + len(rates)),
            *(
                format_row(
                    [
                        f"`{name}`" if name in names else name,
                        str(count),
                        f"{total / 1e6:,.0f}",
                        *(f"{each:,.0f}" for each in by_rate),
                    ]
                )
                for name, count, total, by_rate in rows
            ),
        ]
    )


def format_row(cells: Sequence[str]) -> str:
    """Return a row of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def estimate_hours(
    training: float, learning: float, querying: float, measuring: float, epochs: float, queries: int
) -> tuple[float, float]:
    """Estimate the hours of training and of judging with the paper's settings.

    Args:
        training: seconds per training image and epoch.
        learning: seconds per training image and epoch of the adversaries.
        querying: seconds per image and query, for predictions.
        measuring: seconds per test image, for metrics.
        epochs: of the adversaries, each with a pass over the validation split.
        queries: of the validation and the test split.
    """
    train = EPOCHS * TRAIN * training
    judge = epochs * (TRAIN * learning + VALID * querying)
    judge += queries * (VALID + TEST) * querying + TEST * measuring
    return train / 3600, judge / 3600
