"""The result of a run, result.json; docs/judging.md describes the file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from privacy_gan.errors import UserError
from privacy_gan.runs.evaluation import Evaluation
from privacy_gan.runs.files import atomic_write
from privacy_gan.runs.json_safe import json_safe
from privacy_gan.runs.version_6 import with_current_keys

# key in ``Result.training``: number of epochs, if a limit or a callback ended the training early
ENDED_AFTER = "ended_after_epochs"

RESULT_VERSION = 7  # increases when a name or a meaning in result.json changes


@dataclass(frozen=True)
class Result:
    """The results of a run.

    Attributes:
        data: name of the data.
        fingerprint: the settings that determine the results, by dotted path.
        training: validation metrics at the end of training.
        evaluations: evaluations by sensitive attribute; empty if the run was not evaluated.
        baseline: evaluations of the filter alone; None if the mechanism has no such baseline.
        environment: versions, device and precision, on which the last digits depend.
        version: version of the file format.
        mechanism: name of the mechanism in the configuration; "" in files of earlier versions.
    """

    data: str
    fingerprint: dict[str, Any]
    training: dict[str, float]
    evaluations: dict[str, Evaluation] = field(default_factory=dict)
    baseline: dict[str, Evaluation] | None = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    version: int = RESULT_VERSION
    mechanism: str = ""

    @classmethod
    def read(cls, path: Path) -> Result:
        """Read a result file.

        Version 6 differs in names only and is converted. Of an older result, only the fingerprint
        and the training metrics are read: the run can be evaluated again.

        Raises:
            UserError: the file is unreadable.
            FileNotFoundError, NotADirectoryError: the file does not exist.
        """
        try:
            tree = with_current_keys(json.loads(path.read_text(encoding="utf-8")))
            if tree.get("version") != RESULT_VERSION:
                return cls(
                    data=str(tree.get("data", "")),
                    fingerprint=dict(tree["fingerprint"]),
                    training=dict(tree["training"]),
                    version=int(tree.get("version", 0)),
                )
            evaluations, baseline = (
                None
                if by_attribute is None
                else {name: Evaluation.from_json(entry) for name, entry in by_attribute.items()}
                for by_attribute in (tree["evaluations"], tree["baseline"])
            )
            return cls(**{**tree, "evaluations": evaluations, "baseline": baseline})
        except (FileNotFoundError, NotADirectoryError):
            raise
        except OSError as error:
            raise UserError(
                f"{path} cannot be read ({error.strerror}): make it readable and run the same "
                "command again"
            ) from error
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise UserError(
                f"{path} is unreadable ({error}): delete it and repeat the command that made it"
            ) from error

    def is_complete(self, evaluate: bool, baseline: bool) -> bool:
        """Return whether the result contains everything requested.

        Args:
            evaluate: whether the run should be evaluated.
            baseline: whether its filter alone should be evaluated, too.
        """
        if not evaluate:
            return True
        # None if the mechanism has no baseline, empty if the baseline was not evaluated
        return bool(self.evaluations) and not (baseline and self.baseline == {})

    def require_current(self, path: Path) -> None:
        """Require a result of this version, whose numbers have the same meaning.

        Raises:
            UserError: another version wrote it.
        """
        if self.version != RESULT_VERSION:
            raise UserError(
                f"{path} was written by another version, whose numbers have other meanings: repeat "
                "the command that made it, which evaluates it again or says what to do"
            )

    def write(self, path: Path) -> None:
        """Write the file atomically."""
        with atomic_write(path) as file:
            file.write_text(json.dumps(json_safe(asdict(self)), indent=2) + "\n", encoding="utf-8")
