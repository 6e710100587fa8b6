from __future__ import annotations

import csv
import html.parser
import io
import json
import os
import shutil
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.datasets import ProblemSets
from harness.leaderboard import server, site
from harness.leaderboard.pages import Pages
from harness.leaderboard.results import read_results
from harness.leaderboard.tables import make_tables
from tests.bench.leaderboard_site import make_run
from tests.fixtures.commands import Harness

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "results" / "example" / "nano-T0.8"


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Three synthetic runs of twelve problems and four samples, in the store's own formats."""
    for index, ability in enumerate((0.2, 0.5, 0.8)):
        make_run(tmp_path / "results", f"model-{index}", ability, 12, 4, index)
    return tmp_path / "results"


def build(results: Path, out: Path) -> site.BuiltSite:
    sets = ProblemSets(out)
    records = read_results(results, sets)
    return site.build_site(make_tables(records.runs), records, Pages(sets), out)


def inodes(out: Path) -> dict[str, tuple[int, int]]:
    """Page -> (inode, time of its last change)."""
    stats = {path.relative_to(out).as_posix(): path.stat() for path in out.rglob("*.html")}
    return {name: (stat.st_ino, stat.st_mtime_ns) for name, stat in stats.items()}


def test_a_second_build_touches_no_page(results: Path, tmp_path: Path) -> None:
    build(results, tmp_path / "site")
    before = inodes(tmp_path / "site")
    assert build(results, tmp_path / "site").written == 0
    assert inodes(tmp_path / "site") == before


def test_a_new_run_touches_only_the_pages_that_name_it(results: Path, tmp_path: Path) -> None:
    out = tmp_path / "site"
    build(results, out)
    before = inodes(out)
    make_run(results, "model-new", 0.4, 12, 4, 9)
    built = build(results, out)
    after = inodes(out)
    touched = {name for name in after if after[name] != before.get(name)}
    assert built.written == len(touched)
    assert all("model-new" in (out / name).read_text() for name in touched if not name.startswith("runs/"))
    # pages of other runs' completions stay; their own pages change, as ranks are among more runs
    assert not [name for name in touched & set(before) if name.startswith("completions/")]


def test_a_changed_run_is_rendered_again(results: Path, tmp_path: Path) -> None:
    build(results, tmp_path / "site")
    file = next(results.rglob("completions.jsonl"))
    rows = file.read_text().splitlines(keepends=True)
    row = {**json.loads(rows[0]), "text": "changed = 'by hand'\n"}
    file.write_text("".join([json.dumps(row) + "\n", *rows[1:]]))
    assert build(results, tmp_path / "site").written == 2  # its completions, and its problem with a program of each run


def test_the_first_case_that_failed_stands_beside_the_program(results: Path, tmp_path: Path) -> None:
    file = next(results.rglob("executions.jsonl"))
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    failed = next(row for row in rows if row["verdict"] != "ACCEPTED")
    failed["failed_case"] = {"number": 2, "input": "f(<b>3</b>)", "expected": "9", "got": "</code>6"}
    rows[-1]["failed_case"] = "no record of ours"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    build(results, tmp_path / "site")
    (page,) = (tmp_path / "site").glob(f"problems/*/{failed['problem_id'].replace('/', '-')}-*.html")
    text = page.read_text()
    assert "The first case that failed" in text and "f(&lt;b&gt;3&lt;/b&gt;)" in text and "&lt;/code&gt;6" in text


def test_the_pages_of_a_run_that_is_gone_are_removed(results: Path, tmp_path: Path) -> None:
    out = tmp_path / "site"
    build(results, out)
    shutil.rmtree(results / "synthetic" / "model-1")
    assert build(results, out).removed == 1 + 12
    assert not [path for path in out.rglob("*") if "model-1" in path.name]


def test_a_page_that_was_lost_is_written_again(results: Path, tmp_path: Path) -> None:
    out = tmp_path / "site"
    build(results, out)
    lost = next((out / "completions").rglob("*.html"))
    lost.unlink()
    build(results, out)
    assert lost.is_file()


def test_a_folder_with_other_files_is_refused(results: Path, tmp_path: Path, harness: Harness) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    answer = harness("leaderboard", results, "-o", tmp_path / "mine")
    assert answer.returncode == 2 and "holds files that are not a leaderboard" in answer.stderr
    assert os.listdir(tmp_path / "mine") == ["thesis.txt"]


def test_a_memory_that_came_with_a_site_deletes_nothing_elsewhere(results: Path, tmp_path: Path) -> None:
    out = tmp_path / "site"
    build(results, out)
    (tmp_path / "precious.html").write_text("x")
    memory = json.loads((out / site.BUILD_STATE).read_bytes())
    memory["pages"].update({"../precious.html": "0", str(tmp_path / "precious.html"): "0"})
    (out / site.BUILD_STATE).write_text(json.dumps(memory))
    build(results, out)
    assert (tmp_path / "precious.html").is_file()


class Links(html.parser.HTMLParser):
    """The links and ids of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "a" and found.get("href"):
            self.links.append(str(found["href"]))
        if found.get("id"):
            self.ids.append(str(found["id"]))


def test_every_link_leads_to_a_page_and_a_place_on_it(results: Path, tmp_path: Path) -> None:
    out = tmp_path / "site"
    build(results, out)
    pages = {path.resolve(): Links(path.read_text()) for path in out.rglob("*.html")}
    assert len(pages) == 1 + 3 + 1 + 12 + 3 * 12
    for path, page in pages.items():
        assert len(page.ids) == len(set(page.ids))
        for link in page.links:
            name, _, place = link.partition("#")
            target = (path.parent / name).resolve() if name else path
            known = not place or place in pages[target].ids or place.startswith("a=")  # which two runs are chosen
            assert target in pages and known, f"{path}: {link}"


def test_every_page_forbids_what_it_does_not_need(results: Path, tmp_path: Path) -> None:
    build(results, tmp_path / "site")
    for path in (tmp_path / "site").rglob("*.html"):
        text = path.read_text()
        head = text[: text.index("<title>")]
        assert "default-src &#39;none&#39;" in head and "unsafe" not in head and "connect-src" not in head
        assert " style=" not in text and "http-equiv" in head


def test_the_prompt_is_not_shown_where_the_set_is_another(tmp_path: Path) -> None:
    run = tmp_path / "results" / "run"
    shutil.copytree(EXAMPLE, run)
    manifest = json.loads((run / "manifest.json").read_bytes())
    prompt = "Return the sum of the squares of the even numbers in xs."
    out = tmp_path / "site"
    for sha256, shown in ((manifest["identity"]["problems"]["sha256"], True), ("0" * 64, False)):
        manifest["identity"]["problems"]["sha256"] = sha256
        (run / "manifest.json").write_text(json.dumps(manifest))
        build(tmp_path / "results", out)
        (page,) = out.glob("completions/*/starter-sum-even-squares-*.html")
        assert (prompt in page.read_text()) is shown
        assert ("Not at hand" in page.read_text()) is not shown


def test_json_csv_and_markdown_have_the_summarys_numbers(tmp_path: Path, harness: Harness) -> None:
    shutil.copytree(EXAMPLE, tmp_path / "results" / "run")
    expected = [(each["metric"], each["value"], each["low"], each["high"], each["signature"])
                for each in json.loads((EXAMPLE / "summary.json").read_bytes())["estimates"]]  # fmt: skip
    (table,) = json.loads(harness("leaderboard", "--json", cwd=tmp_path).stdout)["tables"]
    keys = ("metric", "value", "low", "high", "signature")
    assert [tuple(number[key] for key in keys) for number in table["numbers"]] == expected
    rows = list(csv.DictReader(io.StringIO(harness("leaderboard", "--csv", cwd=tmp_path).stdout)))
    assert [
        (row["metric"], *map(float, (row["value"], row["low"], row["high"])), row["signature"]) for row in rows
    ] == expected
    markdown = harness("leaderboard", "--markdown", cwd=tmp_path).stdout
    assert "| 1 | nano | 50.7% (40.7-60.6) | 71.0% (59.4-81.2) | 69 | 690 | 2026-11-29 |" in markdown


def test_the_terminal_table_has_the_rank_and_names_what_was_left_out(tmp_path: Path, harness: Harness) -> None:
    shutil.copytree(EXAMPLE, tmp_path / "results" / "run")
    (tmp_path / "results" / "odd\x1b[31m").mkdir()
    (tmp_path / "results" / "odd\x1b[31m" / "manifest.json").write_text("{")
    answer = harness("leaderboard", cwd=tmp_path)
    assert answer.returncode == 0 and "50.7%" in answer.stdout and "codegen on starter" in answer.stdout
    assert "left out: odd\\x1b[31m: manifest.json cannot be read" in answer.stderr


def test_names_that_are_formulas_or_markup_are_harmless_in_csv_and_markdown(tmp_path: Path, harness: Harness) -> None:
    run = tmp_path / "results" / "run"
    shutil.copytree(EXAMPLE, run)
    manifest = json.loads((run / "manifest.json").read_bytes())
    manifest["identity"]["model"]["name"] = "=HYPERLINK(1)|<b>\n| forged | row |"
    (run / "manifest.json").write_text(json.dumps(manifest))
    (row, _) = csv.DictReader(io.StringIO(harness("leaderboard", "--csv", cwd=tmp_path).stdout))
    assert row["model"].startswith("'=HYPERLINK")
    markdown = harness("leaderboard", "--markdown", cwd=tmp_path).stdout
    assert len([line for line in markdown.splitlines() if line.startswith("|")]) == 3
    assert r"=HYPERLINK(1)\|\<b\> \| forged \| row \|" in markdown


@pytest.mark.parametrize("arguments", [["nowhere"], ["."], ["--csv", "--json"], ["nowhere", "--serve"]])
def test_what_cannot_be_read_is_bad_input(tmp_path: Path, harness: Harness, arguments: list[str]) -> None:
    assert harness("leaderboard", *arguments, cwd=tmp_path).returncode == 2


def test_a_title_and_a_description_stand_on_the_site(results: Path, tmp_path: Path, harness: Harness) -> None:
    said = ("--title", "Team <b>A</b>", "--description", "What we tried.\n\nAsk & quote.")
    assert harness("leaderboard", results, "-o", tmp_path / "site", *said).returncode == 0
    page = (tmp_path / "site" / "index.html").read_text()
    assert "<title>Team &lt;b&gt;A&lt;/b&gt;</title>" in page and "<h1>Team &lt;b&gt;A&lt;/b&gt;</h1>" in page
    assert ">What we tried.</p>" in page and ">Ask &amp; quote.</p>" in page
    below = next((tmp_path / "site").glob("completions/*/*.html")).read_text()
    assert ">Team &lt;b&gt;A&lt;/b&gt;</a>" in below
    before = inodes(tmp_path / "site")
    harness("leaderboard", results, "-o", tmp_path / "site", *said[:2])
    changed = {name for name, stat in inodes(tmp_path / "site").items() if stat != before[name]}
    assert changed == {"index.html"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--title", "x"], "add -o FOLDER, or --serve"),
        (["--description", "x"], "add -o FOLDER, or --serve"),
        (["--title", " ", "-o", "site"], "1 to 100 characters"),
        (["--title", "x" * 101, "-o", "site"], "1 to 100 characters"),
    ],
)
def test_words_without_a_site_and_titles_without_end_are_bad_input(
    results: Path, tmp_path: Path, harness: Harness, arguments: list[str], message: str
) -> None:
    answer = harness("leaderboard", results, *arguments, cwd=tmp_path)
    assert answer.returncode == 2 and message in answer.stderr


def test_the_headline_is_in_the_terminal_in_markdown_and_in_json(results: Path, harness: Harness) -> None:
    headline = json.loads(harness("leaderboard", results, "--json").stdout)["headline"]
    assert "on synthetic" in headline["text"] and headline["notes"] == []
    assert headline["text"] in harness("leaderboard", results).stdout
    assert headline["text"] in harness("leaderboard", results, "--markdown").stdout.splitlines()[0].replace("\\", "")


@pytest.fixture
def served(results: Path, tmp_path: Path) -> Iterator[server.Server]:
    """The site of the three runs, on loopback."""
    told: list[str] = []
    with server.open_server(results, ProblemSets(tmp_path), tmp_path / "site", 0) as opened:
        opened.build(told.append)
        thread = threading.Thread(target=opened.serve, args=(told.append,))
        thread.start()
        yield opened
        opened.shutdown()
        thread.join()


def fetch(url: str, **headers: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, ""


def test_the_server_shows_the_site_and_nothing_else(served: server.Server) -> None:
    assert fetch(served.url)[0] == 200
    for path in (".build.json", "runs/", "../results/", "%2e%2e/results/", "nothing.html"):
        assert fetch(served.url + path)[0] == 404


def test_the_server_answers_to_loopbacks_name_only(served: server.Server) -> None:
    assert fetch(served.url, Host="evil.example")[0] == 403


def test_the_server_tells_listeners_of_a_new_run_and_shows_it(served: server.Server, results: Path) -> None:
    with urllib.request.urlopen(served.url + "events", timeout=60) as events:
        make_run(results, "model-new", 0.4, 12, 4, 9)
        assert b"event: built\n" in events  # after news of its progress
    # the run grows while it is written: the last build is the one that has it whole
    for _ in range(60):
        if "model-new</a>" in fetch(served.url)[1]:
            break
        served.wait(served.wait(None, 0), 2)
    assert "model-new</a>" in fetch(served.url)[1]


def test_a_run_under_way_is_shown_with_its_coverage_so_far(tmp_path: Path) -> None:
    run = tmp_path / "results" / "run"
    shutil.copytree(EXAMPLE, run)
    (run / "summary.json").unlink()
    build(tmp_path / "results", tmp_path / "site")
    assert "690 of 690 completions" in (tmp_path / "site" / "index.html").read_text()


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of people: two closed blind studies, a closed one of ratings, and an open one."""
    from harness.review import pairs, sheets
    from harness.review.assignments import TaskAssigner
    from harness.review.results import close
    from harness.review.sheet_import import import_sheet
    from tests.fixtures.review import SECRET, answers, honest, make_study, read, work

    folder = tmp_path_factory.mktemp("people")
    for models in (2, 3):
        (folder / f"of {models}").mkdir()
        study = make_study(folder / f"of {models}", items=12, models=models, judges="2")
        desk = TaskAssigner(study)
        for judge in study.design.judges:
            work(desk, judge, honest(study, "model-b"))
        desk.close()
        close(study)
    files = [answers(folder / f"{name}.jsonl", {f"p{n}": f"{name} {n}" for n in range(8)}) for name in ("=a|b", "c")]
    sheet = sheets.make_sheet(
        folder / "sheet", read(*files), pairs.PairOptions(judges=("ana",), checks=0.0), sheets.CRITERIA, SECRET
    )
    key = sheet.key
    rows = [{"id": n, "scores": {"accuracy": 5 if key.answers[sheet.item(n).answers[0].id] == "c" else 2}}
            for n in range(1, len(sheet) + 1)]  # fmt: skip
    (folder / "rated.json").write_text(json.dumps(rows))
    import_sheet(sheet, folder / "rated.json", "ana")
    close(sheet)
    (folder / "open").mkdir()
    make_study(folder / "open", items=4)
    return folder


def test_closed_studies_are_tables_and_an_open_one_is_left_out_by_name(studies: Path, harness: Harness) -> None:
    said = harness("leaderboard", studies, "--json")
    found = json.loads(said.stdout)
    assert "open/study: a study that is open: harness review close" in said.stderr
    two, three, rated = found["studies"]
    assert [(row["model"], row["numbers"]["win_share"]["value"]) for row in two["rows"]] == [
        ("model-b", 1.0),
        ("model-a", 0.0),
    ]
    assert [row["numbers"]["win_share"]["rank"] for row in two["rows"]] == [
        {"best": 1, "worst": 1},
        {"best": 2, "worst": 2},
    ]
    assert two["rows"][0]["counts"] == [12, 0, 0, 0] and two["votes"] == 24 and two["closed"]
    ranks = {row["model"]: row["numbers"]["strength"]["rank"] for row in three["rows"]}
    assert ranks["model-b"] == {"best": 1, "worst": 1} and ranks["model-a"] == ranks["model-c"] == {
        "best": 2,
        "worst": 3,
    }
    first = rated["rows"][0]
    assert (first["model"], first["numbers"]["accuracy"]["value"], first["counts"]) == ("c", 5.0, None)
    rows = list(csv.DictReader(io.StringIO(harness("leaderboard", studies, "--csv").stdout)))
    assert {row["metric"] for row in rows} == {"win_share", "strength", "accuracy"} and len(rows) == 7
    assert any(row["model"].endswith("=a|b") and not row["model"].startswith("=") for row in rows)
    markdown = harness("leaderboard", studies, "--markdown").stdout
    assert "| 1 | model-b | 100.0%" in markdown and "=a\\|b" in markdown
    assert "preferred by people on rows" in harness("leaderboard", studies).stdout


def test_studies_stand_on_the_site_and_a_changed_result_is_seen(studies: Path, tmp_path: Path) -> None:
    shutil.copytree(studies, tmp_path / "results")
    assert build(tmp_path / "results", tmp_path / "site").pages == 1
    page = (tmp_path / "site" / "index.html").read_text()
    assert page.count('data-task="people"') == 3 and "model-b never lost" in page
    with server.open_server(tmp_path / "results", ProblemSets(tmp_path), tmp_path / "other", 0) as opened:
        before = opened.state()
        (tmp_path / "results" / "of 2" / "study" / "results.json").write_text('{"closed": true, "models": 3}')
        assert opened.state() != before
    found = read_results(tmp_path / "results", ProblemSets(tmp_path))
    assert [each.name for each in found.studies] == ["of 3/study", "sheet"]
    assert "results.json cannot be read: " in next(e.reason for e in found.left_out if e.name == "of 2/study")
