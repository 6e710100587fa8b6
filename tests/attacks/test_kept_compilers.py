"""A compiler that is kept shows nothing of one program to the next, holds no test, and no program gets at it."""

from __future__ import annotations

import contextlib
import functools
import os
import re
from collections.abc import Callable, Iterator
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
JAVA_LEFT = {
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
JAVA_TAKEN = {
    "java.lang": f"package java.lang;\npublic class String {{ {MAIN % ''} }}",
    "java.util": f"package java.util;\npublic class Scanner {{ {MAIN % ''} }}",
    "a class called String": "class String { }\npublic class Main { public static void main(java.lang.String[] args) { } }",
    "a module": "module java.base { }",
    "errors without end": "class A { " + "x y " * 5000 + "}",
    "a name without end": f"public class Main {{ int {'a' * 70_000}; {MAIN % ''} }}",
    "nesting without end": "class Main { int x = " + "(" * 100_000 + "1" + ")" * 100_000 + "; }",
    "a lone surrogate": f'public class Main {{ String x = "\ud800"; {MAIN % ""} }}',
}
JAVA_RIGHT = f"import java.util.*;\npublic class Main {{ {MAIN % 'String s = new Scanner(System.in).next(); System.out.println(s);'} }}"
TYPESCRIPT_LEFT = {
    "a global name": ("declare global { var mine: number }\nglobalThis.mine = 1", "mine = 1"),
    "a method of every array": (
        "declare global { interface Array<T> { mine(): T } }\nArray.prototype.mine = () => 1", "[1].mine()",
    ),
    "a type of Node.js's": (
        "declare global { namespace NodeJS { interface Process { mine: number } } }\nexport {}",
        "console.log(process.mine)",
    ),
    "a function of a module": (
        "import * as fs from 'fs'; declare module 'fs' { function mine(): void }\nif (fs.mine) fs.mine()",
        "import * as fs from 'fs'; fs.mine()",
    ),
    "an interface": ("export interface Mine { x: number }", "const x: Mine = { x: 1 }; console.log(x)"),
}  # fmt: skip
TYPESCRIPT_TAKEN = {
    "Array": "declare global { interface Array<T> { length: string; map: number } }\nexport {}",
    "console": "const console = 1, process = 'x', require = 2;",
    "String, undefined": "declare global { interface String { split: never } var undefined: any }\nexport {}",
    "errors without end": "let x: number = 'x';" * 5000,
    "nesting without end": "const x = " + "(" * 100_000 + "1" + ")" * 100_000,
    "types without end": "type A<T> = T extends [infer H, ...infer R] ? [H, ...A<[...R, H]>] : []; let x: A<[1, 2]>",
    "a lone surrogate": "const x = '\ud800'; console.log(x.length)",
}
TYPESCRIPT_RIGHT = "import { readFileSync } from 'fs';\nconst text: string = readFileSync(0, 'utf8');\nconsole.log(text.split('\\n').map((x) => x.trim())[0]);"
# of each language: what one program leaves to the next, what it takes from it, and a right program, which echoes a line
LEFT = {"java": JAVA_LEFT, "typescript_checked": TYPESCRIPT_LEFT}
TAKEN = {"java": JAVA_TAKEN, "typescript_checked": TYPESCRIPT_TAKEN}
RIGHT = {"java": JAVA_RIGHT, "typescript_checked": TYPESCRIPT_RIGHT}
TESTS = {"java": "class Beside%s { }", "typescript_checked": "const Beside%s = 1"}
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


Pools = Callable[[str], Pool]


@pytest.fixture(scope="module")
def pools(backend: str) -> Iterator[Pools]:
    """The pool of a language, opened once."""
    with contextlib.ExitStack() as stack:

        @functools.cache
        def opened(language: str) -> Pool:
            sandbox.prepare(backend, language=language)
            return stack.enter_context(sandbox.open(backend, workers=1, ceiling=LIMITS, language=language))

        yield opened


@pytest.mark.parametrize(("language", "what"), [(name, what) for name in LEFT for what in LEFT[name]])
def test_what_one_program_defines_is_not_there_for_the_next(pools: Pools, language: str, what: str) -> None:
    first, second = LEFT[language][what]
    accepted = pools(language).run(Program(source=first, language=language), limits=LIMITS)
    assert accepted.verdict is Verdict.ACCEPTED, accepted
    execution = pools(language).run(Program(source=second, language=language), limits=LIMITS)
    assert execution.verdict is Verdict.COMPILE_ERROR, execution


@pytest.mark.parametrize(("language", "what"), [(name, what) for name in TAKEN for what in TAKEN[name]])
def test_the_next_program_is_compiled_as_by_a_new_compiler(pools: Pools, language: str, what: str) -> None:
    pools(language).run(Program(source=TAKEN[language][what], language=language), limits=LIMITS)
    tests = StdioTests(cases=(StdioCase(stdin=f"{what.split()[0]}\n", stdout=f"{what.split()[0]}\n"),))
    program = Program(source=f"{RIGHT[language]}// {what}", language=language)
    execution = pools(language).run(program, tests, LIMITS)
    assert execution.verdict is Verdict.ACCEPTED, execution


def test_a_program_gets_nothing_of_it(pools: Pools) -> None:
    java = pools("java")
    assert java.run(Program(source=JAVA_RIGHT, language="java", stdin="1"), limits=LIMITS).stdout == "1\n"
    before = java.run(Program(source=INTRUDER, language="java"), limits=LIMITS)
    assert (before.verdict, before.stdout) == (Verdict.ACCEPTED, "asked all\n"), before
    after = java.run(Program(source=f"{INTRUDER}//", language="java"), limits=LIMITS)
    assert (after.verdict, after.stdout, after.worker) == (Verdict.ACCEPTED, "asked all\n", before.worker), after


@pytest.mark.parametrize("language", ["java", pytest.param("typescript_checked", marks=pytest.mark.slow)])
def test_it_says_what_the_usual_command_says(
    backend: str, pools: Pools, language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each text by a compiler that has had all before it, and by a new one."""
    texts = [source for source, verdict in ENDS[language].values() if verdict is Verdict.COMPILE_ERROR]
    texts += [second for _, second in LEFT[language].values()] + list(TAKEN[language].values())
    if language == "java":
        warned = "List l = new ArrayList(); l.add(1); new Thread().stop();"
        texts.append(f"import java.util.*;\nclass Main {{ {MAIN % warned} }}")
    kept = [pools(language).run(Program(source=source, language=language), limits=LIMITS) for source in texts]
    commands = languages.Language.commands

    def without(self: languages.Language, *given: Any) -> dict[str, object]:
        found = commands(self, *given)
        return found and {**found, "kept": {}}

    monkeypatch.setattr(languages.Language, "commands", without)
    with sandbox.open(backend, workers=1, ceiling=LIMITS, language=language) as pool:
        for source, found in zip(texts, kept, strict=True):
            fresh = pool.run(Program(source=source, language=language), limits=LIMITS)
            assert (found.verdict, _words(found)) == (fresh.verdict, _words(fresh)), source[:200]


def _words(execution: sandbox.Execution) -> str:
    """Without where a stack was full, which differs each time."""
    said = execution.stdout + execution.stderr + execution.detail[:60]
    if "RangeError" in said:
        return "RangeError"
    return re.sub(r"\s+at [\w.]+/\S+\)|0x[0-9a-f]+|\$\$Lambda\$[0-9/]+", "", said)


@pytest.mark.skipif(not own_uids("bubblewrap"), reason="a plain user's sandbox serves one program, and keeps nothing")
@pytest.mark.parametrize("language", LEFT)
def test_it_holds_no_test_is_stopped_and_of_a_user_of_its_own(language: str) -> None:
    sandbox.prepare("bubblewrap", language=language)
    secret = f"secret{os.getpid()}"
    others = _compilers()
    with sandbox.open("bubblewrap", workers=1, ceiling=LIMITS, language=language) as pool:
        source = f"{RIGHT[language]}// marked{secret}"
        tests = StdioTests(cases=(StdioCase(stdin=f"given{secret}\n", stdout=f"given{secret}\n"),))
        execution = pool.run(Program(source=source, language=language), tests, LIMITS)
        assert execution.verdict is Verdict.ACCEPTED, execution
        beside = ProgramTests(source=TESTS[language] % secret)
        assert (
            pool.run(Program(source=RIGHT[language], language=language, stdin="1"), beside, LIMITS).verdict is not None
        )
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
