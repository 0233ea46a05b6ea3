"""Write decoded images to the cache file, in several processes."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from privacy_gan.data.image_source import ImageSource
from privacy_gan.errors import DISK_FULL, UserError
from privacy_gan.progress import progress_bar

CHUNK = 256  # images decoded and written at a time


@dataclass(frozen=True)
class ImageArrayFile:
    """`images.npy`, written in chunks in any order.

    Chunks are written with ordinary writes, which fail on a full disk. A write to a memory map
    would kill the process instead.
    """

    path: Path
    shape: tuple[int, ...]
    data_start: int  # bytes before the first image

    @classmethod
    def create(cls, path: Path, shape: tuple[int, ...]) -> ImageArrayFile:
        with path.open("wb") as file:
            header = {"descr": "|u1", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            file.flush()
            _reserve_space(file.fileno(), file.tell() + int(np.prod(shape)))
            return cls(path, shape, file.tell())

    def write_chunk(self, source: ImageSource, start: int, stop: int) -> int:
        """Write images `start` to `stop` at their offset. Return how many images were written."""
        chunk = source.images(start, stop)
        if chunk.shape != (stop - start, *self.shape[1:]) or chunk.dtype != np.uint8:
            raise ValueError(
                f"{source.name} returned {chunk.dtype} {chunk.shape} for {start}:{stop}"
            )
        with self.path.open("r+b") as file:
            file.seek(self.data_start + start * int(np.prod(self.shape[1:])))
            file.write(np.ascontiguousarray(chunk).data)
        return len(chunk)


def _reserve_space(descriptor: int, size: int) -> None:
    """Allocate the file, so that a full disk fails now and not after minutes of decoding."""
    if not hasattr(os, "posix_fallocate"):  # macOS
        return
    try:
        os.posix_fallocate(descriptor, 0, size)
    except OSError as error:
        if error.errno in DISK_FULL:
            raise
        # Some file systems cannot allocate in advance. There a write fails when the disk is full.


def write_images(source: ImageSource, file: ImageArrayFile, num_workers: int | None) -> None:
    count = file.shape[0]
    chunks = [(start, min(start + CHUNK, count)) for start in range(0, count, CHUNK)]
    # a worker process must have at least two chunks to be worth starting
    workers = min(available_cores() if num_workers is None else num_workers, len(chunks) // 2)
    with progress_bar(f"caching {source.name}", count, " images") as advance:
        if workers > 1:
            _write_in_processes(source, file, chunks, workers, advance)
        else:
            for chunk in chunks:
                advance(file.write_chunk(source, *chunk))
    with file.path.open("rb") as written:
        os.fsync(written.fileno())


def available_cores() -> int:
    """Return the number of cores that this process may use, which a batch system may restrict."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _write_in_processes(
    source: ImageSource,
    file: ImageArrayFile,
    chunks: list[tuple[int, int]],
    workers: int,
    advance: Callable[[int], object],
) -> None:
    # spawned, not forked: the caller may already use threads or a GPU
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, _start_worker, (source, file)) as pool:
        try:
            futures = [pool.submit(_write_chunk_in_worker, *chunk) for chunk in chunks]
            for future in as_completed(futures):
                advance(future.result())
        except BrokenProcessPool as error:
            raise UserError(
                "a process that built the image cache died, most often because memory ran out: "
                "free some memory, or use fewer processes (data.num_workers)"
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)  # after an error, skip the remaining chunks


_worker_state: tuple[ImageSource, ImageArrayFile]  # set only in worker processes


def _start_worker(source: ImageSource, file: ImageArrayFile) -> None:
    global _worker_state
    _worker_state = (source, file)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C for all workers
    threading.Thread(target=_exit_with_parent, daemon=True).start()


def _exit_with_parent() -> None:
    """Exit when the parent exits. Otherwise the workers of a killed parent would wait forever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _write_chunk_in_worker(start: int, stop: int) -> int:
    source, file = _worker_state
    return file.write_chunk(source, start, stop)
