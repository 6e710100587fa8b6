"""Each published set with parts of its own: what its rows become, and what of them is refused."""

from __future__ import annotations

import base64
import json
import os
import pickle
import zlib
from pathlib import Path
from typing import Any

import pytest

from harness.datasets import load_set
from harness.datasets._text_pickle import pickled_text
from harness.errors import ProblemError
from harness.extractors import extract_between
from harness.prompts import template
from harness.tasks import codegen
from harness.types import Completion, Form, ProblemSet, SamplingParams
from sandbox import CallTests, Compare, Integrity, StdioTests
from tests.fixtures.problems import write_rows
from tests.fixtures.set_rows import ROWS, live_row, packed

LIVE = "livecodebench:from=2024-08,to=2025-02"


def load(name: str, tmp_path: Path, rows: list[dict[str, Any]] | None = None) -> ProblemSet:
    path = write_rows(tmp_path / "rows.jsonl", *(rows or ROWS[name]))
    return load_set(f"{path}{name[name.find(':') :] if ':' in name else ''}", tmp_path)


@pytest.mark.parametrize("name", ROWS)
def test_rows_of_a_schema_are_known_by_their_keys(name: str, tmp_path: Path) -> None:
    found = load(name, tmp_path)
    assert found.name == ("rows" if name == "evoeval" else name)
    assert all(problem.tests and problem.prompt and problem.stop for problem in found.problems)


@pytest.mark.parametrize("name", ["cruxeval:output", "cruxeval:input"])
def test_a_file_with_ids_of_its_own_is_called_by_its_own_name(name: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    write_rows(path, *({**row, "id": "c0"} for row in ROWS[name]))
    part = name.partition(":")[2]
    assert load_set(f"{path}:{part}", tmp_path).name == f"mine:{part}"


IN_SANDBOX = {"bigcodebench:complete", "bigcodebench:instruct", "classeval", "ds1000"}


@pytest.mark.parametrize("name", ROWS)
def test_a_set_is_judged_unless_its_tests_live_in_the_program(name: str, tmp_path: Path) -> None:
    problem = load(name, tmp_path).problems[0]
    assert (problem.integrity() is Integrity.IN_SANDBOX) == (name in IN_SANDBOX)
    assert problem.language == ("python_libs" if name in IN_SANDBOX else "python")


def test_a_window_takes_both_of_its_ends_and_tells_of_one_that_is_empty(tmp_path: Path) -> None:
    assert [each.id for each in load(LIVE, tmp_path).problems] == ["l0", "l2"]
    assert [each.id for each in load("x:to=2023-12-31", tmp_path, ROWS[LIVE]).problems] == ["l1"]
    with pytest.raises(ProblemError, match="no problems with from=2030-01; its 3 problems are of 2023-12-31 to 2025"):
        load("x:from=2030-01", tmp_path, ROWS[LIVE])
    for given in ("2024", "2024-13", "August"):
        with pytest.raises(ProblemError, match="from takes a month or a day"):
            load(f"x:from={given}", tmp_path, ROWS[LIVE])
    with pytest.raises(ProblemError, match="begins after its end"):
        load("x:from=2025-01,to=2024-01", tmp_path, ROWS[LIVE])


class Ran:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("was-run",)


def bomb() -> str:
    return base64.b64encode(zlib.compress(b"\0" * 10_000_000)).decode()


HOSTILE = {
    "a call": packed(Ran()),
    "a list": packed(["[]"]),
    "bytes": packed(b"[]"),
    "a class": packed(dict),
    "two texts": base64.b64encode(zlib.compress(pickle.dumps("[]")[:-1] + pickle.dumps("[]")[2:])).decode(),
    "more behind its end": base64.b64encode(zlib.compress(pickle.dumps("[]") + b"x")).decode(),
    "a pickle that is cut": base64.b64encode(zlib.compress(pickle.dumps("[]")[:-3])).decode(),
    "a stream that is cut": base64.b64encode(zlib.compress(pickle.dumps("[]" * 999))[:-6]).decode(),
    "no pickle": base64.b64encode(zlib.compress(b"hello")).decode(),
    "zeros": bomb(),
    "no base64": "!!!!",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_pickle_of_more_than_a_text_is_refused_with_its_line_and_never_unpickled(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    row = {**ROWS[LIVE][0], "private_test_cases": HOSTILE[kind]}
    with pytest.raises(ProblemError, match=r"rows.jsonl, line 2: private_test_cases: .*"):
        load(LIVE, tmp_path, [ROWS[LIVE][1], row])
    assert not Path("was-run").exists()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_text_is_read_out_of_a_pickle_of_every_protocol(protocol: int) -> None:
    for text in ("", "[]", "é\n€𝄞" * 100, "x" * 70_000):
        assert pickled_text(pickle.dumps(text, protocol=protocol)) == text


def test_contest_cases_are_compared_as_decimals_and_functions_are_called_by_name(tmp_path: Path) -> None:
    script, function = load(LIVE, tmp_path).problems
    assert isinstance(script.tests, StdioTests) and script.tests.compare is Compare.DECIMALS
    assert isinstance(function.tests, CallTests) and function.entry_point == "add"
    mixed = live_row("m", "2024-09-01", [("1", "1")], [])
    mixed["public_test_cases"] = json.dumps([
        {"input": "1", "output": "1", "testtype": kind} for kind in ("stdin", "functional")
    ])  # fmt: skip
    with pytest.raises(ProblemError, match="testtype: stdin, or functional with func_name"):
        load(LIVE, tmp_path, [mixed])


def test_arguments_without_quotes_are_texts_where_one_of_them_is_no_literal(tmp_path: Path) -> None:
    call, script = load("apps", tmp_path).problems
    assert isinstance(call.tests, CallTests) and "(['ab', 2], ['abab']), (['7', 1], ['7'])" in call.tests.source
    assert isinstance(script.tests, StdioTests) and script.tests.cases[0].stdout == "3\n\ndone\n"


def test_equal_rows_count_once_and_different_ones_of_an_id_are_refused(tmp_path: Path) -> None:
    one, two = ROWS["apps"]
    assert len(load("apps", tmp_path, [one, two, one]).problems) == 2
    with pytest.raises(ProblemError, match="line 2: the id 'APPS/1' occurs twice"):
        load("apps", tmp_path, [one, {**two, "id": "1"}])


def test_the_layout_of_the_whole_of_apps_is_read_with_its_solutions(tmp_path: Path) -> None:
    row = {
        "problem_id": 7, "question": "Add.", "solutions": json.dumps(["print(3)"]), "difficulty": "interview", "url": "",
        "input_output": json.dumps({"inputs": [["1", "2"], "1\n2"], "outputs": ["3", ["3"]]}), "starter_code": "",
    }  # fmt: skip
    (problem,) = load("apps", tmp_path, [row]).problems
    assert isinstance(problem.tests, StdioTests) and problem.tests.cases[0] == problem.tests.cases[1]
    assert problem.references == ("print(3)",) and "Use Standard Input format" in problem.prompt
    row["input_output"] = json.dumps({"inputs": [[1, 2]], "outputs": [3], "fn_name": "add"})
    (problem,) = load("apps", tmp_path, [row]).problems
    assert problem.entry_point == "add" and "Use Call-Based format" in problem.prompt


def test_a_library_that_is_not_in_the_image_leaves_a_problem_out_by_name(tmp_path: Path) -> None:
    torch = {**ROWS["ds1000"][0], "metadata": {"problem_id": 9001, "library": "Pytorch"}}
    found = load("ds1000", tmp_path, [*ROWS["ds1000"], torch])
    assert [each.id for each in found.problems] == ["DS-1000/9000"]
    assert found.left_out == {"DS-1000/9001": "PyTorch is not in the image python_libs"}
    with pytest.raises(ProblemError, match="holds no problems that can run here"):
        load("ds1000", tmp_path, [torch])


def test_an_answer_between_marks_is_read_from_a_reply(tmp_path: Path) -> None:
    marks = ("[ANSWER]", "[/ANSWER]")
    for reply, wanted in {
        "I think.\n[ANSWER]\nassert f(1) == 2\n[/ANSWER]\nDone.": "assert f(1) == 2",
        "[ANSWER]1[/ANSWER] no, [ANSWER]2[/ANSWER]": "2",
        "[ANSWER]\n    return 3": "    return 3",
        "It is\n```python\nf(1)\n```\n": "f(1)",
        "17": "17",
        "": "",
        "[ANSWER][/ANSWER]": "",
    }.items():
        found = extract_between(reply, marks)
        assert found.source == wanted
        assert found.span is None if not wanted else reply[slice(*found.span or (0, 0))] == wanted
    problem = load("cruxeval:output", tmp_path).problems[0]
    reply = Completion(problem_id=problem.id, index=0, text="[ANSWER]\n(4, {3})\n[/ANSWER]", form=Form.CHAT)
    plain = Completion(problem_id=problem.id, index=0, text="(4, {3})")
    assert codegen.program(problem, reply) == codegen.program(problem, plain)


def test_the_text_of_an_answer_is_never_code_of_its_program(tmp_path: Path) -> None:
    problem = load("cruxeval:output", tmp_path).problems[0]
    text = "'''\nimport os\n\"\"\"\n"
    source = codegen.program(problem, Completion(problem_id=problem.id, index=0, text=text)).source
    assert source.endswith(repr(text))


ASKED = {
    "cruxeval:output": ["[PYTHON]\ndef f(x):\n    return (x + 1, {x})\nassert f(3) == ??\n[/PYTHON]\n[ANSWER]"],
    "cruxeval:input": ["assert f(??) == 5\n[/PYTHON]\n[ANSWER]"],
    LIVE: ["### Question:\nAdd what is given.\n\n### Format: Read the inputs from stdin", "# YOUR CODE HERE"],
    "apps": ["QUESTION:\nJoin.\n", "Use Call-Based format\nANSWER:"],
    "bigcodebench:complete": ["markdown code block:\n```\ndef task_func(xs):\n    '''Their sum.'''\n```\n"],
    "bigcodebench:instruct": ["markdown code block:\nTheir sum.\n"],
    "classeval": ["Please complete the class Counter3 in the following code.\nclass Counter3:"],
    "evoeval": ["markdown code block:\n```python\ndef halve(xs):"],
    "ds1000": ["Place the executable code between <code> and </code> tags", "# BEGIN SOLUTION"],
}


@pytest.mark.parametrize("name", ASKED)
def test_a_chat_model_is_asked_in_the_words_of_the_set(name: str, tmp_path: Path) -> None:
    problem = load(name, tmp_path).problems[0]
    asked = template.request(problem, SamplingParams(), Form.CHAT)
    assert asked.messages is not None and asked.sampling.stop == ()
    assert all(part in asked.messages[-1]["content"] for part in ASKED[name])
    assert template.request(problem, SamplingParams(), Form.COMPLETION).sampling.stop == problem.stop


SIZES = {
    "cruxeval/cruxeval.jsonl:output": 800,
    "cruxeval/cruxeval.jsonl:input,cot=yes": 800,
    "classeval/ClassEval_data.json": 100,
    "bigcodebench/BigCodeBench.jsonl.gz:complete": 1140,
    "bigcodebench/BigCodeBench.jsonl.gz:instruct": 1140,
    "apps150/selected150.jsonl": 128,  # 22 of its 150 rows are there twice or three times
}


@pytest.mark.parametrize("name", SIZES)
def test_every_published_row_is_a_problem_or_left_out_with_its_reason(name: str, data: Path, tmp_path: Path) -> None:
    found = load_set(f"{data}/{name}", tmp_path)
    assert len(found.problems) + len(found.left_out) == SIZES[name]
    assert all(found.left_out.values())


def test_a_set_of_ones_own_in_the_columns_of_mbpp_keeps_its_files_name(tmp_path: Path) -> None:
    row = {
        "task_id": 975,
        "text": "Double.",
        "code": "def f(x):\n    return 2 * x\n",
        "test_list": ["assert f(1) == 2"],
    }
    rows = [{**row, "test_setup_code": "", "challenge_test_list": []}]
    assert load_set(str(write_rows(tmp_path / "mine.jsonl", *rows)), tmp_path).name == "mine"
    rows[0]["task_id"] = 974
    assert load_set(str(write_rows(tmp_path / "theirs.jsonl", *rows)), tmp_path).name == "mbpp"
