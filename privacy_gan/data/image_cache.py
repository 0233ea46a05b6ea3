"""Cache decoded images on disk, so that later runs map them into memory.

A cache is the folder `<source's name>-<cache key>` with three files:

    images.npy   uint8 [N, S, S, C], C = 3, or 1 for grey images
    labels.npz   attributes uint8 [N, A] and splits uint8 [N]
    meta.json    cache key, attribute names, and size, time and checksum of the other two

It is built under a lock in a temporary folder, which is renamed when complete, so a cache is either
complete or absent. This module does not import torch, so worker processes start quickly.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from filelock import FileLock, Timeout

from privacy_gan.data.image_source import ImageSource
from privacy_gan.data.image_writer import ImageArrayFile, write_images
from privacy_gan.errors import DISK_FULL, UserError

logger = logging.getLogger(__name__)

CACHE_VERSION = 1
IMAGES, LABELS, META = "images.npy", "labels.npz", "meta.json"
DAMAGE_ERRORS = (ValueError, LookupError, TypeError, EOFError, zipfile.BadZipFile)


@dataclass(frozen=True)
class ImageTable:
    """All images and labels of a source.

    Attributes:
        images: uint8 [N, S, S, C], a read-only memory map; or float32 [N, H, W, C], toy data in
            memory.
        attributes: uint8 [N, A], numbers of classes, or ``UNKNOWN``.
        splits: uint8 [N], 0 train, 1 valid, 2 test.
        attribute_names: names of the A attributes.
        cache_key: the source's cache key.
    """

    images: npt.NDArray[np.uint8 | np.float32]
    attributes: npt.NDArray[np.uint8]
    splits: npt.NDArray[np.uint8]
    attribute_names: tuple[str, ...]
    cache_key: str


def load_or_build(
    source: ImageSource, cache_dir: Path, num_workers: int | None = None
) -> ImageTable:
    """Open the source's cache in `cache_dir`. Build it first if it is missing or damaged.

    Args:
        source: the images and labels.
        cache_dir: folder of all caches.
        num_workers: processes that build the cache; by default one for each available core.

    Raises:
        UserError: the source cannot be read, the folder cannot be written, or the disk is full. No
            partial cache remains.
    """
    cache_key = source.cache_key()
    folder = cache_dir / f"{source.name}-{cache_key[:12]}"
    table = _open_if_valid(folder, cache_key)
    if table is not None:
        return table
    with _hold_lock(folder):
        # another process may have built it while this one waited
        table = _open_if_valid(folder, cache_key)
        if table is not None:
            return table
        if folder.exists():
            logger.warning("The image cache %s is damaged: rebuilding it", folder)
            try:
                shutil.rmtree(folder)
            except OSError as error:
                raise _unusable_error(cache_dir, error) from error
        _build(source, folder, cache_key, num_workers)
        return _open(folder, cache_key)


def _open_if_valid(folder: Path, cache_key: str) -> ImageTable | None:
    try:
        return _open(folder, cache_key)
    except (FileNotFoundError, NotADirectoryError, *DAMAGE_ERRORS):
        return None
    except OSError as error:  # permission denied, too many open files: the cache may be intact
        raise _unusable_error(folder.parent, error) from error


def _open(folder: Path, cache_key: str) -> ImageTable:
    meta = json.loads((folder / META).read_text(encoding="utf-8"))
    if (meta["version"], meta["fingerprint"]) != (CACHE_VERSION, cache_key):
        raise ValueError(f"{folder} has another version or cache key")
    for name in (IMAGES, LABELS):
        _check_unchanged(folder / name, meta["files"][name])
    images = np.load(folder / IMAGES, mmap_mode="r")
    with np.load(folder / LABELS) as labels:
        attributes, splits = labels["attributes"], labels["splits"]
    if not len(images) == len(attributes) == len(splits) == meta["image_count"]:
        raise ValueError(f"{folder} has different numbers of images and labels")
    return ImageTable(images, attributes, splits, tuple(meta["attribute_names"]), cache_key)


@contextmanager
def _hold_lock(folder: Path) -> Iterator[None]:
    """Hold the lock on a cache. Wait while another process holds it."""
    lock = FileLock(folder.with_name(f"{folder.name}.lock"))
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            logger.warning("Waiting for another process to build the image cache %s", folder)
            lock.acquire()
    except (OSError, NotImplementedError) as error:  # NotImplementedError: no file locks
        raise _unusable_error(folder.parent, error) from error
    try:
        yield
    finally:
        lock.release()


def _build(source: ImageSource, folder: Path, cache_key: str, num_workers: int | None) -> None:
    attributes, splits = source.labels()
    shape = (len(splits), source.image_size, source.image_size, source.channels)
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)  # left by a process that was killed
    try:
        partial.mkdir()
        write_images(source, ImageArrayFile.create(partial / IMAGES, shape), num_workers)
        content = BytesIO()
        np.savez(content, attributes=attributes, splits=splits)
        _write_durably(partial / LABELS, content.getvalue())
        meta = {
            "version": CACHE_VERSION,
            "fingerprint": cache_key,
            "attribute_names": source.attribute_names,
            "image_count": len(splits),
            "files": {name: _file_record(partial / name) for name in (IMAGES, LABELS)},
        }
        _write_durably(partial / META, json.dumps(meta, indent=2).encode())
        partial.replace(folder)
    except BaseException as error:
        shutil.rmtree(partial, ignore_errors=True)
        if isinstance(error, OSError) and error.errno in DISK_FULL:
            raise _disk_full_error(
                folder.parent, int(np.prod(shape)) + attributes.nbytes
            ) from error
        raise


def _write_durably(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _file_record(path: Path) -> dict[str, int]:
    status = path.stat()
    return {"size": status.st_size, "mtime_ns": status.st_mtime_ns, "crc32": _crc32(path)}


def _check_unchanged(path: Path, recorded: dict[str, Any]) -> None:
    """Compare the size with the record, and the checksum if the modification time differs."""
    status = path.stat()
    if status.st_size != recorded["size"]:
        raise ValueError(f"the size of {path} has changed")
    if status.st_mtime_ns != recorded["mtime_ns"] and _crc32(path) != recorded["crc32"]:
        raise ValueError(f"the content of {path} has changed")


def _crc32(path: Path) -> int:
    checksum = 0
    with path.open("rb") as file:
        while block := file.read(1 << 22):
            checksum = zlib.crc32(block, checksum)
    return checksum


def _unusable_error(cache_dir: Path, error: Exception) -> UserError:
    return UserError(
        f"the image cache in {cache_dir} cannot be read or written ({error}): "
        "set data.cache_dir to another folder"
    )


def _disk_full_error(cache_dir: Path, needed: int) -> UserError:
    free = shutil.disk_usage(cache_dir).free
    return UserError(
        f"the image cache needs {needed / 1e9:.3g} GB in {cache_dir}, where {free / 1e9:.3g} GB "
        "are free (or your quota is used up): free some or set data.cache_dir to a larger disk"
    )
