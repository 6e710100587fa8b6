"""What cannot be judged is refused with what, where and what to do: exit code 2, and nothing half-written."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.review.study import Study
from tests.fixtures.commands import Harness
from tests.fixtures.places import EXAMPLE
from tests.fixtures.problems import write_rows
from tests.fixtures.review import answers

Make = Callable[..., Study]


def refused(harness: Harness, *arguments: str | Path, out: Path | None = None) -> str:
    said = harness("review", *arguments, *(["-o", out] if out else []))
    assert said.returncode == 2, (said.stdout, said.stderr)
    assert "Traceback" not in said.stderr
    assert out is None or (not out.exists() and not list(out.parent.glob(f".{out.name}*")))
    return " ".join(said.stderr.split())


@pytest.fixture
def two(tmp_path: Path) -> list[Path]:
    return [answers(tmp_path / f"{name}.jsonl", {f"p{n}": f"{name} {n}" for n in range(8)}) for name in ("a", "b")]


def test_runs_without_a_problem_in_common(harness: Harness, tmp_path: Path, two: list[Path]) -> None:
    other = answers(tmp_path / "c.jsonl", {"q1": "x"})
    said = refused(harness, "ab", two[0], other, out=tmp_path / "s")
    assert "have no problem in common" in said and "give runs of one set" in said


def test_runs_of_two_tasks(harness: Harness, tmp_path: Path) -> None:
    said = refused(harness, "ab", EXAMPLE, EXAMPLE.parent / "nano-summarization", out=tmp_path / "s")
    assert "is of task codegen and" in said and "of summarization" in said


def test_a_run_without_answers_that_people_could_read(harness: Harness, tmp_path: Path) -> None:
    assert "perplexity" in refused(harness, "ab", EXAMPLE.parent / "nano-perplexity", EXAMPLE, out=tmp_path / "s")


def test_more_samples_than_items(harness: Harness, tmp_path: Path, two: list[Path]) -> None:
    said = refused(harness, "ab", *two, "--samples", "100", out=tmp_path / "s")
    assert "100 samples are asked for, and 8 problems have an answer of both; say --samples 8" in said


def test_one_model_only(harness: Harness, tmp_path: Path, two: list[Path]) -> None:
    assert "an A/B needs two models" in refused(harness, "ab", two[0], out=tmp_path / "s")
    said = refused(harness, "ab", EXAMPLE, EXAMPLE, out=tmp_path / "s")
    assert "both runs are of nano (same weights, same sampling)" in said


@pytest.mark.parametrize(
    ("row", "message"),
    [({"generated": "x"}, "line 1: none of the fields prompt, instruction, question is there"), ({"prompt": "x"}, "generated"),
     ({"prompt": 3, "generated": "x"}, "prompt is int, not text"), ({"prompt": "x", "image": "no.png"}, "no.png cannot be read")],
    ids=str,
)  # fmt: skip
def test_a_row_that_lacks_something(harness: Harness, tmp_path: Path, row: dict[str, object], message: str) -> None:
    paths = []
    for name in ("a", "b"):
        write_rows(tmp_path / f"{name}.jsonl", {"id": name if "image" not in row else "p", "n": name, **row})
        paths.append(tmp_path / f"{name}.jsonl")
    assert message in refused(harness, "ab", *paths, out=tmp_path / "s")


def test_options_out_of_range(harness: Harness, tmp_path: Path, two: list[Path]) -> None:
    for option, value, message in (
        ("--checks", "0.9", "--checks is a share from 0 to 0.5"), ("--judges", "0", "--judges must be 1 to 1000"),
        ("--judges", "ana,ana", "different names"), ("--votes", "9", "--votes must be 1 to 3"), ("--by", "verdicts", "did you mean"),
        ("--by", "category", "no problem has a category"), ("--index", "7", "of index 7"),
    ):  # fmt: skip
        runs = [EXAMPLE, EXAMPLE.parent / "nano-base-T0.8"] if option == "--index" else two
        value = "77" if option == "--index" else value
        assert message.replace("index 7", "index 77") in refused(
            harness, "ab", *runs, option, value, out=tmp_path / "s"
        )


def test_a_folder_that_is_there(harness: Harness, tmp_path: Path, two: list[Path]) -> None:
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "mine").write_text("x")
    assert "is there already; name another folder with -o" in refused(harness, "ab", *two, "-o", tmp_path / "s")
    assert [each.name for each in (tmp_path / "s").iterdir()] == ["mine"]


def test_no_study_a_torn_one_and_one_of_a_later_version(harness: Harness, tmp_path: Path, make: Make) -> None:
    assert "does not exist" in refused(harness, "results", tmp_path / "none")
    assert "is not a study: it has no study.json" in refused(harness, "serve", tmp_path)
    path = make().path
    record = json.loads((path / "study.json").read_bytes())
    (path / "study.json").write_text(json.dumps({**record, "format": 99}))
    assert "is of format 99; this version reads up to 1" in refused(harness, "results", path)
    (path / "study.json").write_text('{"format": 1')
    assert "study.json cannot be read" in refused(harness, "results", path)


@pytest.mark.parametrize("command", ["results", "close", "serve", "export"])
def test_items_that_were_changed(harness: Harness, make: Make, command: str) -> None:
    path = make().path
    data = (path / "items.jsonl").read_bytes()
    (path / "items.jsonl").write_bytes(data.replace(b"task p1", b"task pX"))
    more = ["--format", "csv"] if command == "export" else []
    assert "items.jsonl is not the file that this study began with" in refused(harness, command, path, *more)


def test_a_key_of_another_study(harness: Harness, make: Make) -> None:
    path = make().path
    (path / "key.json").write_text("{}")
    assert "key.json is not the file that this study began with" in refused(harness, "serve", path)


def test_an_open_study_shows_no_result_and_exports_nothing(harness: Harness, make: Make) -> None:
    path = make().path
    assert "the study is open (0 votes so far)" in refused(harness, "results", path)
    assert "the study is open" in refused(harness, "export", path, "--format", "csv")
    assert "unknown format 'xml'" in refused(harness, "export", path, "--format", "xml")


def test_a_host_that_lets_others_in_and_a_port_that_is_taken(harness: Harness, make: Make) -> None:
    path = make().path
    said = refused(harness, "serve", path, "--host", "0.0.0.0")
    assert "0.0.0.0 lets others in; name the hosts that judges will type: --allow-host" in said
    assert "--allow-host takes a host's name" in refused(harness, "serve", path, "--allow-host", "http://x/")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = refused(harness, "serve", path, "--port", str(port))
    assert f"port {port} of 127.0.0.1 cannot be used" in said and "--port" in said


@pytest.mark.parametrize(
    ("row", "message"),
    [({"model_a": "a", "model_b": "b"}, "line 1: winner is missing"), ({"model_a": "a", "model_b": "a", "winner": "tie"}, "both a"),
     ({"model_a": "a", "model_b": "b", "winner": "c"}, "the winner is 'c'")], ids=str,
)  # fmt: skip
def test_arena_votes_that_are_none(harness: Harness, tmp_path: Path, row: dict[str, str], message: str) -> None:
    write_rows(tmp_path / "votes.jsonl", row)
    assert message in refused(harness, "results", tmp_path / "votes.jsonl")


def test_outputs_that_exclude_each_other(harness: Harness, make: Make) -> None:
    assert "exclude each other" in refused(harness, "results", make().path, "--json", "--csv")


def test_a_judge_without_a_model(harness: Harness, make: Make) -> None:
    assert "name the judge: --model" in refused(harness, "judge", make().path)
