"""Engine `transformers`: the model in this process. The default; the embedded `nano` runs on it.

All n samples of a problem are one call. Each sample has a random generator of its own, seeded by run, problem and
index, so a sample does not depend on which others are drawn with it. (With float rounding that differs between batch
shapes this holds as far as the logits do.)
"""

from __future__ import annotations

import logging as stdlib_logging
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import transformers

from harness.engines import Bos, cut, seed_of, too_long, with_usage
from harness.errors import InputError
from harness.prompting import with_thinking
from harness.types import Completion, Request, SamplingParams

# Below this many parameters threads cost more than they give, and beside a busy sandbox they wait for each other:
# nano, 10 samples of 20 tokens on 2 cores: 1 thread 0.13 s, 2 threads 0.3 to 4 s.
SMALL = 50_000_000
SCORING_BYTES = 1 << 29  # of one batch's logits in float32


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """model: a directory or a hub id."""

    model: str


class TransformersEngine:
    """A loaded model. Raises InputError where it cannot be loaded."""

    concurrency = 1

    def __init__(self, options: Options) -> None:
        logging: Any = transformers.utils.logging
        logging.set_verbosity_error()
        logging.disable_progress_bar()
        stdlib_logging.getLogger("huggingface_hub").setLevel(stdlib_logging.ERROR)  # a line per retry without network
        source = options.model
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        try:
            self._tokenizer: Any = transformers.AutoTokenizer.from_pretrained(source)
            dtype = torch.float32 if self._device == "cpu" else "auto"
            model: Any = transformers.AutoModelForCausalLM.from_pretrained(source, dtype=dtype)
            self._model = model.to(self._device)
        except Exception as error:  # the library and its readers raise what they like: all of it is about this model
            raise InputError(
                f"the model {options.model!r} cannot be loaded: {_in_one_line(error)} "
                "(without network, pass a directory)"
            ) from error
        self._model.eval()
        if self._device == "cpu" and self._model.num_parameters() < SMALL:
            torch.set_num_threads(1)
        self._name = options.model

    def complete(self, request: Request) -> list[Completion]:
        """All n samples in one batch."""
        start = time.monotonic()
        inputs = self._encode(request)
        length = inputs["input_ids"].shape[1]
        room = self._context() - length
        if room < 1:
            raise too_long(request)
        arguments = self._arguments(request, min(request.sampling.max_tokens, room))
        with torch.inference_mode():
            output = self._model.generate(**inputs, **arguments, logits_processor=self._sampler(request))
        taken = time.monotonic() - start
        completions = [
            self._completion(request, index, row[length:], length, taken) for index, row in enumerate(output)
        ]
        drawn = sum(each.completion_tokens or 0 for each in completions)
        return with_usage(completions, length, drawn, int(self._device == "cuda"))

    def context(self) -> int | None:
        """As the model's configuration has it."""
        found = self._context()
        return None if found == sys.maxsize else found

    def bos(self) -> Bos:
        """The tokenizer's."""
        token = self._tokenizer.bos_token_id
        return Bos(token=token, added=token is not None and self._tokenizer("a").input_ids[:1] == [token])

    def tokenize(self, text: str) -> list[int]:
        """Without special tokens."""
        tokens: list[int] = self._tokenizer(text, add_special_tokens=False, verbose=False).input_ids
        return tokens

    def token_logprobs(self, sequences: Sequence[Sequence[int]]) -> list[list[float]]:
        """In batches of like length, as large as SCORING_BYTES of logits allow."""
        found: list[list[float]] = [[] for _ in sequences]
        for batch in self._batches([len(each) for each in sequences]):
            for place, row in zip(batch, self._logprobs([sequences[place] for place in batch]), strict=True):
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

    def _logprobs(self, sequences: Sequence[Sequence[int]]) -> list[list[float]]:
        # tokens: (batch, longest), int64. Padding is at the right, where no real token sees it.
        longest = max(map(len, sequences))
        tokens = torch.tensor([[*each, *[0] * (longest - len(each))] for each in sequences], device=self._device)
        mask = torch.tensor([[1] * len(each) + [0] * (longest - len(each)) for each in sequences], device=self._device)
        with torch.inference_mode():
            logits = self._model(input_ids=tokens, attention_mask=mask, use_cache=False).logits
            rows = []
            for row, own in zip(logits, tokens, strict=True):  # one by one: float32 logits of one sequence at a time
                scores = row[:-1].float()
                chosen = scores.gather(1, own[1:, None])[:, 0] - scores.logsumexp(dim=1)
                rows.append(chosen)
        return [row[: len(each) - 1].tolist() for row, each in zip(rows, sequences, strict=True)]

    def close(self) -> None:
        """Free the model."""
        del self._model

    def _encode(self, request: Request) -> Any:
        if request.messages is not None:
            if not self._tokenizer.chat_template:
                raise InputError(f"the model {self._name!r} has no chat template; use --form completion")
            inputs = self._tokenizer.apply_chat_template(
                list(request.messages), add_generation_prompt=True, return_tensors="pt", return_dict=True
            )
        else:
            inputs = self._tokenizer(request.prompt, return_tensors="pt")
        inputs.pop("token_type_ids", None)
        # One row per sample: generate() makes several sequences of one input only where it draws them itself.
        rows = {name: tensor.repeat(request.sampling.n, 1) for name, tensor in inputs.items()}
        return {name: tensor.to(self._device) for name, tensor in rows.items()}

    def _opens_thinking(self, request: Request) -> bool:
        """Whether the chat template ends in the opening tag of the reasoning."""
        messages = list(request.messages or ())
        text = self._tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        return str(text).rstrip().endswith("<think>")

    def _context(self) -> int:
        """How many tokens the model takes; no limit where its configuration names none."""
        return int(getattr(self._model.config, "max_position_embeddings", None) or sys.maxsize)

    def _arguments(self, request: Request, max_tokens: int) -> dict[str, Any]:
        sampling = request.sampling
        pad = self._tokenizer.pad_token_id
        arguments: dict[str, Any] = {
            "max_new_tokens": max_tokens,
            # Sampling is done by our own processor, row by row; what generate() sees has one token left.
            "do_sample": False,
            "pad_token_id": self._tokenizer.eos_token_id if pad is None else pad,
            "temperature": None,
            "top_p": None,
            "top_k": None,
        }
        if sampling.stop:
            arguments.update(stop_strings=list(sampling.stop), tokenizer=self._tokenizer)
        return arguments

    def _sampler(self, request: Request) -> transformers.LogitsProcessorList:
        sampling = request.sampling
        if sampling.temperature == 0:
            return transformers.LogitsProcessorList()
        seeds = [seed_of(request, index) for index in range(sampling.n)]
        return transformers.LogitsProcessorList([_SampleByRow(sampling, seeds, self._device)])

    def _completion(self, request: Request, index: int, tokens: Any, prompt_tokens: int, taken: float) -> Completion:
        eos = self._eos()
        kept = tokens.tolist()
        ended = next((place for place, token in enumerate(kept) if token in eos), None)
        if ended is not None:
            kept = kept[:ended]
        text, stopped = cut(self._tokenizer.decode(kept, skip_special_tokens=True), request.sampling.stop)
        reason = "stop" if stopped or ended is not None else "length"
        if request.messages is not None:
            opened = self._opens_thinking(request) or (reason == "length" and request.thinking_tokens > 0)
            text = with_thinking(text, "", cut=reason == "length", opened=opened)
        return Completion(
            problem_id=request.problem_id,
            index=request.first + index,
            text=text,
            form=request.form(),
            finish_reason=reason,
            prompt_tokens=prompt_tokens,
            completion_tokens=len(kept) + (ended is not None),
            seed=None if request.sampling.temperature == 0 else seed_of(request, index),
            latency_s=round(taken, 4),
        )

    def _eos(self) -> set[int]:
        eos = self._model.generation_config.eos_token_id
        found = eos if isinstance(eos, list) else [eos]
        return {
            token for token in [*found, self._tokenizer.eos_token_id, self._tokenizer.pad_token_id] if token is not None
        }


class _SampleByRow(transformers.LogitsProcessor):
    """Temperature, top_k and top_p in vLLM's order, then one draw per row by the row's own generator."""

    def __init__(self, sampling: SamplingParams, seeds: list[int], device: str) -> None:
        self._sampling = sampling
        self._generators = [torch.Generator(device=device).manual_seed(seed) for seed in seeds]

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:  # noqa: ARG002
        # scores: (n, vocabulary), float32
        logits = scores.float() / self._sampling.temperature
        ordered, tokens = torch.sort(logits, dim=-1, descending=True)
        probabilities = torch.softmax(ordered, dim=-1)
        if self._sampling.top_k:
            probabilities[:, self._sampling.top_k :] = 0
        # nucleus (Holtzman et al. 2020): the smallest set whose probability reaches top_p; the first is always in it
        reached = probabilities.cumsum(dim=-1) - probabilities >= self._sampling.top_p * probabilities.sum(
            -1, keepdim=True
        )
        probabilities[reached] = 0
        chosen = torch.stack(
            [torch.multinomial(row, 1, generator=g) for row, g in zip(probabilities, self._generators, strict=True)]
        )
        only = torch.full_like(scores, -torch.inf)
        return only.scatter_(1, tokens.gather(1, chosen), 0.0)  # type: ignore[return-value]


def render_chat(model: str, messages: Sequence[Mapping[str, str]]) -> str:
    """The text that a model's chat template makes of messages: what it is given. No weights are read.

    Raises InputError where the tokenizer cannot be loaded or has no template.
    """
    try:
        tokenizer: Any = transformers.AutoTokenizer.from_pretrained(model)
    except Exception as error:  # the library and its readers raise what they like: all of it is about this model
        raise InputError(f"the tokenizer of {model!r} cannot be loaded: {_in_one_line(error)}") from error
    if not tokenizer.chat_template:
        raise InputError(f"the model {model!r} has no chat template; use --form completion")
    return str(tokenizer.apply_chat_template(list(messages), add_generation_prompt=True, tokenize=False))


def _in_one_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines)[:400] if lines else type(error).__name__


def open_engine(options: Options) -> TransformersEngine:
    """Load the model."""
    return TransformersEngine(options)
