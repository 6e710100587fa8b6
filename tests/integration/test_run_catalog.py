"""`harness runs`, `harness gate` and what `harness show` can leave out, on copies of the example runs."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.fixtures.commands import COMMAND, Harness

EXAMPLES = Path(__file__).resolve().parents[2] / "results" / "example"


@pytest.fixture
def results(tmp_path: Path) -> Path:
    for name in ("nano-T0.8", "nano-base-T0.8"):
        shutil.copytree(EXAMPLES / name, tmp_path / "results" / name)
    return tmp_path / "results"


def test_runs_are_listed_with_their_score_state_and_label(harness: Harness, results: Path) -> None:
    (results / "nano-T0.8" / "summary.json").unlink()
    (results / "broken").mkdir()
    (results / "broken" / "manifest.json").write_text("{")
    assert harness("runs", "label", results / "nano-base-T0.8", "the base, 2 epochs").returncode == 0
    rows = json.loads(harness("runs", "list", results, "--json").stdout)
    assert {Path(row["path"]).name: row["state"] for row in rows} == {
        "nano-T0.8": "unfinished", "nano-base-T0.8": "complete", "broken": "broken",
    }  # fmt: skip
    chosen = harness("runs", "list", results, "--model", "EPOCHS", "--format", "csv").stdout.splitlines()
    assert len(chosen) == 2 and chosen[1].startswith("nano-base,starter,2026-11-") and "the base, 2 epochs" in chosen[1]


def test_every_command_writes_a_metric_the_same_way(
    harness: Harness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    runs = tmp_path / "results"
    for name in ("nano-perplexity", "nano-base-perplexity"):
        shutil.copytree(EXAMPLES / name, runs / name)
    each = [runs / "nano-perplexity", runs / "nano-base-perplexity"]
    for command in (("runs", "list", runs), ("leaderboard", runs), ("compare", *each)):
        assert "18,893 (17,396-20,592)" in harness(*command).stdout, command
    assert "18,893" in (shown := harness("show", each[0]).stdout) and "17,396 - 20,592" in shown
    assert harness("leaderboard", runs, "-o", tmp_path / "site").returncode == 0
    page = (tmp_path / "site" / "index.html").read_text()
    assert "<b>18,893</b>" in page and "17,396 &ndash; 20,592" in page


def test_only_runs_are_removed_and_only_when_nobody_works_on_them(harness: Harness, results: Path) -> None:
    refused = harness("runs", "rm", "--yes", results)
    assert refused.returncode == 2 and "is not a run directory" in refused.stderr and results.is_dir()
    kept = harness("runs", "rm", results / "nano-T0.8", stdin="n\n")
    assert kept.returncode == 0 and (results / "nano-T0.8" / "manifest.json").exists()
    with open(results / "nano-T0.8" / "run.log", "ab") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        busy = harness("runs", "rm", "--yes", results / "nano-T0.8")
        assert busy.returncode == 3 and "another process is working" in busy.stderr
    assert harness("runs", "rm", "--yes", results / "nano-T0.8").returncode == 0
    assert sorted(path.name for path in results.iterdir()) == ["nano-base-T0.8"]


def test_a_run_is_moved_but_never_over_another(harness: Harness, results: Path) -> None:
    taken = harness("runs", "mv", results / "nano-T0.8", results / "nano-base-T0.8" / "summary.json")
    assert taken.returncode == 2 and "is there already" in taken.stderr
    assert harness("runs", "mv", results / "nano-T0.8", results / "old" / "first").returncode == 0
    assert (results / "old" / "first" / "manifest.json").exists() and not (results / "nano-T0.8").exists()


@pytest.mark.parametrize(
    ("run", "baseline", "code", "said"),
    [("nano-T0.8", "nano-base-T0.8", 0, "passed"), ("nano-base-T0.8", "nano-T0.8", 1, "failed"),
     ("nano-T0.8", "nano-T0.8", 3, "undecided")],
)  # fmt: skip
def test_a_gate_ends_with_the_exit_code_of_its_outcome(
    harness: Harness, run: str, baseline: str, code: int, said: str
) -> None:
    answer = harness("gate", EXAMPLES / run, "--baseline", EXAMPLES / baseline, "--vary", "n")
    assert answer.returncode == code and answer.stdout.startswith(f"{said}: pass@1 is ")
    asked = harness("gate", EXAMPLES / run, "--baseline", EXAMPLES / baseline, "--vary", "n", "--json")
    assert asked.returncode == code and json.loads(asked.stdout)["outcome"] == said


def test_failed_completions_are_shown_once_each_as_a_difference_from_the_reference(harness: Harness) -> None:
    answer = harness("show", EXAMPLES / "nano-T0.8", "starter/odd_cubes", "--failed", "--diff")
    assert answer.returncode == 0, answer
    assert answer.stdout.startswith("prompt ─") and "\ntests ─" in answer.stdout and "ACCEPTED" not in answer.stdout
    assert "2 times  " in answer.stdout and "\n-    return [x ** 3 for x in xs if x % 2 != 0]\n" in answer.stdout
    record = json.loads(harness("show", EXAMPLES / "nano-T0.8", "starter/odd_cubes", "--failed", "--json").stdout)
    assert answer.stdout.count("--- reference") < len(record["completions"])


def test_problems_are_chosen_by_verdict_and_sorted_by_how_many_passed(harness: Harness) -> None:
    answer = harness(
        "show", EXAMPLES / "nano-T0.8", "--verdict", "compile_error", "--sort", "passed", "--format", "csv"
    )
    head, *rows = answer.stdout.split("\nmetric,")[0].splitlines()
    passed = [int(row.split(",")[1].split(" of ")[0]) for row in rows]
    assert head == "problem,c of n,verdicts" and passed == sorted(passed)
    assert all("COMPILE_ERROR" in row for row in rows) and 0 < len(rows) < 69
    wrong = harness("show", EXAMPLES / "nano-T0.8", "--verdict", "timeout")
    assert wrong.returncode == 2 and "TIME_LIMIT" in wrong.stderr


@pytest.mark.parametrize(
    ("run", "baseline", "undecided", "code", "said"),
    [("nano-T0.8", "nano-base-T0.8", "warn", 0, "::notice::passed"), ("nano-T0.8", "nano-T0.8", "fail", 3, "::warning::"),
     ("nano-base-T0.8", "nano-T0.8", "warn", 1, "::error::failed"), ("nano-T0.8", "missing", "warn", 2, "")],
)  # fmt: skip
def test_the_action_s_script_ends_a_job_as_the_gate_says(
    tmp_path: Path, run: str, baseline: str, undecided: str, code: int, said: str
) -> None:
    env = {
        **os.environ, "PATH": f"{Path(COMMAND).parent}:{os.environ['PATH']}", "SAMPLES": str(EXAMPLES / run),
        "BASELINE": str(EXAMPLES / baseline), "MAX_DROP": "1", "VARY": "n", "UNDECIDED": undecided, "PROBLEMS": "starter",
        "GITHUB_OUTPUT": str(tmp_path / "output"),
    }  # fmt: skip
    script = Path(__file__).resolve().parents[2] / "docker" / "harness" / "gate.sh"
    answer = subprocess.run(["bash", script], cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert answer.returncode == code and answer.stdout.startswith(said), answer
    if said:
        assert (tmp_path / "output").read_text().startswith("outcome=")


def test_every_score_of_an_answer_is_shown_on_a_narrow_terminal(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    shown = " ".join(harness("show", EXAMPLES / "nano-summarization", "briefs/wolf").stdout.split())
    for name in (
        "rouge1 7.0%",
        "rougeLsum 7.0%",
        "rouge1_precision",
        "rougeLsum_recall",
        "length_ratio",
        "copied",
        "empty",
    ):
        assert name in shown, name
