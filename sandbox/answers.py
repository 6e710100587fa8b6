"""Answers that tests accepted, kept on disk: what the judge tells of an accepted program (`guest.known`).

One file for each set of tests, named after a digest of all that may change what they say: their text, the guest's own
code, and the interpreter and packages there. Its first line is the digest of the second: a file that was cut short or
changed counts for nothing, and is written anew. Several processes may write at once; each file appears whole.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path


class KnownAnswers:
    """The answers in a folder, which is made with the first of them.

    guest: what runs beside the programs. A folder that cannot be written costs time and nothing else.
    """

    def __init__(self, folder: Path, guest: str) -> None:
        self._folder, self._guest = folder, guest

    def find(self, tests: str, environment: str) -> bytes | None:
        """What is known of the tests of a digest, as JSON; None where nothing is. environment: of the sandbox."""
        try:
            digest, _, known = self._path(tests, environment).read_bytes().partition(b"\n")
        except OSError:
            return None
        return known if digest == _digest(known) else None

    def keep(self, tests: str, environment: str, known: Mapping[str, object]) -> None:
        """Keep what the judge told."""
        text = json.dumps(known).encode()
        path = self._path(tests, environment)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            file, name = tempfile.mkstemp(dir=self._folder)
            with open(file, "wb") as target:
                target.write(_digest(text) + b"\n" + text)
            os.replace(name, path)
        except OSError:
            return

    def _path(self, tests: str, environment: str) -> Path:
        return self._folder / f"{_name(tests, environment, self._guest)}.json"


def _digest(text: bytes) -> bytes:
    return hashlib.sha256(text).hexdigest().encode()


@functools.lru_cache(maxsize=1024)
def _name(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
