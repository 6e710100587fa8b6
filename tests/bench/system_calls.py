"""Which system calls do honest programs make, in each language, and which of them are not allowed?

    python -m tests.bench.system_calls [--language python ...]        (strace(1) and bwrap are needed; as root)

Runs the programs of the tests in sandboxes under strace: for Python those that must do as `python3 main.py` does, the
innocents and numpy, for other languages the programs of tests/contract. What the sandbox itself asks for, with its proof
of what it denies, is taken off: it is what a pool asks for that runs an empty program. Exit code 1 where a call was
asked for that `sandbox.guest.syscalls` does not allow, unless the language names it; what is allowed and nobody used is
listed for a person to think about: libraries of other versions make other calls.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import sandbox
from sandbox import CallTests, Limits, Program, Tests, Verdict, languages
from sandbox.guest import syscalls
from sandbox.types import LANGUAGES
from tests.attacks import innocents
from tests.bench import systems
from tests.contract.plain_programs import programs
from tests.fixtures.language_programs import ENDS, SUMS

LIMITS = Limits(cpu_s=60.0, wall_s=300.0, memory_bytes=1 << 30, processes=128)
NUMPY = "import numpy as np\nprint(np.linalg.inv(np.eye(200)).sum(), np.random.rand(3), np.sort(np.arange(9)))\n"
CALL = re.compile(r"^\d+ +([a-z_0-9]+)\(", re.MULTILINE)
KNOWN = {*syscalls.ALLOWED, *syscalls.BY_ARGUMENT, *syscalls.IGNORED, *syscalls.ABSENT}
Case = tuple[str, Tests | None]


def main() -> int:
    """Run, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--language", choices=LANGUAGES, action="append")
    options = parser.parse_args()
    print(systems.load())
    used, missing = set(), 0
    for language in options.language or sorted({"python", *SUMS}):
        sandbox.prepare("bubblewrap", language=language)
        idle = _calls(language, [("", None)])
        found = _calls(language, _cases(language))
        used |= found
        strange = found - idle - KNOWN - set(languages.find(language).system_calls)
        missing += len(strange)
        print(
            f"{language}: {len(found)} different calls; not allowed: {', '.join(sorted(strange)) or 'none'}", flush=True
        )
    print(f"allowed, and nobody used them: {', '.join(sorted(set(syscalls.ALLOWED) - used))}")
    return 1 if missing else 0


def _cases(language: str) -> list[Case]:
    """Programs that are to end as they like, none of them an attack."""
    if language == "python":
        calls = [(source, CallTests(source=tests, entry_point="solve")) for source, tests in innocents.CALLS.values()]
        return [*((source, None) for source in (*programs().values(), *innocents.SCRIPTS.values(), NUMPY)), *calls]
    ends = (Verdict.ACCEPTED, Verdict.RUNTIME_ERROR, Verdict.COMPILE_ERROR)
    named = ((name, source) for name, (source, verdict) in ENDS[language].items() if verdict in ends)
    return [
        (source, None) for source in (*SUMS[language], *(source for name, source in named if "without end" not in name))
    ]


def _calls(language: str, cases: Iterable[Case]) -> set[str]:
    """The names of all calls that were made in sandboxes while the programs ran."""
    with tempfile.TemporaryDirectory() as folder:
        with (
            _traced(Path(folder)),
            sandbox.open("bubblewrap", workers=2, ceiling=LIMITS, language=language) as box,
            ThreadPoolExecutor(2) as threads,
        ):
            run = lambda case: box.run(Program(source=case[0], language=language), case[1], LIMITS)  # noqa: E731
            list(threads.map(run, cases))
        return {
            name for file in Path(folder).glob("calls.*") for name in CALL.findall(file.read_text("utf-8", "replace"))
        }


class _traced:  # noqa: N801 - used as a function
    """While it is entered, `bwrap` on the path is one that strace watches. folder: where its notes are."""

    def __init__(self, folder: Path) -> None:
        strace, bwrap = shutil.which("strace"), shutil.which("bwrap")
        if strace is None or bwrap is None:
            sys.exit("strace and bwrap are needed: apt-get install strace bubblewrap")
        script = folder / "bwrap"
        script.write_text(f'#!/bin/sh\nexec {strace} -f -qq -e signal=none -o {folder}/calls.$$ {bwrap} "$@"\n')
        script.chmod(0o755)
        self._path = f"{folder}:{os.environ['PATH']}"

    def __enter__(self) -> None:
        self._before, os.environ["PATH"] = os.environ["PATH"], self._path

    def __exit__(self, *_: object) -> None:
        os.environ["PATH"] = self._before


if __name__ == "__main__":
    sys.exit(main())
