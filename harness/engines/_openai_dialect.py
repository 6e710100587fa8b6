"""What a server that speaks OpenAI's protocol takes and says in its own way, learnt from its refusals.

Every parameter is sent, neutral ones too: vLLM otherwise takes those of the model's generation_config.json, llama.cpp
its own (top_k 40). A server that refuses one by name is asked again without it where it was neutral, or where what it
does can be done here (stop strings are cut, a seed is recorded as unknown), under its other name where it has one, and
once for all. One whose value would change what is sampled is never left out: the user is told. Servers that give
answers only as a stream are asked for one.

Seen in reports: OpenAI (max_completion_tokens, fixed temperature), Mistral and NVIDIA (422 with `detail`), LiteLLM,
Azure, Groq (`param`), TGI and Ollama (other words for a prompt that is too long), gateways that stream only.
"""

from __future__ import annotations

import datetime
import email.utils
import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import openai
import tenacity

from harness.engines import seed_of
from harness.types import Form, Request

log = logging.getLogger("harness")

# Servers take no more than four stop strings. The rest are cut here: the same text, for some tokens drawn in vain.
SERVER_STOPS = 4
LONGEST_WAIT_S = 600.0  # that a server may ask for between two attempts
UNFINISHED = 3  # streams without a reason for their end, after which a server is taken to give none
_BESIDE = ("top_k", "min_p", "repetition_penalty")  # not OpenAI's: they go beside its own
_NEUTRAL: Mapping[str, Any] = {"top_k": 0, "min_p": 0.0, "repetition_penalty": 1.0, "top_p": 1.0}
_OFF = {"top_k": -1}  # how others write the neutral value: SGLang, and vLLM before 0.9, refuse 0
_DONE_HERE = ("stop", "seed")
_OTHER_NAMES = {"max_tokens": "max_completion_tokens"}
_REFUSED = re.compile(
    r"unrecogni[sz]ed|unknown|unsupported|unexpected|not supported|not permitted|not allowed|does not support|extra|"
    r"additional propert|no such|invalid|forbidden|can ?not be|remove",
    re.IGNORECASE,
)
_STREAM_ONLY = re.compile(r"\bstream\w*\b.{0,60}\b(?:only|must|required|true)\b|\bonly\b.{0,40}\bstream", re.IGNORECASE)
# A prompt that is longer than the context, in the words of vLLM, SGLang, llama.cpp, TGI, Ollama, OpenAI and gateways.
_TOO_LONG = re.compile(
    r"context[ _-]?(?:length|window|size)|maximum (?:context|prompt|input|sequence)|max_model_len|"
    r"input(?: tokens?)? ?(?:length|is too long)|prompt (?:is )?too long|input is too long|too many (?:input )?tokens|"
    r"`?inputs`? (?:tokens \+ `?max_new_tokens`? )?must (?:be|have)|reduce the length|longer than the model|"
    r"exceeds? the (?:model'?s? )?(?:maximum|max|available|token)|token limit|num_ctx",
    re.IGNORECASE,
)
_TOO_LONG_TYPES = {"context_length_exceeded", "exceed_context_size_error", "string_above_max_length"}


class AnswerIsError(Exception):
    """An error inside an answer of status 200. passing: whether another attempt may help."""

    def __init__(self, message: str, *, passing: bool) -> None:
        super().__init__(message)
        self.passing = passing


class Dialect:
    """How one server is asked. Threads may learn the same thing twice; that changes nothing."""

    def __init__(self) -> None:
        self._left_out: set[str] = set()
        self._renamed: dict[str, str] = {}
        self._off: dict[str, Any] = {}  # parameters whose neutral value this server writes in another way
        self.streams = False
        self._finishes = False  # a stream was seen to end with its reason
        self._unfinished = 0  # streams that ended without one

    def check_finished(self, answer: Any) -> None:
        """Raises AnswerIsError for a stream that was cut off: one without a reason for its end, of a server that gives
        them. Of one that was never seen to give any, the third such answer counts.
        """
        if all(getattr(choice, "finish_reason", None) for choice in answer.choices):
            self._finishes = True
            return
        self._unfinished += 1
        if self._finishes or self._unfinished < UNFINISHED:
            raise AnswerIsError("the stream ended before the answer did", passing=True)

    def learnt(self) -> dict[str, str]:
        """What this server is sent in another way than others, by parameter: `left out`, or its other name or value."""
        found = dict.fromkeys(self._left_out, "left out") | self._renamed
        return dict(sorted((found | {name: str(value) for name, value in self._off.items()}).items()))

    @property
    def left_out(self) -> list[str]:
        """The parameters that this server does not take."""
        return sorted(self._left_out)

    @property
    def keeps_seeds(self) -> bool:
        """Whether the server is given seeds."""
        return "seed" not in self._left_out

    def arguments(self, request: Request) -> dict[str, Any]:
        """The sampling parameters of a request, as this server takes them."""
        arguments = sampling_arguments(request)
        beside = {
            name: self._off.get(name, value) if value == _NEUTRAL[name] else value
            for name, value in arguments.pop("extra_body").items()
            if name not in self._left_out
        }
        named = {self._renamed.get(k, k): v for k, v in arguments.items() if k not in self._left_out}
        late = {name: named.pop(name) for name in list(named) if name in self._renamed.values()}
        return {**named, "extra_body": {**beside, **late}}

    def learn(self, error: openai.APIStatusError, request: Request, sent: Mapping[str, Any]) -> bool:
        """Whether the request is to be made again, in the way that this refusal asks for. sent: what it was made with.

        What another thread has learnt meanwhile is a reason to ask again too.
        """
        if error.status_code not in (400, 404, 422):
            return False
        text = error_text(error)
        if _STREAM_ONLY.search(text) and "stream" not in sent:
            self.streams = True
            log.info("the server answers only as a stream")
            return True
        names = {*sent.get("extra_body", ()), *sent} & {*_NEUTRAL, *_DONE_HERE, *_OTHER_NAMES, "temperature"}
        name = refused_parameter(error, sorted(names)) or _other_off(text)
        if name is None or is_too_long(error):
            return False
        if name in self._left_out or name in self._renamed:
            return True
        if name == _other_off(text) and self._can_do_without(name, request):
            known = sent.get("extra_body", {}).get(name) == _OFF[name]  # refused in this form too
            self._off[name] = _OFF[name]
            return not known
        if name in _OTHER_NAMES and _OTHER_NAMES[name] not in self._renamed.values():
            self._renamed[name] = _OTHER_NAMES[name]
        elif self._can_do_without(name, request):
            self._left_out.add(name)
        else:
            return False
        log.info("the server does not take %s: %s", name, text[:200])
        return True

    def _can_do_without(self, name: str, request: Request) -> bool:
        arguments = sampling_arguments(request)
        value = {**arguments, **arguments["extra_body"]}.get(name)
        return name in _DONE_HERE or (name in _NEUTRAL and value == _NEUTRAL[name])


def sampling_arguments(request: Request) -> dict[str, Any]:
    """Every parameter, always; those that are vLLM's own go beside the standard ones."""
    sampling = request.sampling
    return {
        "n": sampling.n,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "max_tokens": sampling.max_tokens,
        "stop": list(sampling.stop[:SERVER_STOPS]) or None,
        "seed": seed_of(request, 0),
        "extra_body": {"top_k": sampling.top_k, "min_p": 0.0, "repetition_penalty": 1.0},
    }


def refused_parameter(error: openai.APIStatusError, sent: Iterable[str]) -> str | None:
    """Which of the parameters that were sent a refusal names; None where it names none."""
    names = list(sent)
    body = error.body if isinstance(error.body, dict) else {}
    places = [each.get("loc") for each in _details(error) if isinstance(each, dict)]
    told = [body.get("param"), *[place[-1] for place in places if isinstance(place, list) and place]]
    found = next((name for name in told if name in names), None)
    text = error_text(error)
    if found is not None or not _REFUSED.search(text):
        return found if isinstance(found, str) else None
    return next((name for name in names if re.search(rf"\b{name}\b", text)), None)


def _other_off(text: str) -> str | None:
    """The parameter that a server wants switched off by another value; None where it says no such thing."""
    return next((name for name, value in _OFF.items() if re.search(rf"\b{name}\b.{{0,40}}{value}\b", text)), None)


def error_text(error: openai.APIStatusError) -> str:
    """What the server says, with the places that a list of faults names."""
    body = error.body
    text = body.get("message") if isinstance(body, dict) else None
    if not text:
        text = "; ".join(_detail_texts(error)) or error.message
    return str(text)[:500]


def is_too_long(error: openai.APIStatusError) -> bool:
    """Whether it is this prompt's length that a server refuses."""
    if error.status_code not in (400, 413, 422, 500):
        return False
    body = error.body if isinstance(error.body, dict) else {}
    kinds = {str(body.get(name)) for name in ("code", "type", "error_type")}
    return bool(kinds & _TOO_LONG_TYPES) or _TOO_LONG.search(error_text(error)) is not None


def advice(request: Request, error: openai.APIStatusError) -> str:
    """What to do about a request that no prompt would make better; empty where that is not known."""
    if request.form() is Form.CHAT and "template" in error_text(error):
        return "; a base model has no chat template: use --form completion"
    if error.status_code == 404 and request.form() is Form.COMPLETION:
        return "; the server may offer chat only: use --form chat"
    return ""


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """The wait that a server asks for: seconds, also as a fraction, or a date (RFC 9110, 10.2.3); None for none."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        value = headers.get(name, "").strip()
        if re.fullmatch(r"\d{1,9}(?:\.\d{1,9})?", value):
            return min(float(value) * unit, LONGEST_WAIT_S)
    try:
        date = email.utils.parsedate_to_datetime(headers.get("retry-after", ""))
    except (ValueError, TypeError, IndexError):
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=datetime.UTC)
    left = (date - datetime.datetime.now(datetime.UTC)).total_seconds()
    return min(max(left, 0.0) + 0.5, LONGEST_WAIT_S)  # the date has whole seconds


def is_passing(error: BaseException) -> bool:
    """Whether another attempt may be answered."""
    if isinstance(error, openai.APIStatusError):
        return error.status_code in (408, 409, 429) or error.status_code >= 500
    return isinstance(error, openai.APIConnectionError) or (isinstance(error, AnswerIsError) and error.passing)


def wait_s(state: tenacity.RetryCallState) -> float:
    """The wait before the next attempt: what the server asks for, else longer each time."""
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, openai.APIStatusError):
        after = retry_after_s(error.response.headers)
        if after is not None:
            return after
    return tenacity.wait_random_exponential(multiplier=1, max=20)(state)


def checked(answer: Any) -> Any:
    """The answer, where it is one. Raises AnswerIsError for an error that came with status 200."""
    error = getattr(answer, "error", None)
    if getattr(answer, "choices", None) or not error:
        return answer
    message = error.get("message") if isinstance(error, dict) else None
    code = error.get("code") if isinstance(error, dict) else None
    digits = int(code) if isinstance(code, int) or (isinstance(code, str) and code.isdigit()) else 500
    raise AnswerIsError(str(message or error)[:500], passing=digits in (408, 409, 429) or digits >= 500)


def number_choices(choices: list[Any], n: int) -> None:
    """Give n choices without an index, or all of index 0, their places: their order is all there is."""
    if len(choices) == n and {getattr(choice, "index", None) for choice in choices} in ({None}, {0}):
        for place, choice in enumerate(choices):
            choice.index = place


def assembled(chunks: Iterable[Any]) -> Any:
    """One answer of the pieces of a stream."""
    found: dict[int, SimpleNamespace] = {}
    usage = None
    for chunk in chunks:
        usage = getattr(chunk, "usage", None) or usage
        for choice in getattr(chunk, "choices", None) or ():
            whole = found.setdefault(choice.index or 0, _empty_choice(choice.index or 0))
            _add(whole, choice)
    return SimpleNamespace(choices=list(found.values()), usage=usage)


def _empty_choice(index: int) -> SimpleNamespace:
    message = SimpleNamespace(content="", reasoning="")
    return SimpleNamespace(index=index, text="", message=message, finish_reason=None)


def _add(whole: SimpleNamespace, piece: Any) -> None:
    whole.text += getattr(piece, "text", None) or ""
    delta = getattr(piece, "delta", None)
    if delta is not None:
        whole.message.content += getattr(delta, "content", None) or ""
        reasoning = getattr(delta, "reasoning", None) or getattr(delta, "reasoning_content", None)
        whole.message.reasoning += reasoning or ""
    whole.finish_reason = getattr(piece, "finish_reason", None) or whole.finish_reason


def _details(error: openai.APIStatusError) -> list[Any]:
    """The list of faults of a 422, as FastAPI servers give it."""
    body: Any = error.body
    try:
        body = body if isinstance(body, dict) else error.response.json()
    except ValueError:
        return []
    found = body.get("detail") if isinstance(body, dict) else None
    return found if isinstance(found, list) else [found] if isinstance(found, str) else []


def _detail_texts(error: openai.APIStatusError) -> Iterator[str]:
    for each in _details(error):
        if isinstance(each, dict):
            place = each.get("loc")
            where = ".".join(map(str, place)) if isinstance(place, list) else ""
            yield f"{where}: {each.get('msg') or each.get('type') or 'refused'}".lstrip(": ")
        else:
            yield str(each)
