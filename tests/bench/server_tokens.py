"""Tokens per second of a run against those of a bare client that sends the same requests to the same server.

    python -m tests.bench.server_tokens [--vllm-python .venv-vllm/bin/python] [--rounds 5] [--parameters 30]

A vLLM server of a model with random weights, `parameters` million of them, so that the server is what takes the time;
the starter set, 4 samples of at most 64 tokens each. The bare client posts the bodies that the harness sends, from as
many threads, and does nothing with the answers. The harness makes a run: requests, run directory, sandbox. In turn,
in each round. Printed: completion tokens per second of each, and harness / bare, whose median is to be at least 0.95.
The tokens are the server's own count, from its metrics.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import re
import shutil
import statistics
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

import httpx

from harness.config import RunConfig
from harness.datasets import load_set
from harness.engines import _vllm_arguments, _vllm_server
from harness.engines._openai_dialect import sampling_arguments
from harness.models import model_dir
from harness.pipeline import run
from harness.pipeline.job import StreamStart
from harness.tasks import codegen
from harness.types import Form
from tests.bench import systems
from tests.bench.overlap import Quiet

N, MAX_TOKENS = 4, 64


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vllm-python", type=Path, default=_vllm_server.PREPARED)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--parameters", type=float, default=30)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        millions = _make_model(folder / "model", options.parameters)
        print(f"a model of {millions:.1f} M random parameters", flush=True)
        started = _vllm_arguments.ServerOptions(
            model=str(folder / "model"), name="random", python=options.vllm_python.absolute(), key="EMPTY"
        )
        with _vllm_server.ModelServer(started, lambda _: None) as server:
            ratios = [_round(folder, server.url, number) for number in range(options.rounds)]
    print(f"median of harness / bare client: {statistics.median(ratios):.2f}")


def _make_model(target: Path, millions: float) -> float:
    """A Llama with nano's tokenizer, wider; its parameters in millions."""
    import torch
    import transformers

    shutil.copytree(model_dir("nano"), target, ignore=shutil.ignore_patterns("*.safetensors"))
    config: Any = transformers.AutoConfig.from_pretrained(target)
    width = max(64 * round((millions * 1e6 / 12 / 8) ** 0.5 / 64), 64)
    config.update(
        {
            "hidden_size": width, "intermediate_size": 3 * width, "num_hidden_layers": 8,
            "num_attention_heads": width // 64, "num_key_value_heads": width // 64, "head_dim": 64,
        }
    )  # fmt: skip
    torch.manual_seed(0)
    model: Any = transformers.AutoModelForCausalLM.from_config(config)
    model.save_pretrained(target)
    return float(model.num_parameters() / 1e6)


def _round(folder: Path, url: str, number: int) -> float:
    config = RunConfig(
        model="random", base_url=url, k=(1,), n=N, max_tokens=MAX_TOKENS, seed=number, form="completion",
        results=folder / f"results-{number}",
    )  # fmt: skip
    order = (_bare, _harness) if number % 2 == 0 else (_harness, _bare)
    rates = {measured.__name__: _rate(url, lambda measured=measured: measured(config)) for measured in order}  # type: ignore[misc]
    ratio = rates["_harness"] / rates["_bare"]
    print(
        f"round {number + 1}: bare {rates['_bare']:.0f} tokens/s, harness {rates['_harness']:.0f}, "
        f"ratio {ratio:.2f}; {systems.load()}",
        flush=True,
    )
    return ratio


def _rate(url: str, work: Any) -> float:
    before = _served_tokens(url)
    seconds = work()
    return (_served_tokens(url) - before) / float(seconds)


def _served_tokens(url: str) -> float:
    with urllib.request.urlopen(url.removesuffix("/v1") + "/metrics") as answer:
        found = re.findall(r"^vllm:generation_tokens_total\{.*\} (\S+)$", answer.read().decode(), re.MULTILINE)
    return sum(map(float, found))


def _bare(config: RunConfig) -> float:
    """Seconds in which all requests were answered."""
    bodies = []
    for problem in load_set(config.problems, config.cache).problems:
        request = codegen.request(problem, config.sampling(), Form.COMPLETION)
        arguments = sampling_arguments(request)
        extra = arguments.pop("extra_body")
        bodies.append({"model": "random", "prompt": request.prompt, **arguments, **extra})
    key = {"Authorization": f"Bearer {config.api_key}"}
    with (
        httpx.Client(timeout=600, headers=key) as client,
        concurrent.futures.ThreadPoolExecutor(config.requests_at_once()) as pool,
    ):
        start = time.monotonic()
        answers = list(pool.map(lambda body: client.post(f"{config.base_url}/completions", json=body), bodies))
        taken = time.monotonic() - start
    assert all(answer.status_code == 200 for answer in answers), answers[0].text
    return taken


class _Clock(Quiet):
    """When generation began and ended."""

    def __init__(self) -> None:
        self.start = self.end = 0.0

    def started(self, begun: StreamStart) -> None:
        """The stream begins."""
        self.start = time.monotonic()

    def generated(self, completions: Any) -> None:
        """The last one stands."""
        self.end = time.monotonic()


def _harness(config: RunConfig) -> float:
    """Seconds from the first request to the last answer of a run that also executes."""
    clock = _Clock()
    assert run.run(config, clock).complete
    return clock.end - clock.start


if __name__ == "__main__":
    main()
