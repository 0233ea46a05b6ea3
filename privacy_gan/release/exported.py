"""Exported mechanisms: model folders in the layout of the Hugging Face Hub.

A folder contains config.json, which describes the mechanism with names from ``KINDS``, and
model.safetensors, which contains only tensors. Loading needs neither Lightning nor Hydra and
executes nothing from the folder: config.json cannot name code.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import ModelHubMixin, constants, hf_hub_download
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import nn

from privacy_gan.errors import UserError, is_out_of_memory
from privacy_gan.models.stargan import StarGANGenerator
from privacy_gan.models.subspace import Subspace
from privacy_gan.models.subspace_filter import SubspaceFilter
from privacy_gan.models.unet import UNet
from privacy_gan.privatizers.base import Privatizer
from privacy_gan.privatizers.blur import Blur
from privacy_gan.privatizers.codebook import CodebookPrivatizer
from privacy_gan.privatizers.identity import Identity
from privacy_gan.privatizers.inference import (
    FilterGeneratorInference,
    FilterInference,
    GeneratorInference,
    StarGANInference,
)
from privacy_gan.privatizers.loaded import LoadedPrivatizer
from privacy_gan.privatizers.noise import Noise
from privacy_gan.privatizers.pixelate import Pixelate
from privacy_gan.privatizers.projection import Projection
from privacy_gan.privatizers.stack import Chain
from privacy_gan.privatizers.transport import Transport
from privacy_gan.tensors import require_finite

CONFIG, WEIGHTS = constants.CONFIG_NAME, constants.SAFETENSORS_SINGLE_FILE
FACTS = ("mechanism", "attribute", "epsilon", "seed", "data", "precision", "made_by")
FORMAT = 1  # increase it when a name or a meaning in config.json changes

# Everything that config.json can name, and therefore everything that is ever built from one.
KINDS: dict[str, Callable[..., nn.Module]] = {
    "filter_generator": FilterGeneratorInference,
    "filter": FilterInference,
    "generator": GeneratorInference,
    "stargan": StarGANInference,
    "transport": Transport,
    "blur": Blur,
    "pixelate": Pixelate,
    "noise": Noise,
    "projection": Projection,
    "codebook": CodebookPrivatizer,
    "identity": Identity,
    "stack": Chain,
    "unet": UNet,
    "subspace": Subspace,
    "subspace_filter": SubspaceFilter,
    "stargan_generator": StarGANGenerator,
}
KIND_NAMES = {kind: name for name, kind in KINDS.items()}


class ExportedPrivatizer(
    LoadedPrivatizer, ModelHubMixin, library_name="privacy_gan", tags=["privacy", "image-to-image"]
):
    """A trained mechanism for inference.

    ``from_pretrained("USER/NAME")`` loads one from the hub, ``load_exported`` one from this
    machine.

    Args:
        mechanism: description of the mechanism, as returned by ``to_config``.
        image_size: side of the images that it was trained on, in pixels.
        hides: the sensitive attributes.
        facts: further facts about its training, with the keys in ``FACTS``.
        format: version of the format of config.json.
        channels: of these images, 3, or 1 for grey ones.

    Raises:
        ValueError, TypeError, UserError: the description or the format is invalid.
    """

    def __init__(
        self,
        *,
        mechanism: dict[str, Any],
        image_size: int,
        hides: list[str],
        facts: dict[str, Any],
        format: int = FORMAT,
        channels: int = 3,
    ) -> None:
        if format != FORMAT:
            raise ValueError(
                f"its format is {format}, but this version of privacy_gan reads format {FORMAT}"
            )
        if missing := [name for name in FACTS if name not in facts]:
            raise ValueError(f"{missing[0]} is missing in its facts")
        privatizer = from_config(mechanism)
        if not isinstance(privatizer, Privatizer):
            raise ValueError("it does not describe a mechanism")
        super().__init__(privatizer, image_size, hides, facts, channels=channels)

    @classmethod
    def from_privatizer(
        cls,
        privatizer: Privatizer,
        image_size: int,
        hides: list[str],
        facts: dict[str, Any],
        channels: int = 3,
    ) -> ExportedPrivatizer:
        """Return a copy of a trained mechanism for export.

        Raises:
            UserError: the mechanism or one of its networks is not part of this project, or a weight
                is not finite.
        """
        inference = privatizer.for_inference()
        config = to_config(inference)
        exported = cls(
            mechanism=config, image_size=image_size, hides=hides, facts=facts, channels=channels
        )
        weights = inference.state_dict()
        require_finite(weights, f"the {type(inference).__name__}", "train it again")
        exported.mechanism.load_state_dict(weights)
        return prepare_for_inference(exported)

    def _save_pretrained(self, save_directory: Path) -> None:
        """Write the weights. ModelHubMixin writes config.json."""
        tensors = {name: tensor.contiguous() for name, tensor in self.state_dict().items()}
        (save_directory / WEIGHTS).write_bytes(save(tensors, metadata={"format": "pt"}))

    @classmethod
    def _from_pretrained(cls, *, model_id: str, **arguments: Any) -> ExportedPrivatizer:
        """Load the weights, from safetensors only. Every weight must be present."""
        download_options = ("revision", "cache_dir", "force_download", "local_files_only", "token")
        options = {name: arguments.pop(name) for name in download_options if name in arguments}
        path = Path(model_id) / WEIGHTS
        if not Path(model_id).is_dir():
            path = Path(hf_hub_download(model_id, WEIGHTS, **options))
        return load_weights(build_without_weights(arguments), path)


def load_exported(path: Path) -> ExportedPrivatizer:
    """Load an exported mechanism.

    Args:
        path: the exported folder on this machine.

    Returns:
        The mechanism in evaluation mode, without gradients, on the CPU.

    Raises:
        UserError: a file in the folder is missing, damaged or invalid.
    """
    config, weights = path / CONFIG, path / WEIGHTS
    try:
        exported = build_without_weights(json.loads(config.read_text(encoding="utf-8")))
    except OSError as error:
        raise unreadable_error(config, error.strerror) from error
    except Exception as error:  # a hostile description can cause any
        raise damaged_error(config, error) from error
    try:
        return load_weights(exported, weights)
    except FileNotFoundError as error:
        raise UserError(f"{path} contains no {WEIGHTS}: export the run again") from error
    except OSError as error:
        raise unreadable_error(weights, error.strerror or error) from error
    except (
        SafetensorError,
        RuntimeError,
        ValueError,
    ) as error:  # damaged, or other names or shapes
        raise damaged_error(weights, error) from error


def to_config(value: Any) -> Any:
    """Return a JSON description of a mechanism or network: its kind and arguments, no weights.

    Raises:
        UserError: its class, or the class of one of its parts, is not in ``KINDS``.
    """
    if isinstance(value, nn.Module):
        if type(value) not in KIND_NAMES:
            raise UserError(
                f"{type(value).__name__} is not part of this project and cannot be exported; "
                f"these can: {', '.join(KIND_NAMES.values())}"
            )
        return {"kind": KIND_NAMES[type(value)], **to_config(value.arguments())}  # type: ignore[operator]
    if isinstance(value, Mapping):
        return {str(name): to_config(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [to_config(entry) for entry in value]
    return value


def from_config(value: Any) -> Any:
    """Build a mechanism or network from its description by ``to_config``, with new weights.

    Raises:
        ValueError: the kind is unknown.
        TypeError, UserError: the kind does not accept the arguments.
    """
    if isinstance(value, Mapping):
        entries = {name: from_config(entry) for name, entry in value.items()}
        if "kind" not in entries:
            return entries
        kind = entries.pop("kind")
        if kind not in KINDS:
            raise ValueError(f"kind {kind!r} is unknown")
        return KINDS[kind](**entries)
    if isinstance(value, list):
        return [from_config(entry) for entry in value]
    return value


def build_without_weights(config: dict[str, Any]) -> ExportedPrivatizer:
    """Build a mechanism from its config on the meta device, so that it takes no memory yet."""
    with torch.device("meta"):
        return ExportedPrivatizer(**config)


def load_weights(exported: ExportedPrivatizer, path: Path) -> ExportedPrivatizer:
    """Load the weights of a mechanism from a file, and return the mechanism.

    Raises:
        ValueError, RuntimeError, SafetensorError: the file is damaged or does not fit.
        UserError: a weight is not finite.
    """
    weights = load_file(path)
    for name, expected in exported.state_dict().items():
        if name in weights and weights[name].dtype != expected.dtype:
            raise ValueError(f"{name} is {weights[name].dtype}, not {expected.dtype}")
    exported.load_state_dict(weights, assign=True)
    require_finite(weights, path, "export another run")
    return prepare_for_inference(exported)


def prepare_for_inference(exported: ExportedPrivatizer) -> ExportedPrivatizer:
    """Set evaluation mode, disable gradients and use the faster channels-last layout."""
    return exported.eval().requires_grad_(False).to(memory_format=torch.channels_last)


def unreadable_error(path: Path, reason: object) -> UserError:
    """Return a one-line error for a file that cannot be read."""
    return UserError(
        f"{path} cannot be read ({reason}): make it readable and run the same command again"
    )


def damaged_error(path: Path, error: Exception) -> UserError:
    """Return a one-line error for a file that cannot be used."""
    if is_out_of_memory(error):
        return UserError(
            f"{path} cannot be read: not enough memory; free some and run the same command again"
        )
    why = " ".join(str(error).split()) or type(error).__name__
    return UserError(
        f"{path} is damaged or not part of an exported mechanism ({why[:200]}): "
        "export the run again"
    )
