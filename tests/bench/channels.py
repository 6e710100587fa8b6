"""How many bits can one program leave for the next? Each counter that both can see, pushed by one and read by another.

    python -m tests.bench.channels [--sandbox docker] [--trials 5]

A sender pushes a counter as often as its limits allow; that is the largest number it can leave. Then senders push random
numbers of times, and the program after each reads how far the counter moved. What it reads beside what was sent gives
the noise, and bits = log2(1 + largest / (1 + 2 * noise)): the numbers that are told apart. 0 where what is read does not
follow what is sent. Once in a pool of one sandbox, once with a sandbox for each program (`--isolation container`).
"""

from __future__ import annotations

import argparse
import math
import random
import statistics
from dataclasses import dataclass

import sandbox
from sandbox import Isolation, Limits, Pool, Program, Verdict
from tests.bench import systems

LIMITS = Limits(cpu_s=3.0, wall_s=30.0)
SEND_S = 2.5  # of CPU time
# what a counter that follows has at least: of the correlation with what was sent, and of steps a push
FOLLOWS, LEAST_STEP = 0.9, 0.5
PUSHES = 400  # at most, in a trial
# Where the kernel puts a new entry of a directory: d_off of struct linux_dirent64, which readdir(3) tells.
POSITION = """
import ctypes, os, socket, time
def position(folder):
    libc = ctypes.CDLL(None)
    libc.opendir.restype = libc.readdir.restype = ctypes.c_void_p
    os.close(os.open(f"{folder}/here", os.O_CREAT))
    stream = ctypes.c_void_p(libc.opendir(folder.encode()))
    while entry := libc.readdir(stream):
        if ctypes.string_at(entry + 19) == b"here":
            return int.from_bytes(ctypes.string_at(entry + 8, 8), "little")
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """push: statements that move the counter by one step of its own; read: an expression of where it is."""

    name: str
    push: str
    read: str


CHANNELS = (
    Channel(name="process ids", push="p = os.fork()\nif p == 0: os._exit(0)\nos.waitpid(p, 0)", read="os.getpid()"),
    Channel(name="inode numbers of files", push="os.close(os.open('x', os.O_CREAT)); os.unlink('x')", read=(
        "os.fstat(os.open('x', os.O_CREAT)).st_ino")),
    Channel(name="positions in the temporary folder", push="os.close(os.open('/tmp/x', os.O_CREAT)); os.unlink('/tmp/x')",
            read="position('/tmp')"),
    Channel(name="inode numbers of pipes", push="a, b = os.pipe(); os.close(a); os.close(b)", read=(
        "os.fstat(os.pipe()[0]).st_ino")),
    Channel(name="cookies of sockets", push="s = socket.socket(socket.AF_UNIX); s.getsockopt(1, 57, 8); s.close()", read=(
        "int.from_bytes(socket.socket(socket.AF_UNIX).getsockopt(1, 57, 8), 'little')")),
    Channel(name="processes since the start (/proc/stat)", push=(
        "p = os.fork()\nif p == 0: os._exit(0)\nos.waitpid(p, 0)"), read=(
        "int(open('/proc/stat').read().partition('processes ')[2].split()[0])")),
    Channel(name="changes of context since the start (/proc/stat)", push="os.sched_yield()", read=(
        "int(open('/proc/stat').read().partition('ctxt ')[2].split()[0])")),
    Channel(name="CPU time of the supervisor (clock_gettime)", push="os.close(os.open('/tmp/x', os.O_CREAT))", read=(
        "int(time.clock_gettime((~1 << 3) | 2) * 1e6)")),
    Channel(name="CPU time of the supervisor (/proc/1/stat)", push="os.write(1, b'x' * 4096)", read=(
        "sum(map(int, open('/proc/1/stat').read().rpartition(')')[2].split()[11:15]))")),
    Channel(name="peak of the control group's memory", push="x = bytearray(1 << 20)", read=(
        "int(open('/sys/fs/cgroup/memory/memory.max_usage_in_bytes').read())")),
)  # fmt: skip


def main() -> None:
    """Measure every channel, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sandbox", choices=sandbox.BACKENDS, action="append")
    parser.add_argument("--trials", type=int, default=5)
    parser.add_argument("--only", action="append", help="channels whose name holds this")
    options = parser.parse_args()
    print(systems.load())
    for backend in options.sandbox or sandbox.BACKENDS:
        sandbox.prepare(backend)
        for isolation in Isolation:
            with sandbox.open(backend, workers=1, isolation=isolation) as box:
                for channel in _chosen(options.only):
                    print(
                        f"{backend}, {isolation.value}: {channel.name}: {_measured(box, channel, options.trials)}",
                        flush=True,
                    )


def _chosen(parts: list[str] | None) -> list[Channel]:
    return [each for each in CHANNELS if not parts or any(part in each.name for part in parts)]


def _measured(box: Pool, channel: Channel, trials: int) -> str:
    """Bits per program, with what they were worked out from."""
    if _read(box, channel) is None:
        return "closed"
    largest = _pushed(box, channel, None)
    step, noise = _followed(box, channel, trials)
    if not step:
        return f"0 bits (what is read does not follow; a program pushes it {largest:,} times)"
    bits = math.log2(1 + largest / (1 + 2 * noise))
    return f"{bits:.1f} bits (pushed {largest:,} times, read back to within {noise:.1f} pushes)"


def _followed(box: Pool, channel: Channel, trials: int) -> tuple[float, float]:
    """Steps of the counter per push, and the noise in pushes; 0 steps where it does not follow."""
    sent, moved = [], []
    drawn = random.Random(3)
    for _ in range(trials):
        before = _read(box, channel)
        sent.append(_pushed(box, channel, drawn.randrange(PUSHES)))
        after = _read(box, channel)
        if before is None or after is None:
            return 0.0, 0.0
        moved.append(after - before)
    if len(set(moved)) == 1:
        return 0.0, 0.0
    step, offset = statistics.linear_regression(sent, moved)
    correlation = statistics.correlation(sent, moved)
    if correlation < FOLLOWS or abs(step) < LEAST_STEP:
        return 0.0, 0.0
    return step, statistics.mean(abs(m - step * s - offset) for s, m in zip(sent, moved, strict=True)) / abs(step)


def _read(box: Pool, channel: Channel) -> int | None:
    """Where the counter is for a new program; None where it is closed."""
    source = f"{POSITION}try: print({channel.read})\nexcept OSError: print('closed')\n"
    execution = box.run(Program(source=source), limits=LIMITS)
    assert execution.verdict is Verdict.ACCEPTED, execution
    return None if execution.stdout.strip() == "closed" else int(execution.stdout)


def _pushed(box: Pool, channel: Channel, times: int | None) -> int:
    """How often a program pushed the counter: `times`, None for as often as it can."""
    body = "".join(f"    {line}\n" for line in channel.push.splitlines())
    source = (
        f"import os, socket, sys, time\nspent = lambda: sum(os.times()[:4])\nn = 0\n"
        f"while n < {times if times is not None else 10**9} and spent() < {SEND_S}:\n{body}    n += 1\nprint(n, file=sys.stderr)\n"
    )
    execution = box.run(Program(source=source), limits=LIMITS)
    if execution.verdict is not Verdict.ACCEPTED:  # it printed too much: that is as often as it can
        return len(execution.stdout) // 4096
    return int(execution.stderr)


if __name__ == "__main__":
    main()
