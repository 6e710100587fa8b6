"""Work that is mapped over sandboxes: in order, read as it is needed, ended by the first error."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from harness.pipeline.execute import AHEAD, map_in_sandboxes


class Sandboxes:
    """Stands where a pool does: these tests run no programs."""

    workers = 2

    def __init__(self) -> None:
        self.closed = False

    def __enter__(self) -> Sandboxes:
        return self

    def __exit__(self, *_: object) -> None:
        self.closed = True


@pytest.fixture
def pool() -> Any:
    return Sandboxes()


def test_results_come_in_the_order_of_the_work_and_the_pool_is_closed(pool: Any) -> None:
    assert list(map_in_sandboxes(pool, range(100), lambda each: each * 2)) == list(range(0, 200, 2))
    assert pool.closed


def test_work_is_read_as_it_is_needed(pool: Any) -> None:
    read = []

    def work() -> Iterator[int]:
        for each in range(1000):
            read.append(each)
            yield each

    assert next(map_in_sandboxes(pool, work(), lambda each: each)) == 0
    assert len(read) <= AHEAD * pool.workers


def test_no_more_runs_at_once_than_there_are_sandboxes(pool: Any) -> None:
    busy, most, lock = 0, 0, threading.Lock()

    def run(_: int) -> None:
        nonlocal busy, most
        with lock:
            busy += 1
            most = max(most, busy)
        threading.Event().wait(0.01)
        with lock:
            busy -= 1

    list(map_in_sandboxes(pool, range(20), run))
    assert most == pool.workers


def test_the_first_error_ends_the_rest(pool: Any) -> None:
    done = []

    def run(each: int) -> None:
        if each == 3:
            raise OSError("lost")
        done.append(each)

    with pytest.raises(OSError, match="lost"):
        list(map_in_sandboxes(pool, range(1000), run))
    assert len(done) < 100 and pool.closed
