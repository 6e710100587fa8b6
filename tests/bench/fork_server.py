"""The limit for one fork per program: a bare fork server without isolation, judge or records.

    python -m tests.bench.fork_server SAMPLES PROBLEMS WORKERS

Each worker imports what programs import most, then forks once per sample and waits for it; prints how many passed.
`scripts` does so for programs that read and print, with a fork for each case. Only for reference solutions: what is run
here is not contained.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Sequence
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


# A small process: a fork copies the page tables of all that its parent holds.
SCRIPTS = """
import json, os, sys
warm, sources, cases = json.load(sys.stdin)
for name in warm:
    __import__(name)
for source in sources:
    for stdin, expected in cases:
        in_read, in_write = os.pipe()
        out_read, out_write = os.pipe()
        if (pid := os.fork()) == 0:
            os.dup2(in_read, 0)
            os.dup2(out_write, 1)
            os.closerange(3, out_write + 1)
            sys.stdin, sys.stdout = open(0), open(1, 'w')
            exec(compile(source, 'main.py', 'exec'), {'__name__': '__main__'})
            sys.stdout.flush()
            os._exit(0)
        os.close(in_read)
        os.close(out_write)
        os.write(in_write, stdin.encode())
        os.close(in_write)
        printed = os.read(out_read, len(expected) + 1)
        os.close(out_read)
        if os.waitpid(pid, 0)[1] or printed.decode() != expected:
            sys.exit(1)
"""


def scripts(sources: Sequence[str], cases: Sequence[tuple[str, str]], workers: int) -> None:
    """Run each script with each case, (standard input, expected output). Raises SystemExit for another output."""
    servers = []
    for part in range(workers):
        server = subprocess.Popen([sys.executable, "-c", SCRIPTS], stdin=subprocess.PIPE, text=True)
        assert server.stdin is not None
        json.dump([WARM, sources[part::workers], cases], server.stdin)
        server.stdin.close()
        servers.append(server)
    codes = [server.wait() for server in servers]
    if any(codes):
        raise SystemExit("a script printed something else")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
