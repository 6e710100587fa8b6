"""`harness serve sandbox` as its clients see it: our own API, other systems' APIs, and every fault as said."""

from __future__ import annotations

import asyncio
import base64
import json
import pickle
import socket
import zlib
from pathlib import Path
from typing import Any

import httpx
import pytest

from harness.client import AsyncSandbox, Sandbox
from harness.errors import InputError
from harness.rewards import openrlhf_reward, trl_reward
from harness.types import Problem, ProblemSet
from sandbox import CallTests, Execution, Limits, Program, SandboxError, Verdict
from tests.fixtures.commands import Harness
from tests.fixtures.faulty_service import serving
from tests.fixtures.language_programs import SUMS
from tests.fixtures.service import Running, running

RIGHT = "def double(x):\n    return 2 * x\n"
WRONG = "def double(x):\n    return x * x\n"
CALL = {"kind": "call", "source": "def check(candidate):\n    assert candidate(3) == 6\n", "entry_point": "double"}
ADD = "a, b = map(int, input().split())\nprint(a + b)"
CASES = {"kind": "stdio", "cases": [{"stdin": f"{n} 1\n", "stdout": f"{n + 1}\n"} for n in range(4)]}
ONLY_SMALL = ADD.replace("a + b", "a + b if a != 1 else 0")


def post(service: Running, path: str, body: Any, code: int = 200, **options: Any) -> Any:
    answer = httpx.post(service.url + path, json=body, timeout=60, **options)
    assert answer.status_code == code, answer.text
    return answer.json()


class TestOwn:
    def test_a_program_is_run_with_files_and_gives_files_back(self, service: Running) -> None:
        source = "import sys\nprint(sys.argv[1], input(), open('a/b').read())\nopen('out', 'w').write('left')"
        files = {"a/b": base64.b64encode(b"inside").decode()}
        body = {"source": source, "files": files, "argv": ["one"], "stdin": "two", "fetch": ["out", "nowhere"]}
        found = post(service, "/v1/execute", {**body, "unknown": 1})
        assert found["verdict"] == "ACCEPTED" and found["stdout"] == "one two inside\n"
        assert base64.b64decode(found["files"].pop("out")) == b"left" and found["files"] == {}

    def test_limits_hold(self, service: Running) -> None:
        found = post(service, "/v1/execute", {"source": "while True: pass", "limits": {"wall_s": 0.5}})
        assert found["verdict"] == "TIME_LIMIT"
        found = post(
            service, "/v1/execute", {"source": "x = bytearray(3 << 28)", "limits": {"memory_bytes": 100 << 20}}
        )
        assert found["verdict"] == "MEMORY_LIMIT"

    @pytest.mark.parametrize(("source", "verdict"), [(RIGHT, "ACCEPTED"), (WRONG, "WRONG_ANSWER"), ("def", "COMPILE_ERROR")])  # fmt: skip
    def test_a_program_is_judged(self, service: Running, source: str, verdict: str) -> None:
        found = post(service, "/v1/judge", {"source": source, "tests": CALL})
        assert (found["verdict"], found["integrity"]) == (verdict, "judged")
        assert (found["passed"], found["total"]) == (int(verdict == "ACCEPTED"), 1)

    def test_all_cases_or_up_to_the_first_that_fails(self, service: Running) -> None:
        body = {"source": ONLY_SMALL, "tests": CASES}
        assert post(service, "/v1/judge", body)["cases"] == ["ACCEPTED", "WRONG_ANSWER"]
        found = post(service, "/v1/judge", {**body, "stop_at_first": False})
        assert found["cases"] == ["ACCEPTED", "WRONG_ANSWER", "ACCEPTED", "ACCEPTED"]
        assert (found["passed"], found["total"], found["verdict"]) == (3, 4, "WRONG_ANSWER")

    def test_every_case_of_call_tests_has_a_verdict_where_that_is_asked(self, service: Running) -> None:
        source = "def check(candidate):\n" + "".join(f"    assert candidate({n}) == {2 * n}\n" for n in range(5))
        body = {"source": WRONG, "tests": {**CALL, "source": source}}  # x * x is 2 * x for 0 and 2
        found = post(service, "/v1/judge", body)
        assert (found["cases"], found["passed"], found["total"]) == ([], 0, 1)
        found = post(service, "/v1/judge", {**body, "all_cases": True})
        wrong, right = "WRONG_ANSWER", "ACCEPTED"
        assert found["cases"] == [right, wrong, right, wrong, wrong]
        assert (found["verdict"], found["passed"], found["total"]) == (wrong, 2, 5)
        stdio = post(service, "/v1/judge", {"source": ONLY_SMALL, "tests": CASES, "all_cases": True})
        assert stdio["cases"] == [right, wrong, right, right]
        reward = {"completions": [WRONG, RIGHT], "tests": [body["tests"]] * 2, "form": "solution"}
        for options, expected in (({}, [0.0, 1.0]), ({"all_cases": True}, [0.4, 1.0])):
            assert post(service, "/v1/reward", {**reward, **options, "reward": "fraction"})["rewards"] == expected
        assert post(service, "/v1/reward", {**reward, "all_cases": True})["rewards"] == [0.0, 1.0]

    def test_tests_beside_the_program_have_no_cases(self, service: Running) -> None:
        tests = {**CALL, "integrity": "in-sandbox"}
        found = post(service, "/v1/judge", {"source": RIGHT, "tests": tests, "all_cases": True}, 422)
        assert "have no cases" in found["detail"]

    def test_a_known_problem_judges_an_answer(self, service: Running) -> None:
        row = json.loads(Path("problems/core.jsonl").read_text().splitlines()[0])
        answer = f"Here:\n```python\n{row['prompt']}{row['reference']}```"
        assert post(service, "/v1/judge", {"completion": answer, "problem": row["id"]})["verdict"] == "ACCEPTED"
        body = {"completion": row["wrong"][0], "problem": row["id"], "form": "completion"}
        assert post(service, "/v1/judge", body)["verdict"] != "ACCEPTED"

    def test_a_batch_is_a_list_in_order_or_lines_as_they_end(self, service: Running) -> None:
        items: list[dict[str, Any]] = [{"source": f"print({n})", "id": n} for n in range(8)]
        items += [{"source": RIGHT, "tests": CALL, "id": "judged"}, {"source": "1", "language": "cuda"}]
        found = post(service, "/v1/batch", {"items": items})
        assert [each["execution"]["stdout"] for each in found[:8]] == [f"{n}\n" for n in range(8)]
        assert found[8]["judgement"]["verdict"] == "ACCEPTED" and found[8]["id"] == "judged"
        assert "language: 'cuda' is not here" in found[9]["error"]
        headers = {"Accept": "application/x-ndjson"}
        with httpx.stream("POST", f"{service.url}/v1/batch", json={"items": items}, headers=headers) as answer:
            lines = [json.loads(line) for line in answer.iter_lines()]
        assert sorted(each["index"] for each in lines) == list(range(10))

    def test_rewards_are_all_or_a_fraction(self, service: Running) -> None:
        body = {"completions": [ADD, ONLY_SMALL, [{"role": "assistant", "content": f"```python\n{ADD}\n```"}]],
                "tests": [CASES] * 3}  # fmt: skip
        assert post(service, "/v1/reward", body) == {"rewards": [1.0, 0.0, 1.0]}
        assert post(service, "/v1/reward", {**body, "reward": "fraction"}) == {"rewards": [1.0, 0.75, 1.0]}

    def test_what_the_service_is(self, service: Running) -> None:
        info = httpx.get(f"{service.url}/v1/info").json()
        assert info["languages"][0] and info["workers"] >= 1 and info["backend"] in ("docker", "bubblewrap")
        assert "python" in [each["name"] for each in httpx.get(f"{service.url}/v1/languages").json()]
        assert httpx.get(f"{service.url}/healthz").status_code == 200
        assert service.metric("harness_executions_total") > 0


class TestFaults:
    @pytest.mark.parametrize(
        ("path", "body", "code", "words"),
        [
            ("/v1/execute", {"source": "1", "language": "cuda"}, 422, "language: 'cuda' is not here; here are: "),
            ("/run_code", {"code": "1", "language": "cuda"}, 422, "here are: "),
            ("/v1/execute", {"source": "1", "files": {"../x": ""}}, 422, "must be relative and stay inside"),
            ("/run_code", {"code": "1", "language": "python", "files": {"../x": ""}}, 422, "stay inside"),
            ("/v1/execute", {"source": "1", "files": {"a": "", "a/b": ""}}, 422, "lie in a folder of this name"),
            ("/run_code", {"code": "1", "language": "python", "files": {"x" * 300: ""}}, 422, "at most 255 bytes"),
            ("/test_program", {"program": "1", "tests": ["assert 1 == 1"]}, 422, "no call in the test"),
            ("/v1/execute", {"source": "1", "fetch": ["/etc/passwd"]}, 422, "stay inside"),
            ("/v1/execute", {"source": "1", "limits": {"memory_bytes": 5 << 30}}, 422, "more than the 4096 MiB"),
            ("/run_code", {"code": "1", "language": "python", "memory_limit_MB": 5000}, 422, "more than the 4096 MiB"),
            ("/v1/execute", {"source": 7}, 422, "source: "),
            ("/v1/execute", {}, 422, "source: "),
            ("/v1/execute", {"source": "1", "limits": {"wall_s": -1}}, 422, "limits.wall_s"),
            ("/v1/execute", {"source": "1", "files": {"x": "?"}}, 422, "is not base64"),
            ("/v1/judge", {"source": "1"}, 422, "tests or problem"),
            ("/v1/judge", {"source": "1", "problem": "/etc/passwd"}, 422, "unknown set ''"),
            ("/v1/judge", {"source": "1", "problem": "core/nothing"}, 422, "core has no problem 'nothing'"),
            ("/v1/judge", {"source": "1", "tests": {**CALL, "source": "def"}}, 422, "not Python"),
            ("/v1/batch", {"items": [{"source": "1"}] * 10_001}, 422, "items: "),
            ("/v1/reward", {"completions": ["x"], "problems": ["core/a", "core/b"]}, 422, "2 problems or tests for 1"),
            ("/submissions?wait=true", {"source_code": "1", "language_id": 43}, 422, "43 is not here; here are: "),
            ("/api/v2/execute", {"language": "python", "files": []}, 422, "files: "),
            ("/test_program", {"program": "1", "tests": base64.b64encode(b"x").decode()}, 422, "neither a list nor"),
        ],
    )
    def test_what_cannot_be_used_is_named(self, service: Running, path: str, body: Any, code: int, words: str) -> None:
        assert words in post(service, path, body, code)["detail"]

    def test_a_body_that_is_no_json(self, service: Running) -> None:
        answer = httpx.post(f"{service.url}/v1/execute", content=b"{", headers={"content-type": "application/json"})
        assert answer.status_code == 400 and "not JSON" in answer.json()["detail"]

    def test_a_pickle_of_tests_runs_nothing(self, service: Running, tmp_path: Path) -> None:
        class Evil:
            def __reduce__(self) -> Any:
                return (Path.touch, (tmp_path / "ran",))

        tests = base64.b64encode(zlib.compress(pickle.dumps([Evil()]))).decode()
        post(service, "/test_program", {"program": "1", "tests": tests}, 422)
        assert not (tmp_path / "ran").exists()

    def test_an_unknown_sandbox_or_language_is_said_with_exit_code_2(self, harness: Harness) -> None:
        answer = harness("serve", "sandbox", "--sandbox", "jail")
        assert answer.returncode == 2 and "unknown sandbox 'jail'" in answer.stderr
        answer = harness("serve", "sandbox", "--languages", "c,cuda")
        assert answer.returncode == 2 and "--languages: unknown language 'cuda'" in answer.stderr

    def test_a_taken_port_is_said_with_exit_code_2(self, harness: Harness) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            answer = harness("serve", "sandbox", "--port", str(taken.getsockname()[1]))
        assert answer.returncode == 2 and "another process has this port" in answer.stderr

    def test_an_open_address_without_a_key_is_said_with_exit_code_2(self, harness: Harness) -> None:
        answer = harness("serve", "sandbox", "--host", "0.0.0.0")
        assert answer.returncode == 2
        assert "a sandbox that others can reach needs --key-file FILE, or --no-key" in answer.stderr

    def test_a_sandbox_that_fails_is_not_ready_until_it_runs_programs_again(self) -> None:
        broken = True

        def work(_: Program) -> Execution:
            if broken:
                raise SandboxError("the engine is gone")
            return Execution(verdict=Verdict.ACCEPTED, exit_code=0)

        with serving(work) as (url, gate):
            gate.service.ready = True
            for number in range(3):
                assert httpx.get(f"{url}/readyz").status_code == 200
                assert httpx.post(f"{url}/v1/execute", json={"source": f"{number}"}).status_code == 500
            answer = httpx.get(f"{url}/readyz")
            assert answer.status_code == 503 and answer.json()["detail"] == "the sandbox fails"
            broken = False
            assert httpx.get(f"{url}/readyz").status_code == 200

    def test_limits_that_a_problem_needs_and_the_service_lacks_are_no_verdict(self) -> None:
        def work(_: Program) -> Execution:
            raise AssertionError("it is not run")

        large = Problem(id="core/1", dataset="core", prompt="", tests=CallTests(source="", entry_point="f"),
                        limits=Limits(memory_bytes=5 << 30))  # fmt: skip
        with serving(work) as (url, gate):
            gate.service.judging._sets["core"] = ProblemSet(name="core", path=Path(), sha256="0", problems=(large,))
            answer = httpx.post(f"{url}/v1/judge", json={"source": "1", "problem": "core/1"})
        assert answer.status_code == 422 and "more than this service's sandboxes may hold" in answer.json()["detail"]


class TestSandboxFusion:
    """Read as verl's reward function and tool do: `status`, `run_result.status`, `return_code`, `stdout`."""

    def call(self, service: Running, code: str, **fields: Any) -> Any:
        body = {"compile_timeout": 10, "run_timeout": 2, "code": code, "stdin": "", "memory_limit_MB": 1024,
                "language": "python", "files": {}, "fetch_files": []}  # fmt: skip
        return post(service, "/run_code", {**body, **fields})

    def test_a_program_that_ends_well(self, service: Running) -> None:
        found = self.call(service, "print(input())", stdin="hello")
        assert found["status"] == "Success" and found["compile_result"] is None
        run = found["run_result"]
        assert (run["status"], run["return_code"], run["stdout"]) == ("Finished", 0, "hello\n")
        assert run["execution_time"] >= 0

    @pytest.mark.parametrize(
        ("code", "status", "return_code", "stderr"),
        [
            ("1/0", "Finished", 1, "ZeroDivisionError"),
            ("def", "Finished", 1, "SyntaxError"),
            ("import sys; sys.exit(7)", "Finished", 7, ""),
            ("while True: pass", "TimeLimitExceeded", None, ""),
            ("x = bytearray(1 << 31)", "Finished", 1, "MemoryLimitExceeded"),
            ("import os; os.kill(os.getpid(), 11)", "Finished", -11, ""),
        ],
    )
    def test_a_program_that_does_not(
        self, service: Running, code: str, status: str, return_code: int | None, stderr: str
    ) -> None:
        found = self.call(service, code)
        assert found["status"] == "Failed"
        assert (found["run_result"]["status"], found["run_result"]["return_code"]) == (status, return_code)
        assert stderr in found["run_result"]["stderr"]

    def test_the_least_that_a_client_sends(self, service: Running) -> None:
        assert post(service, "/run_code", {"code": "print(1)", "language": "python"})["status"] == "Success"

    def test_the_package_from_pypi(self, service: Running) -> None:
        import sandbox_fusion as client

        client.set_endpoint(service.url)
        ran = client.run_code(
            client.RunCodeRequest(code="open('a', 'w').write('x'); print(1)", language="python", fetch_files=["a"])
        )
        assert ran.status == client.RunStatus.Success and ran.run_result.stdout == "1\n"
        assert base64.b64decode(ran.files["a"]) == b"x"
        cells = ["a = 3", "print(a)\na * 2", "import sys; sys.stderr.write('e')"]
        notebook = client.run_jupyter(client.RunJupyterRequest(cells=cells))
        assert notebook.status == client.RunStatus.Success
        assert notebook.cells[1].stdout == "3\n" and notebook.cells[1].display == [{"text/plain": "6"}]
        assert notebook.cells[2].stderr == "e"
        config = client.TestConfig()
        row = json.loads(Path("problems/core.jsonl").read_text().splitlines()[0])
        prompt = client.get_prompt_by_id(
            client.GetPromptByIdRequest(dataset="core", id=row["id"].partition("/")[2], config=config)
        )
        assert prompt.prompt == row["prompt"]
        assert len(client.get_prompts(client.GetPromptsRequest(dataset="core", config=config, offset=2, limit=3))) == 3
        for body, accepted in ((row["reference"], True), (row["wrong"][0], False)):
            answer = f"```python\n{row['prompt']}{body}```"
            request = client.SubmitRequest(
                dataset="core", id=row["id"].partition("/")[2], completion=answer, config=config
            )
            assert client.submit(request).accepted is accepted

    def test_a_cell_that_fails_and_one_that_is_late_keep_what_was_done(self, service: Running) -> None:
        found = post(service, "/run_jupyter", {"cells": ["print(1)", "1/0", "print(2)"]})
        assert found["status"] == "Failed" and [each["stdout"] for each in found["cells"]] == ["1\n", ""]
        assert found["cells"][1]["error"][0]["ename"] == "ZeroDivisionError"
        found = post(service, "/run_jupyter", {"cells": ["print(1)", "while True: pass"], "total_timeout": 1})
        assert found["driver"]["status"] == "TimeLimitExceeded" or found["cells"][1]["error"]
        assert found["cells"][0]["stdout"] == "1\n"

    @pytest.mark.parametrize(
        ("cases", "code"),
        [
            ({"type": "stdin_stdout", "input": ["1 2", "3 4", "5 6"], "output": ["3", "7", "11"]}, ADD),
            (
                {"type": "function_call", "fn_name": "double", "input": ["1", "2", "3"], "output": ["2", "4", "6"]},
                RIGHT,
            ),
            ({"type": "function_call", "fn_name": "double", "input": [[1], [2], [3]], "output": [2, 4, 6]}, RIGHT),
        ],
    )
    def test_the_forks_batch_of_cases(self, service: Running, cases: dict[str, Any], code: str) -> None:
        config = {"language": "python", "provided_data": {"test_cases": cases}, "extra": {"run_all_cases": True}}
        found = post(service, "/common_evaluate_batch", {"completion": f"```python\n{code}\n```", "config": config})
        assert found["accepted"] and [each["passed"] for each in found["tests"]] == [True] * 3
        cases["output"] = [cases["output"][0], cases["output"][0], cases["output"][2]]
        found = post(service, "/common_evaluate_batch", {"completion": f"```python\n{code}\n```", "config": config})
        assert not found["accepted"] and [each["passed"] for each in found["tests"]] == [True, False, True]


class TestLanguages:
    """A program in C, in every API that names a language."""

    RIGHT, WRONG = SUMS["c"]
    BROKEN = "int main( {"

    def test_they_are_named(self, service: Running) -> None:
        names = {each["name"]: each["aliases"] for each in httpx.get(f"{service.url}/v1/languages").json()}
        assert {"python", "c", "cpp"} <= set(names) and "c++" in names["cpp"]
        assert list(names) == httpx.get(f"{service.url}/v1/info").json()["languages"]

    def test_our_own_api(self, service: Running) -> None:
        ran = post(service, "/v1/execute", {"source": self.RIGHT, "language": "C", "stdin": "1 2"})
        assert (ran["verdict"], ran["stdout"]) == ("ACCEPTED", "3\n")
        answer = f"Python would be\n```python\nprint(1)\n```\nbut here is C:\n```c\n{self.RIGHT}\n```\n"
        for body, verdict in (
            ({"source": self.RIGHT}, "ACCEPTED"), ({"source": self.WRONG}, "WRONG_ANSWER"),
            ({"source": self.BROKEN}, "COMPILE_ERROR"), ({"completion": answer}, "ACCEPTED"),
        ):  # fmt: skip
            found = post(service, "/v1/judge", {**body, "language": "c", "tests": CASES})
            assert (found["verdict"], found["integrity"]) == (verdict, "judged")
        items = [{"source": self.RIGHT, "language": "c", "tests": CASES}, {"source": ADD, "tests": CASES}]
        assert [each["judgement"]["passed"] for each in post(service, "/v1/batch", {"items": items})] == [4, 4]

    def test_calls_are_for_python(self, service: Running) -> None:
        found = post(service, "/v1/judge", {"source": self.RIGHT, "language": "c", "tests": CALL}, 422)
        assert "judged by what it prints" in found["detail"]

    def test_one_that_is_not_here_is_named_with_its_option(self, service: Running) -> None:
        found = post(service, "/v1/execute", {"source": "", "language": "ruby"}, 422)
        assert "here are: python, c, cpp" in found["detail"] and "--languages ruby" in found["detail"]

    def test_sandbox_fusions(self, service: Running) -> None:
        found = post(service, "/run_code", {"code": self.RIGHT, "language": "cpp", "stdin": "1 2"})
        assert found["compile_result"]["return_code"] == 0 and found["run_result"]["stdout"] == "3\n"
        found = post(service, "/run_code", {"code": self.BROKEN, "language": "cpp"})
        assert (found["status"], found["run_result"]) == ("Failed", None)
        assert found["compile_result"]["return_code"] == 1 and "error" in found["compile_result"]["stderr"]
        cases = {"type": "stdin_stdout", "input": ["1 2", "3 4"], "output": ["3", "7"]}
        config = {"language": "cpp", "provided_data": {"test_cases": cases}}
        answer = f"```cpp\n{self.RIGHT}\n```"
        assert post(service, "/common_evaluate_batch", {"completion": answer, "config": config})["accepted"]

    def test_piston_and_judge0(self, service: Running) -> None:
        body = {"language": "c", "files": [{"content": self.RIGHT}], "stdin": "1 2"}
        assert post(service, "/api/v2/execute", body)["run"]["stdout"] == "3\n"
        broken = post(service, "/api/v2/execute", {**body, "files": [{"content": self.BROKEN}]})
        assert broken["compile"]["code"] == 1
        for source, status in ((self.RIGHT, "Accepted"), (self.BROKEN, "Compilation Error")):
            given = {"source_code": source, "language_id": 50, "stdin": "1 2", "expected_output": "3"}
            assert post(service, "/submissions?wait=true", given, 201)["status"]["description"] == status
        assert 54 in [each["id"] for each in httpx.get(f"{service.url}/languages").json()]


class TestOthers:
    def test_piston(self, service: Running) -> None:
        body = {"language": "python", "version": "*", "stdin": "1 2", "files": [{"name": "main.py", "content": ADD}]}
        found = post(service, "/api/v2/execute", body)
        assert found["run"]["stdout"] == "3\n" and found["run"]["code"] == 0 and found["run"]["signal"] is None
        late = {**body, "files": [{"content": "while True: pass"}], "run_timeout": 500}
        assert post(service, "/api/v2/execute", late)["run"]["signal"] == "SIGKILL"
        assert "python" in [each["language"] for each in httpx.get(f"{service.url}/api/v2/runtimes").json()]

    @pytest.mark.parametrize(
        ("source", "status"),
        [
            (ADD, "Accepted"),
            ("print(4)", "Wrong Answer"),
            ("def", "Compilation Error"),
            ("1/0", "Runtime Error (NZEC)"),
        ],
    )
    def test_judge0(self, service: Running, source: str, status: str) -> None:
        body = {"source_code": source, "language_id": 71, "stdin": "1 2", "expected_output": "3"}
        found = post(service, "/submissions/?wait=true", body, 201)
        assert found["status"]["description"] == status
        token = post(service, "/submissions", body, 201)["token"]
        for _ in range(100):
            found = httpx.get(f"{service.url}/submissions/{token}").json()
            if found["status"]["id"] > 2:
                break
        assert found["status"]["description"] == status

    def test_open_r1(self, service: Running) -> None:
        script = "import subprocess\nran = subprocess.run(['python3', '-c', 'print(0.5)'], capture_output=True, text=True)\nfloat(ran.stdout)"  # fmt: skip
        body = {
            "scripts": [script, "1/0", "while True: pass"],
            "languages": ["python"] * 3,
            "timeout": 2,
            "request_timeout": 30,
        }
        first, second, third = post(service, "/execute_batch", body)
        assert float(first["execution"]["results"][0]["text"]) == 0.5
        assert second["execution"]["error"]["name"] == "ZeroDivisionError" and second["execution"]["results"] == []
        assert third["execution"] is None or third["execution"]["error"]

    def test_open_instruct(self, service: Running) -> None:
        tests = ["assert double(2) == 4", "assert double(3) == 6", "assert double(0) == 0"]
        assert post(service, "/test_program", {"program": WRONG, "tests": tests})["results"] == [1, 0, 1]
        for packed in (json.dumps(tests).encode(), pickle.dumps(json.dumps(tests))):
            text = base64.b64encode(zlib.compress(packed)).decode()
            found = post(service, "/test_program", {"program": RIGHT, "tests": text, "max_execution_time": 2})
            assert found["results"] == [1, 1, 1] and len(found["runtimes"]) == 3
        values = ["assert limit == 7", "assert limit == 8", "import math\nassert math.sqrt(limit + 2) == 3"]
        found = post(service, "/test_program", {"program": "limit = 7", "tests": values})
        assert found["results"] == [1, 0, 1]
        pairs = [{"input": "1 2", "output": "3"}, {"input": "1 2", "output": "4"}]
        assert post(service, "/test_program_stdio", {"program": ADD, "tests": pairs})["results"] == [1, 0]
        assert httpx.get(f"{service.url}/health").status_code == 200

    def test_openrlhf(self, service: Running) -> None:
        labels = [json.dumps(CALL), json.dumps(CALL)]
        body = {"query": ["Double it." + RIGHT, "Double it." + WRONG], "prompts": ["Double it."] * 2, "labels": labels}
        assert post(service, "/get_reward", body) == {"rewards": [1.0, 0.0]}
        found = openrlhf_reward(service.url)(body["query"], body["prompts"], labels)
        assert found["rewards"].tolist() == [1.0, 0.0]


class TestClients:
    def test_the_client(self, service: Running) -> None:
        with Sandbox([service.url, service.url]) as box:
            assert box.execute("print(6 * 7)")["stdout"] == "42\n"
            assert box.judge(RIGHT, tests=CALL)["verdict"] == "ACCEPTED"
            assert [each["index"] for each in box.batch([{"source": f"print({n})"} for n in range(300)])] == list(
                range(300)
            )
            with pytest.raises(InputError, match="'cuda' is not here"):
                box.execute("1", language="cuda")

    def test_trls_call_of_the_reward_function(self, service: Running) -> None:
        """GRPOTrainer calls it with keywords: prompts, completions, the columns, and three of its own."""
        completions = [[{"role": "assistant", "content": f"```python\n{each}```"}] for each in (RIGHT, WRONG)]
        function = trl_reward(service.url)
        called = function(
            prompts=[[{"role": "user", "content": "Double it."}]] * 2, completions=completions, tests=[CALL, json.dumps(CALL)],
            completion_ids=[[1], [2]], trainer_state=None, log_extra=print, log_metric=print,
        )  # fmt: skip
        assert asyncio.iscoroutinefunction(function)
        assert asyncio.run(called) == [1.0, 0.0]

    def test_no_verdict_is_none_for_trl(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("harness.client.ATTEMPTS", 1)
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            function = trl_reward(f"http://127.0.0.1:{nobody.getsockname()[1]}")
            assert asyncio.run(function(prompts=[], completions=["x"] * 3, tests=[CALL] * 3)) == [None] * 3

    def test_another_server_answers_where_one_does_not(self, service: Running) -> None:
        async def main() -> list[float | None]:
            async with AsyncSandbox(["http://127.0.0.1:9", service.url]) as box:
                return await box.rewards([RIGHT, WRONG], tests=[CALL, CALL])

        assert asyncio.run(main()) == [1.0, 0.0]

    def test_agents_have_the_tools_over_http(self, service: Running) -> None:
        from mcp import Client

        async def main() -> None:
            async with Client(f"{service.url}/mcp") as client:
                assert {tool.name for tool in (await client.list_tools()).tools} == {"run_code", "judge"}
                ran = await client.call_tool("run_code", {"code": "print(6 * 7)"})
                assert json.loads(ran.content[0].text)["stdout"] == "42\n"  # type: ignore[union-attr]
                judged = await client.call_tool("judge", {"code": ONLY_SMALL, "cases": CASES["cases"]})
                assert json.loads(judged.content[0].text)["passed"] == 3  # type: ignore[union-attr]
                wrong = await client.call_tool("run_code", {"code": "1", "language": "cuda"})
                assert wrong.is_error and "is not here" in wrong.content[0].text  # type: ignore[union-attr]

        asyncio.run(asyncio.wait_for(main(), 60))

    def test_agents_have_the_tools_over_stdio(self, tmp_path: Path) -> None:
        import sys

        from mcp import Client, StdioServerParameters
        from mcp.client.stdio import stdio_client

        errors = (tmp_path / "errors").open("w")

        async def main() -> None:
            command = StdioServerParameters(
                command=sys.executable, args=["-m", "harness", "serve", "mcp"], cwd=tmp_path
            )
            async with Client(stdio_client(command, errlog=errors)) as client:
                ran = await client.call_tool("run_code", {"code": "print(6 * 7)"})
                assert json.loads(ran.content[0].text)["stdout"] == "42\n"  # type: ignore[union-attr]

        with errors:
            asyncio.run(asyncio.wait_for(main(), 90))


class TestKeys:
    def test_every_way_to_send_a_key_and_no_trace_of_it(self, tmp_path: Path) -> None:
        key = "very-secret-key"
        (tmp_path / "keys").write_text(key + "\n")
        with running("--key-file", str(tmp_path / "keys"), cwd=tmp_path) as service:
            body = {"code": "print('a-program')", "language": "python"}
            post(service, "/run_code", body, 401)
            post(service, f"/k/{key}x/run_code", body, 401)
            assert post(service, f"/k/{key}/run_code", body)["status"] == "Success"
            assert post(service, "/run_code", body, headers={"X-Auth-Token": key})["status"] == "Success"
            with Sandbox(service.url, key) as box:
                assert box.execute("print(1)")["verdict"] == "ACCEPTED"
            assert httpx.get(f"{service.url}/readyz").status_code == 200
            assert service.stop() == 0
            said = "".join(service.lines)
        assert key not in said and "a-program" not in said
