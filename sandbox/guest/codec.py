"""Values between the judge and a program: a closed set of data types, bounded, decoded into exact built-ins.

JSON, in which every object is one tagged value: {"t": [1, 2]} is a tuple. None, booleans, integers, floats, strings
and lists stand for themselves. Subclasses are flattened to the built-in they derive from; what is none of these
crosses as `Opaque`, equal to nothing, not even to itself. An iterator of a program stays there and is asked for one
item at a time; an iterator of the tests is sent whole.

Nothing is unpickled, evaluated or looked up by name. What decoding can cost is bounded: the size of a frame and of
single numbers, the depth (the interpreter's own limit), keys of equal hash (each of n such keys costs n comparisons);
and the judge's own limits of CPU time and memory stand behind these.
"""

from __future__ import annotations

import builtins
import contextlib
import gc
import json
import sys
from collections import ChainMap, Counter, UserDict, UserList, UserString, deque
from collections.abc import Callable, Collection, Iterator
from types import MappingProxyType
from typing import Any, NoReturn, Protocol

from sandbox.guest import values

MAX_FRAME_BYTES = 64 * 2**20
MANY_CHARS = 2**16
MAX_ITEMS = 100_000  # of an iterator
MAX_RANGE = 10**6
MAX_HEX_DIGITS = 2**20
MAX_EXPONENT = 5000
MAX_EQUAL_HASHES = 32  # looked at more closely beyond it
MAX_COMPARISONS = 10**7
PLAIN_INT = 2**12_000  # beyond it (3,613 digits) the interpreter refuses decimal text
_FLAT = frozenset((type(None), bool, float, str))
_NUMBERS = frozenset((int, float))
MANY_FLOATS = 32  # in a list: a float as text takes ten times as long as its eight bytes


# Built-in types are values too: an argument `int`, a result of type().
_BUILT_IN: tuple[type, ...] = (
    bool, int, float, complex, str, bytes, bytearray, list, tuple, dict, set, frozenset, range, type(None),
)  # fmt: skip
TYPES = {each.__name__: each for each in _BUILT_IN}


class CodecError(Exception):
    """What arrived is no value of this codec, or beyond its bounds."""


class Unfit(Exception):  # noqa: N818
    """A value that is data, but more than crosses; its text says what of it."""


class Opaque:
    """A program's object that is not data: equal to nothing, with no attribute, no text and no behaviour."""

    __slots__ = ("kind",)
    __hash__ = object.__hash__

    def __init__(self, kind: str = "") -> None:
        self.kind = kind  # the name of the program's class, for people

    def __eq__(self, other: object) -> bool:
        return False

    def __ne__(self, other: object) -> bool:
        return True

    def __repr__(self) -> str:
        return "<opaque>"


class CandidateError(Exception):
    """An exception of a program that is no built-in `Exception`: its own classes, SystemExit, StopIteration and kin."""


def _exceptions() -> dict[str, type[Exception]]:
    """Name -> class of every built-in exception that is made of one text, and that no loop takes for its own end."""
    found: dict[str, type[Exception]] = {}
    for name, value in vars(builtins).items():
        if isinstance(value, type) and issubclass(value, Exception):
            try:
                value("text")
            except TypeError:  # UnicodeDecodeError and its kin, exception groups
                continue
            found[name] = value
    for name in ("StopIteration", "StopAsyncIteration"):
        del found[name]
    return found


EXCEPTIONS = _exceptions()


def exception_name(error: BaseException) -> str:
    """The name under which an exception crosses: the nearest built-in of its class; empty where there is none."""
    for base in type(error).__mro__:
        if base.__name__ in EXCEPTIONS and EXCEPTIONS[base.__name__] is base:
            return base.__name__ if base is not Exception else ""
    return ""


def brief(args: Collection[Any]) -> bool:
    """Whether these may be an exception's arguments: few, and plain."""
    return len(args) <= 4 and all(type(each) in _FLAT or type(each) is int for each in args)


_encode = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":")).encode


def encode(message: list[Any]) -> bytes:
    """A message whose values are packed. Raises RecursionError for a value that nests too deep or holds itself."""
    return _encode(message).encode("utf-8", "surrogatepass")


class Odd(Protocol):
    """What becomes of values that are no plain data."""

    def iterator(self, value: Iterator[Any]) -> Any:
        """What stands for an iterator."""

    def opaque(self, value: Any) -> Any:
        """What stands for a value beyond the codec: the name of its class."""


def pack(value: Any, odd: Odd) -> Any:
    """`value` as JSON holds it. Raises RecursionError for one that nests too deep, and as `odd` does."""
    kind = type(value)
    if kind in _FLAT:
        return value
    if kind is int:
        if -PLAIN_INT < value < PLAIN_INT:
            return value
        if value.bit_length() > 4 * (MAX_HEX_DIGITS - 4):
            raise Unfit("an integer is too large")
        return {"i": hex(value)}
    if kind is list:
        return _pack_list(value, odd)
    if kind is tuple:
        return {"t": _pack_list(value, odd)}
    if kind is dict:
        return {"d": [[pack(key, odd), pack(each, odd)] for key, each in value.items()]}
    return _pack_other(value, odd)


def _pack_list(value: Collection[Any], odd: Odd) -> Any:
    kinds = set(map(type, value))
    if kinds == {int}:
        flat = max(value) < PLAIN_INT and min(value) > -PLAIN_INT
    elif float in kinds and kinds <= _NUMBERS and len(value) >= MANY_FLOATS:
        return _pack_floats(list(value), odd)
    else:
        flat = kinds <= _FLAT
    return list(value) if flat else [pack(each, odd) for each in value]


def _pack_floats(items: list[Any], odd: Odd) -> Any:
    """Floats as the base64 text of their bytes, with the integers among them as pairs of place and number."""
    from array import array
    from binascii import b2a_base64

    kinds, place, ints = list(map(type, items)), -1, []
    if 4 * kinds.count(int) > len(items):
        return [pack(each, odd) for each in items]
    for _ in range(kinds.count(int)):
        place = kinds.index(int, place + 1)
        ints.append([place, pack(items[place], odd)])
        items[place] = 0.0
    return {"A": [b2a_base64(array("d", items), newline=False).decode(), ints]}


def _pack_other(value: Any, odd: Odd) -> Any:
    if isinstance(value, values.BESIDES) or hasattr(type(value), "__members__"):
        with contextlib.suppress(values.Unpackable):
            return values.pack_class(value, lambda each: pack(each, odd))
    for base, flatten in _FLATTEN:
        if isinstance(value, base):
            return flatten(value, odd)
    if isinstance(value, Iterator):
        return {"g": odd.iterator(value)}
    if _is_a(value, "decimal", "Decimal"):
        exponent = value.as_tuple().exponent
        if len(str(value)) > MAX_EXPONENT or (isinstance(exponent, int) and abs(exponent) > MAX_EXPONENT):
            raise Unfit("a decimal is too long")
        return {"D": str(value)}
    if _is_a(value, "fractions", "Fraction"):
        return {"F": [pack(value.numerator, odd), pack(value.denominator, odd)]}
    if isinstance(value, type) and TYPES.get(value.__name__) is value:
        return {"T": value.__name__}
    return _pack_object(value, odd)


def _pack_object(value: Any, odd: Odd) -> Any:
    try:
        return values.pack_object(value, lambda each: pack(each, odd))
    except values.Unpackable:
        return {"o": odd.opaque(value)}


def _short(value: range) -> list[int]:
    if max(abs(value.start), abs(value.stop), abs(value.step)) >= 2**62 or len(value) > MAX_RANGE:
        raise Unfit("a range is too long")
    return [value.start, value.stop, value.step]


_FLATTEN: list[tuple[type | tuple[type, ...], Callable[[Any, Any], Any]]] = [
    (bool, lambda value, _: bool(value)),
    (int, lambda value, odd: pack(int.__int__(value), odd)),
    (float, lambda value, _: float.__float__(value)),
    (str, lambda value, _: str.__str__(value)),
    (list, lambda value, odd: _pack_list(list.copy(value), odd)),
    (tuple, lambda value, odd: {"t": [pack(each, odd) for each in tuple.__iter__(value)]}),
    (dict, lambda value, odd: pack(dict(dict.items(value)), odd)),
    (frozenset, lambda value, odd: {"f": _pack_list(frozenset.copy(value), odd)}),
    (set, lambda value, odd: {"s": _pack_list(set.copy(value), odd)}),
    (bytes, lambda value, _: {"b": bytes.decode(value, "latin-1")}),
    (bytearray, lambda value, _: {"B": bytearray.decode(value, "latin-1")}),
    (complex, lambda value, _: {"c": [value.real, value.imag]}),
    (range, lambda value, _: {"r": _short(value)}),
    (deque, lambda value, odd: {"q": _pack_list(list(value), odd)}),
    ((type({}.keys()), type({}.items())), lambda value, odd: {"k": _pack_list(list(value), odd)}),
    ((MappingProxyType, UserDict, ChainMap), lambda value, odd: pack(dict(value), odd)),
    (UserList, lambda value, odd: _pack_list(list(value), odd)),
    (UserString, lambda value, _: str(value)),
    (memoryview, lambda value, _: {"b": bytes.decode(bytes(value), "latin-1")}),
    (type({}.values()), lambda value, odd: {"v": _pack_list(list(value), odd)}),
]


class Decoder:
    """Decodes what `encode` made. `iterator` makes an iterator of the number or the list that stands for one."""

    def __init__(self, iterator: Callable[[Any], Iterator[Any]]) -> None:
        self._make: dict[str, Callable[[Any], Any]] = {
            "t": lambda body: tuple(_list(body)),
            "d": _dict,
            "s": lambda body: set(_hashed(_list(body))),
            "f": lambda body: frozenset(_hashed(_list(body))),
            "b": lambda body: _text(body).encode("latin-1"),
            "B": lambda body: bytearray(_text(body).encode("latin-1")),
            "c": lambda body: complex(*_numbers(body, float, 2)),
            "i": _big,
            "r": _range,
            "q": lambda body: deque(_list(body)),
            "k": lambda body: dict.fromkeys(_hashed(_list(body))).keys(),
            "v": lambda body: dict(enumerate(_list(body))).values(),
            "T": TYPES.__getitem__,
            "D": _decimal,
            "F": _fraction,
            "A": _floats,
            "o": self._opaque,
            "g": iterator,
        }
        self.values = values.Maker(self._opaque)
        self._make.update(self.values.table())
        self._make["O"] = lambda body: values.counted("OrderedDict", _pairs(body))
        self._make["R"] = lambda body: values.counted("Counter", _pairs(body))
        self.last_opaque = ""  # the class of the last value that could not cross
        self._scan = json.JSONDecoder(object_hook=self._value).scan_once  # type: ignore[attr-defined]

    def __call__(self, data: bytes | bytearray) -> Any:
        """The message in `data`. Raises CodecError; MemoryError as anything does."""
        try:
            text = data.decode("utf-8", "surrogatepass")
            value, end = self._scan(text, 0) if len(text) < MANY_CHARS else self._scan_much(text)
        except (
            ValueError,
            TypeError,
            LookupError,
            ArithmeticError,
            RecursionError,
            StopIteration,
            ImportError,
        ) as error:
            raise CodecError(f"not a value of the codec ({type(error).__name__})") from None
        if end != len(text):
            raise CodecError("more than a value")
        return value

    def _scan_much(self, text: str) -> tuple[Any, int]:
        """As `_scan`, without the collector: what is decoded has no cycles, and a search for them triples the time."""
        collects = gc.isenabled()
        gc.disable()
        try:
            return self._scan(text, 0)  # type: ignore[no-any-return]
        finally:
            if collects:
                gc.enable()

    def _opaque(self, kind: Any) -> Opaque:
        text = kind if type(kind) is str and kind.replace(".", "a").isidentifier() else "object"
        self.last_opaque = text[:80]
        return Opaque(self.last_opaque)

    def _value(self, found: dict[str, Any]) -> Any:
        if len(found) != 1:
            raise CodecError("not one tag")
        ((tag, body),) = found.items()
        return self._make[tag](body)


def _is_a(value: Any, module: str, name: str) -> bool:
    """Whether a value is of a class of a module that may not be loaded: loading it costs every fork its pages."""
    return module in sys.modules and isinstance(value, getattr(sys.modules[module], name))


def _fraction(body: Any) -> Any:
    from fractions import Fraction

    return Fraction(*_numbers(body, int, 2))


def _refuse(what: str) -> NoReturn:
    raise CodecError(what)


def _list(body: Any) -> list[Any]:
    return body if type(body) is list else _refuse("a list is expected")


def _text(body: Any) -> str:
    return body if type(body) is str else _refuse("a text is expected")


def _numbers(body: Any, kind: type, count: int) -> list[Any]:
    if type(body) is list and len(body) == count and all(type(each) is kind for each in body):
        return body
    _refuse(f"{count} numbers are expected")


def _floats(body: Any) -> list[Any]:
    from array import array
    from binascii import a2b_base64

    text, ints = _list(body)
    made = array("d")
    made.frombytes(a2b_base64(_text(text), strict_mode=True))
    items: list[Any] = made.tolist()
    for place, number in map(_list, _list(ints)):
        if type(place) is not int or type(number) is not int or not 0 <= place < len(items):
            _refuse("places of integers are expected")
        items[place] = number
    return items


def _hashed(keys: list[Any]) -> list[Any]:
    if len(keys) - len(set(map(hash, keys))) > MAX_EQUAL_HASHES:  # some are honest: hash(-1) is hash(-2)
        comparisons = sum(count * count for count in Counter(map(hash, keys)).values())
        if comparisons > MAX_COMPARISONS + len(keys):
            _refuse("too many keys of one hash")
    return keys


def _dict(body: Any) -> dict[Any, Any]:
    return dict(_pairs(body))


def _pairs(body: Any) -> list[Any]:
    pairs = _list(body)
    if not all(type(pair) is list and len(pair) == 2 for pair in pairs):
        _refuse("pairs are expected")
    _hashed([pair[0] for pair in pairs])
    return pairs


def _big(body: Any) -> int:
    if len(_text(body)) > MAX_HEX_DIGITS:
        _refuse("an integer is too large")
    return int(body, 16)


def _range(body: Any) -> range:
    start, stop, step = _numbers(body, int, 3)
    made = range(start, stop, step)
    if max(abs(start), abs(stop), abs(step)) >= 2**62 or len(made) > MAX_RANGE:
        _refuse("a range is too long")
    return made


def _decimal(body: Any) -> Any:
    from decimal import Decimal

    if len(_text(body)) > MAX_EXPONENT:
        _refuse("a decimal is too long")
    made = Decimal(body)
    exponent = made.as_tuple().exponent
    if isinstance(exponent, int) and abs(exponent) > MAX_EXPONENT:
        _refuse("a decimal's exponent is too large")
    return made
