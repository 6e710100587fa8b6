"""Sample a model on a problem set, execute, report pass@k."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.rule import Rule
from rich.text import Text

from harness.cli import options
from harness.cli.commands import report as report_
from harness.cli.display import run as display
from harness.cli.display import sections
from harness.config import RunConfig
from harness.engines._selection import EngineCache
from harness.errors import InputError
from harness.pipeline import preview
from harness.pipeline import run as pipeline
from harness.tasks import load_config
from harness.tasks._preview import messages_of
from harness.trackers import _send

GROUP = "run and score"


def run(
    problem: options.PromptProblem = None,
    k: options.Ks = None,
    model: Annotated[
        str | None, typer.Option(help="nano, nano-base, a directory, a hub id, or the name on a server. Default: nano.")
    ] = None,
    problems: options.Problems = None,
    n: Annotated[int | None, typer.Option("--n", help="Samples per problem. Default: max(k, 10).")] = None,
    task: Annotated[
        str | None, typer.Option(help="codegen, summarization, classification, perplexity, continuation; or several.")
    ] = None,
    task_set: options.TaskSet = None,
    engine: Annotated[str | None, typer.Option(help="auto, transformers, vllm, openai or replay.")] = None,
    vllm_python: options.VllmPython = None,
    engine_arg: options.EngineArgs = None,
    base_url: Annotated[str | None, typer.Option(help="A compatible server, such as http://127.0.0.1:8000/v1.")] = None,
    same_server: Annotated[
        bool, typer.Option("--same-server", help="The server was restarted at another address: go on with its run.")
    ] = False,
    samples: Annotated[Path | None, typer.Option(help="Saved completions, for engine replay.")] = None,
    form: Annotated[str | None, typer.Option(help="auto, completion or chat.")] = None,
    extractor: options.Extractor = None,
    temperature: Annotated[float | None, typer.Option(help="Default: 0.8.")] = None,
    top_p: Annotated[float | None, typer.Option(help="Default: 0.95.")] = None,
    top_k: Annotated[int | None, typer.Option(help="Default: 0, every token.")] = None,
    max_tokens: Annotated[int | None, typer.Option(help="Per completion. Default: 512.")] = None,
    seed: Annotated[int | None, typer.Option(help="Default: 0.")] = None,
    stop: options.Stop = None,
    shots: options.Shots = None,
    shots_file: options.ShotsFile = None,
    system_prompt: options.SystemPrompt = None,
    prompt_file: options.PromptFile = None,
    thinking_tokens: options.ThinkingTokens = None,
    print_prompt: options.PrintPrompt = False,
    price: options.Price = None,
    price_per_hour: options.PricePerHour = None,
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
        "same_server": same_server or None,
        "samples": samples, "form": form, "temperature": temperature, "top_p": top_p, "top_k": top_k,
        "extractor": extractor, "max_tokens": max_tokens, "seed": seed, "concurrency": concurrency,
        "sandbox": sandbox, "runtime": runtime, "workers": workers, "cpu_s": cpu_s, "wall_s": wall_s,
        "memory_mib": memory_mib, "results": results, "isolation": isolation, "dedup": None if dedup else False,
        "vllm_python": vllm_python,
        "engine_args": tuple(engine_arg) if engine_arg else None, "stop": stop or None, "shots": shots,
        "shots_file": shots_file, "system_prompt": system_prompt, "prompt_file": prompt_file,
        "thinking_tokens": thinking_tokens, "price": price, "price_per_hour": price_per_hour,
        "report_to": options.parse_names(report_to),
    }  # fmt: skip
    tasks = task.split(",") if task else [None]
    given = options.parse_sets(task_set, [each for each in tasks if each])
    parsed = [
        load_config(config, {**flags, "task": each, "task_options": given.get(each or "")}, options.environment())
        for each in tasks
    ]
    if print_prompt:
        _print_prompt(parsed[0], problem, as_json)
        return
    if problem is not None:
        raise InputError(f"the argument {problem!r} names a problem for --print-prompt; a run takes --problems")
    _send.check(parsed[0].report_to)
    with EngineCache(display.RunDisplay(quiet=as_json), parsed) as engines:
        complete = [_one(each, engines, as_json) for each in parsed]
    if not all(complete):
        raise typer.Exit(3)


def _one(config: RunConfig, engines: EngineCache, as_json: bool) -> bool:
    """One task's run, shown; whether it is complete."""
    with display.RunDisplay(quiet=as_json) as observer:
        result = pipeline.run(config, observer, engines)
    sent = _send.report(result.run, config.report_to)
    if as_json:
        print(json.dumps(report_.with_reports(result.summary, sent)))
    else:
        display.show_summary(result.summary)
        sections.show_sections(result.summary)
        display.out.print(f"look at the completions: harness show {result.run} [PROBLEM]", soft_wrap=True)
        report_.show(sent)
    if not result.complete:
        display.err.print("incomplete: see what is left out, and run.log; the same command does what can still be done")
    return result.complete


def _print_prompt(config: RunConfig, problem: str | None, as_json: bool) -> None:
    shown = preview.preview(config, problem)
    found = shown.record()
    if as_json:
        print(json.dumps(found))
        return
    for message in messages_of(shown.request):
        display.out.print(Rule(Text(message.role), align="left"))
        display.out.print(Text(display.printable(message.text)), soft_wrap=True)
    if found.get("rendered") is not None:
        display.out.print(Rule(Text("as the chat template renders it"), align="left"))
        display.out.print(Text(display.printable(found["rendered"])), soft_wrap=True)
    display.out.print(Rule(Text(f"for {display.printable(found['problem'])}, nothing was sent"), align="left"))
    if sampling := found.get("sampling"):
        display.out.print(Text(", ".join(f"{name} {json.dumps(value)}" for name, value in sampling.items())))
