"""Flags over a file over defaults, and messages that teach."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.config import RunConfig
from harness.errors import InputError
from harness.tasks import load_config
from sandbox import Limits


def test_n_is_the_largest_k_but_at_least_10() -> None:
    assert RunConfig(k=(1, 100)).sampling().n == 100
    assert RunConfig(k=(1,)).sampling().n == 10
    assert RunConfig(k=(1,), n=3).sampling().n == 3


def test_flags_win_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text('problems = "core"\ntemperature = 0.2\nk = [1, 5]\n')
    config = load_config(file, {"temperature": 0.6, "seed": None})
    assert (config.problems, config.temperature, config.k, config.seed) == ("core", 0.6, (1, 5), 0)


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "k of 0": ({"k": (0,)}, "k must be at least 1"),
    "n of 0": ({"n": 0}, "n must be above 0"),
    "k above n": ({"k": (1, 20), "n": 5}, "pass@20 needs k <= n, but n is 5"),
    "temperature": ({"temperature": -1.0}, "temperature must be at least 0"),
    "top_p": ({"top_p": 1.5}, "top_p must be above 0 and at most 1"),
    "greedy with many samples": ({"temperature": 0.0, "n": 10}, "10 equal completions"),
    "no workers": ({"workers": 0}, "workers must be above 0"),
    "unknown engine": ({"engine": "vlm"}, "--engine"),
    "server without address": ({"engine": "openai"}, "needs base_url"),
    "address without server": ({"engine": "transformers", "base_url": "http://x"}, "base_url is for engine openai"),
    "replay of nothing": ({"engine": "replay"}, "needs samples"),
    "unknown sandbox": ({"sandbox": "none"}, "--sandbox"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_option_is_named(name: str) -> None:
    flags, message = BAD[name]
    with pytest.raises(InputError, match=message.replace("(", r"\(")):
        load_config(None, flags)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("temprature = 1", "did you mean temperature"),
        ("n = ", "not TOML"),
        ('n = "ten"', "run.toml: n"),
    ],
)
def test_a_bad_file_is_named(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "run.toml"
    file.write_text(text)
    with pytest.raises(InputError, match=message):
        load_config(file, {})


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        load_config(tmp_path / "no.toml", {})


def test_the_run_s_limits_take_the_place_of_the_problem_s() -> None:
    own = Limits(cpu_s=3, wall_s=6, memory_bytes=2**30)
    assert RunConfig().limits(own) == own
    changed = RunConfig(cpu_s=20, memory_mib=64).limits(own)
    assert (changed.cpu_s, changed.wall_s, changed.memory_bytes) == (20, 20, 64 * 2**20)


def test_temperature_0_draws_one_completion_unless_n_says_otherwise() -> None:
    assert RunConfig(temperature=0).sampling().n == 1 == RunConfig(temperature=0, k=(1,)).sampling().n
    with pytest.raises(ValueError, match=r"temperature 0 draws one completion per problem, and pass@10 needs 10"):
        RunConfig(temperature=0, k=(1, 10))
    with pytest.raises(ValueError, match="temperature 0 gives 5 equal completions"):
        RunConfig(temperature=0, n=5)
