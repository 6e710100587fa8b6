"""The tasks about texts from the command line, with the embedded model."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.commands import Harness
from tests.fixtures.problems import read_rows, write_rows

TASKS = "summarization,classification,perplexity"
ROWS = [
    {"id": "a", "text": "Return the sum of the list.", "summary": "Sum a list.", "label": "code"},
    {"id": "b", "text": "The soup was cold again.", "summary": "Cold soup.", "label": "food"},
    {"id": "c", "text": "def f(xs):\n    return len(xs)\n", "references": ["Count items."], "label": "code"},
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("texts")
    write_rows(path / "own.jsonl", *ROWS)
    return path


@pytest.fixture(scope="module")
def summaries(folder: Path, harness: Harness) -> dict[str, dict[str, Any]]:
    """Task -> the summary that one command over all three printed."""
    answer = harness(
        "run", "--task", TASKS, "--set", "classification.by=logprob", "--problems", "own.jsonl", "--max-tokens", "16",
        "--json", cwd=folder,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    return {each["task"]: each for each in map(json.loads, answer.stdout.splitlines())}


def records(summary: dict[str, Any], folder: Path, name: str) -> list[dict[str, Any]]:
    return read_rows(folder / summary["run"] / name)


def test_one_command_runs_all_three_tasks_to_their_end(summaries: dict[str, dict[str, Any]]) -> None:
    assert list(summaries) == TASKS.split(",")
    for summary in summaries.values():
        assert summary["coverage"]["complete"] and set(summary["problems"]) == {"a", "b", "c"}
        assert "verdicts" not in summary


def test_the_rouge_of_a_run_is_that_of_its_completions(summaries: dict[str, dict[str, Any]], folder: Path) -> None:
    from rouge_score import rouge_scorer

    scorer = rouge_scorer.RougeScorer(["rouge1"], use_stemmer=True)
    references = {"a": "Sum a list.", "b": "Cold soup.", "c": "Count items."}
    found = records(summaries["summarization"], folder, "completions.jsonl")
    values = [scorer.score(references[each["problem_id"]], each["text"])["rouge1"].fmeasure for each in found]
    estimate = next(each for each in summaries["summarization"]["estimates"] if each["metric"] == "rouge1")
    assert len(found) == 3 and estimate["value"] == pytest.approx(sum(values) / 3)


def test_a_label_chosen_by_log_probability_is_recorded_with_its_rule(
    summaries: dict[str, dict[str, Any]], folder: Path
) -> None:
    scores = records(summaries["classification"], folder, "scores.jsonl")
    assert {each["notes"]["rule"] for each in scores} == {"log-probability"}
    right = [each["notes"]["label"] == each["notes"]["predicted"] for each in scores]
    accuracy = next(each for each in summaries["classification"]["estimates"] if each["metric"] == "accuracy")
    assert accuracy["value"] == sum(right) / 3 and "by:logprob" in accuracy["signature"]
    assert (folder / summaries["classification"]["run"] / "confusion.svg").read_text().startswith("<svg")


def test_the_perplexity_of_a_run_is_that_of_the_losses_in_its_files(
    summaries: dict[str, dict[str, Any]], folder: Path
) -> None:
    found = records(summaries["perplexity"], folder, "completions.jsonl")
    logprobs = [each for completion in found for each in completion["logprobs"][0]]
    value = summaries["perplexity"]["estimates"][0]["value"]
    assert value == pytest.approx(math.exp(-sum(logprobs) / len(logprobs)))
    sums = [(each["loss"] * each["tokens"], each["tokens"]) for each in summaries["perplexity"]["problems"].values()]
    assert value == pytest.approx(math.exp(sum(loss for loss, _ in sums) / sum(tokens for _, tokens in sums)))


def test_a_run_stopped_between_texts_goes_on_and_comes_to_the_same(
    summaries: dict[str, dict[str, Any]], folder: Path, harness: Harness
) -> None:
    run = folder / summaries["perplexity"]["run"]
    for name in ("completions.jsonl", "scores.jsonl"):
        lines = (run / name).read_text().splitlines(keepends=True)
        (run / name).write_text("".join(lines[: 2 if name.startswith("c") else 1]))
    answer = harness("run", "--task", "perplexity", "--problems", "own.jsonl", "--max-tokens", "16", cwd=folder)
    assert answer.returncode == 0 and "continuing a run: 2 of 3" in answer.stderr
    again = json.loads((run / "summary.json").read_text())
    assert again == summaries["perplexity"] and "perplexity" in answer.stdout and "predicted tokens" in answer.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--task", "perplexity", "--set", "strid=5"], "unknown option (did you mean stride?)"),
        (["--task", "perplexity", "--set", "stride"], "--set takes name=value"),
        (["--task", TASKS, "--set", "by=logprob"], "name the task"),
        (["--task", "sumarization"], "unknown task 'sumarization' (did you mean summarization or"),
        (["--task", "summarization", "--problems", "humaneval"], "unknown problem set 'humaneval'"),
        (["--task", "summarization", "--k", "1"], "--k is for pass@k"),
    ],
)
def test_what_cannot_be_run_is_said_and_nothing_is_written(
    harness: Harness, tmp_path: Path, arguments: list[str], message: str
) -> None:
    answer = harness("run", *arguments, cwd=tmp_path)
    assert answer.returncode == 2 and message in answer.stderr, answer.stderr
    assert not (tmp_path / "results").exists()


def test_saved_summaries_are_scored_without_a_model(harness: Harness, tmp_path: Path) -> None:
    (tmp_path / "own.jsonl").write_text('{"id": "a", "text": "A man walks.", "summary": "A man walks."}\n')
    (tmp_path / "saved.jsonl").write_text('{"task_id": "a", "completion": "A man walks."}\n')
    answer = harness(
        "run", "--task", "summarization", "--problems", "own.jsonl", "--samples", "saved.jsonl", "--json", cwd=tmp_path
    )
    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout)["problems"]["a"]["rougeLsum"] == 1.0
