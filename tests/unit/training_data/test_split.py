"""Dividing files of rows, what leaks between the parts, and what is wrong with the input."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.errors import InputError
from harness.files.rows import RowFile
from harness.training_data import leaks
from harness.training_data import split as splitting
from harness.training_data.leaks import LeakRules
from harness.training_data.split import SplitPlan, Strategy, parse_size
from tests.fixtures.problems import read_rows, write_rows

Rows = list[dict[str, Any]]


def quiet(stage: str, done: int, total: int) -> None:
    assert stage and 0 < done <= total


def essay(seed: int, length: int = 60) -> str:
    draw = random.Random(seed)
    return " ".join("".join(draw.choices("abcdefghij", k=5)) for _ in range(length))


def rows(count: int) -> Rows:
    return [{"id": place, "text": essay(place)} for place in range(count)]


def write(path: Path, data: Rows) -> Path:
    write_rows(path, *data)
    return path


def plan(test: str = "0.2", validation: str | None = None, **options: Any) -> SplitPlan:
    sizes = {"test": parse_size(test, "--test-size")}
    if validation:
        sizes["validation"] = parse_size(validation, "--validation-size")
    return SplitPlan(rules=LeakRules(), **sizes, **options)


Split = Callable[..., dict[str, Any]]


@pytest.fixture
def split(tmp_path: Path) -> Split:
    """Divide rows into tmp_path/out and return split.json."""

    def run(data: Rows, **options: Any) -> dict[str, Any]:
        asked = plan(**options)
        with RowFile(write(tmp_path / "data.jsonl", data)) as file:
            divided = splitting.split_rows(file, asked, quiet)
            found = splitting.measure_leaks(file, divided, asked.rules, quiet)
            splitting.write_split(tmp_path / "out", file, asked, divided, found)
        report: dict[str, Any] = json.loads((tmp_path / "out" / "split.json").read_text())
        return report

    return run


def part(tmp_path: Path, name: str) -> Rows:
    return read_rows(tmp_path / "out" / f"{name}.jsonl")


def test_every_line_is_in_one_part_byte_for_byte_and_the_digests_agree(split: Split, tmp_path: Path) -> None:
    report = split(rows(50), validation="5")
    lines = []
    for name, found in report["parts"].items():
        data = (tmp_path / "out" / f"{name}.jsonl").read_bytes()
        assert hashlib.sha256(data).hexdigest() == found["sha256"] and data.count(b"\n") == found["rows"]
        lines += data.splitlines()
    assert sorted(lines) == sorted((tmp_path / "data.jsonl").read_bytes().splitlines())
    assert {name: found["rows"] for name, found in report["parts"].items()} == {
        "train": 35,
        "validation": 5,
        "test": 10,
    }
    assert report["data"]["sha256"] == hashlib.sha256((tmp_path / "data.jsonl").read_bytes()).hexdigest()


@pytest.mark.parametrize("strategy", ["random", "group"])
def test_the_parts_do_not_depend_on_the_order_of_the_rows(split: Split, tmp_path: Path, strategy: str) -> None:
    data = rows(40)
    split(data, strategy=Strategy(strategy))
    one = {row["id"] for row in part(tmp_path, "test")}
    split(data[::-1], strategy=Strategy(strategy))
    assert {row["id"] for row in part(tmp_path, "test")} == one


def test_another_seed_gives_other_parts(split: Split, tmp_path: Path) -> None:
    split(rows(40))
    one = {row["id"] for row in part(tmp_path, "test")}
    split(rows(40), seed=1)
    assert {row["id"] for row in part(tmp_path, "test")} != one


def test_clean_data_has_no_leaks_and_no_warnings(split: Split) -> None:
    report = split(rows(60), validation="0.1")
    assert [each["share"] for each in report["leaks"]] == [0, 0, 0] and report["warnings"] == []


def near(text: str) -> str:
    return text.replace(text.split()[30], "changed")


def test_planted_leaks_of_each_kind_are_counted_with_their_lines(tmp_path: Path) -> None:
    train = [*rows(20), {"text": f"{essay(70, 300)} {essay(500)} {essay(71, 300)}"}]
    test = [
        {"id": "e", "text": essay(3)},
        {"id": "n", "text": near(essay(4))},
        {"text": essay(500)},
        {"text": essay(501)},
    ]
    with RowFile(write(tmp_path / "a.jsonl", train)) as left, RowFile(write(tmp_path / "b.jsonl", test)) as right:
        parts = [leaks.sketch_whole_file(file, LeakRules(), quiet) for file in (left, right)]
        found = leaks.find_leaks(*parts, LeakRules(), quiet)
    assert (found.exact, found.near, found.contained, found.share) == (1, 1, 1, 0.75)
    places = {each.kind: (each.row.rpartition(", ")[2], each.found_in.rpartition(", ")[2]) for each in found.examples}
    assert places == {"exact": ("line 1", "line 4"), "near": ("line 2", "line 5"), "contained": ("line 3", "line 21")}


def test_random_lets_near_duplicates_leak_and_group_does_not(split: Split) -> None:
    data = [{"text": text} for place in range(40) for text in (essay(place), near(essay(place)))]
    assert split(data)["leaks"][0]["near"] > 0
    assert split(data, strategy=Strategy.GROUP)["leaks"][0]["share"] == 0


def test_group_keeps_a_fields_values_together(split: Split, tmp_path: Path) -> None:
    split([{**row, "repo": row["id"] // 5} for row in rows(60)], strategy=Strategy.GROUP, field="repo")
    assert not {row["repo"] for row in part(tmp_path, "train")} & {row["repo"] for row in part(tmp_path, "test")}


def test_temporal_takes_the_latest_and_says_which_dates(split: Split, tmp_path: Path) -> None:
    data = [{**row, "date": f"2024-01-{31 - row['id']:02d}"} for row in rows(30)]
    report = split(data, strategy=Strategy.TEMPORAL, field="date")
    assert {row["id"] for row in part(tmp_path, "test")} == set(range(6))
    assert report["dates"]["test"]["first"].startswith("2024-01-26")


def test_temporal_reads_zones_and_numbers_in_text(split: Split, tmp_path: Path) -> None:
    dates = ["2024-01-01T12:00:00+14:00", "2024-01-01T00:00:00Z", "2023-12-31", "2024-01-01T00:00:00-05:00"]
    split([{"id": date, "date": date, "text": essay(place)} for place, date in enumerate(dates)], test="1",
          strategy=Strategy.TEMPORAL, field="date")  # fmt: skip
    assert [row["id"] for row in part(tmp_path, "test")] == ["2024-01-01T00:00:00-05:00"]
    split(
        [{**row, "date": str(row["id"] * 1000.5)} for row in rows(12)],
        test="1",
        strategy=Strategy.TEMPORAL,
        field="date",
    )
    assert [row["id"] for row in part(tmp_path, "test")] == [11]


def test_category_keeps_small_classes_in_train_and_names_them(split: Split, tmp_path: Path) -> None:
    data = [{**row, "kind": "rare" if row["id"] == 0 else "ab"[row["id"] % 2]} for row in rows(41)]
    report = split(data, strategy=Strategy.CATEGORY, field="kind")
    assert report["warnings"] == ["1 class (rare) with fewer than 2 rows: in train only"]
    assert report["parts"]["test"]["labels"] == {"a": 4, "b": 5} or report["parts"]["test"]["labels"] == {
        "a": 5,
        "b": 4,
    }
    assert report["parts"]["train"]["labels"]["rare"] == 1


def test_a_class_that_train_lacks_is_a_warning(split: Split) -> None:
    data = [{**row, "label": "new" if row["id"] > 25 else "old", "year": row["id"]} for row in rows(30)]
    report = split(data, strategy=Strategy.TEMPORAL, field="year", test="0.1")
    assert report["warnings"] == []
    report = split(
        [{**row, "label": row["id"] // 3} for row in data], strategy=Strategy.TEMPORAL, field="year", test="3"
    )
    assert report["warnings"] == ["1 class (9) of the test part not in train"]


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({"text": ""}, {}, "line 3: the text is empty"),
        ({"id": 1}, {}, "line 3: the id '1' occurs twice, first at .*line 2"),
        ({"date": "soon"}, {"strategy": Strategy.TEMPORAL, "field": "date"}, "line 3: 'date' is not a date: 'soon'"),
        ({"date": None}, {"strategy": Strategy.TEMPORAL, "field": "date"}, "line 3: the field 'date' is missing"),
        (
            {"date": 5},
            {"strategy": Strategy.TEMPORAL, "field": "date"},
            "line 3: 'date' is a number, that of .*line 1 a date",
        ),
        (
            {},
            {"strategy": Strategy.TEMPORAL, "field": "date"},
            "leaves the test part empty; too many rows share one date",
        ),
        ({}, {"strategy": Strategy.CATEGORY, "field": "kind"}, "line 1: the field 'kind' is missing"),
        ({}, {"strategy": Strategy.GROUP, "field": "date"}, "leaves the test part empty; its groups are too large"),
        ({}, {"test": "10"}, "of 10 rows, 10 for test and 0 for validation leave none for training"),
        ({}, {"test": "0.5", "validation": "0.5"}, "leave none for training"),
        ({}, {"label": "kind"}, "line 1: the field 'kind' is missing"),
    ],
)
def test_bad_input_is_named_with_its_line(split: Split, change: dict[str, Any], options: Any, message: str) -> None:
    data = [{**row, "date": "2024-01-01"} for row in rows(10)]
    data[2] = {**data[2], **change}
    with pytest.raises(InputError, match=message):
        split(data, **options)


def test_seconds_among_milliseconds_are_refused(split: Split) -> None:
    data = [{**row, "at": 1_700_000_000 + row["id"]} for row in rows(10)]
    data[4]["at"] = 1_700_000_000_000
    with pytest.raises(InputError, match=r"line 5: 'at' is 1700000000000, .*: seconds and milliseconds are mixed"):
        split(data, strategy=Strategy.TEMPORAL, field="at")


@pytest.mark.parametrize("size", ["0", "-1", "1.5", "x", "1/0"])
def test_a_size_that_is_none_is_refused(size: str) -> None:
    with pytest.raises(InputError, match="--test-size"):
        parse_size(size, "--test-size")


@pytest.mark.parametrize("options", [{"strategy": Strategy.TEMPORAL}, {"field": "a"}])
def test_a_field_that_the_strategy_does_not_fit_is_refused(options: Any) -> None:
    with pytest.raises(InputError, match="--field"):
        plan(**options)


def test_files_that_are_not_of_a_split_are_not_replaced(tmp_path: Path) -> None:
    data = write(tmp_path / "train.jsonl", rows(3))
    with pytest.raises(InputError, match=r"train\.jsonl exists and is not of an earlier split"):
        splitting.check_folder(tmp_path, data)


def test_a_problem_set_is_checked_by_its_name(tmp_path: Path) -> None:
    problem = json.loads((Path(__file__).parents[3] / "problems" / "core.jsonl").read_text().splitlines()[3])
    train = [*rows(5), {"text": f"{essay(9)}\n{problem['prompt']}{problem['reference']}\n{essay(10)}"}]
    with RowFile(write(tmp_path / "a.jsonl", train)) as left, leaks.open_rows("core", tmp_path) as right:
        found = leaks.find_leaks(
            *(leaks.sketch_whole_file(file, LeakRules(), quiet) for file in (left, right)), LeakRules(), quiet
        )
    assert found.contained == 1 and found.examples[0].id == problem["id"]
