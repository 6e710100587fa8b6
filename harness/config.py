"""What a run is asked to do, parsed once at the edge: flags over a TOML file over defaults."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from harness.errors import InputError, did_you_mean
from harness.files.limits import limits
from harness.files.opened import read_text
from harness.text.printable import clipped
from harness.types import SamplingParams
from sandbox.types import MIB, Isolation, Limits

DEFAULT_N = 10
PROMPTING = ("stop", "shots", "shots_file", "system_prompt", "prompt_file", "thinking_tokens")
BUSY_SAMPLES = 512  # in flight: twice what vLLM works on at once unless told otherwise (max_num_seqs 256)
# Dotted names in a row: the TOML reader takes time in the square of their number. No run of parts is looked at twice.
_LONG_NAME = re.compile(r"""(?<![\w"'.-])(?:[\w"'-]++[ \t]*+\.[ \t]*+){100}""")
LARGEST = 10_000_000  # of any count or number of seconds: what is above is a slip


class RunConfig(BaseModel):
    """One run. Frozen; an invalid one cannot exist.

    task, task_options: what is asked, and how it is scored. k: the ks of pass@k. n: samples per problem; max(k, 10)
    where it is not given. cpu_s, wall_s, memory_mib: in place of the problem set's own limits. isolation: what programs
    share. dedup: equal programs of a problem are executed once. workers: sandboxes at once. concurrency: requests at
    once to a server; None for as many as keep it busy. extractor: how a chat model's reply becomes a program.
    same_server: go on with a run of a server that was at another address. vllm_python, engine_args: of engine vllm:
    the interpreter that has it, and more arguments for it. stop to
    thinking_tokens: how problems are put, see `harness.prompts.template`. price: per million prompt and completion
    tokens,
    `0.15/0.60`. report_to: trackers.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    task: str = "codegen"
    task_options: Mapping[str, bool | int | float | str] = Field(default_factory=dict)
    problems: str = "starter"
    model: str | None = None
    engine: Literal["auto", "transformers", "vllm", "openai", "replay"] = "auto"
    vllm_python: Path | None = None
    engine_args: tuple[str, ...] = ()
    base_url: str | None = None
    same_server: bool = False
    api_key: str = Field(default="EMPTY", repr=False)
    form: Literal["auto", "completion", "chat"] = "auto"
    extractor: Literal["auto", "first", "last", "longest", "whole"] = "auto"
    samples: Path | None = None
    k: tuple[int, ...] = ()
    n: int | None = None
    temperature: float = 0.8
    top_p: float = 0.95
    top_k: int = 0
    max_tokens: int = 512
    seed: int = 0
    stop: tuple[str, ...] | None = None
    shots: int | None = None
    shots_file: Path | None = None
    system_prompt: str | None = None
    prompt_file: Path | None = None
    thinking_tokens: int = 0
    price: str | None = None
    price_per_hour: float | None = None
    sandbox: Literal["auto", "docker", "bubblewrap"] = "auto"
    runtime: str | None = None
    isolation: Isolation = Isolation.POOL
    dedup: bool = True
    workers: int | None = None
    concurrency: int | None = None
    cpu_s: float | None = None
    wall_s: float | None = None
    memory_mib: int | None = None
    report_to: tuple[str, ...] = ()
    results: Path = Path("results")
    cache: Path = Path(".cache")

    @field_validator("stop", mode="before")
    @classmethod
    def _one_stop(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @field_validator("report_to", mode="before")
    @classmethod
    def _one_tracker(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @field_validator("k", mode="before")
    @classmethod
    def _one_k(cls, value: object) -> object:
        return (value,) if isinstance(value, int) else value

    @model_validator(mode="after")
    def _check(self) -> Self:
        for name in ("n", "workers", "concurrency", "cpu_s", "wall_s", "memory_mib"):
            value = getattr(self, name)
            if value is not None and not 0 < value <= LARGEST:
                raise ValueError(f"{name} must be above 0 and at most {LARGEST:g}, not {value}")
        if self.samples is not None and self.n is not None:
            raise ValueError("n is for sampling; a file of completions has its own")
        for k in self.k:
            if k < 1:
                raise ValueError(f"k must be at least 1, not {k}")
        if self.n is not None and self.k and max(self.k) > self.n:
            raise ValueError(f"pass@{max(self.k)} needs k <= n, but n is {self.n}; ask for a larger n or a smaller k")
        if self.engine == "replay" and self.samples is None:
            raise ValueError("engine replay needs samples, a file of completions")
        if self.engine == "openai" and self.base_url is None:
            raise ValueError("engine openai needs base_url, such as http://127.0.0.1:8000/v1")
        if self.engine in ("transformers", "vllm", "replay") and self.base_url is not None:
            raise ValueError(f"base_url is for engine openai, not {self.engine}")
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

    def sampling(self) -> SamplingParams:
        """The sampling parameters in full. `stop` is the problem's."""
        n = self.n if self.n is not None else max((*self.k, DEFAULT_N))
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
    values = _read_toml(file) if file else {}
    given = {name: value for name, value in flags.items() if value is not None}
    own = task_defaults(str({**values, **given}.get("task", "codegen")))
    if {**values, **given}.get("samples") is not None:
        own = {name: value for name, value in own.items() if name not in ("n", "temperature")}  # the file has its own
    try:
        return RunConfig.model_validate({**own, **defaults, **values, **given})
    except ValidationError as error:
        faults = [_fault(fault, given, file) for fault in error.errors()]
        raise InputError("; ".join(faults)) from error


def _read_toml(file: Path) -> dict[str, Any]:
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
        return message
    key = str(fault["loc"][0])
    place = f"--{key.replace('_', '-')}" if key in given or file is None else f"{file}: {key}"
    return f"{place}: {message[0].lower()}{message[1:]}, not {_shown(fault['input'])}"


def _shown(value: object) -> str:
    """A value in a message: Python does not write an integer of more digits than it reads."""
    try:
        return clipped(repr(value), 200)
    except (ValueError, RecursionError):
        return f"{type(value).__name__} of more digits, or deeper, than can be shown"
