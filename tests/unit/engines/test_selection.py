"""Which engine a run takes, and what of its arguments makes it another run."""

from __future__ import annotations

import importlib
import itertools
import json
import os
import shutil
import socket
import sys
import threading
import time
from pathlib import Path
from unittest import mock

import pytest

from harness.config import RunConfig
from harness.engines import _hub, _vllm_arguments
from harness.engines._addresses import plain_url
from harness.engines._selection import ModelSpec, find_model
from harness.errors import InputError
from harness.models import model_dir
from harness.pipeline import plan
from harness.prompts import template
from harness.tasks import load_config
from harness.types import Form
from tests.fixtures.servers import closed_port


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
    with pytest.raises(InputError, match="is not an address"):
        plain_url(address)


def hub_cache(folder: Path, revision: str, *, template: bool = False) -> None:
    """The hub's cache as a download of the embedded model would leave it under the name `owner/tiny`."""
    repository = folder / "models--owner--tiny"
    snapshot = repository / "snapshots" / revision
    shutil.copytree(model_dir("nano"), snapshot)
    if template:
        (snapshot / "chat_template.jinja").write_text("{% for m in messages %}{{ m.content }}{% endfor %}")
    (repository / "refs").mkdir(exist_ok=True)
    (repository / "refs" / "main").write_text(revision)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the hub, without network."""
    for module in ("huggingface_hub.constants", "huggingface_hub.file_download", "transformers.utils.hub"):
        importlib.import_module(module)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    return tmp_path


OLD, NEW = "a" * 40, "b" * 40


def test_another_commit_of_a_hub_model_is_another_model(hub: Path) -> None:
    hub_cache(hub, OLD)
    old = find_model(RunConfig(model="owner/tiny", engine="transformers"))
    hub_cache(hub, NEW)
    new = find_model(RunConfig(model="owner/tiny", engine="transformers"))
    assert (old.identity["revision"], new.identity["revision"], new.revision) == (OLD, NEW, NEW)


def test_a_hub_model_with_a_chat_template_is_asked_in_chat_form_whatever_its_name(hub: Path) -> None:
    hub_cache(hub, OLD)
    assert find_model(RunConfig(model="owner/tiny", engine="transformers")).form is Form.COMPLETION
    hub_cache(hub, NEW, template=True)
    assert find_model(RunConfig(model="owner/tiny", engine="transformers")).form is Form.CHAT


def test_a_hub_model_that_is_not_here_and_cannot_be_fetched_says_so(hub: Path) -> None:
    with pytest.raises(InputError, match=r"owner/other is not on this machine.*HF_HUB_OFFLINE is set.*hf download"):
        find_model(RunConfig(model="owner/other", engine="transformers"))


def test_without_network_that_takes_no_minute_and_the_cache_is_asked(
    hub: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "")  # what is set now is as it was after the test
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", f"http://127.0.0.1:{closed_port()}")
    hub_cache(hub, OLD)
    begun = time.monotonic()
    with pytest.raises(InputError, match=r"cannot be reached \(127.0.0.1: Connection refused\)"):
        find_model(RunConfig(model="owner/other", engine="transformers"))
    assert time.monotonic() - begun < 5
    assert os.environ["HF_HUB_OFFLINE"] == "1"  # a server that is started asks nobody either
    assert find_model(RunConfig(model="owner/tiny", engine="transformers")).revision == OLD


def test_a_server_that_is_silent_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    end = threading.Event()

    def connect(place: tuple[str, int], timeout_s: float) -> None:
        end.wait(30)
        raise TimeoutError("timed out")

    monkeypatch.setattr(socket, "create_connection", connect)
    begun = time.monotonic()
    assert _hub.probe("https://hub.example", 0.2) == "hub.example: no answer in 0.2 s"
    assert time.monotonic() - begun < 5
    end.set()


def test_where_there_is_a_proxy_it_is_what_must_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def connect(place: tuple[str, int], timeout_s: float) -> mock.Mock:
        asked.append(place)
        return mock.Mock()

    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    monkeypatch.setattr(socket, "create_connection", connect)
    assert _hub.probe("https://hub.example") is None and asked == [("proxy.example", 3128)]


def adapter(folder: Path, base: str, weights: bytes = b"x", **config: object) -> Path:
    folder.mkdir()
    asked = {"peft_type": "LORA", "r": 12, "base_model_name_or_path": base, **config}
    (folder / "adapter_config.json").write_text(json.dumps(asked))
    (folder / "adapter_model.safetensors").write_bytes(weights)
    return folder


def identity(folder: Path) -> object:
    return find_model(RunConfig(model=str(folder), engine="transformers")).identity


def test_an_adapter_is_known_by_its_weights_and_its_base(tmp_path: Path) -> None:
    one = adapter(tmp_path / "one", "nano")
    first = identity(one)
    (one / "adapter_model.safetensors").write_bytes(b"y")
    trained_on = identity(one)
    (one / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": "nano-base", "r": 12}))
    on_another = identity(one)
    assert first != trained_on != on_another and first["base"]["name"] == "nano"  # type: ignore[index]


@pytest.mark.parametrize(
    ("base", "config", "words"),
    [
        ("", {}, "names no base_model_name_or_path"),
        ("nano", {"peft_type": "PROMPT_TUNING"}, "kind PROMPT_TUNING; merge it"),
        ("/nowhere/base", {}, "the base of the adapter .*/nowhere/base"),
        ("nano", {"r": "many"}, "is not a configuration of an adapter"),
    ],
)
def test_an_adapter_that_cannot_be_one_says_why(
    tmp_path: Path, base: str, config: dict[str, object], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        identity(adapter(tmp_path / "one", base, **config))


def test_vllm_serves_an_adapter_under_its_name_and_makes_room_for_its_rank(tmp_path: Path) -> None:
    options = _vllm_arguments.ServerOptions(
        model=str(model_dir("nano")), name="mine", adapter=adapter(tmp_path / "mine", "nano"), revision=OLD
    )
    given = _vllm_arguments.arguments(options, 1)
    value = dict(itertools.pairwise(given))
    assert value["--lora-modules"] == f"mine={tmp_path / 'mine'}" and value["--max-lora-rank"] == "16"
    assert value["--served-model-name"] == "mine-base" and value["--revision"] == OLD and "--enable-lora" in given


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [("?deployment=a", "?deployment=b", False), ("?a=1&b=2", "?b=2&a=1", True), ("", "?a=1", False)],
)
def test_servers_that_a_query_tells_apart_are_two_and_the_query_is_not_written(
    one: str, other: str, same: bool
) -> None:
    urls = (f"http://a/v1{one}", f"http://a/v1{other}")
    found = [find_model(load_config(None, {"base_url": url, "model": "m"})).identity for url in urls]
    assert (found[0] == found[1]) is same and "deployment" not in str(found)
