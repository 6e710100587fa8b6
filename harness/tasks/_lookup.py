"""Tasks by their names."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from harness import registry

if TYPE_CHECKING:
    from harness.tasks import Task

PACKAGE = "harness.tasks"


def open_task(name: str, options: Mapping[str, Any] = MappingProxyType({})) -> Task:
    """The task of a name with its options. Raises InputError: an unknown name, or an option that it has not."""
    task: Task = registry.load(PACKAGE, name, "task").open_task(options)
    return task
