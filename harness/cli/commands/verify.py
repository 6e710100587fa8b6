"""`harness verify`: a problem set's references must pass, its wrong solutions must fail."""

from __future__ import annotations

import dataclasses
import json
from typing import Annotated

import typer

from harness.cli import options


def verify(
    problems: Annotated[str, typer.Argument(help="A set's name or a JSONL file.")],
    sandbox: options.Sandbox = None,
    isolation: options.Isolation = None,
    workers: options.Workers = None,
    cpu_s: options.CpuS = None,
    wall_s: options.WallS = None,
    memory_mib: options.MemoryMib = None,
    as_json: options.Json = False,
) -> None:
    """Run every reference and every wrong solution of a set. Exit code 1 where one does not end as it must."""
    # measured: pydantic, numpy and rich take 0.4 s, which --help need not wait for
    from rich.progress import Progress
    from rich.table import Table
    from rich.text import Text

    import sandbox as boxes
    from harness.cli.display import run
    from harness.config import load_config
    from harness.datasets import load_set
    from harness.pipeline import verify as verification

    flags = {
        "problems": problems, "sandbox": sandbox, "workers": workers, "cpu_s": cpu_s, "wall_s": wall_s,
        "memory_mib": memory_mib, "isolation": isolation,
    }  # fmt: skip
    config = load_config(None, flags, options.environment())
    loaded = load_set(config.problems, config.cache)
    backend = boxes.choose_backend(config.sandbox)
    boxes.prepare(backend, lambda message: run.err.print(Text(message, style="dim")))
    with Progress(console=run.err, disable=as_json or not run.err.is_terminal) as progress:
        task = progress.add_task(f"verify {loaded.name}", total=verification.count(loaded))
        checks = verification.verify(
            loaded,
            backend,
            limits=lambda problem: config.limits(problem.limits),
            workers=config.workers,
            isolation=config.isolation,
            done=lambda _: progress.advance(task),
        )
    failed = [check for check in checks if not check.right]
    if as_json:
        rows = [{**dataclasses.asdict(check), "right": check.right} for check in checks]
        print(json.dumps({"problems": loaded.version(), "checked": len(checks), "failed": len(failed), "checks": rows}))
    else:
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
        beside = {check.problem_id for check in checks if check.execution.integrity is boxes.Integrity.IN_SANDBOX}
        if beside:
            names = Text(f"integrity in-sandbox, tests beside the program: {', '.join(sorted(beside))}", "yellow")
            run.out.print(names)
    if failed:
        raise typer.Exit(1)
