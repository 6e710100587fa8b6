"""Log-probabilities of given texts, from an engine that can tell them: what perplexity and choosing by label need.

A request with `continuations` is answered with one Completion whose `logprobs` has, for each continuation, the
log-probabilities of its tokens after the prompt. A continuation's tokens are those of prompt and continuation together
that follow what these have in common with the prompt's own, so that a tokenizer that merges over the seam does not
count a token twice. After an empty prompt the continuation is a text by itself: its first token is predicted only after
a BOS token, and one longer than the window is cut into windows (`harness.metrics.perplexity.windows`).
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass

from harness.engines import Scorer
from harness.errors import InputError
from harness.metrics.perplexity import Window, windows
from harness.types import Completion, Form, Request, TextScoring

BATCH = 16  # sequences in one call of the engine


@dataclass(frozen=True, slots=True)
class _Sequence:
    """Tokens, of which those from `first` on are to be predicted."""

    tokens: list[int]
    first: int


class ScoringEngine:
    """An engine over a scorer. Raises InputError for a window that the model does not hold, and a BOS it has not."""

    form = Form.COMPLETION

    def __init__(self, scorer: Scorer, options: TextScoring) -> None:
        self._scorer = scorer
        self.concurrency = scorer.concurrency
        self.window = _window(scorer, options.window)
        self.stride = options.stride or max(self.window // 2, 1)
        _check_stride(self.window, self.stride)
        self.prefix = _prefix(scorer, options.bos)

    def complete(self, request: Request) -> list[Completion]:
        """One completion; its `logprobs` is None where the prompt with a continuation is longer than the window."""
        assert request.continuations is not None and request.prompt is not None
        start = time.monotonic()
        if request.prompt:
            found = self._after_prompt(request.prompt, request.continuations)
        else:
            found = tuple(self._text(text) for text in request.continuations)
        return [
            Completion(
                problem_id=request.problem_id,
                index=0,
                text="",
                form=self.form,
                finish_reason="stop" if found is not None else "length",
                prompt_tokens=sum(map(len, found)) if found is not None else None,
                latency_s=round(time.monotonic() - start, 4),
                logprobs=found,
            )
        ]

    def close(self) -> None:
        """Close the engine underneath."""
        self._scorer.close()

    def _text(self, text: str) -> tuple[float, ...]:
        tokens = [*self.prefix, *self._scorer.tokenize(text)]
        places = list(windows(len(tokens), self.window, self.stride))
        found: list[float] = []
        for start in range(0, len(places), BATCH):
            found += self._predict(tokens, places[start : start + BATCH])
        return tuple(found)

    def _predict(self, tokens: Sequence[int], places: Sequence[Window]) -> list[float]:
        answers = self._scorer.token_logprobs([tokens[place.start : place.stop] for place in places])
        return [
            logprob
            for place, answer in zip(places, answers, strict=True)
            for logprob in answer[place.first - place.start - 1 :]
        ]

    def _after_prompt(self, prompt: str, continuations: Sequence[str]) -> tuple[tuple[float, ...], ...] | None:
        before = self._scorer.tokenize(prompt)
        sequences = [self._joined(before, prompt + each) for each in continuations]
        if any(len(each.tokens) > self.window for each in sequences):
            return None
        answers = self._scorer.token_logprobs([each.tokens for each in sequences])
        return tuple(tuple(answer[each.first - 1 :]) for each, answer in zip(sequences, answers, strict=True))

    def _joined(self, before: list[int], whole: str) -> _Sequence:
        tokens = self._scorer.tokenize(whole)
        common = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(before, tokens, strict=False)))
        tokens = [*self.prefix, *tokens]
        return _Sequence(tokens, max(len(self.prefix) + common, 1))


def _window(scorer: Scorer, asked: int | None) -> int:
    most = scorer.context()
    if asked is None:
        if most is None:
            raise InputError("the model's context is not known; name a window with --set window=TOKENS")
        return most - 1
    if most is not None and asked > most - 1:
        raise InputError(f"a window of {asked} tokens is too long: the model takes {most - 1}; mend --set window")
    if asked < 2:
        raise InputError(f"a window has at least 2 tokens, not {asked}; mend --set window")
    return asked


def _check_stride(window: int, stride: int) -> None:
    try:
        list(windows(1, window, stride))
    except ValueError as error:
        raise InputError(f"{error}; mend --set stride") from error


def _prefix(scorer: Scorer, bos: str) -> tuple[int, ...]:
    if bos == "no":
        return ()
    own = scorer.bos()
    if bos == "auto":
        return (own.token,) if own.added and own.token is not None else ()
    if own.token is None:
        raise InputError("bos=yes: no BOS token is known for this model; a server tells only one that it adds itself")
    return (own.token,)
