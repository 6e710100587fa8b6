"""AI2 open-instruct's code API: a program with assertions, or with pairs of input and output.

Assertions are judged apart from the program wherever all that they exchange with it is data; the others run in its
process. Tests come as a list, or as text: base64 of zlib of JSON, or of a pickle, of which nothing but plain values is
ever read. A refusal or a failure of ours is 503 or 500, which its client tries again.
"""

from __future__ import annotations

import ast
import base64
import binascii
import builtins
import io
import json
import pickle
import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request, Response
from pydantic import Field

from harness.datasets.mbpp import called
from harness.service.admission import Patience
from harness.service.faults import BadRequest
from harness.service.judging import Candidate, function_tests
from harness.service.own import client
from harness.service.replies import AsciiJSON
from harness.service.schemas import MAX_ITEMS, Body, Seconds
from sandbox import CallTests, Execution, Integrity, Program, StdioCase, StdioTests, Tests, Verdict

if TYPE_CHECKING:
    from harness.service.state import Service

BUSY = 503
PATIENCE_S = 60.0
LARGEST = 64 << 20  # of tests, unpacked


class TestBody(Body):
    """A program with its tests."""

    __test__ = False

    program: str
    tests: list[Any] | str
    max_execution_time: Seconds = 1.0


class TestResult(Body):
    """results: 1 for each test that passed. runtimes: seconds by the clock."""

    __test__ = False

    results: list[int] = Field(max_length=MAX_ITEMS)
    runtimes: list[float]


def router(service: Service) -> APIRouter:
    """The routes."""
    routes = APIRouter()
    busy: dict[int | str, dict[str, Any]] = {BUSY: {"description": "busy: try again"}}

    @routes.get("/health")
    async def health() -> dict[str, str]:
        """The service answers."""
        return {"status": "healthy"}

    @routes.post("/test_program", response_model=TestResult, responses=busy)
    async def test_program(body: TestBody, request: Request) -> Response:
        """Judge a program by assertions, each apart from the others."""
        return await _judge(service, body, [_assertion(each) for each in _tests(body.tests)], client(request))

    @routes.post("/test_program_stdio", response_model=TestResult, responses=busy)
    async def test_program_stdio(body: TestBody, request: Request) -> Response:
        """Judge a program by what it prints."""
        return await _judge(service, body, [_case(each) for each in _tests(body.tests)], client(request))

    return routes


async def _judge(service: Service, body: TestBody, tests: Sequence[Tests], name: str) -> Response:
    limits = service.judging.make_limits(body.max_execution_time)
    program = Program(source=body.program)

    async def work(index: int, patience: Patience) -> tuple[int, Execution]:
        candidate = Candidate(program=program, tests=tests[index], limits=limits)
        return index, await service.judging.run(candidate, name, patience)

    patience = Patience(wait_s=max(service.settings.queue_s, PATIENCE_S), busy_code=BUSY)
    ended = dict([each async for each in service.judging.each(len(tests), work, patience)]) if tests else {}
    return AsciiJSON({
        "results": [int(ended[index].verdict is Verdict.ACCEPTED) for index in range(len(tests))],
        "runtimes": [ended[index].wall_s for index in range(len(tests))],
    })  # fmt: skip


def _assertion(test: Any) -> Tests:
    source = str(test) + "\n"
    try:
        return function_tests(source, called(source))
    except ValueError as error:
        tests = _of_values(source)
        if tests is None:
            raise BadRequest(f"tests: {error}"[:500]) from error
        return tests


def _of_values(source: str) -> Tests | None:
    """Tests that call no function of the program's but use a value that it has: only its own process has that.

    None where they use none.
    """
    try:
        nodes = list(ast.walk(ast.parse(source)))
    except (SyntaxError, RecursionError, MemoryError):
        return None
    used = {node.id: isinstance(node.ctx, ast.Load) for node in nodes if isinstance(node, ast.Name)}
    imported = {name.asname or name.name for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)
                for name in node.names}  # fmt: skip
    asked = [name for name, loaded in used.items() if loaded and name not in imported and not hasattr(builtins, name)]
    return CallTests(source=source, entry_point=asked[0], integrity=Integrity.IN_SANDBOX) if asked else None


def _case(test: Any) -> Tests:
    if not isinstance(test, dict) or not {"input", "output"} <= test.keys():
        raise BadRequest('tests: each is {"input": text, "output": text}')
    return StdioTests(cases=(StdioCase(stdin=str(test["input"]), stdout=str(test["output"])),))


def _tests(given: list[Any] | str) -> list[Any]:
    tests = _unpacked(given) if isinstance(given, str) else given
    if not isinstance(tests, list):
        raise BadRequest("tests: a list is expected")
    if len(tests) > MAX_ITEMS:
        raise BadRequest(f"tests: {len(tests)} are more than {MAX_ITEMS}")
    return tests


def _unpacked(text: str) -> Any:
    try:
        unpacker = zlib.decompressobj()
        data = unpacker.decompress(base64.b64decode(text, validate=True), LARGEST)
        if unpacker.unconsumed_tail:
            raise BadRequest(f"tests: more than {LARGEST >> 20} MiB when unpacked")
        value = _PlainValues(io.BytesIO(data)).load() if data[:1] == b"\x80" else json.loads(data)
        return json.loads(value) if isinstance(value, str) else value
    except (binascii.Error, zlib.error, ValueError, pickle.UnpicklingError, EOFError, RecursionError) as error:
        raise BadRequest("tests: neither a list nor base64 of zlib of JSON") from error
    except (AttributeError, IndexError, KeyError, TypeError, MemoryError) as error:  # what a broken pickle raises
        raise BadRequest("tests: a pickle that cannot be read") from error


class _PlainValues(pickle.Unpickler):
    """Texts, numbers and containers: nothing that is looked up by its name, so nothing runs."""

    def find_class(self, module: str, name: str) -> Any:  # noqa: ARG002 - theirs
        """Raises UnpicklingError."""
        raise pickle.UnpicklingError("only plain values are read")

    def persistent_load(self, pid: Any) -> Any:  # noqa: ARG002 - theirs
        """Raises UnpicklingError."""
        raise pickle.UnpicklingError("only plain values are read")
