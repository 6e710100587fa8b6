"""Plan how many problems and samples a difference takes."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from harness.cli import options
from harness.cli.display import run as display
from harness.comparison import pairs as comparison
from harness.errors import InputError
from harness.metrics import preference
from harness.stats import power as planning
from harness.stats.power import Ability, Design

GROUP = "compare"
EXAMPLES = (
    "harness plan --effect 3 --baseline 40",
    "harness plan --problems 164 --run results/example/nano-T0.8",
)

DECIDED = (100, 80, 60)  # percent of a vote's items
SAMPLES = (1, 5, 10, 20, 50)


def plan(
    effect: Annotated[float | None, typer.Option(help="The difference to detect, in points of pass@1.")] = None,
    problems: Annotated[int | None, typer.Option(min=2, help="How many problems there are.")] = None,
    n: Annotated[
        str | None, typer.Option("--n", help="Samples per problem to plan for, such as 1,10.", metavar="N,N")
    ] = None,
    baseline: Annotated[
        float | None, typer.Option(help="Expected pass@1 of one system, in percent. Default: 50.")
    ] = None,
    run: Annotated[
        list[Path] | None,
        typer.Option(help="Take spread and baseline from this run; given twice, the correlation too."),
    ] = None,
    spread: Annotated[
        float | None, typer.Option(help="0: all problems equally hard; 1: each passed always or never. Default: 0.6.")
    ] = None,
    correlation: Annotated[
        float | None, typer.Option(help="Correlation of the two systems' pass rates. Default: 0.8.")
    ] = None,
    power: Annotated[float, typer.Option(help="Chance of detecting the difference.")] = 0.8,
    alpha: Annotated[float, typer.Option(help="Two-sided level of the test.")] = 0.05,
    pairs: Annotated[int, typer.Option(help="Comparisons that share the level (Holm).")] = 1,
    share: Annotated[
        float | None,
        typer.Option(help="Percent of a blind vote's decided items that go to one model. Alone, or with --problems."),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Plan a comparison: --effect 3 asks how many problems show 3 points, --problems 164 what 164 problems can show.

    --share 65 asks how many items of a blind vote (harness review) it takes to show that 65% prefer one model.

    Paired: both systems answer the same problems. Unpaired: each answers as many of its own. See docs/compare.md.
    """
    if share is not None:
        if effect is not None or n is not None or run or (power, alpha, pairs) != (0.8, 0.05, 1):
            raise InputError("--share plans votes at 80 % power and a level of 5 %; give it alone, or with --problems")
        _plan_votes(share, problems, as_json=as_json)
        return
    if effect is None and problems is None:
        raise InputError("plan needs --effect (points of pass@1), --problems (how many there are), or both")
    design, ability = _design(power, alpha, pairs), _ability(baseline, spread, correlation, run or [])
    largest = 100 * max(ability.baseline, 1 - ability.baseline)
    if effect is not None and not 0 < effect <= largest:
        raise InputError(f"--effect must be above 0 and at most {largest:g} points from this baseline, not {effect:g}")
    counts = _counts(n)
    rows = [_row(design, ability, effect, problems, samples) for samples in counts]
    needed = design.samples(ability, effect / 100, problems) if effect is not None and problems is not None else None
    if as_json:
        record: dict[str, Any] = {"effect": effect, "problems": problems, "samples_needed": needed, "rows": rows}
        print(json.dumps({**record, **dataclasses.asdict(ability), **dataclasses.asdict(design)}))
        return
    _show(design, ability, effect, problems, rows)
    if effect is not None and problems is not None:
        _show_samples(effect, problems, needed)


def _plan_votes(share: float, items: int | None, *, as_json: bool) -> None:
    """Items of a blind vote, by how many of them are decided; the rest are ties."""
    if not 50 < share <= 100:
        raise InputError(f"--share is above 50 and at most 100 percent, not {share:g}")
    needed = {decided: preference.items_needed(share / 100, decided / 100) for decided in DECIDED}
    shown = None if items is None else preference.smallest_detectable(items)
    if as_json:
        print(json.dumps({"share": share, "items": items, "smallest_detectable": shown, "items_needed": needed}))
        return
    table = Table(header_style="bold")
    for name in ("items that are not ties", f"items that show {share:g}%"):
        table.add_column(name, justify="right")
    for decided, count in needed.items():
        table.add_row(f"{decided}%", "-" if count is None else f"{count:,}")
    display.out.print(table)
    display.out.print("exact sign test over items, 80% power, two-sided level 5%")
    if items is not None:
        found = "no share of votes" if shown is None else f"{shown:.1%} or more"
        display.out.print(f"{items} decided items show {found}")


def _design(power: float, alpha: float, pairs: int) -> Design:
    try:
        return Design(power=power, alpha=alpha, pairs=pairs)
    except ValueError as error:
        raise InputError(str(error)) from error


def _ability(baseline: float | None, spread: float | None, correlation: float | None, runs: list[Path]) -> Ability:
    if len(runs) > 2:
        raise InputError("--run is taken once or twice")
    if baseline is not None and 0 < baseline < 1:
        raise InputError(f"--baseline is in percent: {100 * baseline:g}, not {baseline:g}")
    share = None if baseline is None else baseline / 100
    given = {"baseline": share, "spread": spread, "correlation": correlation}
    try:
        found = planning.Ability()
        if runs:
            opened = [comparison.open_run(path, str(path)) for path in runs]
            found = planning.ability_from_runs([(each.label, each.problems) for each in opened], share)
        return dataclasses.replace(found, **{name: value for name, value in given.items() if value is not None})
    except ValueError as error:
        raise InputError(str(error)) from error


def _counts(text: str | None) -> tuple[int, ...]:
    counts = SAMPLES if text is None else options.parse_numbers("--n", text)
    if min(counts) < 1:
        raise InputError(f"--n must be at least 1, not {min(counts)}")
    return counts


def _row(design: Design, ability: Ability, effect: float | None, problems: int | None, samples: int) -> dict[str, Any]:
    """A line of the answer: problems for an effect, or, where only they are given, the effect for problems (points)."""
    row: dict[str, Any] = {"n": samples}
    for name, pairing in (("paired", True), ("unpaired", False)):
        if effect is not None:
            row[f"problems_{name}"] = design.problems(ability, effect / 100, samples, pairing=pairing)
    for name, pairing in (("paired", True), ("unpaired", False)):
        if problems is not None:
            seen = design.effect(ability, problems, samples, pairing=pairing)
            row[f"effect_{name}"] = None if seen is None else 100 * seen
    return row


def _show(
    design: Design, ability: Ability, effect: float | None, problems: int | None, rows: list[dict[str, Any]]
) -> None:
    table = Table("samples per problem", header_style="bold")
    titles = {
        "problems_paired": f"problems for {effect or 0:g} points: paired", "problems_unpaired": "unpaired, each",
        "effect_paired": f"points that {problems} problems show: paired", "effect_unpaired": "unpaired",
    }  # fmt: skip
    for name in rows[0]:
        if name != "n":
            table.add_column(titles[name], justify="right")
    for row in rows:
        cells = ("-" if value is None else f"{value:,}" if isinstance(value, int) else f"{value:.1f}"
                 for name, value in row.items() if name != "n")  # fmt: skip
        table.add_row(str(row["n"]), *cells)
    display.out.print(table)
    shared = f" over {design.pairs} comparisons" if design.pairs > 1 else ""
    display.out.print(
        f"power {design.power:.0%}, two-sided {100 * design.alpha:g}%{shared}; assumed: "
        f"pass@1 {ability.baseline:.1%}, spread over problems {ability.spread:.2f}, "
        f"correlation of the systems {ability.correlation:.2f}",
    )


def _show_samples(effect: float, problems: int, needed: int | None) -> None:
    if needed is None:
        said = f"{problems} problems do not show {effect:g} points with any number of samples: more problems are needed"
    else:
        said = f"{problems} problems show {effect:g} points from {needed} samples of each"
    display.out.print(said)
