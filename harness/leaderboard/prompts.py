"""What a model was asked, from the problem set that its run names: only where that very file is on this machine.

Nothing is downloaded. A set is taken where the sha256 of its bytes is the one in the run's manifest; a file of another
content under the same name is no substitute, and the pages then say that the prompt is not at hand.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from harness import registry
from harness.datasets import CODE, OWN_FORMAT, load_set, shipped
from harness.errors import HarnessError, InputError, ProblemError
from harness.prompts.template import Prompting
from harness.runs.manifest import Manifest
from harness.tasks import SupportsPrompting, Task
from harness.types import Completion, Form, Problem, ProblemSet, Request, SamplingParams

log = logging.getLogger("harness")
_prompting: TypeAdapter[Prompting] = TypeAdapter(Prompting)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One part of what a model was asked; role is `prompt` for a text that it continues."""

    role: str
    text: str


class ProblemSets:
    """Problem sets by what manifests say of them, each read once. cache: where published sets were downloaded to."""

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._found: dict[str, ProblemSet | None] = {}

    def find(self, manifest: Manifest) -> ProblemSet | None:
        """The set of a run, None where it is not on this machine with the same sha256."""
        named = manifest.identity.get("problems")
        sha256 = str(named.get("sha256")) if isinstance(named, dict) else ""
        if sha256 not in self._found:
            self._found[sha256] = next(self._matching(manifest, sha256), None)
        return self._found[sha256]

    def _matching(self, manifest: Manifest, sha256: str) -> Iterator[ProblemSet]:
        task, options = str(manifest.config.get("task", CODE)), manifest.identity.get("task_options")
        if task not in registry.names("harness.tasks"):
            return
        for source in self._candidates(manifest, task):
            try:
                found = load_set(source, self._cache, task, options if isinstance(options, dict) else {})
            except ProblemError as error:
                log.info("no prompts from %s: %s", source, error)
                continue
            if found.sha256 == sha256:
                yield found

    def _candidates(self, manifest: Manifest, task: str) -> Iterator[str]:
        named = manifest.identity.get("problems")
        name = str(named.get("name")) if isinstance(named, dict) else ""
        if name in shipped(task):
            yield name
        if task == CODE and name in registry.names("harness.datasets") and name != OWN_FORMAT:
            published = self._cache / registry.load("harness.datasets", name, "problem set").SOURCE.file
            if published.is_file():
                yield str(published)
        given = manifest.config.get("problems")
        if isinstance(given, str) and "/" in given and Path(given).is_file():
            yield given


def asked(task: str, problem: Problem, manifest: Manifest, form: str | None) -> tuple[Message, ...]:
    """What an engine was asked first for a problem: the task is opened as the run had it, and asks again.

    Empty where nobody asked (saved completions, texts that are only scored), and where this version of the task is
    another than the run's.
    """
    if not isinstance(manifest.identity.get("sampling"), dict) or form not in set(Form):
        return ()
    listener = _Listener()
    try:
        opened = _open_task(task, manifest)
        opened.answer(listener, problem, SamplingParams(), Form(form), 0)
    except _HeardError as heard:
        request = heard.request
        if request.prompt is not None:
            return (Message(role="prompt", text=request.prompt),)
        return tuple(Message(role=each["role"], text=each["content"]) for each in request.messages or ())
    except (HarnessError, ValueError, TypeError, KeyError, AttributeError) as error:
        # the manifest may come from elsewhere, and a task may need more of an engine than a request
        log.info("no prompt of %s: %s", problem.id, error)
    return ()


def _open_task(name: str, manifest: Manifest) -> Task:
    task: Task = registry.load("harness.tasks", name, "task").open_task(manifest.identity.get("task_options") or {})
    if task.version != manifest.identity.get("task"):
        raise InputError(f"this is {task.version}, the run had {manifest.identity.get('task')}")
    put = manifest.identity.get("prompting")
    if put is None:
        return task
    assert isinstance(task, SupportsPrompting)
    return task.with_prompting(_prompting.validate_python(put))


class _HeardError(Exception):
    """A request."""

    def __init__(self, request: Request) -> None:
        super().__init__(request.problem_id)
        self.request = request


class _Listener:
    """An engine that answers nothing: it raises the request that it gets."""

    concurrency = 1

    def complete(self, request: Request) -> list[Completion]:
        """Raises _HeardError."""
        raise _HeardError(request)

    def close(self) -> None:
        """Nothing."""
