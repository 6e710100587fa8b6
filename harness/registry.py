"""Plug-ins by existing: the modules in a folder are the names of an option. Nothing is imported before it is named."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Iterable
from importlib.util import find_spec
from types import ModuleType

from harness.errors import InputError, did_you_mean


def names(package: str) -> list[str]:
    """The plug-ins of a package such as `harness.engines`, sorted. Looks at its folder; imports nothing of it."""
    loaded, spec = sys.modules.get(package), find_spec(package)
    folders = loaded.__path__ if loaded else spec.submodule_search_locations if spec else None
    return sorted(module.name for module in pkgutil.iter_modules(folders or ()) if not module.name.startswith("_"))


def listed(names: Iterable[str]) -> str:
    """`a, b or c`, for a help text."""
    *before, end = names
    return f"{', '.join(before)} or {end}" if before else end


def load(package: str, name: str, what: str) -> ModuleType:
    """The plug-in `name`. Raises InputError, with the names that exist, for an unknown one; `what` names the kind."""
    known = names(package)
    if name not in known:
        raise InputError(f"unknown {what} {name!r}{did_you_mean(name, known)}; known: {', '.join(known)}")
    return importlib.import_module(f"{package}.{name}")
