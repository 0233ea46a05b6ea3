"""Report on finished runs."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig

from privacy_gan.errors import UserError
from privacy_gan.reporting.publishing import publish
from privacy_gan.reporting.report import make_report


def main(config: DictConfig) -> None:
    """Write the report's files, and print what is worth reading at once.

    Raises:
        UserError: there is no such folder, or the report cannot be written.
    """
    folder, output = Path(config.folder), Path(config.output)
    try:
        report = make_report(folder, output, bool(config.faces))
    except OSError as error:
        raise UserError(
            f"cannot write the report to {output} ({error.strerror or error}): choose another "
            "folder with output=FOLDER"
        ) from error
    print(report.text)
    if config.wandb is not None:
        publish(report, str(config.wandb), output)
