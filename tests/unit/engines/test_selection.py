"""Which engine a run takes, and what of its arguments makes it another run."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from harness.config import RunConfig
from harness.engines import _vllm_arguments
from harness.engines._selection import ModelSpec, find_model, plain_url
from harness.errors import InputError
from harness.pipeline import plan
from harness.prompts import template
from harness.tasks import load_config
from harness.types import Form


def test_arguments_for_vllm_are_refused_where_another_engine_is_taken() -> None:
    with pytest.raises(InputError, match="--engine-arg is for engine vllm; this run takes transformers"):
        find_model(RunConfig(model="nano", engine_args=("dtype=half",)))


def test_an_embedded_model_needs_no_server_also_where_the_environment_names_a_vllm() -> None:
    assert find_model(RunConfig(model="nano", vllm_python=Path(sys.executable))).engine == "transformers"


@pytest.mark.parametrize(
    ("given", "moving"),
    [
        (("dtype=half",), ["dtype=half"]),
        (("--quantization=fp8", "dtype=half"), ["dtype=half", "quantization=fp8"]),
        (("max_model_len=77", "--enable-prefix-caching"), ["enable-prefix-caching", "max-model-len=77"]),
        (("gpu-memory-utilization=0.8", "max_num_seqs=64", "-tp=2"), []),
    ],
)
def test_arguments_that_only_change_the_speed_make_no_other_run(given: tuple[str, ...], moving: list[str]) -> None:
    assert _vllm_arguments.score_relevant_arguments(given) == moving


def signed(*arguments: str) -> str:
    model = ModelSpec(name="m", source="m", engine="vllm", form=Form.COMPLETION, identity={})
    return plan._sampling_signature(RunConfig(engine="vllm", engine_args=arguments), model, None, template.OWN)


def test_a_signature_names_the_arguments_that_may_move_a_number() -> None:
    assert signed("quantization=fp8", "max-num-seqs=8") == signed() + "|args:quantization=fp8"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("http://a:8000/v1", "http://a:8000/v1/", True),
        ("http://A/v1", "http://a:80/v1", True),
        ("http://a:8000/v1", "http://a:8001/v1", False),
        ("http://a:8000/x/v1", "http://a:8000/y/v1", False),
        ("http://a:443/v1", "https://a/v1", False),
        ("http://a/v1", "http://b/v1", False),
    ],
)
def test_servers_are_told_apart_by_scheme_host_port_and_path(one: str, other: str, same: bool) -> None:
    models = [find_model(load_config(None, {"base_url": url, "model": "m"})) for url in (one, other)]
    assert (models[0].identity == models[1].identity) is same


def test_models_of_one_server_are_told_apart_by_their_names() -> None:
    models = [find_model(load_config(None, {"base_url": "http://a/v1", "model": name})) for name in ("base", "tuned")]
    assert models[0].identity != models[1].identity


@pytest.mark.parametrize("address", ["http://host:abc/v1", "http://host:99999/v1", "http://[::1/v1"])
def test_an_address_that_is_none_is_bad_input(address: str) -> None:
    with pytest.raises(InputError, match="is no address"):
        plain_url(address)
