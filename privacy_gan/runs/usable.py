"""The mechanism of a finished run, with what is known of its training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import hydra.utils
from omegaconf import DictConfig

import privacy_gan
from privacy_gan.data.table_data_module import TableDataModule
from privacy_gan.privatizers.usable import UsablePrivatizer
from privacy_gan.runs.folder import open_folder
from privacy_gan.runs.loading import load_privatizer
from privacy_gan.runs.result import Result


def load_usable(path: Path) -> UsablePrivatizer:
    """Return the mechanism of a finished run as an exported one is returned.

    Args:
        path: the run folder.

    Raises:
        UserError: as ``runs.loading.load_privatizer``.
    """
    mechanism = load_privatizer(path)
    folder = open_folder(path)
    run = folder.config()
    hides = list(mechanism.attributes or (run.attribute,))
    facts = facts_of(run, folder.finished_result())
    return UsablePrivatizer(mechanism, run.image_size, hides, facts, has_pictures(run)).eval()


def facts_of(run: DictConfig, result: Result) -> dict[str, Any]:
    """Return what is to be known of a run's training wherever its mechanism goes."""
    return {
        "mechanism": run.mechanism,
        "attribute": run.attribute,
        "epsilon": run.epsilon,
        "seed": run.seed,
        "data": result.data,
        "precision": run.trainer.precision,
        "made_by": f"privacy_gan {privacy_gan.__version__}",
    }


def has_pictures(run: DictConfig) -> bool:
    """Tell whether a run was trained on pictures, and not on toy data."""
    served_by = hydra.utils.get_class(run.data._target_)
    return not issubclass(served_by, TableDataModule) or served_by.pictures
