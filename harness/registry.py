"""Plug-ins by existing: the modules in a folder are the names of an option. Nothing is imported before it is named."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

from harness.errors import InputError, did_you_mean


def names(package: str) -> list[str]:
    """The plug-ins of a package such as `harness.engines`, sorted."""
    folder = importlib.import_module(package)
    return sorted(module.name for module in pkgutil.iter_modules(folder.__path__) if not module.name.startswith("_"))


def load(package: str, name: str, what: str) -> ModuleType:
    """The plug-in `name`. Raises InputError, with the names that exist, for an unknown one; `what` names the kind."""
    known = names(package)
    if name not in known:
        raise InputError(f"unknown {what} {name!r}{did_you_mean(name, known)}; known: {', '.join(known)}")
    return importlib.import_module(f"{package}.{name}")
