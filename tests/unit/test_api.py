"""The Python interface: what `import harness` offers."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest
from rich.console import Console

import harness
from harness.cli.display.notebook import NotebookDisplay, in_notebook
from harness.errors import InputError
from harness.pipeline.job import StreamStart
from harness.types import Completion
from tests.fixtures.commands import Harness
from tests.fixtures.places import EXAMPLE, ROOT
from tests.fixtures.problems import CALL, write_rows

BASE = EXAMPLE.parent / "nano-base-T0.8"
HOSTILE = "<script>alert(1)</script>\x1b[31m\u202e"


@pytest.fixture
def command(request: pytest.FixtureRequest) -> Harness:
    """The command line; the module has its name."""
    found: Harness = request.getfixturevalue("harness")
    return found


def copy(run: Path, to: Path, **changed: object) -> Path:
    """A run's manifest and summary, with some of the summary's fields changed."""
    to.mkdir()
    (to / "manifest.json").write_bytes((run / "manifest.json").read_bytes())
    summary = {**json.loads((run / "summary.json").read_text()), **changed}
    (to / "summary.json").write_text(json.dumps(summary))
    return to


def test_importing_the_harness_imports_only_the_standard_library() -> None:
    code = "import sys\nbefore = set(sys.modules)\nimport harness\nprint({name.partition('.')[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names), 'harness.api' in sys.modules)"
    found = subprocess.check_output([sys.executable, "-c", code], text=True, cwd=ROOT)
    assert found == "{'harness'} False\n"


def test_the_packages_say_that_they_are_typed() -> None:
    assert (ROOT / "harness/py.typed").exists() and (ROOT / "sandbox/py.typed").exists()


def test_what_is_offered_exists_and_nothing_else_does() -> None:
    assert all(getattr(harness, name) for name in harness.__all__) and set(harness.__all__) <= set(dir(harness))
    with pytest.raises(AttributeError, match="no attribute 'rnu'"):
        harness.rnu  # type: ignore[attr-defined]  # noqa: B018


def test_comparing_by_function_works_after_every_package_is_imported() -> None:
    code = "import harness, harness.comparison.pairs, harness.cli.app\nassert callable(harness.compare)\nprint('ok')"
    assert subprocess.check_output([sys.executable, "-c", code], text=True, cwd=ROOT) == "ok\n"


def test_a_run_has_its_estimates_problems_and_record() -> None:
    run = harness.load(EXAMPLE)
    saved = json.loads((EXAMPLE / "summary.json").read_text())
    assert run.to_dict() == saved and run.problems == saved["problems"]
    first = saved["estimates"][0]
    estimate = run.estimates[first["metric"]]
    assert (estimate.value, estimate.low, estimate.high) == (first["value"], first["low"], first["high"])
    assert (run.model, run.problem_set, run.task, run.complete) == ("nano", "starter", "codegen", True)
    assert len(list(run.completions())) == len(list(run.scores())) == saved["coverage"]["completions"]


def test_a_frame_has_a_row_for_each_problem() -> None:
    run = harness.load(EXAMPLE)
    frame = run.to_pandas()
    assert list(frame.index) == list(run.problems) and set(frame.columns) == {"n", "c"}
    assert (frame["c"] / frame["n"]).mean() == pytest.approx(run.estimates["pass@1"].value)


def test_without_pandas_the_error_says_what_to_install() -> None:
    with mock.patch.dict(sys.modules, {"pandas": None}), pytest.raises(InputError, match="pip install pandas"):
        harness.load(EXAMPLE).to_pandas()


def test_a_run_shows_itself_as_a_line_a_table_and_html() -> None:
    run = harness.load(EXAMPLE)
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(run)
    assert "50.7%" in console.export_text() and "<td>50.7%</td>" in run._repr_html_()
    assert repr(run).startswith("<Run nano on starter: pass@1 50.7% (40.7% - 60.6%), pass@10 71.0%")


def test_hostile_names_are_escaped_in_html_and_on_a_terminal(tmp_path: Path) -> None:
    saved = json.loads((EXAMPLE / "summary.json").read_text())
    estimates = [{**each, "metric": HOSTILE} for each in saved["estimates"][:1]]
    manifest = json.loads((EXAMPLE / "manifest.json").read_text())
    manifest["identity"]["model"]["name"] = HOSTILE
    run = copy(EXAMPLE, tmp_path / "run", estimates=estimates)
    (run / "manifest.json").write_text(json.dumps(manifest))
    found = harness.load(run)
    comparison = harness.compare(found, BASE, force=True)
    console = Console(width=400, record=True, file=io.StringIO())
    console.print(found, comparison)
    for text in (found._repr_html_(), comparison._repr_html_()):
        assert "&lt;script&gt;" in text and "<script>" not in text
    for text in (found._repr_html_(), comparison._repr_html_(), repr(found), repr(comparison), console.export_text()):
        assert "\x1b" not in text and "\u202e" not in text and r"\u202e" in text


def test_runs_are_compared_as_the_command_compares_them(command: Harness) -> None:
    found = harness.compare(harness.load(EXAMPLE), BASE, k=1)
    answer = json.loads(command("compare", EXAMPLE, BASE, "--k", "1", "--json").stdout)
    assert {name: answer[name] for name in found.to_dict()} == found.to_dict()
    (row,) = found.estimates
    assert row.verdict == "better" and len(found.problems) == row.difference.n_problems
    assert found.to_pandas()["difference"][0] == row.difference.value
    assert repr(found) == "<RunComparison pass@1: A (nano) is better than B (nano-base) by 50.7 points.>"
    assert "<td>A - B</td>" in found._repr_html_()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: harness.load("/nowhere"), "/nowhere does not exist"),
        (lambda: harness.compare(EXAMPLE), "two runs or more"),
        (lambda: harness.run("nano", temprature=0.2), "no option 'temprature'.*temperature"),
        (lambda: harness.run("nano", n=0), "n must be above 0"),
        (lambda: harness.score("/nowhere.jsonl", "starter"), "/nowhere.jsonl"),
        (lambda: harness.score(EXAMPLE, out="x.jsonl"), "a run that is scored again is a run directory of its own"),
    ],
)
def test_bad_input_is_an_error_that_says_what_to_change(call: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        call()  # type: ignore[operator]


def test_a_summary_that_is_none_is_named(tmp_path: Path) -> None:
    run = copy(EXAMPLE, tmp_path / "run", estimates="many")
    with pytest.raises(InputError, match=r"summary\.json is not what a run writes"):
        harness.load(run)


def test_saved_completions_are_scored_and_scored_again(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    problems = write_rows(tmp_path / "mini.jsonl", CALL)
    samples = write_rows(
        tmp_path / "s.jsonl",
        *({"task_id": CALL["id"], "completion": text} for text in (CALL["reference"], "    pass\n")),
    )
    out = tmp_path / "out.jsonl"
    run = harness.score(samples, problems, out=out, progress=False, results=tmp_path / "results")
    assert run.estimates["pass@1"].value == 0.5 and run.problems[CALL["id"]] == {"n": 2, "c": 1}
    assert [json.loads(line)["passed"] for line in out.read_text().splitlines()] == [True, False]
    again = harness.score(run, progress=False, wall_s=7)
    assert again.path != run.path and again.estimates["pass@1"].value == 0.5 and "wall:7s" in again.signature
    assert harness.score(samples, problems, progress=False, results=tmp_path / "results").path == run.path
    assert capfd.readouterr() == ("", "")  # silent


def test_a_model_is_sampled_and_the_same_call_finds_its_run(tmp_path: Path) -> None:
    problems = write_rows(tmp_path / "mini.jsonl", CALL)
    run = harness.run("nano", problems, n=2, k=1, progress=False, results=tmp_path / "results")
    assert run.complete and run.problems[CALL["id"]]["n"] == 2 and list(run.estimates) == ["pass@1"]
    assert harness.run("nano", problems, n=2, k=1, progress=False, results=tmp_path / "results").path == run.path


def test_outside_of_a_notebook_nothing_of_one_is_imported() -> None:
    assert not in_notebook()


def test_progress_in_a_notebook_is_one_output_with_bars() -> None:
    shown: list[str] = []
    handle = mock.Mock(update=lambda html: shown.append(html.data))

    def display(html: object, *, display_id: bool) -> mock.Mock:
        shown.append(html.data)  # type: ignore[attr-defined]
        return handle

    with (
        mock.patch("IPython.display.display", display),
        mock.patch("harness.cli.display.notebook.EVERY_S", 0.0),
        NotebookDisplay() as progress,
    ):
        progress.note("<b>sampling</b>")
        four = {CALL["id"]: 4}
        progress.started(
            StreamStart(source="generate", work="score", total=4, made=0, scored=0, to_make=four, to_score=four)
        )
        progress.executed(Completion(problem_id=CALL["id"], index=0, text=""), None)
    assert "&lt;b&gt;sampling&lt;/b&gt;" in shown[0]
    assert "generate" in shown[-1] and '<progress value="1" max="4"></progress> 1/4 ' in shown[-1]
