"""What a run's model was asked, from what its manifest says of the task and the problem set."""

from __future__ import annotations

from harness.datasets import CODE, ProblemSets
from harness.errors import HarnessError
from harness.runs.manifest import Manifest
from harness.tasks import open_task
from harness.tasks._preview import Message, TaskRecord, asked_of
from harness.types import Form, Problem, ProblemSet


def find_problems(sets: ProblemSets, manifest: Manifest) -> ProblemSet | None:
    """The problem set of a run, None where it is not on this machine with the same sha256."""
    named, options = manifest.identity.get("problems"), manifest.identity.get("task_options")
    given = manifest.config.get("problems")
    try:
        task = open_task(str(manifest.config.get("task", CODE)), options if isinstance(options, dict) else {})
    except (HarnessError, TypeError):  # a task that this version has not, or not with these options
        return None
    return sets.find(
        str(named.get("name")) if isinstance(named, dict) else "",
        str(named.get("sha256")) if isinstance(named, dict) else "",
        task,
        given if isinstance(given, str) else None,
    )


def asked_messages(task: str, problem: Problem, manifest: Manifest, form: str | None) -> tuple[Message, ...]:
    """What an engine was asked first for a problem; empty where nobody asked (saved completions) or nobody can tell."""
    identity = manifest.identity
    if not isinstance(identity.get("sampling"), dict) or form not in set(Form):
        return ()
    record = TaskRecord(
        name=task,
        version=str(identity.get("task")),
        options=identity.get("task_options") or {},
        prompting=identity.get("prompting"),
    )
    return asked_of(record, problem, Form(form))
