"""Sets that are folders of files, one an exercise, packed as .tar.gz: each exercise read as one row.

Nothing is unpacked to the disk; folders above `LANGUAGE/exercises/practice/NAME/` do not matter. A row:
    {"exercise": "go/book-store", "language": "go", "files": {path: text}}
Files that are no UTF-8 text are left out.
"""

from __future__ import annotations

import json
import re
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.errors import ProblemError

SUFFIXES = (".tar.gz", ".tgz")
MAX_BYTES = 256 * 2**20  # of all files, unpacked: the published set has 20 MB
MAX_FILES = 100_000
_PLACE = re.compile(r"(?:^|/)([\w+-]+)/exercises/practice/([\w-]+)/(.+)\Z")


def is_archive(path: Path) -> bool:
    """Whether a file is one of these, by its name."""
    return path.name.endswith(SUFFIXES)


def read_exercises(path: Path) -> Iterator[tuple[int, dict[str, Any], bytes]]:
    """(number, row, its bytes) of each exercise, by name. Raises ProblemError, with the file's name."""
    try:
        exercises = _texts(path)
    except (OSError, EOFError, tarfile.TarError, zlib.error) as error:
        raise ProblemError(f"{path} cannot be read as a .tar.gz file: {error}") from error
    if not exercises:
        raise ProblemError(f"{path} holds no exercise; one is a folder LANGUAGE/exercises/practice/NAME")
    for number, ((language, name), files) in enumerate(sorted(exercises.items()), start=1):
        row = {"exercise": f"{language}/{name}", "language": language, "files": dict(sorted(files.items()))}
        yield number, row, json.dumps(row, sort_keys=True).encode()


def _texts(path: Path) -> dict[tuple[str, str], dict[str, str]]:
    """(language, name) -> path -> text. Raises ProblemError for more than is read, and as tarfile does."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    room, files = MAX_BYTES, MAX_FILES
    with tarfile.open(path, "r:gz") as tar:
        for member in tar:
            room, files = room - member.size, files - 1
            if room < 0 or files < 0:
                raise ProblemError(f"{path}: more than {MAX_BYTES >> 20} MiB or {MAX_FILES:,} files, which is not read")
            place = _PLACE.search(member.name)
            content = tar.extractfile(member) if place and member.isfile() else None
            if content is None or place is None:
                continue
            try:
                text = content.read().decode("utf-8-sig")
            except UnicodeDecodeError:
                continue
            found.setdefault((place[1], place[2]), {})[place[3]] = text.replace("\r\n", "\n")
    return found
