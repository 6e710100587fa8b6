"""What is chosen of a published set stands in its name, and two choices are two sets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.cli import options
from harness.config import RunConfig
from harness.datasets import ProblemSets, load_set
from harness.errors import ProblemError
from harness.tasks import open_task

ROW = {"code": "def f(x):\n    return x + 1", "input": "3", "output": "4", "id": "sample_0"}


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(ROW) + "\n")
    return path


def test_a_choice_stands_in_the_name_and_two_choices_of_a_file_are_two_sets(rows: Path, tmp_path: Path) -> None:
    output, input_ = (load_set(f"{rows}:{which}", tmp_path) for which in ("output", "input"))
    assert (output.name, input_.name) == ("cruxeval:output", "cruxeval:input")
    assert output.sha256 != input_.sha256
    assert load_set(f"{rows}:output,cot=yes", tmp_path).name == "cruxeval:output,cot=yes"


def test_a_chosen_part_is_found_again_by_its_digest(rows: Path, tmp_path: Path) -> None:
    there = load_set(f"{rows}:input", tmp_path)
    found = ProblemSets(tmp_path).find(there.name, there.sha256, open_task("codegen"), f"{rows}:input")
    assert found is not None and found.problems == there.problems
    assert ProblemSets(tmp_path).find("cruxeval:output", there.sha256, open_task("codegen"), f"{rows}:output") is None


FAULTS = {
    "cruxeval": "name a direction: cruxeval:output, :input",
    "cruxeval:outptu": "cruxeval has no direction 'outptu' (did you mean output",
    "cruxeval:output,cto=yes": "problem set cruxeval has no option 'cto' (did you mean cot?); known: cot (",
    "cruxeval:output,input": "one of output and input is expected",
    "cruxeval:output,cot=no,cot=yes": "the option cot is given twice",
    "humaneval:cpp": "problem set humaneval is one set; leave out :cpp",
    "starter:half": "is one set; leave out :half",
    "cruxevil:output": "unknown problem set 'cruxevil:output'",
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_part_that_is_not_there_is_refused_before_anything_is_downloaded(name: str, tmp_path: Path) -> None:
    with pytest.raises(ProblemError) as caught:
        load_set(name, tmp_path)
    assert FAULTS[name] in str(caught.value)


def test_what_is_set_of_the_task_of_code_joins_the_name_of_its_set() -> None:
    given = options.parse_part(["to=2025-02,from=2024-08"])
    config = RunConfig(problems="livecodebench", task_options=given or {})
    assert config.problems == "livecodebench:from=2024-08,to=2025-02" and config.task_options == {}
    assert RunConfig(problems="cruxeval:output", task_options={"cot": "yes"}).problems == "cruxeval:output,cot=yes"
    other = RunConfig(task="classification", task_options={"by": "logprob"})
    assert other.problems == "starter" and other.task_options == {"by": "logprob"}


def test_a_value_may_have_commas() -> None:
    found = options.parse_sets(["labels=bug,feature", "from=2024-08,to=2025-02"], [])
    assert found == {"": {"labels": "bug,feature", "from": "2024-08", "to": "2025-02"}}


def test_a_file_that_is_one_list_is_read_item_by_item(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text(json.dumps([ROW, {**ROW, "id": "mine_1"}], indent=1))
    assert [each.id for each in load_set(f"{path}:output", tmp_path).problems] == ["sample_0", "mine_1"]
    path.write_text(json.dumps([ROW, 5]))
    with pytest.raises(ProblemError, match="item 2: a JSON object is expected"):
        load_set(f"{path}:output", tmp_path)
