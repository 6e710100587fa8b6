"""What the judge of every backend must do: tests apart from the program, the same verdicts as beside it."""

from __future__ import annotations

import dataclasses
import os
import random
import time

import pytest

import sandbox
from sandbox import (
    CallTests,
    Compare,
    Integrity,
    Isolation,
    Limits,
    Pool,
    Program,
    SandboxUnavailable,
    StdioCase,
    StdioTests,
    Verdict,
    preflight,
)

SHORT = Limits(cpu_s=1.0, wall_s=2.0, memory_bytes=256 * 2**20, disk_bytes=8 * 2**20)


def verdict(box: Pool, source: str, tests: str, **fields: str) -> Verdict:
    execution = box.run(Program(source=source), CallTests(source=tests, entry_point="f", **fields), SHORT)
    assert execution.integrity is Integrity.JUDGED
    return execution.verdict


RIGHT = {
    "a generator, item by item": ("def f():\n    n = 0\n    while True:\n        yield n\n        n += 1", "import itertools\nassert list(itertools.islice(f(), 4)) == [0, 1, 2, 3]"),
    "a generator is no list": ("def f():\n    yield 1", "assert f() != [1] and list(f()) == [1]"),
    "a map object": ("def f(x):\n    return map(str, x)", "assert list(f([1, 2])) == ['1', '2']"),
    "two iterators at once": ("def f(x):\n    return iter(x)", "a, b = f([1, 2]), f([3])\nassert [next(a), next(b), next(a)] == [1, 3, 2]"),
    "an exception by its class": ("def f(x):\n    raise KeyError(x)", "try:\n    f(1)\nexcept KeyError as error:\n    assert 'x' not in str(error)\nelse:\n    assert False"),
    "an own exception by what it derives from": ("class E(ValueError): pass\ndef f():\n    raise E('no')", "try:\n    f()\nexcept ValueError as error:\n    assert str(error) == 'no'\nelse:\n    assert False"),
    "state between calls": ("seen = []\ndef f(x):\n    seen.append(x)\n    return len(seen)", "assert [f(0), f(0), f(0)] == [1, 2, 3]"),
    "keyword arguments": ("def f(a, *, b=2):\n    return a - b", "assert f(5, b=1) == 4 and f(a=5) == 3"),
    "an iterator as an argument": ("def f(x):\n    return sum(x)", "assert f(n for n in range(4)) == 6 and f(iter([])) == 0"),
    "what it prints does not matter": ("def f():\n    print('x' * 9000)\n    return 1", "assert f() == 1"),
    "an object that can be called": ("class F:\n    def __call__(self, x): return x + 1\nf = F()", "assert f(1) == 2"),
    "a type as a value": ("def f(x, kind):\n    return [y for y in x if not isinstance(y, kind)]", "assert f([1, 'a'], int) == ['a']"),
    "floats and numpy in the tests": ("def f(x):\n    return x / 3", "import numpy as np\nassert np.allclose(f(1), 1 / 3)"),
    "numpy scalars": ("import numpy as np\ndef f():\n    return np.float64(0.5)", "assert f() == 0.5"),
    "a large value": ("def f(x):\n    return x * 2", "x = 'ab' * 10**6\nassert f(x) == x * 2"),
    "the entry point inside the tests": ("def f(x):\n    return sorted(x)", "assert tuple(f([2, 1])) == tuple(sorted(f([1, 2])))"),
}  # fmt: skip


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_program_is_accepted_apart_from_its_tests(box: Pool, name: str) -> None:
    assert verdict(box, *RIGHT[name]) is Verdict.ACCEPTED


WRONG = {
    "equality of its own": ("class E:\n    __eq__ = lambda *_: True\ndef f():\n    return E()", "assert f() == 1"),
    "an integer with equality of its own": ("class E(int):\n    __eq__ = lambda *_: True\ndef f():\n    return E(3)", "assert f() == 1"),
    "StopIteration in a map": ("def f(x):\n    raise StopIteration", "assert list(map(f, [1])) == []"),
    "an end that a bare except would hide": ("import os\ndef f(x):\n    os._exit(0)", "try:\n    f(1)\nexcept:\n    pass"),
    "an answer ahead of the question": ("import os\ndef f(x):\n    os.write(3, b'\\0\\0\\0\\2[]')\n    return x", "assert f(1) == 1"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_forged_result_is_not_accepted(box: Pool, name: str) -> None:
    assert verdict(box, *WRONG[name]) not in (Verdict.ACCEPTED, Verdict.INTERNAL_ERROR)


def test_the_prompts_helpers_are_the_data_sets(box: Pool) -> None:
    prelude = "def helper(x):\n    return x + 1\ndef f(x):\n    pass"
    source = "def helper(x):\n    return 0\ndef f(x):\n    return 5"
    assert verdict(box, source, "assert helper(f(1)) == 6", prelude=prelude) is Verdict.ACCEPTED


def test_setup_is_there_for_the_program_and_its_tests(box: Pool) -> None:
    assert verdict(box, "def f():\n    return K", "assert f() == K", setup="K = 7") is Verdict.ACCEPTED


def test_a_prompt_that_is_no_program_by_itself_gives_no_helpers(box: Pool) -> None:
    assert verdict(box, "def f():\n    return 1", "assert f() == 1", prelude="def f(:") is Verdict.ACCEPTED


def test_results_that_cost_the_judge_too_much_are_the_programs_own_fault(box: Pool) -> None:
    equal_hashes = "def f():\n    return [(2**61 - 1) * n for n in range(60000)]"
    start = time.monotonic()
    assert verdict(box, equal_hashes, "assert set(f()) == {1}") is Verdict.TIME_LIMIT
    busy = max(os.getloadavg()[0] / (os.cpu_count() or 1), 1.0)  # processes that want each processor
    assert time.monotonic() - start < 6 * busy
    assert verdict(box, "def f():\n    return 1", "assert f() == 1") is Verdict.ACCEPTED


def test_results_that_the_judge_cannot_hold_are_the_programs_own_fault(box: Pool) -> None:
    many_lists = (
        "import sys\nreply = '[\"%s\",\"value\",[' + ','.join(['[]'] * 8_000_000) + ']]'\n"
        "def f():\n    sys.modules['sandbox.guest.codec'].encode = lambda message: (reply % message[0]).encode()"
    )
    tests = CallTests(source="assert f() == 1", entry_point="f")
    unhurried = dataclasses.replace(SHORT, cpu_s=10.0, wall_s=20.0)  # which limit is passed first is not the question
    assert box.run(Program(source=many_lists), tests, unhurried).verdict is Verdict.MEMORY_LIMIT
    assert verdict(box, "def f():\n    return 1", "assert f() == 1") is Verdict.ACCEPTED


def test_nothing_stays_between_programs_that_one_judge_judges(box: Pool) -> None:
    tests = (
        "import random, sys\n"
        "assert 'seen' not in globals() and sys.getrecursionlimit() == 1000\n"
        "seen = 1\nsys.setrecursionlimit(5000)\nassert f() == random.random()"
    )
    source = "def f():\n    import random\n    random.seed(0)\n    return random.random()"
    assert [verdict(box, source, tests) for _ in range(3)] == [Verdict.ACCEPTED] * 3


def test_tests_beside_a_program_draw_the_same_numbers_in_every_run(box: Pool) -> None:
    drawn = CallTests(
        source="import random\nassert f() == 0, random.random()", entry_point="f", integrity=Integrity.IN_SANDBOX
    )
    programs = ["def f(): return 1", "import random\ndef f(): return 1", "import tempfile\ndef f(): return 1"]
    told = {box.run(Program(source=source), drawn, SHORT).detail for source in programs * 2}
    assert len(told) == 1 and str(random.Random(0).random()) in told.pop()
    seeded = "import random\nrandom.seed(7)\ndef f(): return 1"
    assert str(random.Random(7).random()) in box.run(Program(source=seeded), drawn, SHORT).detail


def test_large_tests_of_many_problems_take_turns(box: Pool) -> None:
    tests = [f"x = {'y' * 9_000_000!r}\nassert f() == {n}" for n in range(3)]
    for n in (0, 1, 0, 2, 1, 1, 0):
        assert verdict(box, f"def f():\n    return {n}", tests[n]) is Verdict.ACCEPTED
        assert verdict(box, "def f():\n    return -1", tests[n]) is Verdict.WRONG_ANSWER


def test_a_wrong_answer_is_told_with_its_line_and_not_with_the_programs_text(box: Pool) -> None:
    tests = CallTests(source="def check(c):\n    assert c(1) == 2, 'one'\ncheck(f)", entry_point="f")
    execution = box.run(Program(source="def f(x):\n    return '\\x1b[2J'"), tests)
    assert execution.verdict is Verdict.WRONG_ANSWER
    assert "tests.py:2" in execution.detail and "one" in execution.detail and "\x1b" not in execution.detail


BESIDE = {
    "class Node:\n    def __init__(self, v): self.v = v\ndef f(n):\n    return n.v": "assert f(Node(3)) == 3",
    "def f(x):\n    return lambda y: x + y": "assert f(1)(2) == 3",
    "def f(x):\n    return x + 1": "import unittest\nclass T(unittest.TestCase):\n    def test_one(self):\n        self.assertEqual(f(1), 2)",
}


@pytest.mark.parametrize("source", BESIDE)
def test_tests_that_cannot_be_split_run_beside_the_program_and_say_so(box: Pool, source: str) -> None:
    tests = CallTests(source=BESIDE[source], entry_point="f", integrity=Integrity.IN_SANDBOX)
    right = box.run(Program(source=source), tests)
    wrong = box.run(Program(source=f"{source}\nf = lambda *_: None"), tests)
    assert (right.verdict, right.integrity) == (Verdict.ACCEPTED, Integrity.IN_SANDBOX)
    assert wrong.verdict in (Verdict.WRONG_ANSWER, Verdict.RUNTIME_ERROR)


@pytest.mark.parametrize(
    ("compare", "tolerance", "expected"),
    [(Compare.EXACT, 0.0, Verdict.WRONG_ANSWER), (Compare.TRIMMED, 0.0, Verdict.WRONG_ANSWER),
     (Compare.TOKENS, 0.0, Verdict.WRONG_ANSWER), (Compare.TOKENS, 1e-6, Verdict.ACCEPTED)],
)  # fmt: skip
def test_output_is_compared_as_the_tests_say(box: Pool, compare: Compare, tolerance: float, expected: Verdict) -> None:
    cases = (StdioCase(stdin="1 3", stdout="0.3333333\n"),)
    source = "a, b = map(int, input().split())\nprint(' ', a / b)"
    tests = StdioTests(cases=cases, compare=compare, tolerance=tolerance)
    assert box.run(Program(source=source), tests).verdict is expected


def test_many_cases_are_one_job_and_end_at_the_first_that_fails(box: Pool) -> None:
    cases = tuple(StdioCase(stdin=f"{n}\n", stdout=f"{n}\n") for n in range(30))
    assert box.run(Program(source="print(input())"), StdioTests(cases=cases)).cases == (Verdict.ACCEPTED,) * 30
    late = box.run(Program(source="n = int(input())\nprint(n if n < 7 else 0)"), StdioTests(cases=cases))
    assert late.cases == (Verdict.ACCEPTED,) * 7 + (Verdict.WRONG_ANSWER,) and "case 8" in late.detail


def test_a_sandbox_of_its_own_for_each_program(backend: str) -> None:
    with sandbox.open(backend, workers=2, isolation=Isolation.CONTAINER) as box:
        source = "def f():\n    return 1"
        runs = [box.run(Program(source=source), CallTests(source="assert f() == 1", entry_point="f")) for _ in range(4)]
    assert [run.verdict for run in runs] == [Verdict.ACCEPTED] * 4
    assert len({run.worker for run in runs}) == 4


def test_a_sandbox_that_denies_too_little_runs_nothing(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The preflight itself is what fails here: one thing that is allowed is put among those that must be denied."""
    monkeypatch.setitem(preflight._ASKED, "reading its own status", "open('/proc/self/status').read()")
    with sandbox.open(backend, workers=1) as box, pytest.raises(SandboxUnavailable, match="reading its own status"):
        box.run(Program(source="print(1)"))


@pytest.mark.parametrize("fields", [{"source": "assert f( == 1"}, {"source": "assert f() == 1", "setup": "x ="}])
def test_tests_that_do_not_compile_say_so(box: Pool, fields: dict[str, str]) -> None:
    execution = box.run(Program(source="def f():\n    return 1"), CallTests(entry_point="f", **fields))
    assert execution.verdict is Verdict.RUNTIME_ERROR and "compile" in execution.detail


def test_a_limit_that_passes_before_the_program_began_ends_it_all_the_same(box: Pool) -> None:
    soon = Limits(cpu_s=0.0001, wall_s=0.0001)
    assert box.run(Program(source="while True: pass"), limits=soon).verdict is Verdict.TIME_LIMIT


def test_tests_that_change_more_than_their_names_have_a_process_for_each_run(box: Pool) -> None:
    tests = "import math\nold = math.sqrt\nmath.sqrt = lambda x: 7\nassert f(9) == 9\nmath.sqrt = old"
    right, wrong = "def f(x):\n    return x", "def f(x):\n    return 0"
    found = [verdict(box, source, f"{tests}\nassert math.sqrt(9) == 3") for source in (right, wrong, right)]
    assert found == [Verdict.ACCEPTED, Verdict.WRONG_ANSWER, Verdict.ACCEPTED]


@pytest.mark.parametrize(
    ("changing", "others"),
    [
        ("import math\nmath.sqrt = lambda x: 7", "import math\nassert math.sqrt(9) == 3"),
        ("import numpy as np\nnp.seterr(all='raise')", "import numpy as np\nassert np.isinf(np.float64(1) / np.float64(0))"),
        ("import builtins\nbuiltins.sorted = list", "assert sorted([2, 1]) == [1, 2]"),
        ("seen = 1\nimport random\nrandom.seed(9)", "import random\nrandom.seed(0)\nx = random.random()\nassert 'seen' not in globals()"),
        ("import warnings\nwarnings.simplefilter('error')", "import warnings\nwarnings.warn('no')"),
        ("import decimal\ndecimal.getcontext().prec = 3", "import decimal\nassert decimal.getcontext().prec > 3"),
    ],
)  # fmt: skip
def test_what_tests_change_is_not_there_for_another_problems(box: Pool, changing: str, others: str) -> None:
    right, wrong = "def f(x):\n    return x", "def f(x):\n    return 0"
    found = [
        verdict(box, source, f"{tests}\nassert f(9) == 9") for tests in (changing, others) for source in (right, wrong)
    ]
    assert found == [Verdict.ACCEPTED, Verdict.WRONG_ANSWER] * 2


def test_tests_are_there_after_a_program_with_which_their_process_ended(box: Pool) -> None:
    right, wrong = "def f(x):\n    return x", "def f(x):\n    return 0"
    hog = "def f(x):\n    return bytearray(10**9)"
    tests = [f"y = {n}\nassert f(9) == 9" for n in range(4)]
    before = [verdict(box, right, each) for each in tests]
    assert verdict(box, hog, tests[3]) is Verdict.MEMORY_LIMIT
    after = [verdict(box, source, each) for each in tests for source in (right, wrong)]
    assert before + after == [Verdict.ACCEPTED] * 4 + [Verdict.ACCEPTED, Verdict.WRONG_ANSWER] * 4


def test_what_tests_print_and_warn_of_blocks_nobody(box: Pool) -> None:
    tests = "\n".join("assert f(1) is 2" for _ in range(1000)) + "\nprint('x' * 10**6)"
    assert verdict(box, "def f(x):\n    return 2", tests) is Verdict.ACCEPTED


def test_tests_may_call_from_several_threads(box: Pool) -> None:
    tests = "from concurrent.futures import ThreadPoolExecutor\nassert list(ThreadPoolExecutor(4).map(f, range(50))) == list(range(0, 100, 2))"
    assert verdict(box, "def f(x):\n    return 2 * x", tests) is Verdict.ACCEPTED


@pytest.mark.parametrize(
    "value",
    [
        "range(10**7)",
        "1 << 5_000_000",
        "__import__('decimal').Decimal(10) ** 6000",
        "(__import__('sys').setrecursionlimit(10**5), __import__('functools').reduce(lambda x, _: [x], range(1200), []))[1]",
    ],
)
def test_a_result_that_is_too_large_is_no_tampering(box: Pool, value: str) -> None:
    assert verdict(box, f"def f():\n    return {value}", "assert f()") is Verdict.RUNTIME_ERROR


def test_a_missing_function_is_no_exception_that_tests_can_expect(box: Pool) -> None:
    assert verdict(box, "pass", "try:\n    f(1)\nexcept KeyError:\n    pass") is Verdict.RUNTIME_ERROR


def test_exceptions_have_their_arguments(box: Pool) -> None:
    tests = "for kind, args in (KeyError, ('a',)), (FileNotFoundError, (2, 'No such file or directory')):\n    try:\n        f(kind is KeyError)\n    except kind as error:\n        assert error.args == args, error.args"
    source = "def f(key):\n    return {}['a'] if key else open('none')"
    assert verdict(box, source, tests) is Verdict.ACCEPTED


def test_the_search_for_tests_in_memory_finds_them_where_they_are(box: Pool) -> None:
    """The preflight's own program, with its tests beside it: a search that finds nothing anywhere would prove nothing."""
    beside = dataclasses.replace(preflight._TESTS, integrity=Integrity.IN_SANDBOX)
    assert box.run(Program(source=preflight._SEEN), beside).verdict is Verdict.ACCEPTED
    assert box.run(Program(source=preflight._SEEN), preflight._TESTS).verdict is Verdict.WRONG_ANSWER
