"""Engine `openai` against a real vLLM server."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from harness.engines import openai as engine
from harness.engines._openai_dialect import SERVER_STOPS
from harness.engines._vllm_server import ModelServer
from harness.errors import EngineError, InputError
from harness.models import model_dir
from harness.types import Request, SamplingParams
from tests.fixtures.commands import Harness

PROMPT = 'def f(xs):\n    """Return the largest number in xs."""\n'


@pytest.fixture(scope="module")
def server(vllm: ModelServer) -> str:
    """The address of a vLLM server of nano."""
    return vllm.url


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


def test_the_server_s_version_is_known(server: str, vllm_python: Path) -> None:
    ask_version = "import vllm; print(vllm.__version__)"
    said = subprocess.run([vllm_python, "-c", ask_version], capture_output=True, text=True, check=True, timeout=120)
    opened = engine.open_engine(engine.Options(base_url=server, model=None))
    assert opened.describe() == {"server": said.stdout.split()[-1], "root": str(model_dir("nano"))}
    opened.close()


def test_sample_i_of_a_request_is_the_sample_of_its_recorded_seed(server: str) -> None:
    import openai

    with openai.OpenAI(base_url=server, api_key="EMPTY", max_retries=0) as client:

        def draw(n: int, seed: int) -> list[str]:
            answer = client.completions.create(
                model="nano", prompt=PROMPT, n=n, seed=seed, temperature=1.5, max_tokens=40
            )
            return [choice.text for choice in answer.choices]

        together = draw(4, 100)
        assert together == [draw(1, 100 + index)[0] for index in range(4)]


def test_a_request_s_usage_is_the_sum_of_its_samples_and_stands_once(server: str) -> None:
    opened = engine.open_engine(engine.Options(base_url=server, model=None, gpus=0))
    together = opened.complete(ask(4, seed=5, temperature=1.5))
    first, *rest = [each.usage for each in together]
    assert first is not None and rest == [None] * 3 and first.gpus == 0
    import openai

    with openai.OpenAI(base_url=server, api_key="EMPTY", max_retries=0) as client:
        alone = [
            client.completions.create(
                model="nano", prompt=PROMPT, seed=each.seed, temperature=1.5, top_p=0.95, max_tokens=40,
                stop=list(ask(1).sampling.stop[: SERVER_STOPS]),
            ).usage
            for each in together
        ]  # fmt: skip
    assert first.completion_tokens == sum(each.completion_tokens for each in alone if each)
    assert first.prompt_tokens == alone[0].prompt_tokens  # type: ignore[union-attr]
    assert 0 < first.finished_at - first.started_at == pytest.approx(together[0].latency_s, abs=0.01)
    opened.close()


def test_a_run_on_the_server_gives_what_the_engine_in_process_gives_within_error(
    server: str, harness: Harness, tmp_path: Path
) -> None:
    values = []
    for where in (["--base-url", server], ["--model", "nano"]):
        answer = harness("run", "--k", "1", "--n", "5", "--json", *where, cwd=tmp_path)
        assert answer.returncode == 0, answer.stderr
        values.append(json.loads(answer.stdout)["estimates"][0])
    on_server, in_process = values
    assert in_process["low"] < on_server["value"] < in_process["high"]


def test_greedy_completions_equal_those_of_the_engine_in_process(server: str, harness: Harness, tmp_path: Path) -> None:
    texts = []
    for where in (["--base-url", server], ["--model", "nano"]):
        answer = harness("run", "--k", "1", "--n", "1", "--temperature", "0", "--json", *where, cwd=tmp_path)
        assert answer.returncode == 0, answer.stderr
        rows = (tmp_path / json.loads(answer.stdout)["run"] / "completions.jsonl").read_text().splitlines()
        texts.append({row["problem_id"]: row["text"] for row in map(json.loads, rows)})
    on_server, in_process = texts
    equal = sum(on_server[problem_id] == text for problem_id, text in in_process.items())
    assert len(in_process) == 69 and equal >= 0.95 * len(in_process)


def test_a_model_that_is_not_served_is_named_with_those_that_are(server: str) -> None:
    with pytest.raises(InputError, match="does not serve 'nono' \\(did you mean nano\\?\\)"):
        engine.open_engine(engine.Options(base_url=server, model="nono"))


def test_a_base_model_asked_to_chat_gives_the_server_s_reason(server: str) -> None:
    opened = engine.open_engine(engine.Options(base_url=server, model="nano"))
    message = ({"role": "user", "content": "hello"},)
    with pytest.raises(EngineError, match="--form completion"):
        opened.complete(Request(problem_id="p", sampling=SamplingParams(), messages=message))
    opened.close()
