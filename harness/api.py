"""The harness from Python, for notebooks and pipelines: `harness.run`, `score`, `compare` and `load`.

    run = harness.run("nano", "starter", n=10, k=(1, 10))
    again = harness.run("nano", "starter", n=10, k=(1, 10))     # nothing is done twice: the same run directory
    harness.compare(run, harness.load("results/example/nano-base-T0.8"))

Options are the fields of `harness.config.RunConfig`, the options of `harness run` with underscores. A run is what the
command would make: the same directory, the same signature, and the same call goes on after an interruption. Faults are
exceptions of `harness.errors` (`InputError`: what to change) and `sandbox.errors`.

Progress is shown in a terminal and in a notebook; `progress=False` is silent, `progress=True` also writes lines to a
log. A result shows itself: as a table in a notebook and with `rich.print`, and as one line with `print`.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from harness.cli import options as command_line
from harness.cli.display import comparison as comparison_display
from harness.cli.display import run as display
from harness.cli.display.notebook import NotebookDisplay, in_notebook
from harness.comparison import pairs
from harness.config import RunConfig
from harness.engines._selection import EngineCache
from harness.errors import InputError, did_you_mean
from harness.pipeline import rescore, results_file
from harness.pipeline import run as pipeline
from harness.runs import layout, reader
from harness.runs.manifest import Manifest
from harness.runs.summary import Summary, parse_summary
from harness.scale import Machines, machines, sandboxes_elsewhere
from harness.tasks import load_config
from harness.text.printable import printable
from harness.types import Completion, Estimate, Score

if TYPE_CHECKING:
    from pandas import DataFrame

Rows = tuple[list[str], list[list[str]]]  # a table: its header, and its rows


@dataclass(frozen=True, slots=True, repr=False)
class Run:
    """A run that has come to its end, as its directory has it. `load` makes one.

    record: what summary.json holds. summary: the same as a typed value.
    """

    path: Path
    manifest: Manifest
    summary: Summary
    record: Mapping[str, Any]

    @property
    def model(self) -> str:
        """The model's name."""
        return reader.SavedRun(self.path).model

    @property
    def problem_set(self) -> str:
        """The problem set's name."""
        return reader.SavedRun(self.path).dataset

    @property
    def task(self) -> str:
        """The task's name."""
        return self.summary.task

    @property
    def signature(self) -> str:
        """Everything that can change the numbers, in one line."""
        return self.manifest.signature

    @property
    def complete(self) -> bool:
        """Whether every completion has a score; the same call tries again what is missing."""
        return self.summary.coverage.complete

    @property
    def estimates(self) -> dict[str, Estimate]:
        """Metric -> value with its 95 % interval, in the order of the report."""
        return {each.metric: each for each in self.summary.estimates}

    @property
    def problems(self) -> dict[str, dict[str, float]]:
        """Problem id -> `n` (scored completions) and what was counted of it, such as `c` (those that passed)."""
        return {name: dict(values) for name, values in self.record["problems"].items()}

    def completions(self) -> Iterator[Completion]:
        """The completions, one at a time, in the order in which they came."""
        return reader.read_completions(self.path)

    def scores(self) -> Iterator[Score]:
        """What each completion is worth, one at a time."""
        return reader.read_scores(self.path)

    def to_dict(self) -> dict[str, Any]:
        """What `harness run --json` prints."""
        return dict(self.record)

    def to_pandas(self) -> DataFrame:
        """A row for each problem, its id the index. Raises InputError where pandas is not installed."""
        return _frame([{"problem": name, **values} for name, values in self.problems.items()], "problem")

    def __repr__(self) -> str:
        _, rows = display.estimate_rows(self.to_dict())
        numbers = ", ".join(f"{metric} {value} ({interval})" for metric, value, interval, *_ in rows)
        state = "" if self.complete else ", incomplete"
        return printable(f"<Run {self.model} on {self.problem_set}{state}: {numbers or 'no estimate'}>")

    def _notes(self) -> list[str]:
        """What stands below the table."""
        coverage = self.summary.coverage
        scored = f"{coverage.completions_scored} of {coverage.completions} completions are scored"
        return [*([] if self.complete else [f"incomplete: {scored}"]), f"signature: {self.signature}", str(self.path)]

    def __rich__(self) -> Group:
        notes = [Text(printable(note), style="dim") for note in self._notes()]
        return Group(display.summary_table(self.to_dict()), *notes)

    def _repr_html_(self) -> str:
        title = f"{self.model} on {self.problem_set}"
        return _html([title], display.estimate_rows(self.to_dict()), self._notes())


@dataclass(frozen=True, slots=True, repr=False)
class RunComparison:
    """Runs compared by pairs, on the problems that both scored; differences are the first run's minus the second's."""

    comparison: pairs.Comparison

    @property
    def estimates(self) -> tuple[pairs.PairResult, ...]:
        """A pair of runs in one metric: difference, interval, test, verdict."""
        return self.comparison.rows

    @property
    def problems(self) -> dict[str, dict[str, dict[str, float]]]:
        """Problem id -> a run's letter -> its numbers there; of the problems that every run scored."""
        runs = self.comparison.runs
        common = set.intersection(*(set(run.problems) for run in runs))
        return {name: {run.label: dict(run.problems[name]) for run in runs} for name in sorted(common)}

    def to_dict(self) -> dict[str, Any]:
        """What `harness compare --json` prints, without the flipped problems."""
        return pairs.record(self.comparison)

    def to_pandas(self) -> DataFrame:
        """A row for each pair and metric. Raises InputError where pandas is not installed."""
        return _frame(self.to_dict()["comparisons"])

    def __repr__(self) -> str:
        return f"<RunComparison {' '.join(self._words())}>"

    def _words(self) -> list[str]:
        return [printable(comparison_display.in_words(self.comparison, row)) for row in self.comparison.rows]

    def __rich__(self) -> Group:
        found = self.comparison
        tables: list[Table] = [
            comparison_display.rich_table(*rows(found))
            for rows in (comparison_display.run_rows, comparison_display.pair_rows)
        ]
        cautions = [Text(line, style="bold yellow") for line in comparison_display.cautions(found)]
        return Group(*cautions, *tables, *map(Text, self._words()))

    def _repr_html_(self) -> str:
        found = self.comparison
        runs = _html(comparison_display.cautions(found), comparison_display.run_rows(found))
        return runs + _html([], comparison_display.pair_rows(found), self._words())


def run(
    model: str | Path | None = None,
    problems: str | Path | None = None,
    *,
    progress: bool | None = None,
    **options: object,
) -> Run:
    """Sample a model on a problem set, execute in a sandbox, and return the finished run.

    model: nano, nano-base, a directory, a hub id, or the name on a server (with `base_url`). problems: a set's name or
    a JSONL file. options: fields of `RunConfig`, such as n, k, temperature, task. progress: None for a terminal and a
    notebook. Raises InputError for what is wrong with them, Interrupted at Ctrl-C; the same call then goes on.
    """
    config = _config({"model": model, "problems": problems, **options}, {})
    with machines(config) as there, _observer(progress) as observer, _engines(there, observer) as opened:
        return load(pipeline.run(config, observer, opened, there.sandboxes()).run)


def _engines(there: Machines, observer: display.RunDisplay | NotebookDisplay) -> EngineCache:
    return EngineCache(observer, open_vllm=there.open_vllm())


def score(
    samples: Run | str | Path,
    problems: str | Path | None = None,
    *,
    out: str | Path | None = None,
    progress: bool | None = None,
    **options: object,
) -> Run:
    """Execute saved completions and return the finished run.

    samples: a .jsonl or .jsonl.gz file (task_id with completion or solution), whose default problem set is humaneval;
    or a run, which is scored again in a directory of its own with the options given in place of its own. out: for a
    file, where its rows are written with their verdicts; None for nowhere. Raises InputError, Interrupted.
    """
    path = samples.path if isinstance(samples, Run) else Path(samples)
    given = {"problems": problems, **options}
    if path.is_dir():
        return _score_run(path, given, out, progress)
    config = _config({**given, "samples": path, "engine": "replay"}, {"problems": "humaneval"})
    if out is not None:
        results_file.check_writable(Path(out))
    with sandboxes_elsewhere(config) as there, _observer(progress) as observer:
        result = pipeline.run(config, observer, sandboxes=there)
    if out is not None:
        pipeline.write_results(config, result, Path(out))
    return load(result.run)


def _score_run(path: Path, given: Mapping[str, object], out: object, progress: bool | None) -> Run:
    if out is not None:
        raise InputError("out is for a file of samples; a run that is scored again is a run directory of its own")
    own = rescore.settings(path)
    config = _config(given, own)
    same = given["problems"] is None and config.problems == own["problems"]
    with sandboxes_elsewhere(config) as there, _observer(progress) as observer:
        return load(rescore.rescore(path, config, observer, same_problems=same, sandboxes=there).run)


def compare(
    *runs: Run | str | Path, k: int | Sequence[int] = (), vary: Sequence[str] = (), force: bool = False, seed: int = 0
) -> RunComparison:
    """Compare two runs or more, problem by problem.

    k: the ks of pass@k; none for those that were reported. vary: fields that are what you compare, such as
    temperature. force: also compare runs that differ in more. Raises InputError for runs that cannot be compared.
    """
    if len(runs) < 2:
        raise InputError("compare takes two runs or more")
    paths = [each.path if isinstance(each, Run) else Path(each) for each in runs]
    ks = (k,) if isinstance(k, int) else k
    return RunComparison(pairs.compare(paths, ks=ks, vary=vary, force=force, seed=seed))


def load(run: str | Path) -> Run:
    """The finished run in a run directory. Raises InputError where there is none, or where it has not ended."""
    path = Path(run)
    saved = reader.SavedRun(path)
    summary = parse_summary((path / layout.SUMMARY).read_bytes())  # SavedRun has checked it
    return Run(path=path, manifest=saved.manifest, summary=summary, record=saved.summary)


def _config(options: Mapping[str, object], defaults: Mapping[str, object]) -> RunConfig:
    for name in options:
        if name not in RunConfig.model_fields:
            raise InputError(f"there is no option {name!r}{did_you_mean(name, RunConfig.model_fields)}")
    paths = {name: str(value) for name, value in options.items() if name in ("model", "problems") and value is not None}
    return load_config(None, {**options, **paths}, {**defaults, **command_line.environment()})


def _observer(progress: bool | None) -> display.RunDisplay | NotebookDisplay:
    if in_notebook() and progress is not False:
        return NotebookDisplay()
    return display.RunDisplay(quiet=not (display.err.is_terminal if progress is None else progress))


def _frame(rows: list[dict[str, Any]], index: str | None = None) -> DataFrame:
    try:
        from pandas import DataFrame  # measured: 0.5 s, and not everybody has it
    except ModuleNotFoundError as error:
        raise InputError("pandas is not installed: pip install pandas; to_dict() needs nothing") from error
    frame = DataFrame(rows)
    return frame.set_index(index) if index else frame


def _html(titles: Sequence[str], rows: Rows, notes: Sequence[str] = ()) -> str:
    """A table with lines of text above and below it; everything is escaped."""
    header, lines = rows
    head = "".join(f"<th>{_escaped(name)}</th>" for name in header)
    body = "".join(f"<tr>{''.join(f'<td>{_escaped(cell)}</td>' for cell in line)}</tr>" for line in lines)
    above = "".join(f"<div><b>{_escaped(title)}</b></div>" for title in titles)
    below = "".join(f"<div><small>{_escaped(note)}</small></div>" for note in notes)
    return f"{above}<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{below}"


def _escaped(text: str) -> str:
    return html.escape(printable(text))
