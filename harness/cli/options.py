"""The options of commands, made of `RunConfig`'s fields. The one place that reads the environment.

A command takes fields, or all fields of a group, as one dictionary:

    @options.takes("problems", Group.SANDBOX)
    def verify(flags: options.Flags, as_json: options.Json = False) -> None: ...

On the command line it then has `--problems`, `--sandbox` and the others in the place of `flags`, each with the help
text of its field. `flags` holds what was given, by field, and None for what was not: what `load_config` takes.
"""

from __future__ import annotations

import inspect
import itertools
import os
import re
import types
import typing
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from harness.config import Flag, Group, RunConfig, command_line_flags, read_toml
from harness.errors import InputError, did_you_mean

_SETS = re.compile(r",(?=\s*[\w.-]+=)")  # between two of from=2024-08,to=2025-02; a value may have commas
Flags = dict[str, Any]
EXECUTING = ("sandbox_url", "cluster")  # which machines execute programs
Command = Callable[..., None]

Config = Annotated[Path | None, typer.Option(help="A TOML file of these options; flags win.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
TaskSet = Annotated[
    list[str] | None,
    typer.Option("--set", help="Of the task or the set, such as by=logprob or from=2024-08. Several tasks: TASK.by=…"),
]


SetPart = Annotated[
    list[str] | None, typer.Option("--set", help="Which part of the set, such as from=2024-08,to=2025-02.")
]


def takes(*chosen: Group | str, without: tuple[str, ...] = (), **helps: str) -> Callable[[Command], Command]:
    """Give a command the options of fields and groups, in place of its parameter `flags`.

    without: fields of the groups that it does not take. helps: field -> help text, in place of the field's own.
    """
    fields = [name for name in dict.fromkeys(_fields(chosen)) if name not in without]

    def decorate(command: Command) -> Command:
        def called(**values: Any) -> None:
            flags = {name: _value(name, values.pop(name)) for name in fields}
            command(flags=flags, **values)

        made = _signature(command, {name: helps.get(name) for name in fields})
        called.__name__, called.__doc__, called.__module__ = command.__name__, command.__doc__, command.__module__
        called.__signature__ = made  # type: ignore[attr-defined]  # what typer reads
        called.__annotations__ = {name: each.annotation for name, each in made.parameters.items()}
        return called

    return decorate


def help_of(field: str) -> str:
    """The help text of a field, for an option of another name."""
    return command_line_flags()[field].help


def _fields(chosen: tuple[Group | str, ...]) -> Iterator[str]:
    flags = command_line_flags()
    for each in chosen:
        found = [
            name for name, flag in flags.items() if name == each or (isinstance(each, Group) and flag.group is each)
        ]
        assert found, f"no option of RunConfig is called {each}"
        yield from found


def _signature(command: Command, fields: dict[str, str | None]) -> inspect.Signature:
    """Of the command, with the fields' options where `flags` stands. fields: name -> help text, None for its own."""
    hints = typing.get_type_hints(command, include_extras=True)
    parameters: list[inspect.Parameter] = []
    for name, parameter in inspect.signature(command).parameters.items():
        if name == "flags":
            parameters += [_parameter(field, text) for field, text in fields.items()]
        else:
            parameters.append(parameter.replace(annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY))
    return inspect.Signature(parameters)


def _parameter(field: str, text: str | None) -> inspect.Parameter:
    """A field's option, of which None says that it was not given; a switch stands as it does without it."""
    flag, default = command_line_flags()[field], RunConfig.model_fields[field].default
    name = f"--{flag.name or field.replace('_', '-')}"
    switch = _kind(field) is bool
    option = typer.Option(f"{name}/--no-{name[2:]}" if default is True else name, help=text or flag.help,
                          metavar=flag.metavar)  # fmt: skip
    kind: Any = list[str] if flag.several else _kind(field)
    annotation = Annotated[bool, option] if switch else Annotated[kind | None, option]
    return inspect.Parameter(
        field, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default if switch else None
    )


def _kind(field: str) -> type:
    """What typer parses: a number, a path or a switch; any other text is for the configuration to check."""
    annotation = RunConfig.model_fields[field].annotation
    members = typing.get_args(annotation) if isinstance(annotation, types.UnionType) else (annotation,)
    kinds: list[type] = [kind for kind in (bool, int, float, Path) if any(each is kind for each in members)]
    return kinds[0] if kinds else str


def _value(field: str, given: Any) -> Any:
    """What was given as the configuration takes it; None for nothing. Raises InputError."""
    flag: Flag = command_line_flags()[field]
    if flag.several:
        return tuple(given) if given else None
    if _kind(field) is bool:
        return None if given is RunConfig.model_fields[field].default else given
    if not isinstance(given, str) or _kind(field) is not str:
        return given
    values = typing.get_args(RunConfig.model_fields[field].annotation)
    if values == (int, ...):
        return parse_numbers(f"--{field}", given)
    if values != (str, ...):
        return given
    found = parse_names(given)
    if not found:  # as an unset variable of the shell gives it
        raise InputError(f"--{field.replace('_', '-')} is empty: give a value, or leave it out")
    return found


def several(flags: Flags, file: Path | None, names: Sequence[str]) -> list[Flags]:
    """The values of these fields, one dictionary for every combination; the first field changes slowest.

    A field is given several values by an option (again and again, or with commas) or by a list in the file; None where
    it is not given. Raises InputError.
    """
    written = read_toml(file) if file else {}
    found: list[list[str | None]] = []
    for name in names:
        given = flags.get(name)
        values = written.get(name) if given is None else given
        if isinstance(values, str):
            values = [values] if Path(values).exists() else values.split(",")
        if values is not None and not (isinstance(values, list) and all(isinstance(each, str) for each in values)):
            raise InputError(f"{file}: {name}: text, or a list of texts, is expected, not {values!r}")
        found.append(list(dict.fromkeys(each.strip() for each in values)) if values else [None])
    return [dict(zip(names, each, strict=True)) for each in itertools.product(*found)]


def parse_sets(texts: list[str] | None, tasks: list[str]) -> dict[str, dict[str, str]]:
    """Task -> its options, of `name=value` (for the only task, empty for the usual one) or `task.name=value`.

    Raises InputError.
    """
    found: dict[str, dict[str, str]] = {}
    for text in (part for given in texts or [] for part in _SETS.split(given)):
        name, equals, value = text.partition("=")
        task, dot, option = name.strip().rpartition(".")
        if not equals or not option:
            raise InputError(f"--set takes name=value, such as by=logprob, not {text!r}")
        if not dot and len(tasks) > 1:
            raise InputError(f"--set {text}: name the task that it is for: --task TASK, or --set TASK.{text}")
        if dot and task not in tasks:
            raise InputError(
                f"--set {text}: task {task!r} is not run{did_you_mean(task, tasks)}; run are: {', '.join(tasks)}"
            )
        found.setdefault(task or "".join(tasks), {})[option] = value.strip()
    return found


def parse_part(texts: list[str] | None) -> dict[str, str] | None:
    """The options that choose a part of a problem set, as `RunConfig.task_options` takes them. Raises InputError."""
    return parse_sets(texts, []).get("")


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
    """What a run takes from the environment: keys of servers, an interpreter with vLLM, and the cache's place."""
    found: dict[str, Any] = {"cache": cache_folder()}
    if os.environ.get("HARNESS_VLLM_PYTHON"):
        found["vllm_python"] = os.environ["HARNESS_VLLM_PYTHON"]
    if os.environ.get("OPENAI_API_KEY"):
        found["api_key"] = os.environ["OPENAI_API_KEY"]
    if os.environ.get("HARNESS_SANDBOX_KEY"):
        found["sandbox_key"] = os.environ["HARNESS_SANDBOX_KEY"]
    return found
