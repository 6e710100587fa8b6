"""`harness compare` and `harness plan` on runs that `harness run` and `harness score` made: real model, real sandbox."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.metrics.pass_at_k import pass_at_k
from tests.fixtures.commands import Harness
from tests.fixtures.problems import read_rows, write_rows
from tests.fixtures.runs import FEW


@pytest.fixture(scope="session")
def runs(harness: Harness, few: Path) -> dict[str, str]:
    """Name -> run directory."""

    def run(*options: str) -> str:
        answer = harness("run", "--problems", few, "--json", *options, cwd=few.parent)
        assert answer.returncode == 0, answer.stderr
        return str(few.parent / json.loads(answer.stdout)["run"])

    return {
        "warm": run("--n", "10", "--k", "1,10"),
        "cool": run("--n", "10", "--k", "1,10", "--temperature", "0.2"),
        "base": run("--n", "10", "--k", "1,10", "--model", "nano-base"),
        "one": run("--n", "1", "--k", "1"),
        "one_base": run("--n", "1", "--k", "1", "--model", "nano-base"),
    }


def compare(harness: Harness, *arguments: str) -> dict[str, Any]:
    answer = harness("compare", *arguments, "--json")
    assert answer.returncode == 0, answer.stderr
    record: dict[str, Any] = json.loads(answer.stdout)
    return record


def summary(run: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((Path(run) / "summary.json").read_text())
    return loaded


def test_the_difference_is_that_of_the_two_runs_own_numbers(harness: Harness, runs: dict[str, str]) -> None:
    record = compare(harness, runs["warm"], runs["base"])
    for row in record["comparisons"]:
        ours, theirs = (
            next(each["value"] for each in summary(runs[name])["estimates"] if each["metric"] == row["metric"])
            for name in ("warm", "base")
        )
        assert row["difference"] == pytest.approx(ours - theirs)
        assert row["low"] <= row["difference"] <= row["high"]
        assert row["won"] + row["lost"] + row["tied"] == row["n_problems"] == FEW
    assert [row["metric"] for row in record["comparisons"]] == ["pass@1", "pass@10"]


def test_a_trained_model_is_better_than_its_base(harness: Harness, runs: dict[str, str]) -> None:
    answer = harness("compare", runs["warm"], runs["base"], "--flips", "0")
    assert answer.returncode == 0 and "pass@1: A (nano) is better than B (nano-base) by" in answer.stdout


def test_two_temperatures_are_refused_until_declared(harness: Harness, runs: dict[str, str]) -> None:
    refused = harness("compare", runs["warm"], runs["cool"])
    assert refused.returncode == 2 and "temperature: A 0.8, B 0.2" in refused.stderr and not refused.stdout
    declared = harness("compare", runs["warm"], runs["cool"], "--vary", "temperature", "--flips", "0")
    assert declared.returncode == 0 and "A (nano, temperature 0.8)" in declared.stdout
    assert "forced" not in declared.stdout


def test_force_compares_and_the_warning_stands_in_table_json_and_markdown(
    harness: Harness, runs: dict[str, str]
) -> None:
    said = "forced: the difference may come from temperature: A 0.8, B 0.2"
    for option in ("--flips=0", "--markdown"):
        answer = harness("compare", runs["warm"], runs["cool"], "--force", option)
        assert answer.returncode == 0 and said in answer.stdout
    record = compare(harness, runs["warm"], runs["cool"], "--force")
    assert record["forced"] and record["fields"]["conflict"] == {"temperature": {"A": "0.8", "B": "0.2"}}


def test_one_sample_each_is_tested_by_mcnemar(harness: Harness, runs: dict[str, str]) -> None:
    (row,) = compare(harness, runs["one"], runs["one_base"])["comparisons"]
    assert row["method"] == "exact McNemar test" and row["metric"] == "pass@1"


def test_another_number_of_samples_is_harmless_and_said(harness: Harness, runs: dict[str, str]) -> None:
    record = compare(harness, runs["warm"], runs["one"])
    assert record["fields"]["harmless"]["n"] == {"A": "10", "B": "1"}
    assert [row["metric"] for row in record["comparisons"]] == ["pass@1"]


def test_flips_show_an_accepted_program_beside_a_rejected_one(harness: Harness, runs: dict[str, str]) -> None:
    record = compare(harness, runs["warm"], runs["base"], "--flips", "4")
    counts = [summary(runs[name])["problems"] for name in ("warm", "base")]
    changed = [name for name in counts[0] if counts[0][name]["c"] != counts[1][name]["c"]]
    assert sorted(record["flipped"]) == sorted(changed) and len(record["flips"]) == 4
    for flip in record["flips"]:
        ahead, behind = ("a", "b") if flip["a"]["c"] > flip["b"]["c"] else ("b", "a")
        assert flip[ahead]["example"]["verdict"] == "ACCEPTED" != flip[behind]["example"]["verdict"]
        rows = read_rows(Path(runs["warm"]) / "completions.jsonl")
        example = flip["a"]["example"]
        assert example["text"] in [
            row["text"] for row in rows if (row["problem_id"], row["index"]) == (flip["problem"], example["index"])
        ]


def test_a_problem_is_shown_side_by_side_with_both_verdicts(harness: Harness, runs: dict[str, str]) -> None:
    problem = compare(harness, runs["warm"], runs["base"])["flipped"][0]
    answer = harness("compare", runs["warm"], runs["base"], "--problem", problem)
    head = next(line for line in answer.stdout.splitlines() if "of 10 passed" in line)
    assert "A (nano)" in head and "B (nano-base)" in head and "ACCEPTED" in answer.stdout
    unknown = harness("compare", runs["warm"], runs["base"], "--problem", problem[:-1])
    assert unknown.returncode == 2 and f"did you mean {problem}" in unknown.stderr


def test_three_runs_give_three_pairs_with_holm(
    harness: Harness, runs: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")  # wide enough that no cell is folded
    arguments = (runs["warm"], runs["cool"], runs["base"], "--vary", "temperature")
    record = compare(harness, *arguments)
    rows = [row for row in record["comparisons"] if row["metric"] == "pass@1"]
    assert [(row["a"], row["b"]) for row in rows] == [("A", "B"), ("A", "C"), ("B", "C")]
    assert all(row["p_adjusted"] >= row["p_value"] for row in rows)
    shown = harness("compare", *arguments)
    assert "p (Holm)" in shown.stdout and all(label in shown.stdout for label in ("A - B", "A - C", "B - C"))


def test_markdown_is_tables(harness: Harness, runs: dict[str, str]) -> None:
    answer = harness("compare", runs["warm"], runs["base"], "--markdown")
    lines = answer.stdout.splitlines()
    assert lines[1].startswith("| --- |") and any(line.startswith("| A - B | pass@1 |") for line in lines)


def test_a_single_run_and_a_missing_one_are_refused(harness: Harness, runs: dict[str, str], tmp_path: Path) -> None:
    assert "two run directories" in harness("compare", runs["one"]).stderr
    gone = harness("compare", runs["one"], tmp_path / "none")
    assert gone.returncode == 2 and "does not exist" in gone.stderr


@pytest.fixture(scope="session")
def scored(harness: Harness, few: Path) -> dict[str, str]:
    """Two runs of saved completions: each has problems that the other lacks, and one holds hostile text."""
    problems = [json.loads(line) for line in few.read_text().splitlines()[:6]]
    hostile = "    return '\x1b[31m\u202e[bold]'\n"
    files = {"left": (problems[:5], None), "right": (problems[1:], 3)}
    found = {}
    for name, (part, broken) in files.items():
        rows = [
            {"task_id": each["id"], "completion": hostile if index == broken else each["reference"]}
            for index, each in enumerate(part)
        ]
        path = few.parent / f"{name}.jsonl"
        write_rows(path, *rows)
        answer = harness("score", path, "--problems", few, "--k", "1", "--json", cwd=few.parent)
        assert answer.returncode == 0, answer.stderr
        found[name] = str(few.parent / json.loads(answer.stdout)["run"])
    return found


def test_partial_runs_are_compared_where_they_meet_and_the_rest_is_named(
    harness: Harness, scored: dict[str, str]
) -> None:
    (row,) = compare(harness, scored["left"], scored["right"])["comparisons"]
    assert (row["n_problems"], row["won"], row["lost"], row["tied"]) == (4, 1, 0, 3)
    assert len(row["left_out"]) == 2
    shown = harness("compare", scored["left"], scored["right"])
    assert "left out of A - B, scored in one only: 2 problems (" in shown.stdout


def test_what_a_model_wrote_is_escaped(harness: Harness, scored: dict[str, str]) -> None:
    for option in ("--flips=3", "--markdown"):
        shown = harness("compare", scored["left"], scored["right"], option).stdout
        assert "\x1b" not in shown and "\u202e" not in shown
    assert "\\x1b[31m\\u202e[bold]" in harness("compare", scored["left"], scored["right"]).stdout


def test_saved_completions_against_a_model_say_what_is_not_known(
    harness: Harness, scored: dict[str, str], runs: dict[str, str]
) -> None:
    shown = harness("compare", scored["left"], runs["one"], "--flips", "0")
    assert shown.returncode == 0 and "saved completions do not tell" in shown.stdout and "temperature" in shown.stdout


def plan(harness: Harness, *arguments: str) -> dict[str, Any]:
    answer = harness("plan", *arguments, "--json")
    assert answer.returncode == 0, answer.stderr
    record: dict[str, Any] = json.loads(answer.stdout)
    return record


def test_a_plan_says_how_many_problems_show_an_effect(harness: Harness) -> None:
    rows = plan(harness, "--effect", "3")["rows"]
    assert [row["n"] for row in rows] == [1, 5, 10, 20, 50]
    for name in ("problems_paired", "problems_unpaired"):
        numbers = [row[name] for row in rows]
        assert numbers == sorted(numbers, reverse=True)
    assert all(row["problems_paired"] < row["problems_unpaired"] for row in rows)
    shown = harness("plan", "--effect", "3").stdout
    assert f"{rows[0]['problems_paired']:,}" in shown and "samples per problem" in shown


def test_a_plan_says_what_a_problem_set_can_show(harness: Harness) -> None:
    rows = plan(harness, "--problems", "164", "--n", "1,10")["rows"]
    assert 1 < rows[1]["effect_paired"] < rows[0]["effect_paired"] < rows[0]["effect_unpaired"] < 50


def test_a_plan_for_both_says_how_many_samples(harness: Harness) -> None:
    enough = plan(harness, "--effect", "5", "--problems", "300")
    assert enough["samples_needed"] > 1
    assert "do not show 1 points with any number" in harness("plan", "--effect", "1", "--problems", "164").stdout


def test_a_plan_takes_its_model_from_real_runs(harness: Harness, runs: dict[str, str]) -> None:
    record = plan(harness, "--effect", "5", "--run", runs["warm"], "--run", runs["cool"])
    values = [pass_at_k(each["n"], each["c"], 1) for each in summary(runs["warm"])["problems"].values()]
    assert record["baseline"] == pytest.approx(sum(values) / len(values))
    assert 0 < record["spread"] <= 1 and 0 < record["correlation"] <= 1
    assert plan(harness, "--effect", "5", "--run", runs["warm"], "--baseline", "30")["baseline"] == 0.3


def test_plans_that_cannot_be_are_refused_with_what_to_do(harness: Harness, runs: dict[str, str]) -> None:
    for arguments, said in (
        ((), "--effect"), (("--effect", "70"), "at most 50"),
        (("--effect", "3", "--baseline", "0.4"), "percent"), (("--effect", "3", "--n", "0"), "at least 1"),
        (("--effect", "3", "--power", "1"), "power"),
        (("--effect", "3", "--run", runs["one"]), "cannot tell chance from ability"),
    ):  # fmt: skip
        answer = harness("plan", *arguments)
        assert answer.returncode == 2 and said in answer.stderr, (arguments, answer.stderr)
