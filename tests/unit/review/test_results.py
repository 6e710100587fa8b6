"""Who won: simulated judges, and what the record holds."""

from __future__ import annotations

import csv
import io
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.errors import InputError
from harness.review import comparisons, exports
from harness.review.assignments import TaskAssigner
from harness.review.comparisons import PairVote
from harness.review.results import ResultOptions, close, of_votes, results
from harness.review.study import Study
from harness.review.votes import Lease
from tests.fixtures.commands import Harness
from tests.fixtures.problems import read_rows, write_rows
from tests.fixtures.review import honest, work

Make = Callable[..., Study]
KEYS = {"study", "kind", "signature", "design", "models", "items", "comparisons", "strengths", "position", "length",
        "strata", "ratings", "agreement", "judges", "model_judges", "peeks", "warnings"}  # fmt: skip


def judged(study: Study, **judges: Callable[[Lease], str]) -> Study:
    desk = TaskAssigner(study)
    for name, choose in judges.items():
        work(desk, name, choose)
    desk.close()
    return study


@pytest.fixture
def won(make: Make) -> Study:
    """Thirty items, three judges, of whom all prefer model-a."""
    study = make(items=30)
    like = honest(study, "model-a")
    return judged(study, judge1=like, judge2=like, judge3=like)


def test_the_record_has_every_key_and_its_parts(won: Study) -> None:
    found = close(won)
    assert found.keys() >= KEYS
    assert {"n", "decided", "tied", "identical", "flagged"} <= found["items"].keys()
    (row,) = found["comparisons"]
    assert row.keys() >= {"a", "b", "wins", "losses", "ties", "both_bad", "share", "low", "high", "p_value", "p_adjusted",
                          "smallest_detectable", "items_needed", "verdict"}  # fmt: skip
    assert found["agreement"][0].keys() >= {"metric", "alpha", "low", "high", "exact", "within_one", "kappa", "items"}
    json.dumps(found, allow_nan=False)
    assert json.loads((won.path / "results.json").read_bytes()) == json.loads(json.dumps(found))


def test_a_model_that_all_prefer_has_won(won: Study) -> None:
    found = close(won)
    (row,) = found["comparisons"]
    assert (row["wins"], row["losses"], row["votes"]["wins"]) == (30, 0, 90)
    assert row["verdict"] == "model-a is preferred" and row["p_value"] == pytest.approx(2 / 2**30)
    assert row["low"] > 0.85 and found["agreement"][0]["exact"] == 1.0
    assert all(each["checks"] > 0 and each["checks_failed"] == 0 for each in found["judges"])
    assert all(each["self_agreement"] in (None, 1.0) for each in found["judges"])


def test_a_careless_judge_and_one_who_always_takes_the_first_side_are_found_and_left_out_on_demand(make: Make) -> None:
    study = make(items=50, checks=0.2)
    like, draw = honest(study, "model-a"), random.Random(3)
    judged(study, judge1=like, judge2=lambda _: draw.choice(("first", "second")), judge3=lambda _: "first")
    found = close(study, ResultOptions(exclude_failed=2))
    failed = {each["judge"]: each["checks_failed"] for each in found["judges"]}
    assert failed["judge1"] == 0 and failed["judge2"] >= 2 and failed["judge3"] >= 2
    assert any("judge3 prefers the first side in 100.0%" in each for each in found["warnings"])
    assert found["position"]["p_value"] < 0.05
    assert found["without_failed"]["judges"] == ["judge2", "judge3"]
    (row,) = found["without_failed"]["comparisons"]
    assert row["wins"] == 50 and found["comparisons"][0]["wins"] < 50


def test_equal_models_win_in_five_of_a_hundred_or_fewer() -> None:
    """Three judges who agree on an item more than chance has them: votes as independent would err far more often."""
    rng = np.random.default_rng(5)
    wrong = 0
    for _ in range(300):
        chances = rng.beta(1, 1, 40)
        votes = [PairVote(judge=f"j{judge}", unit=f"u{n}", first="a", second="b", choice="first" if rng.random() < chance else "second")
                 for n, chance in enumerate(chances) for judge in range(3)]  # fmt: skip
        items = comparisons.items_of(votes, [], ["a", "b"])["a", "b"]
        wins = sum(each.majority == comparisons.WIN for each in items.values())
        wrong += comparisons.preference.sign_test(wins, len(items) - wins) <= 0.05
    assert wrong / 300 <= 0.05


def test_ties_count_half_and_both_bad_is_told_apart(make: Make) -> None:
    study = make(items=10, judges="1", checks=0.0)
    numbers = iter(["tie"] * 6 + ["bad"] * 4)
    judged(study, judge1=lambda _: next(numbers))
    (row,) = close(study)["comparisons"]
    assert (row["ties"], row["both_bad"], row["share"]) == (6, 4, 0.5)
    assert row["p_value"] == 1.0 and row["items_needed"] is None and row["verdict"] == "no evidence"


def test_three_models_have_strengths_and_ranks_and_one_that_never_lost_is_bounded(make: Make) -> None:
    study = make(items=20, models=3, checks=0.0)
    rank = {"model-a": 0, "model-b": 1, "model-c": 2}

    def choose(lease: Lease) -> str:
        first, second = (rank[study.key.answers[each]] for each in lease.order.split(","))
        return "first" if first < second else "second"

    found = close(judged(study, judge1=choose, judge2=choose))
    assert [each["model"] for each in found["strengths"]] == ["model-a", "model-b", "model-c"]
    assert [(each["rank_best"], each["rank_worst"]) for each in found["strengths"]] == [(1, 1), (2, 2), (3, 3)]
    assert all(np.isfinite([each["strength"], each["low"], each["high"]]).all() for each in found["strengths"])
    assert any("model-a never lost" in each for each in found["warnings"])


def test_votes_that_do_not_connect_the_models_have_no_common_scale() -> None:
    votes = [PairVote(judge="j", unit=f"u{n}{first}", first=first, second=second, choice="first" if n % 2 else "second")
             for n in range(8) for first, second in (("a", "b"), ("c", "d"))]  # fmt: skip
    with pytest.raises(InputError, match=r"do not connect \{a, b\} with \{c, d\}"):
        of_votes(votes, "votes")
    found = of_votes(votes, "votes", ResultOptions(within=True))
    assert {each["group"] for each in found["strengths"]} == {0, 1}


def test_a_look_before_closing_is_counted_and_stands_in_every_output(
    won: Study, harness: Harness, tmp_path: Path
) -> None:
    results(won, ResultOptions(peek=True))
    results(won, ResultOptions(peek=True))
    found = close(won)
    assert found["peeks"] == 2 and any("looked at the result 2 times" in each for each in found["warnings"])
    for option in (["--json"], ["--markdown"], ["-o", tmp_path / "report.html"]):
        said = harness("review", "results", won.path, *option)
        text = (tmp_path / "report.html").read_text() if "-o" in option else said.stdout
        assert said.returncode == 0 and "looked at the result 2 times" in text, said.stderr


def test_close_tells_who_won_and_closing_twice_changes_nothing(won: Study, harness: Harness) -> None:
    first = harness("review", "close", won.path, "--json")
    again = harness("review", "close", won.path, "--json")
    assert first.returncode == 0 and first.stdout == again.stdout
    assert "Judges prefer model-a to model-b (30 to 0 of 30 decided items" in " ".join(
        harness("review", "results", won.path).stdout.split()
    )


@pytest.mark.parametrize("models", [2, 3])
def test_a_study_without_votes_has_a_whole_record_that_says_so(make: Make, harness: Harness, models: int) -> None:
    study = make(items=6, models=models, judges="1")
    said = harness("review", "results", study.path, "--peek", "--json")
    assert said.returncode == 0, said.stderr
    found = json.loads(said.stdout)
    assert found.keys() >= KEYS and found["items"]["votes"] == 0 and found["strengths"] == found["judges"] == []
    assert [(each["share"], each["p_value"]) for each in found["comparisons"]] == [(None, 1.0)] * len(
        found["comparisons"]
    )
    for option in (["--csv"], ["--markdown"], ["-o", study.path / "report.html"], []):
        said = harness("review", "results", study.path, "--peek", *option)
        assert said.returncode == 0 and "nan" not in said.stdout.lower(), said.stderr
    assert "Nobody has voted on model-a and model-b." in " ".join(said.stdout.split())
    assert "nobody has voted: " in said.stdout
    assert harness("review", "close", study.path).returncode == 0


def test_a_study_whose_votes_do_not_connect_its_models_is_not_closed_by_mistake(make: Make, harness: Harness) -> None:
    study = make(items=2, models=3, judges="1", checks=0.0)
    desk = TaskAssigner(study)
    work(desk, "judge1", lambda _: "first", 1)
    desk.close()
    said = harness("review", "close", study.path)
    assert said.returncode == 2 and "no common scale; vote on a pair across, or give --within" in said.stderr
    assert harness("review", "results", study.path).returncode == 2  # still open
    assert harness("review", "close", study.path, "--within").returncode == 0


def test_every_table_is_in_the_csv(won: Study, harness: Harness) -> None:
    close(won)
    rows = list(csv.DictReader(io.StringIO(harness("review", "results", won.path, "--csv").stdout)))
    assert {"Who is preferred", "Agreement", "Judges"} <= {row["table"] for row in rows}


def test_strata_are_compared_apart_and_adjusted_together(tmp_path: Path) -> None:
    from harness.review import pairs
    from tests.fixtures.review import SECRET, read

    for name in ("model-a", "model-b"):
        write_rows(tmp_path / f"{name}.jsonl", *({"id": f"p{n}", "prompt": f"t{n}", "generated": f"{name} {n}",
                                                  "category": "even" if n % 2 == 0 else "odd"} for n in range(20)))  # fmt: skip
    runs = read(*(tmp_path / f"{name}.jsonl" for name in ("model-a", "model-b")))
    study = pairs.make_ab(tmp_path / "s", runs, pairs.PairOptions(by="category", checks=0.0), SECRET)
    like, other = honest(study, "model-a"), honest(study, "model-b")
    found = close(judged(study, judge1=lambda each: (like if study.item(each.item).stratum == "even" else other)(each)))
    rows: dict[str, dict[str, Any]] = {each["stratum"]: each for each in found["strata"]}
    assert (rows["even"]["wins"], rows["odd"]["losses"]) == (10, 10)
    assert rows["even"]["p_adjusted"] == pytest.approx(2 * rows["even"]["p_value"])


def test_exports_hold_each_vote_and_arena_votes_come_back_with_the_same_result(
    won: Study, harness: Harness, tmp_path: Path
) -> None:
    found = close(won)
    for format_ in ("csv", "jsonl", "arena", "inspect", "dpo"):
        said = harness("review", "export", won.path, "--format", format_, "-o", tmp_path / format_)
        assert said.returncode == 0 and "looked at" not in said.stderr, said.stderr
    assert len(read_rows(tmp_path / "jsonl")) == len(read_rows(tmp_path / "arena")) == 90
    back = of_votes(exports.read_arena(tmp_path / "arena"), "arena")
    rows = {(each["a"], each["b"]): each for each in back["comparisons"]}
    row = rows.get(("model-a", "model-b")) or rows["model-b", "model-a"]
    assert {row["wins"], row["losses"]} == {30, 0} and found["comparisons"][0]["wins"] == 30
    assert all(set(each) == {"prompt", "chosen", "rejected"} and each["chosen"].startswith("a")
               for each in read_rows(tmp_path / "dpo"))  # fmt: skip
    assert {each["value"] for each in read_rows(tmp_path / "inspect")} == {1.0}


def test_flagged_answers_are_shown_with_and_without(tmp_path: Path) -> None:
    from harness.review import pairs
    from tests.fixtures.review import SECRET, answers, read

    one = answers(tmp_path / "model-a.jsonl", {f"p{n}": "I am ChatGPT" if n < 3 else f"a {n}" for n in range(12)})
    other = answers(tmp_path / "model-b.jsonl", {f"p{n}": f"b {n}" for n in range(12)})
    study = pairs.make_ab(tmp_path / "s", read(one, other), pairs.PairOptions(checks=0.0), SECRET)
    found = close(judged(study, judge1=honest(study, "model-a")))
    assert found["items"]["flagged"] == 3 and found["comparisons"][0]["wins"] == 12
    assert found["without_flagged"][0]["wins"] == 9


def test_the_signature_counts_the_votes_of_every_pair(make: Make) -> None:
    assert "|items:5|judges:3|votes:45|" in make(items=5, models=3).record.signature


def test_a_vote_is_planned_by_its_share(harness: Harness) -> None:
    said = harness("plan", "--share", "65", "--problems", "90", "--json")
    found = json.loads(said.stdout)
    assert found["items_needed"] == {"100": 90, "80": 113, "60": 150}
    assert found["smallest_detectable"] == pytest.approx(0.65, abs=0.005)
    assert "90" in harness("plan", "--share", "65").stdout
    for wrong in (["--share", "40"], ["--share", "65", "--effect", "3"], ["--share", "65", "--power", "0.9"]):
        assert harness("plan", *wrong).returncode == 2
