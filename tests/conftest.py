"""Fixtures that build values: real backends, real data, the installed command."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import sandbox
from harness.engines import _vllm_server
from harness.models import model_dir
from harness.models.training.corpus import STARTER, functions, read_held_out

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT.parent / "shared" / "data"
# A shell ignores it for its background jobs, and what they start inherits that: commands here are to see Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of published data sets, which are not in the repository."""
    if not DATA.is_dir():
        pytest.skip(f"the published data sets are not at {DATA}; they are not ours to ship")
    return DATA


@pytest.fixture(scope="session", params=sandbox.BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    """Every backend in turn. One that does not work here is a failure: both can be installed."""
    name: str = sandbox.choose_backend(request.param)
    sandbox.prepare(name)
    return name


@pytest.fixture(scope="session")
def box(backend: str) -> Iterator[sandbox.Pool]:
    """A pool of one worker, so that consecutive programs share it."""
    with sandbox.open(backend, workers=1) as pool:
        yield pool


@pytest.fixture(scope="session")
def vllm_python() -> Path:
    """The interpreter that has vLLM."""
    python = ROOT / ".venv-vllm" / "bin" / "python"
    if not python.exists():
        pytest.skip(f"vLLM is not installed in {python.parents[1]}: make test does that")
    return python


@pytest.fixture(scope="session")
def vllm(vllm_python: Path) -> Iterator[_vllm_server.ModelServer]:
    """A vLLM server of nano, started once for all tests."""
    options = _vllm_server.Options(model=str(model_dir("nano")), name="nano", python=vllm_python, key="EMPTY")
    with _vllm_server.ModelServer(options, lambda _: None) as server:
        yield server


TEXTS = 10
STEPS = 50


@pytest.fixture(scope="session")
def texts() -> dict[str, list[str]]:
    """Texts of three functions each, all drawn alike."""
    made = functions(12345, read_held_out(STARTER))
    drawn = ["\n\n".join(next(made).source for _ in range(3)) for _ in range(2 * TEXTS)]
    return {"train": drawn[:TEXTS], "validation": drawn[TEXTS:]}


@pytest.fixture(scope="session")
def overfit(texts: dict[str, list[str]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """nano, trained on the ten training texts with plain torch (8 s of CPU time)."""
    import torch
    import transformers

    torch.manual_seed(0)
    torch.set_num_threads(1)
    tokenizer = transformers.AutoTokenizer.from_pretrained(model_dir("nano"))
    model = transformers.AutoModelForCausalLM.from_pretrained(model_dir("nano"), dtype=torch.float32)
    rows = [tokenizer(text).input_ids for text in texts["train"]]
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    draw = random.Random(0)
    for _ in range(STEPS):
        batch = draw.sample(rows, 4)
        longest = max(map(len, batch))
        tokens = torch.tensor([row + [0] * (longest - len(row)) for row in batch])
        labels = torch.tensor([row + [-100] * (longest - len(row)) for row in batch])
        loss = model(input_ids=tokens, attention_mask=(labels != -100).long(), labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    folder = tmp_path_factory.mktemp("overfit")
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


Harness = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def harness() -> Harness:
    """Run the installed command line: harness("run", "--k", "1", cwd=...)."""

    def run(*arguments: str | Path, cwd: Path | None = None, stdin: str = "") -> subprocess.CompletedProcess[str]:
        command = [str(Path(sys.executable).parent / "harness"), *map(str, arguments)]
        return subprocess.run(command, cwd=cwd, input=stdin, capture_output=True, text=True, timeout=1200, check=False)

    return run
