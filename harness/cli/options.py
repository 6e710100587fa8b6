"""Options that several commands share, and where their defaults come from. The one place that reads the environment."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from harness.errors import InputError, did_you_mean

Problems = Annotated[
    str | None, typer.Option(help="A set's name (starter, core, humaneval, humaneval+, mbpp, mbpp+) or a JSONL file.")
]
Ks = Annotated[str | None, typer.Option("--k", help="The ks of pass@k, such as 1,10.", metavar="K,K")]
Sandbox = Annotated[str | None, typer.Option(help="auto, docker or bubblewrap. Code never runs without one.")]
Runtime = Annotated[str | None, typer.Option(help="An OCI runtime of the Docker engine, such as runsc.")]
Isolation = Annotated[
    str | None, typer.Option(help="pool: sandboxes are cleaned between programs; container: each program has its own.")
]
Dedup = Annotated[
    bool, typer.Option("--dedup/--no-dedup", help="Execute equal programs of a problem once, and share the verdict.")
]
Extractor = Annotated[
    str | None, typer.Option(help="How a chat model's reply becomes a program: auto, first, last, longest or whole.")
]
Workers = Annotated[int | None, typer.Option(help="Sandboxes at once. Default: 3 for 2 cores.")]
CpuS = Annotated[
    float | None, typer.Option(help="CPU seconds per program. Default: the problem set's own; 5 for exec.")
]
WallS = Annotated[
    float | None, typer.Option(help="Seconds per program by the clock. Default: the set's own; 10 for exec.")
]
MemoryMib = Annotated[int | None, typer.Option(help="Memory per program in MiB. Default: the set's own; 512 for exec.")]
VllmPython = Annotated[
    Path | None, typer.Option(help="The Python that has vLLM, where it is not this one; $HARNESS_VLLM_PYTHON.")
]
EngineArgs = Annotated[
    list[str] | None, typer.Option(help="An argument for vLLM, such as max-num-seqs=64; may be given several times.")
]
ReportTo = Annotated[
    str | None, typer.Option(help="Trackers to send the result to: tensorboard, wandb, mlflow.", metavar="NAME,NAME")
]
Results = Annotated[Path | None, typer.Option(help="Where run directories are kept. Default: results.")]
Config = Annotated[Path | None, typer.Option(help="A TOML file of these options; flags win.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]

TaskSet = Annotated[
    list[str] | None,
    typer.Option("--set", help="An option of the task, such as by=logprob; with several tasks TASK.by=logprob."),
]


def parse_sets(texts: list[str] | None, tasks: list[str]) -> dict[str, dict[str, str]]:
    """Task -> its options, of `name=value` (for the only task) or `task.name=value`. Raises InputError."""
    found: dict[str, dict[str, str]] = {}
    for text in texts or []:
        name, equals, value = text.partition("=")
        task, dot, option = name.strip().rpartition(".")
        if not equals or not option:
            raise InputError(f"--set takes name=value, such as by=logprob, not {text!r}")
        if not dot and len(tasks) != 1:
            raise InputError(f"--set {text}: name the task that it is for: --task TASK, or --set TASK.{text}")
        if dot and task not in tasks:
            raise InputError(
                f"--set {text}: task {task!r} is not run{did_you_mean(task, tasks)}; run are: {', '.join(tasks)}"
            )
        found.setdefault(task or tasks[0], {})[option] = value.strip()
    return found


Stop = Annotated[
    list[str] | None, typer.Option(help="In place of the problem's stop sequences. Several times for several.")
]
Shots = Annotated[
    int | None, typer.Option(help="Examples in the prompt. MBPP has three of its own, others need --shots-file.")
]
ShotsFile = Annotated[Path | None, typer.Option(help="JSONL of examples: prompt, completion. Default of --shots: all.")]
SystemPrompt = Annotated[str | None, typer.Option(help="For chat models, before all else. Default: none.")]
PromptFile = Annotated[
    Path | None, typer.Option(help="A template in place of the prompt or instruction: {prompt}, {entry_point}, ...")
]
ThinkingTokens = Annotated[
    int | None, typer.Option(help="What a reasoning model may use beyond --max-tokens. Default: 0.")
]
Price = Annotated[
    str | None, typer.Option(help="Per million prompt and completion tokens, in any currency.", metavar="0.15/0.60")
]
PricePerHour = Annotated[float | None, typer.Option(help="Of hardware of one's own, while it generates.")]
PrintPrompt = Annotated[bool, typer.Option("--print-prompt", help="Show what is sent for PROBLEM, and send nothing.")]
PromptProblem = Annotated[
    str | None, typer.Argument(metavar="[PROBLEM]", help="With --print-prompt: whose. Default: the first.")
]


def parse_ks(text: str | None) -> tuple[int, ...] | None:
    """`1,10` as numbers. Raises InputError."""
    return None if text is None else parse_numbers("--k", text)


def parse_numbers(option: str, text: str) -> tuple[int, ...]:
    """`1,10` as numbers. Raises InputError, naming the option."""
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise InputError(f"{option} takes numbers with commas between them, such as 1,10, not {text!r}") from error


def parse_names(text: str | None) -> tuple[str, ...] | None:
    """`tensorboard,wandb` as names."""
    return None if text is None else tuple(part.strip() for part in text.split(",") if part.strip())


def cache_folder() -> Path:
    """Where downloads are kept: $XDG_CACHE_HOME, else ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "codegen-harness"


def environment() -> dict[str, Any]:
    """What a run takes from the environment: the key of an OpenAI-compatible server, and the cache's place."""
    found: dict[str, Any] = {"cache": cache_folder()}
    if os.environ.get("HARNESS_VLLM_PYTHON"):
        found["vllm_python"] = os.environ["HARNESS_VLLM_PYTHON"]
    if os.environ.get("OPENAI_API_KEY"):
        found["api_key"] = os.environ["OPENAI_API_KEY"]
    return found
