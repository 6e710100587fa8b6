"""Thousands of hostile and honest programs through one pool, in random order; then: is anything left?

    make soak         (or: python -m tests.bench.soak --programs 10000 --workers 4 --sandbox docker)

Hostile: the scripts of tests/contract and the attacks of tests/attacks where those are there, with limits so small that
the whole takes minutes. Honest: odd but right scripts, and the references and the wrong answers of the problem set
`core`, with limits that they keep well within. Afterwards nothing may be left (`leftovers`), the host's resident set
may not have grown by more than 10 % since the first tenth of the programs, every honest program must have been judged
right, and no hostile one accepted that should not be; else the exit code is 1.
"""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sandbox
from harness.datasets import load_set
from sandbox import Limits, Pool, Program, Tests, Verdict
from tests.bench import leftovers, systems
from tests.contract.test_sandbox import INNOCENT, SCRIPTS

MIB = 2**20
CEILING = Limits(cpu_s=5.0, wall_s=20.0, memory_bytes=256 * MIB, disk_bytes=8 * MIB, output_bytes=100_000)
TIGHT = Limits(cpu_s=0.3, wall_s=0.6, memory_bytes=256 * MIB, disk_bytes=8 * MIB, output_bytes=100_000)
# Any hostile program may run into a limit that is this tight before it comes to what it is up to.
CUT_SHORT = frozenset({Verdict.TIME_LIMIT, Verdict.MEMORY_LIMIT, Verdict.OUTPUT_LIMIT})
REFUSED = frozenset(Verdict) - {Verdict.ACCEPTED, Verdict.INTERNAL_ERROR}
HOSTILE_SHARE = 0.3
GROWTH = 1.10
SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A program that is run many times, with the verdicts that are right for it."""

    name: str
    honest: bool
    program: Program
    tests: Tests | None
    limits: Limits
    expect: frozenset[Verdict]


class Tally:
    """What came of the programs. Filled by one thread."""

    def __init__(self) -> None:
        self.verdicts: dict[bool, Counter[Verdict]] = {True: Counter(), False: Counter()}
        self.wrong: Counter[str] = Counter()
        self.workers: set[str] = set()

    def add(self, part: Part, verdict: Verdict, worker: str, detail: str) -> None:
        """Note one end. A hostile program that is judged otherwise than expected, yet is not accepted, is no fault."""
        self.verdicts[part.honest][verdict] += 1
        self.workers.add(worker)
        allowed = part.expect if part.honest else part.expect | REFUSED
        if verdict not in allowed:
            self.wrong[f"{part.name}: {verdict} {detail[:120]}"] += 1


def main() -> int:
    """Run, look, print; 1 where anything is left, wrong or grown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--sandbox", default="docker", choices=sandbox.BACKENDS)
    parser.add_argument("--seed", type=int, default=11)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    honest, hostile = [_innocent(), *_core()], [*_scripts(), *_attacks()]
    order = [
        rng.choice(hostile) if rng.random() < HOSTILE_SHARE else rng.choice(rng.choice(honest))
        for _ in range(options.programs)
    ]
    print(f"{len(order)} programs of {sum(map(len, honest))} honest and {len(hostile)} hostile, {options.workers} workers of "
          f"{options.sandbox}, seed {options.seed}; {systems.load()}", flush=True)  # fmt: skip
    sandbox.prepare(sandbox.choose_backend(options.sandbox))
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        watch = leftovers.Watch(Path(folder))
        tally = Tally()
        grown = _run(options.sandbox, options.workers, order, tally)
        left = watch.left(tally.workers)
        tempfile.tempdir = None
    return _conclude(tally, grown, left)


def _run(backend: str, workers: int, order: list[Part], tally: Tally) -> float:
    """All programs; how much larger the resident set is at the end than after the first tenth, as a factor."""
    tenth = max(len(order) // 10, 1)
    parts = [order[:tenth]] + [order[start : start + tenth] for start in range(tenth, len(order), tenth)]
    start, done, sizes = time.monotonic(), 0, []
    with sandbox.open(backend, workers=workers, ceiling=CEILING) as box:
        for part in parts:
            _all_of(box, part, workers, tally)
            done += len(part)
            sizes.append(leftovers.resident_bytes())
            rate = done / (time.monotonic() - start)
            print(f"{done}: {rate:.1f}/s, host {sizes[-1] / MIB:.1f} MiB; {systems.load()}", flush=True)
    return leftovers.resident_bytes() / sizes[0]


def _all_of(box: Pool, parts: list[Part], workers: int, tally: Tally) -> None:
    def run(part: Part) -> Callable[[], None]:
        execution = box.run(part.program, part.tests, part.limits)
        verdict, worker, detail = execution.verdict, execution.worker, execution.detail
        return lambda: tally.add(part, verdict, worker, detail)  # the outputs are let go here

    with ThreadPoolExecutor(workers) as threads:
        for note in threads.map(run, parts):
            note()


def _conclude(tally: Tally, grown: float, left: list[str]) -> int:
    for kind, honest in (("honest", True), ("hostile", False)):
        counts = ", ".join(f"{verdict.value} {count}" for verdict, count in sorted(tally.verdicts[honest].items()))
        print(f"{kind}: {counts}")
    print(f"{len(tally.workers)} sandboxes were used; the host's resident set grew by {100 * (grown - 1):.1f} %")
    for what, count in tally.wrong.most_common(SHOWN):
        print(f"judged wrong, {count} times: {what}")
    for line in left[:SHOWN]:
        print(f"left: {line}")
    fine = not left and not tally.wrong and grown <= GROWTH
    print("nothing is left, all is right" if fine else f"{len(left)} things left, {tally.wrong.total()} judged wrong")
    return 0 if fine else 1


def _innocent() -> list[Part]:
    accepted = frozenset({Verdict.ACCEPTED})
    return [_part(f"innocent: {name}", True, source, None, accepted) for name, source in INNOCENT.items()]


def _core() -> tuple[list[Part], list[Part]]:
    """The references and the wrong answers of the problem set."""
    accepted, refused = frozenset({Verdict.ACCEPTED}), frozenset({Verdict.WRONG_ANSWER, Verdict.RUNTIME_ERROR})
    right, wrong = [], []
    for each in load_set("core", Path(tempfile.gettempdir())).problems:
        for text in each.references:
            right.append(_part(f"reference of {each.id}", True, each.prompt + text, each.tests, accepted))
        for text in each.wrong:
            wrong.append(_part(f"wrong answer to {each.id}", True, each.prompt + text, each.tests, refused))
    return right, wrong


def _scripts() -> Iterator[Part]:
    for name, (source, verdict) in SCRIPTS.items():
        yield _part(f"script: {name}", False, source, None, frozenset({verdict}))


def _attacks() -> Iterator[Part]:
    """The attacks of tests/attacks; none where that folder is not there."""
    try:
        # not at the top: a checkout without the attacks can soak with the scripts alone
        from tests import attacks
        from tests.attacks.corpus import VICTIMS
    except ImportError:
        return
    for attack in _attacks_in(attacks):
        expect = frozenset(attack.expect)
        yield _part(f"attack: {attack.name}", False, attack.source, VICTIMS[attack.victim].tests, expect)


def _attacks_in(package: Any) -> Iterator[Any]:
    """Every Attack in a list or tuple of a module of the package, once."""
    from tests.attacks.corpus import Attack  # see _attacks

    seen: set[str] = set()
    for info in pkgutil.iter_modules(package.__path__):
        if info.name.startswith(("test_", "conftest")):
            continue
        for value in vars(importlib.import_module(f"{package.__name__}.{info.name}")).values():
            for each in value if isinstance(value, list | tuple) else ():
                if isinstance(each, Attack) and each.name not in seen:
                    seen.add(each.name)
                    yield each


def _part(name: str, honest: bool, source: str, tests: Tests | None, expect: frozenset[Verdict]) -> Part:
    limits = CEILING if honest else TIGHT
    return Part(name=name, honest=honest, program=Program(source=source), tests=tests, limits=limits, expect=expect)


if __name__ == "__main__":
    raise SystemExit(main())
