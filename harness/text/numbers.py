"""How a number is written wherever people read it, so that tables, pages, reports and notebooks write it alike."""

from __future__ import annotations

import math

WHOLE_FROM = 1000  # from here on whole numbers, with commas
POWERS_FROM = 1e7  # from here on as a power of ten
SMALLEST_P = 0.0001


def amount(value: float, *, share: bool = False) -> str:
    """A metric's value: `57.7%` of a share of 1, else four digits (`7.253`, `152.5`), `18,893`, and `3.150e+11`."""
    if share:
        return f"{value:z.1%}"
    if not math.isfinite(value):
        return f"{value}"
    size = abs(float(f"{value:.4g}"))
    if size >= POWERS_FROM:
        return f"{value:.3e}"
    return f"{value:,.0f}" if size >= WHOLE_FROM else f"{value:z#.4g}"


def interval(low: float, high: float, *, share: bool = False) -> str:
    """`46.7% - 68.4%`, in a place of its own; `-0.2136 to 0.1200` where a dash would read as a sign."""
    return f"{amount(low, share=share)}{' to ' if low < 0 else ' - '}{amount(high, share=share)}"


def with_interval(value: float, low: float, high: float, *, share: bool = False) -> str:
    """`57.7% (46.7-68.4)`: short and without blanks inside the brackets, for narrow tables."""
    ends = [amount(each, share=share).removesuffix("%") for each in (low, high)]
    return f"{amount(value, share=share)} ({(' to ' if low < 0 else '-').join(ends)})"


def difference(value: float, *, share: bool = False) -> str:
    """A difference with its sign: in points of a share (`+20.3`), else with four decimals (`+1.9348`)."""
    return f"{100 * value:+z.1f}" if share else f"{value:+z,.4f}"


def count(number: int, noun: str, plural: str = "") -> str:
    """`1 run`, `1,204 runs`; plural: of a noun that takes more than an s."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def p_value(value: float) -> str:
    """`0.0312`, or `< 0.0001`."""
    return f"{value:.4f}" if value >= SMALLEST_P else f"< {SMALLEST_P}"
