"""Plug-ins by existing: the modules in a folder are the names of an option. Nothing is imported before it is named.

Other distributions add to them by entry points, in the groups of `GROUPS`: name = module. A name of our own is never
taken over. What of theirs a run uses stands in its signature, with the distribution's version.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
import sys
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING

from harness.errors import InputError, did_you_mean

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

# A package of plug-ins -> the group of entry points that adds to it.
GROUPS = {
    f"harness.{kind}": f"harness.{kind}"
    for kind in ("datasets", "tasks", "metrics", "engines", "extractors", "trackers")
} | {"harness.exchange.formats": "harness.formats"}


def names(package: str) -> list[str]:
    """The plug-ins of a package such as `harness.engines`, sorted. Looks at its folder; imports nothing of it."""
    return sorted({*own_names(package), *_others(package)})


def own_names(package: str) -> list[str]:
    """Those that are files of the package, sorted."""
    loaded, spec = sys.modules.get(package), find_spec(package)
    folders = loaded.__path__ if loaded else spec.submodule_search_locations if spec else None
    return sorted(module.name for module in pkgutil.iter_modules(folders or ()) if not module.name.startswith("_"))


def listed(names: Iterable[str]) -> str:
    """`a, b or c`, for a help text."""
    *before, end = names
    return f"{', '.join(before)} or {end}" if before else end


def load(package: str, name: str, what: str) -> ModuleType:
    """The plug-in `name`. Raises InputError, with the names that exist, for an unknown one; `what` names the kind.

    Raises InputError, too, where another distribution's plug-in cannot be imported.
    """
    known = names(package)
    if name not in known:
        raise InputError(f"unknown {what} {name!r}{did_you_mean(name, known)}; known: {', '.join(known)}")
    found = _others(package).get(name)
    if found is None:
        return importlib.import_module(f"{package}.{name}")
    try:
        module = found.load()
    except Exception as error:
        raise InputError(
            f"the {what} {name!r} of {origin(package, name)} cannot be imported ({type(error).__name__}: {error}); "
            f"mend it, or uninstall {found.dist.name if found.dist else 'it'}"
        ) from error
    if not isinstance(module, ModuleType):
        raise InputError(
            f"the {what} {name!r} of {origin(package, name)} is no module: its entry point is {found.value}"
        )
    return module


def origin(package: str, name: str) -> str:
    """The distribution that a plug-in is from, as `name@version`; empty for our own and for an unknown one."""
    found = _others(package).get(name)
    if found is None:
        return ""
    return f"{found.dist.name}@{found.dist.version}" if found.dist else found.value


def _others(package: str) -> Mapping[str, EntryPoint]:
    """Name -> entry point, of other distributions' plug-ins; nothing is looked for where none can be added."""
    return _installed().get(package, {}) if package in GROUPS else {}


@functools.cache
def _installed() -> Mapping[str, Mapping[str, EntryPoint]]:
    """Package -> name -> entry point, of other distributions; a name that a file of ours has is left out."""
    from importlib.metadata import entry_points  # measured: 20 ms with its own imports

    every, found = entry_points(), {}
    for package, group in GROUPS.items():
        if offered := every.select(group=group):
            own = own_names(package)
            found[package] = {each.name: each for each in offered if each.name not in own}
    return found
