"""Check a problem set: references pass, wrong ones fail."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

import sandbox as boxes
from harness.cli import options
from harness.cli.display import run
from harness.cli.display.console import busy
from harness.cli.display.strength import show_strength, strength_record
from harness.config import Group, RunConfig
from harness.datasets import ProblemSet, load_set
from harness.errors import InputError
from harness.pipeline import verify as verification
from harness.pipeline.plan import local_sandboxes
from harness.pipeline.verify import Check
from harness.scale import sandboxes_elsewhere
from harness.strength.measure import ProblemStrength, StrengthOptions, measure_set
from harness.strength.programs import accepted_completions
from harness.strength.stronger import own_rows, stronger_rows, telling_inputs, unwritten
from harness.tasks import load_config
from harness.text.numbers import count
from harness.types import Assembly

GROUP = "data"
EXAMPLES = (
    "harness verify starter",
    "harness verify mine.jsonl --strength --write stronger.jsonl",
)

_MEASURE = (
    "Also measure how many wrong programs the tests accept: small changes of the references, on generated inputs."
)
Strength = Annotated[bool, typer.Option("--strength", help=_MEASURE)]
_RUN = "With --strength: a run whose accepted completions are compared with the references too. Repeatable."
Runs = Annotated[list[Path] | None, typer.Option("--run", help=_RUN)]
Mutants = Annotated[int, typer.Option(min=1, help="With --strength: mutants of each reference, at most.")]
Inputs = Annotated[int, typer.Option(min=1, help="With --strength: generated inputs for each problem, at most.")]
_WRITE = "With --strength: write the set to this file, with the inputs that tell wrong programs apart added as tests."
Write = Annotated[Path | None, typer.Option(help=_WRITE)]
Seed = Annotated[int, typer.Option(min=0, help="With --strength: the seed of mutants and inputs.")]
Shown = Annotated[int, typer.Option(min=0, help="With --strength: problems whose accepted wrong programs are shown.")]


@options.takes(Group.SANDBOX, *options.EXECUTING, without=("runtime", "dedup"))
def verify(
    problems: Annotated[str, typer.Argument(help="A set's name or a JSONL file.")],
    flags: options.Flags,
    part: options.SetPart = None,
    strength: Strength = False,
    runs: Runs = None,
    mutants: Mutants = 50,
    inputs: Inputs = 1000,
    write: Write = None,
    seed: Seed = 0,
    shown: Shown = 5,
    as_json: options.Json = False,
) -> None:
    """Run every reference and every wrong solution of a set. Exit code 1 if one does not end as it must."""
    _check_strength(strength, runs, write)
    asked_for = {"problems": problems, "task_options": options.parse_part(part)}
    config = load_config(None, {**flags, **asked_for}, options.environment())
    if strength and config.elsewhere():
        raise InputError(f"--strength measures on this machine; leave out --{config.elsewhere()}")
    with busy(f"reading the problem set {config.problems}", quiet=as_json):
        loaded = load_set(config.problems, config.cache)
    if strength and any(each.language != "python" or each.assembly != Assembly() for each in loaded.problems):
        raise InputError(
            f"--strength changes references that are programs in Python, and those of {loaded.name} are not"
        )
    checks = _verified(loaded, config, quiet=as_json)
    failed = [check for check in checks if not check.right]
    asked = {"mutants": mutants, "inputs": inputs, "seed": seed}
    found = _measure(loaded, config, asked, runs or [], quiet=as_json) if strength else []
    if write is not None:
        _write(loaded, found, write)
    measured = found if strength else None
    if as_json:
        _print_json(loaded, checks, measured)
    else:
        _show(loaded, checks)
    if measured is not None and not as_json:
        show_strength(measured, shown=shown)
    if failed:
        raise typer.Exit(1)


def _verified(loaded: ProblemSet, config: RunConfig, *, quiet: bool) -> list[Check]:
    with (
        sandboxes_elsewhere(config) as elsewhere,
        Progress(console=run.err, disable=quiet or not run.err.is_terminal) as progress,
    ):
        machines = elsewhere or local_sandboxes(config)
        machines.identity(lambda message: run.err.print(Text(message, style="dim")), loaded.language())
        task = progress.add_task(f"verify {loaded.name}", total=verification.count(loaded))
        return verification.verify(
            loaded,
            machines,
            limits=lambda problem: config.limits(problem.limits),
            done=lambda _: progress.advance(task),
        )


def _print_json(loaded: ProblemSet, checks: list[Check], measured: list[ProblemStrength] | None) -> None:
    rows = [{**dataclasses.asdict(check), "right": check.right, "close": check.close} for check in checks]
    failed = sum(not check.right for check in checks)
    record: dict[str, Any] = {"problems": loaded.version(), "checked": len(checks), "failed": failed}
    record["not_checked"] = _not_checked(loaded, checks)
    record["left_out"] = dict(loaded.left_out)
    if measured is not None:
        record["strength"] = strength_record(measured)
    print(json.dumps({**record, "checks": rows}))


def _not_checked(loaded: ProblemSet, checks: list[Check]) -> dict[str, list[str]]:
    """Kind of solution -> the problems that have none of it."""
    kinds = {"reference": "reference", "wrong solution": "wrong"}
    have = {name: {check.problem_id for check in checks if check.kind == kind} for name, kind in kinds.items()}
    return {name: [each.id for each in loaded.problems if each.id not in those] for name, those in have.items()}


def _show(loaded: ProblemSet, checks: list[Check]) -> None:
    failed = [check for check in checks if not check.right]
    if failed:
        table = Table("problem", "solution", "verdict", "detail")
        for check in failed:
            detail = run.printable(check.execution.detail)
            verdict = run.verdict_text(check.execution.verdict)
            table.add_row(Text(check.problem_id), f"{check.kind} {check.index + 1}", verdict, Text(detail))
        run.out.print(table)
    references = [check for check in checks if check.kind == "reference"]
    wrong = [check for check in checks if check.kind == "wrong"]
    run.out.print(
        f"{loaded.version()}: {sum(check.right for check in references)} of {len(references)} references pass, "
        f"{sum(check.right for check in wrong)} of {len(wrong)} wrong solutions fail"
    )
    for kind, names in _not_checked(loaded, checks).items():
        if names:
            line = (
                f"not checked: {len(names)} of {len(loaded.problems)} problems have no {kind}: {', '.join(names[:5])}"
            )
            run.out.print(Text(run.printable(line), style="dim"))
    for check in filter(lambda check: check.close, checks):
        took = f"{check.execution.cpu_s:.1f} of its {check.cpu_limit_s:g} s of CPU time"
        line = f"close to its limit: the reference of {check.problem_id} takes {took}; a slower machine may fail it"
        run.out.print(Text(run.printable(line), "yellow"))
    if loaded.left_out:
        run.out.print(Text(f"left out: {count(len(loaded.left_out), 'problem')} that cannot run here", "yellow"))
        for problem_id, reason in loaded.left_out.items():
            run.out.print(Text(run.printable(f"  {problem_id}: {reason}"), "yellow"))
    beside = {check.problem_id for check in checks if check.execution.integrity == "in-sandbox"}
    if beside:
        checked = {check.problem_id for check in checks}
        named = "all" if beside == checked and len(beside) > 5 else ", ".join(sorted(beside))
        run.out.print(Text(f"integrity in-sandbox, tests beside the program: {named}", "yellow"))


def _check_strength(strength: bool, runs: list[Path] | None, write: Path | None) -> None:
    """Bad input is told before anything runs."""
    if not strength and (runs or write):
        raise InputError(f"{'--run' if runs else '--write'} needs --strength")
    if write is not None and write.exists():
        raise InputError(f"{write} exists already; choose another name for --write")


def _measure(
    loaded: ProblemSet, config: RunConfig, asked: dict[str, int], runs: list[Path], *, quiet: bool
) -> list[ProblemStrength]:
    """How strong the tests of each problem are, in the set's order."""
    backend = boxes.choose_backend(config.sandbox)
    completions = accepted_completions(runs, loaded.problems)
    if runs and not any(problem.id in completions for problem in loaded.problems):
        raise InputError(f"no accepted completion of {loaded.name} is in {', '.join(map(str, runs))}")
    with Progress(console=run.err, disable=quiet or not run.err.is_terminal) as progress:
        task = progress.add_task("strength of the tests", total=len(loaded.problems))
        return measure_set(
            loaded,
            backend,
            StrengthOptions(**asked),
            limits=lambda problem: config.limits(problem.limits),
            completions=completions,
            workers=config.workers,
            isolation=config.isolation,
            done=lambda _: progress.advance(task),
        )


def _write(loaded: ProblemSet, found: list[ProblemStrength], path: Path) -> None:
    """The set with its telling inputs."""
    problems = {problem.id: problem for problem in loaded.problems}
    text = "".join(stronger_rows(problems, {each.problem_id: each for each in found}, own_rows(loaded.path)))
    path.write_text(text, encoding="utf-8")
    added, left = sum(len(telling_inputs(each)) for each in found), sum(len(unwritten(each)) for each in found)
    rest = f"; {left} differences cannot be written as an equality" if left else ""
    run.err.print(Text(f"{path}: {count(added, 'test')} added{rest}"))
