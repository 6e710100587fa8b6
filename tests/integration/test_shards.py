"""A run whose problems are dealt out to several processes: what one process makes of it, whatever is killed meanwhile."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.problems import CALL, read_rows, write_rows
from tests.fixtures.processes import alive, descendants, until

pytestmark = pytest.mark.usefixtures("docker")
PROBLEMS = 4
SAMPLES = 12  # of each problem; every third is a twin of the first, every fourth is wrong
# The installed command, on a machine that has so many cores that one process cannot feed them.
MAIN = "from harness.pipeline import shards; shards.SANDBOXES_OF_ONE = 1; from harness.cli.app import main; main()"


@pytest.fixture
def samples(tmp_path: Path) -> Path:
    names = [f"mini/{number}" for number in range(PROBLEMS)]
    write_rows(tmp_path / "set.jsonl", *({**CALL, "id": name} for name in names))
    return write_rows(
        tmp_path / "samples.jsonl",
        *({"task_id": name, "completion": text(n)} for n in range(SAMPLES) for name in names),
    )


def text(n: int) -> str:
    wait = "    import time; time.sleep(0.1)\n"
    return wait + ("    return 2 * x\n" if n % 3 == 0 else f"    return x * {2 + (n % 4 == 0)}  # {n}\n")


def command(samples: Path, results: str, workers: int) -> list[str]:
    options = ["--problems", str(samples.with_name("set.jsonl")), "--workers", str(workers), "--sandbox", "docker"]
    return [sys.executable, "-c", MAIN, "score", str(samples), *options, "--results", results, "--json"]


def score(samples: Path, results: str, workers: int = 2) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(samples, results, workers), cwd=samples.parent, capture_output=True, text=True, timeout=120, check=False
    )


def told(summary: dict[str, Any]) -> dict[str, Any]:
    """A summary without what names its folder, and the records of its run, in an order of their own."""
    return {name: value for name, value in summary.items() if name != "run"}


def files(folder: Path) -> dict[str, list[Any]]:
    """The records of the one run there, without what no two runs have in common."""
    (run,) = folder.glob("*/*/*")
    found = {}
    for name in ("completions", "executions", "scores"):
        rows = sorted(read_rows(run / f"{name}.jsonl"), key=lambda row: (row["problem_id"], row["index"]))
        assert len({(row["problem_id"], row["index"]) for row in rows}) == len(rows) == PROBLEMS * SAMPLES
        found[name] = [{k: v for k, v in row.items() if not k.endswith(("_s", "bytes", "worker"))} for row in rows]
    return found


def started(samples: Path, results: str) -> tuple[subprocess.Popen[bytes], list[int]]:
    """The command, once both shards have written, and the shards."""
    process = subprocess.Popen(command(samples, results, 2), cwd=samples.parent, stderr=subprocess.PIPE)
    until(lambda: _written(samples.parent / results) >= 3, 60, "the shards write")
    shards = [pid for pid in descendants(process.pid) if _is_shard(pid)]
    assert len(shards) == 2
    return process, shards


def _written(folder: Path) -> int:
    return sum(len(path.read_text().splitlines()) for path in folder.glob("*/*/*/executions.jsonl"))


def _is_shard(pid: int) -> bool:
    return b"SANDBOXES_OF_ONE" in Path(f"/proc/{pid}/cmdline").read_bytes()


def test_shards_come_to_what_one_process_comes_to(samples: Path) -> None:
    one, two = score(samples, "one", 1), score(samples, "two", 2)
    assert (one.returncode, two.returncode) == (0, 0), two.stderr
    assert told(json.loads(one.stdout)) == told(json.loads(two.stdout))
    assert files(samples.parent / "one") == files(samples.parent / "two")
    (log,) = (samples.parent / "two").glob("*/*/*/run.log")
    assert "in 2 processes" in log.read_text()
    results = read_rows(samples.with_name("samples.jsonl_results.jsonl"))
    assert [row["passed"] for row in results] == [
        n % 3 == 0 or n % 4 != 0 for n in range(SAMPLES) for _ in range(PROBLEMS)
    ]


def test_a_shard_that_is_killed_ends_the_run_and_the_same_command_goes_on(samples: Path) -> None:
    process, shards = started(samples, "torn")
    os.kill(shards[0], signal.SIGKILL)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 3 and b"ended before its work did" in said, said
    assert not alive(shards)
    assert 3 <= _written(samples.parent / "torn") < PROBLEMS * SAMPLES
    assert score(samples, "torn").returncode == 0
    assert files(samples.parent / "torn")


def test_shards_and_sandboxes_end_with_the_process_that_began_them(samples: Path) -> None:
    process, shards = started(samples, "torn")
    process.kill()
    process.communicate(timeout=60)
    until(lambda: not alive(shards), 10, "the shards end")
    again = score(samples, "torn")
    assert again.returncode == 0, again.stderr
    assert told(json.loads(again.stdout)) == told(json.loads(score(samples, "whole").stdout))
    assert files(samples.parent / "torn") == files(samples.parent / "whole")


def test_a_signal_ends_the_shards_and_says_that_the_work_is_kept(samples: Path) -> None:
    process, shards = started(samples, "stopped")
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 143 and b"what is done is kept" in said, said
    assert not alive(shards)
