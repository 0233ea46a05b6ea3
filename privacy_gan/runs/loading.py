"""Loading trained mechanisms from run folders."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import hydra.utils
import torch
from omegaconf import DictConfig

import privacy_gan
from privacy_gan.config import instantiate_mechanism
from privacy_gan.data.table_data_module import TableDataModule
from privacy_gan.errors import UserError
from privacy_gan.models.subspace_filter import Mixture
from privacy_gan.privatizers.loaded import LoadedPrivatizer
from privacy_gan.runs.checkpoint import read_checkpoint
from privacy_gan.runs.folder import RunFolder, open_folder
from privacy_gan.runs.json_safe import json_safe
from privacy_gan.runs.result import Result
from privacy_gan.tensors import require_finite

if TYPE_CHECKING:
    from privacy_gan.privatizers.base import Privatizer


def load_mechanism(path: str | Path) -> Privatizer:
    """Return the mechanism of a finished run.

    Its files contain no code, but its config.yaml names functions to call, which may be any that is
    installed: load folders from people you trust only.

    Args:
        path: the run folder.

    Returns:
        The trained mechanism in evaluation mode, without gradients, on the CPU.

    Raises:
        UserError: the folder contains no finished run, another version wrote it, or a file in it is
            damaged.
    """
    folder = open_folder(Path(path))
    folder.finished_result().require_current(folder.result_file)
    config = folder.config()
    privatizer: Privatizer = instantiate_mechanism(config.privatizer, config.seed)
    if privatizer.state_dict():
        try:
            privatizer.load_state_dict(read_weights(path))
        except RuntimeError as error:  # names or shapes differ
            raise UserError(
                f"{folder.checkpoint} does not fit {folder.config_file}: train the run again"
            ) from error
    privatizer.eval().requires_grad_(False)
    return privatizer.to(memory_format=torch.channels_last)


def load_initial_weights(privatizer: Privatizer, path: str) -> None:
    """Load the weights of a finished run into a mechanism before its training.

    Raises:
        UserError: see ``read_weights``; or the weights belong to another mechanism.
    """
    weights, own = read_weights(path), privatizer.state_dict()
    # shapes are compared, because a subspace would adopt those of other images
    if {name: value.shape for name, value in weights.items()} != {
        name: value.shape for name, value in own.items()
    }:
        raise UserError(
            f"start_from={path} contains another mechanism than this run trains: networks, "
            "image_size, width, num_classes and the number of principal components "
            "(networks.components) must be the same"
        )
    privatizer.load_state_dict(weights)
    for module in privatizer.modules():
        if isinstance(module, Mixture):
            module.kept.zero_()  # the new training keeps other snapshots


def read_weights(path: str | Path) -> dict[str, Any]:
    """Return the state_dict of a finished run's mechanism.

    Args:
        path: the run folder.

    Raises:
        UserError: there is no checkpoint, it is damaged or belongs to another run, or its weights
            are not finite.
    """
    folder = RunFolder(Path(path))
    result = folder.finished_result()
    try:
        checkpoint = read_checkpoint(folder.checkpoint, mmap=True)
    except FileNotFoundError as error:
        raise UserError(f"{path} has no checkpoint last.ckpt: train the run again") from error
    if json_safe(checkpoint["identity"]) != result.fingerprint:
        raise UserError(
            f"{folder.checkpoint} belongs to another run than {folder.result_file}: "
            "train the run again"
        )
    require_finite(
        checkpoint["state_dict"], folder.checkpoint, f"delete {path} and train the run again"
    )
    return dict(checkpoint["state_dict"])


def load_run(path: Path) -> LoadedPrivatizer:
    """Return the mechanism of a finished run in the same form as an exported one.

    Args:
        path: the run folder.

    Raises:
        UserError: see ``load_mechanism``.
    """
    mechanism = load_mechanism(path)
    folder = open_folder(path)
    run = folder.config()
    hides = list(mechanism.attributes or (run.attribute,))
    facts = training_facts(run, folder.finished_result())
    settings = (run.image_size, hides, facts, trained_on_images(run), run.data.get("channels", 3))
    return LoadedPrivatizer(mechanism, *settings).eval()


def training_facts(run: DictConfig, result: Result) -> dict[str, Any]:
    """Return the facts about a run's training that accompany its mechanism."""
    return {
        "mechanism": run.mechanism,
        "attribute": run.attribute,
        "epsilon": run.epsilon,
        "seed": run.seed,
        "data": result.data,
        "precision": run.trainer.precision,
        "made_by": f"privacy_gan {privacy_gan.__version__}",
    }


def trained_on_images(run: DictConfig) -> bool:
    """Return whether a run was trained on images, not on toy data."""
    data_module = hydra.utils.get_class(run.data._target_)
    return not issubclass(data_module, TableDataModule) or data_module.viewable
