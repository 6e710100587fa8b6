"""The data of the tasks about texts: common field names are understood, and every fault is named with its line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.datasets import load_set, shipped
from harness.errors import ProblemError
from harness.tasks import open_task
from harness.types import ProblemSet

TASKS = ("summarization", "classification", "perplexity")


def load(path: Path, task: str, *rows: Any, **options: str) -> ProblemSet:
    path = path / "own.jsonl"
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return load_set(str(path), path.parent, open_task(task, options))


@pytest.mark.parametrize("task", TASKS)
def test_each_task_ships_a_set_of_forty_items_or_more(tmp_path: Path, task: str) -> None:
    for name in shipped(task):
        problems = load_set(name, tmp_path, open_task(task)).problems
        assert len(problems) >= 40 and len({problem.prompt for problem in problems}) == len(problems)


def test_the_shipped_classification_is_balanced_over_four_labels(tmp_path: Path) -> None:
    labels = [problem.references[0] for problem in load_set("remarks", tmp_path, open_task("classification")).problems]
    assert {labels.count(label) for label in set(labels)} == {12} and len(set(labels)) == 4


@pytest.mark.parametrize(
    "row",
    [
        {"text": "A long text.", "summary": "Text."},
        {"article": "A long text.", "highlights": "Text."},
        {"document": "A long text.", "references": ["Text."]},
        {"instruction": "", "input": "A long text.", "output": "Text."},
    ],
)
def test_a_summarization_is_found_under_common_names(tmp_path: Path, row: dict[str, Any]) -> None:
    (problem,) = load(tmp_path, "summarization", row).problems
    assert (problem.prompt, problem.references, problem.id) == ("A long text.", ("Text.",), "own/1")
    assert problem.metadata["instruction"] is None and not problem.metadata["whole"]


def test_an_instruction_goes_with_the_text_or_stands_for_it(tmp_path: Path) -> None:
    with_text = {"instruction": "In one word:", "input": "A long text.", "output": "Text."}
    alone = {"prompt": "Sum up: A long text.", "reference": "Text."}
    one, two = load(tmp_path, "summarization", with_text, alone).problems
    assert one.metadata["instruction"] == "In one word:" and one.prompt == "A long text."
    assert two.metadata["whole"] and two.prompt == "Sum up: A long text."


@pytest.mark.parametrize("name", ["label", "expected_label", "output", "category", "reference", "target"])
def test_a_label_is_found_under_common_names(tmp_path: Path, name: str) -> None:
    one, two = load(tmp_path, "classification", {"text": "x", name: "good"}, {"text": "y", name: "bad"}).problems
    assert one.references == ("good",) and one.metadata["labels"] == two.metadata["labels"] == ("good", "bad")


def test_numbers_may_be_labels_and_a_label_s_text_goes_before_its_number(tmp_path: Path) -> None:
    rows = [{"text": "x", "label": 0, "label_text": "bad"}, {"text": "y", "label": 1, "label_text": "good"}]
    assert load(tmp_path, "classification", *rows).problems[0].references == ("bad",)
    rows = [{"text": "x", "label": 0}, {"text": "y", "label": 1}]
    assert load(tmp_path, "classification", *rows).problems[1].references == ("1",)


def test_given_labels_take_the_place_of_those_in_the_data(tmp_path: Path) -> None:
    (problem,) = load(tmp_path, "classification", {"text": "x", "label": "good"}, labels="good, bad,fair").problems
    assert problem.metadata["labels"] == ("good", "bad", "fair")


def test_a_byte_order_mark_and_blank_lines_are_no_fault(tmp_path: Path) -> None:
    assert (
        len(load(tmp_path, "perplexity", "\ufeff" + json.dumps({"text": "a b"}), "", {"content": "c d"}).problems) == 2
    )


GOOD = {"text": "A text.", "summary": "T.", "label": "good"}
FAULTS: list[tuple[str, list[Any], dict[str, str], str]] = [
    ("summarization", [GOOD, {"text": "x"}], {}, "line 2: no reference summary"),
    ("summarization", [{"summary": "x"}], {}, "line 1: no text; expected: one of text, document"),
    ("summarization", [{"text": " ", "summary": "x"}], {}, "line 1: text: the text is empty"),
    ("summarization", [{"text": "x", "references": ["a", ""]}], {}, "line 1: references: a summary, or a list"),
    ("summarization", [{"text": "x", "article": "y", "summary": "z"}], {}, "line 1: text and article mean the same"),
    ("summarization", [{"text": 3, "summary": "z"}], {}, "line 1: text: text is expected, not int"),
    ("classification", [GOOD, {"text": "x"}], {}, "line 2: no label"),
    ("classification", [GOOD, {"text": "x", "label": "goood"}], {"labels": "good,bad"},
     r"line 2: unknown label 'goood' \(did you mean good\?\); known: good, bad"),
    ("classification", [GOOD, {"text": "x", "label": "bad", "labels": ["a", "b"]}], {}, "line 2: unknown label 'bad'"),
    ("classification", [GOOD], {}, "has only the label 'good'; give those to choose from with --set labels"),
    ("classification", [{"text": "x", "label": True}], {}, "line 1: label: a label is expected, not True"),
    ("perplexity", [{"text": ""}], {}, "line 1: text: the text is empty"),
    ("perplexity", [{"id": "a", "text": "x"}, {"id": "a", "text": "y"}], {}, "line 2: the id 'a' occurs twice"),
    ("perplexity", [{"text": "x"}, "{'text': 1}"], {}, "line 2: not JSON"),
    ("perplexity", ['{"text": "\\ud800"}'], {}, "line 1: text: half a surrogate pair"),
    ("perplexity", [], {}, "holds no items"),
]  # fmt: skip


@pytest.mark.parametrize(("task", "rows", "options", "message"), FAULTS)
def test_a_fault_is_named_with_its_line(
    tmp_path: Path, task: str, rows: list[Any], options: dict[str, str], message: str
) -> None:
    with pytest.raises(ProblemError, match=message):
        load(tmp_path, task, *rows, **options)


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_a_file_in_another_encoding_is_named_with_what_to_do(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "own.jsonl"
    path.write_bytes('{"text": "Käse"}\n'.encode(encoding))
    with pytest.raises(ProblemError, match=r"line 1: not UTF-8 .*iconv"):
        load_set(str(path), tmp_path, open_task("perplexity"))


def test_an_unknown_set_of_a_task_is_named_with_those_that_it_has(tmp_path: Path) -> None:
    with pytest.raises(ProblemError, match=r"unknown problem set 'brief' \(did you mean briefs\?\); known: briefs"):
        load_set("brief", tmp_path, open_task("summarization"))
