"""What a model is asked for a problem, without asking it: the task makes the request, and here it is shown."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from harness.engines._logprobs import LogprobRequest
from harness.errors import HarnessError, InputError
from harness.prompts.template import Prompting
from harness.tasks import SupportsPrompting, Task
from harness.tasks._lookup import open_task
from harness.types import Form, Problem, Request, SamplingParams

log = logging.getLogger("harness")
_prompting: TypeAdapter[Prompting] = TypeAdapter(Prompting)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One part of what a model is asked.

    role: of a message to a chat model; `prompt` for a text that is continued, `text` for one whose probability is
    measured, `continuation` for a text whose probability after the prompt is.
    """

    role: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRecord:
    """A task as a run recorded it. prompting: how problems were put, None where the run had nothing to choose."""

    name: str
    version: str
    options: Mapping[str, Any]
    prompting: object | None


def messages_of(request: Request | LogprobRequest) -> tuple[Message, ...]:
    """The parts of a request, in their order."""
    if isinstance(request, LogprobRequest):
        if request.parts:
            return tuple(
                Message(role=part.role or ("text" if part.scored else "prompt"), text=part.text)
                for part in request.parts
            )
        if not request.continuations:
            return (Message(role="text", text=request.text),)
        parts = (Message(role="continuation", text=text) for text in request.continuations)
        return (Message(role="prompt", text=request.text), *parts)
    if request.prompt is not None:
        return (Message(role="prompt", text=request.prompt),)
    return tuple(Message(role=each["role"], text=each["content"]) for each in request.messages or ())


def asked_of(record: TaskRecord, problem: Problem, form: Form) -> tuple[Message, ...]:
    """What a run's model was asked first for a problem: the task is opened as the run had it, and asks again.

    Empty where this version of the task is another than the run's, and where it cannot be opened.
    """
    try:
        return messages_of(_as_recorded(record).request(problem, SamplingParams(), form))
    except (HarnessError, ValueError, TypeError, KeyError, AttributeError) as error:
        # the record may come from elsewhere
        log.info("no prompt of %s: %s", problem.id, error)
    return ()


def _as_recorded(record: TaskRecord) -> Task:
    task = open_task(record.name, record.options)
    if task.version != record.version:
        raise InputError(f"this is {task.version}, the run had {record.version}")
    if record.prompting is None:
        return task
    if not isinstance(task, SupportsPrompting):
        raise InputError(f"task {record.name} has prompts of its own, the run recorded others")
    return task.with_prompting(_prompting.validate_python(record.prompting))
