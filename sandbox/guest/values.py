"""Values of the standard library, of numpy and of the prompt's own classes, as data: what `codec` leaves to this file.

Each has one tag. Dates, times, paths, UUIDs and internet addresses travel as their fields or text; arrays by shape,
type and bytes; an enum's member, a named tuple and a dataclass's instance by the name of its class and their parts. The
receiver looks such a class up among the names that its own code defined: no code travels, no constructor of a class is
called, and a class that it does not know makes the value `Opaque`, or the plain tuple or number that it is besides.
"""

from __future__ import annotations

import binascii
import sys
from collections.abc import Callable
from typing import Any

MAX_ARRAY_BYTES = 40 * 2**20
BESIDES = (int, float, str, tuple, dict)  # what a value of `pack_class` is besides
MAX_DIMENSIONS = 32
PLAIN_KINDS = "biufcmMSU"  # of numpy's types: no objects, no records
PATHS = ("PurePosixPath", "PureWindowsPath", "PosixPath", "WindowsPath")
ADDRESSES = tuple(f"IPv{version}{what}" for version in (4, 6) for what in ("Address", "Network", "Interface"))
Pack = Callable[[Any], Any]


class Unpackable(Exception):  # noqa: N818
    """No value of this file."""


def _loaded(value: Any, module: str, *names: str) -> bool:
    """Whether a value is of a class of a module that may not be loaded: loading it costs every fork its pages."""
    found = sys.modules.get(module)
    return found is not None and any(isinstance(value, getattr(found, name, ())) for name in names)


def pack_class(value: Any, pack: Pack) -> Any:
    """A member of an enum, or a named tuple: they are numbers, texts or tuples besides. Raises Unpackable."""
    kind = type(value)
    if _loaded(value, "enum", "Enum"):
        plain = next((base for base in (int, float, str) if isinstance(value, base)), None)
        if _loaded(value, "enum", "Flag") and type(value._value_) is int and value._name_ not in kind.__members__:
            return {"E": [kind.__name__, value._value_, None if plain is None else [value._value_]]}  # several at once
        return {"E": [kind.__name__, pack(value._name_), None if plain is None else [pack(plain(value._value_))]]}
    if _loaded(value, "numpy", "generic"):
        return _pack_numpy(value, pack)
    if isinstance(value, tuple) and isinstance(getattr(kind, "_fields", None), tuple):
        return {"N": [kind.__name__, [pack(each) for each in tuple.__iter__(value)]]}
    if _loaded(value, "collections", "OrderedDict", "Counter"):
        tag = "O" if _loaded(value, "collections", "OrderedDict") else "R"
        return {tag: [[pack(key), pack(each)] for key, each in dict.items(value)]}
    raise Unpackable


def pack_object(value: Any, pack: Pack) -> Any:
    """A value that is nothing else besides. Raises Unpackable."""
    if _loaded(value, "datetime", "date", "time", "timedelta", "tzinfo"):
        return _pack_time(value)
    if _loaded(value, "pathlib", "PurePath") and type(value).__name__ in PATHS:
        return {"p": [type(value).__name__, str(value)]}
    if _loaded(value, "uuid", "UUID"):
        return {"u": pack(value.int)}
    if _loaded(value, "ipaddress", "_IPAddressBase"):
        return {"ip": [type(value).__name__, str(value)]}
    if _loaded(value, "numpy", "ndarray", "generic"):
        return _pack_numpy(value, pack)
    if _loaded(value, "array", "array"):
        return {"y": [value.typecode, _text(value.tobytes())]}
    fields = getattr(type(value), "__dataclass_fields__", None)
    if isinstance(fields, dict):
        names = [name for name, field in fields.items() if getattr(field, "_field_type", None) is not None]
        here = [[name, pack(getattr(value, name))] for name in names if hasattr(value, name)]
        return {"C": [type(value).__name__, here]}
    raise Unpackable


def _text(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode()


def _pack_time(value: Any) -> Any:
    import datetime

    if isinstance(value, datetime.timedelta):
        return {"dt": ["timedelta", value.days, value.seconds, value.microseconds]}
    if isinstance(value, datetime.tzinfo):
        return _pack_zone(value)
    if isinstance(value, datetime.datetime):
        parts: list[Any] = ["datetime", value.year, value.month, value.day]
    elif isinstance(value, datetime.date):
        return {"dt": ["date", value.year, value.month, value.day]}
    else:
        parts = ["time"]
    zone = None if value.tzinfo is None else _pack_zone(value.tzinfo)
    return {"dt": [*parts, value.hour, value.minute, value.second, value.microsecond, zone, value.fold]}


def _pack_zone(zone: Any) -> Any:
    import datetime

    key = getattr(zone, "key", None)
    if _loaded(zone, "zoneinfo", "ZoneInfo") and type(key) is str:
        return {"tz": key}
    if not isinstance(zone, datetime.timezone):
        raise Unpackable
    offset = zone.utcoffset(None)
    return {"tz": [offset.days, offset.seconds, offset.microseconds, zone.tzname(None)]}


def _pack_numpy(value: Any, pack: Pack) -> Any:
    import numpy

    kind = value.dtype
    if kind.kind not in PLAIN_KINDS or kind.names is not None:
        if kind.kind == "O" and isinstance(value, numpy.ndarray):
            return {"a": ["O", list(value.shape), [pack(each) for each in value.ravel().tolist()]]}
        raise Unpackable
    if value.nbytes > MAX_ARRAY_BYTES:
        raise Unpackable
    if isinstance(value, numpy.generic):
        plain = value.item()
        small = kind.kind in "biufcSU" and not isinstance(plain, numpy.generic)
        return {"n": [kind.str, _text(value.tobytes()), [pack(plain)] if small else None]}
    if _loaded(value, "numpy.ma", "MaskedArray"):
        raise Unpackable
    return {"a": [kind.str, list(value.shape), _text(numpy.ascontiguousarray(value).tobytes())]}


class Maker:
    """Makes values of their tags. find: the class of a name among those that this side knows, None for others.

    scalars: whether numpy's numbers stay numpy's; else they are Python's. Raises ValueError, TypeError, KeyError.
    """

    def __init__(self, opaque: Callable[[Any], Any]) -> None:
        self.find: Callable[[str], Any] = lambda _: None
        self.scalars = False
        self._opaque = opaque

    def table(self) -> dict[str, Callable[[Any], Any]]:
        """Tag -> what makes its values."""
        return {
            "dt": self._time,
            "tz": _zone,
            "p": _path,
            "u": _uuid,
            "ip": _address,
            "E": self._member,
            "N": self._named_tuple,
            "C": self._instance,
            "a": _array,
            "n": self._scalar,
            "y": _machine_array,
        }

    def _time(self, body: Any) -> Any:
        import datetime

        kind, *fields = body
        if kind not in ("date", "time", "datetime", "timedelta"):
            raise ValueError("no kind of time")
        if kind in ("date", "timedelta"):
            return getattr(datetime, kind)(*_whole(fields))
        *fields, zone, fold = fields
        if zone is not None and not isinstance(zone, datetime.tzinfo):
            raise ValueError("no time zone")
        return getattr(datetime, kind)(*_whole(fields), tzinfo=zone, fold=fold)

    def _class(self, name: Any) -> Any:
        found = self.find(name) if type(name) is str else None
        return found if isinstance(found, type) else None

    def _member(self, body: Any) -> Any:
        name, member, plain = body
        kind = self._class(name)
        members = getattr(kind, "__members__", None)
        if _is_enum(kind) and type(member) is str and members is not None and member in members:
            return members[member]
        if _is_enum(kind) and type(member) is int and issubclass(kind, sys.modules["enum"].Flag):
            return kind(member)
        return plain[0] if type(plain) is list else self._opaque(name)

    def _named_tuple(self, body: Any) -> Any:
        name, items = body
        if type(items) is not list:
            raise ValueError("no items")
        kind = self._class(name)
        fields = getattr(kind, "_fields", ())
        if kind is not None and issubclass(kind, tuple) and len(fields) == len(items):
            return tuple.__new__(kind, items)
        return tuple(items)

    def _instance(self, body: Any) -> Any:
        name, parts = body
        kind = self._class(name)
        fields = getattr(kind, "__dataclass_fields__", None)
        given = dict(parts)
        if kind is None or not isinstance(fields, dict) or not set(given) <= set(fields):
            return self._opaque(name)
        made = object.__new__(kind)
        for key, value in given.items():
            object.__setattr__(made, key, value)
        return made

    def _scalar(self, body: Any) -> Any:
        kind, text, plain = body
        if type(plain) is list and not self.scalars:
            return plain[0]
        return _array([kind, [], text])[()]


def _is_enum(kind: Any) -> bool:
    return kind is not None and "enum" in sys.modules and issubclass(kind, sys.modules["enum"].Enum)


def _whole(numbers: list[Any]) -> list[int]:
    if not all(type(each) is int for each in numbers):
        raise ValueError("whole numbers are expected")
    return numbers


def _zone(body: Any) -> Any:
    import datetime

    if type(body) is str:
        import zoneinfo

        return zoneinfo.ZoneInfo(body)
    days, seconds, microseconds, name = body
    offset = datetime.timedelta(*_whole([days, seconds, microseconds]))
    plain = datetime.timezone(offset)
    return plain if name is None or plain.tzname(None) == name else datetime.timezone(offset, name)


def _path(body: Any) -> Any:
    import pathlib

    name, text = body
    if name not in PATHS or type(text) is not str:
        raise ValueError("no path")
    return getattr(pathlib, name)(text)


def _uuid(body: Any) -> Any:
    import uuid

    return uuid.UUID(int=body)


def _address(body: Any) -> Any:
    import ipaddress

    name, text = body
    if name not in ADDRESSES or type(text) is not str:
        raise ValueError("no address")
    return getattr(ipaddress, name)(text)


def counted(name: str, pairs: list[Any]) -> Any:
    """An OrderedDict or a Counter of pairs."""
    import collections

    made = getattr(collections, name)()
    for key, value in pairs:
        dict.__setitem__(made, key, value) if name == "Counter" else made.__setitem__(key, value)
    return made


def _machine_array(body: Any) -> Any:
    import array

    code, text = body
    made = array.array(code)
    made.frombytes(binascii.a2b_base64(text))
    return made


def _array(body: Any) -> Any:
    import numpy

    kind, shape, text = body
    if len(_whole(shape)) > MAX_DIMENSIONS or type(kind) is not str:
        raise ValueError("no array")
    if kind == "O":
        found = numpy.empty(len(text), dtype=object)
        for place, value in enumerate(text):
            found[place] = value
        return found.reshape(shape)
    made = numpy.dtype(kind)
    if made.kind not in PLAIN_KINDS or made.names is not None or made.hasobject:
        raise ValueError("no plain type")
    return numpy.frombuffer(binascii.a2b_base64(text), dtype=made).reshape(shape).copy()
