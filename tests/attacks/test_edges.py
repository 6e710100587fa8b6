"""What programs may try beside a forged verdict: no word of theirs is too long, no wait of theirs is the next one's."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import signal
import subprocess
import time
from dataclasses import asdict
from pathlib import Path

import pytest

import sandbox
from sandbox import CallTests, Integrity, Limits, Pool, Program, Verdict
from sandbox.backends import docker
from sandbox.guest import places
from tests.fixtures.sandboxes import landlock

from .corpus import LIMITS, VICTIMS, Attack
from .edges import (
    ASYNC_SLOTS,
    DIGESTS,
    EMPTY_FILES,
    FILL,
    FULL_SOCKETS,
    INTERNET,
    LONG_DETAIL,
    OTHERS,
    PASSED_SOCKETS,
    REFUSED_CALLS,
    SYNC,
    UNSEEN_CHILDREN,
)
from .escapes import script
from .trials import in_time

ONE = CallTests(source="assert f(3) == 3", entry_point="f")
RIGHT = "def f(x): return x"
ASKS_NOTHING = {
    "nothing": "",
    "a value": "x = 1",
    "the name alone": "g = f",
    "a helper that nobody calls": "def helper():\n    return f(3)",
    "a test that needs a fixture": "def test_f(database, f2):\n    assert f(3) == 4",
    "a class without tests": "class Tests:\n    def run(self):\n        assert f(3) == 4",
    "every test skipped": "import unittest\n@unittest.skip('')\nclass T(unittest.TestCase):\n    def test_f(self):\n        assert f(3) == 4",
}
UNCALLED = {
    "check": "def check(candidate):\n    assert candidate(3) == 3",
    "check behind a guard": "def check(candidate):\n    assert candidate(3) == 3\nif __name__ == '__main__':\n    check(f)",
    "a function of pytest's": "def test_f():\n    assert f(3) == 3",
    "a class of pytest's": "class TestF:\n    def test_f(self):\n        assert f(3) == 3",
    "a suite": "import unittest\nclass T(unittest.TestCase):\n    def test_f(self):\n        self.assertEqual(f(3), 3)",
    "a function with the candidate": "def test_f(candidate):\n    assert candidate(3) == 3",
}


@pytest.mark.parametrize("integrity", Integrity)
@pytest.mark.parametrize("name", UNCALLED)
def test_tests_that_nobody_calls_are_called(box: Pool, name: str, integrity: Integrity) -> None:
    tests = CallTests(source=UNCALLED[name], entry_point="f", integrity=integrity)
    assert box.run(Program(source=RIGHT), tests, LIMITS).verdict is Verdict.ACCEPTED
    for wrong in ("def f(x): return 4", "def f(x): raise ValueError"):
        verdict = box.run(Program(source=wrong), tests, LIMITS).verdict
        assert verdict in (Verdict.WRONG_ANSWER, Verdict.RUNTIME_ERROR), name


@pytest.mark.parametrize("name", ASKS_NOTHING)
def test_tests_that_ask_nothing_accept_nobody(box: Pool, name: str) -> None:
    tests = CallTests(source=ASKS_NOTHING[name], entry_point="f")
    execution = box.run(Program(source=RIGHT), tests, LIMITS)
    assert execution.verdict is Verdict.INTERNAL_ERROR and "ask nothing" in execution.detail, execution


def test_what_a_program_reports_is_bounded(box: Pool) -> None:
    execution = box.run(Program(source=LONG_DETAIL), ONE, LIMITS)
    assert execution.verdict is not Verdict.ACCEPTED
    record = {**asdict(execution), "stdout": "", "stderr": ""}
    assert len(execution.detail) < 1200 and len(json.dumps(record)) < 3000


@pytest.mark.parametrize("text", ["\n", " ", "\t", "#\n", "import ", "from x\n", "\r", "\x0c", "a\n \n", "\\\n"])
def test_a_megabyte_of_anything_costs_the_host_nothing(text: str) -> None:
    """Bounded by what the host's process used, not by the clock: a quadratic reader would need hours."""
    from sandbox.worker import _PRELOAD

    start = time.process_time()
    _PRELOAD.search(text * (2**20 // len(text)))
    assert time.process_time() - start < 2.0


def test_slots_of_the_hosts_asynchronous_reads_are_refused(box: Pool) -> None:
    before = int(Path("/proc/sys/fs/aio-nr").read_text())
    assert int(box.run(Program(source=ASYNC_SLOTS), limits=LIMITS).stdout) <= before + 1000


def test_no_program_waits_for_the_hosts_disk(box: Pool) -> None:
    assert box.run(Program(source=SYNC), limits=Limits(cpu_s=5)).stdout == "True\n"


def test_no_place_takes_more_than_the_disk_limit(box: Pool) -> None:
    limits = Limits(cpu_s=10, wall_s=30, disk_bytes=16 * 2**20)
    with sandbox.open(box.backend, workers=1, ceiling=limits) as pool:
        execution = pool.run(Program(source=FILL), None, limits)
    assert execution.verdict is Verdict.ACCEPTED, execution
    assert int(execution.stdout) <= 16 * 2 + 32  # /tmp and /dev/shm


def test_no_place_takes_more_files_than_its_limit(box: Pool) -> None:
    execution = box.run(Program(source=EMPTY_FILES), limits=Limits(wall_s=30))
    assert execution.verdict is Verdict.ACCEPTED, execution
    assert int(execution.stdout) <= 2 * places.MAX_FILES  # /tmp and /dev/shm


@pytest.mark.parametrize("name", INTERNET)
def test_no_socket_of_the_internet_is_given(box: Pool, name: str) -> None:
    source = f"import socket\ntry: {INTERNET[name]}\nexcept (OSError, ValueError): print('denied')\n"
    assert box.run(Program(source=source), limits=LIMITS).stdout == "denied\n"


def test_a_program_that_says_so_talks_to_itself_in_a_sandbox_of_its_own(box: Pool) -> None:
    source = (
        "import socket\ns = socket.create_server(('127.0.0.1', 0))\nc = socket.create_connection(s.getsockname())\n"
        "a, _ = s.accept()\na.send(b'x')\nprint(c.recv(1))\n"
    )
    assert box.run(Program(source=source, loopback=True), limits=LIMITS).stdout == "b'x'\n"
    assert box.run(Program(source=source), limits=LIMITS).verdict is Verdict.RUNTIME_ERROR


def test_what_is_refused_is_counted_by_name(box: Pool) -> None:
    source = (
        "import ctypes, socket\ncall = ctypes.CDLL(None).syscall\nfor _ in range(3): call(425, 8, None)\n"
        "call(600), call(435, None, 0), call(162), call(499)\nctypes.CDLL(None).unshare(0x10000000)\n"
        "try: socket.socket(socket.AF_INET)\nexcept OSError: pass\n"
    )
    execution = box.run(Program(source=source), limits=LIMITS)
    assert execution.verdict is Verdict.ACCEPTED
    # of one that comes after the table, of clone3 and of sync the answer is not a refusal
    assert execution.refused == {"io_uring_setup": 3, "unknown": 1, "unshare": 1, "socket": 1}
    assert not box.run(Program(source="pass"), limits=LIMITS).refused


def test_calls_that_are_refused_without_end_hold_up_nobody(box: Pool) -> None:
    flood = Attack("", REFUSED_CALLS, (Verdict.TIME_LIMIT,))
    execution = in_time(flood, lambda: box.run(Program(source=REFUSED_CALLS), limits=LIMITS))
    assert execution.verdict is Verdict.TIME_LIMIT and execution.refused["io_uring_setup"] > 100
    assert box.run(Program(source=RIGHT), ONE, LIMITS).verdict is Verdict.ACCEPTED


@pytest.mark.parametrize("name", OTHERS)
def test_what_others_did_is_closed_to_a_program(box: Pool, name: str) -> None:
    if not landlock():
        pytest.skip("this kernel has no Landlock of version 2; docs/security.md says what then stays open")
    execution = box.run(Program(source=script(OTHERS[name])), limits=LIMITS)
    assert execution.stdout == "denied\n" and execution.verdict is Verdict.ACCEPTED, execution


def test_a_program_reads_what_is_its_own_and_moves_its_files(box: Pool) -> None:
    source = (
        "import os\nopen('/proc/self/stat').read(), open('/proc/meminfo').read(), os.getloadavg(), os.cpu_count()\n"
        "os.mkdir('a'), os.mkdir('b')\nopen('a/x', 'w').close()\nos.rename('a/x', 'b/x'), os.truncate('b/x', 5)\n"
        "os.listdir('/'), os.listdir('/proc/self/fd')\nopen('/dev/null', 'w').write('x')\n"
        "import threading\nthreading.Thread(target=lambda: open('/proc/thread-self/stat').read()).start()\n"
    )
    for _ in range(20):  # more than share one set of rules
        execution = box.run(Program(source=source), limits=LIMITS)
        assert execution.verdict is Verdict.ACCEPTED and not execution.refused, execution


def test_sockets_that_are_passed_to_the_judge_delay_nobody(box: Pool) -> None:
    assert box.run(Program(source=PASSED_SOCKETS), ONE, LIMITS).verdict in (Verdict.ACCEPTED, Verdict.TAMPERED)
    assert box.run(Program(source=RIGHT), ONE, LIMITS).verdict is Verdict.ACCEPTED


def test_children_that_nobody_sees_do_not_stretch_the_clock(box: Pool) -> None:
    start = time.monotonic()
    execution = box.run(Program(source=UNSEEN_CHILDREN), limits=LIMITS)
    busy = max(os.getloadavg()[0] / (os.cpu_count() or 1), 1.0)
    assert execution.verdict is Verdict.TIME_LIMIT
    assert time.monotonic() - start < (LIMITS.wall_s + 2) * busy


def test_delays_of_earlier_programs_are_not_the_next_ones(box: Pool) -> None:
    """Each makes its judge wait; the sum of it is nothing that a later one may sleep for."""
    burn = (
        "import os\nfor _ in range(8):\n    if os.fork() == 0:\n        end = os.times().user + .02\n"
        "        while os.times().user < end: pass\n        os._exit(0)\ndef f(x): return x\n"
    )
    limits = dataclasses.replace(LIMITS, wall_s=1.0)
    for _ in range(10):
        box.run(Program(source=burn), ONE, limits)
    late = box.run(Program(source=f"import time\ntime.sleep(1.8)\n{RIGHT}"), ONE, limits)
    assert late.verdict is Verdict.TIME_LIMIT, late


def test_memory_of_sockets_is_the_programs_and_the_sandbox_stays(backend: str) -> None:
    if backend != "docker":
        pytest.skip("without a cgroup nothing counts what sockets hold; docs/security.md says so")
    limits = Limits(memory_bytes=128 * 2**20, cpu_s=5, wall_s=8)
    with sandbox.open(backend, workers=1, ceiling=limits) as pool:
        worker = pool.run(Program(source="pass")).worker
        execution = pool.run(Program(source=FULL_SOCKETS), None, limits)
    assert execution.verdict is Verdict.MEMORY_LIMIT, execution
    assert execution.worker == worker


def test_a_judge_that_is_lost_between_two_programs_is_our_loss(backend: str) -> None:
    if backend != "docker":
        pytest.skip("the pids of the judge are asked of the engine")
    with sandbox.open(backend, workers=1) as pool:
        name = pool.run(Program(source=RIGHT), ONE, LIMITS).worker.split(":")[1]
        listed = subprocess.run(
            ["docker", "top", name, "-eo", "pid,ppid,uid"], capture_output=True, text=True, check=True
        )
        rows = [line.split() for line in listed.stdout.splitlines()[1:]]
        roots = {pid for pid, _, uid in rows if uid == "0"}
        judges = {pid for pid, parent, uid in rows if uid != "0" and parent in roots}
        for pid, parent, _ in rows:
            if parent in judges:
                os.kill(int(pid), signal.SIGKILL)
        time.sleep(0.3)
        assert pool.run(Program(source=RIGHT), ONE, LIMITS).verdict is Verdict.ACCEPTED


def test_no_function_of_the_tests_is_in_a_programs_memory(box: Pool) -> None:
    """Of every hexadecimal number that is there, none is a digest of the tests, whole or in part."""
    tests = CallTests(source="answer = 7\nassert f(3) == ['found']", entry_point="f", prelude="# a prelude")
    parts = [tests.source, tests.prelude, json.dumps({"kind": "call", **asdict(tests)}), tests.source[-8:]]
    kinds = ("md5", "sha1", "sha256", "sha512", "blake2b", "blake2s")
    digests = {hashlib.new(kind, part.encode()).hexdigest() for kind in kinds for part in parts}
    look = DIGESTS.replace("CANDIDATES", "0") + f"\nWANTED = {sorted(each[::-1] for each in digests)!r}\n"
    look += "found = f\ndef f(x):\n    here = found(x)\n    return ['found' for each in here for w in WANTED if w[::-1][:16] in each]\n"
    for _ in range(2):  # the tests travel with the first, and are known by the second
        assert box.run(Program(source=look), tests, Limits()).verdict is Verdict.WRONG_ANSWER


def test_a_folder_that_is_not_ours_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if docker.available() is not None:
        pytest.skip("no Docker engine")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    theirs, ours = tmp_path / "codegen-harness-main" / "src", tmp_path / "codegen-harness-left"
    theirs.mkdir(parents=True)
    ours.mkdir()
    (theirs / "work.py").write_text("precious")
    (ours / docker.MARKER).touch()
    for folder in (theirs.parent, ours):
        os.utime(folder, (time.time() - 600, time.time() - 600))
    docker.Starter(Limits())
    assert (theirs / "work.py").read_text() == "precious" and not ours.exists()


def test_the_right_and_the_wrong_program_of_a_problem_are_still_told_apart(box: Pool) -> None:
    victim = VICTIMS["calls"]
    assert box.run(Program(source=victim.right), victim.tests, LIMITS).verdict is Verdict.ACCEPTED
    assert box.run(Program(source=victim.wrong), victim.tests, LIMITS).verdict is Verdict.WRONG_ANSWER
