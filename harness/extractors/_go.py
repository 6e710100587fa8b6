"""Go: a program's imports are made to be those that it and its tests need. An unused one is an error there."""

from __future__ import annotations

import re

from harness.extractors import _braces

_PACKAGE = re.compile(r"^package[ \t]+\w+[ \t]*;?[ \t]*$", re.MULTILINE)
_IMPORT = re.compile(
    r"^import[ \t]*(?:\((?P<many>[^)]{0,5000})\)|(?P<one>(?:[\w.]+[ \t]+)?\"[^\"\n]+\"))[ \t]*;?", re.MULTILINE
)
_SPEC = re.compile(r"(?:(?P<alias>[\w.]+)[ \t]+)?[\"`](?P<path>[^\"`\n]+)[\"`]")
_MAIN = re.compile(r"^func[ \t]+main[ \t]*\(", re.MULTILINE)
_USED = re.compile(r"\b([a-z]\w*)\.[A-Z]")
_LIBRARY = {
    name.rpartition("/")[2]: name
    for name in (
        "bufio", "bytes", "container/heap", "container/list", "crypto/md5", "crypto/sha1", "crypto/sha256",
        "encoding/binary", "encoding/hex", "encoding/json", "errors", "fmt", "io", "math", "math/big", "math/bits",
        "math/cmplx", "math/rand", "os", "reflect", "regexp", "sort", "strconv", "strings", "sync", "time", "unicode",
        "unicode/utf8",
    )
}  # fmt: skip


def with_imports(program: str, before: str, after: str) -> str:
    """`program` without its package clause and `main`, with what it and `after` need and `before` does not import."""
    named: dict[str, str] = {}

    def take(found: re.Match[str]) -> str:
        named.update(_names(found))
        return ""

    body = _IMPORT.sub(take, _PACKAGE.sub("", program))
    if _MAIN.search(after) is None:
        body = _braces.without_piece(body, _MAIN)
    given = {name for found in _IMPORT.finditer(before) for name in _names(found)}
    plain = _braces.bare(f"{body}\n{after}")
    used = set(_USED.findall(plain))
    library = {name: f'"{path}"' for name, path in _LIBRARY.items() if not _bound(name, plain)}
    wanted = [{**library, **named}[name] for name in sorted(used - given) if name in named or name in library]
    blank = [spec for name, spec in named.items() if name.startswith(("_", "."))]
    specs = "".join(f"\t{spec}\n" for spec in dict.fromkeys(wanted + blank))
    return (f"import (\n{specs})\n" if specs else "") + body


def _names(found: re.Match[str]) -> dict[str, str]:
    """The name under which each package of a declaration is known -> its line."""
    specs = _SPEC.finditer(found["many"] or found["one"] or "")
    return {
        spec["alias"] if spec["alias"] not in (None, "_", ".") else (spec["alias"] or "") + _last(spec["path"]): spec[0]
        for spec in specs
    }


def _last(path: str) -> str:
    parts = path.split("/")
    return parts[-2] if re.fullmatch(r"v\d+", parts[-1]) and len(parts) > 1 else parts[-1]


def _bound(name: str, plain: str) -> bool:
    """Whether the text has a variable or parameter of this name."""
    return bool(
        re.search(rf"\b{name}\b[\w, \t]{{0,80}}:=|\b(?:var|const)[ \t]+{name}\b|[(,][ \t]*{name}[ \t]+[\[\]*\w]", plain)
    )
