"""The harness's words. Pure values, checked when they are made; JSON goes through pydantic at the edges."""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from sandbox.types import Limits, Tests, Verdict


class Form(enum.StrEnum):
    """How a completion's text becomes a program.

    COMPLETION: appended to the problem's prompt as it stands. SOLUTION: the whole program. CHAT: an answer in prose
    with code in it; the code is extracted, then taken as a solution.
    """

    COMPLETION = "completion"
    SOLUTION = "solution"
    CHAT = "chat"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One task for a model, with what decides whether an answer is right.

    prompt: Python source that a completion continues. references, wrong: completions of the prompt that must pass and
    must fail; for the tasks about texts, which have no tests: the text, and the right answers. limits: None for the
    run's. stop: where a base model's completion is cut.
    """

    id: str
    dataset: str
    prompt: str
    tests: Tests | None = None
    entry_point: str = ""
    references: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()
    limits: Limits | None = None
    stop: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingParams:
    """vLLM's names and meanings. Always sent in full: a server otherwise takes the model's generation_config.json.

    top_k: 0 considers every token. Raises ValueError for values that no server takes.
    """

    n: int = 1
    temperature: float = 0.8
    top_p: float = 0.95
    top_k: int = 0
    max_tokens: int = 512
    stop: tuple[str, ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        for name, low in (("n", 1), ("max_tokens", 1), ("top_k", 0), ("temperature", 0), ("seed", 0)):
            if not low <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be at least {low}, not {getattr(self, name)}")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top_p must be above 0 and at most 1, not {self.top_p}")
        if self.temperature == 0 and self.n > 1:
            raise ValueError(f"temperature 0 gives {self.n} equal completions; ask for n 1, or a temperature above 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class TextScoring:
    """How an engine tells the log-probabilities of given texts.

    window: tokens of one input, None for the model's context less the one that a server insists on answering with.
    stride: tokens from one window to the next, None for half a window. bos: whether a BOS token comes first; `auto` as
    the tokenizer does it.
    """

    window: int | None = None
    stride: int | None = None
    bos: Literal["auto", "yes", "no"] = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What an engine is asked: `sampling.n` completions of one prompt, or of one conversation.

    continuations: instead of that, how probable each of these texts is after the prompt (see `harness.scoring`).
    """

    problem_id: str
    sampling: SamplingParams
    prompt: str | None = None
    messages: tuple[Mapping[str, str], ...] | None = None
    continuations: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if (self.prompt is None) == (self.messages is None):
            raise ValueError("a request has a prompt or messages, not both")


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """One sample of a model. `index` counts the samples of a problem from 0; `seed` is what it was drawn with.

    logprobs: for a request with continuations, those of each one's predicted tokens, in nats.
    """

    problem_id: str
    index: int
    text: str
    form: Form = Form.COMPLETION
    finish_reason: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    seed: int | None = None
    latency_s: float | None = None
    logprobs: tuple[tuple[float, ...], ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What one completion is worth. `values`: metric name -> value; for code `passed` is 0 or 1.

    notes: how the values came about, in words, where that matters (which label was read, by which rule). verdict: None
    where nothing was executed.
    """

    problem_id: str
    index: int
    verdict: Verdict | None = None
    values: Mapping[str, float]
    notes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A number with its interval, how it was made, and everything that can change it: a cell of a leaderboard."""

    metric: str
    value: float
    low: float
    high: float
    n_problems: int
    n_completions: int
    method: str
    signature: str
