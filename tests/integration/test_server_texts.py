"""Log-probabilities of given texts from a real vLLM server, and from servers that do not tell them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import transformers

from harness.datasets import load_set
from harness.engines import _logprobs
from harness.engines import openai as engine
from harness.engines import transformers as in_process
from harness.engines._vllm_server import ModelServer
from harness.errors import EngineError, InputError
from harness.metrics import perplexity
from harness.models import model_dir
from harness.tasks import open_task
from harness.types import TextPart
from tests.fixtures.servers import Answer, serving

LONG = "Nobody in the village could say who had put up the signpost. return sorted(xs)[0]\n" * 16


@pytest.fixture(scope="module")
def on_server(vllm: ModelServer) -> Iterator[_logprobs.LogprobScorer]:
    opened = engine.open_engine(engine.Options(base_url=vllm.url, model=None))
    yield _logprobs.LogprobScorer(opened, _logprobs.LogprobOptions())
    opened.close()


def test_the_perplexity_of_the_shipped_texts_on_vllm_is_that_of_transformers_called_directly(
    on_server: _logprobs.LogprobScorer, tmp_path: Path
) -> None:
    model = transformers.AutoModelForCausalLM.from_pretrained(model_dir("nano"), dtype=torch.float32)
    tokenizer = transformers.AutoTokenizer.from_pretrained(model_dir("nano"))
    loss, count, found = 0.0, 0, []
    for problem in load_set("passages", tmp_path, open_task("perplexity")).problems[:8]:
        tokens = tokenizer(problem.prompt, return_tensors="pt").input_ids
        with torch.no_grad():
            loss += model(tokens, labels=tokens).loss.item() * (tokens.shape[1] - 1)
        count += tokens.shape[1] - 1
        found.append(perplexity.measure(problem.prompt, on_server.text(problem.prompt)))
    assert sum(each.tokens for each in found) == count
    assert math.exp(sum(each.loss for each in found) / count) == pytest.approx(math.exp(loss / count), rel=1e-3)


def test_windows_and_labels_on_vllm_are_those_in_process(on_server: _logprobs.LogprobScorer) -> None:
    made = _logprobs.LogprobScorer(
        in_process.open_engine(in_process.Options(model=str(model_dir("nano")))), _logprobs.LogprobOptions()
    )
    assert (on_server.window, on_server.stride, on_server.prefix) == (made.window, made.stride, made.prefix)
    ours, theirs = made.text(LONG), on_server.text(LONG)
    assert len(ours) == len(theirs) > made.window
    assert sum(theirs) == pytest.approx(sum(ours), rel=1e-3)
    for one, other in zip(
        made.continuations("Label:", [" good", " not so good"]),
        on_server.continuations("Label:", [" good", " not so good"]),
        strict=True,
    ):
        assert list(other) == pytest.approx(list(one), abs=0.01)


def test_completions_given_their_prompts_on_vllm_are_those_in_process(on_server: _logprobs.LogprobScorer) -> None:
    made = _logprobs.LogprobScorer(
        in_process.open_engine(in_process.Options(model=str(model_dir("nano")))), _logprobs.LogprobOptions()
    )
    parts = (
        TextPart(text='def double(x):\n    """Return twice x."""\n', scored=False),
        TextPart(text="    return 2 * x\n", scored=True),
    )
    ours, theirs = made.parts(parts), on_server.parts(parts)
    assert len(ours) == len(theirs) > 0 and sum(theirs) == pytest.approx(sum(ours), rel=1e-3)


def test_a_bos_token_that_a_server_does_not_add_is_not_guessed(vllm: ModelServer) -> None:
    opened = engine.open_engine(engine.Options(base_url=vllm.url, model=None))
    with pytest.raises(InputError, match="no BOS token is known"):
        _logprobs.LogprobScorer(opened, _logprobs.LogprobOptions(bos="yes"))
    opened.close()


TOKENS: Answer = (200, {"tokens": [1, 2, 3], "count": 3})
PLAIN: Answer = (200, {"id": "1", "object": "text_completion", "model": "m",
                       "choices": [{"index": 0, "text": "a", "finish_reason": "length"}]})  # fmt: skip


@pytest.mark.parametrize(
    ("tokens", "completion", "message"),
    [
        ((404, {"error": {"message": "Not Found"}}), PLAIN, "did not tell a text's tokens: HTTP 404"),
        ((200, {"pieces": ["a"]}), PLAIN, "/tokenize gives no tokens; use a vLLM server"),
        (TOKENS, PLAIN, "gives no log-probabilities of a prompt's tokens"),
        (TOKENS, (200, {**PLAIN[1], "choices": [{"index": 0, "text": "a", "finish_reason": "length",  # type: ignore[dict-item]
                                                 "prompt_logprobs": [None, {"7": {"logprob": -1}}, None]}]}),
         "no log-probability of its own token 2"),
    ],
)  # fmt: skip
def test_a_server_that_does_not_tell_log_probabilities_is_an_error_that_says_so(
    tokens: Answer, completion: Answer, message: str
) -> None:
    models = {"object": "list", "data": [{"id": "m", "object": "model", "max_model_len": 64}]}
    with serving(lambda wanted, _: tokens if wanted["path"] == "/tokenize" else completion, (200, models)) as (url, _):
        opened = engine.open_engine(engine.Options(base_url=url, model=None))
        with pytest.raises(EngineError, match=message):
            _logprobs.LogprobScorer(opened, _logprobs.LogprobOptions()).text("some text")
        opened.close()
