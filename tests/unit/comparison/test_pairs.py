"""Comparisons of written run directories: every task's summary, several runs, partial coverage, and refusals."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from harness.comparison import flips, pairs
from harness.errors import InputError
from harness.files import atomic
from harness.runs import layout, manifest, store

Values = dict[str, dict[str, float]]


def estimate(metric: str, value: float = 0.5) -> dict[str, Any]:
    return {"metric": metric, "value": value, "low": 0.0, "high": 1.0, "n_problems": 3, "n_completions": 3,
            "method": "m", "signature": f"{metric}|n:1"}  # fmt: skip


def write(place: Path, model: str, problems: Values, task: str | None = None, metrics: tuple[str, ...] = ()) -> Path:
    """A finished run directory, as the pipeline leaves it."""
    signature = "n:1|T:0.8|task:t.v1|v:0.2.0"
    identity = {"model": {"name": model}, "task": "t.v1", "problems": {"name": "set", "sha256": "aa"}, "limits": "l"}
    run = store.create_run(place / model, "set", model, manifest.make(identity, signature, {}))
    done = sum(1 for each in problems.values() if each["n"])
    summary = {
        "run": str(run), **({"task": task} if task else {}), "estimates": [estimate(name) for name in metrics],
        "coverage": {"problems": len(problems), "problems_scored": done, "completions": len(problems),
                     "completions_scored": done, "complete": done == len(problems)},
        "problems": problems,
    }  # fmt: skip
    atomic.write_whole(run / layout.SUMMARY, json.dumps(summary).encode())
    return run


def code(n: int, *passed: int) -> Values:
    return {f"p{index}": {"n": n, "c": c} for index, c in enumerate(passed)}


def test_one_sample_per_problem_has_statsmodels_mcnemar_p(tmp_path: Path) -> None:
    a, b = code(1, *[1] * 30, *[1] * 9, *[0] * 2, *[0] * 9), code(1, *[1] * 30, *[0] * 9, *[1] * 2, *[0] * 9)
    runs = [write(tmp_path, "a", a, metrics=("pass@1",)), write(tmp_path, "b", b, metrics=("pass@1",))]
    (row,) = pairs.compare(runs).rows
    assert row.difference.p_value == pytest.approx(mcnemar([[30, 9], [2, 9]], exact=True).pvalue)
    assert (row.difference.won, row.difference.lost, row.difference.tied) == (9, 2, 39)
    assert row.verdict == "no evidence" and row.problems_needed is not None and row.problems_needed > 50


def test_the_verdict_is_better_or_worse_by_who_comes_first(tmp_path: Path) -> None:
    runs = [write(tmp_path, "a", code(1, *[1] * 12)), write(tmp_path, "b", code(1, *[0] * 12))]
    assert pairs.compare(runs).rows[0].verdict == "better"
    assert pairs.compare(runs[::-1]).rows[0].verdict == "worse"


def test_a_run_against_itself_is_equal(tmp_path: Path) -> None:
    run = write(tmp_path, "a", code(10, 3, 9, 0))
    for row in pairs.compare([run, run]).rows:
        assert (row.difference.value, row.difference.p_value, row.verdict) == (0, 1, "equal")
        assert row.smallest_detectable is None and row.problems_needed is None


def test_the_ks_are_those_reported_that_both_runs_allow(tmp_path: Path) -> None:
    runs = [
        write(tmp_path, "a", code(20, 3, 20), metrics=("pass@1", "pass@10", "pass@20")),
        write(tmp_path, "b", code(10, 3, 10), metrics=("pass@1", "pass@10")),
    ]
    assert [row.metric.name for row in pairs.compare(runs).rows] == ["pass@1", "pass@10"]
    assert [row.metric.name for row in pairs.compare(runs, ks=[5]).rows] == ["pass@5"]


def test_a_k_above_n_is_refused_with_the_problem_and_the_run(tmp_path: Path) -> None:
    runs = [write(tmp_path, "a", code(20, 3, 20)), write(tmp_path, "b", code(10, 3, 10))]
    with pytest.raises(InputError, match=r"pass@11 needs 1 <= k <= n, but n is 10 for p0 in B"):
        pairs.compare(runs, ks=[11])


def test_only_problems_scored_in_both_are_compared_and_the_others_are_named(tmp_path: Path) -> None:
    a, b = code(1, 1, 1, 0, 1), code(1, 0, 1, 0, 1)
    a["p3"] = {"n": 0, "c": 0}
    b["only_b"] = {"n": 1, "c": 1}
    found = pairs.compare([write(tmp_path, "a", a), write(tmp_path, "b", b)])
    assert found.rows[0].difference.n_problems == 3
    assert found.rows[0].left_out == ("only_b", "p3")
    assert found.warnings == ("A is incomplete: 3 of 4 completions are scored",)


def test_several_runs_are_compared_by_all_pairs_with_statsmodels_holm(tmp_path: Path) -> None:
    drawn = np.random.default_rng(3)
    runs = [
        write(tmp_path, name, code(10, *drawn.binomial(10, rate, 40).tolist()))
        for name, rate in (("a", 0.5), ("b", 0.56), ("c", 0.7))
    ]
    rows = pairs.compare(runs, ks=[1]).rows
    assert [(row.first.label, row.second.label) for row in rows] == [("A", "B"), ("A", "C"), ("B", "C")]
    expected = multipletests([row.difference.p_value for row in rows], method="holm")[1]
    assert [row.p_adjusted for row in rows] == pytest.approx(list(expected))
    assert all(
        row.smallest_detectable > row.difference.smallest_detectable
        for row in rows
        if row.smallest_detectable and row.difference.smallest_detectable
    )


def test_many_runs_can_still_reach_significance(tmp_path: Path) -> None:
    """45 pairs, random flips: the smallest p there can be, times 45, must lie below 5 %."""
    ups = [write(tmp_path, f"up{index}", code(10, *([9, 8] * 10 + [5] * 10))) for index in range(2)]
    downs = [write(tmp_path, f"down{index}", code(10, *([1, 3] * 10 + [4] * 10))) for index in range(8)]
    verdicts = {row.verdict for row in pairs.compare([*ups, *downs], ks=[1]).rows if row.first.label == "A"}
    assert verdicts == {"equal", "better"}


def test_means_over_items_are_compared_under_their_own_names(tmp_path: Path) -> None:
    def items(shift: float) -> Values:
        return {f"t{index}": {"n": 1, "rouge1": 0.2 + shift + index / 100, "rougeL": 0.1} for index in range(20)}

    metrics = ("rouge1", "rougeL")
    runs = [write(tmp_path, name, items(shift), "summarization", metrics) for name, shift in (("a", 0.1), ("b", 0.0))]
    first, second = pairs.compare(runs).rows
    assert (first.metric.name, first.verdict, first.metric.difference_unit) == ("rouge1", "better", "points")
    assert first.difference.value == pytest.approx(0.1)
    assert (second.metric.name, second.verdict) == ("rougeL", "equal")


def test_an_estimate_that_is_no_mean_over_items_is_named_and_not_compared(tmp_path: Path) -> None:
    items = {f"t{index}": {"n": 1, "accuracy": float(index % 2)} for index in range(4)}
    runs = [write(tmp_path, name, items, "classification", ("accuracy", "macro_f1")) for name in "ab"]
    found = pairs.compare(runs)
    assert [row.metric.name for row in found.rows] == ["accuracy"]
    assert found.warnings == ("not compared, because they are not means over items: macro_f1",)


def test_fewer_unread_answers_are_better(tmp_path: Path) -> None:
    runs = [
        write(
            tmp_path,
            name,
            {f"t{index}": {"n": 1, "unread": share} for index in range(12)},
            "classification",
            ("unread",),
        )
        for name, share in (("a", 0.0), ("b", 1.0))
    ]
    assert pairs.compare(runs).rows[0].verdict == "better"


def texts(shift: float, tokens: int = 0) -> Values:
    return {
        f"t{index}": {
            "n": 1,
            "loss": 2 + shift + index / 50,
            "tokens": 100 + 9 * index + tokens,
            "bytes": 500,
            "words": 90,
        }
        for index in range(20)
    }


def test_perplexity_is_compared_by_the_token_weighted_loss_and_in_per_cent(tmp_path: Path) -> None:
    first, second = texts(-0.1), texts(0.0)
    second["t3"]["loss"] += 0.4
    runs = [write(tmp_path, "a", first, "perplexity"), write(tmp_path, "b", second, "perplexity")]
    (row,) = pairs.compare(runs).rows

    def loss(each: Values) -> float:
        values = [(text["loss"], text["tokens"]) for text in each.values()]
        return float(np.average([value for value, _ in values], weights=[weight for _, weight in values]))

    assert (row.metric.name, row.metric.difference_unit, row.verdict) == ("perplexity", "nats per token", "better")
    assert row.difference.value == pytest.approx(loss(first) - loss(second))
    assert row.relative is not None
    assert row.relative[0] == pytest.approx(math.exp(loss(first)) / math.exp(loss(second)) - 1)
    assert row.relative[1] < row.relative[0] <= row.relative[2]


def test_runs_with_other_tokens_are_compared_per_byte(tmp_path: Path) -> None:
    runs = [write(tmp_path, "a", texts(0.0), "perplexity"), write(tmp_path, "b", texts(0.0, tokens=7), "perplexity")]
    found = pairs.compare(runs)
    (row,) = found.rows
    assert row.metric.name == "byte_perplexity" and "different tokens" in found.warnings[0]
    nats = [sum(each["loss"] * each["tokens"] for each in run.problems.values()) / 10_000 for run in found.runs]
    assert row.difference.value == pytest.approx(nats[0] - nats[1]) and row.verdict == "better"


def test_won_counts_the_better_text_where_less_is_better(tmp_path: Path) -> None:
    runs = [write(tmp_path, "a", texts(-0.1), "perplexity"), write(tmp_path, "b", texts(0.0), "perplexity")]
    (record,) = pairs.record(pairs.compare(runs))["comparisons"]
    assert (record["won"], record["lost"], record["higher_is_better"]) == (20, 0, False)


def test_runs_of_different_tasks_are_refused(tmp_path: Path) -> None:
    runs = [write(tmp_path, "a", code(1, 1)), write(tmp_path, "b", texts(0.0), "perplexity")]
    with pytest.raises(InputError, match="codegen, perplexity"):
        pairs.compare(runs, force=True)


def test_runs_without_a_common_problem_are_refused(tmp_path: Path) -> None:
    runs = [write(tmp_path, "a", code(1, 1)), write(tmp_path, "b", {"other": {"n": 1, "c": 1}})]
    with pytest.raises(InputError, match="no problem in common"):
        pairs.compare(runs)


def test_a_run_without_its_end_a_score_or_a_readable_summary_is_refused(tmp_path: Path) -> None:
    run = write(tmp_path, "a", code(1, 1))
    empty = write(tmp_path, "empty", {"p0": {"n": 0, "c": 0}})
    with pytest.raises(InputError, match="no scored problem"):
        pairs.compare([run, empty])
    (empty / layout.SUMMARY).write_text("{")
    with pytest.raises(InputError, match="not JSON"):
        pairs.compare([run, empty])
    (empty / layout.SUMMARY).unlink()
    with pytest.raises(InputError, match="not come to its end"):
        pairs.compare([run, empty])
    with pytest.raises(InputError, match="not a run directory"):
        pairs.compare([run, tmp_path])


def test_flipped_problems_come_with_the_largest_difference_first(tmp_path: Path) -> None:
    runs = [write(tmp_path, "a", code(10, 5, 10, 3, 2)), write(tmp_path, "b", code(10, 5, 1, 3, 7))]
    found = pairs.compare(runs, ks=[1])
    assert flips.flipped_problems(*found.runs, found.rows[0].metric) == ["p1", "p3"]


def test_the_record_is_json_and_has_every_number(tmp_path: Path) -> None:
    runs = [write(tmp_path, "a", code(10, 5, 10, 3, 2)), write(tmp_path, "b", code(10, 5, 1, 3, 7))]
    record = json.loads(json.dumps(pairs.record(pairs.compare(runs, ks=[1]))))
    assert record.keys() == {"task", "runs", "forced", "fields", "warnings", "comparisons"}
    assert record["comparisons"][0].keys() == {
        "a", "b", "metric", "unit", "higher_is_better", "difference", "low", "high", "relative", "p_value", "p_adjusted",
        "method", "smallest_detectable", "problems_needed", "n_problems", "won", "lost", "tied", "left_out", "verdict",
    }  # fmt: skip
