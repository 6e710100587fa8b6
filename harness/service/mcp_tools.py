"""Tools for agents over MCP: `run_code` and `judge`, at `/mcp` and over stdio (`harness serve mcp`)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import ValidationError
from starlette.applications import Starlette

from harness import __version__
from harness.service.admission import Admission, InternalError, Patience, Refused
from harness.service.faults import BadRequest
from harness.service.judging import Judging
from harness.service.languages import Languages
from harness.service.metrics import Metrics
from harness.service.pools import Pools
from harness.service.schemas import (
    CallTestsBody,
    CaseBody,
    ExecuteBody,
    JudgeBody,
    LimitsBody,
    StdioTestsBody,
    execution_body,
)
from harness.service.settings import Settings

CLIENT = "mcp"
INSTRUCTIONS = "Runs untrusted programs in a sandbox without network. Nothing is kept between calls."


def make_server(judging: Judging, patience: Callable[[], Patience]) -> MCPServer[Any]:
    """The tools. They answer with an error where there is no verdict."""
    server: MCPServer[Any] = MCPServer(
        "codegen-harness", version=__version__, instructions=INSTRUCTIONS, log_level="WARNING"
    )

    @server.tool()
    async def run_code(
        ctx: Context, code: str, stdin: str = "", language: str = "python", timeout_s: float = 10.0
    ) -> dict[str, Any]:
        """Run a program in a sandbox. Gives its verdict, exit code, stdout, stderr, time and memory."""
        ran = await _until_hang_up(ctx, _attributed(_ran(judging, code, stdin, language, timeout_s, patience())))
        return ran.model_dump(mode="json", exclude={"files"})  # type: ignore[no-any-return]

    @server.tool()
    async def judge(
        ctx: Context,
        code: str,
        cases: list[dict[str, str]] | None = None,
        test_source: str = "",
        entry_point: str = "",
        problem: str = "",
    ) -> dict[str, Any]:
        """Judge a program: by `cases` ({"stdin", "stdout"} each), by `test_source`, Python that calls `entry_point` or
        defines check(candidate), or by the tests of a known `problem` such as humaneval/0."""
        judged = await _until_hang_up(
            ctx, _attributed(_judged(judging, code, cases or [], test_source, entry_point, problem, patience()))
        )
        return judged.model_dump(mode="json")  # type: ignore[no-any-return]

    return server


def http_app(server: MCPServer[Any], host: str) -> Starlette:
    """Streamable HTTP at /mcp. On loopback Host and Origin are checked, so that no web page can use it."""
    return server.streamable_http_app(host=host)


async def _ran(judging: Judging, code: str, stdin: str, language: str, timeout_s: float, patience: Patience) -> Any:
    limits = LimitsBody(wall_s=timeout_s)
    body = ExecuteBody(source=code, stdin=stdin, language=language, limits=limits)
    return execution_body(await judging.run(judging.executable(body), CLIENT, patience))


async def _judged(
    judging: Judging, code: str, cases: list[dict[str, str]], test_source: str, entry_point: str, problem: str,
    patience: Patience,
) -> Any:  # fmt: skip
    tests: CallTestsBody | StdioTestsBody | None = None
    if cases:
        tests = StdioTestsBody(kind="stdio", cases=[CaseBody(**case) for case in cases])
    elif test_source:
        tests = CallTestsBody(kind="call", source=test_source, entry_point=entry_point)
    body = JudgeBody(source=code, tests=tests, problem=problem or None)
    return await judging.judge(await judging.candidate(body), CLIENT, patience, stop_at_first=False)


async def _attributed(result: Awaitable[Any]) -> Any:
    """The result; ToolError with what an agent is to read: a tool's error, not a verdict."""
    try:
        return await result
    except ValidationError as error:
        raise ToolError("; ".join(f"{fault['loc'][-1]}: {fault['msg']}" for fault in error.errors()[:3])) from None
    except (BadRequest, Refused) as error:
        raise ToolError(str(error)) from None
    except InternalError as error:
        raise ToolError(f"the service failed, which says nothing about the program: {error}") from None


async def _until_hang_up(ctx: Context, result: Coroutine[Any, Any, Any]) -> Any:
    """The result; given up where the client of the request hangs up, which the gate says (over stdio there is none).

    The session that runs a tool outlives the request that asked for it, so the request's end does not end the tool.
    """
    request = ctx.request_context.request
    if request is None:
        return await result
    work = asyncio.ensure_future(result)
    gone = asyncio.ensure_future(request.scope["hang_up"].wait())
    try:
        await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            raise ToolError("the client hung up")
        return await work
    finally:
        gone.cancel()
        work.cancel()


def serve_stdio(settings: Settings, pool: Pools) -> None:
    """Serve one client on standard input and output, until its end."""
    asyncio.run(_serve_stdio(settings, pool))


async def _serve_stdio(settings: Settings, pool: Pools) -> None:
    admission = Admission(pool, settings.workers, Metrics(settings.workers))
    try:
        judging = Judging(settings, admission, Languages(pool.names))
        await make_server(judging, lambda: Patience(wait_s=None)).run_stdio_async()
    finally:
        admission.close()
