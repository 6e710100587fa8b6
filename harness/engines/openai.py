"""Engine `openai`: any server that speaks `/v1/completions` or `/v1/chat/completions`: vLLM, SGLang, llama.cpp ...

All n samples of a request are asked for at once; a server that takes fewer is asked in halves. The request's seed is
the first sample's; vLLM gives sample i the seed plus i (checked against vLLM 0.32), which is what is recorded. Retries
are tenacity's alone: connection faults, time-outs, 429 and 5xx, at most ATTEMPTS times, with the server's Retry-After
honoured. A server counts the tokens of a request, not of each sample: the counts stand as the request's usage on its
first completion, and a completion has its own where it was the only one. Reasoning that the server's parser took out of
an answer (`reasoning` in vLLM, `reasoning_content` in older and other ones) is put back in front of it, between <think>
tags. A server that we started ourselves is started again where it died (`ManagedServer`).
"""

from __future__ import annotations

import logging
import time
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import openai
import tenacity

from harness.engines import Bos, Opening, cut, seed_of, split_request, too_long, valid_text, with_usage
from harness.engines._addresses import plain_url, query_fields, without_query
from harness.engines._openai_answers import answer_text, logprob_of, token_counts
from harness.engines._openai_dialect import (
    AnswerIsError,
    Dialect,
    advice,
    assembled,
    checked,
    error_text,
    is_passing,
    is_too_long,
    number_choices,
    wait_s,
)
from harness.engines._restarts import CrashSuspect, ManagedServer, SharedOrExclusive
from harness.errors import EngineError, InputError, RequestFailed, RequestRefused, did_you_mean
from harness.types import Completion, Request

log = logging.getLogger("harness")

ATTEMPTS = 6
TIMEOUT = openai.Timeout(1800.0, connect=10.0)  # a request may wait for hundreds of others on the server
FIRST_ANSWER_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """base_url: up to and including /v1. model: None for the one that the server serves.

    server: one of our own, None for another's. gpus: of the server; None where they are not known.
    """

    base_url: str
    model: str | None
    api_key: str = "EMPTY"
    concurrency: int = 16
    server: ManagedServer | None = None
    gpus: int | None = None


NO_TEMPLATE = ("provide a chat template", "chat_template is not set")  # vLLM and transformers, of a model without one


class _TooManySamples(Exception):  # noqa: N818 - an answer, not a fault
    """A request of several samples was not answered as it was asked; one of fewer may be."""


class OpenAIEngine:
    """A client of one server. Raises InputError where nothing answers or the model is not served there."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self.concurrency = options.concurrency
        self._client = self._connect(options.base_url)
        try:
            self.model = self._find_model()
        except BaseException:
            self._client.close()
            raise
        self._turns = SharedOrExclusive()
        self._dialect = Dialect()
        self._most = 2**31  # samples in one request, as far as the server is known to take them

    def complete(self, request: Request) -> list[Completion]:
        """All n samples, in one request where the server takes them."""
        return [each for piece in split_request(request, self._most) for each in self._complete(piece)]

    def _complete(self, request: Request) -> list[Completion]:
        try:
            return self._ask(request)
        except _TooManySamples:
            half = request.sampling.n // 2
            completions = [each for piece in split_request(request, half) for each in self._complete(piece)]
            self._most = min(self._most, half)  # only here, where it was seen to help
            return completions

    def _ask(self, request: Request) -> list[Completion]:
        start = time.monotonic()
        try:
            answer = self._send(request)
        except openai.APIStatusError as error:
            raise self._refusal(request, error) from error
        except openai.APIConnectionError as error:
            text = f"{self._at} did not answer the request for {request.problem_id} in {ATTEMPTS} attempts: {error}"
            if self._is_up():
                raise RequestFailed(text) from error
            raise EngineError(f"{text}; what is done is kept, the same command goes on from there") from error
        except AnswerIsError as error:
            raise RequestFailed(f"{self._at} answered with an error: {error}") from error
        except (openai.OpenAIError, ValueError) as error:
            raise RequestFailed(f"{self._at} gave what is not an answer: {error}") from error
        taken = round(time.monotonic() - start, 4)
        try:
            choices = self._choices(request, answer)
            completions = [self._completion(request, choice, answer, taken) for choice in choices]
        except (AttributeError, TypeError) as error:  # the client passes on whatever JSON it was given
            text = f"{self._at} gave what is not an answer ({error}): {str(answer)[:200]!r}"
            raise RequestFailed(text) from error
        prompt_tokens, completion_tokens = token_counts(answer)
        return with_usage(completions, prompt_tokens, completion_tokens, self._options.gpus)

    def _choices(self, request: Request, answer: Any) -> list[Any]:
        """The n choices in their order. Raises _TooManySamples, RequestFailed."""
        choices = getattr(answer, "choices", None)
        if not isinstance(choices, list):
            raise RequestFailed(f"{self._at} gave what is not an answer: {str(answer)[:200]!r}")
        number_choices(choices, request.sampling.n)
        if sorted(choice.index for choice in choices) == list(range(request.sampling.n)):
            return sorted(choices, key=lambda choice: choice.index)
        if request.sampling.n > 1:
            raise _TooManySamples
        found = ", ".join(str(choice.index) for choice in choices) or "none"
        raise RequestFailed(f"{self._at} was asked for one completion, and gave those of index {found}")

    def _refusal(self, request: Request, error: openai.APIStatusError) -> Exception:
        """What an HTTP error comes to: of this prompt, of this many samples, of this request, or of all."""
        if error.status_code == 400 and "max_tokens" in error_text(error) and "max_model_len" in error_text(error):
            return InputError(  # whatever the prompt
                f"{self._at} has a context of fewer tokens than a completion may have: "
                f"{error_text(error)}; give a smaller --max-tokens, or start the server with a longer context"
            )
        if is_too_long(error):
            return RequestRefused(f"{too_long(request)}; the server says: {error_text(error)}")
        text = f"{self._at} refused the request for {request.problem_id}: HTTP {error.status_code}: {error_text(error)}"
        hint = advice(request, error)
        if hint or error.status_code in (401, 403, 404):
            return EngineError(text + hint)
        if not is_passing(error) and request.sampling.n > 1:
            return _TooManySamples()
        return RequestFailed(text)

    def describe(self) -> dict[str, str]:
        """The server's version and the model's root, of a server that tells: vLLM and SGLang do."""
        client = self._client.with_options(base_url=self._root(), timeout=FIRST_ANSWER_S)
        try:
            answer: Any = client.get("/version", cast_to=object)
        except (openai.OpenAIError, ValueError):
            answer = None
        told = {"server": answer.get("version") if isinstance(answer, dict) else None, "root": self._listed("root")}
        return {name: value[:500] for name, value in told.items() if isinstance(value, str)}

    def _listed(self, name: str) -> Any:
        """What the server's list of models says of this one; None where it says nothing."""
        try:
            listed = self._client.with_options(timeout=FIRST_ANSWER_S).models.list()
            return getattr(next(each for each in listed if each.id == self.model), name, None)
        except (openai.OpenAIError, AttributeError, TypeError, ValueError, StopIteration):
            return None

    @property
    def _at(self) -> str:
        """The server's address as it may be shown."""
        return plain_url(str(self._client.base_url))

    def _root(self) -> str:
        return str(self._client.base_url).rstrip("/").removesuffix("/v1")

    def context(self) -> int | None:
        """vLLM's max_model_len; other servers do not tell."""
        length = self._listed("max_model_len")
        return length if isinstance(length, int) else None

    def bos(self) -> Bos:
        """What the server puts before a text; one that it does not add is not known."""
        plain, whole = self._tokens("a", special=False), self._tokens("a", special=True)
        added = len(whole) > len(plain) and whole[1 : 1 + len(plain)] == plain
        return Bos(token=whole[0] if added else None, added=added)

    def tokenize(self, text: str) -> list[int]:
        """By the server's own tokenizer."""
        return self._tokens(text, special=False)

    def chat_tokens(self, messages: Sequence[Mapping[str, str]], *, answering: bool) -> list[int] | None:
        """By the server's template. vLLM says in words that a model has none."""
        try:
            return self._tokenized({"messages": list(messages), "add_generation_prompt": answering})
        except RequestFailed as error:
            if any(words in str(error) for words in NO_TEMPLATE):
                return None
            raise RequestRefused(f"the model's chat template does not take the turns: {error}") from error

    def token_logprobs(self, sequences: Sequence[Sequence[int]]) -> list[list[float]]:
        """By vLLM's `prompt_logprobs`: all sequences in one request, each answered with one token that is dropped."""
        if not sequences:
            return []
        answer = self._tell(
            "log-probabilities",
            lambda: self._client.completions.create(
                model=self.model,
                prompt=[list(each) for each in sequences],
                max_tokens=1,
                temperature=0,
                extra_body={"prompt_logprobs": 0},
            ),
        )
        choices = sorted(answer.choices, key=lambda choice: choice.index)
        if len(choices) != len(sequences) or any(not getattr(each, "prompt_logprobs", None) for each in choices):
            raise EngineError(
                f"{self._at} gives no log-probabilities of a prompt's tokens (vLLM's prompt_logprobs); "
                "use a vLLM server, or the engine transformers"
            )
        return [
            [logprob_of(entry, token) for entry, token in zip(choice.prompt_logprobs[1:], each[1:], strict=True)]
            for choice, each in zip(choices, sequences, strict=True)
        ]

    def _tokens(self, text: str, *, special: bool) -> list[int]:
        return self._tokenized({"prompt": text, "add_special_tokens": special})

    def _tokenized(self, what: Mapping[str, Any]) -> list[int]:
        root = self._root()
        body = {"model": self.model, **what}
        client = self._client.with_options(base_url=root)
        answer: Any = self._tell("a text's tokens", lambda: client.post("/tokenize", cast_to=object, body=body))
        tokens = answer.get("tokens") if isinstance(answer, dict) else None
        if not isinstance(tokens, list) or not all(isinstance(token, int) for token in tokens):
            raise EngineError(f"{root}/tokenize gives no tokens; use a vLLM server, or the engine transformers")
        return tokens

    def _tell(self, what: str, call: Callable[[], Any]) -> Any:
        """The answer of a call under the retry policy. Raises EngineError."""
        try:
            return self._persist(what, call)
        except openai.APIStatusError as error:
            text = f"{self._at} did not tell {what}: HTTP {error.status_code}: {error_text(error)}"
            if error.status_code in (401, 403, 404):
                raise EngineError(f"{text}; a vLLM server tells it, and the engine transformers does") from error
            raise RequestFailed(text) from error
        except openai.APIConnectionError as error:
            raise EngineError(
                f"{self._at} did not tell {what}, asked again and again: {error}; "
                "what is done is kept, the same command goes on from there"
            ) from error
        except (openai.OpenAIError, ValueError) as error:
            raise RequestFailed(f"{self._at} gave what is not an answer: {error}") from error

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _connect(self, base_url: str) -> openai.OpenAI:
        # what $http_proxy names is for other machines: it cannot reach this one's loopback
        local = urllib.parse.urlsplit(base_url).hostname in ("127.0.0.1", "localhost", "::1")
        return openai.OpenAI(
            base_url=without_query(base_url),
            default_query=query_fields(base_url),
            api_key=self._options.api_key,
            max_retries=0,
            timeout=TIMEOUT,
            http_client=openai.DefaultHttpxClient(trust_env=False, timeout=TIMEOUT) if local else None,
        )

    def _is_up(self) -> bool:
        """Whether the server answers at all: then it was this request that it did not."""
        try:
            self._client.with_options(timeout=FIRST_ANSWER_S).models.list()
        except openai.OpenAIError:
            return False
        return True

    def _find_model(self) -> str:
        """The model to ask for. A server that does not list it is asked for it all the same where it is named: gateways
        list none, or not all, or keep their list elsewhere.
        """
        wanted, at = self._options.model, self._at
        try:
            served = [model.id for model in self._client.with_options(timeout=FIRST_ANSWER_S).models.list()]
        except openai.APIStatusError as error:
            if wanted is not None and error.status_code not in (401, 403) and at.endswith("/v1"):
                log.warning("%s/models answers HTTP %s; going on with the model %s", at, error.status_code, wanted)
                return wanted
            hint = "" if error.status_code != 404 or at.endswith("/v1") else f"; did you mean --base-url {at}/v1?"
            named = "" if wanted is not None else "; name the model with --model"
            raise InputError(
                f"{at}/models answers HTTP {error.status_code}: {error_text(error)}{hint or named}"
            ) from error
        except (AttributeError, TypeError, ValueError) as error:
            raise InputError(f"{self._at}/models gives no list of models; mend --base-url") from error
        except openai.OpenAIError as error:
            raise InputError(
                f"no model server answers at {self._at} ({error}); start one, or mend --base-url"
            ) from error
        return self._chosen(served)

    def _chosen(self, served: list[str]) -> str:
        wanted, at = self._options.model, self._at
        if wanted is None:
            if len(served) != 1:
                raise InputError(f"{at} serves {', '.join(served) or 'no model'}; choose with --model")
            return served[0]
        if wanted not in served:
            near = did_you_mean(wanted, served)
            if served and (near or len(served) == 1):
                raise InputError(f"{at} does not serve {wanted!r}{near}; it serves: {', '.join(served)}")
            log.warning("%s does not list the model %s; asking for it all the same", at, wanted)
        return wanted

    def _send(self, request: Request) -> Any:
        return self._persist(f"the request for {request.problem_id}", lambda: self._post(request))

    def _persist(self, what: str, call: Callable[[], Any]) -> Any:
        """The answer of a call under the retry policy. Raises RequestFailed where our own server dies of it."""
        return self._attempts()(self._once, what, call, CrashSuspect())

    def _attempts(self) -> tenacity.Retrying:
        """The one retry policy."""
        return tenacity.Retrying(
            retry=tenacity.retry_if_exception(is_passing),
            wait=wait_s,
            stop=tenacity.stop_after_attempt(ATTEMPTS),
            reraise=True,
        )

    def _once(self, what: str, call: Callable[[], Any], suspicion: CrashSuspect) -> Any:
        """One attempt. A call that was on its way when our own server died is made again alone: where the server dies
        then too, it is this call that ends it, and the others are to have their answers.
        """
        server = self._options.server
        if server is None:
            return call()
        with self._turns.alone() if suspicion.raised else self._turns.together():
            restarts = server.restarts
            try:
                answer = call()
            except openai.APIError as error:
                if not is_passing(error):
                    raise
                self._reconnect(server)
                if server.restarts != restarts:
                    if suspicion.raised:
                        raise RequestFailed(f"the model server died of {what}, asked alone: {error}") from error
                    suspicion.raised = True
                raise
        server.answered()
        return answer

    def _reconnect(self, server: ManagedServer) -> None:
        """Go on with a server of our own, started again where it died. Raises EngineError."""
        base_url = server.ensure_running()
        if base_url.rstrip("/") != str(self._client.base_url).rstrip("/"):
            self._client = self._connect(base_url)

    def _post(self, request: Request) -> Any:
        while True:  # as often as it takes to learn what the server does not take
            arguments = {"model": self.model, **self._dialect.arguments(request)}
            try:
                return self._create(request, arguments)
            except openai.APIStatusError as error:
                if not self._dialect.learn(error, request, arguments):
                    raise

    def _create(self, request: Request, arguments: dict[str, Any]) -> Any:
        if request.messages is not None:
            arguments["messages"] = [dict(each) for each in request.messages]
            create: Any = self._client.chat.completions.create
        else:
            arguments["prompt"] = request.prompt
            create = self._client.completions.create
        if self._dialect.streams:
            return self._streamed(create, {**arguments, "stream": True})
        return checked(create(**arguments))

    def _streamed(self, create: Callable[..., Any], arguments: dict[str, Any]) -> Any:
        """The answer of a stream's pieces. Raises APIConnectionError, AnswerIsError for one that was cut off."""
        try:
            answer = assembled(create(**arguments))
        except openai.OpenAIError:
            raise
        except Exception as error:
            if not type(error).__module__.startswith("httpx"):  # its errors pass through the client's older versions
                raise
            raise AnswerIsError(f"the stream broke off: {error}", passing=True) from error
        self._dialect.check_finished(answer)
        return answer

    def learnt(self) -> dict[str, str]:
        """As the dialect has it."""
        return self._dialect.learnt()

    def _completion(self, request: Request, choice: Any, answer: Any, taken: float) -> Completion:
        greedy = request.sampling.temperature == 0
        text, stopped = cut(valid_text(answer_text(request, choice)), request.sampling.stop)
        prompt_tokens, completion_tokens = token_counts(answer)
        reason = "stop" if stopped else choice.finish_reason
        return Completion(
            problem_id=request.problem_id,
            index=request.first + choice.index,
            text=text,
            form=request.form(),
            finish_reason=reason if isinstance(reason, str) else None,
            prompt_tokens=prompt_tokens,
            completion_tokens=completion_tokens if request.sampling.n == 1 else None,
            seed=seed_of(request, choice.index) if self._dialect.keeps_seeds and not greedy else None,
            latency_s=taken,
        )


def options_of(opening: Opening) -> Options:
    """The server of the run's configuration."""
    given = opening.config
    return Options(base_url=str(given.base_url), model=opening.source, api_key=given.api_key,
                   concurrency=given.requests_at_once())  # fmt: skip


def open_engine(options: Options) -> OpenAIEngine:
    """Connect, and see that the model is there."""
    return OpenAIEngine(options)
