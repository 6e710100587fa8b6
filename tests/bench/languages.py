"""Programs with ten cases in other languages: our pool beside compiling and running by subprocess for each case.

    python -m tests.bench.languages [--languages cpp,go] [--rounds 3]

The other way is what services do that take a program and one case in a call: in a fresh directory the same compiler
with the same options, then the program, each by a subprocess in bubblewrap over the same files. Both take turns in one
run, every program has a text of its own, and the ratio is that of the medians. Needs bubblewrap.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import sandbox
from sandbox import Limits, Program, StdioCase, StdioTests, Verdict, debian, languages
from tests.fixtures.language_programs import SUMS

CASES = 10
LIMITS = Limits(cpu_s=10.0, wall_s=30.0, memory_bytes=512 * 2**20)
COMMENTS = {"bash": "#", "ruby": "#", "perl": "#", "r": "#", "lua": "--"}
WANTED = ("cpp", "rust", "go", "java", "typescript", "javascript", "php", "ruby", "csharp")
TESTS = StdioTests(cases=tuple(StdioCase(stdin=f"{at} 1\n", stdout=f"{at + 1}\n") for at in range(CASES)))


def by_subprocess(tree: debian.Tree, name: str, source: str) -> None:
    """Each case anew: a directory, the compiler, the program. Raises where one does not print what it must."""
    commands = languages.find(name).commands(LIMITS, Program(source=source, language=name), None)
    for case in TESTS.cases:
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "out").mkdir()
            Path(folder, str(commands["source_file"])).write_text(source)
            _run(tree, folder, commands, "compile", "")
            printed = _run(tree, folder, commands, "run", case.stdin)
            if printed != case.stdout:
                raise RuntimeError(f"{name}: {printed!r} instead of {case.stdout!r}")


def _run(tree: debian.Tree, folder: str, commands: dict[str, object], step: str, stdin: str) -> str:
    places = ["--ro-bind", f"{tree.root}/usr", "/usr", "--ro-bind", f"{tree.root}/etc", "/etc", "--dev", "/dev"]
    for link in ("bin", "lib", "lib64", "sbin"):
        places += ["--symlink", f"usr/{link}", f"/{link}"]
    places += ["--proc", "/proc", "--tmpfs", "/tmp", "--bind", folder, "/work", "--chdir", "/work"]
    environment = commands["environment"]
    assert isinstance(environment, dict)
    for key, value in {"PATH": "/usr/bin", "HOME": "/work", **environment}.items():
        places += ["--setenv", key, value]
    command = commands[step]
    assert isinstance(command, list)
    words = [word.replace(languages.OUT, "/work/out") for word in command]
    ended = subprocess.run(["bwrap", *places, *words], input=stdin, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise RuntimeError(f"{step}: {ended.stderr[:500]}")
    return ended.stdout


def measure(name: str, rounds: int) -> tuple[list[float], list[float]]:
    """Seconds of each round, ours and by subprocess. Raises where a verdict is wrong."""
    sandbox.prepare("bubblewrap", print, name)
    tree = debian.find(languages.find(name).family)
    assert tree is not None
    ours, others = [], []
    with sandbox.open("bubblewrap", workers=1, ceiling=LIMITS, language=name) as pool:
        pool.run(Program(source=SUMS[name][0], language=name), TESTS, LIMITS)  # its start is not counted
        for number in range(rounds):
            source = f"{SUMS[name][0]}\n{COMMENTS.get(name, '//')} {number}\n"
            start = time.perf_counter()
            execution = pool.run(Program(source=source, language=name), TESTS, LIMITS)
            ours.append(time.perf_counter() - start)
            if execution.verdict is not Verdict.ACCEPTED:
                raise RuntimeError(f"{name}: {execution}")
            start = time.perf_counter()
            by_subprocess(tree, name, source)
            others.append(time.perf_counter() - start)
    return ours, others


def main() -> None:
    """Print a line for each language."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--languages", default=",".join(WANTED))
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    print(f"{'language':12} {'ours':>9} {'subprocess':>11} {'ratio':>6}   a program with {CASES} cases, median")
    for name in arguments.languages.split(","):
        ours, others = (statistics.median(each) for each in measure(name, arguments.rounds))
        print(f"{name:12} {ours:8.3f}s {others:10.3f}s {others / ours:6.1f}", flush=True)


if __name__ == "__main__":
    main()
