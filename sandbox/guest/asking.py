"""Tests that call a function, run in the judge: its proxy, their run, and what an error of theirs means."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

from sandbox.guest import ahead, cases, codec, reports, testcode, unittest_suites
from sandbox.guest import program as child
from sandbox.guest.channel import Conversation
from sandbox.guest.testcode import Tests

Describe = Callable[[Exception], tuple[str, str, dict[str, "str | None"]]]


class Progress:
    """How far the call tests of a program are, over all processes of it.

    last: the call that was made last. With a verdict for each case: total: how many there are (else None); ended: the
    statements at which processes of the program ended; counted: cases that have a verdict.
    """

    def __init__(self) -> None:
        self.last: cases.LastCall | None = None
        self.total: int | None = None
        self.ended: list[int] = []
        self.counted = 0
        self._now: cases.Cases | None = None

    def begin(self, talk: Conversation, describe: Describe) -> cases.Cases:
        """The cases of another process of the program."""
        self._now = cases.Cases(lambda: talk.taken, describe, tuple(self.ended))
        return self._now

    def tell(self, finding: dict[str, Any], tests: Tests | None) -> None:
        """Add to a finding what is known of the cases, and `more`: whether another process may come to others."""
        if self.last is not None and tests is not None and finding["verdict"] != "ACCEPTED":
            finding.setdefault("case", self.last.record(None, testcode.TESTS_FILE, tests.about["source"]))
        self.last = None
        if self.total is None:
            return
        finding["total"] = self.total
        now, self._now = self._now, None
        if now is not None:
            finding |= {"cases": now.verdicts, "first": now.first, "open": now.open == "case"}
            self.counted += len(now.verdicts) + (now.open == "case")
            finding["more"] = bool(now.open) and self.counted < self.total
            self.ended.append(now.reached)


def run_tests(
    tests: Tests,
    candidate: Callable[..., Any],
    talk: Conversation,
    now: cases.Cases | None,
    *,
    can_ask_ahead: bool,
    again: bool,
) -> None:
    """Run the tests with `candidate` in the place of the program's function. Raises what they raise.

    now: takes the cases' verdicts. can_ask_ahead: the program takes many calls in one frame. again: an earlier process
    of the program was asked already.
    """
    namespace = child.new_module("tests", testcode.TESTS_FILE).__dict__
    talk.values.find, talk.values.scalars = namespace.get, tests.numpy
    ask_ahead = _ask_ahead(candidate if can_ask_ahead else None, talk)
    ours = {ahead.NAME: ask_ahead, cases.NAME: now}
    _run(tests, candidate, namespace, ours, lambda: again or talk.answered > 0, talk)


def count_cases(tests: Tests) -> int:
    """How many cases the tests have: they are run without a program, so that each case fails."""
    calls = itertools.count(1)
    asked = 0

    def nobody(*_: Any, **__: Any) -> None:
        nonlocal asked
        asked = next(calls)
        raise LookupError("there is no program")

    now = cases.Cases(lambda: asked, lambda _: ("", "", {}))
    try:
        _run(
            tests, nobody, child.new_module("tests", testcode.TESTS_FILE).__dict__, {cases.NAME: now}, lambda: asked > 0
        )
    except (Exception, SystemExit):  # outside of a case: those after it are never reached
        pass
    now.finish()
    return len(now.verdicts)


def _run(
    tests: Tests,
    candidate: Callable[..., Any],
    namespace: dict[str, Any],
    ours: dict[str, Any],
    asked: Callable[[], bool],
    talk: Conversation | None = None,
) -> None:
    assert tests.prelude is not None and tests.source is not None
    name = tests.about["entry_point"]
    exec(tests.prelude, namespace)
    namespace.update({**ours, name: candidate})
    before = dict(namespace)
    if talk is not None:
        talk.exceptions = lambda name: _exception_of(before.get(name))
    exec(tests.source, namespace)
    unittest_suites.run(namespace, before, testcode.TESTS_FILE, tests.names, lambda: before[name], asked)


def _exception_of(value: Any) -> type[Exception] | None:
    """`value` where it is an exception that the prompt defines: none that it imports, which may steer its tests."""
    own = isinstance(value, type) and issubclass(value, Exception) and value.__module__ == "tests"
    return value if own else None


def proxy(name: str, talk: Conversation, last: cases.LastCall) -> Callable[..., Any]:
    """What the tests call: the program's function, in the program's process."""
    odd = _Arguments()

    def candidate(*args: Any, **kwargs: Any) -> Any:
        plan = talk.plan

        def question() -> Any:
            if plan is not None and not kwargs and plan.expects(args) and plan.ready():
                return talk.ask_planned(plan, name)
            return talk.ask("call", name, [codec.pack(each, odd) for each in args], codec.pack(kwargs, odd))

        return ask(talk, last, (args, kwargs), question)

    candidate.__name__ = candidate.__qualname__ = name
    return candidate


def ask(
    talk: Conversation, last: cases.LastCall, call: tuple[tuple[Any, ...], dict[str, Any]], question: Callable[[], Any]
) -> Any:
    """The answer to a question, which is noted as the last call."""
    talk.taken += 1
    last.begins(*call)
    try:
        value = question()
    except Exception as error:
        last.ends("raised", getattr(error, "line_in_program", type(error).__name__))
        raise
    last.ends("returned", value)
    return value


def _ask_ahead(candidate: Callable[..., Any] | None, talk: Conversation) -> Callable[..., Any]:
    """What a plain loop of the tests takes its turns from (`ahead.mark`)."""
    odd = _Arguments()
    begun = talk.plan  # without the tests (`ask_known`), which go on from there

    def pack(args: Any) -> str:
        return codec.encode([codec.pack(each, odd) for each in args]).decode("utf-8", "surrogatepass")

    def ask_ahead(called: Any, inputs: Any, beside: Any, only_flat: bool, turns: Any) -> Any:
        nonlocal begun
        if begun is not None and called is candidate:
            plan, begun = begun, None
            plan.inputs = inputs
            return itertools.islice(turns, plan.turns, None)
        talk.follow(ahead.Plan.of(inputs, beside, only_flat, pack) if called is candidate else None)
        return turns

    return ask_ahead


def ask_known(tests: Tests, talk: Conversation, last: cases.LastCall) -> bool:
    """Make the tests' calls without them; whether each answer is one that they accept.

    At another answer `talk.plan` is where the tests' loop is to begin. Raises as `Conversation.ask` does.
    """
    assert tests.known is not None
    calls, answers = tests.known["calls"], tests.known["answers"]
    plan = talk.plan = ahead.Plan(len(calls), calls.__getitem__, [])
    for number, key in enumerate(answers):
        talk.taken += 1
        plan.ready()
        try:
            if talk.answers_as(key, plan, tests.about["entry_point"]):
                continue
        except BaseException:
            last.begins(tuple(codec.Decoder(iter)(calls[number].encode("utf-8", "surrogatepass"))), {})
            raise
        plan.turns, talk.taken = number, number
        return False
    return True


class _Arguments:
    """How what tests pass is packed: iterators whole, nothing opaque."""

    def iterator(self, value: Iterator[Any]) -> list[Any]:
        """All its items. Raises TypeError for too many."""
        items = [codec.pack(item, self) for item in itertools.islice(value, codec.MAX_ITEMS + 1)]
        if len(items) > codec.MAX_ITEMS:
            raise TypeError(f"an argument is an iterator of more than {codec.MAX_ITEMS} items")
        return items

    def opaque(self, value: Any) -> None:
        """Raises TypeError: a function or an object of the tests has no place in another process."""
        raise TypeError(f"an argument is no data but {type(value).__name__}; such tests need integrity in-sandbox")


def verdict_of_tests(error: Exception, tests: Tests, talk: Conversation) -> tuple[str, str]:
    """Verdict and detail of an exception that ended the tests, without the text of any object of the program."""
    line = getattr(error, "line_in_program", None)
    if isinstance(error, MemoryError):
        where = "its" if line is not None else "with its results the judge"
        return "MEMORY_LIMIT", f"MemoryError: over {where} memory limit"
    if line is not None:
        return "RUNTIME_ERROR", line
    text = str(error) if isinstance(error, AssertionError) and all(type(a) is str for a in error.args) else ""
    place = _place(error, tests.about["source"])
    if talk.last_opaque:
        place += f"; the program returned a {talk.last_opaque}, which is no data: such tests need integrity in-sandbox"
    name = type(error).__name__
    if isinstance(error, AssertionError):
        return "WRONG_ANSWER", f"{name}{': ' if text else ''}{text[:200]}{place}"[: 2 * reports.DETAIL_CHARS]
    if isinstance(error, RecursionError):
        return "RUNTIME_ERROR", f"its result nests too deep{place}"
    return "RUNTIME_ERROR", f"{name} in the tests{place}: {_plain(error)}"[: reports.DETAIL_CHARS]


def _plain(error: Exception) -> str:
    """An exception's text where it is one already: no object of a program is asked for its text."""
    return error.args[0][:200] if error.args and type(error.args[0]) is str else ""


def _place(error: Exception, source: str) -> str:
    """The line of the tests where the exception was raised last."""
    number = 0
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == testcode.TESTS_FILE:
            number = trace.tb_lineno
        trace = trace.tb_next
    lines = source.splitlines()
    return f" (tests.py:{number}: {lines[number - 1].strip()[:200]})" if 0 < number <= len(lines) else ""
