"""Which loops are asked ahead, and that the text of all others stays as it is."""

from __future__ import annotations

import pytest

from sandbox.guest import ahead


def marked(loop: str) -> str:
    """The arguments with which the plan of a loop is made; empty where none is."""
    source = f"def check(f):\n{loop}\n    done()\n"
    found = ahead.mark(source)
    assert found.count("\n") == source.count("\n")
    if found == source:
        return ""
    _, _, rest = found.partition(f"{ahead.NAME}(")
    return rest.partition(f", {loop.partition(' in ')[2].partition(':')[0]})")[0]


@pytest.mark.parametrize(
    ("loop", "arguments"),
    [
        ("    for i, (inp, exp) in enumerate(zip(xs, ys)):\n        assertion(f(*inp), exp, 0)", "f, xs, ys, False"),
        ("    for inp, exp in zip(xs, ys):\n        assert f(*inp) == exp, 'no'", "f, xs, ys, False"),
        ("    for i, inp in enumerate(xs):\n        assertion(f(*inp), ref(*inp), 0)", "f, xs, None, True"),
        ("    for inp in xs:\n\tassert f(*inp)", ""),
        ("    for inp in xs:\n        assert f(*inp)", "f, xs, None, False"),
        ("    for inp in xs:\n        assert f(*inp) == g(inp) if inp else h()", ""),
    ],
)
def test_a_plain_loop_names_its_inputs(loop: str, arguments: str) -> None:
    assert marked(loop) == arguments


@pytest.mark.parametrize(
    "loop",
    [
        "    for inp in xs:\n        if inp: assert f(*inp)",
        "    for inp in xs:\n        assert inp or f(*inp)",
        "    for inp in xs:\n        assert f(*inp) if inp else True",
        "    for inp in xs:\n        assertion(inp, f(*inp))",
        "    for inp in xs:\n        assertion(xs.pop(), f(*inp))",
        "    for inp in xs:\n        assertion(f(*inp), xs.pop())",
        "    for inp in xs:\n        assertion(f(*inp), f(*inp))",
        "    for inp in xs:\n        assertion(f(*inp, key=1), 2)",
        "    for inp in xs:\n        assertion(f(inp), 2)",
        "    for inp in xs:\n        assertion(f(*inp), 2); more()",
        "    for inp in xs:\n        assertion(f(*inp), 2)\n        more()",
        "    for inp in xs:\n        assertion(f(*inp), 2)\n    else:\n        more()",
        "    for inp in xs[1:]:\n        assertion(f(*inp), 2)",
        "    for inp, exp, more in zip(xs, ys, zs):\n        assertion(f(*inp), 2)",
        "    for exp, inp in zip(xs, ys):\n        assertion(f(*inp), exp)",
        "    for inp in reversed(xs):\n        assertion(f(*inp), 2)",
        "    for i, inp in enumerate(xs, 1):\n        assertion(f(*inp), 2)",
        "    while inp in xs:\n        assertion(f(*inp), 2)",
        "    [f(*inp) for inp in xs]",
    ],
)
def test_every_other_loop_is_left_alone(loop: str) -> None:
    assert marked(loop) == ""


def test_a_hostile_text_takes_no_time() -> None:
    for text in ("for " * 200_000, "for a in b:\n" * 80_000, "for" + " " * 10**6, " in " * 250_000):
        assert ahead.mark(text) == text
