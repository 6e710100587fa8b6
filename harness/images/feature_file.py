"""Arrays of a `.npz` file that somebody else wrote: nothing in it is run, and it does not unpack without bound."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import InputError

LARGE_BYTES = 256 << 20  # from here on, what unpacks to more than BOMB_RATIO times its size is refused
BOMB_RATIO = 100


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Name -> array. Raises InputError for what is no `.npz`, and for objects in it, which could run code."""
    if not path.is_file():
        raise InputError(f"{path} is not there; harness images features writes such a file")
    try:
        with zipfile.ZipFile(path) as archive:
            bomb = next((one for one in archive.infolist() if _is_bomb(one)), None)
        if bomb is not None:
            raise InputError(f"{path}: {bomb.filename} unpacks from {bomb.compress_size:,} to {bomb.file_size:,} bytes")
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (zipfile.BadZipFile, EOFError) as error:
        raise InputError(f"{path} is no .npz file: {error}") from error
    except (OSError, ValueError, TypeError, RuntimeError, zlib.error, SyntaxError, MemoryError) as error:
        raise InputError(f"{path} cannot be read as .npz: {error or type(error).__name__}") from error


def _is_bomb(member: zipfile.ZipInfo) -> bool:
    return member.file_size > LARGE_BYTES and member.file_size > BOMB_RATIO * max(1, member.compress_size)


def as_numbers(path: Path, name: str, values: NDArray[Any]) -> NDArray[np.float64]:
    """In float64. Raises InputError for an array of anything but real numbers."""
    if values.dtype.kind not in "biuf":
        raise InputError(f"{path}: {name} holds {values.dtype}, not real numbers")
    return np.asarray(values, np.float64)
