"""Logger that writes metrics.csv and appends to it when a run is resumed.

Lightning's CSVLogger would delete the file that the interrupted run wrote.
"""

from __future__ import annotations

import csv
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import Logger
from pytorch_lightning.utilities import rank_zero_only

from privacy_gan.errors import UserError
from privacy_gan.runs.files import atomic_write

SECONDS_BETWEEN_WRITES = 10


class MetricsCSV(Logger):
    """Logs one row per step with one column per metric; cells without a value are empty.

    Args:
        path: the file. If it exists, its rows are kept up to the step at which the run resumes.

    Raises:
        UserError: the file exists and is damaged.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.rows: dict[int, dict[str, str]] = self._read()
        self.written_at = time.monotonic()

    @property
    def name(self) -> str:
        """Name, which Lightning requires of a logger."""
        return "metrics"

    @property
    def version(self) -> str:
        """Version, which Lightning requires of a logger."""
        return ""

    def log_hyperparams(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing: config.yaml in the same folder has the hyperparameters."""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Add values to a step's row, and drop later rows, which a resumed run computes again."""
        assert step is not None, "metrics.csv needs a step"
        if self.rows and step < max(self.rows):
            self.rows = {k: row for k, row in self.rows.items() if k <= step}
        self.rows.setdefault(step, {}).update({k: f"{v:.6g}" for k, v in metrics.items()})

    def save(self) -> None:
        """Write the file unless it was written in the last few seconds."""
        if time.monotonic() - self.written_at > SECONDS_BETWEEN_WRITES:
            self.write()

    def finalize(self, status: str) -> None:
        self.write()

    def _read(self) -> dict[int, dict[str, str]]:
        if not self.path.exists():
            return {}
        with self.path.open(newline="", encoding="utf-8") as file:
            rows = [{k: v for k, v in row.items() if v} for row in csv.DictReader(file)]
        try:
            return {int(row.pop("step")): row for row in rows}
        except (KeyError, ValueError) as error:
            raise UserError(
                f"{self.path} is damaged: delete it and run the same command again to resume"
            ) from error

    @rank_zero_only
    def write(self) -> None:
        columns = {column: None for row in self.rows.values() for column in row}
        with (
            atomic_write(self.path) as temporary,
            temporary.open("w", newline="", encoding="utf-8") as file,
        ):
            writer = csv.DictWriter(file, ["step", *sorted(columns)])
            writer.writeheader()
            writer.writerows({"step": step, **row} for step, row in self.rows.items())
        self.written_at = time.monotonic()
