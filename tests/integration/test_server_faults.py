"""Engine `openai` against servers that fail in the ways in which servers fail: real ones on the loopback."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from harness.engines import openai as engine
from harness.errors import EngineError, InputError, RequestFailed, RequestRefused
from harness.extractors import DEFAULT, extract
from harness.types import Request, SamplingParams
from tests.fixtures.commands import Harness
from tests.fixtures.problems import write_rows
from tests.fixtures.servers import LOST, Answer, choices, refusal, serving


def ask(n: int, problem_id: str = "p/1") -> Request:
    return Request(problem_id=problem_id, sampling=SamplingParams(n=n, max_tokens=40), prompt="def f():\n")


@contextlib.contextmanager
def client(url: str) -> Iterator[engine.OpenAIEngine]:
    opened = engine.open_engine(engine.Options(base_url=url, model=None))
    yield opened
    opened.close()


def test_a_server_that_does_not_tell_its_version_is_no_fault() -> None:
    with serving(lambda wanted, _: choices(wanted)) as (url, _), client(url) as opened:
        assert opened.describe() == {}


class Life:
    """A server of our own that is started again at once where it died."""

    def __init__(self) -> None:
        self.url = ""
        self.restarts = self.answers = 0
        self._lock = threading.Lock()
        self.died = threading.Event()

    def ensure_running(self) -> str:
        with self._lock:
            if self.died.is_set():
                self.restarts += 1
                self.died.clear()
        return self.url

    def answered(self) -> None:
        self.answers += 1


def test_a_prompt_of_which_our_own_server_dies_is_given_up_and_those_beside_it_are_answered() -> None:
    life = Life()
    together = threading.Barrier(5, life.died.set)  # all five are on their way when it dies

    def respond(wanted: dict[str, Any], count: int) -> Answer:
        if life.restarts == 0:
            together.wait(30)
            return LOST, None
        if "poison" in wanted["prompt"]:
            life.died.set()
            return LOST, None
        return choices(wanted)

    with serving(respond) as (life.url, asked):
        opened = engine.open_engine(engine.Options(base_url=life.url, model=None, server=life))
        poison = dataclasses.replace(ask(1, "p/poison"), prompt="# poison")
        with contextlib.closing(opened), ThreadPoolExecutor(5) as threads:
            doomed = threads.submit(opened.complete, poison)
            others = [threads.submit(opened.complete, ask(2, f"p/{number}")) for number in range(4)]
            with pytest.raises(RequestFailed, match="died of the request for p/poison, asked alone"):
                doomed.result(60)
            assert [len(each.result(60)) for each in others] == [2, 2, 2, 2]
        assert len(asked) == 10 and life.restarts == 2 and life.answers == 4


def test_a_busy_server_of_our_own_is_not_taken_for_one_that_died() -> None:
    life = Life()
    with serving(lambda wanted, count: refusal(500, "busy") if count < 3 else choices(wanted)) as (life.url, asked):
        opened = engine.open_engine(engine.Options(base_url=life.url, model=None, server=life))
        with contextlib.closing(opened):
            assert len(opened.complete(ask(2))) == 2 and len(asked) == 3 and life.restarts == 0


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_asked_again_after_the_time_that_it_names(status: int) -> None:
    def respond(wanted: dict[str, Any], count: int) -> Answer:
        return refusal(status, "busy") if count <= 2 else choices(wanted)

    with serving(respond) as (url, asked), client(url) as opened:
        assert [each.index for each in opened.complete(ask(2))] == [0, 1] and len(asked) == 3
        times = [each["at"] for each in asked]
    assert all(later - earlier >= 1 for earlier, later in itertools.pairwise(times))


def test_a_server_with_a_limit_of_n_is_asked_in_parts_whose_samples_keep_their_seeds() -> None:
    def respond(wanted: dict[str, Any], count: int) -> Answer:
        return refusal(400, "n must be at most 3") if wanted["n"] > 3 else choices(wanted)

    with serving(respond) as (url, asked), client(url) as opened:
        completions = opened.complete(ask(10))
        assert [each.index for each in completions] == list(range(10))
        seeds = [each.seed for each in completions]
        assert seeds == list(range(seeds[0] or 0, (seeds[0] or 0) + 10))
        accepted = [each for each in asked if each["n"] <= 3]
        assert {each["seed"] for each in accepted} <= set(seeds)
        tries = len(asked)
        opened.complete(ask(10, "p/2"))
        assert all(each["n"] <= 2 for each in asked[tries:])  # what was learned is not tried again


def test_a_server_that_gives_one_completion_whatever_n_is_asked_for_one_at_a_time() -> None:
    with serving(lambda wanted, count: choices(wanted, 1)) as (url, asked), client(url) as opened:
        assert [each.index for each in opened.complete(ask(5))] == list(range(5))
        seeds = [each["seed"] for each in asked if each["n"] == 1]
        assert len(seeds) == len(set(seeds)) == 5


def test_a_prompt_longer_than_the_context_is_refused_for_good() -> None:
    message = "This model's maximum context length is 512 tokens. However, you requested 900 tokens"
    with serving(lambda wanted, count: refusal(400, message)) as (url, asked), client(url) as opened:
        with pytest.raises(RequestRefused, match=r"longer than the model's context.*requested 900"):
            opened.complete(ask(8))
        assert len(asked) == 1


def test_a_context_that_no_completion_fits_in_is_bad_input() -> None:
    message = "max_tokens=512 cannot be greater than max_model_len=64. Please request fewer output tokens."  # vLLM 0.32
    with (
        serving(lambda wanted, count: refusal(400, message)) as (url, asked),
        client(url) as opened,
        pytest.raises(InputError, match="smaller --max-tokens"),
    ):
        opened.complete(ask(8))
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ((200, b"<html>It works!</html>"), "what is not an answer"),
        ((200, {"choices": None}), "what is not an answer"),
        ((200, {"id": "1"}), "what is not an answer"),
        ((200, {"choices": [{"index": 3, "text": "", "finish_reason": "stop"}]}), "index 3"),
        ((200, {"choices": [1]}), "what is not an answer"),
        ((200, {"choices": [None]}), "what is not an answer"),
        (
            (200, {"choices": [{"index": 0, "finish_reason": "stop"}]}),
            "what is not an answer",
        ),  # no text is no empty text
        ((200, {"choices": [{"index": 0, "text": 5}]}), "what is not an answer"),
        (refusal(422, "no such parameter"), "HTTP 422: no such parameter"),
    ],
)
def test_an_answer_that_is_none_fails_that_request(answer: Answer, message: str) -> None:
    with (
        serving(lambda wanted, count: answer) as (url, _),
        client(url) as opened,
        pytest.raises(RequestFailed, match=message),
    ):
        opened.complete(ask(1))


@pytest.mark.parametrize("message", [None, "text", {"content": [{"type": "image", "url": "x"}]}])
def test_a_message_without_text_fails_that_request(message: object) -> None:
    body = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    asked = Request(problem_id="p", sampling=SamplingParams(), messages=({"role": "user", "content": "hello"},))
    with (
        serving(lambda wanted, count: (200, body)) as (url, _),
        client(url) as opened,
        pytest.raises(RequestFailed, match="what is not an answer"),
    ):
        opened.complete(asked)


@pytest.mark.parametrize("usage", ["many", {}, {"prompt_tokens": "5", "completion_tokens": -4}])
def test_tokens_that_are_no_numbers_are_not_counted(usage: object) -> None:
    body = {"choices": [{"index": 0, "text": "x", "finish_reason": 7}], "usage": usage}
    with serving(lambda wanted, count: (200, body)) as (url, _), client(url) as opened:
        (completion,) = opened.complete(ask(1))
    assert completion.text == "x" and completion.finish_reason is None
    assert completion.prompt_tokens is None and completion.completion_tokens is None


def test_a_proxy_for_the_world_is_none_for_the_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with serving(lambda wanted, count: choices(wanted)) as (url, _), client(url) as opened:
        assert len(opened.complete(ask(2))) == 2


def test_an_address_without_its_last_part_is_told() -> None:
    with serving(lambda wanted, count: choices(wanted), (404, {"detail": "Not Found"})) as (url, _):
        root = url.removesuffix("/v1")
        with pytest.raises(InputError, match=f"did you mean --base-url {url}"):
            engine.open_engine(engine.Options(base_url=f"{root}/", model=None))


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_is_not_taken_ends_the_run(status: int) -> None:
    with (
        serving(lambda wanted, count: refusal(status, "wrong key")) as (url, _),
        client(url) as opened,
        pytest.raises(EngineError, match="wrong key") as raised,
    ):
        opened.complete(ask(1))
    assert not isinstance(raised.value, (RequestFailed, RequestRefused))


@pytest.mark.parametrize("models", [(200, b"<html>"), (200, {"data": 3}), (200, []), (404, b"nothing here")])
def test_what_is_no_model_server_is_told_at_once(models: Answer) -> None:
    with serving(lambda wanted, count: choices(wanted), models) as (url, _), pytest.raises(InputError):
        engine.open_engine(engine.Options(base_url=url, model=None))


@pytest.fixture
def problems(tmp_path: Path) -> Path:
    """Five problems whose right answer is `pass`; the third one's prompt says LONG."""
    rows = [
        {
            "id": f"x/{number}",
            "prompt": f"def f{number}():\n    '''{'LONG' if number == 2 else 'short'}'''\n",
            "entry_point": f"f{number}",
            "tests": {"kind": "call", "source": "def check(candidate):\n    assert candidate() is None\n"},
            "reference": "    pass\n",
            "wrong": ["    return 1\n", "    return 2\n"],
        }
        for number in range(5)
    ]
    path = tmp_path / "five.jsonl"
    return write_rows(path, *rows)


def run(harness: Harness, problems: Path, url: str) -> tuple[int, dict[str, Any], str]:
    ended = harness(
        "run", "--base-url", url, "--problems", problems, "--k", "1", "--n", "4", "--json", cwd=problems.parent
    )
    return ended.returncode, json.loads(ended.stdout) if ended.stdout else {}, ended.stderr


def test_a_problem_that_the_context_does_not_hold_is_missing_coverage_and_the_rest_runs(
    harness: Harness, problems: Path
) -> None:
    def respond(wanted: dict[str, Any], count: int) -> Answer:
        return refusal(400, "maximum context length is 9 tokens") if "LONG" in wanted["prompt"] else choices(wanted)

    with serving(respond) as (url, asked):
        code, summary, _ = run(harness, problems, url)
        assert code == 3 and not summary["coverage"]["complete"]
        assert list(summary["coverage"]["refused"]) == ["x/2"]
        assert summary["coverage"]["problems_scored"] == 4 and summary["estimates"][0]["value"] == 1.0
        assert summary["problems"]["x/2"] == {"n": 0, "c": 0}
        before = len(asked)
        code, again, _ = run(harness, problems, url)
        assert code == 3 and len(asked) == before and again == summary  # it is not asked for again


def test_a_request_that_fails_is_missing_coverage_and_asked_again_by_the_same_command(
    harness: Harness, problems: Path
) -> None:
    broken = True

    def respond(wanted: dict[str, Any], count: int) -> Answer:
        return refusal(422, "not today") if broken and "LONG" in wanted["prompt"] else choices(wanted)

    with serving(respond) as (url, asked):
        code, summary, _ = run(harness, problems, url)
        assert code == 3 and "not today" in summary["coverage"]["failed"]["x/2"] and not summary["coverage"]["refused"]
        broken = False
        before = len(asked)
        code, summary, _ = run(harness, problems, url)
        assert code == 0 and summary["coverage"]["complete"] and len(asked) == before + 1


@pytest.mark.usefixtures("quick_retries")
def test_quick_refusals_of_the_first_prompts_do_not_end_a_run_that_others_are_answered_in(
    harness: Harness, problems: Path
) -> None:
    def respond(wanted: dict[str, Any], count: int) -> Answer:
        if any(f"def f{number}(" in wanted["prompt"] for number in range(3)):
            return refusal(400, "blocked")
        time.sleep(1)
        return choices(wanted)

    with serving(respond) as (url, _):
        for _ in range(2):  # the second time only those are asked for that are refused
            code, summary, said = run(harness, problems, url)
            assert code == 3 and "go on with" not in said
            assert sorted(summary["coverage"]["failed"]) == ["x/0", "x/1", "x/2"]
            assert summary["coverage"]["problems_scored"] == 2 and summary["estimates"][0]["value"] == 1.0


def test_a_run_in_which_nothing_is_answered_has_no_summary(harness: Harness, problems: Path) -> None:
    with serving(lambda wanted, count: refusal(400, "no such parameter: top_k")) as (url, _):
        code, summary, said = run(harness, problems, url)
    assert code == 3 and not summary and "no such parameter: top_k" in said and "go on with" in said


@pytest.mark.usefixtures("quick_retries")
def test_a_server_that_dies_half_way_ends_the_run_with_the_command_to_go_on_with(
    harness: Harness, problems: Path
) -> None:
    with socket.socket() as held:  # a port on which nothing listens any more
        held.bind(("127.0.0.1", 0))
        gone = f"http://127.0.0.1:{held.getsockname()[1]}/v1"
    dying = {"after": 2, "asked": 0}

    def respond(wanted: dict[str, Any], count: int) -> Answer:
        dying["asked"] = count
        if count > dying["after"]:
            raise ConnectionAbortedError("the server is gone")
        return choices(wanted)

    def models() -> Answer:
        if dying["asked"] > dying["after"]:
            raise ConnectionAbortedError("the server is gone")
        return 200, {"object": "list", "data": [{"id": "m", "object": "model"}]}

    with serving(respond, models) as (url, asked):
        code, _, said = run(harness, problems, url)
        assert code == 3 and "go on with: harness run" in said and "--base-url" in said
        dying["after"] = 10**9
        done = 2
        before = len(asked)
        code, summary, _ = run(harness, problems, url)
        assert code == 0 and summary["coverage"]["complete"] and len(asked) - before == 5 - done
    code, _, said = run(harness, problems, gone)
    assert code == 2 and "no model server answers" in said


@pytest.mark.usefixtures("quick_retries")
def test_a_prompt_on_which_a_server_drops_the_connection_fails_alone(harness: Harness, problems: Path) -> None:
    def respond(wanted: dict[str, Any], count: int) -> Answer:
        if "LONG" in wanted["prompt"]:
            raise ConnectionAbortedError("not this one")
        return choices(wanted)

    with serving(respond) as (url, _):
        code, summary, _ = run(harness, problems, url)
    assert code == 3 and list(summary["coverage"]["failed"]) == ["x/2"]
    assert summary["coverage"]["problems_scored"] == 4 and summary["estimates"][0]["value"] == 1.0


def test_reasoning_that_a_server_gives_apart_is_kept_and_an_answer_cut_in_it_holds_no_program() -> None:
    def respond(wanted: dict[str, Any], count: int) -> Answer:  # as vLLM's reasoning parsers answer
        message = {"role": "assistant", "content": None, "reasoning": "def f(): pass"}
        choice = {"index": 0, "message": message, "finish_reason": "length"}
        return 200, {"id": "1", "object": "chat.completion", "model": "m", "choices": [choice]}

    asked = Request(problem_id="p", sampling=SamplingParams(), messages=({"role": "user", "content": "hello"},))
    with serving(respond) as (url, _), client(url) as opened:
        (completion,) = opened.complete(asked)
    assert completion.text == "<think>def f(): pass" and extract(DEFAULT, completion.text, "", "f").source == ""
    assert completion.finish_reason == "length" and completion.usage is not None
    assert completion.usage.completion_tokens is None


def test_requests_in_parts_have_a_usage_each() -> None:
    def respond(wanted: dict[str, Any], count: int) -> Answer:
        return refusal(400, "n must be at most 3") if wanted["n"] > 3 else choices(wanted)

    with serving(respond) as (url, asked), client(url) as opened:
        usages = [each.usage for each in opened.complete(ask(10)) if each.usage]
        answered = sum(each["n"] <= 3 for each in asked)
    assert sum(each.completion_tokens or 0 for each in usages) == 2 * 10
    assert len(usages) == answered and all(each.prompt_tokens == 5 for each in usages)
