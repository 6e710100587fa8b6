"""What a person sees of a comparison: the runs, a row per pair, the verdict in words, programs side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.rule import Rule
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from harness.cli.display import run as display
from harness.comparison.conditions import MismatchKind, describe
from harness.comparison.flips import Flip, FlipExample
from harness.comparison.pairs import ComparedRun, Comparison, PairResult
from harness.metrics import Metric, named_value
from harness.stats import bootstrap
from harness.text import numbers

NAMED = 5  # problems that a line of text names
_STYLES = {"better": "bold green", "worse": "bold red", "no evidence": "yellow", "different": "bold", "equal": ""}


def show(found: Comparison, changed: Sequence[str], flips: Sequence[Flip]) -> None:
    """Everything, to stdout."""
    for line in cautions(found):
        display.out.print(Text(line, style="bold yellow"))
    display.out.print(rich_table(*run_rows(found)))
    display.out.print(rich_table(*pair_rows(found)))
    for row in found.rows:
        display.out.print(Text(in_words(found, row), style=_STYLES[row.verdict]))
    for line in _notes(found, changed):
        display.out.print(Text(line, style="dim"))
    for flip in flips:
        _show_flip(found, flip)


def markdown(found: Comparison, changed: Sequence[str]) -> str:
    """The same without programs, as Markdown."""
    parts = [f"> **{_cell(line)}**" for line in cautions(found)]
    parts += [_grid(*run_rows(found)), _grid(*pair_rows(found))]
    parts.append("\n".join(f"- {_cell(in_words(found, row))}" for row in found.rows))
    parts.append("\n".join(f"- {_cell(line)}" for line in _notes(found, changed)))
    return "\n\n".join(parts)


def run_rows(found: Comparison) -> tuple[list[str], list[list[str]]]:
    """The header and the rows of the table of runs."""
    metrics = list({row.metric.name: row.metric for row in found.rows}.values())
    varied = [each for each in found.mismatches if each.kind in (MismatchKind.VARIED, MismatchKind.CONFLICT)]
    rows = []
    for index, run in enumerate(found.runs):
        by_name = {each["metric"]: each for each in run.summary["estimates"]}
        cells = [_estimate(by_name.get(metric.name), metric) for metric in metrics]
        rows.append([run.label, run.model, *(each.values[index] or "-" for each in varied), *cells])
    return ["", "model", *(each.field for each in varied), *(metric.name for metric in metrics)], rows


def _estimate(estimate: dict[str, float] | None, metric: Metric) -> str:
    if estimate is None:
        return "-"
    return metric.with_interval(estimate["value"], estimate["low"], estimate["high"])


def pair_rows(found: Comparison) -> tuple[list[str], list[list[str]]]:
    """The header and the rows of the table of pairs."""
    units = {row.metric.difference_unit for row in found.rows}
    difference = f"difference ({units.pop().split()[0]})" if len(units) == 1 and units != {""} else "difference"
    p_value = "p (Holm)" if len(found.runs) > 2 else "p"
    header = ["pair", "metric", difference, "95 % interval", p_value, "smallest detectable", "won / lost / tied"]
    rows = []
    for row in found.rows:
        each = row.difference
        written = row.metric.difference_text
        rows.append([
            f"{row.first.label} - {row.second.label}", row.metric.name, written(each.value),
            f"{written(each.low)} to {written(each.high)}", numbers.p_value(row.p_adjusted),
            written(row.smallest_detectable).lstrip("+") if row.smallest_detectable else "-",
            f"{row.won} / {row.lost} / {each.tied}",
        ])  # fmt: skip
    return header, rows


def in_words(found: Comparison, row: PairResult) -> str:
    """`pass@1: A (nano) is better than B (nano-base) by 20.3 points.`"""
    first, second = _name(found, row.first), _name(found, row.second)
    size = f"{row.metric.difference_text(abs(row.difference.value)).lstrip('+')} {row.metric.difference_unit}".strip()
    if row.relative:
        change, low, high = row.relative
        size += f" (perplexity {change:+.1%}, {low:+.1%} to {high:+.1%})"
    if row.verdict in ("better", "worse"):
        return f"{row.metric.name}: {first} is {row.verdict} than {second} by {size}."
    if row.verdict == "different":
        return f"{row.metric.name}: {first} differs from {second} by {size}; neither direction is better."
    if row.verdict == "equal":
        return f"{row.metric.name}: {first} and {second} are equal on all {row.difference.n_problems} problems."
    said = f"{row.metric.name}: no evidence either way between {first} and {second}"
    if row.problems_needed is None:
        return f"{said}; the difference is {size}."
    here = row.difference.n_problems
    return f"{said}; to show {size} takes about {row.problems_needed:,} problems, and there are {here} here."


def _name(found: Comparison, run: ComparedRun) -> str:
    """`A (nano, temperature 0.8)`: the model, and what else the comparison varies."""
    varied = (each for each in found.mismatches if each.kind is MismatchKind.VARIED)
    parts = (f"{each.field} {each.values[found.runs.index(run)] or '-'}" for each in varied)
    return display.printable(f"{run.label} ({', '.join((run.model, *parts))})")


def cautions(found: Comparison) -> list[str]:
    """What a reader must know before the numbers."""
    labels = [run.label for run in found.runs]
    lines = []
    if found.forced:
        faults = [describe(each, labels) for each in found.mismatches if each.kind is MismatchKind.CONFLICT]
        lines.append(f"forced: the difference may come from {'; '.join(faults)}")
    unknown = [each.field for each in found.mismatches if each.kind is MismatchKind.UNRECORDED]
    if unknown:
        lines.append(f"not checked, since saved completions do not tell: {', '.join(unknown)}")
    lines.extend(found.warnings)
    for pair in dict.fromkeys((row.first.label, row.second.label, row.left_out) for row in found.rows if row.left_out):
        lines.append(f"left out of {pair[0]} - {pair[1]}, scored in one only: {_named(pair[2])}")
    return [display.printable(line) for line in lines]


def _notes(found: Comparison, changed: Sequence[str]) -> list[str]:
    labels = [run.label for run in found.runs]
    tests = dict.fromkeys((row.metric.name, row.difference.method) for row in found.rows)
    lines = [f"test of {name}: {method}" for name, method in tests]
    shared = " over the number of pairs" if len(found.runs) > 2 else ""
    lines.append(
        "interval: paired bootstrap over problems; smallest detectable: at 80 % power, two-sided "
        f"{100 * bootstrap.ALPHA:g} %{shared}"
    )
    for each in found.mismatches:
        if each.kind is MismatchKind.HARMLESS:
            lines.append(f"differs without harm: {describe(each, labels)} ({each.reason})")
    if changed:
        what = "flipped" if found.runs[0].task == "codegen" else "differ"
        lines.append(f"{what}, the largest first: {_named(changed)}")
    lines.extend(f"{run.label}: {run.path}" for run in found.runs)
    return [display.printable(line) for line in lines]


def _named(problem_ids: Sequence[str]) -> str:
    more = f" and {len(problem_ids) - NAMED} more" if len(problem_ids) > NAMED else ""
    return f"{numbers.count(len(problem_ids), 'problem')} ({', '.join(problem_ids[:NAMED])}{more})"


def _show_flip(found: Comparison, flip: Flip) -> None:
    display.out.print(Rule(Text(display.printable(flip.problem_id)), align="left"))
    table = Table(expand=True, show_lines=True)
    for run, problem in zip(found.runs, (flip.first, flip.second), strict=True):
        table.add_column(Text(f"{_name(found, run)}: {_score(run, problem)}"), ratio=1)
    if any(flip.examples):
        table.add_row(*(_head(example) for example in flip.examples))
        code = found.runs[0].task == "codegen"
        table.add_row(*(_program(example, code) for example in flip.examples))
    display.out.print(table)


def _score(run: ComparedRun, problem: Mapping[str, float]) -> str:
    if run.task == "codegen":
        return f"{problem['c']} of {problem['n']} passed"
    return display.printable(", ".join(named_value(*each) for each in problem.items() if each[0] != "n"))


def _head(example: FlipExample | None) -> Text:
    if example is None:
        return Text("no completion", style="dim")
    head = Text(f"[{example.index}] ")
    if example.verdict is not None:
        head.append(display.verdict_text(example.verdict))
    if example.detail:
        head.append(f"  {display.printable(example.detail)}", style="dim")
    return head


def _program(example: FlipExample | None, code: bool) -> Syntax | Text:
    if example is None or not example.text.strip():
        return Text("" if example is None else "(empty)", style="dim")
    text = display.printable(example.text)
    return Syntax(text, "python", theme="ansi_dark", background_color="default", word_wrap=True) if code else Text(text)


def rich_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """Of rows, with nothing in them that acts."""
    table = Table(header_style="bold")
    for name in header:
        table.add_column(Text(name), overflow="fold", no_wrap=name in ("pair", "p", "p (Holm)"))
    for row in rows:
        table.add_row(*(Text(display.printable(cell)) for cell in row))
    return table


def _grid(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)


def _cell(text: str) -> str:
    """Text that no Markdown or HTML can break out of."""
    escaped = display.printable(text).replace("\n", " ").replace("&", "&amp;").replace("<", "&lt;")
    return "".join(f"\\{char}" if char in "\\|`*_[]" else char for char in escaped)
