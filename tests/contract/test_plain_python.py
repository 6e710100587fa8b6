"""A program does in the sandbox what it does as `python3 main.py`: the same output, exit code, signal, exception.

What differs and stays so is in docs/security.md, "Where a program is not run as python3 main.py runs it".
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

import sandbox
from sandbox import Limits, Pool, Program, interpreter
from sandbox.guest.program import ENVIRONMENT
from sandbox.guest.reports import WORKDIR
from tests.contract.plain_programs import programs
from tests.fixtures.missing import missing

PROGRAMS = programs()
LIMITS = Limits(cpu_s=20.0, wall_s=60.0)
# The last line that names an exception: `ValueError: text`, `__main__.E`, `decimal.Inexact: [...]`.
_NAMED = re.compile(r"^([A-Za-z_][\w.]*)(?::|$)", re.MULTILINE)


class End(NamedTuple):
    """How a program ended, in what must agree."""

    stdout: str
    exit_code: int | None
    signal: int | None
    exception: str


def _exception(stderr: str, failed: bool) -> str:
    names = [name for name in _NAMED.findall(stderr) if name not in ("Traceback",)]
    return names[-1].rpartition(".")[2] if failed and names else ""


def _plain(python: Path, source: str, folder: Path) -> End:
    """What the interpreter itself does with the file."""
    folder.mkdir()
    (folder / "main.py").write_bytes(source.encode("utf-8", "surrogatepass"))
    environment = {**ENVIRONMENT, "HOME": str(folder), "TMPDIR": str(folder)}
    done = subprocess.run(
        ["env", "--default-signal", python, "-s", "main.py"],  # pytest's own parent may ignore some
        cwd=folder, env=environment, capture_output=True, timeout=100, stdin=subprocess.DEVNULL, check=False, umask=0o022,
    )  # fmt: skip
    out, err = done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")
    out = out.replace(str(folder), WORKDIR)
    ended = None if done.returncode >= 0 else -done.returncode
    return End(out, None if ended else done.returncode, ended, _exception(err, done.returncode != 0))


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> dict[str, End]:
    """What the interpreter does with every program."""
    folder = tmp_path_factory.mktemp("plain")
    python = interpreter.chosen().path
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        ends = threads.map(lambda at: _plain(python, PROGRAMS[at[1]], folder / str(at[0])), enumerate(PROGRAMS))
        return dict(zip(PROGRAMS, ends, strict=True))


@pytest.fixture(scope="session")
def sandboxed(backend: str) -> dict[str, End]:
    """What the sandbox does with every program."""
    if f"py{interpreter.chosen().version}" not in sandbox.environment_label(backend).split("+"):
        missing(backend, "its image has another Python than this machine", "harness doctor --fix")
    with sandbox.open(backend) as pool, ThreadPoolExecutor(pool.workers) as threads:
        return dict(zip(PROGRAMS, threads.map(lambda name: _run(pool, PROGRAMS[name]), PROGRAMS), strict=True))


def _run(pool: Pool, source: str) -> End:
    done = pool.run(Program(source=source), limits=LIMITS)
    failed = done.exit_code != 0
    return End(done.stdout, done.exit_code, done.signal, _exception(done.stderr, failed))


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_ends_as_it_does_by_itself(sandboxed: dict[str, End], plain: dict[str, End], name: str) -> None:
    assert sandboxed[name] == plain[name]


# What a program can see of how the harness itself was started.
INHERITED = """
import os, resource, signal
print([name for name in dir(signal) if name.startswith("SIG") and "_" not in name
       and signal.getsignal(getattr(signal, name)) is signal.SIG_IGN], signal.getsignal(signal.SIGINT))
print(signal.pthread_sigmask(signal.SIG_BLOCK, ()), resource.getrlimit(resource.RLIMIT_STACK)[0] >> 20, os.umask(0))
"""
OPEN = "import sys, sandbox\nwith sandbox.open(sys.argv[1], workers=1) as pool:\n    print(pool.run(sandbox.Program(source=sys.argv[2])).stdout)"
IN_THE_BACKGROUND = (
    "import os, signal, sys\nsignal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM, signal.SIGUSR2})\n"
    "for each in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGALRM):\n    signal.signal(each, signal.SIG_IGN)\n"
    "os.umask(0)\nos.execv('/bin/sh', ['sh', '-c', 'ulimit -S -s 65536; exec \"$@\"', 'sh', *sys.argv[1:]])"
)


def test_how_the_harness_was_started_is_nothing_to_a_program(backend: str) -> None:
    command = [sys.executable, "-c", OPEN, backend, INHERITED]
    usual, background = (
        subprocess.run([*before, *command], capture_output=True, text=True, timeout=100, check=True).stdout
        for before in ([], [sys.executable, "-c", IN_THE_BACKGROUND])
    )
    assert usual == background
    assert usual.splitlines() == ["['SIGPIPE', 'SIGXFSZ'] <built-in function default_int_handler>", "set() 8 18", ""]


def test_there_are_enough_of_them() -> None:
    assert len(PROGRAMS) >= 300
