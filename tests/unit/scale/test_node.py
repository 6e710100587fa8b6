"""What runs on a node, in this process: batches come back as they end, and what is amiss is told by value."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import sandbox
from harness import __version__
from harness.scale.node import Node
from sandbox import Limits, Program, StdioCase, StdioTests, Verdict, parcels
from sandbox.parcels import Answer
from sandbox.pool import Pool
from sandbox.preflight import Finding

LIMITS = Limits()
TESTS = parcels.pack_tests(StdioTests(cases=(StdioCase(stdin="2\n", stdout="4\n"),)))
DOUBLE = "print(2 * int(input()))"


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    """A node that is open, with two sandboxes."""
    made = Node()
    said = made.describe("auto", "pool", None, "python")
    assert said["version"] == __version__
    assert made.open(said["identity"], LIMITS, 2) == {"workers": 2}
    yield made
    assert made._pool
    made._pool.close()


def batch(*sources: str, tests: str | None = None, send: bool = True) -> bytes:
    items = [parcels.pack_item(Program(source=source), tests, LIMITS) for source in sources]
    return parcels.pack_batch(items, {TESTS.key: TESTS.text} if tests and send else {})


def answers(node: Node, number: int, data: bytes, count: int) -> list[Answer]:
    found: list[Answer] = []
    lines = node.exchange(number, 5, data)
    while True:
        found += [parcels.read_answer(line) for line in lines.splitlines()]
        if len(found) >= count:
            return sorted(found, key=lambda each: each.index)
        lines = node.exchange(number, 5)


def test_each_program_has_its_execution(node: Node) -> None:
    found = answers(node, 1, batch("print(1)", "raise ValueError('x')", "print(3)"), 3)
    executions = [each.execution for each in found if each.execution]
    assert [each.stdout for each in executions] == ["1\n", "", "3\n"]
    assert [each.verdict for each in executions] == [Verdict.ACCEPTED, Verdict.RUNTIME_ERROR, Verdict.ACCEPTED]


def test_a_program_that_runs_on_does_not_hold_the_others_back(node: Node) -> None:
    lines = node.exchange(2, 5, batch("import time; time.sleep(3)", "print(1)"))
    (first,) = [parcels.read_answer(line) for line in lines.splitlines()]
    assert first.index == 1
    assert node.exchange(2, 0.01) == b""  # a sign of life
    assert len(node.exchange(2, 10).splitlines()) == 1


def test_tests_are_kept_and_those_that_are_not_there_are_asked_for(node: Node) -> None:
    (missing,) = answers(node, 3, batch(DOUBLE, tests=TESTS.key, send=False), 1)
    assert missing == Answer(index=0, missing=TESTS.key)
    for number, send in ((4, True), (5, False)):
        (judged,) = answers(node, number, batch(DOUBLE, tests=TESTS.key, send=send), 1)
        assert judged.execution and judged.execution.verdict is Verdict.ACCEPTED


def test_a_sandbox_that_does_not_hold_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pool, "prove_denials", lambda _: [Finding(name="network", fault="it reaches 1.1.1.1")])
    node = Node()
    backend = sandbox.choose_backend()
    identity = node.describe(backend, "pool", None, "python")["identity"]
    fault = "its sandbox does not deny what it must: network: it reaches 1.1.1.1"
    assert node.prove(backend, None) == {"fault": fault}
    assert node.open(identity, LIMITS, 1) == {"fault": fault}


def test_where_no_sandbox_works_this_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def unavailable(_: str) -> str:
        raise sandbox.SandboxUnavailable("no sandbox works here")

    monkeypatch.setattr("sandbox.choose_backend", unavailable)
    assert "no sandbox works here" in Node().describe("auto", "pool", None, "python")["fault"]
