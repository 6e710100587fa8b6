"""Several models and sets in one command, and parts of a set."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.runs import reader
from tests.fixtures.commands import Harness

pytestmark = pytest.mark.xdist_group("integration/test_commands")


def test_models_and_sets_make_a_run_each_and_one_table(harness: Harness, tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text('model = ["nano", "nano-base"]\nlimit = 2\ntemperature = 0\n')
    answer = harness("run", "--config", "run.toml", "--problems", "starter,core", "--format", "csv", cwd=tmp_path)
    assert answer.returncode == 0, answer
    *_, head, nano, base = answer.stdout.splitlines()
    assert head == "model,starter pass@1,core pass@1" and nano.startswith("nano,") and base.startswith("nano-base,")
    runs = sorted(path.parent for path in tmp_path.rglob("manifest.json"))
    assert [run.relative_to(tmp_path / "results").parts[:2] for run in runs] == [
        ("core", "nano"), ("core", "nano-base"), ("starter", "nano"), ("starter", "nano-base"),
    ]  # fmt: skip
    for run in runs:
        assert (
            "|n:1|" in f"|{reader.read_manifest(run).signature}|"
            and "|subset:2-of-" in reader.read_manifest(run).signature
        )
    whole = harness("leaderboard", "results", "--json", cwd=tmp_path)
    assert {table["conditions"]["subset"][:5] for table in json.loads(whole.stdout)["tables"]} == {"2-of-"}


def test_a_part_of_a_run_is_scored_again_as_a_part(harness: Harness, tmp_path: Path) -> None:
    drawn = harness(
        "run",
        "--only",
        "starter/largest_even,starter/odd_cubes,starter/count_negative",
        "--n",
        "2",
        "--k",
        "1",
        "--json",
        cwd=tmp_path,
    )
    assert drawn.returncode == 0, drawn
    run = json.loads(drawn.stdout)["run"]
    again = harness("score", run, "--limit", "2", "--no-dedup", "--json", cwd=tmp_path)
    summary = json.loads(again.stdout)
    assert summary["coverage"]["problems"] == 2 and "|subset:2-of-69@" in summary["estimates"][0]["signature"]
    refused = harness("compare", run, summary["run"], cwd=tmp_path)
    assert refused.returncode == 2 and "subset" in refused.stderr


def test_other_questions_to_the_same_samples_are_compared_too(harness: Harness, tmp_path: Path) -> None:
    runs = []
    for model in ("nano", "nano-base"):
        asked = (
            "run",
            "--model",
            model,
            "--limit",
            "4",
            "--n",
            "4",
            "--k",
            "1,2",
            "--metrics",
            "pass^k,g-pass@k",
            "--json",
        )
        answer = harness(*asked, cwd=tmp_path)
        summary = json.loads(answer.stdout)
        runs.append(summary["run"])
        names = [each["metric"] for each in summary["estimates"]]
        assert names == ["pass@1", "pass^2", "g-pass@2_0.5", "g-pass@2_0.75", "g-pass@2_1"]
        values = {each["metric"]: each["value"] for each in summary["estimates"]}
        assert values["pass^2"] == values["g-pass@2_1"] <= values["pass@1"] <= values["g-pass@2_0.5"]
    compared = json.loads(harness("compare", *runs, "--json", cwd=tmp_path).stdout)
    assert {row["metric"] for row in compared["comparisons"]} >= {"pass@1", "pass^2", "g-pass@2_0.5"}


def test_a_vote_of_k_answers_is_reported_where_k_is_given(harness: Harness, tmp_path: Path) -> None:
    asked = (
        "run",
        "--task",
        "classification",
        "--limit",
        "4",
        "--n",
        "3",
        "--temperature",
        "1",
        "--k",
        "1,3",
        "--json",
    )
    summary = json.loads(harness(*asked, cwd=tmp_path).stdout)
    values = {each["metric"]: each["value"] for each in summary["estimates"]}
    assert values["maj@1"] == values["accuracy"] and 0 <= values["maj@3"] <= 1
    assert all({"maj@1", "maj@3"} <= item.keys() for item in summary["problems"].values())
    refused = harness(
        "run", "--task", "classification", "--metrics", "pass^k", "--n", "2", "--temperature", "1", cwd=tmp_path
    )
    assert refused.returncode == 2 and "metrics of its own" in refused.stderr
