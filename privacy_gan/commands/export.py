"""Exports a trained run as a self-contained folder."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from omegaconf import DictConfig

from privacy_gan.errors import DISK_FULL, UserError
from privacy_gan.release.exported import ExportedPrivatizer
from privacy_gan.release.onnx_export import TOLERANCE, export_onnx
from privacy_gan.release.trained_model import load_trained_model
from privacy_gan.reporting.model_card import render_model_card
from privacy_gan.runs.files import PARTIAL_SUFFIX
from privacy_gan.runs.folder import RunFolder


def main(config: DictConfig) -> None:
    """Export a run and print what is in the folder.

    Raises:
        UserError: the run cannot be exported, or the folder cannot be written.
    """
    trained = load_trained_model(Path(config.run))
    if not trained.is_run:
        raise UserError(f"run={trained.path} is an exported folder: give the folder of a run")
    privatizer = trained.privatizer
    hides, size, facts = list(privatizer.attributes), privatizer.image_size, privatizer.facts
    channels = privatizer.channels
    exported = ExportedPrivatizer.from_privatizer(privatizer, size, hides, facts, channels)
    if config.face_position:
        from privacy_gan.detection.detector import FaceDetector
        from privacy_gan.release.face_position import load_position

        load_position(trained.path, trained.is_run, FaceDetector())
    face_position = RunFolder(trained.path).face_position
    output = Path(config.output)
    with atomic_folder(output) as partial:
        card = render_model_card(trained.result, facts, hides, size, config.onnx, channels)
        (partial / "README.md").write_text(card, encoding="utf-8")
        trained.result.write(partial / "result.json")
        exported.save_pretrained(partial)
        if config.onnx:
            inference = exported.mechanism.for_inference()
            error = export_onnx(inference, size, partial / "model.onnx", channels)
        if face_position.exists():
            shutil.copyfile(face_position, partial / face_position.name)
    print(f"exported to {output}")
    print("  README.md           model card: read it, and fill in what only you know")
    print("  config.json         describes the mechanism")
    print("  model.safetensors   its weights")
    if config.onnx:
        print(
            "  model.onnx          the mechanism for other programs; differs from PyTorch by at "
            f"most {error:.1g} (tolerance {TOLERANCE:g})"
        )
    print("  result.json         all measurements")
    if face_position.exists():
        print("  face_position.json  where the training images have their faces, for fit=faces")


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder that is renamed to a path unless an error occurs.

    Raises:
        UserError: the path exists already, or it cannot be written.
    """
    if path.is_dir() and not any(path.iterdir()):
        path.rmdir()
    if path.exists():
        raise UserError(f"output={path} exists already: choose a new folder, or remove it")
    partial = path.with_name(f".{path.name}{PARTIAL_SUFFIX}")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        yield partial
        partial.rename(path)
    except OSError as error:
        if error.errno in DISK_FULL:
            error.filename = str(path)  # not set by a write to an open file
            raise
        raise UserError(
            f"cannot write to output={path} ({error.strerror or error}): choose another folder"
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
