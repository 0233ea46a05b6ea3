"""Photographs are worked on in threads, none of which outlives the iteration."""

import threading
import time

import pytest

from privacy_gan.detection.threads import map_in_threads


def test_results_are_in_the_order_of_the_items():
    def slow(number):
        time.sleep(0.002 * (number % 3))
        return number * number

    assert list(map_in_threads(slow, range(20))) == [number * number for number in range(20)]


def test_an_iteration_that_ends_early_leaves_no_thread_and_starts_nothing_more():
    started = []

    def work(number):
        started.append(number)
        time.sleep(0.02)
        return number

    before = threading.active_count()
    for number in map_in_threads(work, range(1000)):
        if number == 3:
            break
    assert threading.active_count() == before
    assert len(started) < 100


def test_an_error_reaches_the_caller():
    def fail(number):
        raise OSError("full")

    with pytest.raises(OSError, match="full"):
        list(map_in_threads(fail, range(5)))
