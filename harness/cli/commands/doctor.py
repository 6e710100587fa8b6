"""Check what works on this machine, and how to fix the rest."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from harness import doctor as diagnosis
from harness.cli import options
from harness.cli.display import run
from harness.cli.display.console import busy
from harness.doctor import MachineCheck
from harness.errors import InputError
from sandbox.languages import resolve

GROUP = "maintain"
EXAMPLES = (
    "harness doctor",
    "harness doctor --fix --languages cpp,ruby",
)


def doctor(
    fix: Annotated[bool, typer.Option("--fix", help="Build the sandbox image if it is missing.")] = False,
    languages: Annotated[
        str, typer.Option(help="Languages to check too, such as cpp,ruby. With --fix their images are built.")
    ] = "",
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Build the sandbox image again; with --languages, theirs.")
    ] = False,
    cluster: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Check the nodes of a Ray cluster instead, one line for each.")
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Check engine, image, sandbox, model and GPU. Exit code 1 if a run could not start."""

    def note(message: str) -> None:
        run.err.print(message, style="dim")

    if cluster is not None and (fix or rebuild or languages):
        raise InputError("--fix, --rebuild and --languages are for one machine: give them on the node itself")
    names = _names(languages)
    if rebuild:
        with busy("making the image", quiet=as_json):
            if names:
                diagnosis.rebuild_languages(names, note)
            else:
                diagnosis.rebuild_image()
    with busy("looking at this machine" if cluster is None else "looking at the cluster", quiet=as_json):
        if cluster is None:
            checks = diagnosis.check_machine(fix=fix, languages=names, note=note)
            usable = diagnosis.can_run(checks)
        else:
            from harness.scale.examine import check_nodes  # measured: 0.3 s, and Ray is an extra

            checks = check_nodes(cluster)
            usable = any(each.state == "ok" for each in checks)
    if as_json:
        rows = [{"name": each.name, "state": each.state, "detail": each.detail, "mend": each.mend} for each in checks]
        print(json.dumps({"usable": usable, "checks": rows}))
    else:
        _show(checks, usable, "run" if cluster is None else f"run --cluster {cluster}")
    if not usable:
        raise typer.Exit(1)


def _names(listed: str) -> list[str]:
    """Our names of languages that are listed with commas. Raises InputError for one that is not there."""
    try:
        return [resolve(name.strip()) for name in listed.split(",") if name.strip()]
    except ValueError as error:
        raise InputError(f"--languages: {error}") from error


def _show(checks: list[MachineCheck], usable: bool, command: str) -> None:
    styles = {"ok": "green", "missing": "yellow", "broken": "red"}
    table = Table("what", "state", "detail", header_style="bold")
    for each in checks:
        detail = run.printable(f"{each.detail}" + (f"\nto fix it: {each.mend}" if each.mend else ""))
        table.add_row(each.name, Text(each.state, style=styles[each.state]), Text(detail))
    run.out.print(table)
    run.out.print(f"ready: harness {command} --k 1,10" if usable else "not ready: fix what is broken above")
