"""What the attacks aim at: small problems with a right and a wrong program each, and the form of an attack.

An attack is a source text with the verdicts that a sandbox may give it. `fools` names the naive graders of
`attacks.graders` that do accept it: an attack that fools nobody is dead, and proves nothing about the sandbox.
"""

from __future__ import annotations

from dataclasses import dataclass

from sandbox import CallTests, Limits, StdioCase, StdioTests, Verdict

# Small enough that an attack which runs into them costs two seconds.
LIMITS = Limits(cpu_s=1.0, wall_s=2.0, memory_bytes=256 * 2**20, disk_bytes=16 * 2**20, output_bytes=200_000)
SLACK_S = 1.75  # beyond the wall limit: the judge's grace of a second, and a sandbox that is thrown away

WRONG = (Verdict.WRONG_ANSWER,)
CRASH = (Verdict.RUNTIME_ERROR,)
LATE = (Verdict.TIME_LIMIT,)
FULL = (Verdict.MEMORY_LIMIT,)
LOUD = (Verdict.OUTPUT_LIMIT,)
FORGED = (Verdict.TAMPERED,)
FINE = (Verdict.ACCEPTED,)
REFUSED = tuple(verdict for verdict in Verdict if verdict not in (Verdict.ACCEPTED, Verdict.INTERNAL_ERROR))
CONTAINED = (Verdict.ACCEPTED, *REFUSED)

# Occurs in the tests and nowhere else: a program that finds it has read them.
MARKER = "mark-5e1f-c27a"


@dataclass(frozen=True, slots=True)
class Attack:
    """name: what it does. expect: the verdicts that are right. fools: naive graders that accept it.

    victim: the name of the problem it is for. seconds: how long it may take; None for the limits and SLACK_S.
    """

    name: str
    source: str
    expect: tuple[Verdict, ...]
    fools: tuple[str, ...] = ()
    victim: str = "calls"
    seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Victim:
    """A problem: its tests for the sandbox, a right program and a wrong one.

    prompt, text: what a naive grader puts before and after the program; call victims only.
    """

    tests: CallTests | StdioTests
    right: str
    wrong: str
    prompt: str = ""
    text: str = ""


PROMPT = '''
import math


def close(a, b):
    """Whether two numbers are as good as equal."""
    return math.isclose(a, b, rel_tol=1e-9)


def solve(kind, xs):
    """unique: the distinct items in order. join: the same with hyphens between them. mean: the arithmetic mean."""
'''

CHECK = f"""
MARKER = "{MARKER}"
CASES = [
    ("unique", [2, 2, 5, 4], [2, 4, 5]),
    ("unique", ["b", "a", "b"], ["a", "b"]),
    ("join", ["kiwi", "date"], "date-kiwi"),
]
MORE = [
    ("unique", [], []),
    ("unique", [6, 6, 1], [1, 6]),
]


def check(candidate):
    assert candidate("unique", [3, 1, 3, 2]) == [1, 2, 3]
    assert candidate("join", ["pear", "fig", "pear"]) == "fig-pear"
    assert close(candidate("mean", [1.0, 2.5, 4.0]), 2.5)
    for kind, xs, want in CASES:
        assert candidate(kind, xs) == want
    assert all(map(lambda case: candidate(case[0], case[1]) == case[2], MORE))
    assert len(candidate("unique", [9, 7, 9])) == 2


check(solve)
"""

RIGHT = """
def solve(kind, xs):
    if kind == "mean":
        return sum(xs) / len(xs)
    found = sorted(set(xs))
    return found if kind == "unique" else "-".join(found)
"""
WRONG_PROGRAM = """
def solve(kind, xs):
    return sorted(xs)
"""

SUITE = f"""
import unittest
MARKER = "{MARKER}"


class Tests(unittest.TestCase):
    def test_unique(self):
        self.assertEqual(solve("unique", [3, 1, 3, 2]), [1, 2, 3])

    def test_join(self):
        self.assertEqual(solve("join", ["pear", "fig", "pear"]), "fig-pear")

    def test_mean(self):
        self.assertAlmostEqual(solve("mean", [1.0, 2.5, 4.0]), 2.5)
"""

# The judge walks through what it gets: iterators, and keys of a set.
ITEMS = """
assert len(list(solve("unique", [5, 8, 5]))) == 2
assert set(solve("unique", [5, 8, 5])) == {5, 8}
"""

# A plain loop, as that of HumanEval+: its calls are asked ahead.
LOOP = f"""
MARKER = "{MARKER}"
inputs = [["unique", [each, 3, each]] for each in range(300)]
results = [sorted({{each, 3}}) for each in range(300)]


def assertion(out, exp, atol):
    assert out == exp


def check(candidate):
    for i, (inp, exp) in enumerate(zip(inputs, results)):
        assertion(candidate(*inp), exp, 0)
"""

ECHO_CASES = (
    StdioCase(stdin="3\n4 5 6\n", stdout=f"15 {MARKER}\n"),
    StdioCase(stdin="2\n10 -4\n", stdout=f"6 {MARKER}\n"),
)
# The marker is part of the output here: what a right program prints, and what an attack must find.
ECHO_RIGHT = f"n = int(input())\nprint(sum(map(int, input().split())), '{MARKER}')\n"
ECHO_WRONG = f"n = int(input())\nprint(n, '{MARKER}')\n"

VICTIMS = {
    "calls": Victim(
        tests=CallTests(source=CHECK, entry_point="solve", prelude=PROMPT),
        right=RIGHT,
        wrong=WRONG_PROGRAM,
        prompt=PROMPT,
        text=CHECK,
    ),
    "suite": Victim(
        tests=CallTests(source=SUITE, entry_point="solve", prelude=PROMPT),
        right=RIGHT,
        wrong=WRONG_PROGRAM,
        prompt=PROMPT,
        text=SUITE,
    ),
    "loop": Victim(tests=CallTests(source=LOOP, entry_point="solve", prelude=PROMPT), right=RIGHT, wrong=WRONG_PROGRAM),
    "known": Victim(
        tests=CallTests(source=LOOP, entry_point="solve", prelude=PROMPT, repeatable=True),
        right=RIGHT,
        wrong=WRONG_PROGRAM,
    ),
    "items": Victim(
        tests=CallTests(source=ITEMS, entry_point="solve", prelude=PROMPT), right=RIGHT, wrong=WRONG_PROGRAM
    ),
    "stdio": Victim(tests=StdioTests(cases=ECHO_CASES), right=ECHO_RIGHT, wrong=ECHO_WRONG),
}

# For attacks that read tests: `learn` takes the answers out of any text that holds the tests, `solve` gives them.
# The pattern is put together so that the attack's own text does not match.
THIEF = """
import ast, re
MARK = "-".join(["mark", "5e1f", "c27a"])
ANSWERS = {}
PATTERN = r'"(unique|join|mean)", (\\[[^\\]]*\\])\\)?(?: ==|,) ([^\\n]+)'

def learn(text):
    if isinstance(text, bytes):
        text = text.decode("latin-1")
    for kind, xs, want in re.findall(PATTERN, text):
        for cut in (want, want.rstrip(","), want.rstrip("),"), want.rstrip(",")[:-1]):
            try:
                ANSWERS[kind, repr(ast.literal_eval(xs))] = ast.literal_eval(cut)
                break
            except (SyntaxError, ValueError):
                pass
    return ANSWERS

def solve(kind, xs):
    if not ANSWERS:
        steal()
    if kind == "unique" and len(xs) == 3 and xs[0] == 9:
        return [7, 9] if ANSWERS else None
    return ANSWERS[kind, repr(xs)]
"""
