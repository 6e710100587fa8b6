"""What every format must do; a new file in `harness/exchange` is picked up by existing."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import json
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from harness.cli.commands.export import export as export_command
from harness.cli.commands.import_ import import_ as import_command
from harness.datasets import load_set
from harness.errors import SamplesError
from harness.exchange import InputFile, export, find_format, format_names, recognize
from harness.exchange import import_ as importing
from harness.exchange.saved_run import ProgramRun
from harness.runs import reader

ROOT = Path(__file__).resolve().parent.parent.parent
EXAMPLE = ROOT / "results" / "example" / "nano-T0.8"  # 69 problems, 690 completions of a real run
WRITERS, EVERY_READER = format_names("write"), format_names("read")
READERS = [name for name in EVERY_READER if name in WRITERS]  # the others are read alone
Imported = Callable[[str], Mapping[str, Any]]
SUFFIXES = {"human-eval": ".jsonl", "evalplus": ".jsonl", "bigcode": ".json", "inspect": ".eval", "csv": ".csv"}


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """The example, exported in every format: format -> what holds its results."""
    places = {}
    for name in WRITERS:
        folder = tmp_path_factory.mktemp(name)
        out = folder if name in ("lm-eval", "multipl-e") else folder / f"nano{SUFFIXES.get(name, '.yaml')}"
        written = export.export(EXAMPLE, name, out, None, ROOT)
        assert all(path.is_file() for path in written)
        results = [path for path in written if "result" in path.name]
        places[name] = folder if len(written) > 2 or name == "lm-eval" else (results or written)[-1]
        if name == "bigcode":
            (folder / "nano.json").rename(folder / "generations.json")
    return places


def import_(path: Path, results: Path, **more: Any) -> Mapping[str, Any]:
    request = importing.ImportRequest(path=path, k=(1, 10), results=results, cache=ROOT)
    (summary,) = importing.import_runs(dataclasses.replace(request, **more), lambda _: None)
    return summary


@pytest.fixture(scope="module")
def imported(exported: Mapping[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Imported:
    """The example back from each format, imported once."""
    folder = tmp_path_factory.mktemp("imported")
    return functools.cache(lambda name: import_(exported[name], folder / name))


def estimates(summary: Mapping[str, Any], *keys: str) -> list[list[Any]]:
    return [[each[key] for key in keys] for each in summary["estimates"]]


def test_what_is_written_is_read() -> None:
    assert READERS == WRITERS


@pytest.mark.parametrize("name", WRITERS)
def test_an_export_leaves_nothing_but_what_it_names(exported: Mapping[str, Path], name: str) -> None:
    folder = exported[name] if exported[name].is_dir() else exported[name].parent
    assert not [path for path in folder.rglob("*") if path.name.startswith(".")]


@pytest.mark.parametrize("name", READERS)
def test_the_format_of_a_file_is_told_by_its_content(exported: Mapping[str, Path], name: str) -> None:
    assert recognize(InputFile(exported[name])) == name
    known = [each for each in EVERY_READER if find_format(each, "read").recognizes(InputFile(exported[name]))]
    assert known == [name]


@pytest.mark.parametrize("name", READERS)
def test_what_is_exported_and_imported_gives_the_same_numbers(imported: Imported, name: str) -> None:
    original, again = reader.read_summary(EXAMPLE), imported(name)
    assert original is not None
    assert estimates(again, "metric", "value", "n_problems", "n_completions") == estimates(
        original, "metric", "value", "n_problems", "n_completions"
    )
    carries = find_format(name, "read").ROUND_TRIP
    if carries in ("verdicts", "counts"):
        assert again["problems"] == original["problems"]
        assert estimates(again, "low", "high") == estimates(original, "low", "high")
    if carries == "verdicts":
        passed = {(each["problem_id"], each["index"]) for each in reader.read_executions(EXAMPLE) if _accepted(each)}
        assert {
            (each["problem_id"], each["index"])
            for each in reader.read_executions(Path(again["run"]))
            if _accepted(each)
        } == passed
    assert again["source"]["differs"] == []


def _accepted(execution: Mapping[str, Any]) -> bool:
    return bool(execution["verdict"] == "ACCEPTED")


@pytest.mark.parametrize("name", [each for each in READERS if getattr(find_format(each, "read"), "PROGRAMS", True)])
def test_a_round_trip_keeps_every_program(imported: Imported, name: str) -> None:
    problems = load_set("starter", ROOT)
    again = ProgramRun(Path(imported(name)["run"]), problems)
    pairs = zip(ProgramRun(EXAMPLE, problems).solved(), again.solved(), strict=True)
    for before, after in pairs:
        assert [_code(each.program) for each in before.samples] == [_code(each.program) for each in after.samples]


def _code(program: str) -> str:
    return program.rstrip()  # MultiPL-E has a line between a program and its tests


@pytest.mark.parametrize("name", READERS)
def test_an_import_says_whose_word_it_is_and_never_that_we_judged(imported: Imported, name: str) -> None:
    summary = imported(name)
    manifest = reader.read_manifest(Path(summary["run"]))
    assert summary["imported"] == name
    assert summary["integrity"]["judged"] == 0
    assert f"|source:{name}@" in f"|{manifest.signature}" and "|integrity:claimed|" in manifest.signature
    assert all(each["integrity"] is None for each in reader.read_executions(Path(summary["run"])))


@pytest.mark.parametrize("name", READERS)
def test_the_same_file_is_imported_once(exported: Mapping[str, Path], imported: Imported, name: str) -> None:
    place = Path(imported(name)["run"])
    assert import_(exported[name], place.parent.parent.parent)["run"] == str(place)


@pytest.mark.parametrize("name", READERS)
def test_an_unknown_task_is_named_and_leaves_no_run(exported: Mapping[str, Path], tmp_path: Path, name: str) -> None:
    few = tmp_path / "few.jsonl"
    first = (ROOT / "problems" / "starter.jsonl").read_text().splitlines()[0]
    few.write_text(first + "\n")
    # without ids a file can only be too long
    with pytest.raises(SamplesError, match=r"task '?starter|has 69 problems"):
        import_(exported[name], tmp_path / "results", problems=str(few))
    assert not list((tmp_path / "results").rglob("*.json*"))


@pytest.mark.parametrize("name", READERS)
def test_a_file_that_is_cut_off_is_named(exported: Mapping[str, Path], tmp_path: Path, name: str) -> None:
    place = exported[name]
    broken = tmp_path / place.name
    if place.is_dir():
        shutil.copytree(place, broken)
    else:
        shutil.copy(place, broken)
    for path in broken.rglob("*.*") if broken.is_dir() else [broken]:
        data = path.read_bytes()
        path.write_bytes(data[: len(data) * 2 // 3])
    with pytest.raises(SamplesError, match=str(broken)):
        import_(broken, tmp_path / "results", format=name)
    assert not list((tmp_path / "results").rglob("manifest.json"))


@pytest.mark.parametrize("name", EVERY_READER)
@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"a": 1}\n{"b": 2}\n', "\0\1\2"])
def test_what_is_not_of_the_format_is_a_samples_error(tmp_path: Path, name: str, content: str) -> None:
    path = tmp_path / "odd.json"
    path.write_text(content)
    with pytest.raises(SamplesError, match=r"odd\.json"):
        import_(path, tmp_path / "results", format=name)


def test_a_file_of_no_format_is_refused_with_the_formats_that_exist(tmp_path: Path) -> None:
    path = tmp_path / "odd.json"
    path.write_text(json.dumps({"rows": [1, 2]}))
    with pytest.raises(SamplesError, match=f"none of the formats {', '.join(EVERY_READER)}"):
        import_(path, tmp_path)


@pytest.mark.parametrize(("command", "known"), [(import_command, EVERY_READER), (export_command, WRITERS)])
def test_every_format_is_named_in_the_help(command: Callable[..., None], known: list[str]) -> None:
    options = inspect.signature(command, eval_str=True).parameters["format_"].annotation.__metadata__[0]
    assert set(known) <= set(re.findall(r"[\w-]+", options.help))
