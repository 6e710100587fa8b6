"""What a run is asked to do, parsed once at the edge: flags over a TOML file over defaults."""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator, model_validator

from harness import registry
from harness.errors import InputError, did_you_mean
from harness.files.limits import limits
from harness.files.opened import read_text
from harness.text.printable import clipped
from harness.types import SamplingParams
from sandbox.types import MIB, Isolation, Limits

DEFAULT_N = 10
# What `metrics` takes, for each k: that one of k samples passes, that all do, that a share of them does.
CODE_METRICS = ("pass@k", "pass^k", "g-pass@k")
PROMPTING = ("stop", "shots", "shots_file", "system_prompt", "prompt_file", "thinking_tokens")
# Options whose values are plug-ins.
CHOICES = {
    "engine": ("auto", *registry.names("harness.engines")),
    "extractor": tuple(registry.names("harness.extractors")),
}
# Which machines do the work changes no number: a run is gone on with on others.
NOT_RECORDED = ("sandbox_url", "sandbox_key", "cluster", "replicas")
PUBLISHED = [
    name.replace("plus", "+").replace("_", "-") for name in registry.names("harness.datasets") if name != "own"
]
BUSY_SAMPLES = 512  # in flight: twice what vLLM works on at once unless told otherwise (max_num_seqs 256)
# Dotted names in a row: the TOML reader takes time in the square of their number. No run of parts is looked at twice.
_LONG_NAME = re.compile(r"""(?<![\w"'.-])(?:[\w"'-]++[ \t]*+\.[ \t]*+){100}""")
LARGEST = 10_000_000  # of any count or number of seconds: what is above is a slip


class Group(StrEnum):
    """What a field is about: commands take the fields of whole groups."""

    MODEL = "model"
    SAMPLING = "sampling"
    PROMPTING = "prompting"
    SANDBOX = "sandbox"
    MACHINES = "machines"
    SCORING = "scoring"
    OUTPUT = "output"


@dataclass(frozen=True, slots=True)
class Flag:
    """How a field is given on the command line, as `--the-field` where `name` is None, else as `--name`.

    several: given once for each value; a field of several values takes them with commas between otherwise.
    """

    group: Group
    help: str
    name: str | None = None
    metavar: str | None = None
    several: bool = False


_model, _sampling, _prompting, _sandbox, _machines, _scoring, _output = (
    functools.partial(Flag, group) for group in Group
)


class RunConfig(BaseModel):
    """One run. Frozen; an invalid one cannot exist. A field with a `Flag` is an option of commands; see its help text.

    task_options: of the task, by name. k: the ks of pass@k; empty for the task's usual ones. n: None for max(k, 10).
    api_key: of a server. concurrency: None for as many requests as keep a server busy. cpu_s, wall_s, memory_mib: in
    place of the problem set's own limits. stop to thinking_tokens: see `harness.prompts.template`. cache: of downloads.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    # model
    model: Annotated[
        str | None, _model("nano, nano-base, a directory, a hub id, or the name on a server. Default: nano.")
    ] = None
    engine: Annotated[
        str,
        _model(f"{registry.listed(CHOICES['engine'])}."),
    ] = "auto"
    vllm_python: Annotated[
        Path | None, _model("The Python that has vLLM, if it is not this one; also $HARNESS_VLLM_PYTHON.")
    ] = None
    engine_args: Annotated[
        tuple[str, ...],
        _model(
            "An argument for vLLM, such as max-num-seqs=64; may be given several times.", "engine-arg", several=True
        ),
    ] = ()
    base_url: Annotated[str | None, _model("A compatible server, such as http://127.0.0.1:8000/v1.")] = None
    same_server: Annotated[bool, _model("The server has moved to another address: continue its run.")] = False
    api_key: str = Field(default="EMPTY", repr=False)
    samples: Annotated[Path | None, _model("Saved completions, for engine replay.")] = None
    form: Annotated[Literal["auto", "completion", "chat"], _model("auto, completion or chat.")] = "auto"
    concurrency: Annotated[int | None, _model("Requests in flight to a server. Default: as many as keep it busy.")] = (
        None
    )

    # sampling
    n: Annotated[int | None, _sampling("Samples per problem. Default: max(k, 10), and 1 at temperature 0.")] = None
    temperature: Annotated[
        float, _sampling("Default: 0.8. 0 takes the likeliest token each time: one sample per problem.")
    ] = 0.8
    top_p: Annotated[float, _sampling("Default: 0.95.")] = 0.95
    top_k: Annotated[int, _sampling("Default: 0, every token.")] = 0
    max_tokens: Annotated[int, _sampling("Per completion. Default: 512.")] = 512
    seed: Annotated[int, _sampling("Default: 0.")] = 0

    # prompting
    stop: Annotated[
        tuple[str, ...] | None,
        _prompting("A stop sequence, in place of the problem's own. May be given several times.", several=True),
    ] = None
    shots: Annotated[
        int | None, _prompting("Examples in the prompt. MBPP has three of its own, others need --shots-file.")
    ] = None
    shots_file: Annotated[
        Path | None, _prompting("JSONL of examples: prompt, completion. Default of --shots: all.")
    ] = None
    system_prompt: Annotated[str | None, _prompting("For chat models, before everything else. Default: none.")] = None
    prompt_file: Annotated[
        Path | None, _prompting("A template in place of the prompt or instruction: {prompt}, {entry_point}, ...")
    ] = None
    thinking_tokens: Annotated[
        int, _prompting("Tokens a reasoning model may think with, beyond --max-tokens. Default: 0.")
    ] = 0

    # sandbox
    sandbox: Annotated[
        Literal["auto", "docker", "bubblewrap"],
        _sandbox("auto, docker or bubblewrap. Code never runs without one."),
    ] = "auto"
    runtime: Annotated[str | None, _sandbox("An OCI runtime of the Docker engine, such as runsc.")] = None
    isolation: Annotated[
        Isolation,
        _sandbox("pool: sandboxes are cleaned between programs; container: each program has its own."),
    ] = Isolation.POOL
    dedup: Annotated[bool, _sandbox("Execute equal programs of a problem once, and share the verdict.")] = True
    workers: Annotated[int | None, _sandbox("Sandboxes at once. Default: 3 for 2 cores.")] = None
    cpu_s: Annotated[float | None, _sandbox("CPU seconds per program. Default: the problem set's own; 5 for exec.")] = (
        None
    )
    wall_s: Annotated[
        float | None, _sandbox("Wall-clock seconds per program. Default: the set's own; 10 for exec.")
    ] = None
    memory_mib: Annotated[int | None, _sandbox("Memory per program in MiB. Default: the set's own; 512 for exec.")] = (
        None
    )

    # machines
    sandbox_url: Annotated[
        tuple[str, ...],
        _machines("Running services (harness serve sandbox) that execute the programs.", metavar="URL,URL"),
    ] = ()
    sandbox_key: str = Field(default="", repr=False)
    cluster: Annotated[
        str | None,
        _machines(
            "A Ray cluster whose nodes execute the programs: auto, HOST:6379 or ray://HOST:10001.", metavar="ADDRESS"
        ),
    ] = None

    replicas: Annotated[
        int | None, _machines("vLLM servers to start on the cluster's nodes, for engine vllm.", metavar="N")
    ] = None

    # scoring
    task: Annotated[str, _scoring(f"{', '.join(registry.names('harness.tasks'))}; or several.")] = "codegen"
    task_options: Mapping[str, bool | int | float | str] = Field(default_factory=dict)
    problems: Annotated[str, _scoring(f"A set's name (starter, core, {', '.join(PUBLISHED)}) or a JSONL file.")] = (
        "starter"
    )
    only: Annotated[
        tuple[str, ...], _scoring("Only these problems, by id or by the number at the end of one.", metavar="ID,ID")
    ] = ()
    shuffle: Annotated[int | None, _scoring("Shuffle the problems with this seed, before --limit.", metavar="SEED")] = (
        None
    )
    limit: Annotated[int | None, _scoring("Only this many problems from the start, for a first look.")] = None
    k: Annotated[tuple[int, ...], _scoring("The ks of pass@k, such as 1,10.", metavar="K,K")] = ()
    metrics: Annotated[
        tuple[str, ...],
        _scoring(f"For code, for each k: {', '.join(CODE_METRICS)}. Default: pass@k.", metavar="NAME,NAME"),
    ] = ("pass@k",)
    all_cases: Annotated[
        bool,
        _scoring("For code: go on after a failed case, and report the share of cases, and of points, that pass."),
    ] = False
    extractor: Annotated[
        str, _scoring(f"How a chat model's reply becomes a program: {registry.listed(CHOICES['extractor'])}.")
    ] = "auto"

    # output
    price: Annotated[
        str | None, _output("Prices of a million prompt and completion tokens, in any currency.", metavar="0.15/0.60")
    ] = None
    price_per_hour: Annotated[float | None, _output("Price per hour of your own hardware while it generates.")] = None
    report_to: Annotated[
        tuple[str, ...],
        _output(
            f"Trackers to send the result to: {', '.join(registry.names('harness.trackers'))}.", metavar="NAME,NAME"
        ),
    ] = ()
    results: Annotated[Path, _output("Where run directories are kept. Default: results.")] = Path("results")
    cache: Path = Path(".cache")

    @model_validator(mode="before")
    @classmethod
    def _part_of_the_set(cls, values: Any) -> Any:
        """What is set of the task of code says which part of its problem set is asked for: it joins the set's name."""
        given = values.get("task_options") if isinstance(values, dict) else None
        if not given or values.get("task", "codegen") != "codegen":
            return values
        problems = str(values.get("problems", "starter"))
        chosen = ",".join(f"{name}={value}" for name, value in sorted(given.items()))
        return {**values, "problems": f"{problems}{',' if ':' in problems else ':'}{chosen}", "task_options": {}}

    @field_validator(*CHOICES)
    @classmethod
    def _is_there(cls, value: str, info: ValidationInfo) -> str:
        known = CHOICES[str(info.field_name)]
        if value not in known:
            raise ValueError(f"{registry.listed(known)} is expected{did_you_mean(value, known)}")
        return value

    @field_validator("metrics")
    @classmethod
    def _are_metrics(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [each for each in value if each not in CODE_METRICS]
        if unknown or not value:
            named = unknown[0] if unknown else ""
            raise ValueError(f"{registry.listed(CODE_METRICS)} is expected{did_you_mean(named, CODE_METRICS)}")
        return tuple(dict.fromkeys(value))

    @field_validator("stop", mode="before")
    @classmethod
    def _one_stop(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @field_validator("report_to", "only", "metrics", mode="before")
    @classmethod
    def _one_name(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @field_validator("k", mode="before")
    @classmethod
    def _one_k(cls, value: object) -> object:
        return (value,) if isinstance(value, int) else value

    @model_validator(mode="after")
    def _check(self) -> Self:
        for name in ("n", "workers", "replicas", "concurrency", "cpu_s", "wall_s", "memory_mib", "limit"):
            value = getattr(self, name)
            if value is not None and not 0 < value <= LARGEST:
                raise ValueError(f"{name} must be above 0 and at most {LARGEST:g}, not {value}")
        if self.samples is not None and self.n is not None:
            raise ValueError("n is for sampling; a file of completions has its own")
        if self.engine == "replay" and self.samples is None:
            raise ValueError("engine replay needs samples, a file of completions")
        if self.engine == "openai" and self.base_url is None:
            raise ValueError("engine openai needs base_url, such as http://127.0.0.1:8000/v1")
        if self.engine in ("transformers", "vllm", "replay") and self.base_url is not None:
            raise ValueError(f"base_url is for engine openai, not {self.engine}")
        return self

    @model_validator(mode="after")
    def _check_ks(self) -> Self:
        for k in self.k:
            if k < 1:
                raise ValueError(f"k must be at least 1, not {k}")
        if self.greedy() and self.n is None and max(self.k, default=1) > 1:
            raise ValueError(
                f"temperature 0 draws one completion per problem, and pass@{max(self.k)} needs {max(self.k)}; "
                "leave k out, or ask for a temperature above 0"
            )
        if self.n is not None and self.k and max(self.k) > self.n:
            raise ValueError(f"pass@{max(self.k)} needs k <= n, but n is {self.n}; ask for a larger n or a smaller k")
        self.sampling()
        return self

    @model_validator(mode="after")
    def _check_prices(self) -> Self:
        if self.price is not None and self.price_per_hour is not None:
            raise ValueError("a price per token or a price_per_hour, not both")
        if self.price_per_hour is not None and not 0 <= self.price_per_hour <= LARGEST:
            raise ValueError(f"price_per_hour must be at least 0 and at most {LARGEST:g}, not {self.price_per_hour}")
        self.token_prices()
        return self

    @model_validator(mode="after")
    def _check_prompting(self) -> Self:
        for name in ("shots", "thinking_tokens"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= LARGEST:
                raise ValueError(f"{name} must be at least 0 and at most {LARGEST:g}, not {value}")
        if self.stop is not None and not all(self.stop):
            raise ValueError("a stop sequence cannot be empty")
        if self.samples is not None and self.prompting_given():
            raise ValueError(f"{self.prompting_given()[0]} is for sampling; a file of completions was drawn as it was")
        return self

    @field_validator("sandbox_url", mode="before")
    @classmethod
    def _one_url(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _check_machines(self) -> Self:
        if self.sandbox_url and self.cluster:
            raise ValueError("sandbox_url or cluster, not both")
        if self.replicas is not None and self.cluster is None:
            raise ValueError("replicas are started on a cluster: give its address, cluster")
        if self.replicas is not None and self.engine not in ("auto", "vllm"):
            raise ValueError(f"replicas are servers of engine vllm, not {self.engine}")
        if self.replicas is not None and self.base_url is not None:
            raise ValueError("replicas are servers of our own; base_url names another's")
        for name in ("sandbox", "runtime", "isolation", "workers"):
            if self.sandbox_url and getattr(self, name) != type(self).model_fields[name].default:
                raise ValueError(f"{name} is the services' own to choose, where sandbox_url names them")
        return self

    def elsewhere(self) -> str | None:
        """The option by which other machines execute the programs; None where this one does."""
        return "sandbox-url" if self.sandbox_url else "cluster" if self.cluster else None

    def prompting_given(self) -> list[str]:
        """The options of prompting that differ from their defaults."""
        return [name for name in PROMPTING if getattr(self, name)]

    def token_prices(self) -> tuple[float, float] | None:
        """What a prompt token and a completion token cost; None without a price. Raises ValueError."""
        if self.price is None:
            return None
        parts = self.price.split("/")
        try:
            values = [float(part) for part in parts]
        except ValueError:
            values = []
        if len(values) != 2 or not all(0 <= value <= LARGEST for value in values):
            raise ValueError(
                "price takes two numbers, per million prompt and completion tokens, such as 0.15/0.60, "
                f"not {self.price!r}"
            )
        return values[0] / 1e6, values[1] / 1e6

    def requests_at_once(self) -> int:
        """How many requests a server is to have in hand: some hundreds of samples, so that it never waits for us."""
        return self.concurrency or max(16, min(256, BUSY_SAMPLES // self.sampling().n))

    def greedy(self) -> bool:
        """Whether completions are drawn at temperature 0, which gives the same one each time."""
        return self.temperature == 0 and self.samples is None

    def sampling(self) -> SamplingParams:
        """The sampling parameters in full. `stop` is the problem's."""
        n = self.n or (1 if self.greedy() else max((*self.k, DEFAULT_N)))
        return SamplingParams(
            n=n,
            temperature=self.temperature,
            top_p=self.top_p,
            top_k=self.top_k,
            max_tokens=self.max_tokens,
            seed=self.seed,
        )

    def limits(self, own: Limits | None) -> Limits:
        """A problem's limits, with those that the run sets in their place."""
        own = own or Limits()
        wall_s = self.wall_s or own.wall_s
        return Limits(
            cpu_s=self.cpu_s or own.cpu_s,
            wall_s=max(wall_s, self.cpu_s or 0) if self.wall_s is None else wall_s,
            memory_bytes=self.memory_mib * MIB if self.memory_mib else own.memory_bytes,
            output_bytes=own.output_bytes,
            disk_bytes=own.disk_bytes,
            processes=own.processes,
            open_files=own.open_files,
        )


def command_line_flags() -> dict[str, Flag]:
    """Field -> its option, of the fields that have one, in the order of their groups."""
    return {
        name: flag
        for name, field in RunConfig.model_fields.items()
        for flag in field.metadata
        if isinstance(flag, Flag)
    }


def parse_config(
    file: Path | None,
    flags: Mapping[str, Any],
    defaults: Mapping[str, Any],
    task_defaults: Callable[[str], Mapping[str, Any]],
) -> RunConfig:
    """The configuration of the task's defaults, `defaults`, a TOML file and flags, each over the one before.

    A flag of None was not given. task_defaults: of the task with a name. Raises InputError: which key of which file or
    which option, and what is wrong with it.
    """
    values = read_toml(file) if file else {}
    given = {name: value for name, value in flags.items() if value is not None}
    own = task_defaults(str({**values, **given}.get("task", "codegen")))
    if {**values, **given}.get("samples") is not None:
        own = {name: value for name, value in own.items() if name not in ("n", "temperature")}  # the file has its own
    try:
        return RunConfig.model_validate({**own, **defaults, **values, **given})
    except ValidationError as error:
        faults = [_fault(fault, given, file) for fault in error.errors()]
        raise InputError("; ".join(faults)) from error


def read_toml(file: Path) -> dict[str, Any]:
    """A configuration file's keys and values, as they stand there. Raises InputError: what is wrong with which key."""
    text = read_text(file, limits().config_bytes)
    if found := _LONG_NAME.search(text):
        line = text.count("\n", 0, found.start()) + 1
        raise InputError(f"the configuration {file}, line {line}: a name of more than {limits().depth} parts")
    try:
        values = tomllib.loads(text)
    except RecursionError as error:
        raise InputError(f"the configuration {file} is nested too deeply; its keys take plain values") from error
    except ValueError as error:  # TOMLDecodeError, and an integer of more digits than Python reads
        raise InputError(f"the configuration {file} is not TOML: {error}") from error
    for key in values:
        if key not in RunConfig.model_fields:
            known = RunConfig.model_fields
            raise InputError(
                f"{file}: unknown key {clipped(key, 80)!r}{did_you_mean(key, known)}; known: {', '.join(known)}"
            )
    return values


def _fault(fault: Any, given: Mapping[str, Any], file: Path | None) -> str:
    message = str(fault["msg"]).removeprefix("Value error, ")
    if not fault["loc"]:
        return f"{file}, with the options given: {message}" if file else message
    key = str(fault["loc"][0])
    place = f"--{key.replace('_', '-')}" if key in given or file is None else f"{file}: {key}"
    return f"{place}: {message[0].lower()}{message[1:]}, not {_shown(fault['input'])}"


def _shown(value: object) -> str:
    """A value in a message: Python does not write an integer of more digits than it reads."""
    try:
        return clipped(repr(value), 200)
    except (ValueError, RecursionError):
        return f"{type(value).__name__} of more digits, or deeper, than can be shown"
