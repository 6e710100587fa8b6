"""`harness serve`: what stays up for several commands. `serve model`: a vLLM server."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from harness.cli import options

app = typer.Typer(help="Keep a model server up for several runs.", no_args_is_help=True)


@app.callback()
def serve() -> None:
    """Keep a model server up for several runs."""


@app.command("model")
def model(
    name: Annotated[str, typer.Argument(metavar="MODEL", help="nano, nano-base, a directory or a hub id.")],
    port: Annotated[int | None, typer.Option(help="Default: a free one.")] = None,
    vllm_python: options.VllmPython = None,
    engine_arg: options.EngineArgs = None,
) -> None:
    """Start vLLM with a model on this machine's loopback, and keep it up until Ctrl-C.

    The key that clients must send is $OPENAI_API_KEY, or a random one.
    """
    # measured: pydantic and rich take 0.3 s, which --help need not wait for
    from harness.cli.display import run
    from harness.engines import _vllm_arguments, _vllm_server
    from harness.models import NAMES, model_dir

    given = options.environment()
    python = vllm_python or (Path(given["vllm_python"]) if "vllm_python" in given else None)
    embedded = name in NAMES
    served = _vllm_arguments.ServerOptions(
        model=str(model_dir(name)) if embedded else name,
        name=name if embedded or not Path(name).is_dir() else Path(name).resolve().name,
        python=python,
        arguments=tuple(engine_arg or ()),
        port=port,
        key=os.environ.get("OPENAI_API_KEY") or None,
    )
    observer = run.RunDisplay(quiet=False)
    try:
        with _vllm_server.ModelServer(served, observer.waiting) as server:
            observer.waiting(None)
            if served.key is None:
                run.out.print(f"export OPENAI_API_KEY={server.key}", soft_wrap=True)
            run.out.print(f"harness run --base-url {server.url}", soft_wrap=True)
            run.err.print(f"{served.name} is served; its log is {server.log}; Ctrl-C ends it", soft_wrap=True)
            raise server.wait()
    except KeyboardInterrupt:
        run.err.print("stopped")
