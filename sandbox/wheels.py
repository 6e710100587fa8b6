"""Wheels for the interpreter of an image, from a lock file: fetched by pip, checked by their digests, unpacked.

No script of a package runs: only wheels are taken, and pip unpacks them into the image's folder for an interpreter that
it does not start. What programs need and nobody else would make is made here: `python` beside `python3`.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from sandbox.errors import ImageError

RECIPE = "1"  # another one with every change here that changes what is made
PYTHON = "3.11"  # Debian 12's
PACKAGES = "usr/lib/python3/dist-packages"
MACHINE = "x86_64"  # whose wheels the lock files name
GLIBC = ("2_28", "2_27", "2_24", "2_17", "2_12", "2_5")  # whose wheels run on Debian 12, which has 2.36
OLDER = ("manylinux2014", "manylinux2010", "manylinux1")  # what some of these were called
TIMEOUT_S = 1800
_PIN = re.compile(r"^([\w.-]+)==([\w.+!-]+)", re.MULTILINE)


def unpack(lock: Path, root: Path, note: Callable[[str], None]) -> dict[str, str]:
    """Unpack a lock file's wheels into the file system at `root`; `wheel NAME` -> version.

    Tests of the libraries are left out: a third of what they take. Raises ImageError.
    """
    if platform.machine() != MACHINE:
        raise ImageError(f"the wheels of {lock.name} are for {MACHINE}, and this machine is {platform.machine()}")
    pins = dict(_PIN.findall(lock.read_text("utf-8")))
    note(f"fetching {len(pins)} wheels (once; some 300 MB): {', '.join(list(pins)[:5])} ...")
    target = root / PACKAGES
    target.mkdir(parents=True, exist_ok=True)
    _pip(lock, target)
    for folder, names, _ in os.walk(target):
        for name in [name for name in names if name in ("tests", "__pycache__")]:
            shutil.rmtree(Path(folder) / name)
            names.remove(name)
    note("compiling the libraries")
    _compile(root)
    if not (root / "usr/bin/python").exists():
        (root / "usr/bin/python").symlink_to("python3")
    size = sum(file.lstat().st_size for file in target.rglob("*") if file.is_file())
    note(f"unpacked {len(pins)} wheels: {size / 1e6:.0f} MB")
    return {f"wheel {name}": version for name, version in pins.items()}


def _compile(root: Path) -> None:
    """What an interpreter would write beside its modules, and cannot where they are read-only: it costs pandas 1 s.

    Done by the image's interpreter, Debian's, in its own libraries: this machine's may be of another version. It reads
    the modules and imports none. Raises ImageError.
    """
    loader, libraries = root / "lib64/ld-linux-x86-64.so.2", root / "usr/lib/x86_64-linux-gnu"
    command = [
        str(loader), "--library-path", str(libraries), str(root / f"usr/bin/python{PYTHON}"), "-S", "-s", "-P", "-m",
        "compileall", "-q", "-q", "--invalidation-mode", "unchecked-hash", "-s", str(root), "-p", "/",
        str(root / PACKAGES), str(root / f"usr/lib/python{PYTHON}"),
    ]  # fmt: skip
    environment = {"PYTHONHOME": str(root / "usr"), "LC_ALL": "C.UTF-8"}
    ended = subprocess.run(
        command, capture_output=True, encoding="utf-8", errors="replace", env=environment, stdin=subprocess.DEVNULL
    )
    if not any((root / PACKAGES).glob("*/__pycache__/*.pyc")):  # single modules of another Python may well not compile
        raise ImageError(f"the libraries of {PACKAGES} cannot be compiled: {ended.stderr.strip()[-300:]}")


def _pip(lock: Path, target: Path) -> None:
    names = [*(f"manylinux_{each}" for each in GLIBC), *OLDER]
    platforms = [part for name in names for part in ("--platform", f"{name}_{MACHINE}")]
    command = [
        sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-compile",
        "--only-binary", ":all:", "--require-hashes", "--implementation", "cp", "--python-version", PYTHON, *platforms,
        "--target", str(target), "--requirement", str(lock),
    ]  # fmt: skip
    try:
        ended = subprocess.run(
            command,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=TIMEOUT_S,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired as error:
        raise ImageError(f"the package index did not give the wheels in {TIMEOUT_S} s") from error
    if ended.returncode != 0:
        if "No module named pip" in ended.stderr:
            raise ImageError(f"the wheels of {lock.name} are fetched by pip, which {sys.executable} does not have")
        errors = [line for line in ended.stderr.splitlines() if line.startswith("ERROR:")]
        raise ImageError(f"the wheels of {lock.name} cannot be had: {'; '.join(errors[-3:]) or ended.stderr[-300:]}")
