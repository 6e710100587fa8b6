"""The arguments with which vLLM is started: ours, the user's, and which of them may move a score."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.engines import _gpus
from harness.engines._adapters import read_adapter, vllm_rank
from harness.errors import InputError

SMALL_BYTES = 512 * 2**20  # of weights: such a model takes no more than a core
GIB = 2**30
_OURS = ("--model", "--served-model-name", "--host", "--port", "--api-key", "--uds")  # what the client counts on
_PARALLEL = tuple((f"--{kind}-parallel-size", f"-{kind[0]}p") for kind in ("tensor", "pipeline", "data"))
_HARMLESS = {  # arguments that change how fast answers come, and how many at once
    "--gpu-memory-utilization", "--max-num-seqs", "--swap-space", "--kv-cache-memory-bytes", "--download-dir",
    "--max-parallel-loading-workers", "--disable-log-stats", "--disable-log-requests",
    *(name for names in _PARALLEL for name in names),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """model: a directory or a hub id. name: what it is served as. python: the interpreter that has vLLM, None for the
    one that is found. arguments: for vLLM, as `max-num-seqs=64` or `--enforce-eager`; they win over ours.
    context_tokens: the most that a prompt and its completion may have. port: None for a free one. key: None for a
    random one. revision: the hub's commit. adapter: a LoRA adapter's folder, served as `name`.
    """

    model: str
    name: str
    revision: str | None = None
    adapter: Path | None = None
    python: Path | None = None
    arguments: tuple[str, ...] = ()
    context_tokens: int | None = None
    port: int | None = None
    key: str | None = None
    host: str = "127.0.0.1"


def arguments(options: ServerOptions, port: int) -> list[str]:
    """vLLM's arguments: ours, then the user's, which win. Raises InputError for one that the client counts on."""
    given = [part for each in options.arguments for part in flag(each)]
    kept = next((flag for flag in _OURS if flag in given), None)
    if kept is not None:
        raise InputError(f"--engine-arg {kept.removeprefix('--')}: that is the harness's own to choose; leave it out")
    memory = _gpus.memory_bytes()
    size = _weights_bytes(options.model)
    ours = [
        "--model", options.model, *_names(options), "--host", options.host, "--port", str(port),
        # else a server samples as the model's generation_config.json says wherever a request leaves something out
        "--generation-config", "vllm",
        *_context(options),
        *(_parallel(size, memory, _config(options.model), given) if memory else _on_cpu(size)),
    ]  # fmt: skip
    return [*ours, *given]


def _names(options: ServerOptions) -> list[str]:
    """What is served: the model, or the adapter beside its base under another name."""
    revision = ["--revision", options.revision] if options.revision else []
    if options.adapter is None:
        return ["--served-model-name", options.name, *revision]
    rank = vllm_rank(read_adapter(options.adapter).rank)
    module = f"{options.name}={options.adapter.resolve()}"
    served = ["--served-model-name", f"{options.name}-base", "--enable-lora", "--lora-modules", module]
    return [*served, "--max-lora-rank", str(rank), *revision]


def score_relevant_arguments(arguments: Sequence[str]) -> list[str]:
    """Those of the user's arguments that may move a number, such as `dtype=half`: a run with others is another run."""
    flags = sorted(flag(each) for each in arguments)
    return ["=".join(flag).lstrip("-") for flag in flags if flag[0] not in _HARMLESS]


def gpus_used(arguments: Sequence[str]) -> int:
    """How many GPUs a vLLM with these arguments works on: copies times parts, of which the last value counts."""
    used = 1
    for names in _PARALLEL:
        given = [value for name, value in itertools.pairwise(arguments) if name in names and value.isdigit()]
        used *= int(given[-1]) if given else 1
    return used


def flag(text: str) -> list[str]:
    """`max-num-seqs=64`, or `max_num_seqs=64`, as `--max-num-seqs 64`."""
    name, equals, value = text.partition("=")
    name = name if "." in name else name.replace("_", "-")  # after a dot it is the name of a field, not of a flag
    name = name if name.startswith("-") else f"--{name}"
    return [name, value] if equals else [name]


def _context(options: ServerOptions) -> list[str]:
    """A context as long as needed and no longer: the rest of the memory is for requests."""
    longest = _config(options.model).get("max_position_embeddings")
    if options.context_tokens is None or not isinstance(longest, int):
        return []
    return ["--max-model-len", str(min(longest, options.context_tokens))]


def _parallel(size: int | None, memory: list[int], config: dict[str, Any], given: list[str]) -> list[str]:
    """Copies of a model that fits on one GPU (data parallel), else one model over all (tensor parallel).

    memory: bytes of each GPU. Half of it is left for the cache. given: the user's arguments: who says one number
    of GPUs says them all, for they are multiplied.
    """
    heads = config.get("num_attention_heads")
    if len(memory) == 1 or any(name in given for names in _PARALLEL for name in names):
        return []
    if size is not None and size > min(memory) * 0.5:
        shares = [n for n in range(1, len(memory) + 1) if not isinstance(heads, int) or heads % n == 0]
        return ["--tensor-parallel-size", str(shares[-1])]
    return ["--data-parallel-size", str(len(memory))]


def _on_cpu(size: int | None) -> list[str]:
    """float32 where it fits, as `transformers` has it there. One batch holds every prefill: vLLM 0.32 ends on the CPU
    when a seeded request falls into a chunked one."""
    dtype = ["--dtype", "float32"] if size is not None and size < 8 * GIB else []
    return [*dtype, "--enforce-eager", "--max-num-batched-tokens", "65536"]


def _config(model: str) -> dict[str, Any]:
    """config.json of a model directory; empty for a hub id."""
    try:
        found = json.loads((Path(model) / "config.json").read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _weights_bytes(model: str) -> int | None:
    """Of a directory the size of its weights; of a name that says `7B` two bytes for each; None where neither helps."""
    sizes = [file.stat().st_size for kind in ("safetensors", "bin") for file in Path(model).glob(f"*.{kind}")]
    if sizes:
        return sum(sizes)
    billions = re.search(r"(?:(\d+)x)?(\d+(?:\.\d+)?)[bB]\b", model)  # 8x7B: of eight experts
    return int(float(billions[1] or 1) * float(billions[2]) * 2e9) if billions else None
