"""Exported mechanisms: folders as the Hugging Face hub expects them of a model.

They hold config.json, which describes the mechanism by names that ``KINDS`` lists, and
model.safetensors, which holds tensors and nothing else. Neither Lightning nor Hydra is needed to
read them, and nothing in them is executed: a description from a stranger names no code.
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
from privacy_gan.models.unet import UNet
from privacy_gan.privatizers.base import Privatizer
from privacy_gan.privatizers.blur import Blur
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
from privacy_gan.privatizers.stack import Chain
from privacy_gan.privatizers.transport import Transport
from privacy_gan.tensors import require_finite

CONFIG, WEIGHTS = constants.CONFIG_NAME, constants.SAFETENSORS_SINGLE_FILE
FACTS = ("mechanism", "attribute", "epsilon", "seed", "data", "precision", "made_by")
FORMAT = 1  # rises when a name or a meaning in config.json changes

# All that config.json can name, and so all that is ever made of one.
KINDS: dict[str, Callable[..., nn.Module]] = {
    "filter_generator": FilterGeneratorInference,
    "filter": FilterInference,
    "generator": GeneratorInference,
    "stargan": StarGANInference,
    "transport": Transport,
    "blur": Blur,
    "pixelate": Pixelate,
    "noise": Noise,
    "identity": Identity,
    "stack": Chain,
    "unet": UNet,
    "stargan_generator": StarGANGenerator,
}
KIND_NAMES = {kind: name for name, kind in KINDS.items()}


class ExportedPrivatizer(
    LoadedPrivatizer, ModelHubMixin, library_name="privacy_gan", tags=["privacy", "image-to-image"]
):
    """A trained mechanism that is to be used and no longer trained.

    ``from_pretrained("USER/NAME")`` takes one from the hub, ``load_exported`` one from this
    machine.

    Args:
        mechanism: as ``describe`` describes it.
        image_size: side of the squares that it was trained on, in pixels.
        hides: the sensitive attributes.
        facts: what else is known of its training, by the names in ``FACTS``.
        format: of config.json.

    Raises:
        ValueError, TypeError, UserError: there is no such mechanism or format.
    """

    def __init__(
        self,
        *,
        mechanism: dict[str, Any],
        image_size: int,
        hides: list[str],
        facts: dict[str, Any],
        format: int = FORMAT,
    ) -> None:
        if format != FORMAT:
            raise ValueError(f"its format is {format}, this version of privacy_gan reads {FORMAT}")
        if lacking := [name for name in FACTS if name not in facts]:
            raise ValueError(f"its facts lack {lacking[0]}")
        made = from_config(mechanism)
        if not isinstance(made, Privatizer):
            raise ValueError("it describes no mechanism")
        super().__init__(made, image_size, hides, facts)

    @classmethod
    def of(
        cls, privatizer: Privatizer, image_size: int, hides: list[str], facts: dict[str, Any]
    ) -> ExportedPrivatizer:
        """Return a trained mechanism as it is to be exported, with weights of its own.

        Raises:
            UserError: it, or a network of it, is not one of this project.
        """
        used = privatizer.for_inference()
        exported = cls(mechanism=to_config(used), image_size=image_size, hides=hides, facts=facts)
        require_finite(used.state_dict(), f"the {type(used).__name__}", "train it again")
        exported.mechanism.load_state_dict(used.state_dict())
        return prepare_for_inference(exported)

    def _save_pretrained(self, save_directory: Path) -> None:
        """Write the weights; the hub's library writes config.json."""
        tensors = {name: tensor.contiguous() for name, tensor in self.state_dict().items()}
        (save_directory / WEIGHTS).write_bytes(save(tensors, metadata={"format": "pt"}))

    @classmethod
    def _from_pretrained(cls, *, model_id: str, **given: Any) -> ExportedPrivatizer:
        """Read the weights, all of which must be there; nothing but safetensors is read."""
        download = ("revision", "cache_dir", "force_download", "local_files_only", "token")
        options = {name: given.pop(name) for name in download if name in given}
        path = Path(model_id) / WEIGHTS
        if not Path(model_id).is_dir():
            path = Path(hf_hub_download(model_id, WEIGHTS, **options))
        return load_weights(build_without_weights(given), path)


def load_exported(path: Path) -> ExportedPrivatizer:
    """Return an exported mechanism.

    Args:
        path: its folder on this machine.

    Returns:
        The mechanism in evaluation mode, without gradients, on the CPU.

    Raises:
        UserError: the folder is none, or something in it is wrong or damaged.
    """
    config, weights = path / CONFIG, path / WEIGHTS
    try:
        exported = build_without_weights(json.loads(config.read_text(encoding="utf-8")))
    except OSError as error:
        raise UserError(f"{config} cannot be read ({error.strerror})") from error
    except Exception as error:  # whatever it is that a stranger's description asks for
        raise damaged_error(config, error) from error
    try:
        return load_weights(exported, weights)
    except FileNotFoundError as error:
        raise UserError(f"{path} holds no {WEIGHTS}: export the run again") from error
    except OSError as error:
        raise UserError(f"{weights} cannot be read ({error.strerror or error})") from error
    except (SafetensorError, RuntimeError, ValueError) as error:  # damaged; other names or shapes
        raise damaged_error(weights, error) from error


def to_config(value: Any) -> Any:
    """Return a mechanism or network as JSON: its kind and what that makes it of, but no weights.

    Raises:
        UserError: it is, or consists of, something that is not listed.
    """
    if isinstance(value, nn.Module):
        if type(value) not in KIND_NAMES:
            raise UserError(
                f"{type(value).__name__} is not part of this project, so that an exported file "
                f"could not name it: {', '.join(KIND_NAMES.values())} can be exported"
            )
        return {"kind": KIND_NAMES[type(value)], **to_config(value.arguments())}  # type: ignore[operator]
    if isinstance(value, Mapping):
        return {str(name): to_config(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [to_config(entry) for entry in value]
    return value


def from_config(value: Any) -> Any:
    """Return what ``describe`` described, with weights that are not the described one's.

    Raises:
        ValueError: there is no such kind.
        TypeError, UserError: a kind is not made of such arguments.
    """
    if isinstance(value, Mapping):
        entries = {name: from_config(entry) for name, entry in value.items()}
        if "kind" not in entries:
            return entries
        kind = entries.pop("kind")
        if kind not in KINDS:
            raise ValueError(f"there is no kind {kind!r}")
        return KINDS[kind](**entries)
    if isinstance(value, list):
        return [from_config(entry) for entry in value]
    return value


def build_without_weights(config: dict[str, Any]) -> ExportedPrivatizer:
    """Return what a description describes, on no device: whatever its size, it takes no memory."""
    with torch.device("meta"):
        return ExportedPrivatizer(**config)


def load_weights(exported: ExportedPrivatizer, path: Path) -> ExportedPrivatizer:
    """Return a mechanism with the weights of a file.

    Raises:
        ValueError, RuntimeError, SafetensorError: these are not its weights.
        UserError: they are not finite.
    """
    weights = load_file(path)
    for name, expected in exported.state_dict().items():
        if name in weights and weights[name].dtype != expected.dtype:
            raise ValueError(f"{name} is {weights[name].dtype}, not {expected.dtype}")
    exported.load_state_dict(weights, assign=True)
    require_finite(weights, path, "export another run")
    return prepare_for_inference(exported)


def prepare_for_inference(exported: ExportedPrivatizer) -> ExportedPrivatizer:
    """Return a mechanism in evaluation mode, without gradients, laid out as it is fastest."""
    return exported.eval().requires_grad_(False).to(memory_format=torch.channels_last)


def damaged_error(path: Path, error: Exception) -> UserError:
    """Return what to tell of a file that cannot be used, in one line."""
    if is_out_of_memory(error):
        return UserError(f"{path} cannot be read: not enough memory")
    why = " ".join(str(error).split()) or type(error).__name__
    return UserError(
        f"{path} is damaged, or not of an exported mechanism ({why[:200]}): export the run again"
    )
