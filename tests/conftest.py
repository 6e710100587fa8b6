"""The suite's fixtures, how its tests are spread over worker processes, and what it says at its end.

Tests that share something dear run in one worker process, as a group of xdist: those of the one vLLM server, of the
browser, of a sandbox backend. The others of a file stay together too, since they share its fixtures. The long groups
come first, so that no worker ends with one while the others have nothing to do.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator

import pytest

from tests.fixtures import report
from tests.fixtures.commands import harness
from tests.fixtures.models import completer, overfit, texts, vllm, vllm_python
from tests.fixtures.places import data
from tests.fixtures.ray_hosts import ray_hosts
from tests.fixtures.runs import few, main_job
from tests.fixtures.sandboxes import backend, box, docker, lasting
from tests.fixtures.servers import quick_retries
from tests.fixtures.service import service

__all__ = [
    "backend",
    "box",
    "completer",
    "data",
    "docker",
    "few",
    "harness",
    "lasting",
    "main_job",
    "overfit",
    "quick_retries",
    "ray_hosts",
    "service",
    "texts",
    "vllm",
    "vllm_python",
]

GROUPS = {
    "vllm_python": "vllm",
    "browser": "browser",
    "service": "service",
}  # a fixture -> the group of all tests that use it
LONGEST_FIRST = ("vllm", "ray", "docker", "bubblewrap", "integration/test_checkup", "integration/test_commands",
                 "browser", "integration/test_server_faults")  # fmt: skip
# A shell ignores it for its background jobs, and what they start inherits that: commands here are to see Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(report.Report(config), "suite-report")


def pytest_itemcollected(item: pytest.Item) -> None:
    if item.get_closest_marker("xdist_group") is None:
        item.add_marker(pytest.mark.xdist_group(_group(item)))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = {name: place for place, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: places.get(_marked(item), len(places)))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Groups that a new pytest or xdist does not see would start every dear fixture in every worker."""
    if getattr(session.config.option, "loadgroup", False):
        strays = [item.nodeid for item in session.items if not item.nodeid.endswith(f"@{_marked(item)}")]
        if strays:
            raise pytest.UsageError(f"pytest-xdist does not keep groups of tests together, such as that of {strays[0]}")


def _group(item: pytest.Item) -> str:
    names = getattr(item, "fixturenames", ())
    found = next((group for fixture, group in GROUPS.items() if fixture in names), None)
    parameters = getattr(getattr(item, "callspec", None), "params", {})
    return found or parameters.get("backend") or "/".join(item.path.with_suffix("").parts[-2:])


def _marked(item: pytest.Item) -> str:
    mark = item.get_closest_marker("xdist_group")
    return str(mark.args[0]) if mark and mark.args else ""


@pytest.fixture(autouse=True)
def _no_foreign_loop(request: pytest.FixtureRequest) -> Iterator[None]:
    """The browser's driver leaves its event loop running in this thread: tests that run one of their own come after it."""
    running = asyncio._get_running_loop()
    if running is None or "browser" in request.fixturenames:
        yield
        return
    asyncio._set_running_loop(None)
    yield
    asyncio._set_running_loop(running)
