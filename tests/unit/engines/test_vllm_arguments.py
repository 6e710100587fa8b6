"""What vLLM is started with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.engines import _vllm_arguments, _vllm_server
from harness.engines._vllm_arguments import GIB, ServerOptions
from harness.errors import InputError


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    config = {"max_position_embeddings": 131072, "num_attention_heads": 28}
    (folder / "config.json").write_text(json.dumps(config))
    with open(folder / "model.safetensors", "wb") as file:
        file.truncate(15 * GIB)  # sparse: its size alone matters
    return folder


def value(arguments: list[str], flag: str) -> str | None:
    places = [place for place, each in enumerate(arguments) if each == flag]
    return arguments[places[-1] + 1] if places else None


def with_gpus(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *mebibytes: int) -> None:
    """A real command in nvidia-smi's place, that says what it does of these GPUs."""
    tool = tmp_path / "bin" / "nvidia-smi"
    tool.parent.mkdir(exist_ok=True)
    tool.write_text("#!/bin/sh\n" + "".join(f"echo {each}\n" for each in mebibytes))
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tool.parent}:/usr/bin:/bin")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def test_a_model_that_fits_on_one_gpu_is_copied_to_all(
    model: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with_gpus(monkeypatch, tmp_path, 81920, 81920)
    arguments = _vllm_arguments.arguments(ServerOptions(model=str(model), name="m"), 1)
    assert value(arguments, "--data-parallel-size") == "2" and value(arguments, "--tensor-parallel-size") is None
    assert value(arguments, "--dtype") is None


def test_a_model_that_does_not_is_spread_over_as_many_as_share_its_heads(
    model: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with_gpus(monkeypatch, tmp_path, 24576, 24576, 24576)
    arguments = _vllm_arguments.arguments(ServerOptions(model=str(model), name="m"), 1)
    assert value(arguments, "--tensor-parallel-size") == "2"  # 28 heads go into two, not into three


def test_only_the_gpus_that_are_visible_count(model: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with_gpus(monkeypatch, tmp_path, 81920, 81920)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    arguments = _vllm_arguments.arguments(ServerOptions(model=str(model), name="m"), 1)
    assert value(arguments, "--data-parallel-size") is None


def test_the_context_is_as_long_as_needed_and_never_longer_than_the_model_s(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    long = _vllm_arguments.arguments(ServerOptions(model=str(model), name="m", context_tokens=9000), 1)
    assert value(long, "--max-model-len") == "9000"
    short = _vllm_arguments.arguments(ServerOptions(model=str(model), name="m", context_tokens=10**6), 1)
    assert value(short, "--max-model-len") == "131072"


def test_sampling_defaults_are_vllm_s_own_and_the_user_s_arguments_win(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    given = ("max-model-len=77", "--enable-prefix-caching", "-O=1")
    arguments = _vllm_arguments.arguments(
        ServerOptions(model=str(model), name="m", context_tokens=9, arguments=given), 1
    )
    assert value(arguments, "--generation-config") == "vllm" and value(arguments, "--max-model-len") == "77"
    assert arguments[-4:] == ["77", "--enable-prefix-caching", "-O", "1"]


def test_a_name_that_says_its_size_is_believed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with_gpus(monkeypatch, tmp_path, 81920, 81920, 81920, 81920)
    arguments = _vllm_arguments.arguments(ServerOptions(model="owner/Model-70B-Instruct", name="m"), 1)
    assert value(arguments, "--tensor-parallel-size") == "4"


@pytest.mark.parametrize(
    ("log", "advice"),
    [
        ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB", "memory:"),
        ("ValueError: No available memory for the cache blocks.", "memory:"),
        ("OSError: You are trying to access a gated repo.\nMake sure to have access to it", "gated"),
        ("ValueError: Model architectures ['Foo'] are not supported for now.", "architecture"),
        ("RuntimeError: Cannot find any model weights with `/m`", "files of the model are missing"),
        ("OSError: x is not a valid model identifier listed on", "cannot be downloaded"),
        ("something new", "its log says why"),
    ],
)
def test_a_death_comes_with_what_to_try(log: str, advice: str) -> None:
    assert advice in _vllm_server.advice(log)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], 1),
        (["--tensor-parallel-size", "4"], 4),
        (["--data-parallel-size", "8", "--data-parallel-size", "2", "-tp", "2"], 4),
    ],
)
def test_the_gpus_of_a_server_are_its_copies_times_their_parts(given: list[str], expected: int) -> None:
    assert _vllm_arguments.gpus_used(["--model", "m", *given]) == expected


@pytest.mark.parametrize("given", ["tensor-parallel-size=2", "tensor_parallel_size=2", "-tp=2", "data-parallel-size=1"])
def test_who_says_one_number_of_gpus_says_them_all(
    given: str, model: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with_gpus(monkeypatch, tmp_path, 81920, 81920)
    arguments = _vllm_arguments.arguments(ServerOptions(model=str(model), name="m", arguments=(given,)), 1)
    assert sum("parallel" in each or each == "-tp" for each in arguments) == 1


@pytest.mark.parametrize("given", ["port=8000", "host=0.0.0.0", "api-key=x", "served_model_name=x", "--model=x"])
def test_what_the_client_counts_on_is_not_the_user_s_to_choose(given: str) -> None:
    with pytest.raises(InputError, match="leave it out"):
        _vllm_arguments.arguments(ServerOptions(model="owner/name", name="m", arguments=(given,)), 1)


def test_a_mixture_of_experts_has_all_of_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with_gpus(monkeypatch, tmp_path, 81920, 81920)
    arguments = _vllm_arguments.arguments(ServerOptions(model="owner/Mix-8x7B", name="m"), 1)
    assert value(arguments, "--tensor-parallel-size") == "2"
