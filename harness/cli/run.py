"""`harness run`: sample a model on a problem set, execute, report pass@k."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import options

if TYPE_CHECKING:
    from harness.config import RunConfig
    from harness.resolve import Engines


def run(
    k: options.Ks = None,
    model: Annotated[
        str | None, typer.Option(help="nano, nano-base, a directory, a hub id, or the name on a server. Default: nano.")
    ] = None,
    problems: options.Problems = None,
    n: Annotated[int | None, typer.Option("--n", help="Samples per problem. Default: max(k, 10).")] = None,
    task: Annotated[
        str | None, typer.Option(help="codegen, summarization, classification or perplexity; several with commas.")
    ] = None,
    task_set: options.TaskSet = None,
    engine: Annotated[str | None, typer.Option(help="auto, transformers, vllm, openai or replay.")] = None,
    vllm_python: options.VllmPython = None,
    engine_arg: options.EngineArgs = None,
    base_url: Annotated[str | None, typer.Option(help="A compatible server, such as http://127.0.0.1:8000/v1.")] = None,
    samples: Annotated[Path | None, typer.Option(help="Saved completions, for engine replay.")] = None,
    form: Annotated[str | None, typer.Option(help="auto, completion or chat.")] = None,
    temperature: Annotated[float | None, typer.Option(help="Default: 0.8.")] = None,
    top_p: Annotated[float | None, typer.Option(help="Default: 0.95.")] = None,
    top_k: Annotated[int | None, typer.Option(help="Default: 0, every token.")] = None,
    max_tokens: Annotated[int | None, typer.Option(help="Per completion. Default: 512.")] = None,
    seed: Annotated[int | None, typer.Option(help="Default: 0.")] = None,
    concurrency: Annotated[
        int | None, typer.Option(help="Requests at once to a server. Default: what keeps it busy.")
    ] = None,
    sandbox: options.Sandbox = None,
    runtime: options.Runtime = None,
    isolation: options.Isolation = None,
    dedup: options.Dedup = True,
    workers: options.Workers = None,
    cpu_s: options.CpuS = None,
    wall_s: options.WallS = None,
    memory_mib: options.MemoryMib = None,
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
        "isolation": isolation, "dedup": None if dedup else False, "vllm_python": vllm_python,
        "engine_args": tuple(engine_arg) if engine_arg else None,
    }  # fmt: skip
    # measured: pydantic, numpy and rich take 0.4 s, which --help need not wait for
    from harness.cli import display
    from harness.config import load_config
    from harness.resolve import Engines

    tasks = task.split(",") if task else [None]
    given = options.parse_sets(task_set, [each for each in tasks if each])
    parsed = [
        load_config(config, {**flags, "task": each, "task_options": given.get(each or "")}, options.environment())
        for each in tasks
    ]
    with Engines(display.RunDisplay(quiet=as_json)) as engines:
        complete = [_one(each, engines, as_json) for each in parsed]
    if not all(complete):
        raise typer.Exit(3)


def _one(config: RunConfig, engines: Engines, as_json: bool) -> bool:
    """One task's run, shown; whether it is complete."""
    from harness import pipeline
    from harness.cli import display, sections

    with display.RunDisplay(quiet=as_json) as observer:
        result = pipeline.run(config, observer, engines)
    if as_json:
        print(json.dumps(result.summary))
    else:
        display.show_summary(result.summary)
        sections.show_sections(result.summary)
        display.out.print(f"look at the completions: harness show {result.run} [PROBLEM]", soft_wrap=True)
    if not result.complete:
        display.err.print("incomplete: not everything could be done; see run.log, then run the same command again")
    return result.complete
