"""The suite's fixtures, how its tests are spread over worker processes, and what it says at its end.

Tests that share something dear run in one worker process, as a group of xdist: those of a sandbox backend, of the one
vLLM server, of the browser. Everything else goes wherever a worker is free.
"""

from __future__ import annotations

import signal

import pytest

from tests.fixtures import report
from tests.fixtures.commands import harness
from tests.fixtures.models import overfit, texts, vllm, vllm_python
from tests.fixtures.places import data
from tests.fixtures.runs import few, main_job
from tests.fixtures.sandboxes import backend, box

__all__ = ["backend", "box", "data", "few", "harness", "main_job", "overfit", "texts", "vllm", "vllm_python"]

GROUPS = {"vllm_python": "vllm", "browser": "browser"}
# A shell ignores it for its background jobs, and what they start inherits that: commands here are to see Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(report.Report(config), "suite-report")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if (group := _group(item)) is not None:
            item.add_marker(pytest.mark.xdist_group(group))


def _group(item: pytest.Item) -> str | None:
    if item.get_closest_marker("xdist_group") is not None:
        return None
    names = getattr(item, "fixturenames", ())
    found = next((group for fixture, group in GROUPS.items() if fixture in names), None)
    parameters = getattr(getattr(item, "callspec", None), "params", {})
    return found or (parameters.get("backend") if "backend" in names else None)
