"""Every task is what the pipeline takes: plug-ins are found by name, so no type checker sees them meet it."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from harness import registry
from harness.datasets import load_set, shipped
from harness.engines._logprobs import LogprobRequest
from harness.metrics import find_metric
from harness.tasks import CodeTask, ScoredRun, Task, open_task
from harness.tasks._preview import messages_of
from harness.types import Form, Request, SamplingParams

NAMES = registry.names("harness.tasks")
METHODS = [name for name, _ in inspect.getmembers(Task, inspect.isfunction) if not name.startswith("_")]
ONE = SamplingParams(n=1, temperature=0.0)


@pytest.mark.parametrize("name", NAMES)
def test_a_task_has_the_methods_that_the_pipeline_calls_with_their_parameters(name: str) -> None:
    task = open_task(name)
    assert task.name == name and task.version.startswith(f"{name}.v") and isinstance(task.executes, bool)
    for method in METHODS:
        assert list(inspect.signature(getattr(task, method)).parameters) == [
            each for each in inspect.signature(getattr(Task, method)).parameters if each != "self"
        ]


@pytest.mark.parametrize("name", NAMES)
def test_a_task_makes_requests_without_an_engine_and_they_can_be_shown(name: str, tmp_path: Path) -> None:
    task = open_task(name)
    sets = shipped(name) or shipped("summarization")  # a text and its rest, for a task that ships no set
    path = Path(load_set(sets[0], tmp_path, task if shipped(name) else open_task("summarization")).path)
    problem = load_set(str(path), tmp_path, task).problems[0]
    for form in (Form.CHAT, Form.COMPLETION):
        request = task.request(problem, ONE, form)
        assert isinstance(request, Request | LogprobRequest) and request.problem_id == problem.id
        shown = messages_of(request)
        assert shown and any(problem.prompt.strip() in message.text for message in shown)


@pytest.mark.parametrize("name", NAMES)
def test_only_a_task_that_executes_has_candidates(name: str) -> None:
    task = open_task(name)
    assert isinstance(task, CodeTask) == task.executes


@pytest.mark.parametrize("name", NAMES)
def test_the_metrics_of_a_task_are_described_and_one_is_its_headline(name: str) -> None:
    metrics = open_task(name).metrics()
    assert metrics and all(find_metric(metric.name) is metric for metric in metrics)
    assert name == "continuation" or any(metric.headline for metric in metrics)


@pytest.mark.parametrize("name", NAMES)
def test_a_run_without_a_score_has_no_number(name: str) -> None:
    run = ScoredRun(scores=lambda: iter(()), problems={}, expected={"p": 1}, ks=None, signature="s", seed=0)
    assert open_task(name).summarize(run).estimates == []


def test_the_tasks_are_found() -> None:
    assert {"codegen", "summarization", "classification", "perplexity", "continuation"} <= set(NAMES) and METHODS
