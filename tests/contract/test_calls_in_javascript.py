"""The judge asks a function in JavaScript: what crosses, what is wrong, and what a hostile program cannot have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest

import sandbox
from sandbox import CallTests, Integrity, Limits, Pool, Program, Verdict

LIMITS = Limits(cpu_s=2.0, wall_s=15.0, memory_bytes=256 * 2**20, output_bytes=100_000)


@pytest.fixture(scope="module")
def web(backend: str) -> Iterator[Pool]:
    sandbox.prepare(backend, language="javascript")
    with sandbox.open(backend, workers=1, ceiling=LIMITS, language="javascript") as pool:
        yield pool


def run(web: Pool, source: str, tests: str) -> sandbox.Execution:
    program = Program(source=source, language="javascript")
    return web.run(program, CallTests(source=tests, entry_point="f"), LIMITS)


RIGHT = {
    "a function": ("function f(a, b) { return a + b }", "assert f(1, 2) == 3 and f('a', 'b') == 'ab' and f(0.1, 0.2) == 0.1 + 0.2"),
    "a constant": ("const f = (x) => x.map((y) => y * 2) // end", "assert f([1, 2]) == [2, 4]"),
    "a module's export": ("'use strict';\nmodule.exports = { f(x) { return x.length } }", "assert f('abc') == 3"),
    "all kinds of data": ("const f = (x) => ({ x, y: [1, 2.5, null, undefined, true, '\\ud83d\\ude00'], __proto__x: [] })", "assert f({'k': (1, None)}) == {'x': {'k': [1, None]}, 'y': [1, 2.5, None, None, True, '\\U0001f600'], '__proto__x': []}"),
    "a key that is a prototype elsewhere": ("const f = (x) => [Object.keys(x), x.__proto__, x]", "assert f({'__proto__': 1}) == [['__proto__'], 1, {'__proto__': 1}]"),
    "numbers that JSON lacks": ("const f = (x) => [x, NaN, -Infinity, 1e300, 2 ** 60]", "a, b, *c = f(float('inf'))\nassert a == float('inf') and b != b and c == [float('-inf'), 1e300, 2**60]"),
    "large integers": ("const f = () => [4n ** 100n, -(2n ** 64n)]", "assert f() == [4**100, -2**64]"),
    "a promise": ("async function f(x) { await null; return x }", "assert f(5) == 5"),
    "an error by its class": ("function f() { throw new TypeError('no') }", "try:\n    f()\nexcept TypeError as error:\n    assert str(error) == 'no'\nelse:\n    assert False"),
    "state between calls": ("let n = 0; function f() { n += 1; return n }", "assert [f(), f(), f()] == [1, 2, 3]"),
    "a large value": ("const f = (x) => x + x", "x = 'ab' * 10**6\nassert f(x) == x * 2"),
    "what it prints does not matter": ("function f() { console.log('x'.repeat(9000)); return 1 }", "assert f() == 1"),
}  # fmt: skip


def marked(names: Iterable[str], quick: tuple[str, ...]) -> list[object]:
    """The names, of which all but a few are for `make test-all`."""
    return [pytest.param(name, marks=[] if name in quick else [pytest.mark.slow]) for name in names]


@pytest.mark.parametrize("name", marked(RIGHT, ("a function", "all kinds of data")))
def test_a_right_function_is_accepted(web: Pool, name: str) -> None:
    execution = run(web, *RIGHT[name])
    assert (execution.verdict, execution.integrity) == (Verdict.ACCEPTED, Integrity.JUDGED), execution


OTHERS = {
    "a wrong answer": ("const f = (a, b) => a - b", "assert f(1, 2) == 3", Verdict.WRONG_ANSWER, "assert f(1, 2) == 3"),
    "a compile error": ("function f( {", "assert f() == 3", Verdict.COMPILE_ERROR, "SyntaxError: "),
    "an error as it is loaded": ("null.x", "assert f() == 3", Verdict.RUNTIME_ERROR, "TypeError: "),
    "no such function": ("const g = 1", "assert f() == 3", Verdict.RUNTIME_ERROR, "it does not define a function f"),
    "an error in a call": ("function f() { throw new Error('no') }", "f()", Verdict.RUNTIME_ERROR, "Error: no"),
    "an endless loop": ("function f() { for (;;); }", "f()", Verdict.TIME_LIMIT, "ran for more than"),
    "a memory hog": ("function f() { const a = []; for (;;) a.push(new Array(1e5).fill(1.5)) }", "f()", Verdict.MEMORY_LIMIT, ""),
    "an object that holds itself": ("function f() { const a = []; a.push(a); return a }", "f()", Verdict.RUNTIME_ERROR, "nests too deep"),
    "no data": ("const f = () => new Map([[1, 2]])", "assert f() == {1: 2}", Verdict.WRONG_ANSWER, "the program returned a Map, which is no data"),
    "keyword arguments": ("const f = (x) => x", "assert f(x=1) == 1", Verdict.RUNTIME_ERROR, "has no keyword arguments"),
    "exit before it is asked": ("process.exit(0)", "assert f() == 3", Verdict.RUNTIME_ERROR, "ended before its tests did"),
    "exit in a call": ("function f() { process.exit(0) }", "try:\n    f()\nexcept:\n    pass", Verdict.RUNTIME_ERROR, "ended before its tests did"),
    "another exit": ("function f() { process.reallyExit(0) }", "try:\n    f()\nexcept:\n    pass", Verdict.RUNTIME_ERROR, "ended before its tests did"),
    "a frame of its own": ("const { writeSync } = require('fs');\nfunction f() { writeSync(3, Buffer.from('\\0\\0\\0\\x0e[\"\",\"value\",3]', 'latin1')); return 3 }", "assert f() == 3", Verdict.TAMPERED, ""),
    "bytes of its own": ("require('fs').writeSync(3, 'x'); const f = () => 3", "assert f() == 3", Verdict.TAMPERED, ""),
    "two answers": ("const fs = require('fs'), w = fs.writeSync;\nfunction f() { setImmediate(() => 0); process.nextTick(() => 0); w(3, Buffer.from([0, 0, 0, 2, 91, 93])); w(3, Buffer.from([0, 0, 0, 2, 91, 93])); return 3 }", "assert f() == 3", Verdict.TAMPERED, ""),
    "an answer of another process": ("const { spawnSync } = require('child_process');\nfunction f() { spawnSync(process.execPath, ['-e', 'require(\"fs\").writeSync(3, \"xxxxxxxx\")'], { stdio: [0, 1, 2, 3] }); return 3 }", "assert f() == 3", Verdict.TAMPERED, "another process answers in its place"),
    "equality of its own": ("const f = () => ({ valueOf: () => 3, toJSON: () => 3, toString: () => '3' })", "assert f() == 3", Verdict.WRONG_ANSWER, ""),
    "prototypes of its own": ("JSON.stringify = () => '3'; JSON.parse = () => 3; Array.prototype.push = () => 3; Object.prototype.toJSON = () => 3;\nString.prototype.slice = () => '3'; Array.prototype[Symbol.iterator] = function* () { yield 3 }; Reflect.apply = () => 3; Function.prototype.call = () => 3; Function.prototype.bind = () => () => 3;\nBuffer.from = () => new Uint8Array([3]); Object.keys = () => []; const f = () => 4", "assert f() == 3", Verdict.WRONG_ANSWER, "assert f() == 3"),
}  # fmt: skip


QUICK = ("a wrong answer", "exit in a call", "a frame of its own", "two answers", "prototypes of its own")


@pytest.mark.parametrize("name", marked(OTHERS, QUICK))
def test_every_other_program_ends_as_it_must_and_leaves_nothing_to_the_next(web: Pool, name: str) -> None:
    source, tests, verdict, detail = OTHERS[name]
    execution = run(web, source, tests)
    assert execution.verdict is verdict and detail in execution.detail, execution
    assert run(web, "const f = () => 3", "assert f() == 3").verdict is Verdict.ACCEPTED


def test_a_program_that_changes_the_language_still_answers_for_itself(web: Pool) -> None:
    source = "JSON.stringify = Object.keys = Array.isArray = () => { throw 1 }; Object.prototype.toJSON = () => 0;\nconst f = (x) => [x, { a: '1' }]"
    assert run(web, source, "assert f('z') == ['z', {'a': '1'}]").verdict is Verdict.ACCEPTED


def test_values_that_the_language_has_not_are_the_tests_fault(web: Pool) -> None:
    for value, what in (
        ("{1}", "a value of set"),
        ("2**53", "an integer beyond"),
        ("{1: 2}", "keys that are no texts"),
    ):
        execution = run(web, "const f = (x) => x", f"f({value})")
        assert execution.verdict is Verdict.INTERNAL_ERROR and what in execution.detail, execution


def test_languages_without_a_driver_are_refused(web: Pool) -> None:
    beside = CallTests(source="f()", entry_point="f", integrity=Integrity.IN_SANDBOX)
    odd = CallTests(source="f()", entry_point="f(); f")
    for language, tests, why in (
        (
            "typescript",
            CallTests(source="f()", entry_point="f"),
            "a program in typescript: it is judged by what it prints",
        ),
        ("javascript", beside, "judged by what it prints"),
        ("javascript", odd, "the name of a function is expected"),
    ):
        with pytest.raises(ValueError, match=why):
            web.run(Program(source="", language=language), tests, LIMITS)
