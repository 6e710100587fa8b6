"""The sandbox image without a registry: an interpreter of this machine, its shared libraries and numpy, as a tar file.

Nothing else goes in: no data sets, no reference solutions, none of our own source (the guest travels with each start).
Only for Linux with the glibc loader; elsewhere build `docker/sandbox/Dockerfile`, which needs a registry.
"""

from __future__ import annotations

import importlib.util
import io
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox import interpreter
from sandbox.interpreter import SKIPPED

if TYPE_CHECKING:
    import tarfile

SKIPPED_SUFFIXES = (".a", ".o", ".pyi")
ZONES = Path("/usr/share/zoneinfo")
LOCALE = Path("/usr/lib/locale/C.utf8")


def environment_label() -> str:
    """What programs find in an image made here, such as `py3.11.7+numpy2.4.6`."""
    from importlib import metadata  # measured: 15 ms, which bubblewrap need not wait for

    try:
        numpy = f"+numpy{metadata.version('numpy')}"
    except metadata.PackageNotFoundError:
        numpy = ""
    return f"py{interpreter.chosen().version}{numpy}"


def write_tar(target: Path) -> None:
    """Write the root file system of the image.

    Raises OSError, and RuntimeError on a system whose libraries cannot be listed.
    """
    import tarfile  # measured: 3 ms

    files = _files()
    with tarfile.open(target, "w") as tar:
        for folder in ("tmp", "proc", "sys", "dev", "root", "etc", "run", "run/harness", "usr/local/bin"):
            _add_folder(tar, folder, 0o1777 if folder == "tmp" else 0o755)
        _add_text(tar, "etc/passwd", "root:x:0:0:root:/root:/bin/false\n")
        for name, path in sorted(files.items()):
            tar.add(path, arcname=name, recursive=False, filter=_as_root)
        _add_link(tar, "usr/local/bin/python3", str(interpreter.chosen().path))
        for link in ("lib", "lib64", "bin", "sbin"):  # as they are here: every executable names its loader's path
            if os.path.islink(f"/{link}"):
                _add_link(tar, link, os.readlink(f"/{link}"))


def _files() -> dict[str, Path]:
    """Path inside the image (no leading slash) -> file here."""
    if not sys.platform.startswith("linux"):
        raise RuntimeError("the image can be made from an interpreter at hand on Linux only; build docker/sandbox")
    python = interpreter.chosen()
    files = {str(path).lstrip("/"): path for path in (python.path, *_tree(python.library))}
    packages = interpreter.packages(python)
    for found in numpy_parts():
        for path in _tree(found, skip=frozenset({"tests"})):
            files[str(packages / path.relative_to(found.parent)).lstrip("/")] = path
    objects = [path for path in files.values() if ".so" in path.name or path == python.path]
    for needed in _libraries(objects):
        files.setdefault(_canonical(needed), Path(os.path.realpath(needed)))
    for folder in (LOCALE, ZONES):  # nothing where there is none
        for path in _tree(folder, skip=frozenset({"right", "posix"})):
            files[str(path).lstrip("/")] = path
    return files


def _tree(root: Path, skip: frozenset[str] | set[str] = frozenset(SKIPPED)) -> Iterator[Path]:
    for folder, names, files in os.walk(root):
        names[:] = sorted(name for name in names if name not in skip and not name.startswith("config-"))
        for name in sorted(files):
            if not name.endswith(SKIPPED_SUFFIXES):
                yield Path(folder) / name


def numpy_parts() -> list[Path]:
    """numpy's folders here: the package, its libraries, its metadata. Empty where it is not installed."""
    spec = importlib.util.find_spec("numpy")
    if spec is None or spec.origin is None:
        return []
    return [path for path in Path(spec.origin).parent.parent.glob("numpy*") if path.is_dir()]


def _libraries(objects: Iterable[Path]) -> set[str]:
    """Every shared library that `objects` need, as the loader finds them; the loader itself included."""
    found: set[str] = set()
    objects = list(objects)
    for start in range(0, len(objects), 100):
        batch = [str(path) for path in objects[start : start + 100]]
        listing = subprocess.run(["ldd", *batch], capture_output=True, encoding="utf-8", errors="replace", check=False)
        for line in listing.stdout.splitlines():
            match = re.search(r"=> (/\S+)|^\s+(/\S+ld-\S+)", line)
            if match:
                found.add(match[1] or match[2])
    if not found:
        raise RuntimeError("ldd lists no libraries here; build docker/sandbox/Dockerfile instead")
    return {path for path in found if "numpy.libs" not in path}


def _canonical(path: str) -> str:
    """The path with its folder's links resolved (/lib is a link to /usr/lib) but its own name kept (the soname)."""
    folder, name = os.path.split(path)
    return os.path.join(os.path.realpath(folder), name).lstrip("/")


def _as_root(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    entry.mode = 0o755 if entry.mode & 0o100 else 0o644
    return entry


def _add_folder(tar: tarfile.TarFile, name: str, mode: int) -> None:
    import tarfile

    entry = tarfile.TarInfo(name)
    entry.type, entry.mode = tarfile.DIRTYPE, mode
    tar.addfile(entry)


def _add_link(tar: tarfile.TarFile, name: str, target: str) -> None:
    import tarfile

    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = tarfile.SYMTYPE, target
    tar.addfile(entry)


def _add_text(tar: tarfile.TarFile, name: str, text: str) -> None:
    import tarfile

    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(text), 0o644
    tar.addfile(entry, io.BytesIO(text.encode()))
