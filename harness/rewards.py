"""Reward functions for trainers, over `harness serve sandbox`.

TRL's GRPOTrainer takes `code_reward(...)` in `reward_funcs`: it is given the data set's columns by their names, and
leaves out of the loss what has None. OpenRLHF's `--reward.remote_url FILE.py` takes a file with `reward_func`:

    from harness.rewards import openrlhf_reward
    reward_func = openrlhf_reward("http://127.0.0.1:8080")

The column or label of a sample says what decides: a problem's name (`humaneval/0`), or tests as `/v1/judge` takes them.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal

from harness.client import AsyncSandbox, Sandbox, ServiceUnavailable
from harness.errors import InputError

Reward = Literal["all", "fraction"]
TrlReward = Callable[..., Awaitable[list[float | None]]]
OpenRlhfReward = Callable[[Sequence[str], Sequence[str], Sequence[str]], dict[str, Any]]


def trl_reward(
    urls: str | Sequence[str], key: str | None = None, *, column: str = "tests", reward: Reward = "all"
) -> TrlReward:
    """TRL's asynchronous reward function: what each completion is worth; None where there is no verdict.

    column: of the data set, with a problem's name or tests (an object, or JSON text of one) for each sample.
    """

    async def code_reward(prompts: Any, completions: Sequence[Any], **columns: Any) -> list[float | None]:
        del prompts
        if column not in columns:
            raise InputError(f"the data set has no column {column!r}; it has: {', '.join(sorted(columns))}")
        # a client for each call: TRL may call from a new event loop each time
        async with AsyncSandbox(urls, key) as box:
            return await box.rewards([_text(each) for each in completions], reward=reward, **_what(columns[column]))

    return code_reward


def openrlhf_reward(urls: str | Sequence[str], key: str | None = None, *, reward: Reward = "all") -> OpenRlhfReward:
    """OpenRLHF's reward function; labels say what decides. Raises ServiceUnavailable where there is no verdict, for
    OpenRLHF takes numbers only."""

    def reward_func(queries: Sequence[str], prompts: Sequence[str], labels: Sequence[str]) -> dict[str, Any]:
        from torch import tensor  # measured: 2 s, which a service without a trainer need not wait for

        answers = [query.removeprefix(prompt) for query, prompt in zip(queries, prompts, strict=True)]
        with Sandbox(urls, key) as box:
            rewards = box.rewards(answers, reward=reward, **_what(labels))
        if None in rewards:
            raise ServiceUnavailable(f"{rewards.count(None)} of {len(rewards)} answers have no verdict")
        values = tensor(rewards)
        return {"rewards": values, "scores": values, "extra_logs": {}}

    return reward_func


def _text(completion: Any) -> str:
    """The answer: a text, or the last of a list of messages, whose content may be a list of parts."""
    if isinstance(completion, str):
        return completion
    content = completion[-1].get("content") if completion else None
    return content if isinstance(content, str) else "".join(part.get("text") or "" for part in content or ())


def _what(values: Sequence[Any]) -> dict[str, list[Any]]:
    """What decides, of one kind for all samples: {"problems": names} or {"tests": tests}. Raises InputError."""
    if all(isinstance(each, str) and not each.lstrip().startswith("{") for each in values):
        return {"problems": list(values)}
    try:
        return {"tests": [json.loads(each) if isinstance(each, str) else each for each in values]}
    except ValueError as error:
        raise InputError(f"a sample has neither a problem's name nor tests as JSON: {error}") from error
