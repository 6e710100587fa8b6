"""How strong the tests of a set are, for the terminal and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from harness.cli.display import run
from harness.stats.proportion import wilson
from harness.strength.measure import Difference, ProblemStrength
from harness.text import numbers


def show_strength(found: Sequence[ProblemStrength], *, shown: int) -> None:
    """A row for each problem whose tests accept a wrong program, the programs with their inputs, and the totals.

    Columns: mutants that are wrong (killed by the tests, or accepted though they answer otherwise than the reference);
    the share of them that the tests kill; accepted completions that disagree with the reference.
    """
    weak = [each for each in found if each.survivors or each.disagreeing]
    if weak:
        run.out.print(_table(weak))
    for each in weak[:shown]:
        for difference in (*each.disagreeing[:1], *each.survivors[:2]):
            _show_difference(each.problem_id, difference)
    unmeasured = [each for each in found if each.not_measured]
    for each in unmeasured:
        run.out.print(Text(f"not measured: {run.printable(each.problem_id)}: {each.not_measured}", style="yellow"))
    run.out.print(_totals(found))


def strength_record(found: Sequence[ProblemStrength]) -> dict[str, Any]:
    """What `--json` prints: the totals, and each problem with what its tests let through."""
    rate = wilson(sum(each.killed for each in found), sum(each.telling for each in found))
    return {
        "mutants": sum(each.mutants for each in found),
        "killed": sum(each.killed for each in found),
        "survived": sum(len(each.survivors) for each in found),
        "equivalent": sum(each.equivalent for each in found),
        "share_killed": {"value": rate.share, "low": rate.low, "high": rate.high},
        "completions": sum(each.completions for each in found),
        "disagreeing": sum(len(each.disagreeing) for each in found),
        "not_measured": {each.problem_id: each.not_measured for each in found if each.not_measured},
        "problems": [_problem_record(each) for each in found],
    }


def _problem_record(each: ProblemStrength) -> dict[str, Any]:
    rate = wilson(each.killed, each.telling)
    return {
        "problem": each.problem_id,
        "mutants": each.mutants,
        "killed": each.killed,
        "equivalent": each.equivalent,
        "share_killed": {"value": rate.share, "low": rate.low, "high": rate.high} if each.telling else None,
        "inputs": len(each.calls),
        "survivors": [_difference_record(difference) for difference in each.survivors],
        "completions": each.completions,
        "disagreeing": [_difference_record(difference) for difference in each.disagreeing],
    }


def _difference_record(each: Difference) -> dict[str, Any]:
    return {"what": each.what, "diff": each.diff, "call": each.call, "expected": each.expected, "got": each.got}


def _table(weak: Sequence[ProblemStrength]) -> Table:
    table = Table(header_style="bold")
    table.add_column("problem", no_wrap=True)
    table.add_column("wrong mutants", justify="right")
    table.add_column("killed (95 % interval)", justify="right", no_wrap=True)
    completed = any(each.completions for each in weak)
    if completed:
        table.add_column("accepted but wrong", justify="right")
    for each in weak:
        rate = wilson(each.killed, each.telling) if each.telling else None
        share = numbers.with_interval(rate.share, rate.low, rate.high, share=True) if rate else ""
        row = [Text(run.printable(each.problem_id)), Text(f"{each.telling}"), Text(share)]
        table.add_row(*row, *([f"{len(each.disagreeing)} of {each.completions}"] if completed else []))
    return table


def _show_difference(problem_id: str, each: Difference) -> None:
    run.out.print(Text(f"\n{run.printable(problem_id)}: the tests accept this change ({each.what})", style="bold"))
    for line in each.diff.split("\n"):
        style = "green" if line.startswith("+") else "red" if line.startswith("-") else "dim"
        run.out.print(Text(f"  {run.printable(line)}", style=style), soft_wrap=True)
    if each.call:
        run.out.print(Text(f"  {run.printable(each.call)}"), soft_wrap=True)
        run.out.print(Text(f"  reference: {run.printable(each.expected)}"), soft_wrap=True)
        run.out.print(Text(f"  this program: {run.printable(each.got)}"), soft_wrap=True)


def _totals(found: Sequence[ProblemStrength]) -> Text:
    killed, telling = sum(each.killed for each in found), sum(each.telling for each in found)
    if not telling:
        return Text("not measured: no mutant could be told from its reference", style="yellow")
    rate, equivalent = wilson(killed, telling), sum(each.equivalent for each in found)
    text = (
        f"the tests kill {killed} of {telling} mutants that are wrong: "
        f"{numbers.with_interval(rate.share, rate.low, rate.high, share=True)}; "
        f"{equivalent} more {'was' if equivalent == 1 else 'were'} never seen to answer otherwise"
    )
    completions = sum(each.completions for each in found)
    if completions:
        wrong = sum(len(each.disagreeing) for each in found)
        text += f"\n{wrong} of {completions} distinct accepted completions disagree with the reference on some input"
    return Text(text)
