"""`harness run`: sample a model on a problem set, execute, report pass@k."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from harness.cli import options
from harness.cli import report as report_


def run(
    k: options.Ks = None,
    model: Annotated[
        str | None, typer.Option(help="nano, nano-base, a directory, a hub id, or the name on a server. Default: nano.")
    ] = None,
    problems: options.Problems = None,
    n: Annotated[int | None, typer.Option("--n", help="Samples per problem. Default: max(k, 10).")] = None,
    engine: Annotated[str | None, typer.Option(help="auto, transformers, openai or replay.")] = None,
    base_url: Annotated[str | None, typer.Option(help="A compatible server, such as http://127.0.0.1:8000/v1.")] = None,
    samples: Annotated[Path | None, typer.Option(help="Saved completions, for engine replay.")] = None,
    form: Annotated[str | None, typer.Option(help="auto, completion or chat.")] = None,
    temperature: Annotated[float | None, typer.Option(help="Default: 0.8.")] = None,
    top_p: Annotated[float | None, typer.Option(help="Default: 0.95.")] = None,
    top_k: Annotated[int | None, typer.Option(help="Default: 0, every token.")] = None,
    max_tokens: Annotated[int | None, typer.Option(help="Per completion. Default: 512.")] = None,
    seed: Annotated[int | None, typer.Option(help="Default: 0.")] = None,
    concurrency: Annotated[int | None, typer.Option(help="Requests at once to a server. Default: 16.")] = None,
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
    """Sample a model on a problem set, execute in a sandbox, report pass@k with intervals.

    Run the same command again after an interruption: it goes on from where it was.
    """
    flags = {
        "k": options.parse_ks(k), "model": model, "problems": problems, "n": n, "engine": engine, "base_url": base_url,
        "samples": samples, "form": form, "temperature": temperature, "top_p": top_p, "top_k": top_k,
        "max_tokens": max_tokens, "seed": seed, "concurrency": concurrency, "sandbox": sandbox, "runtime": runtime,
        "workers": workers, "cpu_s": cpu_s, "wall_s": wall_s, "memory_mib": memory_mib, "results": results,
        "isolation": isolation, "dedup": None if dedup else False,
        "report_to": options.parse_names(report_to),
    }  # fmt: skip
    # measured: pydantic, numpy and rich take 0.4 s, which --help need not wait for
    from harness import pipeline, reporting
    from harness.cli import display
    from harness.config import load_config

    parsed = load_config(config, flags, options.environment())
    reporting.check(parsed.report_to)
    with display.RunDisplay(quiet=as_json) as observer:
        result = pipeline.run(parsed, observer)
    sent = reporting.report(result.run, parsed.report_to)
    if as_json:
        print(json.dumps(report_.with_reports(result.summary, sent)))
    else:
        display.show_summary(result.summary)
        display.out.print(f"look at the completions: harness show {result.run} [PROBLEM]", soft_wrap=True)
        report_.show(sent)
    if not result.complete:
        display.err.print(
            "incomplete: some programs could not be executed; see run.log, then run the same command again"
        )
        raise typer.Exit(3)
