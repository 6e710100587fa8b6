"""What every plug-in must do, for those who write one elsewhere.

    import pytest
    from harness import testing

    @pytest.mark.parametrize(("package", "name"), testing.plug_ins("my-distribution"))
    def test_a_plug_in_does_what_the_harness_asks(package, name):
        testing.check(package, name)

A check imports the plug-in by its name, as a run does, and raises AssertionError with what is wrong. Our own plug-ins
pass the same checks.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from harness import registry
from harness.datasets import OWN_FORMAT
from harness.extractors import EXTRACTORS, extract
from harness.metrics import Metric, find_metric
from harness.tasks import CodeTask, Task, open_task

REPLIES = ("", "\0", "```", "```python\n", "\ud800", "<think>", "```python\ndef f(\n```", "f" * 99_999)
PROGRAM = "def f(x):\n    return 2 * x\n"


def plug_ins(distribution: str | None = None) -> list[tuple[str, str]]:
    """(package, name) of what a distribution adds; of everything that is not our own where none is named."""
    found = []
    for package in registry.GROUPS:
        for name in registry.names(package):
            origin = registry.origin(package, name)
            if origin and (distribution is None or origin.rpartition("@")[0] == distribution):
                found.append((package, name))
    return found


def check(package: str, name: str) -> None:
    """Check one plug-in. Raises AssertionError: what is wrong; InputError where it cannot be imported."""
    module = registry.load(package, name, "plug-in")
    assert (module.__doc__ or "").strip(), f"{name} needs a docstring: what it is, and the source of a formula"
    _CHECKS[package](name, module)


def _metric(name: str, module: ModuleType) -> None:
    assert getattr(module, "METRICS", ()) or getattr(module, "find", None), f"{name} needs METRICS, or find(name)"
    for metric in module.METRICS:
        assert isinstance(metric, Metric), f"METRICS of {name} holds {metric!r}, which is no Metric"
        assert find_metric(metric.name) == metric, f"another file describes {metric.name} already"
        assert not metric.is_share or metric.value is None or metric.largest == 1.0, f"{metric.name}: largest is 1.0"
        if metric.value is not None:
            assert metric.values({"p": {}}) is None, f"{metric.name}: a problem that lacks it must raise KeyError"


def _task(name: str, module: ModuleType) -> None:
    assert isinstance(module.DEFAULTS, Mapping), f"{name} needs DEFAULTS, the options that a run of it begins with"
    task = open_task(name)
    assert task.name == name, f"the task calls itself {task.name}"
    assert task.version.startswith(f"{name}.v"), f"version is {name}.v1, and raised by what can move a number"
    assert isinstance(task, CodeTask) == task.executes, "a task that executes has `candidate`, and no other has"
    for method, wanted in inspect.getmembers(Task, inspect.isfunction):
        if not method.startswith("_"):
            given = list(inspect.signature(getattr(task, method)).parameters)
            expected = [each for each in inspect.signature(wanted).parameters if each != "self"]
            assert given == expected, f"{method} takes {expected}, not {given}"
    metrics = task.metrics()
    assert metrics, "a task is measured by at least one metric"
    assert all(find_metric(each.name) == each for each in metrics), "every metric of a task is in harness.metrics"


def _dataset(name: str, module: ModuleType) -> None:
    assert name != OWN_FORMAT, f"{OWN_FORMAT} is the harness's own format"
    assert callable(module.problem), f"{name} needs problem(row, dataset)"
    for row in ({}, {"text": "x"}):
        assert not module.recognizes(row), f"recognizes says yes to {row}"
    sources = module.SOURCE.values() if isinstance(module.SOURCE, Mapping) else [module.SOURCE]
    for source in sources:
        assert source.urls and source.file and source.licence, "SOURCE says where it is, and under which licence"


def _extractor(name: str, module: ModuleType) -> None:
    assert callable(module.find), f"{name} needs find(raw, prompt, entry_point)"
    assert name in EXTRACTORS, f"{name} is not known"
    for reply in REPLIES:
        found = extract(name, reply, PROGRAM, "f")  # never raises
        assert (found.span is None) == (not found.source), "a program has a span, and nothing has none"
    reply = f"Here:\n```python\n{PROGRAM}```\nDone."
    start, end = extract(name, reply, "", "f").span or (0, 0)
    assert PROGRAM.strip() in reply[start:end], "the span is where the program stands"


def _engine(name: str, module: ModuleType) -> None:
    assert callable(module.open_engine), f"{name} needs open_engine(options)"
    assert name == "replay" or callable(module.options_of), f"{name} needs options_of(opening)"


def _tracker(name: str, module: ModuleType) -> None:
    assert module.LIBRARY and module.INSTALL, f"{name} needs LIBRARY and INSTALL, how to get it"
    assert list(inspect.signature(module.send).parameters) == ["report"], f"{name} needs send(report)"


def _format(name: str, module: ModuleType) -> None:
    reads, writes = hasattr(module, "read"), hasattr(module, "write")
    assert reads or writes, f"{name} needs read, or write, or both"
    assert not reads or callable(module.recognizes), "a format that is read says which files are its own"


_CHECKS: Mapping[str, Callable[[str, Any], None]] = {
    "harness.metrics": _metric,
    "harness.tasks": _task,
    "harness.datasets": _dataset,
    "harness.extractors": _extractor,
    "harness.engines": _engine,
    "harness.trackers": _tracker,
    "harness.exchange.formats": _format,
}
