"""What becomes of an error: a status, a `detail` for the client, headers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.service.admission import InternalError, Refused

BROKEN = "the service failed, which says nothing about the program"


class BadRequest(Exception):  # noqa: N818 - the client's doing
    """What a client sent cannot be used; the message says what, and what would be right. Answered with 422."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultAnswer:
    """An answer that is not what was asked for."""

    code: int
    detail: str
    headers: Mapping[str, str] = field(default_factory=dict)


def of_error(error: Exception) -> FaultAnswer | None:
    """The answer where a request could not be met; None for an error that nobody foresaw."""
    match error:
        case Refused():
            return FaultAnswer(
                code=error.code, detail=str(error), headers={"retry-after": f"{error.retry_after_s:.0f}"}
            )
        case InternalError():
            detail = f"the service failed, which says nothing about the program: {error}"
            return FaultAnswer(code=500, detail=detail)
        case BadRequest():
            return FaultAnswer(code=422, detail=str(error))
        case _:
            return None


def not_json(why: str) -> FaultAnswer:
    """For a body that cannot be read."""
    return FaultAnswer(code=400, detail=f"the body is not JSON: {why}")


def of_body(faults: Sequence[Any]) -> FaultAnswer:
    """For a body that is not as a call wants it: pydantic's faults."""
    return FaultAnswer(code=422, detail="; ".join(_line(fault) for fault in faults[:5]))


def _line(fault: Any) -> str:
    """One fault of a body: where, and what is wrong; never what was sent, which may be megabytes."""
    place = ".".join(str(part) for part in fault["loc"] if part != "body")
    return f"{place[:200]}: {json.dumps(fault['msg'])[1:-1][:300]}" if place else str(fault["msg"])[:300]
