"""Problem sets: ours, the published ones as published, and every fault with its file and line."""

from __future__ import annotations

import hashlib
import http.server
import json
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.datasets import Download, fetch, load_set, shipped, shipped_folder
from harness.datasets._limits import BRIEF
from harness.errors import ProblemError
from sandbox import CallTests
from tests.fixtures.problems import write_rows

GOOD: dict[str, Any] = {
    "id": "x/1",
    "prompt": "def f(x):\n",
    "entry_point": "f",
    "tests": {"kind": "call", "source": "def check(c):\n    assert c(1) == 1\n"},
    "reference": "    return x\n",
    "wrong": ["    return 0\n", "    return None\n"],
}


def write(path: Path, *rows: object) -> Path:
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


def test_the_shipped_sets_are_there_and_large_enough(tmp_path: Path) -> None:
    sizes = {name: len(load_set(name, tmp_path).problems) for name in shipped()}
    assert sizes["starter"] >= 40 and sizes["core"] >= 60


def test_the_shipped_sets_are_those_of_their_checksums() -> None:
    lines = (shipped_folder() / "SHA256SUMS").read_text().split("\n")
    pinned = dict(reversed(line.split("  ")) for line in lines if line)
    assert pinned == {
        str(path.relative_to(shipped_folder())): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in shipped_folder().rglob("*.jsonl")
    }


@pytest.mark.parametrize("name", ["core", "starter"])
def test_each_shipped_problem_has_enough_checks_and_wrong_solutions(tmp_path: Path, name: str) -> None:
    for problem in load_set(name, tmp_path).problems:
        assert isinstance(problem.tests, CallTests)
        assert problem.tests.source.count("assert ") >= (10 if name == "core" else 5), problem.id
        assert len(problem.wrong) >= 2 and len(problem.references) == 1


FAULTS: dict[str, tuple[list[object], str]] = {
    "not JSON": ([GOOD, "{"], "line 2: not JSON"),
    "not an object": (["[1]"], "line 1: a JSON object is expected"),
    "the same id twice": ([GOOD, GOOD], "line 2: the id 'x/1' occurs twice"),
    "a key is missing": ([{**GOOD, "prompt": None}], "line 1: prompt"),
    "an unknown key": ([{**GOOD, "refrence": ""}], "line 1: refrence"),
    "no function name": ([{**GOOD, "entry_point": "f()"}], "line 1: entry_point"),
    "a limit of 0": ([{**GOOD, "limits": {"cpu_s": 0}}], "line 1: limit cpu_s must be above 0"),
    "nothing": ([""], "holds no problems"),
    "EvalPlus's own file": ([{"task_id": "HumanEval/0", "plus_input": []}], "OriginFmt"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_reported_with_its_place(tmp_path: Path, name: str) -> None:
    rows, message = FAULTS[name]
    with pytest.raises(ProblemError, match=message):
        load_set(str(write(tmp_path / "p.jsonl", *rows)), tmp_path)


def test_an_unknown_name_comes_with_near_ones(tmp_path: Path) -> None:
    with pytest.raises(ProblemError, match="did you mean starter"):
        load_set("startr", tmp_path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProblemError, match="does not exist"):
        load_set("./no.jsonl", tmp_path)


def test_a_file_that_is_not_packed_is_named(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl.gz"
    path.write_text("no gzip")
    with pytest.raises(ProblemError, match="cannot be read"):
        load_set(str(path), tmp_path)


@pytest.mark.parametrize(
    ("file", "name", "count", "first"),
    [
        ("humaneval/HumanEval.jsonl.gz", "humaneval", 164, "HumanEval/0"),
        ("humanevalplus/HumanEvalPlus-OriginFmt.jsonl.gz", "humanevalplus", 164, "HumanEval/0"),
        ("mbpp/mbpp.jsonl", "mbpp", 974, "Mbpp/1"),
        ("mbppplus/MbppPlus-OriginFmt.jsonl.gz", "mbppplus", 378, "Mbpp/2"),
    ],
)
def test_a_published_file_is_recognized_by_its_content(
    data: Path, file: str, name: str, count: int, first: str, tmp_path: Path
) -> None:
    loaded = load_set(str(data / file), tmp_path)
    assert (loaded.name, len(loaded.problems), loaded.problems[0].id) == (name, count, first)
    assert loaded.find(first) is loaded.find(int(first.rpartition("/")[2])) is loaded.problems[0]
    warnings.simplefilter("ignore")  # escapes in some published texts are not Python's
    for problem in loaded.problems:
        compile(problem.prompt + problem.references[0], "reference", "exec")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, list[str]]]:
    """A loopback server of one file; its address and the paths that were asked for."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"published bytes")

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as opened:
        thread = threading.Thread(target=opened.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{opened.server_port}", asked
        opened.shutdown()
        thread.join()


def source(url: str, digest: str) -> Download:
    return Download(urls=(f"{url}/f.jsonl",), sha256=digest, file="f.jsonl", licence="MIT")


def test_a_published_file_is_downloaded_once(server: tuple[str, list[str]], tmp_path: Path) -> None:
    url, asked = server
    wanted = source(url, hashlib.sha256(b"published bytes").hexdigest())
    assert fetch(wanted, tmp_path / "cache").read_bytes() == b"published bytes"
    assert fetch(wanted, tmp_path / "cache").read_bytes() == b"published bytes"
    assert asked == ["/f.jsonl"]


def test_other_bytes_than_the_published_ones_are_never_used(server: tuple[str, list[str]], tmp_path: Path) -> None:
    with pytest.raises(ProblemError, match="not the published"):
        fetch(source(server[0], "0" * 64), tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_without_network_the_message_says_how_to_pass_a_path(tmp_path: Path) -> None:
    with pytest.raises(ProblemError, match="--problems PATH"):
        fetch(source("http://127.0.0.1:9", "0" * 64), tmp_path)


def test_a_set_of_ones_own_in_human_evals_columns_has_its_files_name_and_the_integrity_of_its_tests(
    tmp_path: Path,
) -> None:
    row = {"prompt": "def f(x):\n", "entry_point": "f", "canonical_solution": "    return x\n"}
    tests = {
        "data": ("def check(candidate):\n    assert candidate(1) == 1\n", "judged"),
        "code": ("def check(candidate):\n    assert candidate(lambda v: v)\n", "in-sandbox"),
        "suite": ("import unittest\nclass T(unittest.TestCase):\n    def test_a(self):\n        self.assertEqual(f(1), 1)\n", "in-sandbox"),
        "plain": ("assert f(1) == 1\n", "judged"),
        "in place": ("def check(candidate):\n    a = [2, 1]\n    candidate(a)\n    assert a == [1, 2]\n", "in-sandbox"),
        "an error": ("a = [1]\ntry:\n    f(a)\nexcept ValueError:\n    pass\nelse:\n    assert False\n", "judged"),
        "printed": ("import contextlib, io\nwith contextlib.redirect_stdout(io.StringIO()) as out:\n    f(1)\nassert out.getvalue()\n", "in-sandbox"),
        "entered": ("with f(1) as a:\n    assert a\n", "in-sandbox"),
        "awaited": ("import asyncio\nassert asyncio.run(f(1)) == 2\n", "in-sandbox"),
    }  # fmt: skip
    path = write_rows(
        tmp_path / "acme.jsonl",
        *({**row, "task_id": f"acme/{name}", "test": test} for name, (test, _) in tests.items()),
    )
    found = load_set(str(path), tmp_path)
    assert found.name == "acme" and all(problem.limits == BRIEF for problem in found.problems)
    assert [problem.integrity() for problem in found.problems] == [integrity for _, integrity in tests.values()]
    assert "check(f)" not in found.problems[3].tests.source


def test_a_problem_needs_neither_a_reference_nor_wrong_solutions(tmp_path: Path) -> None:
    row = {key: value for key, value in GOOD.items() if key not in ("reference", "wrong")}
    (problem,) = load_set(str(write_rows(tmp_path / "mine.jsonl", row)), tmp_path).problems
    assert problem.references == () and problem.wrong == ()
