"""A compiler that is kept shows nothing of one program to the next, holds no test, and no program gets at it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import sandbox
from sandbox import Limits, Pool, Program, ProgramTests, StdioCase, StdioTests, Verdict, languages
from tests.fixtures.language_programs import ENDS
from tests.fixtures.sandboxes import own_uids

LIMITS = Limits(cpu_s=5.0, wall_s=15.0, memory_bytes=256 * 2**20)
MAIN = "public static void main(String[] args) throws Exception { %s }"
# a program, and one that would compile, or print another thing, where the first were still known
LEFT = {
    "a class": (f"class Helper {{ static int f() {{ return 1; }} }}\npublic class Main {{ {MAIN % ''} }}",
                f"public class Main {{ {MAIN % 'Helper.f();'} }}"),
    "a class of a package": (f"package a;\npublic class Start {{ {MAIN % ''} }}",
                             f"import a.Start;\npublic class Main {{ {MAIN % 'Start.main(args);'} }}"),
    "a method": (f"public class Main {{ static int f() {{ return 1; }} {MAIN % ''} }}",
                 f"public class Main {{ {MAIN % 'f();'} }}"),
    "an import": (f"import java.util.*;\npublic class Main {{ List<String> x; {MAIN % ''} }}",
                  f"public class Main {{ List<String> x; {MAIN % ''} }}"),
}  # fmt: skip
# what a program must not do to the next one: its own String, its own Scanner, warnings that are switched off or on
TAKEN = {
    "java.lang": f"package java.lang;\npublic class String {{ {MAIN % ''} }}",
    "java.util": f"package java.util;\npublic class Scanner {{ {MAIN % ''} }}",
    "a class called String": "class String { }\npublic class Main { public static void main(java.lang.String[] args) { } }",
    "a module": "module java.base { }",
    "errors without end": "class A { " + "x y " * 5000 + "}",
    "a name without end": f"public class Main {{ int {'a' * 70_000}; {MAIN % ''} }}",
    "nesting without end": "class Main { int x = " + "(" * 100_000 + "1" + ")" * 100_000 + "; }",
    "a lone surrogate": f'public class Main {{ String x = "\ud800"; {MAIN % ""} }}',
}
RIGHT = f"import java.util.*;\npublic class Main {{ {MAIN % 'String s = new Scanner(System.in).next(); System.out.println(s);'} }}"
# Asks for every process of its namespace what a user may ask of his own, and prints what it gets.
INTRUDER = """
import java.io.*;
import java.nio.file.*;

public class Main {
    public static void main(String[] args) throws Exception {
        int seen = 0;
        for (int pid = 1; pid < 400; pid++) {
            if (Files.exists(Path.of("/proc/self/task/" + pid))) continue; // a thread of its own
            for (String name : "mem maps environ cmdline fd/0 root/etc stat".split(" ")) {
                Path path = Path.of("/proc/" + pid + "/" + name);
                try {
                    Files.newInputStream(path).read();
                    System.out.println(path);
                } catch (IOException error) { seen++; }
            }
            var other = ProcessHandle.of(pid);
            if (other.isPresent()) other.get().destroyForcibly();
        }
        System.out.println(seen == 0 ? "asked nothing" : "asked all");
    }
}
"""


@pytest.fixture(scope="module")
def java(backend: str) -> Iterator[Pool]:
    sandbox.prepare(backend, language="java")
    with sandbox.open(backend, workers=1, ceiling=LIMITS, language="java") as pool:
        yield pool


@pytest.mark.parametrize("what", LEFT)
def test_what_one_program_defines_is_not_there_for_the_next(java: Pool, what: str) -> None:
    first, second = LEFT[what]
    assert java.run(Program(source=first, language="java"), limits=LIMITS).verdict is Verdict.ACCEPTED
    execution = java.run(Program(source=second, language="java"), limits=LIMITS)
    assert execution.verdict is Verdict.COMPILE_ERROR, execution


@pytest.mark.parametrize("what", TAKEN)
def test_the_next_program_is_compiled_as_by_a_new_compiler(java: Pool, what: str) -> None:
    java.run(Program(source=TAKEN[what], language="java"), limits=LIMITS)
    tests = StdioTests(cases=(StdioCase(stdin=f"{what.split()[0]}\n", stdout=f"{what.split()[0]}\n"),))
    execution = java.run(Program(source=f"{RIGHT}// {what}", language="java"), tests, LIMITS)
    assert execution.verdict is Verdict.ACCEPTED, execution


def test_a_program_gets_nothing_of_it(java: Pool) -> None:
    assert java.run(Program(source=RIGHT, language="java", stdin="1"), limits=LIMITS).stdout == "1\n"
    before = java.run(Program(source=INTRUDER, language="java"), limits=LIMITS)
    assert (before.verdict, before.stdout) == (Verdict.ACCEPTED, "asked all\n"), before
    after = java.run(Program(source=f"{INTRUDER}//", language="java"), limits=LIMITS)
    assert (after.verdict, after.stdout, after.worker) == (Verdict.ACCEPTED, "asked all\n", before.worker), after


def test_it_says_what_the_usual_command_says(backend: str, java: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each text by a compiler that has had all before it, and by a new one."""
    texts = [source for source, verdict in ENDS["java"].values() if verdict is Verdict.COMPILE_ERROR]
    texts += [second for _, second in LEFT.values()] + list(TAKEN.values())
    texts += [
        f"import java.util.*;\nclass Main {{ {MAIN % 'List l = new ArrayList(); l.add(1); new Thread().stop();'} }}"
    ]
    kept = [java.run(Program(source=source, language="java"), limits=LIMITS) for source in texts]
    commands = languages.Language.commands

    def without(self: languages.Language, *given: Any) -> dict[str, object]:
        found = commands(self, *given)
        return found and {**found, "kept": {}}

    monkeypatch.setattr(languages.Language, "commands", without)
    with sandbox.open(backend, workers=1, ceiling=LIMITS, language="java") as pool:
        for source, found in zip(texts, kept, strict=True):
            fresh = pool.run(Program(source=source, language="java"), limits=LIMITS)
            assert (found.verdict, _words(found)) == (fresh.verdict, _words(fresh)), source[:200]


def _words(execution: sandbox.Execution) -> str:
    """Without where a stack was full, which differs each time."""
    said = execution.stdout + execution.stderr + execution.detail[:60]
    return re.sub(r"\s+at [\w.]+/\S+\)|0x[0-9a-f]+|\$\$Lambda\$[0-9/]+", "", said)


@pytest.mark.skipif(not own_uids("bubblewrap"), reason="a plain user's sandbox serves one program, and keeps nothing")
def test_it_holds_no_test_is_stopped_and_of_a_user_of_its_own() -> None:
    sandbox.prepare("bubblewrap", language="java")
    secret = f"secret{os.getpid()}"
    others = _compilers()
    with sandbox.open("bubblewrap", workers=1, ceiling=LIMITS, language="java") as pool:
        source = f"{RIGHT}// marked{secret}"
        tests = StdioTests(cases=(StdioCase(stdin=f"given{secret}\n", stdout=f"given{secret}\n"),))
        execution = pool.run(Program(source=source, language="java"), tests, LIMITS)
        assert execution.verdict is Verdict.ACCEPTED, execution
        beside = ProgramTests(source=f"class Beside{secret} {{ }}")
        assert pool.run(Program(source=RIGHT, language="java", stdin="1"), beside, LIMITS).verdict is not None
        (pid,) = _compilers() - others
        status = Path(f"/proc/{pid}/status").read_text()
        assert re.search(r"State:\s+T", status)
        assert re.search(r"CapEff:\s+0+\n", status) and re.search(r"Seccomp:\s+2", status)
        uids = {line.split()[1] for line in status.splitlines() if line.startswith(("Uid:", "Gid:"))}
        assert not uids & {str(os.getuid())} and len(uids) == 1
        memory = _memory(pid)
        assert _holds(memory, f"marked{secret}")  # what it translated: else this sees nothing
        assert not _holds(memory, f"given{secret}") and not _holds(memory, f"Beside{secret}")


def _holds(memory: bytes, text: str) -> bool:
    return text.encode() in memory or text.encode("utf-16-le") in memory


def _compilers() -> set[int]:
    """The pids of those that are kept below this process."""
    return {pid for pid in _below(os.getpid()) if b"--keep" in Path(f"/proc/{pid}/cmdline").read_bytes()}


def _below(top: int) -> list[int]:
    parents = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            parents[int(pid)] = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:  # gone meanwhile
            continue
    found = [top]
    for above in found:
        found += [pid for pid, parent in parents.items() if parent == above]
    return found[1:]


def _memory(pid: int) -> bytes:
    """All that a process may write to."""
    found = []
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            span, rights, *_ = line.split()
            begin, end = (int(part, 16) for part in span.split("-"))
            if rights.startswith("rw"):
                try:
                    memory.seek(begin)
                    found.append(memory.read(end - begin))
                except OSError:  # reserved and not there
                    continue
    return b"".join(found)
