"""Rating sheets go out as JSON, CSV and HTML and come back as people and spreadsheets leave them."""

from __future__ import annotations

import csv
import html
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.errors import InputError
from harness.review import pairs, sheets
from harness.review.pairs import PairOptions
from harness.review.results import ResultOptions, results
from harness.review.sheet_import import import_sheet
from harness.review.study import VOTES, Study
from harness.review.text import headline
from harness.review.votes import Votes
from tests.fixtures.commands import Harness
from tests.fixtures.review import SECRET, answers, read

NAMES = ["accuracy", "relevance", "fluency", "format"]
HOSTILE = [
    "=1+1",
    "+cmd",
    "-2",
    "@SUM(A1)",
    "\tx",
    "'quoted",
    'say "hi"; a,b',
    "two\nlines",
    "<script>alert(1)</script>",
]


@pytest.fixture
def sheet(tmp_path: Path) -> Study:
    """Nine answers of one model, each of which a spreadsheet or a browser might run or break."""
    path = answers(tmp_path / "model-a.jsonl", {f"p{n}": text for n, text in enumerate(HOSTILE)})
    asked = PairOptions(judges=("ana", "ben"), checks=0.0, guidelines=sheets.GUIDELINES)
    return sheets.make_sheet(tmp_path / "study", read(path), asked, sheets.CRITERIA, SECRET)


def entries(study: Study) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((study.path / "evaluation_sheet.json").read_bytes())
    return found


def table(study: Study) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO((study.path / "evaluation_sheet.csv").read_text("utf-8"), newline="")))


def kept(study: Study, rater: str = "ana") -> dict[int, dict[str, int | None]]:
    with Votes(study.path / VOTES) as votes:
        return {each.item: dict(each.scores) for each in votes.latest() if each.judge == rater}


def write(path: Path, rows: list[dict[str, Any]], comma: str = ",") -> Path:
    with open(path, "w", newline="", encoding="utf-8-sig") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=comma)
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_the_sheet_is_a_list_of_the_named_fields_with_every_score_open(sheet: Study) -> None:
    for number, entry in enumerate(entries(sheet), start=1):
        assert list(entry) == ["id", "prompt", "expected", "generated", "scores", "notes"]
        assert entry["id"] == number and entry["scores"] == dict.fromkeys(NAMES) and entry["notes"] == ""
    assert sorted(entry["generated"].strip() for entry in entries(sheet)) == sorted(text.strip() for text in HOSTILE)


def test_no_cell_of_the_csv_begins_as_a_formula_does_and_all_come_back(sheet: Study) -> None:
    for row, entry in zip(table(sheet), entries(sheet), strict=True):
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row.values())
        assert sheets.restored(row["generated"]) == entry["generated"]


def test_a_json_sheet_comes_back_whole(sheet: Study, tmp_path: Path) -> None:
    rows = entries(sheet)
    for row in rows:
        row["scores"] = dict(zip(NAMES, (1, 3, 5, "cannot tell"), strict=True))
    path = tmp_path / "back.json"
    path.write_text(json.dumps(rows))
    found = import_sheet(sheet, path, "ana")
    assert (found.added, found.same, found.empty) == (9, 0, 0)
    assert kept(sheet) == {n: {"accuracy": 1, "relevance": 3, "fluency": 5, "format": None} for n in range(1, 10)}


def test_the_same_file_twice_changes_nothing(sheet: Study, tmp_path: Path) -> None:
    rows = [{**row, "scores": {"accuracy": 4}} for row in entries(sheet)]
    path = tmp_path / "back.json"
    path.write_text(json.dumps(rows))
    import_sheet(sheet, path, "ana")
    again = import_sheet(sheet, path, "ana")
    assert (again.added, again.same) == (0, 9)
    with Votes(sheet.path / VOTES) as votes:
        assert len(votes.all()) == 9


@pytest.mark.parametrize("comma", [",", ";", "\t"])
def test_a_csv_comes_back_in_parts_with_rows_and_columns_moved_a_bom_and_decimal_commas(
    sheet: Study, tmp_path: Path, comma: str
) -> None:
    rows = [
        dict(reversed({**row, "accuracy": "4,0", "Fluency": "2.0", "format": " 5 "}.items())) for row in table(sheet)
    ]
    for row in rows:
        del row["fluency"]
    path = write(tmp_path / "back.csv", rows[::-1][:5], comma)
    found = import_sheet(sheet, path, "ana")
    assert found.added == 5
    assert kept(sheet) == {n: {"accuracy": 4, "fluency": 2, "format": 5} for n in range(5, 10)}
    rest = write(tmp_path / "rest.csv", rows[:4], comma)
    assert import_sheet(sheet, rest, "ana").added == 4 and len(kept(sheet)) == 9


def test_excel_s_first_line_and_utf_16_are_read(sheet: Study, tmp_path: Path) -> None:
    rows = [{"id": row["id"], "accuracy": "3", "notes": "gut – ß"} for row in table(sheet)]
    path = write(tmp_path / "back.csv", rows, ";")
    path.write_text("sep=;\r\n" + path.read_text("utf-8-sig"), "utf-16")
    assert import_sheet(sheet, path, "ana").added == 9


def test_what_the_html_form_saves_is_read(sheet: Study, tmp_path: Path) -> None:
    path = tmp_path / "ratings.json"
    scores = dict(zip(NAMES, (5, 4, "cannot tell", None), strict=True))
    path.write_text(json.dumps({"study": sheet.id, "entries": [{"id": 2, "scores": scores, "notes": "fine"}]}))
    assert import_sheet(sheet, path, "ben").added == 1
    assert kept(sheet, "ben") == {2: {"accuracy": 5, "relevance": 4, "fluency": None}}


def test_the_form_is_one_file_that_runs_nothing_of_an_answer(sheet: Study) -> None:
    page = (sheet.path / "evaluation_sheet.html").read_text("utf-8")
    assert "<script>alert(1)" not in page and "&lt;script&gt;alert(1)" in page
    assert not re.search(r"""(?:src|href)=["']?(?!data:)[a-z]+:""", page)
    assert "default-src 'none'" in html.unescape(page) and "model-a" not in page


def test_conflicts_are_listed_and_nothing_is_taken_until_the_later_file_is_to_count(
    sheet: Study, tmp_path: Path
) -> None:
    def rated(name: str, *scores: int) -> Path:
        rows = [{"id": n, "scores": {"accuracy": score}} for n, score in enumerate(scores, start=1)]
        (tmp_path / name).write_text(json.dumps(rows))
        return tmp_path / name

    import_sheet(sheet, rated("one.json", 3, 3), "ana")
    with pytest.raises(InputError, match=r"ana rated item 2 twice with different scores \(accuracy 3, then 5\)"):
        import_sheet(sheet, rated("two.json", 3, 5, 4), "ana")
    assert kept(sheet) == {1: {"accuracy": 3}, 2: {"accuracy": 3}}
    import_sheet(sheet, rated("two.json", 3, 5, 4), "ana", replace=True)
    assert kept(sheet) == {1: {"accuracy": 3}, 2: {"accuracy": 5}, 3: {"accuracy": 4}}


BAD: list[tuple[str, str, str]] = [
    ("row.csv", "id,accuracy\n1,6\n", "row.csv, row 2, accuracy: 6 is not 1 to 5"),
    ("row.csv", "id,accuracy\n1,4.5\n", "row.csv, row 2, accuracy: 4.5 is not 1 to 5"),
    ("row.csv", "id,accuracy\n1,01.May\n", "row.csv, row 2, accuracy: 01.May is not 1 to 5"),
    ("row.csv", "id,accuracy\n77,3\n", "row.csv, row 2: the study has no item 77 (it has 1 to 9)"),
    ("row.csv", "id,accuracy\nabc,3\n", "row.csv, row 2: the id is abc"),
    ("row.csv", "id,accuracy\n1,3\n1,4\n", "row.csv, row 3: item 1 occurs twice"),
    ("row.csv", "accuracy\n3\n", "row.csv, row 1: no column id"),
    ("row.csv", "id,accuracy,study\n1,3,3f2a91c0\n", "row.csv is of study 3f2a91c0"),
    ("row.csv", "id,accuracy,prompt\n1,3,other\n", "row.csv is of another study"),
    ("row.csv", "", "holds no rows"),
    ("row.json", "[{]", "not JSON"),
    ("row.json", '{"a": 1}', "a list of objects with id and scores is expected"),
    ("row.json", '[{"id": 1, "scores": {"acuracy": 3}}]', "no criterion 'acuracy'"),
    ("row.json", '[{"id": 1, "scores": {"accuracy": true}}]', "entry 1, accuracy: True is not 1 to 5"),
    ("row.json", '[{"id": 1, "scores": {"accuracy": 0}}]', "entry 1, accuracy: 0 is not 1 to 5"),
]


@pytest.mark.parametrize(("name", "text", "message"), BAD)
def test_a_bad_sheet_is_refused_with_file_row_and_criterion_and_nothing_is_read(
    sheet: Study, tmp_path: Path, harness: Harness, name: str, text: str, message: str
) -> None:
    (tmp_path / name).write_text(text)
    said = harness("review", "import", sheet.path, tmp_path / name, "--rater", "ana")
    assert said.returncode == 2 and message in " ".join(said.stderr.split()), said.stderr
    assert kept(sheet) == {}


def test_own_criteria_come_from_a_file(tmp_path: Path, harness: Harness) -> None:
    path = answers(tmp_path / "a.jsonl", {"p1": "x"})
    (tmp_path / "mine.toml").write_text(
        '[[criteria]]\nname = "tone"\ndefinition = "Is it kind?"\n1 = "harsh"\n5 = "kind"\n'
    )
    said = harness("review", "sheet", path, "-o", tmp_path / "s", "--criteria", tmp_path / "mine.toml")
    assert said.returncode == 0, said.stderr
    assert json.loads((tmp_path / "s" / "evaluation_sheet.json").read_bytes())[0]["scores"] == {"tone": None}
    (tmp_path / "bad.toml").write_text("[[criteria]]\nname = 3\n")
    said = harness("review", "sheet", path, "-o", tmp_path / "t", "--criteria", tmp_path / "bad.toml")
    assert said.returncode == 2 and "criterion 1" in said.stderr and not (tmp_path / "t").exists()


def test_ratings_give_means_differences_severity_and_agreement(tmp_path: Path) -> None:
    """Two models, twelve problems: a is a point better; ben is a point more severe than ana, and disputes one item."""
    paths = [answers(tmp_path / f"{name}.jsonl", {f"p{n}": f"{name} {n}" for n in range(12)}) for name in ("a", "b")]
    study = sheets.make_sheet(
        tmp_path / "s", read(*paths), PairOptions(judges=("ana", "ben")), sheets.CRITERIA[:1], SECRET
    )
    for rater, off in (("ana", 0), ("ben", -1)):
        rows = []
        for n in range(1, 25):
            model = study.key.answers[study.item(n).answers[0].id]
            score = (4 if model == "a" else 3) + off - (1 if rater == "ben" and n == 1 else 0)
            rows.append({"id": n, "scores": {"accuracy": score}})
        (tmp_path / f"{rater}.json").write_text(json.dumps(rows))
        import_sheet(study, tmp_path / f"{rater}.json", rater)
    found = results(study, ResultOptions(peek=True))
    means = {each["model"]: each["mean"] for each in found["ratings"]["means"]}
    assert means["a"] - means["b"] == pytest.approx(1.0, abs=0.1)
    (gap,) = found["ratings"]["differences"]
    assert re.search(r"accuracy: a is rated (0.9|1.0)\d higher than b \(p [<0]", headline(found))
    assert gap["verdict"] == "a is rated higher" and gap["low"] <= gap["difference"] <= gap["high"]
    severity = {each["rater"]: each["severity"] for each in found["ratings"]["severity"]}
    assert severity["ana"] == pytest.approx(-severity["ben"]) and severity["ben"] < -0.9
    assert [(each["item"], each["scores"]["ana"] - each["scores"]["ben"]) for each in found["ratings"]["disputed"]] == [
        (1, 2)
    ]
    (row,) = found["agreement"]
    assert row["within_one"] == pytest.approx(23 / 24) and row["exact"] == 0.0


def test_a_sheet_takes_no_votes_on_pairs_and_a_pair_study_no_sheet(
    sheet: Study, make: Callable[..., Study], tmp_path: Path
) -> None:
    (tmp_path / "x.json").write_text('[{"id": 1, "scores": {"accuracy": 3}}]')
    with pytest.raises(InputError, match="this is an A/B study"):
        import_sheet(make(name="ab"), tmp_path / "x.json", "judge1")
    assert pairs.tasks_of(sheet)[1] == []
