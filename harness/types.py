"""The harness's words. Pure values, checked when they are made; JSON goes through pydantic at the edges."""

from __future__ import annotations

import enum
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sandbox.types import CallTests, Integrity, Limits, ProgramTests, StdioTests, Tests, Verdict


class Form(enum.StrEnum):
    """How a completion's text becomes a program.

    COMPLETION: appended to the problem's prompt as it stands. SOLUTION: the whole program. CHAT: an answer in prose
    with code in it; the code is extracted, then taken as a solution.
    """

    COMPLETION = "completion"
    SOLUTION = "solution"
    CHAT = "chat"


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembly:
    """How an answer becomes the program that is run, where it is not that program as it stands.

    before, after: text around it; with `ProgramTests` `before` is what a completion continues, where that is not the
    prompt. whole: a base model's completion is the answer, and no continuation of the prompt's
    text. quoted: it stands between `before` and `after` as one Python string, so that nothing of it is run as code.
    tags: the answer of a chat model stands between these two marks of its reply, and is no block of code.
    files: paths and texts of files that are to be changed, where a program is several: an answer is each changed file,
    whole, under its path (`harness.extractors.read_files`); the others stay as they are here.
    """

    before: str = ""
    after: str = ""
    whole: bool = False
    quoted: bool = False
    tags: tuple[str, str] | None = None
    files: tuple[tuple[str, str], ...] = ()

    def program(self, answer: str) -> str:
        """The text that is run."""
        return self.before + (repr(answer) if self.quoted else answer) + self.after


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One task for a model, with what decides whether an answer is right.

    prompt: what a completion continues or answers; for code Python source. tests: None where nothing is executed.
    references, wrong: for code, completions of the prompt that must pass and must fail; else what answers are held
    against. language: of the program (`sandbox.languages`). assembly: from an answer to the program. limits: None for
    the run's. loopback: whether programs may open sockets to themselves; each then has a sandbox of its own.
    points: of each case of the tests, where they differ; empty for one each.
    base_cases: how many of its first cases are the base tests of a set that adds others to them (HumanEval+), each one
    call of the program's function; None where there is no such part.
    stop: where a base model's completion is cut. instruction: the template of a chat model's message, empty for the
    common one (`harness.prompts.template.INSTRUCTION`). protocol: what a signature must say of how answers are
    asked for and read.
    """

    id: str
    dataset: str
    prompt: str
    tests: Tests | None = None
    entry_point: str = ""
    references: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()
    language: str = "python"
    assembly: Assembly = Assembly()
    limits: Limits | None = None
    loopback: bool = False
    points: tuple[float, ...] = ()
    base_cases: int | None = None
    stop: tuple[str, ...] = ()
    instruction: str = ""
    protocol: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def has_cases(self) -> bool:
        """Whether each case of its tests can have a verdict: not of tests that run beside the program."""
        return self.integrity() is Integrity.JUDGED and isinstance(self.tests, CallTests | StdioTests)

    def with_all_cases(self) -> Problem:
        """The same with a verdict for each case, where that can be."""
        if not self.has_cases():
            return self
        assert isinstance(self.tests, CallTests | StdioTests)
        return replace(self, tests=replace(self.tests, all_cases=True))

    def integrity(self) -> Integrity | None:
        """Who sees its tests end: the judge, but for tests that cannot run apart from the program; None without."""
        if self.tests is None:
            return None
        if isinstance(self.tests, ProgramTests):
            return Integrity.IN_SANDBOX
        return self.tests.integrity if isinstance(self.tests, CallTests) else Integrity.JUDGED


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
class Request:
    """What an engine is asked: `sampling.n` completions of one prompt, or of one conversation.

    first: the index of the first of them, for those that ask for a problem's samples in several requests.
    thinking_tokens: how many of max_tokens are there for reasoning.
    """

    problem_id: str
    sampling: SamplingParams
    first: int = 0
    prompt: str | None = None
    messages: tuple[Mapping[str, str], ...] | None = None
    thinking_tokens: int = 0

    def __post_init__(self) -> None:
        if (self.prompt is None) == (self.messages is None):
            raise ValueError("a request has a prompt or messages, not both")

    def form(self) -> Form:
        """What its completions are: an answer to a conversation, or a prompt continued."""
        return Form.CHAT if self.messages is not None else Form.COMPLETION


@dataclass(frozen=True, slots=True, kw_only=True)
class TextPart:
    """Part of a text whose probability is measured. scored: whether it counts, or is only given. role: of a turn."""

    text: str
    scored: bool
    role: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What one request took, with all its samples.

    prompt_tokens: the prompt's, once. completion_tokens: of all samples, with what was cut off or taken out of their
    texts; both None where a server counts none. started_at, finished_at: seconds since the epoch, between which the
    request was in flight. gpus: that served it; None where unknown.
    """

    prompt_tokens: int | None
    completion_tokens: int | None
    started_at: float
    finished_at: float
    gpus: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """One sample of a model. `index` counts the samples of a problem from 0; `seed` is what it was drawn with.

    logprobs: where given texts were scored instead of one sampled (`harness.engines._logprobs`), in nats: for each
    text those of
    its predicted tokens.
    usage: of the whole request, on the first of its completions only; so the usages of a run add up to what it took.
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
    usage: Usage | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What one completion is worth. `values`: metric name -> value; for code `passed` is 0 or 1.

    verdict: None where nothing was executed. notes: what was read from the answer, by name, such as a label.
    """

    problem_id: str
    index: int
    values: Mapping[str, float]
    verdict: Verdict | None = None
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemSet:
    """Problems in the file's order.

    name: with what is chosen of it. sha256: of the file's uncompressed bytes and of what is chosen: two sets are one if
    it agrees. left_out: problems of the file that cannot run here, by id, and why.
    subset: which part of the file's problems these are (`harness.datasets.subset`), empty for all of them.
    """

    name: str
    path: Path
    sha256: str
    problems: tuple[Problem, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)
    subset: str = ""
    _index: dict[str, Problem] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        index = {problem.id: problem for problem in self.problems}
        tails = [problem.id.rpartition("/")[2] for problem in self.problems]
        counts = Counter(tails)
        for tail, problem in zip(tails, self.problems, strict=True):
            if tail.isdigit() and counts[tail] == 1:
                index.setdefault(tail, problem)
        object.__setattr__(self, "_index", index)

    def version(self) -> str:
        """As it stands in a signature: `humaneval@9f3c2b1a`."""
        return f"{self.name}@{self.sha256[:8]}"

    def language(self) -> str:
        """The language whose sandbox runs its programs; Python where nothing says so."""
        return self.problems[0].language if self.problems else "python"

    def find(self, task_id: object) -> Problem | None:
        """The problem of an id as sample files write it: the id itself, or the number at its end (MBPP: 11)."""
        return self._index.get(str(task_id))
