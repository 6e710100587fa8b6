"""The limit for one fork per program: a bare fork server without isolation, judge or records.

    python -m tests.bench.fork_server SAMPLES PROBLEMS WORKERS

Each worker imports what programs import most, then forks once per sample and waits for it; prints how many passed.
Only for reference solutions: what is run here is not contained.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
from pathlib import Path

from harness.datasets import load_set
from sandbox.guest.supervisor import WARM


def main(samples: str, problems: str, workers: int) -> None:
    """Run every sample in a fork of its own."""
    sources = {each.id: (each.prompt, each.tests.source) for each in load_set(problems, Path(samples).parent).problems}  # type: ignore[union-attr]
    rows = [json.loads(line) for line in Path(samples).read_text().splitlines()]
    programs = [f"{sources[row['task_id']][0]}{row['completion']}\n{sources[row['task_id']][1]}" for row in rows]
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()
    servers = [context.Process(target=_serve, args=(programs[part::workers], queue)) for part in range(workers)]
    for server in servers:
        server.start()
    passed = sum(queue.get() for _ in servers)
    for server in servers:
        server.join()
    print(passed / len(programs))


def _serve(programs: list[str], queue: multiprocessing.SimpleQueue[int]) -> None:
    for name in WARM:
        __import__(name)
    passed = 0
    for program in programs:
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                exec(compile(program, "program.py", "exec"), {"__name__": "program"})
                code = 0
            finally:
                os._exit(code)
        passed += os.waitpid(pid, 0)[1] == 0
    queue.put(passed)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
