"""Inception for the usual FID, where its weights are at hand; nothing is downloaded."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn
from torchmetrics.image.fid import NoTrainInceptionV3

from privacy_gan.errors import UserError
from privacy_gan.tensor_files import DamagedFile, ForeignFile, read_tensors


def load_inception(weights: str | Path | None, device: torch.device) -> nn.Module | None:
    """Return torch-fidelity's InceptionV3, bytes [B, 3, H, W] to features [B, 2048].

    Args:
        weights: its state dict's file, as torch-fidelity publishes it; None for no network.
        device: where it goes.

    Raises:
        UserError: the file is missing or not such a state dict, or torch-fidelity is not installed.
    """
    if weights is None:
        return None
    if not Path(weights).is_file():
        raise UserError(f"judge.inception_weights={weights} does not exist: give a local file")
    try:
        read_tensors(Path(weights))  # a damaged file is refused before torchmetrics loads it
        network: nn.Module = NoTrainInceptionV3(
            name="inception-v3-compat",
            features_list=["2048"],
            feature_extractor_weights_path=str(weights),
        )
    except ModuleNotFoundError as error:
        raise UserError(
            "judge.inception_weights needs torch-fidelity: pip install 'privacy_gan[fid]'"
        ) from error
    except (
        DamagedFile,
        ForeignFile,
        RuntimeError,
        LookupError,
        TypeError,
        AttributeError,
    ) as error:
        raise UserError(f"{weights} holds no weights of torch-fidelity's InceptionV3") from error
    return network.to(device).eval()
