"""How long one program takes to come back, and how long the first verdict takes on a machine where nothing runs yet.

    python -m tests.bench.latency --programs 300 --starts 50
    git worktree add ../other COMMIT && python -m tests.bench.latency --programs 0 --starts 50 --other ../other

Warm: `Pool.run` of trivial programs, one after the other, in a pool of one worker that has run 20 already; per backend,
as a script and with call tests. Cold: from the start of `harness score` to the first whole line of executions.jsonl;
and `harness exec` of a hello-world, the whole process. With another version's working tree both start in turn.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import sandbox
from sandbox import CallTests, Limits, Program, Tests, Verdict
from tests.bench import systems

SCRIPT = Program(source="print(6 * 7)")
FUNCTION = Program(source="def double(x):\n    return 2 * x\n")
TESTS = CallTests(source="assert double(2) == 4\n", entry_point="double")
HELLO = "print('hello')\n"
WARM_UP = 20


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", default=str(systems.HUMANEVAL), help="HumanEval.jsonl.gz")
    parser.add_argument("--sandbox", choices=sandbox.BACKENDS, action="append")
    parser.add_argument("--programs", type=int, default=300)
    parser.add_argument("--starts", type=int, default=50)
    parser.add_argument("--other", type=Path, help="a working tree of another version")
    options = parser.parse_args()
    print(systems.load(), flush=True)
    trees = [systems.HERE, *([options.other.resolve()] if options.other else [])]
    for backend in options.sandbox or sandbox.BACKENDS:
        sandbox.prepare(sandbox.choose_backend(backend))
        if options.programs:
            warm(backend, options.programs)
        if options.starts:
            cold(backend, options, trees)


def warm(backend: str, programs: int) -> None:
    """Measure and print: programs through a sandbox that runs."""
    with sandbox.open(backend, workers=1, ceiling=Limits()) as box:
        for what, program, tests in (("script", SCRIPT, None), ("call tests", FUNCTION, TESTS)):
            taken = [warm_ms(box, program, tests) for _ in range(WARM_UP + programs)][WARM_UP:]
            print(f"warm, {backend}, {what}: {quantiles(taken)}; {systems.load()}", flush=True)


def cold(backend: str, options: argparse.Namespace, trees: Sequence[Path]) -> None:
    """Measure and print: starts of each version, in turn."""
    for what, measured in (("first verdict", cold_ms), ("exec", exec_ms)):
        taken: dict[Path, list[float]] = {tree: [] for tree in trees}
        used = dict.fromkeys(trees, 0.0)
        for number in range(options.starts):
            for tree in trees if number % 2 == 0 else trees[::-1]:
                before = os.times()
                taken[tree].append(measured(options.problems, backend, tree))
                after = os.times()
                used[tree] += after.children_user + after.children_system
                used[tree] -= before.children_user + before.children_system
        for tree in trees:
            cpu = f"{1000 * used[tree] / options.starts:.0f} ms CPU of the process"
            print(
                f"cold, {backend}, {what}, {tree.name}: {quantiles(taken[tree])}; {cpu}; {systems.load()}", flush=True
            )


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
    digits = 1 if parts[9] < 100 else 0
    return f"p50 {parts[9]:.{digits}f}, p95 {parts[18]:.{digits}f}, most {max(values):.{digits}f} ms"


def cold_ms(problems: str, backend: str, tree: Path = systems.HERE) -> float:
    """From the start of a process of `harness score` of one sample to its verdict on disk."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        samples, _ = systems.write_references(folder, problems, 1)
        samples.write_text(samples.read_text().partition("\n")[0] + "\n")
        command = [*systems.entry(tree), "score", str(samples), "--problems", problems, "--sandbox", backend, "--json"]
        start = time.monotonic()
        with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, env=_environment(tree)) as process:
            while not _has_verdict(folder / "results"):
                if process.poll() is not None:
                    raise SystemExit(f"harness score ended with {process.returncode} before any verdict")
                time.sleep(0.001)
            taken = time.monotonic() - start
    return 1000 * taken


def exec_ms(problems: str, backend: str, tree: Path) -> float:
    """A whole process of `harness exec`."""
    command = [*systems.entry(tree), "exec", "-", "--sandbox", backend]
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:  # python -c looks for modules in its folder first
        said = subprocess.run(
            command, input=HELLO, capture_output=True, text=True, check=True, env=_environment(tree), cwd=folder
        )
    taken = time.monotonic() - start
    if said.stdout != "hello\n":
        raise SystemExit(f"harness exec printed {said.stdout!r}")
    return 1000 * taken


def _environment(tree: Path) -> dict[str, str]:
    return {**systems.as_installed(), "PYTHONPATH": str(tree)}


def _has_verdict(results: Path) -> bool:
    return any(path.stat().st_size and b"\n" in path.read_bytes() for path in results.glob("*/*/*/executions.jsonl"))


if __name__ == "__main__":
    main()
