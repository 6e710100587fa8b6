"""Every task is what the pipeline takes: plug-ins are found by name, so no type checker sees them meet it."""

from __future__ import annotations

import inspect

import pytest

from harness import registry
from harness.tasks import Task

NAMES = registry.names("harness.tasks")
METHODS = [name for name, _ in inspect.getmembers(Task, inspect.isfunction) if not name.startswith("_")]


@pytest.mark.parametrize("name", NAMES)
def test_a_task_has_the_methods_that_the_pipeline_calls_with_their_parameters(name: str) -> None:
    task = registry.load("harness.tasks", name, "task").open_task({})
    assert task.name == name and task.version.startswith(f"{name}.v") and isinstance(task.executes, bool)
    for method in METHODS:
        assert list(inspect.signature(getattr(task, method)).parameters) == [
            each for each in inspect.signature(getattr(Task, method)).parameters if each != "self"
        ]


def test_the_tasks_are_found() -> None:
    assert {"codegen", "summarization", "classification", "perplexity", "continuation"} <= set(NAMES) and METHODS
