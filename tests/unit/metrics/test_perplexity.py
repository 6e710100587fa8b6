"""Perplexity: each token predicted once, and the numbers of transformers called directly."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.datasets import load_set
from harness.engines import _logprobs, _transformers_logprobs
from harness.engines import transformers as engine
from harness.errors import InputError, RequestRefused
from harness.metrics import perplexity
from harness.metrics.perplexity import TextLoss, windows
from harness.models import model_dir
from harness.tasks import perplexity as task
from harness.types import Completion, Form, SamplingParams, TextPart

LONG = "The council voted on Tuesday to rebuild the old footbridge. def f(x): return x + 1\n" * 25
TEXTS = [LONG, "A short text.", 'def double(x):\n    """Twice x."""\n    return 2 * x\n', "Œuvre, naïve: 漢字 🙂"]


@settings(deadline=None)
@given(st.integers(0, 300), st.integers(2, 60), st.data())
def test_windows_predict_every_token_but_the_first_once_with_enough_context(
    length: int, window: int, data: st.DataObject
) -> None:
    stride = data.draw(st.integers(1, window - 1))
    places = list(windows(length, window, stride))
    assert [token for place in places for token in range(place.first, place.stop)] == list(range(1, length))
    for place in places:
        assert place.stop - place.start <= window and place.start < place.first
        assert place.first - place.start >= min(window - stride, place.first)


@pytest.mark.parametrize("stride", [0, 8, 9])
def test_a_stride_that_leaves_tokens_without_context_is_refused(stride: int) -> None:
    with pytest.raises(ValueError, match="stride"):
        list(windows(10, 8, stride))


@pytest.fixture(scope="module")
def nano() -> engine.TransformersEngine:
    return engine.open_engine(engine.Options(model=str(model_dir("nano"))))


@pytest.fixture(scope="module")
def direct() -> tuple[Any, Any]:
    """transformers itself: tokenizer and model."""
    model = transformers.AutoModelForCausalLM.from_pretrained(model_dir("nano"), dtype=torch.float32)
    return transformers.AutoTokenizer.from_pretrained(model_dir("nano")), model


def losses(direct: tuple[Any, Any], text: str, window: int, stride: int, bos: bool = False) -> tuple[float, int]:
    """Sum of losses and number of tokens by the strided evaluation in transformers' documentation."""
    tokenizer, model = direct
    ids = tokenizer(text, add_special_tokens=False).input_ids
    tokens = torch.tensor([[tokenizer.bos_token_id, *ids] if bos else ids])
    total, count, done = 0.0, 0, 0
    for start in range(0, tokens.shape[1], stride):
        end = min(start + window, tokens.shape[1])
        part = tokens[:, start:end]
        labels = part.clone()
        labels[:, : -(end - done)] = -100
        with torch.no_grad():
            loss = model(part, labels=labels).loss.item()
        predicted = int((labels[:, 1:] != -100).sum())
        total, count, done = total + loss * predicted, count + predicted, end
        if end == tokens.shape[1]:
            break
    return total, count


@pytest.mark.parametrize(("window", "stride"), [(None, None), (128, 64), (64, 63), (100, 30)])
def test_a_text_s_loss_is_that_of_transformers_called_directly(
    nano: engine.TransformersEngine, direct: tuple[Any, Any], window: int | None, stride: int | None
) -> None:
    made = _logprobs.LogprobScorer(nano, _logprobs.LogprobOptions(window=window, stride=stride))
    for text in TEXTS:
        total, count = losses(direct, text, made.window, made.stride)
        logprobs = made.text(text)
        assert len(logprobs) == count and -sum(logprobs) == pytest.approx(total, rel=1e-4)


def test_the_perplexity_of_a_corpus_is_weighted_by_tokens(
    nano: engine.TransformersEngine, direct: tuple[Any, Any]
) -> None:
    made = _logprobs.LogprobScorer(nano, _logprobs.LogprobOptions())
    found = perplexity.corpus([perplexity.measure(text, made.text(text)) for text in TEXTS], np.random.default_rng(0))
    sums = [losses(direct, text, made.window, made.stride) for text in TEXTS]
    total, count = sum(total for total, _ in sums), sum(count for _, count in sums)
    assert found["perplexity"].value == pytest.approx(math.exp(total / count), rel=1e-3)
    size = sum(len(text.encode()) for text in TEXTS)
    assert found["bits_per_byte"].value == pytest.approx(total / math.log(2) / size, rel=1e-4)
    assert math.log2(found["byte_perplexity"].value) == pytest.approx(found["bits_per_byte"].value)
    words = sum(len(text.split()) for text in TEXTS)
    assert found["word_perplexity"].value == pytest.approx(math.exp(total / words), rel=1e-2)


def tail_loss(direct: tuple[Any, Any], tokens: Sequence[int], scored: Sequence[int]) -> float:
    """By transformers alone: the nats of the tokens at these places."""
    model, labels = direct[1], torch.full((1, len(tokens)), -100)
    labels[0, list(scored)] = torch.tensor([tokens[place] for place in scored])
    with torch.no_grad():
        return float(model(input_ids=torch.tensor([tokens]), labels=labels).loss) * len(scored)


def test_the_loss_of_a_completion_is_that_of_transformers_with_the_prompt_masked(
    nano: engine.TransformersEngine, direct: tuple[Any, Any]
) -> None:
    prompt, completion = "def double(x):", "\n    return 2 * x\n"
    parts = (TextPart(text=prompt, scored=False), TextPart(text=completion, scored=True))
    made = _logprobs.LogprobScorer(nano, _logprobs.LogprobOptions())
    tokens, before = nano.tokenize(prompt + completion), nano.tokenize(prompt)
    assert tokens[: len(before)] == before
    found = made.parts(parts)
    expected = tail_loss(direct, tokens, range(len(before), len(tokens)))
    assert len(found) == len(tokens) - len(before) and -sum(found) == pytest.approx(expected, rel=1e-4)
    whole = made.parts(tuple(dataclasses.replace(part, scored=True) for part in parts))
    assert whole == pytest.approx(made.text(prompt + completion)) and whole[-len(found) :] == pytest.approx(found)


def test_a_completion_after_a_prompt_longer_than_the_window_is_predicted_whole(nano: engine.TransformersEngine) -> None:
    made = _logprobs.LogprobScorer(nano, _logprobs.LogprobOptions(window=64, stride=32))
    found = made.parts((TextPart(text=LONG, scored=False), TextPart(text="A short text.", scored=True)))
    assert found == pytest.approx(made.text(LONG + "A short text.")[-len(found) :]) and len(found) >= 3


TEMPLATE = "{% for m in messages %}<{{ m.role }}>{{ m.content }}\n{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}"
TURNS = (
    TextPart(text="Double it", scored=False, role="user"),
    TextPart(text="return 2 * x", scored=True, role="assistant"),
    TextPart(text="Once more", scored=False, role="user"),
    TextPart(text="return 4 * x", scored=True, role="assistant"),
)


def test_turns_go_through_the_models_chat_template_and_the_assistants_are_scored(
    nano: engine.TransformersEngine, direct: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nano._tokenizer, "chat_template", TEMPLATE)
    pieces = ["<user>Double it\n<assistant>", "return 2 * x\n", "<user>Once more\n<assistant>", "return 4 * x\n"]
    tokens = nano.tokenize("".join(pieces))
    ends = [len(nano.tokenize("".join(pieces[:count]))) for count in range(1, 5)]
    scored = [*range(ends[0], ends[1]), *range(ends[2], ends[3])]
    found = _logprobs.LogprobScorer(nano, _logprobs.LogprobOptions()).parts(TURNS)
    assert len(found) == len(scored) and -sum(found) == pytest.approx(tail_loss(direct, tokens, scored), rel=1e-4)


def test_turns_of_a_model_without_a_template_are_joined_as_they_are(nano: engine.TransformersEngine) -> None:
    made = _logprobs.LogprobScorer(nano, _logprobs.LogprobOptions())
    text = "Double it\nreturn 2 * x\nOnce more\nreturn 4 * x\n"
    whole = made.text(text)
    found = made.parts(TURNS)
    assert found[-4:] == pytest.approx(whole[-4:]) and 0 < len(found) < len(whole)


def test_with_a_bos_token_the_first_token_is_predicted_too(
    nano: engine.TransformersEngine, direct: tuple[Any, Any]
) -> None:
    made = _logprobs.LogprobScorer(nano, _logprobs.LogprobOptions(bos="yes"))
    for text in TEXTS:
        total, count = losses(direct, text, made.window, made.stride, bos=True)
        logprobs = made.text(text)
        assert len(logprobs) == count and -sum(logprobs) == pytest.approx(total, rel=1e-4)
    without = _logprobs.LogprobScorer(nano, _logprobs.LogprobOptions(bos="no"))
    assert len(made.text("A short text.")) == len(without.text("A short text.")) + 1


def test_the_size_of_a_batch_changes_nothing(nano: engine.TransformersEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    made = _logprobs.LogprobScorer(nano, _logprobs.LogprobOptions(window=90, stride=40))
    together = made.text(LONG)
    monkeypatch.setattr(_logprobs, "BATCH", 3)
    assert made.text(LONG) == pytest.approx(together, abs=1e-4)
    monkeypatch.setattr(_transformers_logprobs, "SCORING_BYTES", 1)
    assert made.text(LONG) == pytest.approx(together, abs=1e-4)


def test_texts_of_several_threads_are_what_each_is_by_itself(nano: engine.TransformersEngine) -> None:
    made = _logprobs.LogprobScorer(nano, _logprobs.LogprobOptions(window=90, stride=40))
    alone = [made.text(text) for text in TEXTS]
    with ThreadPoolExecutor(len(TEXTS)) as threads:
        together = list(threads.map(made.text, TEXTS))
    assert all(one == pytest.approx(other, abs=1e-4) for one, other in zip(alone, together, strict=True))


def test_a_text_that_fits_into_the_window_does_not_depend_on_window_and_stride(
    nano: engine.TransformersEngine,
) -> None:
    found = [
        _logprobs.LogprobScorer(nano, _logprobs.LogprobOptions(window=window, stride=stride)).text(TEXTS[2])
        for window, stride in ((511, 1), (400, 399), (100, 50))
    ]
    assert found[1] == pytest.approx(found[0], abs=1e-5) and found[2] == pytest.approx(found[0], abs=1e-5)


def test_the_tokens_of_a_continuation_are_those_after_the_prompt(
    nano: engine.TransformersEngine, direct: tuple[Any, Any]
) -> None:
    tokenizer, model = direct
    prompt = "Text: it broke twice\nLabel:"
    found = _logprobs.LogprobScorer(nano, _logprobs.LogprobOptions()).continuations(
        prompt, [" complaint", " praise of it"]
    )
    for text, logprobs in zip([" complaint", " praise of it"], found, strict=True):
        before, whole = tokenizer(prompt).input_ids, tokenizer(prompt + text).input_ids
        assert whole[: len(before)] == before
        with torch.no_grad():
            all_of_them = torch.log_softmax(model(torch.tensor([whole])).logits[0].float(), -1)
        expected = [all_of_them[place - 1, whole[place]].item() for place in range(len(before), len(whole))]
        assert list(logprobs) == pytest.approx(expected, abs=1e-4)


def test_a_prompt_that_the_model_does_not_hold_is_refused(nano: engine.TransformersEngine) -> None:
    with pytest.raises(RequestRefused, match="more than 511 tokens"):
        _logprobs.LogprobScorer(nano, _logprobs.LogprobOptions()).continuations(LONG * 2, [" a", " b"])


def sent(nano: engine.TransformersEngine, request: _logprobs.LogprobRequest) -> list[Completion]:
    return _logprobs.RequestSender().send(nano, request, 0)


def test_a_text_of_one_token_is_named_with_its_file_and_line(nano: engine.TransformersEngine, tmp_path: Path) -> None:
    (tmp_path / "own.jsonl").write_text('{"text": "two words"}\n{"text": "x"}\n')
    one, two = load_set(str(tmp_path / "own.jsonl"), tmp_path, task.open_task({})).problems
    sampling = SamplingParams(n=1, temperature=0)
    assert sent(nano, task.open_task({}).request(one, sampling, Form.COMPLETION))[0].logprobs
    with pytest.raises(InputError, match=r"own.jsonl, line 2: the text has one token.*--set bos=yes"):
        sent(nano, task.open_task({}).request(two, sampling, Form.COMPLETION))
    assert sent(nano, task.open_task({"bos": "yes"}).request(two, sampling, Form.COMPLETION))[0].logprobs


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (_logprobs.LogprobOptions(window=512), "a window of 512 tokens is too long: the model takes 511"),
        (_logprobs.LogprobOptions(window=1), "at least 2 tokens"),
        (_logprobs.LogprobOptions(window=100, stride=100), "below the window of 100 tokens"),
    ],
)
def test_windows_that_do_not_fit_the_model_are_refused(
    nano: engine.TransformersEngine, options: _logprobs.LogprobOptions, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        _logprobs.LogprobScorer(nano, options)


def corpus(items: Sequence[TextLoss]) -> dict[str, Any]:
    return perplexity.corpus(items, np.random.default_rng(0))


def test_neither_the_order_of_texts_nor_a_copy_of_all_of_them_moves_the_value() -> None:
    items = [TextLoss(loss=3.1 * n, tokens=n, bytes=4 * n, words=n) for n in range(1, 30)]
    assert corpus(items[::-1]) == corpus(items)
    assert corpus(items * 2)["perplexity"].value == pytest.approx(corpus(items)["perplexity"].value, rel=1e-12)


def test_the_interval_is_the_cluster_bootstrap_of_the_ratio_of_sums() -> None:
    rng = np.random.default_rng(7)
    data = [
        (float(loss), int(tokens)) for loss, tokens in zip(rng.gamma(9, 20, 60), rng.integers(20, 90, 60), strict=True)
    ]
    found = corpus([TextLoss(loss=loss, tokens=tokens, bytes=1, words=1) for loss, tokens in data])["perplexity"]
    table = np.array(data)
    draws = np.random.default_rng(1).integers(0, 60, (4000, 60))
    rates = table[draws, 0].sum(axis=1) / table[draws, 1].sum(axis=1)
    low, high = np.exp(np.quantile(rates, [0.025, 0.975]))
    assert (found.low, found.high) == (pytest.approx(low, rel=0.02), pytest.approx(high, rel=0.02))


def test_a_single_text_has_its_value_for_an_interval() -> None:
    found = corpus([TextLoss(loss=20.0, tokens=10, bytes=40, words=8)])["perplexity"]
    assert found.low == found.value == found.high == pytest.approx(math.exp(2))


def test_a_measure_beyond_any_float_is_left_out() -> None:
    assert set(corpus([TextLoss(loss=5000.0, tokens=900, bytes=3000, words=1)])) == {
        "perplexity", "bits_per_byte", "byte_perplexity",
    }  # fmt: skip
