"""The guardian of a model server: nothing that it started outlives it, however it is ended."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.engines import _process_guard

# A tree of three generations: a child that left its group and session, an orphan of it, and one that ignores SIGTERM.
TREE = """
import os, signal, subprocess, sys, time
sleep = [sys.executable, "-c", "import time; time.sleep(600)  # MARK"]
stubborn = [sys.executable, "-c", "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(600)  # MARK"]
orphan = "import subprocess, sys; subprocess.Popen(" + repr(sleep) + ", start_new_session=True)"
subprocess.Popen(sleep, start_new_session=True)
subprocess.run([sys.executable, "-c", orphan])
subprocess.Popen(stubborn)
print("up", flush=True)
time.sleep(600)  # MARK
"""


@pytest.fixture
def started(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A guardian with its tree, all up; and the mark in every process's command line."""
    mark = f"mark-{os.getpid()}-{time.monotonic_ns()}"
    command = [sys.executable, "-I", "-S", _process_guard.__file__, sys.executable, "-c", TREE.replace("MARK", mark)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout is not None and process.stdout.readline() == b"up\n"
    deadline = time.monotonic() + 10
    while len(marked(mark)) < 4:  # /proc shows the command line of a process a moment after its start
        assert time.monotonic() < deadline
        time.sleep(0.01)
    yield process, mark
    for pid in marked(mark):
        with contextlib.suppress(ProcessLookupError):  # it may end in between
            os.kill(pid, signal.SIGKILL)
    for stream in (process.stdin, process.stdout):
        assert stream is not None
        stream.close()
    process.wait()


def marked(mark: str) -> list[int]:
    """The pids of live processes, but for guardians, whose command line has the mark."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            line = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            continue
        if mark.encode() in line and b"_process_guard.py" not in line:
            found.append(int(pid))
    return found


def gone(mark: str, patience_s: float) -> bool:
    deadline = time.monotonic() + patience_s
    while marked(mark) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not marked(mark)


def test_the_end_of_its_input_ends_every_descendant(started: tuple[subprocess.Popen[bytes], str]) -> None:
    process, mark = started
    assert process.stdin is not None
    process.stdin.close()
    process.wait(timeout=60)
    assert marked(mark) == []


def test_ctrl_c_and_sigterm_are_not_for_the_guardian(started: tuple[subprocess.Popen[bytes], str]) -> None:
    process, mark = started
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        process.send_signal(number)
    time.sleep(0.3)
    assert process.poll() is None and len(marked(mark)) >= 4


def test_the_command_s_end_ends_what_it_left(started: tuple[subprocess.Popen[bytes], str]) -> None:
    process, mark = started
    (first,) = [pid for pid in marked(mark) if parent(pid) == process.pid and "print" in line(pid)]
    os.kill(first, signal.SIGKILL)
    assert process.wait(timeout=60) == 128 + signal.SIGKILL
    assert gone(mark, 5)


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def line(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text()


def test_the_first_process_ends_with_a_guardian_that_was_killed() -> None:
    command = [sys.executable, "-I", "-S", _process_guard.__file__, sys.executable, "-c"]
    code = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
    with subprocess.Popen([*command, code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        process.kill()
        process.wait()
        deadline = time.monotonic() + 10
        while Path(f"/proc/{pid}").exists() and "Z" not in Path(f"/proc/{pid}/stat").read_text():
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_a_command_s_exit_code_is_passed_on() -> None:
    command = [sys.executable, "-I", "-S", _process_guard.__file__, sys.executable, "-c", "raise SystemExit(7)"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        assert process.wait(timeout=60) == 7


def test_a_command_that_does_not_exist_is_named() -> None:
    command = [sys.executable, "-I", "-S", _process_guard.__file__, "/no/such/command"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.wait(timeout=60) == 127 and process.stderr is not None
        assert b"/no/such/command: No such file" in process.stderr.read()
