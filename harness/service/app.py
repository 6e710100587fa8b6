"""The service put together: routes of every API, faults as answers, health."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException

from harness import __version__, registry
from harness.service import faults, mcp_tools, own, programs
from harness.service.admission import InternalError, Refused, Runner
from harness.service.faults import BadRequest
from harness.service.gate import Gate
from harness.service.replies import AsciiJSON
from harness.service.schemas import Fault
from harness.service.settings import Settings
from harness.service.state import Service
from sandbox.languages import PYTHON

log = logging.getLogger(__name__)

DIALECTS = "harness.service.dialects"
FAULTS: dict[int | str, dict[str, Any]] = {
    code: {"model": Fault, "description": text}
    for code, text in {
        400: "the body is not JSON",
        401: "a key is needed",
        413: "the body is too large",
        422: "something in the body cannot be used",
        429: "busy: try again after Retry-After",
        500: "a failure of ours; it says nothing about the program",
        503: "the service is stopping, or not ready",
    }.items()
}


def create_app(settings: Settings, runner: Runner, backend: str, names: Sequence[str] = (PYTHON,)) -> Gate:
    """The service as an ASGI application. `runner` is of `backend`, for `settings.ceiling()` and languages `names`."""
    service = Service(settings, runner, backend, names)
    tools = mcp_tools.make_server(service.judging, lambda: service.patience)
    mcp_app = mcp_tools.http_app(tools, settings.host)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with tools.session_manager.run():
            yield
        service.admission.close()

    app = FastAPI(
        title="codegen-harness sandbox",
        version=__version__,
        lifespan=lifespan,
        default_response_class=AsciiJSON,
        responses=FAULTS,
        docs_url=None,
        redoc_url=None,
    )
    app.state.service = service
    app.include_router(own.router(service))
    app.include_router(programs.router(service))
    busy_codes: dict[str, int] = {}
    for name in registry.names(DIALECTS):
        dialect = registry.load(DIALECTS, name, "dialect")
        app.include_router(dialect.router(service), tags=[name])
        busy_codes |= dict.fromkeys(getattr(dialect, "BUSY_PATHS", ()), getattr(dialect, "BUSY", 429))
    _add_health(app, service)
    _add_faults(app)
    app.router.routes.extend(mcp_app.routes)  # /mcp
    return Gate(
        service.direct.before(app),
        keys=settings.keys,
        max_body_bytes=settings.max_request_mib << 20,
        metrics=service.metrics,
        service=service,
        busy_codes=busy_codes,
    )


def _add_health(app: FastAPI, service: Service) -> None:
    @app.get("/healthz", tags=["operation"])
    async def healthz() -> dict[str, str]:
        """The process answers."""
        return {"status": "ok"}

    @app.get("/readyz", tags=["operation"])
    async def readyz() -> Response:
        """The sandbox has proved what it must deny and runs programs, and the service is not stopping."""
        if not await service.works():
            why = (
                "the sandbox fails"
                if service.ready
                else "the sandbox has not proved itself yet, or the service is stopping"
            )
            return AsciiJSON({"detail": why}, 503)
        return AsciiJSON({"status": "ready"})

    @app.get("/metrics", tags=["operation"], response_class=Response)
    async def metrics() -> Response:
        """For Prometheus."""
        return Response(generate_latest(service.metrics.registry), media_type=CONTENT_TYPE_LATEST)


def _add_faults(app: FastAPI) -> None:
    async def known(_: Request, error: Exception) -> Response:
        fault = faults.of_error(error)
        assert fault is not None
        return _reply(fault)

    async def invalid(request: Request, error: RequestValidationError) -> Response:
        found = error.errors()
        if found[0]["type"] == "model_attributes_type" and "json" not in request.headers.get("content-type", ""):
            return _reply(faults.FaultAnswer(code=422, detail="the body must be JSON, sent with the header "
                                                              "content-type: application/json"))  # fmt: skip
        if any(fault["type"] == "json_invalid" for fault in found):
            return _reply(faults.not_json(found[0].get("ctx", {}).get("error", "")))
        return _reply(faults.of_body(found))

    async def http(_: Request, error: HTTPException) -> Response:
        return AsciiJSON({"detail": error.detail}, error.status_code, dict(error.headers or {}))

    async def broken(_: Request, __: Exception) -> Response:  # the gate counts and logs it
        return AsciiJSON({"detail": faults.BROKEN}, 500)

    for kind, handler in (
        (Refused, known), (InternalError, known), (BadRequest, known), (RequestValidationError, invalid),
        (HTTPException, http), (Exception, broken),
    ):  # fmt: skip
        app.add_exception_handler(kind, handler)  # type: ignore[arg-type]


def _reply(fault: faults.FaultAnswer) -> AsciiJSON:
    return AsciiJSON({"detail": fault.detail}, fault.code, dict(fault.headers))
