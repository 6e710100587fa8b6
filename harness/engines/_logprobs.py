"""Log-probabilities of given texts, from an engine that can tell them: what perplexity and choosing by label need.

A text by itself has its first token predicted only after a BOS token; one longer than the window is cut into windows
(`harness.metrics.perplexity.windows`). The tokens of a continuation are those of prompt and continuation together that
follow what these have in common with the prompt's own, so that where a tokenizer merges over the seam no token is
counted twice. Of a text in parts only some are counted; turns go through the model's chat template where it has one.
"""

from __future__ import annotations

import dataclasses
import itertools
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from harness.engines import Engine, SupportsChatTokens, SupportsLogprobs
from harness.errors import InputError, RequestRefused
from harness.files.training_text import join
from harness.metrics.perplexity import Window, windows
from harness.types import Completion, Form, Request, TextPart

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

    parts: of a text in parts, in place of `text`; those of the scored ones are told. form: of the completion that holds
    them. where: what an error names.
    """

    problem_id: str
    text: str
    continuations: tuple[str, ...] = ()
    parts: tuple[TextPart, ...] = ()
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
        return tuple(self._all(tokens, list(windows(len(tokens), self.window, self.stride))))

    def parts(self, parts: Sequence[TextPart]) -> Logprobs:
        """Of the tokens of the scored parts, each after all that stands before it. Raises EngineError.

        Turns (parts with roles) go through the model's chat template: of the assistant's turn what follows its opening,
        with the token that ends it. Where all parts are scored every token is, those of the template too.
        """
        tokens, scored = self._chat_places(parts) or self._text_places(parts)
        places = [
            place
            for place in windows(len(tokens), self.window, self.stride)
            if not scored.isdisjoint(range(place.first, place.stop))
        ]
        predicted = itertools.chain.from_iterable(range(place.first, place.stop) for place in places)
        pairs = zip(predicted, self._all(tokens, places), strict=True)
        return tuple(logprob for place, logprob in pairs if place in scored)

    def _chat_places(self, parts: Sequence[TextPart]) -> tuple[list[int], set[int]] | None:
        """A conversation's tokens and which of them are scored; None without turns or without a chat template."""
        if not isinstance(self._scorer, SupportsChatTokens) or any(part.role is None for part in parts):
            return None
        messages = [{"role": part.role or "", "content": part.text} for part in parts]
        tokens = self._scorer.chat_tokens(messages, answering=False)
        if tokens is None:
            return None
        if all(part.scored for part in parts):
            return tokens, set(range(len(tokens)))
        scored: set[int] = set()
        for number, part in enumerate(parts):
            if part.scored:
                before = self._scorer.chat_tokens(messages[:number], answering=True) or []
                through = self._scorer.chat_tokens(messages[: number + 1], answering=False) or []
                scored.update(range(_common(before, tokens), _common(through, tokens)))
        return tokens, scored

    def _text_places(self, parts: Sequence[TextPart]) -> tuple[list[int], set[int]]:
        """The tokens of the parts as one text, and which of them are scored."""
        own = self._scorer.tokenize(join(parts))
        scored: set[int] = set()
        start = 0
        for number, part in enumerate(parts, start=1):
            last = number == len(parts)
            stop = len(own) if last else _common(self._scorer.tokenize(join(parts[:number])), own)
            if part.scored:
                scored.update(range(len(self.prefix) + start, len(self.prefix) + stop))
            start = stop
        return [*self.prefix, *own], scored

    def continuations(self, prompt: str, texts: Sequence[str]) -> tuple[Logprobs, ...]:
        """Of each text's tokens after the prompt. Raises EngineError; RequestRefused where the window is too short."""
        before = self._scorer.tokenize(prompt)
        sequences = [self._joined(before, prompt + each) for each in texts]
        if any(self._longest is not None and len(each.tokens) > self._longest for each in sequences):
            raise RequestRefused(f"the prompt and what follows have more than {self._longest} tokens")
        answers = self._scorer.token_logprobs([each.tokens for each in sequences])
        return tuple(tuple(answer[each.first - 1 :]) for each, answer in zip(sequences, answers, strict=True))

    def _all(self, tokens: Sequence[int], places: Sequence[Window]) -> list[float]:
        found: list[float] = []
        for start in range(0, len(places), BATCH):
            found += self._predict(tokens, places[start : start + BATCH])
        return found

    def _predict(self, tokens: Sequence[int], places: Sequence[Window]) -> list[float]:
        answers = self._scorer.token_logprobs([tokens[place.start : place.stop] for place in places])
        return [
            logprob
            for place, answer in zip(places, answers, strict=True)
            for logprob in answer[place.first - place.start - 1 :]
        ]

    def _joined(self, before: list[int], whole: str) -> _Sequence:
        tokens = self._scorer.tokenize(whole)
        return _Sequence([*self.prefix, *tokens], max(len(self.prefix) + _common(before, tokens), 1))


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
            own = scorer.parts(request.parts) if request.parts else scorer.text(request.text)
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


def _common(before: Sequence[int], tokens: Sequence[int]) -> int:
    """How many tokens the two begin with alike."""
    pairs = zip(before, tokens, strict=False)
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))


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
