"""How long one program takes to come back, and how long the first verdict takes on a machine where nothing runs yet.

    python -m tests.bench.latency --programs 300 --starts 50

Warm: `Pool.run` of trivial programs, one after the other, in a pool of one worker that has run 20 already; per backend,
as a script and with call tests. Cold: from the start of `harness score` to the first whole line of executions.jsonl.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import sandbox
from sandbox import CallTests, Limits, Program, Tests, Verdict
from tests.bench import systems

SCRIPT = Program(source="print(6 * 7)")
FUNCTION = Program(source="def double(x):\n    return 2 * x\n")
TESTS = CallTests(source="assert double(2) == 4\n", entry_point="double")
WARM_UP = 20


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", default=str(systems.HUMANEVAL), help="HumanEval.jsonl.gz")
    parser.add_argument("--programs", type=int, default=300)
    parser.add_argument("--starts", type=int, default=50)
    options = parser.parse_args()
    print(systems.load(), flush=True)
    for backend in sandbox.BACKENDS:
        sandbox.prepare(sandbox.choose_backend(backend))
        with sandbox.open(backend, workers=1, ceiling=Limits()) as box:
            for what, program, tests in (("script", SCRIPT, None), ("call tests", FUNCTION, TESTS)):
                taken = [warm_ms(box, program, tests) for _ in range(WARM_UP + options.programs)][WARM_UP:]
                print(f"warm, {backend}, {what}: {quantiles(taken)}; {systems.load()}", flush=True)
        cold = [cold_ms(options.problems, backend) for _ in range(options.starts)]
        print(f"cold, {backend}: first verdict after {quantiles(cold)} of {len(cold)}; {systems.load()}", flush=True)


def warm_ms(box: sandbox.Pool, program: Program, tests: Tests | None) -> float:
    """Of one program."""
    start = time.monotonic()
    execution = box.run(program, tests)
    taken = time.monotonic() - start
    if execution.verdict is not Verdict.ACCEPTED:
        raise SystemExit(f"a trivial program was not accepted: {execution}")
    return 1000 * taken


def quantiles(values: list[float]) -> str:
    """Milliseconds, as text."""
    parts = statistics.quantiles(values, n=20, method="inclusive")
    return f"p50 {parts[9]:.2f}, p95 {parts[18]:.2f}, most {max(values):.1f} ms"


def cold_ms(problems: str, backend: str) -> float:
    """From the start of a process of `harness score` to its first verdict on disk."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        samples, _ = systems.write_references(folder, problems, 1)
        system = systems.ours(samples, problems, backend=backend)
        start = time.monotonic()
        with subprocess.Popen(system.command, cwd=folder, stdout=subprocess.DEVNULL) as process:
            while not _has_verdict(folder / "results"):
                if process.poll() is not None:
                    raise SystemExit(f"harness score ended with {process.returncode} before any verdict")
                time.sleep(0.001)
            taken = time.monotonic() - start
    return 1000 * taken


def _has_verdict(results: Path) -> bool:
    return any(path.stat().st_size and b"\n" in path.read_bytes() for path in results.glob("*/*/*/executions.jsonl"))


if __name__ == "__main__":
    main()
