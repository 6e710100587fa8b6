"""Every metric is found by its file, and every view shows it as it describes itself."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from harness import registry
from harness.cli.display import comparison as comparison_display
from harness.cli.display import run as run_display
from harness.comparison import pairs
from harness.datasets import ProblemSets
from harness.files import atomic
from harness.leaderboard import charts, tables
from harness.leaderboard.pages import Pages
from harness.leaderboard.results import read_results
from harness.metrics import Direction, Metric, Unit, all_metrics, find_metric
from harness.runs import layout, manifest, store

METRICS = sorted(all_metrics().values(), key=lambda metric: metric.name)
OF_PROBLEMS = [metric for metric in METRICS if metric.value is not None]
ITEMS = 12


def named(metric: Metric) -> str:
    return metric.name


def item(metric: Metric, value: float) -> dict[str, float]:
    """A problem with a score that grows with `value`, 0 or 1, whatever the metric is."""
    code = {"n": 100, "c": 100 * value, "base_c": 100 * value}
    texts = {"loss": 1.0 + value, "tokens": 50, "bytes": 200, "words": 40}
    return code | texts | ({} if metric.name in texts else {metric.name: value})


def task_of(metric: Metric) -> str:
    if metric.name.removeprefix("base_").startswith("pass@"):
        return "codegen"
    return "perplexity" if metric.unit in (Unit.NATS, Unit.BITS) else "other"


def write_run(results: Path, model: str, metric: Metric, value: float) -> Path:
    """A finished run with one estimate, whose every problem has the same value."""
    sha = "ab" * 32
    identity = {"model": {"name": model}, "task": "t.v1", "problems": {"name": "set", "sha256": sha}, "limits": "l"}
    run = store.create_run(results, "set", model, manifest.make(identity, "n:1|task:t.v1|data:set@ab|v:0.3.0", {}))
    estimate: dict[str, Any] = {"metric": metric.name, "value": value, "low": value, "high": value, "n_problems": ITEMS,
                "n_completions": ITEMS, "method": "m", "signature": "s"}  # fmt: skip
    coverage = {"problems": ITEMS, "problems_scored": ITEMS, "completions": ITEMS, "completions_scored": ITEMS,
                "complete": True, "omitted": []}  # fmt: skip
    summary: dict[str, Any] = {
        "run": str(run), "task": task_of(metric), "estimates": [estimate], "coverage": coverage,
        "problems": {f"p{index}": item(metric, value) for index in range(ITEMS)},
    }  # fmt: skip
    atomic.write_whole(run / layout.SUMMARY, json.dumps(summary).encode())
    return run


@pytest.mark.parametrize("name", registry.names("harness.metrics"))
def test_a_file_of_a_metric_describes_what_it_reports(name: str) -> None:
    module = registry.load("harness.metrics", name, "metric")
    assert module.METRICS or module.find
    assert all(isinstance(each, Metric) for each in module.METRICS)
    assert module.__doc__ and all(find_metric(each.name) is not None for each in module.METRICS)


def test_a_name_means_one_metric() -> None:
    every = [metric.name for name in registry.names("harness.metrics")
             for metric in registry.load("harness.metrics", name, "metric").METRICS]  # fmt: skip
    assert [name for name, count in Counter(every).items() if count > 1] == []


@pytest.mark.parametrize("metric", METRICS, ids=named)
def test_the_parts_of_a_description_fit(metric: Metric) -> None:
    assert (metric.unit in (Unit.NATS, Unit.BITS)) == bool(metric.per)
    assert not metric.is_share or metric.value is None or metric.largest == 1.0
    assert metric.weight is None or metric.value is not None
    if metric.value is None:
        assert metric.values({"p": {"n": 1.0}}) is None
        with pytest.raises(ValueError, match="whole set"):
            metric.of({})
    else:
        assert math.isfinite(metric.of(item(metric, 1.0)))
        assert metric.values({"p": {}}) is None  # a problem that lacks it


@pytest.mark.parametrize("metric", OF_PROBLEMS, ids=named)
def test_comparison_and_leaderboard_agree_with_the_metric_on_which_run_is_better(
    metric: Metric, tmp_path: Path
) -> None:
    high, low = (write_run(tmp_path, model, metric, value) for model, value in (("high", 1.0), ("low", 0.0)))
    results = read_results(tmp_path, ProblemSets(tmp_path))
    (table,) = tables.make_tables(results.runs)
    assert tables.metric_of(table, metric.name) == metric
    page = Pages(ProblemSets(tmp_path)).index([table], results).html
    name = re.escape(metric.name.replace("_", "_<wbr>"))
    sorted_first = re.search(rf'data-first="(\w+)"><button type="button">{name}<', page)
    assert sorted_first and sorted_first[1] == ("ascending" if metric.lower_is_better else "descending")
    first = {"higher": "high", "lower": "low"}.get(metric.direction.value)
    compared = [row for row in pairs.compare([high, low]).rows if row.metric.name == metric.name]
    if first is not None:
        assert table.rows[0].run.model == first
        ranks = {row.run.model: cell.rank.best for row in table.rows if (cell := row.cells[metric.name]).rank}
        assert ranks == {first: 1, ({"high", "low"} - {first}).pop(): 2}
        shares = charts.problem_shares(table)
        worth = {row.run.model: sum(values.values()) for row, values in shares.items()}
        assert max(worth, key=lambda model: worth[model]) == first
    for row in compared:
        assert row.verdict == {"high": "better", "low": "worse"}.get(first or "", "different")
        assert row.metric == metric
        assert (row.won, row.lost) == ((0, ITEMS) if metric.lower_is_better else (ITEMS, 0))
    assert compared or metric.unit in (Unit.NATS, Unit.BITS)  # of perplexities a comparison takes one


@pytest.mark.parametrize("metric", METRICS, ids=named)
def test_every_view_writes_a_share_in_per_cent_and_nothing_else(metric: Metric) -> None:
    estimate: dict[str, Any] = {"metric": metric.name, "value": 0.5, "low": 0.25, "high": 0.75}
    text, interval = run_display._estimate(estimate)
    assert text == metric.text(0.5) == ("50.0%" if metric.is_share else "0.5000")
    assert interval == metric.interval(0.25, 0.75) == ("25.0% - 75.0%" if metric.is_share else "0.2500 - 0.7500")
    in_one = "50.0% (25.0-75.0)" if metric.is_share else "0.5000 (0.2500-0.7500)"
    assert comparison_display._estimate(estimate, metric) == run_display.short_estimate(estimate) == in_one
    assert metric.difference_text(0.5) == ("+50.0" if metric.is_share else "+0.5000")
    assert (metric.difference_unit == "points") == metric.is_share


@pytest.mark.parametrize("name", ["unread", "empty"])
def test_fewer_answers_that_say_nothing_are_better(name: str) -> None:
    metric = find_metric(name)
    assert metric is not None and metric.direction is Direction.LOWER and metric.is_share


def test_a_metric_without_a_direction_has_no_winner_and_no_rank(tmp_path: Path) -> None:
    metric = Metric(name="made_up", direction=Direction.NEITHER, unit=Unit.NUMBER, value=lambda each: each["made_up"])
    runs = [write_run(tmp_path, model, metric, value) for model, value in (("high", 1.0), ("low", 0.0))]
    (row,) = pairs.compare(runs).rows
    assert row.verdict == "different" and row.metric.is_better(1.0) is None
    assert pairs.record(pairs.compare(runs))["comparisons"][0]["higher_is_better"] is None
    (table,) = tables.make_tables(read_results(tmp_path, ProblemSets(tmp_path)).runs)
    assert [each.cells["made_up"].rank for each in table.rows] == [None, None]


def test_a_description_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        METRICS[0].name = "other"  # type: ignore[misc]
