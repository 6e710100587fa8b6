"""Engine `openai` against a real vLLM server, and against one that fails."""

from __future__ import annotations

import http.server
import itertools
import json
import os
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.engines import openai as engine
from harness.errors import EngineError, InputError
from harness.models import model_dir
from harness.types import Request, SamplingParams

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venv-vllm" / "bin" / "python"
START_TIMEOUT_S = 300
PROMPT = 'def f(xs):\n    """Return the largest number in xs."""\n'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A vLLM server of nano on a free port of the loopback; its address with /v1."""
    if not PYTHON.exists():
        pytest.skip(f"vLLM is not installed in {PYTHON.parents[1]}: make test does that")
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
    # One batch must hold every prefill: a seeded request in a chunked one ends vLLM 0.32 on the CPU with "CPU Generator
    # does not use offset".
    command = [
        str(PYTHON), "-m", "vllm.entrypoints.openai.api_server", "--model", str(model_dir("nano")),
        "--served-model-name", "nano", "--host", "127.0.0.1", "--port", str(port), "--dtype", "float32",
        "--enforce-eager", "--max-num-batched-tokens", "65536",
    ]  # fmt: skip
    environment = {**os.environ, "VLLM_TARGET_DEVICE": "cpu", "VLLM_CPU_KVCACHE_SPACE": "1", "OMP_NUM_THREADS": "1"}
    log = tmp_path_factory.mktemp("vllm") / "log"
    with open(log, "wb") as out, subprocess.Popen(command, stdout=out, stderr=out, env=environment) as process:
        try:
            yield _wait(f"http://127.0.0.1:{port}/v1", process, log)
        finally:
            process.terminate()


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(f"{url}/models", timeout=5).close()
            return url
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
    raise AssertionError(f"vLLM did not come up: {log.read_text()[-3000:]}")


def ask(n: int, seed: int = 0, **more: float) -> Request:
    sampling = SamplingParams(
        n=n, max_tokens=40, seed=seed, stop=("\ndef", "\nclass", "\n#", "\nif", "\n@", "x"), **more
    )  # type: ignore[arg-type]
    return Request(problem_id="p/1", sampling=sampling, prompt=PROMPT)


def test_n_samples_come_in_one_request_each_with_its_own_seed(server: str) -> None:
    opened = engine.open_engine(engine.Options(base_url=server, model=None))
    completions = opened.complete(ask(6, seed=5, temperature=1.5))
    assert [each.index for each in completions] == list(range(6)) and opened.model == "nano"
    assert len({each.seed for each in completions}) == 6 and len({each.text for each in completions}) > 1
    assert [each.text for each in opened.complete(ask(6, seed=5, temperature=1.5))] == [
        each.text for each in completions
    ]
    # all six stop strings hold, though a server takes four
    assert not any("x" in each.text for each in completions)
    opened.close()


def test_sample_i_of_a_request_is_the_sample_of_its_recorded_seed(server: str) -> None:
    import openai

    with openai.OpenAI(base_url=server, api_key="x", max_retries=0) as client:

        def draw(n: int, seed: int) -> list[str]:
            answer = client.completions.create(
                model="nano", prompt=PROMPT, n=n, seed=seed, temperature=1.5, max_tokens=40
            )
            return [choice.text for choice in answer.choices]

        together = draw(4, 100)
        assert together == [draw(1, 100 + index)[0] for index in range(4)]


def test_a_run_on_the_server_gives_what_the_engine_in_process_gives_within_error(
    server: str, harness: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    values = []
    for where in (["--base-url", server], ["--model", "nano"]):
        answer = harness("run", "--k", "1", "--n", "5", "--json", *where, cwd=tmp_path)
        assert answer.returncode == 0, answer.stderr
        values.append(json.loads(answer.stdout)["estimates"][0])
    on_server, in_process = values
    assert in_process["low"] < on_server["value"] < in_process["high"]


def test_a_model_that_is_not_served_is_named_with_those_that_are(server: str) -> None:
    with pytest.raises(InputError, match="does not serve 'nono' \\(did you mean nano\\?\\)"):
        engine.open_engine(engine.Options(base_url=server, model="nono"))


def test_a_base_model_asked_to_chat_gives_the_server_s_reason(server: str) -> None:
    opened = engine.open_engine(engine.Options(base_url=server, model="nano"))
    message = ({"role": "user", "content": "hello"},)
    with pytest.raises(EngineError, match="--form completion"):
        opened.complete(Request(problem_id="p", sampling=SamplingParams(), messages=message))
    opened.close()


@pytest.fixture
def failing() -> Iterator[tuple[str, list[float]]]:
    """A server that answers 503 with Retry-After twice, then, for n of 1, well; its address and when it was asked."""
    asked: list[float] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(200, {"object": "list", "data": [{"id": "m", "object": "model"}]})

        def do_POST(self) -> None:
            wanted = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append(time.monotonic())
            if len(asked) <= 2:
                return self._answer(503, {"error": {"message": "busy"}})
            choice = {"index": 0, "text": "ok", "finish_reason": "stop"}
            body = {"id": "1", "object": "text_completion", "model": "m", "choices": [choice] * wanted["n"]}
            return self._answer(200, body)

        def _answer(self, status: int, body: object) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Retry-After", "1")
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as opened:
        thread = threading.Thread(target=opened.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{opened.server_port}/v1", asked
        opened.shutdown()
        thread.join()


def test_a_busy_server_is_asked_again_after_the_time_that_it_names(failing: tuple[str, list[float]]) -> None:
    url, asked = failing
    opened = engine.open_engine(engine.Options(base_url=url, model=None))
    (completion,) = opened.complete(ask(1))
    assert completion.text == "ok" and len(asked) == 3
    assert all(later - earlier >= 1 for earlier, later in itertools.pairwise(asked))
    opened.close()
