"""What `harness images` says on the terminal, and what its commands have in common: settings, conditions, trackers."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from harness.cli import options
from harness.cli.commands.report import show as show_reports
from harness.cli.display import run as display
from harness.cli.display import sections
from harness.cli.display.console import busy
from harness.cli.display.meter import Meter as Meter
from harness.errors import InputError, did_you_mean
from harness.trackers import _send

if TYPE_CHECKING:
    from harness.images.distances import Settings
    from harness.images.pictures import PictureSet


def say_skipped(*sets: PictureSet | None) -> None:
    """Say which files of the sets were left out because they cannot be read."""
    for one in sets:
        say_left_out(one.skipped if one else (), one.name if one else "")


def say_left_out(skipped: Sequence[str], name: str) -> None:
    """The first few of the files that were left out."""
    if skipped:
        shown = ", ".join(skipped[:5]) + (", ..." if len(skipped) > 5 else "")
        display.err.print(
            f"{len(skipped):,} pictures of {display.printable(name)} cannot be read and are left out: "
            f"{display.printable(shown)}", markup=False,
        )  # fmt: skip


def note(text: str) -> None:
    """A line on stderr."""
    display.err.print(display.printable(text), markup=False)


def say(text: str) -> None:
    """A line on stdout."""
    display.out.print(display.printable(text), markup=False)


def show_likelihood(found: dict[str, Any], before: str) -> None:
    """Bits per dimension, and the gap to training where it was measured."""
    reach = f"({found['low']:.4f} to {found['high']:.4f})"
    say(f"{before}{found['bits_per_dim']:.4f} bits per dimension {reach}, N = {found['n']}; {found['method']}")
    if found["gap"]:
        gap = found["gap"]
        say(f"{before}unseen minus training {gap['value']:+.4f} ({gap['low']:+.4f} to {gap['high']:+.4f})")


def cache() -> Path:
    """Where features are kept."""
    return options.cache_folder() / "image-features"


def settings(metrics: str | None, k: str, jackknife: int, seed: int, kid_subset: int | None) -> Settings:
    """The options of distances, checked. Raises InputError for one that means nothing."""
    from harness.images.distances import Settings

    try:
        ks = tuple(int(part) for part in k.split(","))
    except ValueError as error:
        raise InputError(f"--k {k}: whole numbers, as in --k 3,5") from error
    names = None if metrics is None else tuple(dict.fromkeys(options.parse_names(metrics) or ()))
    if names is not None and not names:
        raise InputError("--metrics names no metric; leave it out for all that the features allow")
    return Settings(metrics=names, k=ks, jackknife=jackknife, seed=seed, kid_subset=kid_subset)


_CONDITION = re.compile(r"\s*([\w/@.-]+)\s*(<=|>=|<|>)\s*(-?[\d.]+(?:e-?\d+)?)\s*")


def condition(text: str) -> tuple[str, str, float]:
    """(name, sign, limit) of `clip/mean<0.22`. Raises InputError for another form."""
    found = _CONDITION.fullmatch(text)
    if not found:
        raise InputError(f'--fail-if {text!r} is not of the form "clip/mean<0.22"')
    return found[1], found[2], float(found[3])


def judge(summary: dict[str, Any], conditions: list[tuple[str, str, float]]) -> None:
    """Exit with 1 where a condition holds. Raises InputError for a number that is not there."""
    from harness.images.run_directory import scalars

    values, failed = scalars(summary), False
    for name, sign, limit in conditions:
        if name not in values:
            raise InputError(
                f"--fail-if: there is no {name}{did_you_mean(name, values)}; there are {', '.join(values)}"
            )
        value = values[name]
        if {"<": value < limit, ">": value > limit, "<=": value <= limit, ">=": value >= limit}[sign]:
            display.err.print(f"failed: {name} is {value:.5g} (--fail-if {name}{sign}{limit:g})", markup=False)
            failed = True
    if failed:
        raise typer.Exit(1)


def show(summary: dict[str, Any], conditions: list[tuple[str, str, float]], *, as_json: bool) -> None:
    """Numbers, warnings and reading, or all as JSON; then the conditions are judged."""
    if as_json:
        print(json.dumps(summary, ensure_ascii=False))
    else:
        sections.show_metrics(summary["metrics"])
        show_warnings(summary)
        sections.show_reading(summary["reading"])
    judge(summary, conditions)


def show_warnings(summary: dict[str, Any]) -> None:
    """Every code once, with what it means."""
    from harness.images.metric_value import WARNINGS

    every = [*summary["metrics"], summary.get("clip") or {}]
    for code in dict.fromkeys(code for one in every for code in one.get("warnings", ())):
        say(f"{code}: {WARNINGS.get(code, '')}")


def trackers(report_to: str) -> list[str]:
    """Names of trackers, checked; `none` is none. Raises InputError for an unknown one and a missing library."""
    names = [name.strip() for name in report_to.split(",") if name.strip() not in ("", "none")]
    _send.check(names)
    return names


def finish(run: Path, summary: dict[str, Any], report_to: str, conditions: list[Any], *, as_json: bool) -> None:
    """Send a run to trackers, then show it."""
    from harness.images.sending import additions

    names = trackers(report_to)
    if names:
        with busy("sending the run", quiet=as_json):
            sent = _send.report(run, names, _send.Additions(**additions(run, summary)))
        show_reports(sent)
    if not as_json:
        display.out.print(f"{run / 'report.html'}", soft_wrap=True, markup=False)
    show(summary, conditions, as_json=as_json)
