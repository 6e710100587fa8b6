"""Tasks by their names, and the configuration of a run with the defaults of its task."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from harness import registry
from harness.config import RunConfig, parse_config

if TYPE_CHECKING:
    from harness.tasks import Task

PACKAGE = "harness.tasks"


def open_task(name: str, options: Mapping[str, Any] = MappingProxyType({})) -> Task:
    """The task of a name with its options. Raises InputError: an unknown name, or an option that it has not."""
    task: Task = registry.load(PACKAGE, name, "task").open_task(options)
    return task


def load_config(
    file: Path | None, flags: Mapping[str, Any], defaults: Mapping[str, Any] = MappingProxyType({})
) -> RunConfig:
    """The configuration of the task's defaults, `defaults`, a TOML file and flags, each over the one before.

    A flag of None was not given. Raises InputError: which key of which file or which option, and what is wrong with it.
    """
    return parse_config(file, flags, defaults, _defaults)


def _defaults(name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = registry.load(PACKAGE, name, "task").DEFAULTS
    return found
