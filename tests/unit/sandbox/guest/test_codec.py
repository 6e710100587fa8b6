"""The codec between the judge and a program: what crosses, what does not, and what it costs to be lied to."""

from __future__ import annotations

import collections
import enum
import itertools
import json
import math
import time
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.guest import codec


class Plain:
    """Refuses what is no data, and sends iterators whole."""

    def iterator(self, value: Iterator[Any]) -> list[Any]:
        return [codec.pack(item, self) for item in value]

    def opaque(self, value: Any) -> None:
        return None


def crossed(value: Any) -> Any:
    return codec.Decoder(iter)(codec.encode([codec.pack(value, Plain())]))[0]


leaves = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary()
    | st.complex_numbers(allow_nan=False) | st.characters(categories=["Cs"])
)  # fmt: skip
keys = st.booleans() | st.integers() | st.text() | st.tuples(st.integers(), st.text()) | st.binary()
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(keys, inner) | st.sets(keys) | st.frozensets(keys)
    ),
    max_leaves=20,
)


@given(values)
def test_data_arrives_as_it_was(value: Any) -> None:
    arrived = crossed(value)
    assert arrived == value and type(arrived) is type(value)


def test_values_that_are_equal_but_not_the_same_stay_what_they_are() -> None:
    assert repr(crossed([True, 1, 1.0, -0.0, {1: True}, (0,)])) == "[True, 1, 1.0, -0.0, {1: True}, (0,)]"


@given(st.lists(st.floats(), min_size=24, max_size=99), st.lists(st.integers() | st.booleans(), max_size=20))
def test_many_floats_and_the_integers_among_them_stay_what_they_are(floats: list[float], others: list[int]) -> None:
    value = [each for pair in itertools.zip_longest(floats, others, fillvalue=0.5) for each in pair]
    for kind in (list, tuple, collections.deque):
        assert repr(crossed(kind(value))) == repr(kind(value))


def test_many_floats_cross_as_their_bytes() -> None:
    value = [each / 7 for each in range(10_000)]
    value[3], value[9_999] = 5, 10**4000
    sent = codec.encode([codec.pack(value, Plain())])
    assert len(sent) < 11 * len(value) + 5000 and repr(crossed(value)) == repr(value)


class Color(enum.IntEnum):
    RED = 1


Point = collections.namedtuple("Point", "x y")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Color.RED, 1),
        (Point(1, 2), (1, 2)),
        (collections.Counter("aab"), collections.Counter("aab")),
        (collections.OrderedDict([("b", 1), ("a", 2)]), collections.OrderedDict([("b", 1), ("a", 2)])),
        (collections.defaultdict(list, {1: [2]}), {1: [2]}),
        (type("L", (list,), {"__eq__": lambda *_: True})([1]), [1]),
        (type("S", (str,), {"__eq__": lambda *_: True, "__hash__": str.__hash__})("x"), "x"),
        (type("F", (float,), {})(0.5), 0.5),
        (int, int),
        (range(1, 9, 3), range(1, 9, 3)),
        (Decimal("1.50"), Decimal("1.50")),
        (Fraction(1, 3), Fraction(1, 3)),
        (collections.deque([1]), collections.deque([1])),
    ],
)
def test_subclasses_arrive_as_the_built_in_they_derive_from(value: Any, expected: Any) -> None:
    arrived = crossed(value)
    assert arrived == expected and type(arrived) is type(expected)


def test_an_integer_too_long_for_decimal_text_arrives() -> None:
    assert crossed(2**100_000) == 2**100_000 and crossed([-(2**100_000), 1.5]) == [-(2**100_000), 1.5]


def test_views_and_iterators_keep_what_they_are_for() -> None:
    assert crossed({1: 2}.keys()) == {1} and list(crossed({1: 2}.values())) == [2]
    assert next(crossed(iter([3]))) == 3
    assert math.isnan(crossed(float("nan"))) and crossed(-math.inf) == -math.inf


@pytest.mark.parametrize("value", [object(), lambda: 0, Ellipsis, Plain, type("X", (), {"__eq__": lambda *_: True})()])
def test_what_is_no_data_equals_nothing(value: Any) -> None:
    arrived = crossed(value)
    assert arrived != value and arrived != arrived and not arrived == arrived  # noqa: SIM201
    assert repr(arrived) == "<opaque>" and not hasattr(arrived, "__dict__")


PRIME = 2**61 - 1
LIES = {
    "unknown tag": '[{"x": 1}]',
    "two tags": '[{"t": [], "s": []}]',
    "no tag": "[{}]",
    "a tuple of a number": '[{"t": 1}]',
    "pairs that are none": '[{"d": [[1]]}]',
    "keys without a hash": '[{"d": [[[1], 2]]}]',
    "bytes of a number": '[{"b": 7}]',
    "bytes beyond latin-1": '[{"b": "\\u0416"}]',
    "a range of texts": '[{"r": ["1", 2, 3]}]',
    "a range without a step": '[{"r": [1, 2, 0]}]',
    "an endless range": '[{"r": [0, 100000000000, 1]}]',
    "a huge exponent": '[{"D": "1e999999999"}]',
    "a decimal that is none": '[{"D": "x"}]',
    "a third of nothing": '[{"F": [1, 0]}]',
    "digits beyond the limit": "[" + "9" * 5000 + "]",
    "hex beyond the limit": '[{"i": "' + "f" * (2**20 + 1) + '"}]',
    "a type that is none": '[{"T": "eval"}]',
    "deep nesting": "[" * 100_000,
    "deep tags": '{"t":[' * 50_000,
    "keys of one hash": json.dumps([{"d": [[PRIME * n, 0] for n in range(30_000)]}]),
    "items of one hash": json.dumps([{"s": [PRIME * n for n in range(30_000)]}]),
    "two values": "[1] [2]",
    "nothing": "",
}


@pytest.mark.parametrize("name", LIES)
def test_a_lie_is_refused_at_little_cost(name: str) -> None:
    start = time.process_time()
    with pytest.raises(codec.CodecError):
        codec.Decoder(iter)(LIES[name].encode())
    assert time.process_time() - start < 2  # 0.3 s where others use the processor's caches; a slow lie costs minutes


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(codec.CodecError):
        codec.Decoder(iter)(b'["\xff"]')


@pytest.mark.parametrize("error", [StopIteration(), SystemExit(0), KeyboardInterrupt(), type("E", (Exception,), {})()])
def test_no_exception_crosses_that_would_steer_the_judge(error: BaseException) -> None:
    assert codec.exception_name(error) not in codec.EXCEPTIONS
    assert "StopIteration" not in codec.EXCEPTIONS


def test_an_own_exception_crosses_as_the_built_in_it_derives_from() -> None:
    assert codec.exception_name(type("E", (KeyError,), {})()) == "KeyError"
    assert codec.exception_name(UnicodeDecodeError("a", b"", 0, 1, "")) == "UnicodeError"
