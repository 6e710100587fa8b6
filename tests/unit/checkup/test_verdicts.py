from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import pytest

from harness.checkup import verdicts as findings
from harness.checkup.checkpoints import Checkpoint, score_text
from harness.checkup.data import ItemSelection, open_data
from harness.checkup.verdicts import Conclusion, MemorizationCheck, MetricResult, ValueWithInterval
from harness.errors import InputError
from harness.overfit.loss_curve import LossMinimum
from harness.overfit.measures import find_signs
from harness.tasks.continuation import open_task
from harness.training_data.leaks import Leaks
from harness.types import Completion, Problem

WORDS = [f"word{number}" for number in range(40)]


def line(verdict: Conclusion, metric: str = "accuracy", **more: object) -> MetricResult:
    reading = ValueWithInterval(value=0.5, low=0.4, high=0.6)
    made = MetricResult(
        part="classification", metric=metric, share=True, unit="points", base=reading, tuned=reading, difference=0.1,
        low=0.05, high=0.15, relative=None, p_value=0.01, p_adjusted=0.02, method="", items=40, won=5, lost=1, tied=34,
        needed=None, verdict=verdict, words="",
    )  # fmt: skip
    return dataclasses.replace(made, **more)  # type: ignore[arg-type]


SIGN = MemorizationCheck(name="copies", verdict=Conclusion.SIGN, words="")
NO_SIGN = MemorizationCheck(name="loss gap", verdict=Conclusion.NO_SIGN, words="")


@pytest.mark.parametrize(
    ("verdicts", "checks", "begins"),
    [
        (["better"], [NO_SIGN], "Yes: t is better than b on classification m0 (+10.0 points)"),
        (["better", "no evidence"], [SIGN], "Not to be trusted yet: t is better"),
        (["worse"], [], "No: t is worse than b"),
        (["better", "worse"], [], "Partly: t is better than b on classification m0 (+10.0 points), and worse on"),
        (["no evidence", "no evidence"], [], "Not shown: there is no evidence either way on classification m0 and"),
        ([], [], "Nothing was measured"),
    ],
)
def test_the_headline_begins_with_the_answer(verdicts: list[str], checks: list[MemorizationCheck], begins: str) -> None:
    found = [line(Conclusion(verdict), f"m{number}") for number, verdict in enumerate(verdicts)]
    assert findings.headline("b", "t", found, checks).startswith(begins)


def test_the_headline_names_the_checks_that_found_something_or_says_that_none_was_made() -> None:
    assert "1 of 2 checks for memorization and leaks found something (copies)" in findings.headline(
        "b", "t", [], [SIGN, NO_SIGN]
    )
    assert "None of 1 checks" in findings.headline("b", "t", [], [NO_SIGN])
    assert "Whether it memorized was not checked" in findings.headline("b", "t", [], [])


def leaks(contained: int, rows: int) -> Leaks:
    return Leaks(part="test", found_in="train.jsonl", rows=rows, exact=0, near=0, contained=contained,
                 share=contained / rows, examples=())  # fmt: skip


def test_one_leaked_item_of_many_is_a_remark_with_its_size_and_does_not_turn_the_headline() -> None:
    check = findings.check_of_leaks("codegen", leaks(1, 69))
    assert (
        check.verdict is Conclusion.REMARK and "1 of 69 items (1.4%, 95 % interval 0.3% to 7.8%) is in" in check.words
    )
    said = findings.headline("b", "t", [line(Conclusion.BETTER)], [check, NO_SIGN])
    assert said.startswith("Yes: ") and "1 of 69" in said and "weighs against it" in said


def test_from_one_item_in_twenty_on_a_leak_is_a_sign() -> None:
    assert findings.check_of_leaks("codegen", leaks(5, 100)).verdict is Conclusion.SIGN
    assert findings.check_of_leaks("codegen", leaks(4, 100)).verdict is Conclusion.REMARK


def test_a_validation_loss_that_rose_by_hardly_anything_is_a_remark() -> None:
    def check(rise: float) -> MemorizationCheck:
        turn = LossMinimum(step=1, epoch=2, loss=1, rise=rise, confirmed=True, train_change=-1)
        return findings.check_of_signs("training curve", find_signs(None, [], turn), "")

    assert check(0.03).verdict is Conclusion.REMARK and check(0.2).verdict is Conclusion.SIGN


@pytest.mark.parametrize("name", ["val.jsonl", "valid.json", "eval.csv", "dev.jsonl", "validation.csv", "dev.parquet"])
def test_validation_texts_are_found_under_every_common_name(tmp_path: Path, name: str) -> None:
    texts = ["one two three", "four five six"]
    if name.endswith("parquet"):
        pyarrow = pytest.importorskip("pyarrow")
        pytest.importorskip("pyarrow.parquet").write_table(pyarrow.table({"text": texts}), tmp_path / name)
    elif name.endswith("csv"):
        (tmp_path / name).write_text("text\n" + "\n".join(texts) + "\n")
    elif name.endswith("json"):
        (tmp_path / name).write_text(json.dumps([{"text": text} for text in texts]))
    else:
        (tmp_path / name).write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    data = open_data(tmp_path, ItemSelection(limit=9, prompts=0, seed=0, copies=tmp_path / "copies", cache=tmp_path))
    assert data.validation == tmp_path / name and "validation.jsonl" not in data.missing and not data.not_read


def test_a_file_that_a_checkup_does_not_know_is_named(tmp_path: Path) -> None:
    for name in ("val.jsonl", "held_out.jsonl"):
        (tmp_path / name).write_text('{"text": "a b"}\n' * 2)
    data = open_data(tmp_path, ItemSelection(limit=9, prompts=0, seed=0, copies=tmp_path / "copies", cache=tmp_path))
    assert data.not_read == ("held_out.jsonl",)


def test_a_perplexity_is_told_by_its_change_in_per_cent() -> None:
    found = line(
        Conclusion.BETTER,
        "perplexity",
        share=False,
        relative=ValueWithInterval(value=-0.25, low=-0.3, high=-0.2),
        difference=-0.288,
    )
    assert (findings.size(found, "+"), findings.size(found), findings.span(found)) == (
        "-25.0%", "25.0%", "-30.0% to -20.0%",
    )  # fmt: skip


def recalled(text: str) -> float:
    problem = Problem(id="a", dataset="d", prompt="p", references=(" ".join(WORDS),))
    return open_task({}).score(problem, Completion(problem_id="a", index=0, text=text), None).values["recalled"]


def test_what_is_recalled_is_the_longest_copy_over_the_rest_of_the_text() -> None:
    assert recalled(" ".join(WORDS)) == 1
    assert recalled("other " + " ".join(WORDS[10:30]) + " other") == 0.5
    assert recalled(" ".join(reversed(WORDS))) == 0 and recalled("") == 0


def test_a_message_about_a_copied_line_names_the_users_line(tmp_path: Path) -> None:
    rows = ["", '{"text": "one two three four"}', "", '{"text": "x"}']
    (tmp_path / "train.jsonl").write_text("\n".join(rows))
    data = open_data(tmp_path, ItemSelection(limit=9, prompts=0, seed=0, copies=tmp_path / "copies", cache=tmp_path))
    (part,) = data.parts
    said = part.in_source(f"{part.problems}, line 2: the text has one token")
    assert said == f"{tmp_path / 'train.jsonl'}, line 4: the text has one token"
    assert [json.loads(row)["id"] for row in Path(part.problems).read_text().splitlines()] == ["train/2", "train/4"]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "holds none of train.jsonl"),
        ({"train.jsonl": '{"text": "a b"}\n{"other": "a b"}\n'}, "train.jsonl, line 2: no field"),
        ({"codegen.jsonl": '{"id": "a/b"}\n'}, "codegen.jsonl, line 1: prompt"),
        ({"summarization.jsonl": '{"text": "a"}\n'}, "summarization.jsonl, line 1: no reference"),
        ({"classification.jsonl": '{"text": "a", "label": []}\n'}, "classification.jsonl, line 1: label"),
        ({"perplexity.jsonl": '{"text": "a"}\n{"text": ""}\n'}, "perplexity.jsonl, line 2: text"),
        ({"validation.jsonl": '{"text": "a b"}\n'}, "validation.jsonl has one text"),
    ],
)
def test_bad_data_is_named_by_file_and_line(tmp_path: Path, files: dict[str, str], message: str) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=re.escape(message)):
        open_data(tmp_path, ItemSelection(limit=9, prompts=0, seed=0, copies=tmp_path / "copies", cache=tmp_path))


def test_a_checkpoints_scores_are_written_as_in_every_other_table() -> None:
    one = Checkpoint(
        name="step 10", report="", validation=None, gap=None, signs=(),
        scores={"codegen pass@1": 0.507, "validation perplexity": 18893.2},
    )  # fmt: skip
    assert score_text(one, "codegen pass@1") == "50.7%"
    assert score_text(one, "validation perplexity") == "18,893"
    assert score_text(one, "classification accuracy") == ""
