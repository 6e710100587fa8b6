"""Engine `openai`: any server that speaks `/v1/completions` or `/v1/chat/completions`: vLLM, SGLang, llama.cpp ...

All n samples of a problem are one request. The request's seed is the first sample's; vLLM gives sample i the seed plus
i (checked against vLLM 0.32), which is what is recorded. A server counts the tokens of a request, not of each sample:
the counts stand as the request's usage on its first completion, and a completion has its own where it was the only one.
Reasoning that the server's parser took out of an answer (`reasoning` in vLLM, `reasoning_content` in older and other
ones) is put back in front of it, between <think> tags. Retries are tenacity's alone: connection faults, time-outs,
429 and 5xx, at most ATTEMPTS times, with the server's Retry-After honoured.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import openai
import tenacity

from harness.engines import cut, sample_seed, unanswered, valid_text, with_usage
from harness.errors import EngineError, InputError, near
from harness.prompting import with_thinking
from harness.types import Completion, Form, Request, SamplingParams

ATTEMPTS = 6
TIMEOUT_S = 600.0
FIRST_ANSWER_S = 10.0
# Servers take no more than four stop strings. The rest are cut here: the same text, for some tokens drawn in vain.
SERVER_STOPS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """base_url: up to and including /v1. model: None for the one that the server serves. gpus: of it, where known."""

    base_url: str
    model: str | None
    seed: int
    api_key: str = "EMPTY"
    form: Form = Form.COMPLETION
    concurrency: int = 16
    gpus: int | None = None


class OpenAIEngine:
    """A client of one server. Raises InputError where nothing answers or the model is not served there."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self.concurrency = options.concurrency
        self._client = openai.OpenAI(
            base_url=options.base_url, api_key=options.api_key, max_retries=0, timeout=TIMEOUT_S
        )
        self.model = self._find_model()
        self.form = options.form

    def complete(self, request: Request) -> list[Completion]:
        """All n samples in one request."""
        start = time.monotonic()
        try:
            answer = self._send(request)
        except openai.APIStatusError as error:
            if error.status_code == 400 and "context length" in _message(error):
                return unanswered(request, self.form)
            raise EngineError(
                f"{self._options.base_url} refused the request for {request.problem_id}: "
                f"HTTP {error.status_code}: {_message(error)}{self._hint(error)}"
            ) from error
        except openai.OpenAIError as error:
            raise EngineError(
                f"{self._options.base_url} did not answer the request for {request.problem_id} in {ATTEMPTS} attempts: "
                f"{error}; what is done is kept, the same command goes on from there"
            ) from error
        taken = round(time.monotonic() - start, 4)
        if sorted(choice.index for choice in answer.choices) != list(range(request.sampling.n)):
            found = ", ".join(str(choice.index) for choice in answer.choices)
            raise EngineError(
                f"{self._options.base_url} was asked for {request.sampling.n} completions, "
                f"and gave those of index {found}"
            )
        choices = sorted(answer.choices, key=lambda choice: choice.index)
        completions = [self._completion(request, choice, answer, taken) for choice in choices]
        counted = answer.usage
        prompt_tokens = counted.prompt_tokens if counted else None
        completion_tokens = counted.completion_tokens if counted else None
        return with_usage(completions, prompt_tokens, completion_tokens, self._options.gpus)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _find_model(self) -> str:
        try:
            served = [model.id for model in self._client.with_options(timeout=FIRST_ANSWER_S).models.list()]
        except openai.APIStatusError as error:
            raise InputError(
                f"{self._options.base_url}/models answers HTTP {error.status_code}: {_message(error)}"
            ) from error
        except (AttributeError, TypeError, ValueError) as error:
            raise InputError(f"{self._options.base_url}/models gives no list of models; mend --base-url") from error
        except openai.OpenAIError as error:
            raise InputError(
                f"no model server answers at {self._options.base_url} ({error}); start one, or mend --base-url"
            ) from error
        if self._options.model is None:
            if len(served) != 1:
                raise InputError(
                    f"{self._options.base_url} serves {', '.join(served) or 'no model'}; choose with --model"
                )
            return served[0]
        if self._options.model not in served:
            raise InputError(
                f"{self._options.base_url} does not serve {self._options.model!r}{near(self._options.model, served)}; "
                f"it serves: {', '.join(served)}"
            )
        return self._options.model

    @tenacity.retry(
        retry=tenacity.retry_if_exception(lambda error: _passing(error)),
        wait=lambda state: _wait_s(state),
        stop=tenacity.stop_after_attempt(ATTEMPTS),
        reraise=True,
    )
    def _send(self, request: Request) -> Any:
        arguments = {"model": self.model, **_sampling(request.sampling, request.problem_id, self._options.seed)}
        if request.messages is not None:
            messages: Any = [dict(each) for each in request.messages]
            return self._client.chat.completions.create(messages=messages, **arguments)
        return self._client.completions.create(prompt=request.prompt, **arguments)

    def _completion(self, request: Request, choice: Any, answer: Any, taken: float) -> Completion:
        greedy = request.sampling.temperature == 0
        text, stopped = cut(valid_text(_answered(request, choice)), request.sampling.stop)
        only = request.sampling.n == 1 and answer.usage is not None
        return Completion(
            problem_id=request.problem_id,
            index=choice.index,
            text=text,
            form=self.form,
            finish_reason="stop" if stopped else choice.finish_reason,
            prompt_tokens=answer.usage.prompt_tokens if answer.usage else None,
            completion_tokens=answer.usage.completion_tokens if only else None,
            seed=None if greedy else sample_seed(self._options.seed, request.problem_id, choice.index),
            latency_s=taken,
        )

    def _hint(self, error: openai.APIStatusError) -> str:
        if self.form is Form.CHAT and "template" in _message(error):
            return "; a base model has no chat template: use --form completion"
        if error.status_code == 404 and self.form is Form.COMPLETION:
            return "; the server may offer chat only: use --form chat"
        return ""


def _answered(request: Request, choice: Any) -> str:
    """A choice's text; a chat model's with its reasoning, which a server may give apart."""
    if request.messages is None:
        return choice.text or ""
    message = choice.message
    reasoning = getattr(message, "reasoning", None) or getattr(message, "reasoning_content", None)
    reached = choice.finish_reason == "length"
    # The server's chat template is not known here: a model that was given tokens to think, and was cut before it closed
    # its reasoning, is taken to have begun with it.
    opened = reached and request.thinking_tokens > 0
    return with_thinking(
        message.content or "", reasoning if isinstance(reasoning, str) else "", cut=reached, opened=opened
    )


def _sampling(sampling: SamplingParams, problem_id: str, seed: int) -> dict[str, Any]:
    """Every parameter, always; those that are vLLM's own go beside the standard ones."""
    return {
        "n": sampling.n,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "max_tokens": sampling.max_tokens,
        "stop": list(sampling.stop[:SERVER_STOPS]) or None,
        "seed": sample_seed(seed, problem_id, 0),
        "extra_body": {"top_k": sampling.top_k, "min_p": 0.0, "repetition_penalty": 1.0},
    }


def _passing(error: BaseException) -> bool:
    if isinstance(error, openai.APIStatusError):
        return error.status_code in (408, 409, 429) or error.status_code >= 500
    return isinstance(error, openai.APIConnectionError)


def _wait_s(state: tenacity.RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, openai.APIStatusError):
        after = error.response.headers.get("retry-after", "")
        if after.isdigit():
            return min(float(after), 60.0)
    return tenacity.wait_exponential_jitter(initial=0.5, max=20)(state)


def _message(error: openai.APIStatusError) -> str:
    body = error.body
    text = body.get("message") if isinstance(body, dict) else None
    return str(text or error.message)[:500]


def open_engine(options: Options) -> OpenAIEngine:
    """Connect, and see that the model is there."""
    return OpenAIEngine(options)
