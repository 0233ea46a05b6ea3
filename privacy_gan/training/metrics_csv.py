"""metrics.csv, which outlives interruptions.

Lightning's CSVLogger deletes the file that an earlier session of the same run left; this one goes
on with it.
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
    """One row per step, one column per metric; a cell is empty where a metric was not taken.

    Args:
        path: the file; rows that it holds already are kept, as far as they are not logged again.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.rows: dict[int, dict[str, str]] = self._read()
        self.written_at = time.monotonic()

    @property
    def name(self) -> str:
        """Lightning asks every logger for it."""
        return "metrics"

    @property
    def version(self) -> str:
        """Lightning asks every logger for it."""
        return ""

    def log_hyperparams(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing: the configuration lies beside the file."""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Put values into a step's row; later rows are from before an interruption and go."""
        assert step is not None, "a row belongs to a step"
        if self.rows and step < max(self.rows):
            self.rows = {kept: row for kept, row in self.rows.items() if kept <= step}
        self.rows.setdefault(step, {}).update({k: f"{v:.6g}" for k, v in metrics.items()})

    def save(self) -> None:
        """Write the file if the last time is some seconds ago."""
        if time.monotonic() - self.written_at > SECONDS_BETWEEN_WRITES:
            self.write()

    def finalize(self, status: str) -> None:
        """Write what the last save left out."""
        self.write()

    def _read(self) -> dict[int, dict[str, str]]:
        if not self.path.exists():
            return {}
        with self.path.open(newline="", encoding="utf-8") as file:
            rows = [{k: v for k, v in row.items() if v} for row in csv.DictReader(file)]
        try:
            return {int(row.pop("step")): row for row in rows}
        except (KeyError, ValueError) as error:
            raise UserError(f"{self.path} is damaged: delete it, training goes on") from error

    @rank_zero_only
    def write(self) -> None:
        """Write the file now."""
        columns = {column: None for row in self.rows.values() for column in row}
        with (
            atomic_write(self.path) as temporary,
            temporary.open("w", newline="", encoding="utf-8") as file,
        ):
            writer = csv.DictWriter(file, ["step", *sorted(columns)])
            writer.writeheader()
            writer.writerows({"step": step, **row} for step, row in self.rows.items())
        self.written_at = time.monotonic()
