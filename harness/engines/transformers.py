"""Engine `transformers`: the model in this process. The embedded `nano` runs on it.

All n samples of a request are one batch; on a GPU, in bfloat16, the requests of several threads are one, up to ROWS
samples, padded at the left: of the threads that wait for the model the next one to have it takes the others' requests
along. Each sample has a random generator of its own, seeded by run, problem and index, so a sample does not depend on
which others are drawn with it. (With float rounding that differs between batch shapes this holds as far as the logits
do.)
"""

from __future__ import annotations

import dataclasses
import logging as stdlib_logging
import sys
import threading
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers

from harness import extras
from harness.engines import Bos, Opening, cut, seed_of, split_request, too_long, with_usage
from harness.engines._transformers_logprobs import TokenScores
from harness.errors import EngineError, InputError, RequestRefused
from harness.text.reasoning import with_thinking
from harness.types import Completion, Request, SamplingParams

# Below this many parameters threads cost more than they give, and beside a busy sandbox they wait for each other:
# nano, 10 samples of 20 tokens on 2 cores: 1 thread 0.13 s, 2 threads 0.3 to 4 s.
SMALL = 50_000_000
ROWS = 64  # of a batch on a GPU: what a 7B model's cache takes in 80 GB with room to spare; halved where it does not


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """model: a directory or a hub id. rows: samples of one batch, in which several requests may be; None for ROWS on a
    GPU, and for each request by itself elsewhere. revision: the hub's commit. adapter: a LoRA adapter's folder.
    """

    model: str
    revision: str | None = None
    adapter: Path | None = None
    rows: int | None = None


@dataclass(slots=True)
class _Waiting:
    """A request on its way through the model. tokens: of its prompt."""

    request: Request
    tokens: list[int]
    completions: list[Completion] | None = None
    error: Exception | None = None


class TransformersEngine:
    """A loaded model. Raises InputError where it cannot be loaded."""

    def __init__(self, options: Options) -> None:
        logging: Any = transformers.utils.logging
        logging.set_verbosity_error()
        logging.disable_progress_bar()
        stdlib_logging.getLogger("huggingface_hub").setLevel(stdlib_logging.ERROR)  # a line per retry without network
        source = options.model
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        try:
            self._tokenizer: Any = _tokenizer(options)
            dtype = torch.float32 if self._device == "cpu" else torch.bfloat16
            model: Any = transformers.AutoModelForCausalLM.from_pretrained(
                source, dtype=dtype, revision=options.revision
            )
            model = model if options.adapter is None else _merged(model, options.adapter)
            self._model = model.to(self._device)
        except InputError:
            raise
        except Exception as error:  # the library and its readers raise what they like: all of it is about this model
            raise InputError(
                f"the model {options.model!r} cannot be loaded: {_in_one_line(error)} "
                "(without network, pass a directory)"
            ) from error
        self._model.eval()
        if self._device == "cpu" and self._model.num_parameters() < SMALL:
            torch.set_num_threads(1)
        self._name = options.model
        self._rows = options.rows or (ROWS if self._device == "cuda" else 1)
        self.concurrency = self._rows
        self._model_free = threading.Lock()  # protects the model
        self._scores = TokenScores(self._model, self._device, self._model_free)
        self._lock = threading.Lock()  # protects the list
        self._waiting: list[_Waiting] = []

    def describe(self) -> dict[str, str]:
        """The libraries, the device, the number format, and of a model from the hub the commit."""
        revision = getattr(self._model.config, "_commit_hash", None)
        return {
            "transformers": transformers.__version__,
            "torch": torch.__version__,
            "device": torch.cuda.get_device_name() if self._device == "cuda" else self._device,
            "dtype": str(self._model.dtype).removeprefix("torch."),
            **({"revision": revision} if isinstance(revision, str) else {}),
        }

    def complete(self, request: Request) -> list[Completion]:
        """All n samples, in one batch with those of other threads. Raises RequestRefused, EngineError."""
        own = _Waiting(request, self._encode(request))
        if len(own.tokens) >= self._context():
            raise too_long(request)
        with self._lock:
            self._waiting.append(own)
        with self._model_free:
            if own.completions is None and own.error is None:
                self._generate(self._batch(own))
        if own.error is not None:
            raise own.error
        assert own.completions is not None
        return own.completions

    def _batch(self, own: _Waiting) -> list[_Waiting]:
        """Our request, with those of others that fit: as many rows, and a context that holds the longest of each."""
        with self._lock:
            self._waiting.remove(own)
            batch, rows = [own], own.request.sampling.n
            for other in list(self._waiting):
                longest = max(len(each.tokens) for each in (*batch, other))
                fits = longest + own.request.sampling.max_tokens <= self._context()
                if fits and rows + other.request.sampling.n <= self._rows and _alike(own.request, other.request):
                    self._waiting.remove(other)
                    batch.append(other)
                    rows += other.request.sampling.n
        return batch

    def _generate(self, batch: list[_Waiting]) -> None:
        """The completions of each; where the memory does not hold all rows, of half of them at a time."""
        try:
            completions = self._draw([(each.request, each.tokens) for each in batch])
        except torch.cuda.OutOfMemoryError:
            torch.cuda.empty_cache()
            self._generate_less(batch)
            return
        except Exception as error:  # of a batch: each thread raises it
            for each in batch:
                each.error = error
            return
        for each, own in zip(batch, completions, strict=True):
            each.completions = own

    def _generate_less(self, batch: list[_Waiting]) -> None:
        if len(batch) > 1:
            half = len(batch) // 2
            self._rows = max(self._rows // 2, 1)
            self._generate(batch[:half])
            self._generate(batch[half:])
            return
        (only,) = batch
        n = only.request.sampling.n
        if n == 1:
            only.error = EngineError(
                "the GPU's memory does not hold the model with one sample; use a smaller max_tokens"
            )
            return
        parts = [_Waiting(piece, only.tokens) for piece in split_request(only.request, (n + 1) // 2)]
        for part in parts:
            self._generate([part])
            only.error = only.error or part.error
        only.completions = [each for part in parts for each in part.completions or []]

    def _draw(self, batch: list[tuple[Request, list[int]]]) -> list[list[Completion]]:
        # tokens: (rows, longest), int64, a row per sample: generate() makes several of one only where it draws itself
        start = time.monotonic()
        length = max(len(tokens) for _, tokens in batch)
        rows, mask = [], []
        for request, tokens in batch:
            empty = length - len(tokens)
            rows += [[self._pad()] * empty + tokens] * request.sampling.n
            mask += [[0] * empty + [1] * len(tokens)] * request.sampling.n
        first = batch[0][0]
        arguments = self._arguments(first, min(first.sampling.max_tokens, self._context() - length))
        with torch.inference_mode():
            output = self._model.generate(
                input_ids=torch.tensor(rows, device=self._device),
                attention_mask=torch.tensor(mask, device=self._device),
                logits_processor=self._sampler([request for request, _ in batch]),
                **arguments,
            )
        taken = time.monotonic() - start
        drawn = iter(output[:, length:])
        return [self._completions(request, drawn, len(tokens), taken) for request, tokens in batch]

    def _completions(
        self, request: Request, drawn: Iterator[Any], prompt_tokens: int, taken: float
    ) -> list[Completion]:
        """The request's own of the drawn rows."""
        n = request.sampling.n
        completions = [self._completion(request, index, next(drawn), prompt_tokens, taken) for index in range(n)]
        tokens = sum(each.completion_tokens or 0 for each in completions)
        return with_usage(completions, prompt_tokens, tokens, int(self._device == "cuda"))

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

    def chat_tokens(self, messages: Sequence[Mapping[str, str]], *, answering: bool) -> list[int] | None:
        """By the tokenizer's template."""
        if not self._tokenizer.chat_template:
            return None
        try:
            found: list[int] = self._tokenizer.apply_chat_template(
                list(messages), add_generation_prompt=answering, return_dict=True
            )["input_ids"]
        except Exception as error:  # a template is a program of the model's, which raises what it likes
            raise RequestRefused(f"the model's chat template does not take the turns: {_in_one_line(error)}") from error
        return found

    def token_logprobs(self, sequences: Sequence[Sequence[int]]) -> list[list[float]]:
        """In batches with those of other threads."""
        return self._scores.logprobs(sequences)

    def close(self) -> None:
        """Free the model."""
        del self._model, self._scores

    def _encode(self, request: Request) -> list[int]:
        """The tokens of the prompt."""
        if request.messages is None:
            found: list[int] = self._tokenizer(request.prompt, verbose=False).input_ids
            return found
        if not self._tokenizer.chat_template:
            raise InputError(f"the model {self._name!r} has no chat template; use --form completion")
        conversation = list(request.messages)
        tokens: list[int] = self._tokenizer.apply_chat_template(
            conversation, add_generation_prompt=True, return_dict=True
        )["input_ids"]
        return tokens

    def _pad(self) -> int:
        pad = self._tokenizer.pad_token_id
        return int(self._tokenizer.eos_token_id if pad is None else pad)

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
        arguments: dict[str, Any] = {
            "max_new_tokens": max_tokens,
            # Sampling is done by our own processor, row by row; what generate() sees has one token left.
            "do_sample": False,
            "pad_token_id": self._pad(),
            "temperature": None,
            "top_p": None,
            "top_k": None,
        }
        if sampling.stop:
            arguments.update(stop_strings=list(sampling.stop), tokenizer=self._tokenizer)
        return arguments

    def _sampler(self, requests: list[Request]) -> transformers.LogitsProcessorList:
        sampling = requests[0].sampling
        if sampling.temperature == 0:
            return transformers.LogitsProcessorList()
        seeds = [seed_of(request, place) for request in requests for place in range(request.sampling.n)]
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


def _alike(one: Request, other: Request) -> bool:
    """Whether two requests may be in one batch: they are drawn in the same way, but for their numbers and seeds."""
    return dataclasses.replace(one.sampling, n=1, seed=0) == dataclasses.replace(other.sampling, n=1, seed=0)


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


def _tokenizer(options: Options) -> Any:
    """An adapter's own, where its training saved one; else the model's."""
    if options.adapter is not None and (options.adapter / "tokenizer_config.json").is_file():
        return transformers.AutoTokenizer.from_pretrained(options.adapter)
    return transformers.AutoTokenizer.from_pretrained(options.model, revision=options.revision)


def _merged(model: Any, adapter: Path) -> Any:
    """The model with the adapter's matrices added to its weights (LoRA: W + BA, Hu et al. 2021, eq. 3)."""
    try:
        import peft  # measured: 1 s, and an extra
    except ImportError as error:
        raise InputError(
            f"the adapter {adapter} needs peft: {extras.install('lora')}; or merge it into its base and "
            "give that directory"
        ) from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of what peft still asks of transformers
        return peft.PeftModel.from_pretrained(model, str(adapter)).merge_and_unload()


def _in_one_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines)[:400] if lines else type(error).__name__


def options_of(opening: Opening) -> Options:
    """The model's directory or hub id, with its adapter."""
    return Options(model=str(opening.source), revision=opening.revision, adapter=opening.adapter)


def open_engine(options: Options) -> TransformersEngine:
    """Load the model."""
    return TransformersEngine(options)
