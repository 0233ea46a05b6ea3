"""Fill the file of cached images, in as many processes as there are cores."""

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
from privacy_gan.progress import progress

CHUNK = 256  # images decoded and written at a time


@dataclass(frozen=True)
class ImageArrayFile:
    """`images.npy` while it is filled, in chunks of any order, by ordinary writes.

    A full disk makes an ordinary write fail, but kills a process that writes to a memory map.
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
        """Write images `start` to `stop` into their place and return how many they are."""
        chunk = source.images(start, stop)
        if chunk.shape != (stop - start, *self.shape[1:]) or chunk.dtype != np.uint8:
            raise ValueError(f"{source.name} gave {chunk.dtype} {chunk.shape} for {start}:{stop}")
        with self.path.open("r+b") as file:
            file.seek(self.data_start + start * int(np.prod(self.shape[1:])))
            file.write(np.ascontiguousarray(chunk).data)
        return len(chunk)


def _reserve_space(descriptor: int, size: int) -> None:
    """Have a full disk fail now and not after minutes of decoding, where the system can tell."""
    if not hasattr(os, "posix_fallocate"):  # macOS
        return
    try:
        os.posix_fallocate(descriptor, 0, size)
    except OSError as error:
        if error.errno in DISK_FULL:
            raise
        # Some file systems cannot reserve; there the writes themselves find the disk full.


def write_images(source: ImageSource, file: ImageArrayFile, num_workers: int | None) -> None:
    count = file.shape[0]
    chunks = [(start, min(start + CHUNK, count)) for start in range(0, count, CHUNK)]
    # A process is worth starting for two chunks or more.
    workers = min(available_cores() if num_workers is None else num_workers, len(chunks) // 2)
    with progress(f"caching {source.name}", count, " images") as advance:
        if workers > 1:
            _write_in_processes(source, file, chunks, workers, advance)
        else:
            for chunk in chunks:
                advance(file.write_chunk(source, *chunk))
    with file.path.open("rb") as written:
        os.fsync(written.fileno())


def available_cores() -> int:
    """Return how many cores are at hand."""
    # A batch system often lends a job only some of the machine's cores.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _write_in_processes(
    source: ImageSource,
    file: ImageArrayFile,
    chunks: list[tuple[int, int]],
    workers: int,
    report: Callable[[int], object],
) -> None:
    # Spawned, not forked: the caller may already run threads or a GPU.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, _start_worker, (source, file)) as pool:
        try:
            futures = [pool.submit(_write_chunk_in_worker, *chunk) for chunk in chunks]
            for future in as_completed(futures):
                report(future.result())
        except BrokenProcessPool as error:
            raise UserError(
                "a process that built the image cache died, most often because memory ran out: "
                "free some, or let fewer processes work at once (data.num_workers)"
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)  # after an error the rest is not worth doing


_worker_state: tuple[ImageSource, ImageArrayFile]  # in a worker process only: what it works on


def _start_worker(source: ImageSource, file: ImageArrayFile) -> None:
    global _worker_state
    _worker_state = (source, file)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the builder answers Ctrl-C, for all of them
    threading.Thread(target=_exit_with_parent, daemon=True).start()


def _exit_with_parent() -> None:
    """Without this, the workers of a builder that is killed would wait for work for ever."""
    builder = multiprocessing.parent_process()
    if builder is not None:
        builder.join()
        os._exit(1)


def _write_chunk_in_worker(start: int, stop: int) -> int:
    source, file = _worker_state
    return file.write_chunk(source, start, stop)
