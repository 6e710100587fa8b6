"""Find the rows of a test set that are in a training set."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from typing import Annotated

import typer
from rich.text import Text

from harness.cli import options
from harness.cli.commands.split import Contained, Near, TextFields, advising_text, rules, show_leaks
from harness.cli.display import run
from harness.cli.display.meter import Meter
from harness.text.containment import BENCHMARK
from harness.training_data import leaks as leakage

GROUP = "data"
EXAMPLES = (
    "harness leaks train.jsonl humaneval mbpp",
    "harness leaks train.jsonl my_test.jsonl --near 0.8",
)


def leaks(
    train: Annotated[str, typer.Argument(help="What was trained on: a .jsonl, .jsonl.gz, .csv or .json file.")],
    tests: Annotated[list[str], typer.Argument(help="Files, or problem sets by name, such as humaneval.")],
    text: TextFields = None,
    near: Near = None,
    contained: Contained = None,
    as_json: options.Json = False,
) -> None:
    """Look for the rows of test sets in a training set: equal, nearly equal, or inside a longer text.

    Exit code 1 if there are any.
    """
    given = rules(text, near, BENCHMARK if contained is None else contained)
    cache = options.cache_folder()
    with advising_text(), contextlib.ExitStack() as opened, Meter(quiet=as_json) as meter:
        files = [opened.enter_context(leakage.open_rows(name, cache)) for name in (train, *tests)]
        parts = [leakage.sketch_whole_file(file, given, meter) for file in files]
        found = [leakage.find_leaks(parts[0], right, given, meter) for right in parts[1:]]
    report = [dataclasses.asdict(each) for each in found]
    if as_json:
        files_read = [
            {"name": part.name, "rows": len(part.indexes), "read": part.fields.read, "not_read": part.fields.not_read}
            for part in parts
        ]
        print(json.dumps({"rules": dataclasses.asdict(given), "files": files_read, "leaks": report}))
    else:
        for part in parts:
            style = "yellow" if part.fields.not_read else "dim"
            line = f"{part.name}: {len(part.indexes)} rows; {part.fields}"
            run.out.print(Text(run.printable(line), style=style))
        show_leaks(report)
        if not any(each.share for each in found):
            run.out.print("no leaks found")
    if any(each.share for each in found):
        raise typer.Exit(1)
