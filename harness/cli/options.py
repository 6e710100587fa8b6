"""Options that several commands share, and where their defaults come from. The one place that reads the environment."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

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
Workers = Annotated[int | None, typer.Option(help="Sandboxes at once. Default: 2 per core.")]
CpuS = Annotated[
    float | None, typer.Option(help="CPU seconds per program. Default: the problem set's own; 5 for exec.")
]
WallS = Annotated[
    float | None, typer.Option(help="Seconds per program by the clock. Default: the set's own; 10 for exec.")
]
MemoryMib = Annotated[int | None, typer.Option(help="Memory per program in MiB. Default: the set's own; 512 for exec.")]
Results = Annotated[Path | None, typer.Option(help="Where run directories are kept. Default: results.")]
Config = Annotated[Path | None, typer.Option(help="A TOML file of these options; flags win.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]


def parse_ks(text: str | None) -> tuple[int, ...] | None:
    """`1,10` as numbers. Raises InputError."""
    return None if text is None else parse_numbers("--k", text)


def parse_numbers(option: str, text: str) -> tuple[int, ...]:
    """`1,10` as numbers. Raises InputError, naming the option."""
    from harness.errors import InputError

    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise InputError(f"{option} takes numbers with commas between them, such as 1,10, not {text!r}") from error


def cache_folder() -> Path:
    """Where downloads are kept: $XDG_CACHE_HOME, else ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "codegen-harness"


def environment() -> dict[str, Any]:
    """What a run takes from the environment: the key of an OpenAI-compatible server, and the cache's place."""
    found: dict[str, Any] = {"cache": cache_folder()}
    if os.environ.get("OPENAI_API_KEY"):
        found["api_key"] = os.environ["OPENAI_API_KEY"]
    return found
