"""Work on several photographs at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from privacy_gan.data.image_writer import available_cores

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


def map_in_threads(function: Callable[[Item], Outcome], items: Iterable[Item]) -> Iterator[Outcome]:
    """Yield the results of a function in the items' order, with a thread for each core.

    If the iteration ends early, it waits for the calls that run and drops all others. A detector
    that still searches when the interpreter exits would crash it.
    """
    executor = ThreadPoolExecutor(available_cores())
    try:
        yield from executor.map(function, items)
    finally:
        executor.shutdown(cancel_futures=True)
