"""Reports on finished runs, in files and in Weights & Biases."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig

from privacy_gan.errors import UserError
from privacy_gan.reporting.report import make_report, publish
from privacy_gan.reporting.sweep_chart import save_dashboard


def main(config: DictConfig) -> None:
    """Write the report's files and print its summary.

    Raises:
        UserError: the folder does not exist, or the report cannot be written.
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


def dashboard(config: DictConfig) -> None:
    """Save a sweep's dashboard in Weights & Biases and print its URL."""
    address = save_dashboard(
        config.project, config.group, [str(each) for each in config.attributes], config.entity
    )
    print(f"saved: {address}")
