"""Pictures from disk: a folder, a zip file, a manifest (`id, image, prompt, seed, step`), or a split of the world
`shapes`.

Every picture becomes 8-bit RGB: turned as EXIF says, transparent parts on white, 16 bit scaled, CMYK and gray
converted. What it was before (format, size, mode) is recorded. One is read at a time: memory does not grow with
their number.
"""

from __future__ import annotations

import hashlib
import io
import json
import lzma
import os
import re
import warnings
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from harness.errors import InputError
from harness.models import shapes_world

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm"})
LOSSY = frozenset({"JPEG", "WEBP"})
LARGEST_FILE = 256 << 20  # bytes of a picture's file; more is none that a model drew
MANIFEST = "manifest.jsonl"
SAMPLES = "samples.jsonl"
ORIENTATION = 0x0112  # EXIF's tag
_NAMED = re.compile(r"(?P<name>.+?)(?:__(?P<seed>\d+))?$")

Pixels = NDArray[np.uint8]  # (height, width, 3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One picture of a set: where it is inside, and what is known of it. `prompt` may be a library's name for it."""

    id: str
    image: str
    prompt: str | None = None
    seed: int | None = None
    step: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """A picture in memory, and what it was in its file."""

    pixels: Pixels
    format: str
    mode: str

    @property
    def size(self) -> str:
        """`640x480`."""
        return f"{self.pixels.shape[1]}x{self.pixels.shape[0]}"

    @property
    def digest(self) -> str:
        """SHA-256 of the pixels and their shape: equal pictures in other files have it in common."""
        return hashlib.sha256(repr(self.pixels.shape).encode() + self.pixels.tobytes()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureSet:
    """Pictures in order. `raw(i)`: the bytes that stand for picture i (its file's); `decode(i)`: the picture.

    skipped: files that cannot be read and were left out.
    """

    name: str
    entries: tuple[Entry, ...]
    raw: Callable[[int], bytes]
    decode: Callable[[int], Decoded]
    skipped: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.entries)

    def sha256(self) -> str:
        """Of the bytes of all pictures, in order."""
        total = hashlib.sha256()
        for i in range(len(self)):
            total.update(hashlib.sha256(self.raw(i)).digest())
        return total.hexdigest()

    def __iter__(self) -> Iterator[tuple[Entry, Decoded]]:
        for i, entry in enumerate(self.entries):
            yield entry, self.decode(i)


def decode(data: bytes, name: str) -> Decoded:
    """8-bit RGB of a picture file's bytes. Raises InputError, with the name and why, for what is not a picture."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of damaged EXIF, and of pictures that are large but not too large
            with Image.open(io.BytesIO(data)) as opened:
                kind, mode = str(opened.format), opened.mode
                if opened.getexif().get(ORIENTATION, 1) != 1:
                    ImageOps.exif_transpose(opened, in_place=True)
                return Decoded(pixels=_rgb(opened), format=kind, mode=mode)
    except Exception as error:  # whatever a decoder raises for bytes that are no picture
        first = str(error).split(" <")[0].strip() or type(error).__name__
        raise InputError(f"{name} cannot be read as a picture ({first})") from error


def _rgb(picture: Image.Image) -> Pixels:
    if picture.mode.startswith("I") or picture.mode == "F":  # 16 bit gray, and wider numbers
        values = np.asarray(picture, dtype=np.float64)
        top = 65535.0 if picture.mode != "F" and values.max(initial=0) > 255 else max(255.0, float(values.max()))
        gray = np.rint(np.clip(values / top, 0, 1) * 255).astype(np.uint8)
        return np.repeat(gray[..., None], 3, axis=2)
    if picture.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in picture.info:
        over = picture.convert("RGBA")
        white = Image.new("RGBA", over.size, (255, 255, 255, 255))
        picture = Image.alpha_composite(white, over)
    return np.asarray(picture if picture.mode == "RGB" else picture.convert("RGB"))


def resize(pixels: Pixels, size: int) -> NDArray[np.float32]:
    """(size, size, 3) in 0..255: Pillow's bicubic on each channel in float, without rounding, as clean-fid does."""
    if pixels.shape[:2] == (size, size):
        return pixels.astype(np.float32)
    planes = [
        np.asarray(Image.fromarray(pixels[..., c].astype(np.float32)).resize((size, size), Image.Resampling.BICUBIC))
        for c in range(3)
    ]
    return np.asarray(np.clip(np.stack(planes, axis=2), 0, 255), np.float32)


def thumbnail(pixels: Pixels) -> NDArray[np.float32]:
    """(192,) in 0..255: the mean colors of 8 x 8 parts."""
    small = Image.fromarray(pixels).resize((8, 8), Image.Resampling.BOX)
    return np.asarray(small, np.float32).reshape(-1)


def png(pixels: Pixels) -> bytes:
    """The picture as a PNG file, without any text in it."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format="PNG", optimize=False)
    return file.getvalue()


def open_set(path: str, *, skip_unreadable: bool = False) -> PictureSet:
    """A set by its path, or `shapes:train`, `shapes:holdout`, `shapes:reference` with an optional `@number`.

    A folder with `samples.jsonl` or `manifest.jsonl` is read by it. skip_unreadable: without the files that cannot be
    read; `skipped` names them. Raises InputError where there is nothing to read.
    """
    whole = _open(path)
    return without_unreadable(whole) if skip_unreadable else whole


def _open(path: str) -> PictureSet:
    if path.startswith("shapes:"):
        return _world(path)
    place = Path(path)
    if place.is_dir():
        for name in (SAMPLES, MANIFEST):
            if (place / name).is_file():
                return _manifest(place / name)
        return _folder(place)
    if place.suffix == ".zip" and place.is_file():
        return _zip(place)
    if place.suffix == ".jsonl" and place.is_file():
        return _manifest(place)
    if not place.exists():
        raise InputError(f"{path} is not there; give a folder, a .zip, a manifest.jsonl or shapes:reference")
    raise InputError(f"{path} is neither a folder of pictures, a .zip nor a .jsonl manifest")


def array_set(name: str, pictures: Pixels, entries: tuple[Entry, ...]) -> PictureSet:
    """A set that is in memory: pictures (N, H, W, 3)."""
    return PictureSet(
        name=name,
        entries=entries,
        raw=lambda i: pictures[i].tobytes(),
        decode=lambda i: Decoded(pixels=pictures[i], format="PNG", mode="RGB"),
    )


def facts(pictures: PictureSet) -> dict[str, Any]:
    """Number, digest, formats and sizes, as `inputs` in summary.json has them."""
    formats, sizes = Counter[str](), Counter[str]()
    for _, one in pictures:
        formats[one.format] += 1
        sizes[one.size] += 1
    common = dict(sizes.most_common(5))
    return {
        "name": pictures.name, "n": len(pictures), "files_sha256": pictures.sha256(),
        "formats": dict(sorted(formats.items())), "sizes": common, "n_sizes": len(sizes),
    }  # fmt: skip


def without_unreadable(pictures: PictureSet) -> PictureSet:
    """The set without the pictures that cannot be read; `skipped` names them. Raises InputError if none is left."""
    good, bad = [], []
    for i, entry in enumerate(pictures.entries):
        try:
            pictures.decode(i)
            good.append(i)
        except InputError:
            bad.append(entry.image)
    if not good:
        raise InputError(f"none of the {len(bad):,} pictures of {pictures.name} can be read")
    return replace(subset(pictures, good), skipped=tuple(bad))


def subset(pictures: PictureSet, indices: list[int]) -> PictureSet:
    """Some pictures of a set, in the given order."""
    return PictureSet(
        name=pictures.name,
        entries=tuple(pictures.entries[i] for i in indices),
        raw=lambda i: pictures.raw(indices[i]),
        decode=lambda i: pictures.decode(indices[i]),
        skipped=pictures.skipped,
    )


def _world(path: str) -> PictureSet:
    split, _, count = path.removeprefix("shapes:").partition("@")
    if split not in shapes_world.COUNTS or (count and not count.isdigit()):
        raise InputError(f"{path}: shapes has the splits {', '.join(shapes_world.COUNTS)}, as in shapes:reference@1024")
    try:
        made = shapes_world.make(split, int(count) if count else None)
    except ValueError as error:
        raise InputError(str(error)) from error
    entries = tuple(
        Entry(id=f"{split}-{i:05d}", image=f"{split}/{i:05d}", prompt=text) for i, text in enumerate(made.captions)
    )
    return array_set(path, made.pictures, entries)


def _folder(folder: Path) -> PictureSet:
    names = sorted(_names(folder, ""), key=lambda name: name.split("/"))
    if not names:
        raise InputError(f"{folder} has no pictures ({', '.join(sorted(SUFFIXES))})")
    return _of_files(str(folder), [_named(name) for name in names], lambda i: _bytes(folder / names[i]))


def _names(folder: Path, before: str) -> Iterator[str]:
    """Pictures of a folder and of those inside it, with `/` between."""
    with os.scandir(folder) as found:
        for one in found:
            if one.is_dir(follow_symlinks=False):
                yield from _names(Path(one.path), f"{before}{one.name}/")
            elif PurePath(one.name).suffix.lower() in SUFFIXES and _is_file(one):
                yield before + one.name


def _bytes(file: Path) -> bytes:
    """Raises InputError for a file that is gone, may not be read, or is too large to be a picture."""
    try:
        with open(file, "rb") as opened:
            _require_small(os.fstat(opened.fileno()).st_size, file.name)
            return opened.read()
    except OSError as error:
        raise InputError(f"{file.name} cannot be read as a picture ({error.strerror})") from error


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    """Raises InputError for what cannot be unpacked: damaged, encrypted, too large."""
    try:
        _require_small(archive.getinfo(name).file_size, name)
        return archive.read(name)
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, OSError, EOFError, RuntimeError, ValueError) as error:
        raise InputError(f"{name} cannot be read as a picture ({error})") from error


def _require_small(size: int, name: str) -> None:
    if size > LARGEST_FILE:
        raise InputError(
            f"{name} cannot be read as a picture (it has {size:,} bytes, more than {LARGEST_FILE >> 20} MiB)"
        )


def _zip(path: Path) -> PictureSet:
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise InputError(f"{path} is not a zip file that can be read: {error}") from error
    names = sorted(name for name in archive.namelist() if Path(name).suffix.lower() in SUFFIXES)
    if not names:
        raise InputError(f"{path} has no pictures ({', '.join(sorted(SUFFIXES))})")
    return _of_files(str(path), [_named(name) for name in names], lambda i: _member(archive, names[i]))


def _named(name: str) -> Entry:
    """`<prompt>__<seed>.png`: the form in which pictures of a prompt library are named."""
    match = _NAMED.fullmatch(Path(name).stem)
    seed = match["seed"] if match else None
    prompt = match["name"] if match else Path(name).stem
    return Entry(id=name.rpartition(".")[0], image=name, prompt=prompt, seed=int(seed) if seed else None)


def _manifest(path: Path) -> PictureSet:
    entries = []
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as JSON lines in UTF-8: {error}") from error
    for number, line in enumerate(lines, start=1):
        if line.strip():
            entries.append(_row(line, f"{path}, line {number}"))
    if not entries:
        raise InputError(f"{path} names no picture")
    twice = [name for name, n in Counter(entry.id for entry in entries).items() if n > 1]
    if twice:
        raise InputError(f"{path}: {len(twice)} ids stand in several rows, such as {twice[0]!r}")
    folder = path.parent.resolve()
    files = [folder / entry.image for entry in entries]
    for file, entry in zip(files, entries, strict=True):
        if not _is_file(file):
            raise InputError(f"{path}: {entry.image} is not there (paths are relative to the manifest)")
    return _of_files(str(path), entries, lambda i: _bytes(files[i]))


def _is_file(path: Path | os.DirEntry[str]) -> bool:
    """False also for names that no file can have, and for links that lead in a circle."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _row(line: str, where: str) -> Entry:
    try:
        row = json.loads(line)
        image = str(row["image"])
        seed, step = (None if row.get(key) is None else int(row[key]) for key in ("seed", "step"))
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise InputError(f'{where}: a row needs "image", and whole numbers as "seed" and "step"') from error
    prompt = row.get("prompt")
    name = str(row.get("id", image))
    return Entry(id=name, image=image, prompt=None if prompt is None else str(prompt), seed=seed, step=step)


def _of_files(name: str, entries: list[Entry], raw: Callable[[int], bytes]) -> PictureSet:
    rows = tuple(entries)
    fault = _Unreadable(rows, raw)
    return PictureSet(name=name, entries=rows, raw=raw, decode=fault.decode)


@dataclass(slots=True)
class _Unreadable:
    """Decodes; where a picture cannot be read, it counts (once) how many others cannot, and says what to do."""

    rows: tuple[Entry, ...]
    raw: Callable[[int], bytes]
    n: int | None = None

    def decode(self, i: int) -> Decoded:
        try:
            return decode(self.raw(i), self.rows[i].image)
        except InputError as error:
            if self.n is None:
                self.n = sum(map(self._is_unreadable, range(len(self.rows))))
            raise InputError(
                f"{error}; {self.n:,} of {len(self.rows):,}; --skip-unreadable leaves such out and says so"
            ) from error

    def _is_unreadable(self, i: int) -> bool:
        try:
            decode(self.raw(i), "")
        except InputError:
            return True
        return False
