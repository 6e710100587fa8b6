"""Download a published file once, check its sha256, keep it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from harness.errors import ProblemError
from harness.files.atomic import write_whole

TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """A published file: where it is (the first address that gives it is taken), and the sha256 of its bytes."""

    urls: tuple[str, ...]
    sha256: str
    file: str
    licence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ByPath:
    """A published file that is not downloaded here, for its publisher or its licence wants it otherwise: given by path.

    urls: where a person gets it.
    """

    urls: tuple[str, ...]
    file: str
    licence: str


def fetch(source: Download | ByPath, cache: Path) -> Path:
    """The file in `cache`, downloaded if it is not there yet.

    Raises ProblemError where there is no network (the message says how to pass a path), where the bytes differ from
    the published ones (they are never used), and for a file that is only taken by its path.
    """
    if isinstance(source, ByPath):
        raise ProblemError(f"{source.file} is taken by its path: get it from {source.urls[0]}, then --problems PATH")
    target = cache / source.file
    if target.is_file() and _sha256(target.read_bytes()) == source.sha256:
        return target
    faults = []
    import urllib.request  # measured: 50 ms with ssl, for a file that is most often here already

    for url in source.urls:
        try:
            with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:
                data: bytes = answer.read()
        except OSError as error:  # URLError is one
            faults.append(f"{url}: {getattr(error, 'reason', error)}")
            continue
        if _sha256(data) == source.sha256:
            _write(target, data)
            return target
        faults.append(f"{url}: its sha256 is {_sha256(data)}, not the published {source.sha256}; it is not used")
    raise ProblemError(
        f"{source.file} could not be downloaded:\n  " + "\n  ".join(faults) + "\n"
        f"Bring the published file over and pass its path, --problems PATH/{source.file}, or put it at {target}"
    )


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _write(target: Path, data: bytes) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        write_whole(target, data)
    except OSError as error:
        raise ProblemError(f"the download cannot be kept in {target.parent}: {error}") from error
