"""The pages of the site, rendered: what each shows.

What they print is made harmless by `harness.html.environment`; no page embeds data in a script. Pages hold no time of
their making: the same runs give the same bytes.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from markupsafe import Markup

from harness import __version__
from harness.datasets import ProblemSets
from harness.html.environment import TEMPLATES as SHARED
from harness.html.environment import make_environment, make_policy
from harness.leaderboard import charts
from harness.leaderboard.answers import REPEAT, fold_answers, highlighted
from harness.leaderboard.exports import study_facts, study_value
from harness.leaderboard.facts import FIELDS, cost_facts, program_limits
from harness.leaderboard.headline import make_grid, make_headline
from harness.leaderboard.judged_by import judged_by
from harness.leaderboard.prompts import asked_messages, find_problems
from harness.leaderboard.records import parsed_lines
from harness.leaderboard.results import LeaderboardRun, LeftOut, Results, created_label, slug
from harness.leaderboard.sides import make_pairs, problem_rows, shown_examples
from harness.leaderboard.tables import Table, TableRow, metric_of, problem_values
from harness.metrics import named_value
from harness.runs.layout import COMPLETIONS, EXECUTIONS, SCORES
from harness.runs.summary import CODEGEN
from harness.text import numbers
from sandbox.types import Verdict

TEMPLATES = Path(__file__).resolve().parent / "templates"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One file of the site: its path below the site's folder, and its text."""

    path: str
    html: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteText:
    """What a team calls its board, and says of it on the first page: paragraphs, between empty lines."""

    title: str = "Leaderboard"
    description: str = ""

    @property
    def paragraphs(self) -> tuple[str, ...]:
        """The description's paragraphs."""
        return tuple(part.strip() for part in re.split(r"\n\s*\n", self.description) if part.strip())


class Pages:
    """Renders the pages of a site. live: with a script that loads a page again when the server says so."""

    def __init__(self, sets: ProblemSets, *, live: bool = False, text: SiteText = SiteText()) -> None:
        self._sets, self._live, self._text = sets, live, text
        self._style = (SHARED / "page.css").read_text("utf-8")
        self._board_style = self._style + (SHARED / "board.css").read_text("utf-8")
        self._filter_script = (TEMPLATES / "filter.js").read_text("utf-8")
        self._sides_script = (TEMPLATES / "sides.js").read_text("utf-8")
        self._sort_script = (TEMPLATES / "sort.js").read_text("utf-8")
        self._live_script = (TEMPLATES / "live.js").read_text("utf-8")
        self._environment = make_environment(TEMPLATES, SHARED, names=_names())

    @functools.cached_property
    def digest(self) -> str:
        """Of all that makes pages but the runs: templates, version, and whether pages are live."""
        digest = hashlib.sha256(f"{__version__} {self._live} {self._text.title}".encode("utf-8", "surrogatepass"))
        code = [*Path(__file__).parent.glob("*.py"), *SHARED.parent.glob("*.py")]
        for file in sorted([*TEMPLATES.iterdir(), *SHARED.iterdir(), *code]):
            digest.update(hashlib.sha256(file.read_bytes()).digest())
        return digest.hexdigest()

    def has_prompts(self, run: LeaderboardRun) -> bool:
        """Whether the problem set of a run is at hand."""
        return find_problems(self._sets, run.manifest) is not None

    def index(self, tables: Sequence[Table], records: Results) -> Page:
        """The first page: every table with its charts, and what was left out."""
        sections = [_section(table) for table in tables]
        headline, grid = make_headline(tables), make_grid(tables)
        newest = max((run.created for run in records.runs), default="")
        html = self._render(
            "index.html.j2",
            sections=sections,
            records=records,
            under_way=self.under_way([each for each in records.left_out if each.under_way]),
            left_out=[each for each in records.left_out if not each.under_way],
            description=self._text.paragraphs,
            headline=headline,
            grid=grid,
            leading={each.leading_run for each in headline.standings if each.leading_run},
            tasks=sorted({*(table.task for table in tables), *("people" for _ in records.studies)}),
            datasets=sorted({*(table.dataset for table in tables), *(each.data for each in records.studies)}),
            newest=created_label(newest) if newest else "",
            scripts=[self._sort_script, self._filter_script, *([self._live_script] if self._live else [])],
            style=self._board_style,
            root="",
            problem_href=lambda table: functools.partial(problem_path, table),
        )
        return Page(path="index.html", html=html)

    def under_way(self, runs: Sequence[LeftOut], paces: Mapping[str, str] = MappingProxyType({})) -> Markup:
        """The part of the first page on runs that go on; empty without any. paces: run's name -> its rate in words."""
        shown = [(run, paces.get(run.name, "")) for run in runs]
        html = self._environment.get_template("under_way.html.j2").render(runs=shown)
        return Markup(html.strip())  # made by an escaping template

    def run(self, table: Table, row: TableRow) -> Page:
        """A run: its numbers, what they stand on, and its problems."""
        run = row.run
        html = self._render(
            "run.html.j2",
            table=table,
            row=row,
            run=run,
            fields=[(name, value, FIELDS.get(name, "")) for name, value in run.fields.items()],
            measures={name: metric_of(table, name) for name in table.metrics},
            problems=_run_problems(table, run),
            cost=cost_facts(run),
            bar=charts.segments(run.verdicts),
            scripts=[self._sort_script, self._filter_script],
            style=self._board_style,
            root="../",
        )
        return Page(path=run_path(run), html=html)

    def problems(self, table: Table) -> Iterator[Page]:
        """The problems of a table, each with what every run made of it."""
        means = charts.difficulty(charts.problem_shares(table))
        names = list(dict.fromkeys(name for row in table.rows for name in row.run.problems))
        sets = {row.run.dataset_sha256: find_problems(self._sets, row.run.manifest) for row in table.rows}
        found = next((each for each in sets.values() if each), None)
        for name in names:
            problem = found.find(name) if found else None
            entries = [_entry(table, row, name) for row in table.rows if name in row.run.problems]
            html = self._render(
                "problem.html.j2",
                table=table,
                problem_id=name,
                problem=problem,
                highlighted=highlighted,
                judged=judged_by(problem) if problem else None,
                mean=means.get(name),
                mean_name=charts.mean_name(table),
                entries=entries,
                sides=[
                    {**each, "examples": shown_examples(each["row"].run, name, problem)}
                    for each in entries
                    if each["at_hand"]
                ],
                scripts=[self._sides_script, self._sort_script, self._filter_script],
                style=self._board_style,
                root="../../",
            )
            yield Page(path=problem_path(table, name), html=html)

    def compare(self, table: Table) -> Iterator[Page]:
        """Two runs of a table beside each other, whichever are chosen; no page where there is one run."""
        if len(table.rows) > 1:
            html = self._render(
                "compare.html.j2",
                table=table,
                pairs=make_pairs(table),
                problems=problem_rows(table),
                found=list(dict.fromkeys(name for row in table.rows for name in row.run.verdicts)),
                scripts=[self._sides_script, self._sort_script, self._filter_script],
                style=self._board_style,
                root="../",
            )
            yield Page(path=compare_path(table), html=html)

    def completions(self, table: Table, run: LeaderboardRun) -> Iterator[Page]:
        """The completions of a run, a page per problem. Reads the run's files."""
        found = find_problems(self._sets, run.manifest)
        executions: dict[str, dict[int, dict[str, Any]]] = {}
        for row in _lines(run, EXECUTIONS):
            executions.setdefault(row["problem_id"], {})[row["index"]] = row
        scores: dict[str, dict[int, Any]] = {}
        verdict_is_all = run.task == CODEGEN and not any(each.metric.startswith("base_") for each in run.estimates)
        for row in () if verdict_is_all else _lines(run, SCORES):
            scores.setdefault(row["problem_id"], {})[row["index"]] = row.get("values")
        answers: dict[str, list[dict[str, Any]]] = {}
        for row in _lines(run, COMPLETIONS):
            answers.setdefault(row["problem_id"], []).append(row)
        for name, rows in answers.items():
            problem = found.find(name) if found else None
            results = executions.get(name, {})
            html = self._render(
                "completions.html.j2",
                table=table,
                run=run,
                problem_id=name,
                problem=problem,
                messages=asked_messages(run.task, problem, run.manifest, rows[0].get("form")) if problem else (),
                limits=program_limits(run, problem),
                answers=fold_answers(run, rows, results, scores.get(name, {}), problem),
                count=len(rows),
                beside=name in run.in_sandbox,
                scripts=[self._filter_script],
                style=self._style,
                root="../../",
            )
            yield Page(path=completions_path(run, name), html=html)

    def _render(self, template: str, *, style: str, scripts: Sequence[str], **context: Any) -> str:
        return self._environment.get_template(template).render(
            policy=make_policy(style, scripts, connects=self._live_script in scripts),
            style=Markup(style),  # our own file
            scripts=[Markup(script) for script in scripts],  # our own files
            version=__version__,
            site_title=self._text.title,
            **context,
        )


def run_path(run: LeaderboardRun) -> str:
    """Where a run's page is."""
    return f"runs/{run.slug}.html"


def compare_path(table: Table) -> str:
    """Where two runs of a table stand side by side."""
    return f"compare/{table.slug}.html"


def problem_path(table: Table, problem_id: str) -> str:
    """Where the page of a table's problem is."""
    return f"problems/{table.slug}/{_slug(problem_id)}.html"


def completions_path(run: LeaderboardRun, problem_id: str) -> str:
    """Where the completions of a run's problem are."""
    return f"completions/{run.slug}/{_slug(problem_id)}.html"


_slug = functools.lru_cache(maxsize=20_000)(slug)


def _names() -> dict[str, object]:
    """What the templates use beside their context."""
    return {
        "repeat": REPEAT,
        "amount": numbers.amount,
        "metric_of": metric_of,
        "named_value": named_value,
        "lower_is_better": lambda table: metric_of(table, table.metrics[0]).lower_is_better,
        "run_path": run_path,
        "problem_path": problem_path,
        "compare_path": compare_path,
        "completions_path": completions_path,
        "created": created_label,
        "study_value": study_value,
        "study_facts": study_facts,
        "all_segments": charts.segments,
        "segments": lambda counts, names: charts.segments({name: counts.get(name, 0) for name in names}),
    }


def _section(table: Table) -> dict[str, Any]:
    """What the first page shows of a table."""
    runs = [row.run for row in table.rows]
    shares = charts.problem_shares(table)
    means = charts.difficulty(shares)
    per_completion = {run.name: run.tokens.completion / run.tokens.completions for run in runs if run.tokens}
    prices = {run.name: run.price for run in runs if run.price is not None}
    names = [verdict.value for verdict in Verdict if any(run.verdicts.get(verdict.value) for run in runs)]
    names += sorted({name for run in runs for name in run.verdicts} - set(names))
    return {
        "table": table,
        "measures": {name: metric_of(table, name) for name in table.metrics},
        "lower_is_better": {metric: metric_of(table, metric).lower_is_better for metric in table.metrics},
        "scales": {metric: charts.interval_scale(table, metric) for metric in table.metrics},
        "mean": charts.mean_name(table),
        "curves": charts.pass_curves(table),
        "tokens": charts.score_against(table, per_completion, "tokens per completion"),
        "prices": charts.score_against(table, prices, "price of the run"),
        "tokened": bool(per_completion),
        "priced": bool(prices),
        "verdicts": names,
        "heat": charts.heat_map(shares, means) if means else None,
        "bins": charts.histogram(means.values()),
        "problems": [
            (
                name,
                mean,
                sum(values.get(name, 0) > 0 for values in shares.values()),
                sum(name in v for v in shares.values()),
            )
            for name, mean in means.items()
        ],
        "differing": [name for name in ("img", "v") if len({run.fields.get(name) for run in runs}) > 1],
    }


def _run_problems(table: Table, run: LeaderboardRun) -> list[dict[str, Any]]:
    metric = table.metrics[0]
    values = problem_values(run, metric) or {}
    rows = []
    for name, counts in run.problems.items():
        marks = run.verdicts_of.get(name, {})
        solved = table.task == CODEGEN and counts["n"]
        rows.append(
            {
                "id": name,
                "n": int(counts["n"]),
                "c": int(counts["c"]) if table.task == CODEGEN else None,
                "value": counts["c"] / counts["n"] if solved else values.get(name) if table.task != CODEGEN else None,
                "verdicts": Counter(mark for mark in marks.values() if mark),
                "beside": name in run.in_sandbox,
                "at_hand": name in run.verdicts_of,
            }
        )
    return rows


def _entry(table: Table, row: TableRow, problem_id: str) -> dict[str, Any]:
    """What one run made of one problem."""
    counts = row.run.problems[problem_id]
    marks = row.run.verdicts_of.get(problem_id, {})
    if table.task == CODEGEN:
        value = counts["c"] / counts["n"] if counts["n"] else None
    else:
        value = (problem_values(row.run, table.metrics[0]) or {}).get(problem_id)
    return {
        "row": row,
        "n": int(counts["n"]),
        "c": int(counts["c"]) if table.task == CODEGEN else None,
        "value": value,
        "verdicts": Counter(mark for mark in marks.values() if mark),
        "marks": marks,
        "beside": problem_id in row.run.in_sandbox,
        "at_hand": problem_id in row.run.verdicts_of,
    }


def _lines(run: LeaderboardRun, file: str) -> Iterator[dict[str, Any]]:
    path = run.path / file
    return parsed_lines(path.read_bytes() if path.exists() else b"", file)
