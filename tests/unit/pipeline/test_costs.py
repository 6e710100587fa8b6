"""Tokens, seconds and prices, added up from usages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.config import RunConfig
from harness.errors import InputError
from harness.pipeline.costs import Cost, Prices, UsageTotals
from harness.tasks import load_config
from harness.types import Completion, Usage


def cost(*usages: Usage, prices: Prices | None = None) -> Cost:
    ledger = UsageTotals()
    for usage in usages:
        ledger.add(Completion(problem_id="p", index=0, text="", usage=usage))
        ledger.add(Completion(problem_id="p", index=1, text=""))
    found = ledger.cost(prices)
    assert found is not None
    return found


def usage(
    start: float, end: float, prompt: int | None = 10, completion: int | None = 100, gpus: int | None = 1
) -> Usage:
    return Usage(prompt_tokens=prompt, completion_tokens=completion, started_at=start, finished_at=end, gpus=gpus)


def test_requests_at_once_take_their_time_once() -> None:
    found = cost(usage(0, 10), usage(2, 5), usage(8, 12))
    assert (found.generation_s, found.requests, found.completion_tokens) == (12.0, 3, 300)
    assert found.tokens_per_s == 25.0


def test_the_time_between_two_processes_is_not_generation() -> None:
    assert cost(usage(0, 10), usage(1000, 1005)).generation_s == 15.0


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 20)), min_size=1, max_size=12))
def test_the_time_covered_is_the_number_of_seconds_in_any_span(spans: list[tuple[int, int]]) -> None:
    seconds = {second for start, length in spans for second in range(start, start + length)}
    assert cost(*(usage(start, start + length) for start, length in spans)).generation_s == len(seconds)


def test_gpu_seconds_are_the_engine_s_gpus_times_the_time() -> None:
    assert cost(usage(0, 10, gpus=4)).gpu_s == 40.0
    assert cost(usage(0, 10, gpus=0)).gpu_s == 0.0
    assert cost(usage(0, 10, gpus=1), usage(20, 30, gpus=2)).gpu_s == 30.0
    assert cost(usage(0, 10, gpus=1), usage(20, 30, gpus=None)).gpu_s is None


def test_tokens_that_a_server_did_not_count_are_said_to_be_missing() -> None:
    found = cost(usage(0, 1), usage(1, 2, prompt=None, completion=None))
    assert (found.uncounted_requests, found.completion_tokens, found.tokens_per_s) == (1, 100, None)


def test_a_price_is_per_million_tokens_or_per_hour() -> None:
    prices = RunConfig(price="0.15/0.60").token_prices()
    assert prices is not None
    used = usage(0, 1800, prompt=2_000_000, completion=1_000_000)
    by_token = cost(used, prices=Prices(prompt_token=prices[0], completion_token=prices[1]))
    assert by_token.price == pytest.approx(2 * 0.15 + 0.60)
    assert cost(used, prices=Prices(hour=3.0)).price == pytest.approx(1.5)
    assert cost(used).price is None


def test_saved_completions_cost_nothing_that_is_known() -> None:
    ledger = UsageTotals()
    ledger.add(Completion(problem_id="p", index=0, text="x"))
    assert ledger.cost(Prices(hour=1.0)) is None


BAD = {
    "one number": ({"price": "0.15"}, "two numbers"),
    "words": ({"price": "cheap/dear"}, "two numbers"),
    "negative": ({"price": "-1/1"}, "two numbers"),
    "no number": ({"price": "nan/1"}, "two numbers"),
    "negative hour": ({"price_per_hour": -1.0}, "price_per_hour must be at least 0"),
    "both": ({"price": "1/1", "price_per_hour": 1.0}, "not both"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_price_is_named(name: str) -> None:
    flags, message = BAD[name]
    with pytest.raises(InputError, match=message):
        load_config(None, flags)
