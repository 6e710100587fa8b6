from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.datasets import ProblemSets
from harness.errors import InputError
from harness.leaderboard.results import Results, read_results, slug
from harness.leaderboard.tables import make_tables

EXAMPLE = Path(__file__).resolve().parents[3] / "results" / "example" / "nano-T0.8"
SETS = ProblemSets(Path("no cache"))
Change = Callable[[dict[str, Any]], object]


def add(results: Path, name: str, summary: Change | None = None, manifest: Change | None = None) -> Path:
    """A copy of the real example run, another run by its fingerprint, with changes."""
    run = results / name
    shutil.copytree(EXAMPLE, run)
    change(run / "manifest.json", lambda each: each.update(fingerprint=f"{len(list(results.iterdir())):064x}"))
    for file, what in (("summary.json", summary), ("manifest.json", manifest)):
        if what:
            change(run / file, what)
    return run


def change(file: Path, what: Change) -> None:
    value = json.loads(file.read_bytes())
    what(value)
    file.write_text(json.dumps(value))


def read(results: Path) -> Results:
    return read_results(results, SETS)


def test_the_example_run_is_read_as_its_summary_has_it(tmp_path: Path) -> None:
    add(tmp_path, "run")
    (run,) = read(tmp_path).runs
    summary = json.loads((EXAMPLE / "summary.json").read_bytes())
    assert [each.value for each in run.estimates] == [each["value"] for each in summary["estimates"]]
    assert run.problems == {name: {"n": each["n"], "c": each["c"]} for name, each in summary["problems"].items()}
    assert run.model == "nano" and run.dataset == "starter" and run.whole


@pytest.mark.parametrize(
    ("summary", "manifest", "reason"),
    [
        (None, lambda m: m.update(format=99), "is of format 99; this version reads up to 1"),
        (None, lambda m: m.pop("signature"), "manifest.json cannot be read: signature"),
        (None, lambda m: m.update(fingerprint="../../x"), "its fingerprint or its time is none"),
        (None, lambda m: m.update(created="<script>"), "its fingerprint or its time is none"),
        (lambda s: s.pop("estimates"), None, "summary.json cannot be read: estimates: field required"),
        (lambda s: s["estimates"][0].update(value="<b>1</b>"), None, "estimates.0.value"),
        (lambda s: s["estimates"][0].update(value=float("nan")), None, "estimates.0.value"),
        (lambda s: s.update(estimates=[]), None, "has no estimate"),
        (lambda s: next(iter(s["problems"].values())).update(c=11), None, "c is 11 of n 10"),
        (lambda s: next(iter(s["problems"].values())).update(n=1.5, c=1), None, "c is 1 of n 1.5"),
        (lambda s: next(iter(s["problems"].values())).pop("c"), None, "c is -1 of n 10"),
    ],
)
def test_a_run_that_does_not_hold_what_it_must_is_left_out_with_the_reason(
    tmp_path: Path, summary: Change | None, manifest: Change | None, reason: str
) -> None:
    add(tmp_path, "good")
    add(tmp_path, "odd", summary, manifest)
    records = read(tmp_path)
    assert [run.name for run in records.runs] == ["good"]
    (left_out,) = records.left_out
    assert left_out.name == "odd" and reason in left_out.reason


@pytest.mark.parametrize(
    ("file", "text", "reason"),
    [
        ("manifest.json", "{", "manifest.json cannot be read"),
        ("summary.json", '{"estimates": [', "summary.json cannot be read"),
        ("summary.json", "[]", "summary.json cannot be read"),
        ("completions.jsonl", '{"problem_id": "a", "index": 0}\nnot json\n', "completions.jsonl, line 2: not JSON"),
        ("executions.jsonl", "[1]\n", "executions.jsonl, line 1: no problem_id and index"),
    ],
)
def test_a_broken_file_is_named(tmp_path: Path, file: str, text: str, reason: str) -> None:
    (add(tmp_path, "odd") / file).write_text(text)
    (left_out,) = read(tmp_path).left_out
    assert left_out.name == "odd" and reason in left_out.reason


def test_a_torn_last_line_is_no_fault(tmp_path: Path) -> None:
    with open(add(tmp_path, "run") / "completions.jsonl", "a") as file:
        file.write('{"problem_id": "sta')
    assert len(read(tmp_path).runs) == 1


def test_a_run_under_way_is_named_with_its_coverage(tmp_path: Path) -> None:
    run = add(tmp_path, "run")
    (run / "summary.json").unlink()
    scores = (run / "scores.jsonl").read_text().splitlines(keepends=True)
    (run / "scores.jsonl").write_text("".join(scores[:123]))
    (left_out,) = read(tmp_path).left_out
    assert (left_out.done, left_out.owed, left_out.model) == (123, 690, "nano")


def test_a_folder_with_completions_and_no_manifest_is_named(tmp_path: Path) -> None:
    (add(tmp_path, "run") / "manifest.json").unlink()
    (left_out,) = read(tmp_path).left_out
    assert left_out.reason == "has no manifest.json"


def test_of_two_runs_with_one_fingerprint_the_more_complete_is_shown(tmp_path: Path) -> None:
    def less(summary: dict[str, Any]) -> None:
        summary["coverage"].update(completions_scored=689, complete=False)

    add(tmp_path, "a", less, lambda m: m.update(fingerprint="f" * 64))
    add(tmp_path, "b", None, lambda m: m.update(fingerprint="f" * 64))
    records = read(tmp_path)
    assert [run.name for run in records.runs] == ["b"]
    assert [(each.name, each.reason) for each in records.left_out] == [
        ("a", "has the fingerprint of b, which is in its place")
    ]


@pytest.mark.parametrize("what", ["missing", "empty", "file"])
def test_what_is_no_results_folder_is_bad_input(tmp_path: Path, what: str) -> None:
    place = tmp_path / what
    if what == "empty":
        place.mkdir()
    elif what == "file":
        place.write_text("x")
    with pytest.raises(InputError, match=r"results|runs"):
        read(place)


def test_a_part_of_the_problems_gets_no_rank_and_stands_last(tmp_path: Path) -> None:
    def part(summary: dict[str, Any]) -> None:
        summary["coverage"].update(problems_scored=1)
        summary["problems"] = {"starter/sum_even_squares": {"n": 10, "c": 10}}
        for each in summary["estimates"]:
            each.update(value=1.0)

    add(tmp_path, "a-part", part)
    add(tmp_path, "whole")
    (board,) = make_tables(read(tmp_path).runs)
    assert [(row.run.name, row.cells["pass@1"].rank is None) for row in board.rows] == [
        ("whole", False), ("a-part", True)
    ]  # fmt: skip


@pytest.mark.parametrize("field", ["mem:512MiB", "data:starter@25b41f18", "integrity:judged", "task:codegen.v2"])
def test_runs_under_other_conditions_stand_in_another_table(tmp_path: Path, field: str) -> None:
    def other(manifest: dict[str, Any]) -> None:
        manifest["signature"] = manifest["signature"].replace(field, field + "-other")
        if field.startswith("data"):
            manifest["identity"]["problems"]["sha256"] = "0" * 64
        if field.startswith("task"):
            manifest["identity"]["task"] = "codegen.v1"

    add(tmp_path, "a")
    add(tmp_path, "b", None, other)
    assert len(make_tables(read(tmp_path).runs)) == 2


def test_what_differs_between_rows_is_shown_with_each(tmp_path: Path) -> None:
    add(tmp_path, "a")
    add(tmp_path, "b", None, lambda m: m.update(signature=m["signature"].replace("T:0.8", "T:0.2")))
    (board,) = make_tables(read(tmp_path).runs)
    assert [row.label for row in board.rows] == ["nano T:0.8", "nano T:0.2"]


def make_perplexity(loss: float, tokens: int) -> Change:
    def turn(summary: dict[str, Any]) -> None:
        summary.update(task="perplexity", verdicts={})
        summary["estimates"] = [{**summary["estimates"][0], "metric": name, "value": 2.0 + loss, "low": 1.0, "high": 9.0}
                                for name in ("perplexity", "byte_perplexity")]  # fmt: skip
        summary["problems"] = {
            f"text/{index}": {"n": 1, "loss": loss + index / 100, "tokens": tokens, "bytes": 400, "words": 80}
            for index in range(40)
        }
        summary["coverage"].update(problems=40, problems_scored=40)

    return turn


def perplexity_task(manifest: dict[str, Any]) -> None:
    manifest["identity"]["task"] = "perplexity.v1"


def test_of_perplexities_the_lower_one_has_the_better_rank(tmp_path: Path) -> None:
    add(tmp_path, "high", make_perplexity(3.0, 100), perplexity_task)
    add(tmp_path, "low", make_perplexity(2.0, 100), perplexity_task)
    (board,) = make_tables(read(tmp_path).runs)
    assert [(row.run.name, str(row.cells["perplexity"].rank)) for row in board.rows] == [("low", "1"), ("high", "2")]


def test_tokens_of_two_tokenizers_are_not_ranked_but_bytes_are(tmp_path: Path) -> None:
    add(tmp_path, "a", make_perplexity(3.0, 100), perplexity_task)
    add(tmp_path, "b", make_perplexity(2.0, 120), perplexity_task)
    (board,) = make_tables(read(tmp_path).runs)
    assert {row.run.name: row.cells["perplexity"].rank for row in board.rows} == {"a": None, "b": None}
    assert {row.run.name: str(row.cells["byte_perplexity"].rank) for row in board.rows} == {"a": "2", "b": "1"}


def test_a_metric_that_is_no_mean_over_items_has_no_rank(tmp_path: Path) -> None:
    def classify(summary: dict[str, Any]) -> None:
        summary.update(task="classification", verdicts={})
        summary["estimates"] = [{**summary["estimates"][0], "metric": name} for name in ("accuracy", "f1_macro")]
        summary["problems"] = {name: {"n": 1, "accuracy": 1.0} for name in summary["problems"]}

    add(tmp_path, "a", classify)
    (board,) = make_tables(read(tmp_path).runs)
    (row,) = board.rows
    assert str(row.cells["accuracy"].rank) == "1" and row.cells["f1_macro"].rank is None


def test_slugs_are_safe_as_file_names_and_never_meet() -> None:
    names = ["a/b", "a-b", "A-B", "../x", "", ".", "x" * 999, "\u202e", "<script>"]
    slugs = [slug(name) for name in names]
    assert len(set(slugs)) == len(names)
    assert all(len(each) < 80 and set(each) <= set("abcdefghijklmnopqrstuvwxyz0123456789-") for each in slugs)
