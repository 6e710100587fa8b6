"""Engines: where completions come from. One module each; the module's name is the option's value.

A module has `Options`, its own frozen dataclass, `options_of(opening) -> Options`, which makes them from a run's
configuration, and `open_engine(options) -> Engine`. `harness.engines._selection` opens the one that a run takes.
`replay` has no `options_of`: it needs the problem set, and the pipeline opens it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from harness.errors import RequestRefused
from harness.types import Completion, Request, Usage

if TYPE_CHECKING:
    from harness.config import RunConfig

SEED_SPACE = 2**31 - 1


class StatusListener(Protocol):
    """Told what a person may want to know while a model is made ready."""

    def note(self, message: str) -> None:
        """Something to know."""

    def waiting(self, message: str | None) -> None:
        """What is being waited for, in the place of what was said before; None: for nothing any more."""


@contextlib.contextmanager
def waiting_for(status: StatusListener, what: str) -> Iterator[None]:
    """Tell what is being waited for while the block runs."""
    status.waiting(what)
    try:
        yield
    finally:
        status.waiting(None)


class Engine(Protocol):
    """A source of completions. `complete` may be called from `concurrency` threads at once."""

    concurrency: int

    def complete(self, request: Request) -> list[Completion]:
        """`request.sampling.n` completions, with indexes from `request.first` on.

        Raises RequestRefused, RequestFailed, and EngineError where nothing more is to be had of the model at all.
        """

    def close(self) -> None:
        """Free the model or the connections."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A model that is to be opened for a run.

    name: the model's. source: its directory, hub id or name on a server; None for the one that a server has. runs: the
    configurations of this run and of those to come. status: told how it goes on. revision: the commit of a model from a
    hub. adapter: the folder of a LoRA adapter, where `source` is its base.
    """

    name: str
    source: str | None
    config: RunConfig
    runs: Sequence[RunConfig]
    status: StatusListener
    revision: str | None = None
    adapter: Path | None = None


@runtime_checkable
class SupportsDescription(Protocol):
    """An engine that says what it is made of, for the record of a run."""

    def describe(self) -> dict[str, str]:
        """Versions, device and number format, by name; what is not known is left out."""


@runtime_checkable
class SupportsLearning(Protocol):
    """An engine that finds out, as it goes, what a server takes in another way."""

    def learnt(self) -> dict[str, str]:
        """Parameter -> `left out`, or the name or the value that is sent in its place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bos:
    """A model's token for the beginning of a text, None where none is known, and whether its tokenizer adds it."""

    token: int | None
    added: bool


@runtime_checkable
class SupportsLogprobs(Protocol):
    """An engine that also tells the log-probabilities of given tokens. As `complete`, for several threads at once."""

    def context(self) -> int | None:
        """How many tokens the model takes, None where that is not known."""

    def bos(self) -> Bos:
        """The model's beginning of a text. Raises EngineError."""

    def tokenize(self, text: str) -> list[int]:
        """The tokens of a text, without special ones. Raises EngineError."""

    def token_logprobs(self, sequences: Sequence[Sequence[int]]) -> list[list[float]]:
        """For each sequence of n tokens the log-probabilities, in nats, of its tokens 1 to n-1, each after all before.

        Raises EngineError, also where a server does not tell them.
        """


@runtime_checkable
class SupportsChatTokens(Protocol):
    """An engine that also tells the tokens of a conversation."""

    def chat_tokens(self, messages: Sequence[Mapping[str, str]], *, answering: bool) -> list[int] | None:
        """By the model's chat template, None where it has none. answering: with the opening of the assistant's turn.

        Raises RequestRefused for messages that the template does not take, EngineError.
        """


def too_long(request: Request) -> RequestRefused:
    """Why a prompt that the model's context does not hold is not answered."""
    return RequestRefused(f"the prompt of {request.problem_id} is longer than the model's context")


def split_request(request: Request, most: int) -> Iterator[Request]:
    """The request in parts of at most `most` samples."""
    n = request.sampling.n
    for done in range(0, n, most):
        sampling = dataclasses.replace(request.sampling, n=min(most, n - done))
        yield dataclasses.replace(request, first=request.first + done, sampling=sampling)


def with_usage(
    completions: list[Completion], prompt_tokens: int | None, completion_tokens: int | None, gpus: int | None
) -> list[Completion]:
    """The completions of a request that has just come back, the first with what the whole request took."""
    taken_s, finished_at = completions[0].latency_s or 0.0, time.time()
    usage = Usage(
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
        started_at=round(finished_at - taken_s, 3),
        finished_at=round(finished_at, 3),
        gpus=gpus,
    )
    return [dataclasses.replace(completions[0], usage=usage), *completions[1:]]


def valid_text(text: str) -> str:
    """`text` as it can be written: half of a surrogate pair, as an answer cut in an emoji has it, becomes `?`."""
    return text.encode("utf-8", "replace").decode()


def cut(text: str, stop: tuple[str, ...]) -> tuple[str, bool]:
    """`text` up to the first of `stop` in it, and whether one was there."""
    place = min((text.find(each) for each in stop if each in text), default=None)
    return (text, False) if place is None else (text[:place], True)


def seed_of(request: Request, place: int) -> int:
    """The seed of the completion at `place` of a request."""
    return sample_seed(request.sampling.seed, request.problem_id, request.first + place)


def sample_seed(seed: int, problem_id: str, index: int) -> int:
    """The seed of one sample: the same for the same three, different for any two samples of a problem.

    A problem's base is drawn by hashing, its samples count up from there.
    """
    import hashlib

    base = int.from_bytes(hashlib.sha256(f"{seed}/{problem_id}".encode()).digest()[:8], "big")
    return (base + index) % SEED_SPACE
