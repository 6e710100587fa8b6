"""Engine `vllm`: a vLLM server of our own, started for the run and ended with it; spoken to as any other server.

See `harness.engines._vllm_server` for its life, `harness.engines.openai` for what is said to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.engines import Bos, Opening, StatusListener, _vllm_arguments, _vllm_server, openai
from harness.types import Completion, Request

MARGIN_TOKENS = 8192  # of context beside the completion's own: no problem that we know has a longer prompt


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """server: what to start. concurrency: requests at once. status: told how the start goes on."""

    server: _vllm_arguments.ServerOptions
    concurrency: int
    status: StatusListener


class VLLMEngine:
    """A server with its client. Raises InputError where there is no vLLM, EngineError where it does not come up."""

    def __init__(self, options: Options) -> None:
        self._server = _vllm_server.ModelServer(options.server, options.status.waiting)
        self._server.__enter__()
        self.concurrency = options.concurrency
        try:
            self._client = openai.open_engine(
                openai.Options(
                    base_url=self._server.url,
                    model=options.server.name,
                    api_key=self._server.key,
                    concurrency=options.concurrency,
                    server=self._server,
                    gpus=self._server.gpus,
                )
            )
        except BaseException:
            self._server.close()
            raise

    def complete(self, request: Request) -> list[Completion]:
        """As the client does; a server that died meanwhile is started again."""
        return self._client.complete(request)

    def describe(self) -> dict[str, str]:
        """The server's version and its arguments."""
        return {**self._client.describe(), "arguments": self._server.arguments}

    def learnt(self) -> dict[str, str]:
        """As the client does."""
        return self._client.learnt()

    def context(self) -> int | None:
        """As the server was started."""
        return self._client.context()

    def bos(self) -> Bos:
        """As the server tells."""
        return self._client.bos()

    def tokenize(self, text: str) -> list[int]:
        """By the server's tokenizer."""
        return self._client.tokenize(text)

    def chat_tokens(self, messages: Sequence[Mapping[str, str]], *, answering: bool) -> list[int] | None:
        """By the server's template."""
        return self._client.chat_tokens(messages, answering=answering)

    def token_logprobs(self, sequences: Sequence[Sequence[int]]) -> list[list[float]]:
        """By the server's prompt_logprobs."""
        return self._client.token_logprobs(sequences)

    def close(self) -> None:
        """End the server."""
        self._client.close()
        self._server.close()


def options_of(opening: Opening) -> Options:
    """A server with room for the largest of the runs."""
    server = _vllm_arguments.ServerOptions(
        model=str(opening.source),
        name=opening.name,
        revision=opening.revision,
        adapter=opening.adapter,
        python=opening.config.vllm_python,
        arguments=opening.config.engine_args,
        context_tokens=max(each.max_tokens + each.thinking_tokens for each in opening.runs) + MARGIN_TOKENS,
    )
    concurrency = max(each.requests_at_once() for each in opening.runs)
    return Options(server=server, concurrency=concurrency, status=opening.status)


def open_engine(options: Options) -> VLLMEngine:
    """Start the server, and wait until it is ready."""
    return VLLMEngine(options)
