"""Inputs like those that the tests use: their own calls, and values changed a little at a time.

What is made stays in the domain that the tests show: numbers keep the signs that were seen at their place, texts keep
their alphabet, and nothing grows beyond ten times what was seen. An alphabet of many letters of one case, or of many
digits, is taken to have them all; one of few (ACGT, IVXLCDM, 01) is taken as it is. Whether the reference takes an
input at all is for its run to say. Calls are Python literals: (positional arguments, keyword arguments).
"""

from __future__ import annotations

import ast
import random
import string
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

Call = tuple[tuple[Any, ...], dict[str, Any]]
_ROUNDS = 20  # tries for each input that is wanted: most are new, some sets of inputs are small
_ALPHABETS = ((string.ascii_lowercase, 8), (string.ascii_uppercase, 8), (string.digits, 6))  # with how many are enough
_LONGEST = 400  # characters of one input as text


@dataclass(slots=True)
class _Domain:
    """What the tests show of one place in the arguments, all depths of it together."""

    integers: list[int] = field(default_factory=list)
    floats: list[float] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    tuples: set[int] = field(default_factory=set)  # their lengths
    elements: list[Any] = field(default_factory=list)  # of lists, tuples and sets

    def integer(self, rng: random.Random) -> int:
        low, high = min(self.integers), max(self.integers)
        reach = max(3, high - low)
        near, far = rng.randint(low - 2, high + reach), rng.randint(low - 20, 10 * max(abs(high), 2) + 20)
        return self.keep_sign(rng.choice([rng.choice(self.integers), rng.randint(low, high), near, far]))

    def keep_sign(self, value: int) -> int:
        """`value`, but of a sign that was seen: tests that call only with positive numbers mean those."""
        lowest = min(self.integers)
        if lowest >= 1:
            return max(1, value)
        return max(0, value) if lowest == 0 else value

    def real(self, rng: random.Random) -> float:
        low, high = min(self.floats), max(self.floats)
        whole = float(rng.randint(int(low), int(high) + 1))
        value = rng.choice([rng.choice(self.floats), rng.uniform(low, high), whole])
        return abs(value) if low >= 0 else value

    def text(self, rng: random.Random) -> str:
        return rng.choice(self.texts)

    def letter(self, rng: random.Random) -> str:
        letters = "".join(self.texts)
        if letters and rng.random() < 0.4:
            seen = set(letters)
            wider = [whole for whole, least in _ALPHABETS if len(seen & set(whole)) >= least]
            if wider:
                return rng.choice(rng.choice(wider))
        return rng.choice(letters) if letters else "a"


def parse_calls(lines: Iterable[str]) -> list[Call]:
    """Calls from their texts, without those that are no literals or too long; equal ones once, in order."""
    calls: dict[str, Call] = {}
    for line in lines:
        if len(line) > 50 * _LONGEST:
            continue
        try:
            args, kwargs = ast.literal_eval(line)
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            continue
        calls.setdefault(line, (tuple(args), dict(kwargs)))
    return list(calls.values())


def more_calls(seen: Sequence[Call], count: int, rng: random.Random) -> list[Call]:
    """Up to `count` calls that are not among `seen`, made from them. Fewer where the domain is small."""
    if not seen:
        return []
    domains = _domains(seen)
    texts = {repr(each) for each in seen}
    longest = max(_LONGEST, *(2 * len(text) for text in sorted(texts)))
    made: list[Call] = []
    for _ in range(count * _ROUNDS):
        if len(made) == count:
            break
        call = _changed(rng.choice(made) if made and rng.random() < 0.3 else rng.choice(seen), seen, domains, rng)
        text = repr(call)
        if text not in texts and len(text) <= longest:
            texts.add(text)
            made.append(call)
    return made


def _places(call: Call) -> list[tuple[int | str, Any]]:
    return [*enumerate(call[0]), *call[1].items()]


def _domains(seen: Sequence[Call]) -> dict[int | str, _Domain]:
    domains: dict[int | str, _Domain] = {}
    for call in seen:
        for place, value in _places(call):
            _learn(domains.setdefault(place, _Domain()), value)
    return domains


def _learn(domain: _Domain, value: Any) -> None:
    if isinstance(value, bool) or value is None:
        return
    if isinstance(value, int):
        domain.integers.append(value)
    elif isinstance(value, float):
        domain.floats.append(value)
    elif isinstance(value, str):
        domain.texts.append(value)
    elif isinstance(value, list | tuple | set | frozenset):
        if isinstance(value, tuple):
            domain.tuples.add(len(value))
        for each in value:
            domain.elements.append(each)
            _learn(domain, each)
    elif isinstance(value, dict):
        for key, each in value.items():
            _learn(domain, key)
            _learn(domain, each)


def _changed(call: Call, seen: Sequence[Call], domains: dict[int | str, _Domain], rng: random.Random) -> Call:
    """One to three arguments changed, or taken from another call."""
    args, kwargs = list(call[0]), dict(call[1])
    places = [place for place, _ in _places(call)]
    if not places:
        return call
    for place in rng.sample(places, min(len(places), rng.choice([1, 1, 1, 2, 2, 3]))):
        value = args[place] if isinstance(place, int) else kwargs[place]
        if rng.random() < 0.2:
            value = _other(place, seen, rng, value)
        for _ in range(rng.choice([1, 1, 1, 2, 3])):
            value = _mutated(value, domains[place], rng)
        if isinstance(place, int):
            args[place] = value
        else:
            kwargs[place] = value
    return tuple(args), kwargs


def _other(place: int | str, seen: Sequence[Call], rng: random.Random, value: Any) -> Any:
    args, kwargs = rng.choice(seen)
    if isinstance(place, int):
        return args[place] if place < len(args) else value
    return kwargs.get(place, value)


def _mutated(value: Any, domain: _Domain, rng: random.Random) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        steps = [value + 1, value - 1, value * 2, -value, 0, 1]
        return domain.keep_sign(rng.choice(steps)) if rng.random() < 0.5 else domain.integer(rng)
    if isinstance(value, float):
        return domain.real(rng) if rng.random() < 0.6 else round(value + rng.choice([-1.0, -0.5, 0.5, 1.0]), 6)
    if isinstance(value, str):
        return _text(value, domain, rng)
    if isinstance(value, list):
        return _sequence(value, domain, rng)
    if isinstance(value, tuple):  # of one length: a record; of several: a sequence
        change = _one if len(domain.tuples) <= 1 else _sequence
        return tuple(change(list(value), domain, rng))
    if isinstance(value, set | frozenset):
        return type(value)(_sequence(sorted(value, key=repr), domain, rng))
    if isinstance(value, dict):
        return _mapping(value, domain, rng)
    return value


def _text(value: str, domain: _Domain, rng: random.Random) -> str:
    at = rng.randrange(len(value) + 1)
    end = rng.randrange(at, len(value) + 1)
    kind = rng.randrange(8)
    if kind == 0:
        return value[:at] + value[at + 1 :]
    if kind == 1:
        return value[:at] + domain.letter(rng) + value[at:]
    if kind == 2:
        return value[:at] + domain.letter(rng) + value[at + 1 :]
    if kind == 3:
        return value[:at] + value[at:end] + value[at:]
    if kind == 4:
        return value[at:end]
    if kind == 5:
        return value[:at] + domain.text(rng)[: 1 + len(value)]
    if kind == 6:
        return value[::-1]
    return domain.text(rng)


def _sequence(value: list[Any], domain: _Domain, rng: random.Random) -> list[Any]:
    changes: list[Callable[[], list[Any]]] = [
        lambda: _one(value, domain, rng),
        lambda: _one(value, domain, rng),
        lambda: _inserted(value, domain, rng),
        lambda: _removed(value, rng),
        lambda: rng.sample(value, len(value)),
        lambda: value[::-1],
        lambda: value[rng.randrange(len(value) + 1) :],
        lambda: [*value, *value[: rng.randrange(len(value) + 1)]],
        lambda: _sorted(value),
        lambda: [_mutated(each, domain, rng) for each in value],
        list,
    ]
    return rng.choice(changes)()


def _one(value: list[Any], domain: _Domain, rng: random.Random) -> list[Any]:
    if not value:
        return value
    at = rng.randrange(len(value))
    return [*value[:at], _mutated(value[at], domain, rng), *value[at + 1 :]]


def _inserted(value: list[Any], domain: _Domain, rng: random.Random) -> list[Any]:
    if not value:
        kinds = {type(each) for each in domain.elements}  # of several kinds, which goes here is not known
        return [rng.choice(domain.elements)] if len(kinds) == 1 else value
    at = rng.randrange(len(value) + 1)
    each = rng.choice(value)
    return [*value[:at], each if rng.random() < 0.4 else _mutated(each, domain, rng), *value[at:]]


def _removed(value: list[Any], rng: random.Random) -> list[Any]:
    at = rng.randrange(len(value) + 1)
    return [*value[:at], *value[at + 1 :]]


def _sorted(value: list[Any]) -> list[Any]:
    try:
        return sorted(value)
    except TypeError:
        return value


def _mapping(value: dict[Any, Any], domain: _Domain, rng: random.Random) -> dict[Any, Any]:
    items = list(value.items())
    kind = rng.randrange(4)
    if not items:
        return value
    at = rng.randrange(len(items))
    key, each = items[at]
    if kind == 0:
        del items[at]
    elif kind == 1:
        items[at] = (key, _mutated(each, domain, rng))
    elif kind == 2:
        new = _mutated(key, domain, rng)
        items.append((new, _mutated(each, domain, rng)))
    else:
        rng.shuffle(items)
    try:
        return dict(items)
    except TypeError:  # a key that cannot be one
        return value
