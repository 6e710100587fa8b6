"""Keep a model server or a sandbox service up."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import sandbox as boxes
from harness import extras
from harness.cli import options, starting
from harness.cli.display import run
from harness.cli.display.console import busy
from harness.engines import _hub, _vllm_arguments, _vllm_server
from harness.errors import InputError
from harness.models import NAMES, model_dir
from sandbox import Pool, SandboxError
from sandbox.languages import PYTHON, find, of_family, resolve
from sandbox.types import LANGUAGES

if TYPE_CHECKING:
    from harness.service import Pools, Settings

GROUP = "serve"
EXAMPLES = {
    "model": (
        "harness serve model nano",
        "harness serve model Qwen/Qwen2.5-Coder-0.5B --port 8000",
    ),
    "sandbox": (
        "harness serve sandbox",
        "harness serve sandbox --host 0.0.0.0 --key-file keys.txt",
    ),
    "mcp": (
        "harness serve mcp",
        "harness serve mcp --languages python,javascript",
    ),
}


Languages = Annotated[
    str | None,
    typer.Option(
        help="Languages to offer: names separated by commas, or all; missing images are made first. "
        "Default: Python, and those whose image is here (harness doctor --fix --languages)."
    ),
]
Backend = Annotated[str | None, typer.Option("--sandbox", help=options.help_of("sandbox"))]
Cache = Annotated[
    Path | None,
    typer.Option(help="Where downloaded problem sets are kept. Default: ~/.cache/codegen-harness.", show_default=False),
]

app = typer.Typer(help="Keep a model server or a sandbox service up.", no_args_is_help=True)


@app.callback()
def serve() -> None:
    """Keep a model server or a sandbox service up."""


@app.command("model")
@options.takes("vllm_python", "engine_args")
def model(
    *,
    name: Annotated[str, typer.Argument(metavar="MODEL", help="nano, nano-base, a directory or a hub id.")],
    port: Annotated[int | None, typer.Option(help="Default: a free one.")] = None,
    flags: options.Flags,
) -> None:
    """Serve a model with vLLM on loopback, until Ctrl-C.

    The key that clients must send is $OPENAI_API_KEY, or a random one.
    """
    given = options.environment()
    python = flags["vllm_python"] or (Path(given["vllm_python"]) if "vllm_python" in given else None)
    embedded = name in NAMES
    served = _vllm_arguments.ServerOptions(
        model=str(model_dir(name)) if embedded else name,
        name=name if embedded or not Path(name).is_dir() else Path(name).resolve().name,
        python=python,
        arguments=flags["engine_args"] or (),
        port=port,
        key=os.environ.get("OPENAI_API_KEY") or None,
    )
    observer = run.RunDisplay(quiet=False)
    if not embedded and not Path(name).is_dir() and name.count("/") == 1:
        with busy("looking for the model"):
            _hub.look_up(name)  # it tells where there is no network; vLLM would try for minutes
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


@app.command("sandbox")
@options.takes("workers", "isolation", "runtime")
def sandbox(
    *,
    host: Annotated[
        str, typer.Option(help="The address to listen on. Any but this machine's own needs --key-file.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 for a free one.")] = 8080,
    queue_s: Annotated[float, typer.Option(help="How long a request may wait for a sandbox.")] = 5.0,
    memory_mib: Annotated[int, typer.Option(help="Memory of a program that asks for no limit.")] = 1024,
    max_memory_mib: Annotated[int, typer.Option(help="The most that a program may ask for.")] = 4096,
    max_request_mib: Annotated[int, typer.Option(help="The largest request body.")] = 32,
    drain_s: Annotated[float, typer.Option(help="Seconds for the requests in hand once it is told to stop.")] = 30.0,
    key_file: Annotated[Path | None, typer.Option(help="Keys that let clients in, one per line.")] = None,
    no_key: Annotated[bool, typer.Option("--no-key", help="Let in everybody who can reach it.")] = False,
    cache: Cache = None,
    languages: Languages = None,
    backend: Backend = None,
    flags: options.Flags,
) -> None:
    """Answer with verdicts and rewards over HTTP. Clients of SandboxFusion, Piston and Judge0 can use it.

    It stays up until Ctrl-C or SIGTERM.
    """
    # measured: fastapi and pydantic take 0.8 s, which --help need not wait for
    try:
        from harness import service
        from harness.service.settings import read_keys
    except ModuleNotFoundError as error:
        raise InputError(_missing(error)) from error
    settings = service.Settings(
        host=host,
        port=port,
        workers=boxes.default_workers() if flags["workers"] is None else flags["workers"],
        queue_s=queue_s,
        memory_mib=memory_mib,
        max_memory_mib=max_memory_mib,
        max_request_mib=max_request_mib,
        drain_s=drain_s,
        keys=read_keys(key_file) if key_file else frozenset(),
        no_key=no_key,
        cache=cache or options.cache_folder(),
        isolation=boxes.Isolation(flags["isolation"] or boxes.Isolation.POOL),
        runtime=flags["runtime"],
    )
    with _pools(settings, backend, languages, flags) as pool:

        def started(address: str) -> None:
            run.out.print(address, soft_wrap=True)
            run.err.print(
                f"{pool.backend}, {pool.workers} sandboxes for {', '.join(pool.names)}; Ctrl-C ends it", style="dim"
            )

        service.serve(settings, pool, started, lambda: run.err.print("ready", style="dim"))


@app.command("mcp")
@options.takes("workers", "isolation", "runtime")
def mcp(
    *,
    memory_mib: Annotated[int, typer.Option(help="Memory of a program that asks for no limit.")] = 1024,
    cache: Cache = None,
    languages: Languages = None,
    backend: Backend = None,
    flags: options.Flags,
) -> None:
    """Offer run_code and judge to one agent over MCP. It talks on standard input and output."""
    # measured: mcp and pydantic take 0.8 s, which --help need not wait for
    try:
        from harness.service import Settings, mcp_tools
    except ModuleNotFoundError as error:
        raise InputError(_missing(error)) from error

    starting.stop()  # from here on only the agent is talked to
    settings = Settings(workers=flags["workers"] or 1, memory_mib=memory_mib, max_memory_mib=memory_mib,
                        cache=cache or options.cache_folder())  # fmt: skip
    with _pools(settings, backend, languages, flags) as pool:
        mcp_tools.serve_stdio(settings, pool)


def _missing(error: ModuleNotFoundError) -> str:
    return f"the service needs more packages ({error.name} is not installed): {extras.install('service')}"


def _pools(settings: Settings, backend: str | None, languages: str | None, flags: options.Flags) -> Pools:
    """Pools that can hold what the settings allow, one for each family of languages."""
    from harness.service import Pools  # the caller has said what is missing where it cannot be imported

    try:
        name = boxes.choose_backend(backend or os.environ.get("HARNESS_SANDBOX", "auto"))
    except ValueError as error:
        raise InputError(f"--sandbox: {error}") from error
    names = _languages(name, languages)

    def open_pool(language: str) -> Pool:
        return boxes.open(
            name,
            workers=settings.workers,
            ceiling=settings.ceiling(),
            isolation=boxes.Isolation(flags["isolation"] or boxes.Isolation.POOL),
            runtime=flags["runtime"],
            language=language,
        )

    pools = Pools(name, settings.workers, names, open_pool)
    with busy("making the sandboxes ready"):
        pools.open(PYTHON)
    return pools


def _languages(backend: str, wanted: str | None) -> list[str]:
    """The languages to offer: those that are asked for, made where they are missing; else those that are here."""

    def note(message: str) -> None:
        run.err.print(message, style="dim", highlight=False)

    boxes.prepare(backend, note)
    if wanted is None:
        families = [family for family in _families(LANGUAGES) if family == PYTHON or _is_here(backend, family)]
    else:
        try:
            given = [resolve(each.strip()) for each in wanted.split(",")] if wanted != "all" else list(LANGUAGES)
        except ValueError as error:
            raise InputError(f"--languages: {error}") from error
        families = _families([PYTHON, *given])
        for family in families:
            boxes.prepare(backend, note, of_family(family)[0])
    return [name for family in families for name in of_family(family)]


def _families(names: Sequence[str]) -> list[str]:
    """The families of languages, Python's first."""
    return sorted({find(name).family for name in names}, key=lambda family: (family != PYTHON, family))


def _is_here(backend: str, family: str) -> bool:
    try:
        boxes.environment_label(backend, of_family(family)[0])
    except SandboxError:
        return False
    return True
