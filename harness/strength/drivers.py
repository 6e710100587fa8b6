"""Texts that run inside the sandbox, beside a reference or a mutant, and how what they print is read.

Three programs are made: one that runs the tests and prints what they call (`recording`), one that prints what a
function answers to given calls (`answering`), and tests that compare a function with known answers (`comparing`). The
last run in the judge like any tests. What a program prints is taken as a text, and parsed as literals at most.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harness.strength.inputs import Call
from sandbox.types import CallTests

MARK = "\x1estrength\x1e"
_MOST_CALLS = 2000
_MOST_BYTES = 600_000
_SECONDS_A_CALL = 0.2
_TOLD = 30  # inputs that one run names at most

_RECORD = f"""
def _strength_recorder(function):
    import functools
    depth, seen = [0], {{}}
    @functools.wraps(function)
    def recorded(*args, **kwargs):
        if not depth[0] and len(seen) < {_MOST_CALLS}:
            try: seen[repr((args, kwargs))] = None
            except Exception: pass
        depth[0] += 1
        try: return function(*args, **kwargs)
        finally: depth[0] -= 1
    return recorded, seen
NAME, _strength_seen = _strength_recorder(NAME)
def _strength_print(seen=_strength_seen):
    import json
    size = 0
    for text in seen:
        size += len(text)
        if size > {_MOST_BYTES}: break
        print('\\n' + MARK + json.dumps(text), flush=True)
import atexit as _strength_atexit
_strength_atexit.register(_strength_print)
"""

_ANSWER = f"""
def _strength_answers(function, calls):
    import ast, json, signal
    class Slow(BaseException): pass
    def stop(*_): raise Slow
    signal.signal(signal.SIGVTALRM, stop)
    size = 0
    for number, text in enumerate(calls):
        args, kwargs = ast.literal_eval(text)
        signal.setitimer(signal.ITIMER_VIRTUAL, {_SECONDS_A_CALL})
        try: answer = ['returns', repr(function(*args, **kwargs))]
        except Slow: continue
        except Exception as error: answer = ['raises', type(error).__name__]
        except BaseException: continue
        finally: signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        line = '\\n' + MARK + json.dumps([number, *answer])
        size += len(line)
        if size > {_MOST_BYTES}: break
        print(line, flush=True)
_strength_answers(NAME, CALLS)
"""

_COMPARE = f"""
def _same(got, wanted):
    if isinstance(got, float) or isinstance(wanted, float):
        try: return got == wanted or (got != got and wanted != wanted) or abs(got - wanted) <= 1e-6 * max(1, abs(got))
        except Exception: return False
    if isinstance(wanted, (list, tuple)):
        return type(got) is type(wanted) and len(got) == len(wanted) and all(map(_same, got, wanted))
    if isinstance(wanted, dict):
        return isinstance(got, dict) and got.keys() == wanted.keys() and all(_same(got[k], wanted[k]) for k in wanted)
    try: return bool(got == wanted)
    except Exception: return False

def _differs(candidate, call, answer):
    args, kwargs = call
    try: got = candidate(*args, **kwargs)
    except Exception as error: return answer != ('raises', type(error).__name__)
    return answer[0] != 'returns' or not _same(got, answer[1])

def _compare(candidate):
    told = []
    for number, (call, answer) in enumerate(zip(CALLS, ANSWERS)):
        if _differs(candidate, call, answer):
            told.append(number)
            if len(told) == {_TOLD}: break
    assert not told, 'inputs ' + ' '.join(map(str, told))

_compare(NAME)
"""
_TOLD_INPUTS = re.compile(r"\binputs ((?:\d+ ?)+)")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a function answered: a value, as a literal, or the name of the exception that it raised."""

    value: Any = None
    raised: str = ""

    def __str__(self) -> str:
        return f"raises {self.raised}" if self.raised else repr(self.value)


def recording(program: str, tests: CallTests) -> str:
    """A program that runs the tests as they stand, beside the reference, and prints each call that they make."""
    head = f"{tests.setup}\n{tests.prelude}" if _compiles(f"{tests.setup}\n{tests.prelude}") else tests.setup
    recorder = _RECORD.replace("NAME", tests.entry_point).replace("MARK", repr(MARK))
    return f"{head}\n{program}\n{recorder}\n{tests.source}\n"


def answering(program: str, tests: CallTests, calls: Sequence[Call]) -> str:
    """A program that prints what the entry point answers to each call that it answers in time."""
    driver = _ANSWER.replace("NAME", tests.entry_point).replace("MARK", repr(MARK))
    return f"{tests.setup}\n{program}\n{driver.replace('CALLS', repr([repr(call) for call in calls]))}\n"


def comparing(tests: CallTests, calls: Sequence[Call], answers: Sequence[Answer]) -> CallTests:
    """Tests that name the calls whose answers differ from those given."""
    known = [("raises", each.raised) if each.raised else ("returns", each.value) for each in answers]
    texts = {"CALLS": repr(list(calls)), "ANSWERS": repr(known), "NAME": tests.entry_point}
    source = re.sub("CALLS|ANSWERS|NAME", lambda found: texts[found[0]], _COMPARE)
    return CallTests(source=source, entry_point=tests.entry_point, setup=tests.setup)


def read_recorded(stdout: str) -> list[str]:
    """The texts of calls that a recording program printed."""
    return [each for each in _marked(stdout) if isinstance(each, str)]


def read_answers(stdout: str) -> dict[int, Answer]:
    """The answers that an answering program printed, by the call's number; those that are no literals are left out."""
    found = {}
    for each in _marked(stdout):
        match each:
            case [int(number), "raises", str(name)]:
                found[number] = Answer(raised=name)
            case [int(number), "returns", str(text)]:
                try:
                    found[number] = Answer(value=ast.literal_eval(text))
                except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
                    continue
    return found


def read_differences(detail: str) -> tuple[int, ...]:
    """The inputs that comparing tests named in the detail of a wrong answer."""
    found = _TOLD_INPUTS.search(detail)
    return tuple(int(each) for each in found[1].split()) if found else ()


def _marked(stdout: str) -> list[Any]:
    found = []
    for line in stdout.split("\n"):
        if line.startswith(MARK):
            try:
                found.append(json.loads(line.removeprefix(MARK)))
            except ValueError:  # cut where the output ends
                continue
    return found


def _compiles(source: str) -> bool:
    try:
        compile(source, "prelude", "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return False
    return True
