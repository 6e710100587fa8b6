"""Every reader of files from elsewhere, with files that are wrong in some hundred ways: refused by name, never a crash.

A reader may take a damaged value that it has no use for. What it must not do is anything but InputError (exit code 2):
a traceback, a hang, memory or disk without bound.
"""

from __future__ import annotations

import copy
import dataclasses
import gzip
import json
import os
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.cli.commands.show import show
from harness.config import parse_config
from harness.datasets import load_set
from harness.engines import replay
from harness.errors import InputError
from harness.exchange import import_ as importing
from harness.files import limits
from harness.files.opened import zstd
from harness.files.rows import RowFile
from harness.overfit.curve_files import read_curve
from harness.runs import layout

EXAMPLE = Path(__file__).resolve().parents[2] / "results" / "example" / "nano-T0.2"
HOSTILE = (
    None,
    True,
    -1,
    10**400,
    1e999,
    float("nan"),
    "",
    "\ud800",
    "\x1b[2J\u202e",
    "9" * 5000,
    [],
    [[]],
    {},
    {"a": []},
)
# What no reader of JSON can take, wherever it stands.
BROKEN = {
    "half": b'{"task_id": "a", "comp',
    "no UTF-8": b'{"task_id": "\xff"}',
    "NUL bytes": b"\0\1\2\0",
    "lists in lists": b"[" * 100_000,
    "lists in lists, closed": b'{"a": ' + b"[" * 500 + b"]" * 500 + b"}",
    "objects in objects": b'{"a":' * 100_000,
    "5,000 digits": b'{"a": ' + b"9" * 5000 + b"}",
    "a list": b"[1, 2]",
    "a text": b'"text"',
    "a number": b"1e999",
    "UTF-16": '{"task_id": "a"}'.encode("utf-16"),
}
CHECK = "def check(f):\n    assert f(1) == 1\n"
PROBLEM = {"id": "a", "prompt": "def f(x):\n", "entry_point": "f", "tests": {"kind": "call", "source": CHECK}}
SAMPLE = {"task_id": "a", "completion": "    return x\n"}
LOG = {
    "version": 2, "status": "success",
    "eval": {"task": "x", "model": "m", "dataset": {}, "config": {}, "model_generate_config": {"temperature": 0.5}},
    "results": {"scores": [{"name": "verify", "metrics": {"accuracy": {"value": 1.0}}}]},
    "samples": [{"id": "a", "epoch": 1, "output": {"choices": [{"message": {"role": "assistant", "content": "x"}}]},
                 "scores": {"verify": {"value": "C", "explanation": "e"}}, "metadata": {}, "attachments": {}}],
}  # fmt: skip
DOCUMENTS: dict[str, Any] = {
    "human-eval": {**SAMPLE, "passed": True, "result": "passed"},
    "evalplus": {"date": "d", "hash": "h", "pass_at_k": {"base": {"pass@1": 1.0}}, "eval": {"x/0": [
        {"task_id": "x/0", "solution": "y", "base_status": "pass", "plus_status": None, "base_fail_tests": []}]}},
    "lm-eval": {"doc_id": 0, "doc": {"task_id": "x/0"}, "target": "t", "arguments": [["p"]], "resps": [["a"]],
                "filtered_resps": ["a"], "filter": "create_test", "metrics": ["pass@1"], "pass@1": 1.0},
    "multipl-e": {"name": "x_0_f", "language": "py", "temperature": 0.2, "top_p": 0.9, "prompt": "p", "tests": "t",
                  "completions": ["c"], "results": [{"program": "p", "exit_code": 0, "status": "OK", "stderr": ""}]},
    "bigcode": {"x": {"pass@1": 0.5}, "config": {"model": "m", "limit": 5, "temperature": 0.2, "top_p": 0.9}},
    "inspect": LOG,
}  # fmt: skip


def damaged(value: Any) -> Iterator[Any]:
    """Copies of a JSON value: each with one part left out, or with something hostile in its place."""
    for path in list(_paths(value)):
        for hostile in HOSTILE:
            made = copy.deepcopy(value)
            _parent(made, path)[path[-1]] = hostile
            yield made
        made = copy.deepcopy(value)
        del _parent(made, path)[path[-1]]
        yield made


def _paths(value: Any, before: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in parts:
        yield (*before, name)
        yield from _paths(part, (*before, name))


def _parent(value: Any, path: tuple[Any, ...]) -> Any:
    for name in path[:-1]:
        value = value[name]
    return value


def only_refuses(read: Callable[[], object]) -> str:
    """The message with which `read` refuses, empty where it does not. Any other exception is the test's failure."""
    try:
        read()
    except InputError as error:
        return str(error)
    return ""


def read_rows(path: Path) -> None:
    with RowFile(path) as file:
        for _ in file.rows():
            pass


def read_samples(path: Path, problems: Path) -> None:
    engine = replay.ReplayEngine(replay.Options(samples=path, problems=load_set(str(problems), path.parent)))
    engine.close()


def import_file(path: Path, name: str = "auto") -> None:
    shutil.rmtree(path.parent / "runs", ignore_errors=True)
    request = importing.ImportRequest(path=path, format=name, model="m", results=path.parent / "runs", k=(1,))
    importing.import_runs(request, lambda _: None)


def read_config(path: Path) -> None:
    parse_config(path, {}, {}, lambda _: {})


@pytest.fixture
def problems(tmp_path: Path) -> Path:
    path = tmp_path / "problems.jsonl"
    path.write_text(json.dumps(PROBLEM) + "\n")
    return path


def readers(problems: Path) -> dict[str, Callable[[Path], object]]:
    """Each reader of a file, by the ending of what it reads."""
    return {
        ".jsonl": read_rows, ".json": read_rows, ".csv": read_rows, ".tsv": read_rows, ".parquet": read_rows,
        ".samples.jsonl": lambda path: read_samples(path, problems),
        ".set.jsonl": lambda path: load_set(str(path), path.parent),
        ".import.jsonl": import_file, ".import.json": import_file, ".import.eval": import_file,
        ".toml": read_config, ".curve.jsonl": read_curve, ".curve.json": read_curve, ".curve.csv": read_curve,
    }  # fmt: skip


JSON_READERS = [
    ".jsonl", ".samples.jsonl", ".set.jsonl", ".import.jsonl", ".import.json", ".curve.jsonl", ".curve.json",
]  # fmt: skip
ALL_READERS = list(readers(Path()))


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("ending", JSON_READERS)
def test_what_is_no_json_object_is_refused_by_its_name(tmp_path: Path, problems: Path, ending: str, name: str) -> None:
    path = tmp_path / f"f{ending}"
    path.write_bytes(b"\n" + BROKEN[name] + b"\n")
    message = only_refuses(lambda: readers(problems)[ending](path))
    assert path.name in message
    if ending in (".jsonl", ".samples.jsonl", ".set.jsonl", ".curve.jsonl"):
        assert "line 2" in message or "line 1" in message  # UTF-16 has a newline of its own


@pytest.mark.parametrize("ending", ALL_READERS)
@pytest.mark.parametrize("special", ["pipe", "/dev/zero", "/proc/self/mem", "/proc/kmsg", "folder", "nothing"])
def test_what_is_no_plain_file_is_refused(tmp_path: Path, problems: Path, ending: str, special: str) -> None:
    path = tmp_path / f"f{ending}"
    if special == "pipe":
        os.mkfifo(path)
    elif special == "folder":
        path.mkdir()
    elif special != "nothing":
        path.symlink_to(special)
    assert path.name in only_refuses(lambda: readers(problems)[ending](path))


@pytest.mark.parametrize("ending", [each for each in ALL_READERS if each not in (".toml", ".import.eval", ".parquet")])
def test_a_line_without_an_end_is_refused(
    tmp_path: Path, problems: Path, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = dataclasses.replace(limits.InputLimits(), line_bytes=2**16, document_bytes=2**16)
    monkeypatch.setattr(limits, "_limits", small)
    path = tmp_path / f"f{ending}"
    path.write_bytes(
        b'[{"a": "' * (path.suffix[1:] == "json") + b'"' * (path.suffix in (".csv", ".tsv")) + b"x" * 2**20
    )
    message = only_refuses(lambda: readers(problems)[ending](path))
    assert path.name in message and "--input-limits" in message


@pytest.mark.parametrize("ending", [".jsonl", ".samples.jsonl", ".set.jsonl", ".json", ".csv", ".import.json"])
@pytest.mark.parametrize("packing", [".gz", ".zst"])
def test_a_file_that_unpacks_to_a_thousand_times_its_size_is_refused(
    tmp_path: Path, problems: Path, ending: str, packing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "_limits", dataclasses.replace(limits.InputLimits(), unpacked_bytes=2**20))
    path = tmp_path / f"f{ending}{packing}"
    pack = gzip.compress if packing == ".gz" else zstd.compress
    path.write_bytes(pack(b"\n" * 2**26))
    message = only_refuses(lambda: readers(problems)[ending](path))
    assert path.name in message and "unpacks to more than" in message and "--input-limits" in message


@pytest.mark.parametrize("packing", [".gz", ".zst"])
@pytest.mark.parametrize("ending", [".jsonl", ".samples.jsonl", ".set.jsonl", ".json", ".csv", ".import.json"])
def test_a_damaged_archive_is_refused_wherever_the_damage_is(
    tmp_path: Path, problems: Path, ending: str, packing: str
) -> None:
    path = tmp_path / f"f{ending}{packing}"
    pack = gzip.compress if packing == ".gz" else zstd.compress
    good = pack(os.urandom(200).hex().encode() * 3)
    for place in range(0, len(good), 7):
        for made in (good[:place], good[:place] + bytes([good[place] ^ 0xFF]) + good[place + 1 :]):
            path.write_bytes(made)
            assert path.name in only_refuses(lambda: readers(problems)[ending](path))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_value_of_another_kind_in_a_file_of_another_system_is_no_crash(tmp_path: Path, name: str) -> None:
    path = tmp_path / ("f.jsonl" if name in ("human-eval", "lm-eval") else "f.json")
    refused = total = 0
    for made in damaged(DOCUMENTS[name]):
        path.write_text(json.dumps(made) + "\n")
        message = only_refuses(lambda: import_file(path, name))
        refused, total = refused + bool(message), total + 1
        assert not message or path.name in message, message
    assert total > 50 and refused > 20


def test_a_value_of_another_kind_in_a_problem_or_a_sample_is_no_crash(tmp_path: Path, problems: Path) -> None:
    path = tmp_path / "f.jsonl"
    for made in damaged(PROBLEM):
        path.write_text(json.dumps(made) + "\n")
        message = only_refuses(lambda: load_set(str(path), tmp_path))
        assert not message or "line 1" in message, message
    for made in damaged(SAMPLE):
        path.write_text(json.dumps(made) + "\n")
        message = only_refuses(lambda: read_samples(path, problems))
        assert not message or "line 1" in message, message


def test_a_damaged_zip_is_refused_wherever_the_damage_is(tmp_path: Path) -> None:
    path = tmp_path / "f.eval"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("header.json", json.dumps({key: LOG[key] for key in LOG if key != "samples"}))
        archive.writestr("samples/a_epoch_1.json", json.dumps(LOG["samples"][0]))
    good = path.read_bytes()
    for place in range(len(good)):
        path.write_bytes(good[:place] + bytes([good[place] ^ 0xFF]) + good[place + 1 :])
        message = only_refuses(lambda: import_file(path))
        assert not message or path.name in message, message


def test_a_zip_that_unpacks_to_a_thousand_times_its_size_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "f.eval"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("header.json", b" " * 2**29)
    assert "unpacks to more than" in only_refuses(lambda: import_file(path))


@pytest.mark.parametrize(
    "file", [layout.COMPLETIONS, layout.EXECUTIONS, layout.SCORES, layout.SUMMARY, layout.MANIFEST]
)
def test_a_damaged_run_is_shown_or_refused_by_its_file(tmp_path: Path, file: str) -> None:
    run = tmp_path / "run"
    shutil.copytree(EXAMPLE, run)
    data = (run / file).read_bytes()
    whole = json.loads(data if file in (layout.SUMMARY, layout.MANIFEST) else data.partition(b"\n")[0])
    problem = "starter/sum_even_squares"
    if "problems" in whole and file == layout.SUMMARY:
        whole["problems"] = {problem: whole["problems"][problem]}
    (run / layout.COMPLETIONS).write_bytes((run / layout.COMPLETIONS).read_bytes().partition(b"\n")[0] + b"\n")
    bodies = [*BROKEN.values(), *(json.dumps(made).encode() for made in list(damaged(whole))[::11])]
    refused = 0
    for body in bodies:
        (run / file).write_bytes(body + b"\n")
        for chosen in (None, problem):
            message = only_refuses(lambda chosen=chosen: show(run, chosen))  # type: ignore[misc]
            refused += bool(message)
            assert not message or run.name in message, message
    assert refused > 10


CONFIGS = {
    "lists in lists": "a = " + "[" * 5000 + "]" * 5000,
    "5,000 digits": "workers = " + "9" * 5000,
    "hexadecimal digits": "workers = 0x" + "f" * 5000,
    "a name of many parts": ".".join("a" * 50_000) + " = 1",
    "a table's name of many parts": "[" + ".".join("a" * 50_000) + "]",
    "a name of many parts inside": "a = {" + ".".join("a" * 50_000) + " = 1}",
    "two megabytes": "# " + "x" * 2**21,
    "infinity": "temperature = inf",
    "no number": "temperature = nan",
    "a date": "workers = 2026-01-01",
    "escapes": 'problems = "\\u001b[2J"\nnone = 1',
    "no TOML": "= = =",
    "a key of a megabyte": "x" * 10**6 + " = 1",
    "a value of a megabyte": "workers = '" + "x" * 10**6 + "'",
}


@pytest.mark.parametrize("name", CONFIGS)
def test_a_configuration_that_is_none_is_refused_by_its_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / "run.toml"
    path.write_text(CONFIGS[name])
    message = only_refuses(lambda: read_config(path))
    assert path.name in message and len(message) < 5000
