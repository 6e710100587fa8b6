"""A program can be given up from another thread: its sandbox ends at once, and the next program has a fresh one."""

from __future__ import annotations

import threading
import time

import pytest

from sandbox import Cancellation, Cancelled, Pool, Program, Verdict


def test_a_program_that_runs_is_given_up_at_once(box: Pool) -> None:
    box.run(Program(source="pass"))
    cancellation = Cancellation()
    threading.Timer(0.3, cancellation.cancel).start()
    start = time.monotonic()
    with pytest.raises(Cancelled, match="while it ran"):
        box.run(Program(source="import time; time.sleep(9)"), cancellation=cancellation)
    assert time.monotonic() - start < 6
    assert box.run(Program(source="print(1)")).verdict is Verdict.ACCEPTED


def test_a_program_that_was_given_up_before_is_not_started(box: Pool) -> None:
    cancellation = Cancellation()
    cancellation.cancel()
    with pytest.raises(Cancelled, match="before it started"):
        box.run(Program(source="pass"), cancellation=cancellation)
    assert box.run(Program(source="print(1)")).verdict is Verdict.ACCEPTED


def test_giving_up_what_has_ended_ends_nothing_else(box: Pool) -> None:
    cancellation = Cancellation()
    first = box.run(Program(source="print(1)"), cancellation=cancellation)
    cancellation.cancel()
    assert box.run(Program(source="print(1)")).worker == first.worker
