"""Let people judge: blind A/B votes, rating sheets, agreement."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from harness import extras
from harness.cli import options
from harness.cli.display import run as display
from harness.cli.display.console import busy
from harness.cli.display.meter import Meter
from harness.cli.display.voting import vote_here
from harness.engines._selection import EngineCache, find_model
from harness.errors import InputError, did_you_mean
from harness.files.atomic import replacing
from harness.review import exports, model_judge, pairs, report, results, sheets, text
from harness.review import study as studies
from harness.review.sheet_import import import_sheet
from harness.review.sources import STRATA, Source, read_source
from harness.review.study import Study, open_study
from harness.tasks import load_config
from harness.text.numbers import count

GROUP = "people"
EXAMPLES = {
    "ab": (
        "harness review ab RUN_A RUN_B -o study",
        "harness review ab RUN_A RUN_B --samples 50 --judges ana,ben -o study",
    ),
    "sheet": (
        "harness review sheet RUN -o sheet",
        "harness review sheet RUN_A RUN_B --samples 10 --raters ana,ben -o sheet",
    ),
    "import": (
        "harness review import sheet rated.csv --rater ana",
        "harness review import sheet rated.json --rater ben --replace",
    ),
    "serve": (
        "harness review serve study",
        "harness review serve study --host 0.0.0.0 --allow-host judges.example.org",
    ),
    "vote": (
        "harness review vote study --judge ana",
        "harness review vote study --judge ben",
    ),
    "close": (
        "harness review close study",
        "harness review close study --json",
    ),
    "results": (
        "harness review results study",
        "harness review results sheet --peek --csv",
    ),
    "judge": (
        "harness review judge study --model ./judge",
        "harness review judge study --base-url http://127.0.0.1:8000/v1",
    ),
    "export": (
        "harness review export study --format csv -o votes.csv",
        "harness review export study --format dpo -o pairs.jsonl",
    ),
}

app = typer.Typer(
    help="People read the answers: rating sheets, blind A/B votes, who won, and whether judges agree.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

StudyFolder = Annotated[Path, typer.Argument(metavar="STUDY", help="A study's folder.")]
Runs = Annotated[
    list[Path], typer.Argument(metavar="RUN...", help="Run directories, or JSONL files of prompt, expected, generated.")
]
Out = Annotated[Path, typer.Option("-o", "--out", help="The study's folder, to be created.")]
Samples = Annotated[int | None, typer.Option(min=1, help="Problems to judge. Default: 50, or all there are.")]
Seed = Annotated[int, typer.Option(min=0, help="Draws the problems.")]
By = Annotated[str | None, typer.Option(help="Stratify by category, label or verdict.")]
Index = Annotated[int, typer.Option(min=0, help="Which completion of each problem.")]
Guidelines = Annotated[Path | None, typer.Option(help="A text file for the judges, in place of ours.")]
Peek = Annotated[bool, typer.Option("--peek", help="Look before closing. Looks are counted, and every output says so.")]
Within = Annotated[bool, typer.Option("--within", help="Strengths within each group that votes connect.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="0 for any free port.")]


def _sources(runs: Sequence[Path], index: int, by: str | None) -> list[Source]:
    if by is not None and by not in STRATA:
        raise InputError(f"--by takes {', '.join(STRATA)}, not {by!r}{did_you_mean(by, STRATA)}")
    return [read_source(run, index, options.cache_folder()) for run in runs]


def _text(path: Path | None, default: str) -> str:
    if path is None:
        return default
    try:
        return path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {error}") from error


@app.command("ab")
def ab(
    runs: Runs,
    out: Out = Path("study"),
    samples: Samples = None,
    seed: Seed = 0,
    by: By = None,
    index: Index = 0,
    judges: Annotated[str, typer.Option(help="How many judges, or their names: ana,ben,cem.")] = "3",
    votes: Annotated[int | None, typer.Option(help="Judges for each item. Default: all of them.")] = None,
    checks: Annotated[float, typer.Option(help="Checks for each vote: equal pairs, repeats, references.")] = 0.1,
    guidelines: Guidelines = None,
    both_bad: Annotated[bool, typer.Option("--both-bad/--no-both-bad", help="Offer `both bad` beside `tie`.")] = True,
    show_expected: Annotated[
        bool, typer.Option("--show-expected", help="Show judges the expected answer; then no check is a reference.")
    ] = False,
) -> None:
    """Make a blind A/B study of two or more runs. With three or more, every pair of models is judged."""
    ours = pairs.GUIDELINES if both_bad else pairs.GUIDELINES_WITHOUT_BAD
    asked = pairs.PairOptions(
        samples=samples, seed=seed, by=by, judges=pairs.judge_names(judges), votes=votes, checks=checks,
        guidelines=_text(guidelines, ours), both_bad=both_bad, show_expected=show_expected,
    )  # fmt: skip
    with busy("making the study"):
        study = pairs.make_ab(out, _sources(runs, index, by), asked)
        asked_pairs, ties = pairs.tasks_of(study)
    _say(
        f"{out}: {count(len(study), 'item')}, {count(len(asked_pairs), 'pair')} to judge"
        + (f", {count(len(ties), 'pair')} of equal answers that count as ties" if ties else "")
    )
    _warn(study)
    _say(f"judges vote at the links that this prints: harness review serve {out}")


@app.command("sheet")
def sheet(
    runs: Runs,
    out: Out = Path("study"),
    samples: Samples = None,
    seed: Seed = 0,
    by: By = None,
    index: Index = 0,
    raters: Annotated[str, typer.Option(help="How many raters, or their names: ana,ben.")] = "2",
    criteria: Annotated[Path | None, typer.Option(help="A TOML file of [[criteria]] in place of ours.")] = None,
    guidelines: Guidelines = None,
) -> None:
    """Make a rating sheet. JSON, CSV or an offline HTML form that can be printed; models are mixed and unnamed."""
    asked = pairs.PairOptions(
        samples=samples, seed=seed, by=by, judges=pairs.judge_names(raters, "rater"), checks=0.0,
        guidelines=_text(guidelines, sheets.GUIDELINES),
    )  # fmt: skip
    chosen = sheets.CRITERIA if criteria is None else sheets.read_criteria(criteria)
    named = not raters.strip().isdigit()
    with busy("making the sheet"):
        study = sheets.make_sheet(out, _sources(runs, index, by), asked, chosen, open_names=not named)
    _say(f"{out}: {count(len(study), 'answer')} to rate")
    for suffix in ("json", "csv", "html"):
        _say(f"  {out / f'{sheets.SHEET}.{suffix}'}")
    _warn(study)
    _say(f"read a rated one with: harness review import {out} FILE --rater NAME")


@app.command("import")
def import_(
    study: StudyFolder,
    file: Annotated[Path, typer.Argument(help="A rated sheet: JSON or CSV, whole or a part.")],
    rater: Annotated[str, typer.Option(help="Who rated it.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Where scores differ from earlier ones, take the new ones.")
    ] = False,
) -> None:
    """Read a rated sheet. The same file twice changes nothing; conflicts are listed and nothing is read."""
    with busy(f"reading {file}"):
        found = import_sheet(open_study(study), file, rater, replace=replace)
    _say(f"{file}: {found.added} answers rated by {rater} are new, {found.same} were there, {found.empty} are empty")


@app.command("serve")
def serve(
    study: StudyFolder,
    port: Port = 8090,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    allow_host: Annotated[
        list[str] | None,
        typer.Option(help="A host name that judges will type; needed for --host. May be given several times."),
    ] = None,
) -> None:
    """Serve a study: prints a link for each judge and the owner's. Votes are on the disk before they are answered."""
    try:
        from harness.review import app as server  # measured: fastapi, 0.4 s
    except ModuleNotFoundError as error:
        raise InputError(
            f"the voting page needs more packages ({error.name} is not installed): {extras.install('review')}; "
            f"without them, vote in a terminal: harness review vote {study} --judge NAME"
        ) from error

    opened = open_study(study)
    with server.open_server(opened, host, port, allow_host or []) as running:
        for name, url in running.links():
            print(f"{name:<12} {url}", flush=True)
        _say(
            "each judge has a link; the owner's shows progress, and after `harness review close` the result; "
            "Ctrl-C ends"
        )
        running.serve()


@app.command("vote")
def vote(
    study: StudyFolder,
    judge: Annotated[str, typer.Option(help="Who votes.")],
) -> None:
    """Vote in the terminal. Keys: a, b, t (tie), x (both bad), z (undo), q (quit)."""
    vote_here(open_study(study), judge)


@app.command("close")
def close(study: StudyFolder, within: Within = False, as_json: options.Json = False) -> None:
    """End the vote and show who won. A closed study takes no more votes."""
    with busy("working out the result", quiet=as_json):
        found = results.close(open_study(study), results.ResultOptions(within=within))
    _print(found, as_json=as_json)


@app.command("results")
def show_results(
    study: Annotated[Path, typer.Argument(metavar="STUDY", help="A study's folder, or a JSONL file of arena votes.")],
    as_json: options.Json = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV instead of tables.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown instead of tables.")] = False,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Write report.html here.")] = None,
    peek: Peek = False,
    exclude_failed: Annotated[
        int | None, typer.Option(min=1, help="Also show the result without judges who failed this many checks.")
    ] = None,
    within: Within = False,
) -> None:
    """Who won, how sure that is, and whether judges agree. An open study is shown only with --peek."""
    if as_json + as_csv + markdown > 1:
        raise InputError("--markdown, --csv and --json exclude each other; give one")
    look = results.ResultOptions(peek=peek, exclude_failed=exclude_failed, within=within)
    with busy("working out the result", quiet=as_json):
        if study.is_file():
            found = results.of_votes(exports.read_arena(study), study.name, look)
        else:
            found = results.results(studies.open_study(study), look)
    if out is not None:
        report.write_report(found, out)
        _say(f"report: {out}")
    if as_csv:
        print(text.as_csv(found), end="")
    elif markdown:
        print(text.as_markdown(found), end="")
    else:
        _print(found, as_json=as_json)


@app.command("judge")
@options.takes(
    "model", "base_url", "engine", "form", "concurrency", "vllm_python", "engine_args",
    model="A directory, a hub id, an embedded model, or the server's.",
    engine="auto, openai, transformers or vllm.",
)  # fmt: skip
def judge(
    study: StudyFolder,
    flags: options.Flags,
) -> None:
    """Let a model judge every pair in both orders. Its votes are kept apart from people's, and compared with theirs."""
    if flags["model"] is None and flags["base_url"] is None:
        raise InputError("name the judge: --model, or --base-url for a server")
    opened = open_study(study)
    tokens = model_judge.SAMPLING.max_tokens
    config = load_config(None, {**flags, "max_tokens": tokens}, options.environment())
    found = find_model(config)
    with display.RunDisplay(quiet=False) as teller, EngineCache(teller) as engines:
        opened_engine = engines.get(config, found)
        with Meter(quiet=False) as meter:
            path = model_judge.ask(opened, found.name, opened_engine, found.form, meter)
    _say(f"{path}: the raw replies; `harness review results` shows them beside people's votes")


@app.command("export")
def export(
    study: StudyFolder,
    format_: Annotated[str, typer.Option("--format", help="csv, jsonl, arena, inspect or dpo.")],
    out: Annotated[Path | None, typer.Option("-o", "--out", help="The file. Default: standard output.")] = None,
    peek: Peek = False,
) -> None:
    """Write votes for other tools. The study must be closed, for an export names models."""
    with busy("reading the votes"):
        text, notes = exports.export(open_study(study), format_, peek=peek)
    if out is None:
        sys.stdout.write(text)
    else:
        with replacing(out) as file:
            file.write(text)
    for each in notes:
        _say(f"note: {each}")


def _print(result: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(result, ensure_ascii=True))
        return
    for title, columns, rows in text.tables(result):
        display.out.print(Text(display.printable(title), style="bold"))
        display.out.print(_table(columns, rows))
    for each in result["warnings"]:
        display.out.print(Text(f"note: {display.printable(each)}", style="yellow"))
    display.out.print(Text(display.printable(text.headline(result)), style="bold"))
    display.out.print(Text(display.printable(f"signature: {result['signature']}"), style="dim"), soft_wrap=True)


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(header_style="bold")
    for name in columns:
        table.add_column(name, overflow="fold")
    for line in rows:
        table.add_row(*[Text(display.printable(cell)) for cell in line])
    return table


def _warn(study: Study) -> None:
    for each in study.record.warnings:
        _say(f"note: {each}")


def _say(message: str) -> None:
    display.err.print(display.printable(message), soft_wrap=True, markup=False, highlight=False)
