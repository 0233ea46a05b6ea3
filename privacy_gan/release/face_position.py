"""The position of the faces that a mechanism was trained on: kept with it, or measured."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

from privacy_gan.config import config_to_dict
from privacy_gan.data.image_source import open_source, training_indices
from privacy_gan.detection.detector import FaceDetector
from privacy_gan.detection.position import FacePosition, measure_position
from privacy_gan.errors import DISK_FULL, UserError
from privacy_gan.runs.files import atomic_write
from privacy_gan.runs.folder import FACE_POSITION, RunFolder

NUM_IMAGES = 500
SHAPE_STEP = 20  # between images whose shape is looked at

log = logging.getLogger(__name__)


def load_position(path: Path, is_run: bool, detector: FaceDetector) -> FacePosition:
    """Return the position of the faces that a mechanism was trained on.

    It is in the folder of the mechanism. If it is not, it is measured in the training images of a
    run, and kept there.

    Args:
        path: the folder of a run or of an exported mechanism.
        is_run: whether it is that of a run.
        detector: finds the faces.

    Raises:
        UserError: the position is damaged or was measured with another detector, or it is missing
            and cannot be measured.
    """
    file = path / FACE_POSITION
    try:
        position = FacePosition.parse(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if not is_run:
            raise UserError(
                f"{path} contains no {FACE_POSITION}, which fit=faces needs: export the run again "
                "with face_position=true"
            ) from None
        return measure_and_keep(RunFolder(path), detector)
    except OSError as error:
        raise UserError(f"{file} cannot be read ({error.strerror}): make it readable") from error
    except (ValueError, TypeError, LookupError) as error:
        raise UserError(f"{file} is damaged ({error}): {remedy(is_run)}") from error
    if position.detector != detector.weights:
        raise UserError(f"{file} was measured with another face detector: {remedy(is_run)}")
    return position


def remedy(is_run: bool) -> str:
    """Return what to do about a position that cannot be used."""
    return "delete it, and it is measured again" if is_run else "export the run again"


def measure_and_keep(folder: RunFolder, detector: FaceDetector) -> FacePosition:
    """Measure the position of the faces in a run's training images and keep it in the run's folder.

    Raises:
        UserError: the training images are not files or drawn faces, are missing, or show no faces.
    """
    run = folder.config()
    source = open_source(config_to_dict(run.data))
    if source is None:
        raise UserError(
            f"run={folder.path} was trained on {run.data_name}, in which no faces can be searched "
            "for: use fit=whole or fit=center"
        )
    indices = training_indices(source, NUM_IMAGES)
    images = [source.images(index, index + 1)[0] for index in indices]
    heights = [source.height_over_width(index) for index in indices[::SHAPE_STEP]]
    position = measure_position(images, float(np.median(heights)), detector)
    try:
        with atomic_write(folder.face_position) as file:
            file.write_text(position.to_json(), encoding="utf-8")
    except OSError as error:
        if error.errno in DISK_FULL:
            raise
        log.warning("%s cannot be written (%s)", folder.face_position, error.strerror)
    return position
