"""Log-probabilities of given texts, from an engine that can tell them: what perplexity and choosing by label need.

A text by itself has its first token predicted only after a BOS token; one longer than the window is cut into windows
(`harness.metrics.perplexity.windows`). The tokens of a continuation are those of prompt and continuation together that
follow what these have in common with the prompt's own, so that where a tokenizer merges over the seam no token is
counted twice.
"""

from __future__ import annotations

import dataclasses
import itertools
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from harness.engines import Engine, SupportsLogprobs
from harness.errors import InputError, RequestRefused
from harness.metrics.perplexity import Window, windows
from harness.types import Completion, Form, Request

BATCH = 16  # sequences in one call of the engine
WINDOW = 2048  # tokens, where the model takes as many: so that all engines give the same number
Logprobs = tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogprobOptions:
    """window: tokens of one input, None for WINDOW, or for the model's context where that is less.

    stride: tokens from one window to the next, None for half a window. bos: whether a BOS token comes first; `auto` as
    the tokenizer does it.
    """

    window: int | None = None
    stride: int | None = None
    bos: Literal["auto", "yes", "no"] = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogprobRequest:
    """The log-probabilities of a text's own tokens or, where there are `continuations`, of each of these after it.

    form: of the completion that holds them. where: what an error names.
    """

    problem_id: str
    text: str
    continuations: tuple[str, ...] = ()
    form: Form = Form.COMPLETION
    options: LogprobOptions = LogprobOptions()
    where: str = ""


class LogprobScorer:
    """The options made out for one engine. Raises InputError for those that do not fit its model."""

    def __init__(self, engine: Engine, options: LogprobOptions) -> None:
        if not isinstance(engine, SupportsLogprobs):
            raise InputError("saved completions have no log-probabilities; a model is needed (--model or --base-url)")
        self._scorer = engine
        context = engine.context()
        self._longest = None if context is None else context - 1  # a server insists on answering with one token
        self.window = _window(self._longest, options.window)
        self.stride = options.stride or max(self.window // 2, 1)
        try:
            list(windows(1, self.window, self.stride))
        except ValueError as error:
            raise InputError(f"{error}; mend --set stride") from error
        self.prefix = _prefix(engine, options.bos)

    def text(self, text: str) -> Logprobs:
        """Of a text's tokens, but for the first where no BOS precedes it. Raises EngineError."""
        tokens = [*self.prefix, *self._scorer.tokenize(text)]
        places = list(windows(len(tokens), self.window, self.stride))
        found: list[float] = []
        for start in range(0, len(places), BATCH):
            found += self._predict(tokens, places[start : start + BATCH])
        return tuple(found)

    def continuations(self, prompt: str, texts: Sequence[str]) -> tuple[Logprobs, ...]:
        """Of each text's tokens after the prompt. Raises EngineError; RequestRefused where the window is too short."""
        before = self._scorer.tokenize(prompt)
        sequences = [self._joined(before, prompt + each) for each in texts]
        if any(self._longest is not None and len(each.tokens) > self._longest for each in sequences):
            raise RequestRefused(f"the prompt and what follows have more than {self._longest} tokens")
        answers = self._scorer.token_logprobs([each.tokens for each in sequences])
        return tuple(tuple(answer[each.first - 1 :]) for each, answer in zip(sequences, answers, strict=True))

    def _predict(self, tokens: Sequence[int], places: Sequence[Window]) -> list[float]:
        answers = self._scorer.token_logprobs([tokens[place.start : place.stop] for place in places])
        return [
            logprob
            for place, answer in zip(places, answers, strict=True)
            for logprob in answer[place.first - place.start - 1 :]
        ]

    def _joined(self, before: list[int], whole: str) -> _Sequence:
        tokens = self._scorer.tokenize(whole)
        pairs = zip(before, tokens, strict=False)
        common = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))
        return _Sequence([*self.prefix, *tokens], max(len(self.prefix) + common, 1))


class RequestSender:
    """Sends what tasks make: requests for completions, and for log-probabilities. Thread-safe.

    The options of log-probabilities are made out once for an engine.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()  # protects _last
        self._last: tuple[Engine, LogprobOptions, LogprobScorer] | None = None

    def send(self, engine: Engine, request: Request | LogprobRequest, first: int) -> list[Completion]:
        """The completions of a request, with indexes from `first` on; of a LogprobRequest one, without a text.

        Raises InputError where no token is predicted, EngineError, RequestRefused, RequestFailed.
        """
        if isinstance(request, Request):
            return engine.complete(dataclasses.replace(request, first=first))
        start = time.monotonic()
        scorer = self._scorer(engine, request.options)
        if request.continuations:
            logprobs, prompt_tokens = scorer.continuations(request.text, request.continuations), None
        else:
            own = scorer.text(request.text)
            logprobs, prompt_tokens = (own,), len(own)
        if not request.continuations and not logprobs[0]:
            raise InputError(
                f"{request.where or request.problem_id}: the text has one token, and so none to predict; "
                "leave it out, or put a BOS token before each text with --set bos=yes"
            )
        return [
            Completion(
                problem_id=request.problem_id,
                index=first,
                text="",
                form=request.form,
                prompt_tokens=prompt_tokens,
                latency_s=round(time.monotonic() - start, 4),
                logprobs=logprobs,
            )
        ]

    def _scorer(self, engine: Engine, options: LogprobOptions) -> LogprobScorer:
        with self._lock:
            if self._last is None or self._last[0] is not engine or self._last[1] != options:
                self._last = (engine, options, LogprobScorer(engine, options))
            return self._last[2]


@dataclass(frozen=True, slots=True)
class _Sequence:
    """Tokens, of which those from `first` on are to be predicted."""

    tokens: list[int]
    first: int


def _window(most: int | None, asked: int | None) -> int:
    if asked is None:
        return WINDOW if most is None else min(WINDOW, most)
    if most is not None and asked > most:
        raise InputError(f"a window of {asked} tokens is too long: the model takes {most}; mend --set window")
    if asked < 2:
        raise InputError(f"a window has at least 2 tokens, not {asked}; mend --set window")
    return asked


def _prefix(scorer: SupportsLogprobs, bos: str) -> tuple[int, ...]:
    if bos == "no":
        return ()
    own = scorer.bos()
    if bos == "auto":
        return (own.token,) if own.added and own.token is not None else ()
    if own.token is None:
        raise InputError("bos=yes: no BOS token is known for this model; a server tells only one that it adds itself")
    return (own.token,)
