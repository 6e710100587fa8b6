"""Trainers' own code against the service, unchanged: verl's two files, TRL's call; and the documentation's lines.

`make .venv/.dev` puts verl and trl into a folder of their own, without what they need: verl brings a package `tests`.
Their files are read where they lie.
"""

from __future__ import annotations

import ast
import asyncio
import importlib.util
import inspect
import json
import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from harness.rewards import trl_reward
from sandbox import Execution, Program, SandboxError, Verdict
from tests.fixtures.commands import Harness
from tests.fixtures.faulty_service import serving
from tests.fixtures.language_programs import SUMS
from tests.fixtures.service import Running, running

ADD = "a, b = map(int, input().split())\nprint(a + b)"
ONLY_SMALL = "a, b = map(int, input().split())\nprint(a + b if a < 3 else 0)"
PAIRS = {"inputs": [f"{n} 1\n" for n in range(4)], "outputs": [f"{n + 1}\n" for n in range(4)]}
EXAMPLES = [Path("results/example/nano-T0.8"), Path("results/example/nano-T0.2")]


def trainers_file(path: str, folder: str = "trainers") -> Path:
    """A file of a trainer's package. CI's environment has them; another one may lack them."""
    file = Path(sys.prefix) / folder / path
    if not file.exists() and not os.environ.get("CI"):
        pytest.skip("the trainers' packages are not here: rm .venv/.dev; make .venv/.dev")
    return file


def fenced(code: str, language: str = "python") -> str:
    return f"Here it is:\n```{language}\n{code}\n```\n"


@pytest.fixture(scope="module")
def verl() -> ModuleType:
    """verl's `utils/reward_score/sandbox_fusion`, without the rest of verl."""
    folder = trainers_file("verl/utils/reward_score/sandbox_fusion")
    spec = importlib.util.spec_from_file_location(
        "verls_sandbox_fusion", folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


class TestVerl:
    """`compute_score` is what verl's reward manager calls; `check_correctness` says per case what it saw."""

    def score(self, verl: ModuleType, url: str, code: str, tests: dict[str, Any], **options: Any) -> Any:
        places = threading.Semaphore(64)
        return verl.compute_score(f"{url}/run_code", places, 1024, fenced(code), json.dumps(tests), **options)

    def test_a_score_is_the_share_of_cases_that_pass(self, service: Running, verl: ModuleType) -> None:
        assert self.score(verl, service.url, ADD, PAIRS)[0] == 1.0
        assert self.score(verl, service.url, ONLY_SMALL, PAIRS)[0] == 0.75
        assert self.score(verl, service.url, ONLY_SMALL, PAIRS, continuous=True)[0] == 0.75

    def test_a_function_is_called_by_its_name(self, service: Running, verl: ModuleType) -> None:
        tests = {"inputs": ["[1, 2]\n3", "[]\n0"], "outputs": ["[1, 2, 3]", "[0]"], "fn_name": "put_behind"}
        for code in ("def put_behind(xs, x):\n    return xs + [x]", "class Solution:\n    def put_behind(self, xs, x):\n        return xs + [x]"):  # fmt: skip
            assert self.score(verl, service.url, code, tests)[0] == 1.0

    def test_assertions_of_its_own(self, service: Running, verl: ModuleType) -> None:
        tests = {"assert_case": ["assert double(2) == 4", "assert double(3) == 5"]}
        assert self.score(verl, service.url, "def double(x):\n    return 2 * x", tests)[0] == 0.5

    @pytest.mark.parametrize(
        ("code", "language", "seen", "status"),
        [
            ("print(0)", "python", False, "wrong_answer"),
            ("1/0", "python", -2, "runtime_error"),
            ("x = bytearray(1 << 31)", "python", -2, "runtime_error"),
            ("while True: pass", "python", -3, "timeout"),
            (SUMS["c"][0], "cpp", True, "success"),
            ("int main( {", "cpp", -4, "compile_error"),
        ],
    )
    def test_every_end_of_a_program_is_told_apart(
        self, service: Running, verl: ModuleType, code: str, language: str, seen: Any, status: str
    ) -> None:
        given = {"inputs": ["1 2\n"], "outputs": ["3\n"]}
        found, about = verl.check_correctness(f"{service.url}/run_code", given, code, timeout=2, language=language)
        assert (found, about[0]["status"]) == ([seen], status)

    def test_a_key_at_the_beginning_of_the_path(self, verl: ModuleType, tmp_path: Path) -> None:
        (tmp_path / "keys").write_text("very-secret-key\n")
        with running("--key-file", "keys", cwd=tmp_path) as service:
            assert self.score(verl, f"{service.url}/k/very-secret-key", ADD, PAIRS)[0] == 1.0
            score, about = self.score(verl, service.url, ADD, PAIRS)
            assert score == 0.0 and "401" in about[0]["api_request_error"]

    def test_a_failure_of_ours_is_no_failed_test(self, verl: ModuleType) -> None:
        def fails(_: Program) -> Execution:
            raise SandboxError("the engine is gone")

        with serving(fails) as (url, _):
            found, about = verl.check_correctness(f"{url}/run_code", PAIRS, ADD)
        assert found == [-1] * 4 and {each["status"] for each in about} == {"sandbox_error"}

    def test_a_full_service_is_asked_again_and_answers_then(self, verl: ModuleType) -> None:
        free = threading.Event()

        def waits(program: Program) -> Execution:
            assert free.wait(60)
            return Execution(verdict=Verdict.ACCEPTED, exit_code=0, stdout=program.stdin)

        with serving(waits) as (url, gate):
            gate.service.admission.expect_s(100.0)
            given = {"inputs": ["1", "2"], "outputs": ["1", "2"]}
            threading.Timer(0.5, free.set).start()
            start = time.monotonic()
            found, _ = verl.check_correctness(f"{url}/run_code", given, "print(input())", timeout=1)
            refused = gate.service.metrics.refusals.labels("queue")._value.get()
        assert found == [True, True] and refused >= 1 and time.monotonic() - start >= 1.0  # verl waits 1 s before it


# What verl's own start-up imports is left out: empty packages whose modules are verl's, for Ray's workers too.
TOOL = """
import asyncio, json, sys
import ray
ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
from verl.tools.sandbox_fusion_tools import SandboxFusionTool
from verl.tools.schemas import OpenAIFunctionToolSchema
code = {"type": "string", "description": "code"}
parameters = {"type": "object", "properties": {"code": code}, "required": ["code"]}
function = {"name": "code_interpreter", "description": "runs code", "parameters": parameters}
schema = OpenAIFunctionToolSchema.model_validate({"type": "function", "function": function})

async def main():
    tool = SandboxFusionTool({"sandbox_fusion_url": sys.argv[1], "num_workers": 4}, schema)
    one, _ = await tool.create()
    programs = ("print(6 * 7)", "1/0", "while True: pass")
    answers = await asyncio.gather(*(tool.execute(one, {"code": each, "timeout": 2}) for each in programs))
    await tool.release(one)
    print("ANSWERS" + json.dumps([answer.text for answer, _, _ in answers]))

asyncio.run(main())
"""


@pytest.mark.slow
def test_verls_tool(service: Running, tmp_path: Path) -> None:
    """`tools/sandbox_fusion_tools.py` of verl 0.7.1, on Ray, as it stands in the package."""
    real = trainers_file("verl/tools/sandbox_fusion_tools.py", "trainers-0.7").parents[2]
    for name in ("verl", "verl/utils", "verl/utils/reward_score"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(f"__path__ = [*__path__, {str(real / name)!r}]\n")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "RAY_AUTH_MODE": "disabled"}
    command = [sys.executable, "-c", TOOL, f"{service.url}/run_code"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment, cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr[-3000:]
    right, wrong, late = json.loads(ran.stdout.rpartition("ANSWERS")[2])
    assert right == "42\n" and "ZeroDivisionError" in wrong and late == "no stdout here"


def test_trls_own_call_of_the_reward_function(service: Running) -> None:
    """The method of GRPOTrainer that calls reward functions, as it stands in the package."""
    torch = pytest.importorskip("torch")
    source = trainers_file("trl/trainer/grpo_trainer.py").read_text()
    method = next(
        each
        for each in ast.walk(ast.parse(source))
        if isinstance(each, ast.FunctionDef) and each.name == "_calculate_rewards"
    )
    method.decorator_list = []  # a profiler's
    space: dict[str, Any] = {
        "torch": torch, "nn": torch.nn, "asyncio": asyncio, "gather": lambda tensor: tensor,
        "is_async_callable": inspect.iscoroutinefunction, "logger": SimpleNamespace(warning=lambda text: None),
        "profiling_context": lambda trainer, name: trainer.quiet,
    }  # fmt: skip
    exec(compile(ast.Module(body=[method], type_ignores=[]), "grpo_trainer.py", "exec"), space)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    import contextlib

    trainer = SimpleNamespace(
        accelerator=SimpleNamespace(device="cpu"), reward_funcs=[trl_reward(service.url, column="problem")],
        reward_processing_classes=[None], reward_func_names=["code"], state=None, environments=None,
        _log_completion_extra=None, _log_metric=None, async_loop=loop, quiet=contextlib.nullcontext(),
    )  # fmt: skip
    row = json.loads(Path("problems/core.jsonl").read_text().splitlines()[0])
    bodies = [row["reference"], row["wrong"][0], row["reference"]]
    inputs = [{"prompt": row["prompt"], "problem": row["id"], "level": 1}] * 3
    completions = [[{"role": "assistant", "content": fenced(row["prompt"] + body)}] for body in bodies]
    try:
        found = space["_calculate_rewards"](
            trainer, inputs, [each["prompt"] for each in inputs], completions, [[1]] * 3
        )
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
    assert found.tolist() == [[1.0], [0.0], [1.0]]


def test_the_documentations_reward_function_agrees_with_harness_score(
    service: Running, harness: Harness, tmp_path: Path
) -> None:
    """1,035 completions of two real runs, judged by the lines of docs/service.md and by `harness score`."""
    text = Path("docs/service.md").read_text()
    code = next(each for each in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "def reward" in each)
    assert len([line for line in code.splitlines() if line.strip()]) <= 5
    space: dict[str, Any] = {}
    exec(re.sub(r'"http://host-\d:8080"', repr(service.url), code), space)
    total = 0
    for run in EXAMPLES:
        results = tmp_path / run.name
        assert harness("score", run, "--results", results).returncode == 0
        (scores,) = results.rglob("scores.jsonl")
        rows = map(json.loads, scores.read_text().splitlines())
        wanted = {(row["problem_id"], row["index"]): row["values"]["passed"] for row in rows}
        drawn = [json.loads(line) for line in (run / "completions.jsonl").read_text().splitlines()]
        rewards = space["reward"](
            [row["text"] for row in drawn], [row["problem_id"] for row in drawn], form="completion"
        )
        got = {(row["problem_id"], row["index"]): reward for row, reward in zip(drawn, rewards, strict=True)}
        assert got == wanted
        total += len(got)
    assert total >= 1000
