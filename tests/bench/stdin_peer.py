"""A program with a hundred stdin cases: our judge beside a fresh interpreter for each case.

    python -m tests.bench.stdin_peer --rounds 5

The other way is what graders do that start `python3 FILE` with each case's input (SandboxFusion's mode `none` among
them), here without isolation, limits or records, one after the other as ours. Both take turns in one run; each round's
program has a text of its own. Printed: cases per second and the ratio, for each backend.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import sandbox
from sandbox import Limits, Program, StdioCase, StdioTests, Verdict
from tests.bench import systems

CASES = 100
LIMITS = Limits(cpu_s=60.0, wall_s=120.0)
TESTS = StdioTests(cases=tuple(StdioCase(stdin=f"2\n{n} 1\n", stdout=f"{n + 1}\n") for n in range(CASES)))
SOURCE = "import sys\n\n\ndef main():\n    sys.stdin.readline()\n    print(sum(map(int, sys.stdin.readline().split())))\n\n\nmain()\n"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    print(f"{CASES} cases of one program; {systems.load()}", flush=True)
    for backend in sandbox.BACKENDS:
        found = pairs(backend, options.rounds)
        ratios = [theirs / mine for mine, theirs in found]
        rates = [f"{CASES / mine:.0f}/s and {CASES / theirs:.0f}/s" for mine, theirs in found]
        print(f"{backend}: ours and python3 for each case {', '.join(rates)}; {systems.load()}")
        print(f"{backend}: ratio {statistics.median(ratios):.2f}, median of {', '.join(f'{r:.2f}' for r in ratios)}")


def pairs(backend: str, rounds: int) -> list[tuple[float, float]]:
    """Seconds for all cases of a program: ours, and with an interpreter for each."""
    sandbox.prepare(sandbox.choose_backend(backend))
    with sandbox.open(backend, workers=1, ceiling=LIMITS) as pool:
        _ours(pool, SOURCE)  # its start is not counted
        sources = [f"{SOURCE}# {number}\n" for number in range(rounds)]
        return [(_ours(pool, source), _fresh(source)) for source in sources]


def _ours(pool: sandbox.Pool, source: str) -> float:
    start = time.monotonic()
    execution = pool.run(Program(source=source), TESTS, LIMITS)
    taken = time.monotonic() - start
    if execution.verdict is not Verdict.ACCEPTED or len(execution.cases) != CASES:
        raise SystemExit(f"a right program was not accepted: {execution}")
    return taken


def _fresh(source: str) -> float:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "program.py")
        file.write_text(source)
        start = time.monotonic()
        for case in TESTS.cases:
            ended = subprocess.run([sys.executable, file], input=case.stdin, capture_output=True, text=True, check=True)
            if ended.stdout != case.stdout:
                raise SystemExit(f"the interpreter printed {ended.stdout!r}")
        return time.monotonic() - start


if __name__ == "__main__":
    main()
