"""Calls that are asked ahead are judged as if they were asked one by one, in every backend."""

from __future__ import annotations

import pytest

from sandbox import CallTests, Execution, Limits, Pool, Program, Verdict
from sandbox.guest import ahead

SHORT = Limits(cpu_s=1.0, wall_s=2.0, memory_bytes=256 * 2**20, disk_bytes=8 * 2**20, output_bytes=100_000)
HELPERS = """
def same(out, exp):
    assert (out if isinstance(out, (int, float, str, list, tuple, type(None))) else list(out)) == exp


def fails(out, exp):
    assert out != exp

"""
NUMBERS = "[[n] for n in range(300)]"
SAME = "[n for n in range(300)]"

# name -> program, inputs, results, verdict
CASES = {
    "state between calls": ("seen = []\ndef f(x):\n    seen.append(x)\n    return len(seen) - 1", NUMBERS, SAME, Verdict.ACCEPTED),
    "iterators, each walked through at its turn": ("now = 0\ndef f(x):\n    global now\n    now = x\n    return (now for _ in range(2))", NUMBERS, "[[n, n] for n in range(300)]", Verdict.ACCEPTED),
    "iterators in some turns": ("def f(x):\n    return iter([x]) if x % 7 == 0 else [x]", NUMBERS, "[[n] for n in range(300)]", Verdict.ACCEPTED),
    "an iterator that fails": ("def f(x):\n    yield x\n    if x == 9: raise ValueError('nine')", NUMBERS, "[[n] for n in range(300)]", Verdict.RUNTIME_ERROR),
    "no arguments": ("n = -1\ndef f():\n    global n\n    n += 1\n    return n", "[[]] * 300", SAME, Verdict.ACCEPTED),
    "fewer results than inputs": ("import os\ndef f(x):\n    return x if x < 3 else os._exit(3)", NUMBERS, "[0, 1, 2]", Verdict.ACCEPTED),
    "arguments that it changes": ("def f(x):\n    x.append(1)\n    return x", "[[[]] for _ in range(300)]", "[[1]] * 300", Verdict.ACCEPTED),
    "large arguments": ("def f(x):\n    return len(x)", "[['x' * 50_000] for _ in range(20)]", "[50_000] * 20", Verdict.ACCEPTED),
    "large results": ("def f(x):\n    return 'x' * x", "[[500_000] for _ in range(40)]", "['x' * 500_000] * 40", Verdict.ACCEPTED),
    "odd values": ("def f(x):\n    return x", "[['\\ud800\\u2028\"\\\\'], [float('inf')], [10**5000], [(1, {2: b'x'})], [None]]", "['\\ud800\\u2028\"\\\\', float('inf'), 10**5000, (1, {2: b'x'}), None]", Verdict.ACCEPTED),
    "wrong at once": ("def f(x):\n    return x + 1", NUMBERS, SAME, Verdict.WRONG_ANSWER),
    "wrong late": ("def f(x):\n    return x if x < 251 else 0", NUMBERS, SAME, Verdict.WRONG_ANSWER),
    "wrong, and then it ends": ("import os\ndef f(x):\n    if x == 101: os._exit(0)\n    return x if x < 100 else 0", NUMBERS, SAME, Verdict.WRONG_ANSWER),
    "wrong, and then it never returns": ("def f(x):\n    while x == 101: pass\n    return x if x < 100 else 0", NUMBERS, SAME, Verdict.WRONG_ANSWER),
    "wrong, and then it takes all memory": ("def f(x):\n    if x == 101: return ' ' * 2**30\n    return x if x < 100 else 0", NUMBERS, SAME, Verdict.WRONG_ANSWER),
    "ends in the middle": ("import os\ndef f(x):\n    if x == 101: os._exit(0)\n    return x", NUMBERS, SAME, Verdict.RUNTIME_ERROR),
    "raises in the middle": ("def f(x):\n    return x if x != 101 else 1 / 0", NUMBERS, SAME, Verdict.RUNTIME_ERROR),
    "never returns in the middle": ("def f(x):\n    while x == 101: pass\n    return x", NUMBERS, SAME, Verdict.TIME_LIMIT),
    "memory in the middle": ("def f(x):\n    if x == 101: return ' ' * 2**30\n    return x", NUMBERS, SAME, Verdict.MEMORY_LIMIT),
    "prints without end": ("def f(x):\n    print('x' * 1000)\n    return x", NUMBERS, SAME, Verdict.OUTPUT_LIMIT),
    "an object for a value": ("class A: pass\ndef f(x):\n    return A() if x == 101 else x", NUMBERS, SAME, Verdict.RUNTIME_ERROR),
    "forks at each call": ("import os\ndef f(x):\n    if os.fork() == 0: os._exit(0)\n    os.wait()\n    return x", "[[n] for n in range(30)]", "[n for n in range(30)]", Verdict.ACCEPTED),
}  # fmt: skip


def run(box: Pool, source: str, inputs: str, results: str, loop: str) -> Execution:
    tests = f"{HELPERS}inputs = {inputs}\nresults = {results}\n{loop}"
    return box.run(Program(source=source), CallTests(source=tests, entry_point="f"), SHORT)


@pytest.mark.parametrize("name", CASES)
def test_the_verdict_is_that_of_single_questions(box: Pool, name: str) -> None:
    source, inputs, results, verdict = CASES[name]
    plain = "for inp, exp in zip(inputs, results):\n    same(f(*inp), exp)\n"
    other = "for inp, exp in zip(inputs, results):\n    out = f(*inp)\n    same(out, exp)\n"
    assert ahead.mark(plain) != plain and ahead.mark(other) == other
    many, single = (run(box, source, inputs, results, loop) for loop in (plain, other))
    assert many.verdict is single.verdict is verdict, (many, single)
    assert many.detail == single.detail or many.detail.split(" (tests.py")[0] == single.detail.split(" (tests.py")[0]


def test_the_first_wrong_answer_stops_the_program_within_a_window(box: Pool) -> None:
    source = "def f(x):\n    print(x, flush=True)\n    return x if x < 5 else 0"
    found = run(box, source, NUMBERS, SAME, "for inp, exp in zip(inputs, results):\n    same(f(*inp), exp)\n")
    assert found.verdict is Verdict.WRONG_ANSWER
    assert 6 <= len(found.stdout.split()) <= sum(ahead.WINDOWS[:3])


def test_tests_that_catch_a_failure_go_on(box: Pool) -> None:
    loop = """
try:
    for inp, exp in zip(inputs, results):
        same(f(*inp), exp)
except AssertionError:
    pass
else:
    raise RuntimeError
assert f(400) == 400
for i, inp in enumerate(inputs):
    fails(f(*inp), "")
assert [f(*inp) for inp in inputs][-1] == 299
"""
    found = run(box, "def f(x):\n    return x if x != 20 else 0", NUMBERS, SAME, loop)
    assert found.verdict is Verdict.ACCEPTED, found


def test_tests_that_ask_between_the_turns_have_the_answers_of_their_questions(box: Pool) -> None:
    loop = """
def beside(out, exp):
    assert out == exp and f(exp + 1000) == exp + 1000

for inp, exp in zip(inputs, results):
    beside(f(*inp), exp)
"""
    found = run(box, "def f(x):\n    return x", NUMBERS, SAME, loop)
    assert found.verdict is Verdict.ACCEPTED, found


def test_an_argument_that_cannot_cross_is_told_as_before(box: Pool) -> None:
    plain = "for inp, exp in zip(inputs, results):\n    same(f(*inp), exp)\n"
    found = run(box, "def f(x):\n    return x", "[[1], [lambda: 1]]", "[1, 2]", plain)
    assert found.verdict is Verdict.RUNTIME_ERROR and "an argument is no data but function" in found.detail, found
