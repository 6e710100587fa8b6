"""Log-probabilities of given tokens from a transformers model, the sequences of several threads together.

A thread leaves its sequences in a list and waits for the model; the next to have it takes all that are there, sorts
them by length, so that little is padding, and computes them in batches whose logits fit into SCORING_BYTES.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from harness.errors import EngineError

SCORING_BYTES = 1 << 29  # of one batch's logits in float32


@dataclass(slots=True)
class _Asked:
    """Sequences on their way through the model."""

    sequences: Sequence[Sequence[int]]
    found: list[list[float]] | None = None
    error: Exception | None = None


class TokenScores:
    """See above. model_free: held by whoever uses the model."""

    def __init__(self, model: Any, device: str, model_free: threading.Lock) -> None:
        self._model, self._device, self._model_free = model, device, model_free
        self._lock = threading.Lock()  # protects the list
        self._waiting: list[_Asked] = []

    def logprobs(self, sequences: Sequence[Sequence[int]]) -> list[list[float]]:
        """For each sequence of n tokens the log-probabilities of its tokens 1 to n-1. Raises EngineError."""
        own = _Asked(sequences)
        with self._lock:
            self._waiting.append(own)
        with self._model_free:
            if own.found is None and own.error is None:
                with self._lock:
                    asked, self._waiting = self._waiting, []
                self._answer(asked)
        if own.error is not None:
            raise own.error
        assert own.found is not None
        return own.found

    def _answer(self, asked: Sequence[_Asked]) -> None:
        every = [sequence for each in asked for sequence in each.sequences]
        try:
            found = self._all(every)
        except Exception as error:  # each thread whose sequences were in it raises it
            for each in asked:
                each.error = error
            return
        rows = iter(found)
        for each in asked:
            each.found = [next(rows) for _ in each.sequences]

    def _all(self, sequences: Sequence[Sequence[int]]) -> list[list[float]]:
        found: list[list[float]] = [[] for _ in sequences]
        for batch in self._batches([len(each) for each in sequences]):
            for place, row in zip(batch, self._together([sequences[place] for place in batch]), strict=True):
                found[place] = row
        return found

    def _batches(self, lengths: Sequence[int]) -> Iterator[list[int]]:
        most = SCORING_BYTES // (self._model.config.get_text_config().vocab_size * 4)  # tokens of a batch, with padding
        batch: list[int] = []
        for place in sorted(range(len(lengths)), key=lambda place: lengths[place]):
            if batch and (len(batch) + 1) * lengths[place] > most:
                yield batch
                batch = []
            batch.append(place)
        if batch:
            yield batch

    def _together(self, sequences: Sequence[Sequence[int]]) -> list[list[float]]:
        """One batch; where the memory does not hold it, half of it at a time."""
        try:
            return self._forward(sequences)
        except torch.cuda.OutOfMemoryError as error:
            torch.cuda.empty_cache()
            if len(sequences) == 1:
                raise EngineError(
                    "the GPU's memory does not hold the model with one window; use a smaller --set window"
                ) from error
        half = len(sequences) // 2
        return [*self._together(sequences[:half]), *self._together(sequences[half:])]

    def _forward(self, sequences: Sequence[Sequence[int]]) -> list[list[float]]:
        # tokens: (batch, longest), int64. Padding is at the right, where no real token sees it.
        longest = max(map(len, sequences))
        tokens = torch.tensor([[*each, *[0] * (longest - len(each))] for each in sequences], device=self._device)
        mask = torch.tensor([[1] * len(each) + [0] * (longest - len(each)) for each in sequences], device=self._device)
        with torch.inference_mode():
            logits = self._model(input_ids=tokens, attention_mask=mask, use_cache=False).logits
            rows = []
            for row, own in zip(logits, tokens, strict=True):  # one by one: float32 logits of one sequence at a time
                scores = row[:-1].float()
                rows.append(scores.gather(1, own[1:, None])[:, 0] - scores.logsumexp(dim=1))
        return [row[: len(each) - 1].tolist() for row, each in zip(rows, sequences, strict=True)]
