"""The interpreter that programs run on, where the image is made on this machine and where bubblewrap shows it as it is.

The harness's own, unless that was built without `--enable-optimizations` and the system has the same minor version, as
distributions build it: with profile-guided optimization. Such an interpreter runs the same programs in 15-25 % less
time than one that was compiled on the machine without (pyenv's default).
"""

from __future__ import annotations

import functools
import json
import os
import platform
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

# Parts of the standard library that no headless program can use, by size the larger part of it.
SKIPPED = {
    "test",
    "tests",
    "idlelib",
    "tkinter",
    "turtledemo",
    "ensurepip",
    "site-packages",
    "dist-packages",
    "lib2to3",
}
NAME = f"python{sys.version_info[0]}.{sys.version_info[1]}"
SYSTEM = Path("/usr")


# What an interpreter is asked: its version, its kind of extension modules, where it looks for installed packages.
ASK = """
import json, platform, site, sysconfig
print(json.dumps([platform.python_version(), sysconfig.get_config_var("EXT_SUFFIX"), site.getsitepackages()[0]]))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """path: the executable, with no link in it; library: its standard library; version: such as `3.11.7`."""

    path: Path
    library: Path
    version: str


@functools.cache
def chosen() -> Interpreter:
    """The interpreter for programs on this machine."""
    own = Interpreter(
        path=Path(os.path.realpath(sys.executable)),
        library=Path(os.__file__).resolve().parent,
        version=platform.python_version(),
    )
    optimized = "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or "")
    return own if optimized else of_system(own) or own


def of_system(own: Interpreter, root: Path = SYSTEM) -> Interpreter | None:
    """The distribution's interpreter below `root`.

    None where it is of another minor version, takes other extension modules, lacks a module or does not run.
    """
    path = Path(os.path.realpath(root / "bin" / NAME))
    if not path.is_relative_to(root) or not os.access(path, os.X_OK):
        return None
    for library in (root / "lib" / NAME, root / "lib64" / NAME):
        if _modules(own.library) <= _modules(library):
            said = _ask(path)
            version, suffix = said[:2] if said else ("", "")
            same = version.startswith(NAME.removeprefix("python") + ".")
            if same and suffix == sysconfig.get_config_var("EXT_SUFFIX"):
                return Interpreter(path=path, library=library, version=version)
    return None


def packages(python: Interpreter) -> Path:
    """Where it looks for installed packages. Raises RuntimeError where it does not say."""
    said = _ask(python.path)
    if said is None:
        raise RuntimeError(f"{python.path} does not run")
    return Path(said[2])


def _ask(path: Path) -> list[str] | None:
    """What `ASK` says of an interpreter; None where it does not run."""
    try:
        said = subprocess.run(
            [path, "-I", "-c", ASK], capture_output=True, encoding="utf-8", errors="replace", timeout=20, check=True
        ).stdout
        answer: list[str] = json.loads(said)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return answer


def _modules(library: Path) -> set[str]:
    """The importable modules and packages of a standard library that are written in Python."""
    names = set()
    for each in library.glob("*.py"):
        names.add(each.stem)
    for each in library.glob("*/__init__.py"):
        names.add(each.parent.name)
    return {name for name in names - SKIPPED if not name.startswith("_sysconfigdata")}
