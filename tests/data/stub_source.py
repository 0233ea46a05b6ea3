"""A source of solid-colour images for tests of the image cache."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from privacy_gan.data.image_writer import CHUNK
from privacy_gan.errors import UserError

COUNT = 5 * CHUNK - 100


@dataclass(frozen=True)
class StubSource:
    """Solid images whose colour encodes their index. Each started chunk adds a line to `log`."""

    log: Path
    version: str = "a"
    count: int = COUNT
    fail_from: int | None = None  # raise a UserError from this image on
    die_from: int | None = None  # kill the process from this image on, as if out of memory
    gate: Path | None = None  # wait for this file after the first chunk
    image_size: int = 16
    channels: int = 3
    name: str = "stub-16"
    attribute_names: tuple[str, ...] = ("Odd", "Late")

    def cache_key(self):
        return self.version.encode().hex() * 32

    def labels(self):
        index = np.arange(self.count)
        attributes = np.stack([index % 2, index >= self.count // 2], axis=1).astype(np.uint8)
        return attributes, (index % 3).astype(np.uint8)

    def persons(self):
        return None

    def images(self, start, stop):
        with self.log.open("a") as log:
            log.write(f"{os.getpid()}\n")
        while start and self.gate is not None and not self.gate.exists():
            time.sleep(0.01)
        if self.fail_from is not None and start >= self.fail_from:
            raise UserError(f"image {start} of {self.name} is bad: replace it")
        if self.die_from is not None and start >= self.die_from:
            os.kill(os.getpid(), signal.SIGKILL)
        return solid_images(start, stop)


def solid_images(start, stop):
    index = np.arange(start, stop)
    pixels = np.stack([index % 256, index // 256, np.full_like(index, 7)], axis=-1)
    return np.tile(pixels[:, None, None], (1, 16, 16, 1)).astype(np.uint8)


def count_started_chunks(source):
    return len(source.log.read_text().split()) if source.log.exists() else 0


def check_table(table, source):
    attributes, splits = source.labels()
    np.testing.assert_array_equal(table.images, solid_images(0, source.count))
    np.testing.assert_array_equal(table.attributes, attributes)
    np.testing.assert_array_equal(table.splits, splits)
    assert table.attribute_names == source.attribute_names
    assert table.cache_key == source.cache_key()


def cache_folders(cache_dir):
    """Return the names in the cache folder except lock files."""
    return [path.name for path in cache_dir.iterdir() if path.suffix != ".lock"]
