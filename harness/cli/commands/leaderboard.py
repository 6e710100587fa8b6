"""Rank runs in tables, or build a static site of them."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table as RichTable
from rich.text import Text

from harness.cli import options
from harness.cli.display import run
from harness.cli.display.console import busy
from harness.datasets import ProblemSets
from harness.errors import InputError
from harness.leaderboard import exports, server, site
from harness.leaderboard.headline import make_headline
from harness.leaderboard.pages import Pages, SiteText
from harness.leaderboard.results import Results, read_results
from harness.leaderboard.studies import StudyTable
from harness.leaderboard.tables import Table, make_tables
from harness.text.numbers import count

GROUP = "compare"
EXAMPLES = (
    "harness leaderboard results --format latex --output board.tex",
    "harness leaderboard results -o site",
)
LONGEST_TITLE = 100
RANKS = (
    "rank: the ranks that paired tests on the same problems leave open (Holm, 5 %); "
    "harness leaderboard -o site builds pages down to each completion"
)


def leaderboard(
    results: Annotated[Path, typer.Argument(help="The folder with runs.")] = Path("results"),
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Build a static site in this folder.")] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown instead of tables.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV instead of tables.")] = False,
    as_json: options.Json = False,
    serve: Annotated[bool, typer.Option("--serve", help="Show the site on loopback, and keep it up to date.")] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, help="For --serve; 0 for any free port.")] = 8080,
    title: Annotated[str | None, typer.Option(help="What the site is called.")] = None,
    description: Annotated[str | None, typer.Option(help="What its first page says about it.")] = None,
) -> None:
    """Compare the runs of a folder: values, intervals, and the ranks that the evidence leaves open.

    With -o a static site is built, down to each completion; a second build writes only what changed.
    """
    if markdown + csv + as_json > 1:
        raise InputError("--markdown, --csv and --json exclude each other; give one")
    text = _site_text(title, description, site_wanted=serve or out is not None)
    sets = ProblemSets(options.cache_folder())
    if serve:
        _serve(results, sets, out, port, text)
        return
    with busy("reading the runs"):
        records = read_results(results, sets)
    for each in records.left_out:
        run.err.print(run.printable(f"left out: {each.name}: {each.reason}"))
    with busy(f"ranking {count(len(records.runs), 'run')}"):
        tables = make_tables(records.runs)
    if out is not None:
        _build(tables, records, Pages(sets, text=text), out)
    if markdown:
        print(exports.as_markdown(tables, records.studies), end="")
    elif csv:
        print(exports.as_csv(tables, records.studies), end="")
    elif as_json:
        print(exports.as_json(tables, records.left_out, records.studies))
    elif out is None:
        _show(tables)
        _show_studies(records.studies)


def _site_text(title: str | None, description: str | None, *, site_wanted: bool) -> SiteText:
    """Raises InputError for words without a site to stand on, and for an empty or endless title."""
    if not site_wanted and (title is not None or description is not None):
        raise InputError("--title and --description are for the site; add -o FOLDER, or --serve")
    if title is not None and not 0 < len(title.strip()) <= LONGEST_TITLE:
        raise InputError(f"--title takes 1 to {LONGEST_TITLE} characters; say the rest with --description")
    given = {"title": title and " ".join(title.split()), "description": description}
    return SiteText(**{name: value for name, value in given.items() if value is not None})


def _build(tables: list[Table], records: Results, pages: Pages, out: Path) -> None:
    with busy("building the site"):
        built = site.build_site(tables, records, pages, out)
    run.err.print(
        f"{built.index}: {count(len(records.runs), 'run')}, {count(built.pages, 'page')} "
        f"({built.written} written, {built.removed} removed)",
        soft_wrap=True,
    )


def _serve(results: Path, sets: ProblemSets, out: Path | None, port: int, text: SiteText) -> None:
    with tempfile.TemporaryDirectory(prefix="leaderboard-") as folder:
        try:
            with server.open_server(results, sets, out or Path(folder), port, text) as opened:
                run.err.print(f"{opened.url} shows {results} and follows it; Ctrl-C ends it", soft_wrap=True)
                opened.serve(lambda message: run.err.print(run.printable(message), soft_wrap=True))
        except KeyboardInterrupt:
            run.err.print("stopped")


def _show_studies(studies: Sequence[StudyTable]) -> None:
    for study in studies:
        run.out.print(Text(run.printable(f"{study.title}  {study.name}  {study.data}"), style="bold"))
        shown = RichTable(header_style="bold")
        for name in exports.study_columns(study):
            shown.add_column(run.printable(name), justify="left" if name == "model" else "right", overflow="fold")
        for row in study.rows:
            shown.add_row(*[Text(run.printable(text)) for text in exports.study_cells(study, row)])
        run.out.print(shown)
        for fact in exports.study_facts(study):
            run.out.print(Text(run.printable(fact)))


def _show(tables: list[Table]) -> None:
    for table in tables:
        title = f"{table.title}  {table.dataset}  " + "  ".join(f"{k} {v}" for k, v in table.conditions.items())
        shown = RichTable(header_style="bold", title=run.printable(title), title_style="bold", title_justify="left")
        for name in exports.columns(table):
            shown.add_column(name, justify="left" if name in ("model", "date") else "right", overflow="fold")
        for row in table.rows:
            shown.add_row(*[Text(run.printable(text)) for text in exports.cells(table, row)])
        run.out.print(shown, optional=("date", "completions", "problems"))
    if tables:
        found = make_headline(tables)
        run.out.print(Text(run.printable(" ".join([found.text, *found.notes])), style="bold"))
        run.out.print(RANKS)
