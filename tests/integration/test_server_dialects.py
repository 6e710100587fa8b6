"""Servers that speak the protocol in their own way: each is understood, asked again as it wants, or explained."""

from __future__ import annotations

import datetime
import email.utils
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import openai
import pytest

from harness.engines._openai_dialect import UNFINISHED, is_too_long, retry_after_s
from harness.engines.openai import OpenAIEngine, Options, open_engine
from harness.errors import EngineError, InputError, RequestFailed
from harness.types import Form, Request, SamplingParams
from tests.fixtures.servers import Answer, Broken, Respond, choices, refusal, serving

NO_LIST: Answer = (404, {"detail": "Not Found"})
EXTRAS = ("top_k", "min_p", "repetition_penalty")


def request(n: int = 2, *, chat: bool = False, **sampling: Any) -> Request:
    params = SamplingParams(**{"n": n, "max_tokens": 9, "seed": 5, **sampling})
    asked = {"messages": ({"role": "user", "content": "hi"},)} if chat else {"prompt": "def f():"}
    return Request(problem_id="p/0", sampling=params, **asked)


OPEN: list[OpenAIEngine] = []


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    while OPEN:
        OPEN.pop().close()


def opened(base_url: str, model: str | None = "m") -> OpenAIEngine:
    """An engine that is closed with the test."""
    OPEN.append(open_engine(Options(base_url=base_url, model=model)))
    return OPEN[-1]


def chat_choices(*contents: object, **more: object) -> Answer:
    made = [
        {"index": index, "finish_reason": "stop", "message": {"role": "assistant", "content": content, **more}}
        for index, content in enumerate(contents)
    ]
    return 200, {"id": "1", "object": "chat.completion", "model": "m", "choices": made}


def refusing(names: tuple[str, ...], refuse: Any) -> Respond:
    """Refuses a request with any of these parameters, the first of them by name."""

    def respond(wanted: dict[str, Any], _: int) -> Answer:
        found = next((name for name in names if name in wanted), None)
        return choices(wanted) if found is None else refuse(found)

    return respond


REFUSALS = {
    "OpenAI": lambda name: refusal(400, f"Unrecognized request argument supplied: {name}"),
    "OpenAI's param": lambda name: (400, {"error": {"message": "Unsupported parameter", "param": name, "type": "x"}}),
    "FastAPI": lambda name: (422, {"detail": [{"type": "extra_forbidden", "loc": ["body", name], "msg": "no extras"}]}),
    "Mistral": lambda name: (422, {"detail": f"Extra inputs are not permitted: {name}"}),
    "Groq": lambda name: refusal(400, f"'{name}' : property '{name}' is unsupported"),
    "Azure": lambda name: refusal(400, f"Additional properties are not allowed ('{name}' was unexpected)"),
}


@pytest.mark.parametrize("refuse", REFUSALS.values(), ids=REFUSALS.keys())
def test_a_neutral_parameter_that_a_server_refuses_is_left_out_from_then_on(refuse: Any) -> None:
    with serving(refusing(EXTRAS, refuse)) as (url, asked):
        engine = opened(url)
        assert len(engine.complete(request())) == 2 and len(asked) == 4
        engine.complete(request())
    assert len(asked) == 5 and not set(EXTRAS) & asked[-1].keys() and asked[-1]["temperature"] == 0.8


@pytest.mark.parametrize("param", [None, "top_k"])
def test_a_server_that_refuses_top_k_0_is_sent_its_own_word_for_all_tokens(param: str | None) -> None:
    words = {"message": "top_k must be -1 (disable) or at least 1, got 0.", "param": param, "code": 400}

    def respond(wanted: dict[str, Any], _: int) -> Answer:
        return (400, {"object": "error", "error": words}) if wanted.get("top_k") == 0 else choices(wanted)

    with serving(respond) as (url, asked):
        engine = opened(url)
        assert len(engine.complete(request())) == 2
        engine.complete(request(top_k=40))
    assert [each["top_k"] for each in asked] == [0, -1, 40]


def test_a_server_that_refuses_every_top_k_is_not_asked_for_ever() -> None:
    with serving(lambda _, __: refusal(400, "top_k must be -1 or so")) as (url, asked), pytest.raises(RequestFailed):
        opened(url).complete(request(n=1))
    assert len(asked) == 2


def test_requests_at_the_same_time_learn_the_same_thing() -> None:
    def slowly(wanted: dict[str, Any], number: int) -> Answer:
        time.sleep(0.2)
        return refusing(EXTRAS, REFUSALS["OpenAI"])(wanted, number)

    with serving(slowly) as (url, _), ThreadPoolExecutor(8) as threads:
        engine = opened(url)
        answers = list(threads.map(engine.complete, [request() for _ in range(8)]))
    assert [len(each) for each in answers] == [2] * 8


def test_a_parameter_with_another_name_is_sent_by_that() -> None:
    words = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
    with serving(refusing(("max_tokens",), lambda _: refusal(400, words))) as (url, asked):
        opened(url).complete(request())
    assert asked[-1]["max_completion_tokens"] == 9 and "max_tokens" not in asked[-1]


def test_seeds_that_a_server_does_not_take_are_recorded_as_unknown() -> None:
    with serving(refusing(("seed",), REFUSALS["OpenAI"])) as (url, _):
        assert [each.seed for each in opened(url).complete(request())] == [None, None]


def test_stop_strings_that_a_server_does_not_take_are_cut_here() -> None:
    with serving(refusing(("stop",), REFUSALS["OpenAI"])) as (url, _):
        (only,) = opened(url).complete(request(1, stop=("ss",)))
    assert only.text == "    pa" and only.finish_reason == "stop"


def test_a_value_that_changes_what_is_sampled_is_never_left_out() -> None:
    words = "Unsupported value: 'temperature' does not support 0.8 with this model. Only the default (1) is supported."
    with (
        serving(refusing(("temperature",), lambda _: refusal(400, words))) as (url, asked),
        pytest.raises(RequestFailed, match="temperature"),
    ):
        opened(url).complete(request(1))
    assert all(each["temperature"] == 0.8 for each in asked)


def test_content_in_parts_is_joined_and_thinking_stays_thinking() -> None:
    parts = [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": "a"}, "b"]
    with serving(lambda *_: chat_choices(parts, "plain")) as (url, _):
        first, second = opened(url).complete(request(chat=True))
    assert first.text == "<think>hm</think>ab" and second.text == "plain" and first.form is Form.CHAT


@pytest.mark.parametrize("field", ["reasoning", "reasoning_content"])
def test_an_answer_without_content_but_with_reasoning_has_no_text_of_its_own(field: str) -> None:
    with serving(lambda *_: chat_choices(None, **{field: "hm"})) as (url, _):
        (only,) = opened(url).complete(request(1, chat=True))
    assert only.text == "<think>hm</think>"


@pytest.mark.parametrize("models", [NO_LIST, (200, {"object": "list", "data": []}), (500, {"error": "x"})])
def test_a_model_that_is_named_needs_no_list_of_models(models: Answer) -> None:
    with serving(lambda wanted, _: choices(wanted), models) as (url, asked):
        opened(url, "named:free").complete(request())
    assert asked[0]["model"] == "named:free"


def test_without_a_list_a_model_is_to_be_named() -> None:
    with serving(lambda wanted, _: choices(wanted), NO_LIST) as (url, _), pytest.raises(InputError, match="--model"):
        opened(url, None)


def test_an_error_inside_a_200_is_tried_again_and_told_in_the_servers_words(quick_retries: None) -> None:
    wrong = (200, {"error": {"message": "Provider returned error", "code": 502}})
    with serving(lambda wanted, number: wrong if number < 3 else choices(wanted)) as (url, asked):
        assert len(opened(url).complete(request())) == 2 and len(asked) == 3
    refused = (200, {"error": {"message": "content filtered", "code": 400}})
    with serving(lambda *_: refused) as (url, asked), pytest.raises(RequestFailed, match="content filtered"):
        opened(url).complete(request())
    assert len(asked) == 1


@pytest.mark.parametrize("index", [None, 0])
def test_choices_without_a_place_keep_their_order(index: int | None) -> None:
    made = [{"index": index, "text": text, "finish_reason": None} for text in "ab"]
    with serving(lambda *_: (200, {"id": "1", "object": "text_completion", "model": "m", "choices": made})) as (url, _):
        assert [each.text for each in opened(url).complete(request())] == ["a", "b"]


def test_a_server_that_only_streams_is_asked_for_a_stream() -> None:
    def respond(wanted: dict[str, Any], _: int) -> Answer:
        if not wanted.get("stream"):
            return refusal(400, "This endpoint only supports stream=true")
        pieces = [{"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]} for text in ("a", "b")]
        pieces.append(
            {
                "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 3, "completion_tokens": 2},
            }
        )
        lines = "".join(
            f"data: {json.dumps({'id': '1', 'object': 'chat.completion.chunk', 'model': 'm', **each})}\n\n"
            for each in pieces
        )
        return 200, f"{lines}data: [DONE]\n\n".encode()

    with serving(respond) as (url, asked):
        engine = opened(url)
        (only,) = engine.complete(request(1, chat=True))
        engine.complete(request(1, chat=True))
    assert (only.text, only.finish_reason, only.prompt_tokens, only.completion_tokens) == ("ab", "stop", 3, 2)
    assert [each.get("stream", False) for each in asked] == [False, True, True]


def streamed(*pieces: tuple[str, str | None]) -> bytes:
    """The pieces of one completion as a server sends them."""
    choices = [{"index": 0, "delta": {"content": text}, "finish_reason": reason} for text, reason in pieces]
    shared = {"id": "1", "object": "chat.completion.chunk", "model": "m"}
    return "".join(f"data: {json.dumps({**shared, 'choices': [each]})}\n\n" for each in choices).encode()


WHOLE = streamed(("a", None), ("b", "stop")) + b"data: [DONE]\n\n"
CUT = streamed(("a", None)) + b"data: [DONE]\n\n"


@pytest.mark.usefixtures("quick_retries")
@pytest.mark.parametrize(
    ("bodies", "texts", "number"),
    [
        ((WHOLE, CUT, WHOLE), ["ab", "ab"], 3),  # cut once, by a server that says how its answers end
        ((CUT,), ["a", "a"], UNFINISHED + 1),  # by one that never says it: taken as it is in the end
        ((Broken(CUT[:40]), WHOLE), ["ab", "ab"], 3),  # the connection ends
    ],
    ids=["cut", "no reasons", "connection"],
)
def test_a_stream_that_was_cut_off_is_asked_for_again(bodies: tuple[bytes, ...], texts: list[str], number: int) -> None:
    given = iter([*bodies, *([bodies[-1]] * 10)])

    def respond(wanted: dict[str, Any], _: int) -> Answer:
        return (200, next(given)) if wanted.get("stream") else refusal(400, "This endpoint only supports stream=true")

    with serving(respond) as (url, asked):
        engine = opened(url)
        answers = [engine.complete(request(1, chat=True))[0] for _ in texts]
    assert [each.text for each in answers] == texts
    assert sum(each.get("stream", False) for each in asked) == number


def status_error(status: int, body: dict[str, Any]) -> openai.APIStatusError:
    response = httpx.Response(status, json=body, request=httpx.Request("POST", "http://x/v1"))
    return openai.APIStatusError("refused", response=response, body=body.get("error", body))


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {"error": {"message": "This model's maximum context length is 4096 tokens."}}),
        (400, {"error": {"message": "Too long", "code": "context_length_exceeded"}}),
        (400, {"error": {"message": "the request exceeds the available context size", "type": "exceed_context_size_error"}}),
        (422, {"error": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000"}),
        (422, {"error": "Input validation error: `inputs` must have less than 1024 tokens. Given: 5000"}),
        (400, {"error": {"message": "The input (5000 tokens) is longer than the model's context length (4096 tokens)."}}),
        (400, {"error": {"message": "input length exceeds maximum context length"}}),
        (400, {"error": {"message": "prompt is too long: 210000 tokens > 200000 maximum"}}),
        (413, {"error": {"message": "Please reduce the length of the messages or completion."}}),
        (500, {"error": {"message": "prompt exceeds num_ctx"}}),
    ],
)  # fmt: skip
def test_a_prompt_that_is_too_long_is_known_in_every_servers_words(status: int, body: dict[str, Any]) -> None:
    error = status_error(status, body)
    if isinstance(body["error"], str):
        error.body = {"message": body["error"]}
    assert is_too_long(error)


@pytest.mark.parametrize("text", ["top_k is not supported", "rate limited", "invalid model", "unknown role: tool"])
def test_other_refusals_are_not_taken_for_a_prompt_that_is_too_long(text: str) -> None:
    assert not is_too_long(status_error(400, {"error": {"message": text}}))


def test_every_form_of_retry_after_is_honoured() -> None:
    soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=40)
    date = email.utils.format_datetime(soon, usegmt=True)
    assert retry_after_s({"retry-after": "7"}) == 7.0 and retry_after_s({"retry-after": "6.5"}) == 6.5
    assert retry_after_s({"retry-after-ms": "250", "retry-after": "9"}) == 0.25
    assert retry_after_s({"retry-after": date}) == pytest.approx(40, abs=2)
    assert retry_after_s({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}) == 0.5
    assert retry_after_s({}) is None and retry_after_s({"retry-after": "soon"}) is None
    assert retry_after_s({"retry-after": "999999"}) == 600.0


def test_a_base_model_that_has_no_template_is_still_told() -> None:
    with (
        serving(lambda *_: refusal(400, "no chat template is defined")) as (url, _),
        pytest.raises(EngineError, match="--form completion"),
    ):
        opened(url).complete(request(1, chat=True))
