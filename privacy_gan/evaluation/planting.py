"""Planted leaks: faint patterns in some images that reveal s, of known size.

A pattern is a checkerboard of coarse blocks, seen through a square window that each image has at
another place. Its sign in the blocks is the value of s. In an informative image, s is thus known to
an adversary that reads the pattern. If the other images are independent of s, the best accuracy is

    share + (1 - share) * majority

where majority is the frequency of the most frequent value: a leak of size
share * (1 - majority) above the majority baseline.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from privacy_gan.data.table_data_module import SPLITS, TableDataModule
from privacy_gan.errors import UserError
from privacy_gan.evaluation.censored_once import CensoredOnce

STRENGTH = 25  # gray levels of 255 that the pattern adds or subtracts: a tenth of the range
WINDOW = 1 / 2  # side of the window, relative to the image's
BLOCK = 1 / 8  # side of a block, relative to the image's
MAX_CLASSES = 16  # whose codes fit into the columns of blocks in a window


def require_plantable(datamodule: TableDataModule, attribute: str) -> None:
    """Require data into which leaks of an attribute can be planted.

    Raises:
        UserError: the data are not images, or the attribute has too many values.
    """
    if not datamodule.viewable:
        raise UserError(
            f"judge.power plants patterns into images, and {datamodule.data_name} is not image "
            "data: set it to false"
        )
    if (classes := len(datamodule.classes(attribute))) > MAX_CLASSES:
        raise UserError(
            f"judge.power plants patterns for at most {MAX_CLASSES} values, and {attribute} has "
            f"{classes}: set it to false"
        )


def informative_share(size: float, majority: float) -> float | None:
    """Return the share of informative images for a leak of a size; None if it is above 1.

    Args:
        size: accuracy above the majority baseline, as a share.
        majority: frequency of the most frequent value of s.
    """
    room = 1 - majority
    return size / room if 0 < size <= room else None


def plant_leak(data: CensoredOnce, attribute: str, share: float, seed: int) -> CensoredOnce:
    """Return images with a leak of an attribute planted into a share of them.

    The informative images are drawn within each split and class, so that they are independent of s.

    Args:
        data: viewable images.
        attribute: name of the attribute.
        share: share of the images that get a pattern.
        seed: seed of the choice of images and of the windows' places.
    """
    images = np.array(data.table.images)
    values = data.table.attributes[:, data.column(attribute)]
    patterns = class_patterns(len(data.classes(attribute)), images.shape[1], images.shape[2])
    height, width = window_size(images.shape[1]), window_size(images.shape[2])
    rng = np.random.default_rng(seed)
    for row in informative_rows(data, values, share, rng):
        top = rng.integers(images.shape[1] - height + 1)
        left = rng.integers(images.shape[2] - width + 1)
        window = np.s_[top : top + height, left : left + width]
        shown = images[row][window] + patterns[values[row]][window][..., None]
        images[row][window] = shown.clip(0, 255)
    return data.with_table(replace(data.table, images=images))


def informative_rows(
    data: CensoredOnce, values: npt.NDArray[np.uint8], share: float, rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Return random rows, a share of each class in each split."""
    chosen = []
    for split in SPLITS:
        rows = data.rows(split)
        for value in np.unique(values[rows]):
            members = rng.permutation(rows[values[rows] == value])
            chosen.append(members[: round(share * len(members))])
    return np.concatenate(chosen)


def class_patterns(num_classes: int, height: int, width: int) -> npt.NDArray[np.int64]:
    """Return the pattern of each class without a window, gray levels [C, height, width].

    Each column of blocks shows one bit of the class's number as the sign of the checkerboard; the
    bits take turns.
    """
    rows = np.arange(height) // max(1, round(BLOCK * height))
    columns = np.arange(width) // max(1, round(BLOCK * width))
    checkerboard = 1 - 2 * ((rows[:, None] + columns) % 2)
    bits = max(1, math.ceil(math.log2(num_classes)))
    digits = np.arange(num_classes)[:, None] >> (columns % bits) & 1  # [C, width]
    return STRENGTH * (2 * digits[:, None, :] - 1) * checkerboard


def window_size(side: int) -> int:
    """Return the side of a window in an image of this side, in pixels."""
    return max(1, round(WINDOW * side))
