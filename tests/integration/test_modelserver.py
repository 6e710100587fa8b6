"""A vLLM server of our own: it comes up, dies, comes up again, says why it does not, and never stays behind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.engines import _vllm_arguments, _vllm_server
from harness.errors import EngineError, InputError
from harness.models import model_dir
from tests.fixtures.commands import Harness
from tests.fixtures.problems import read_rows
from tests.fixtures.processes import alive, cmdline, descendants, until

HARNESS = str(Path(sys.executable).parent / "harness")


@pytest.fixture(scope="module")
def python(vllm_python: Path) -> Path:
    return vllm_python


@pytest.fixture
def run_of_vllm(python: Path, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """`harness run --engine vllm`, just started."""
    command = [HARNESS, "run", "--engine", "vllm", "--vllm-python", str(python), "--k", "1", "--n", "10", "--json"]
    errors = open(tmp_path / "stderr", "w")
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=errors, text=True) as process:
        yield process
        process.kill()
    errors.close()


def test_a_server_that_is_killed_half_way_is_started_again_and_the_run_ends_as_if_nothing_had_been(
    run_of_vllm: subprocess.Popen[str], tmp_path: Path, python: Path, harness: Harness
) -> None:
    process = run_of_vllm
    until(lambda: list(tmp_path.glob("results/*/*/*/completions.jsonl")), 600, "the run began")
    (completions,) = tmp_path.glob("results/*/*/*/completions.jsonl")
    until(lambda: completions.stat().st_size > 2000, 120, "completions arrive")
    ours = descendants(process.pid)
    servers = [pid for pid in ours if b"vllm" in Path(f"/proc/{pid}/cmdline").read_bytes().lower()]
    for pid in servers[1:] or servers:  # all but the guardian, which names vLLM in its command
        os.kill(pid, signal.SIGKILL)
    out, _ = process.communicate(timeout=900)
    assert process.returncode == 0, (tmp_path / "stderr").read_text()
    summary = json.loads(out)
    assert summary["coverage"]["complete"] and summary["coverage"]["completions_scored"] == 69 * 10
    rows = read_rows(completions)
    assert len({(row["problem_id"], row["index"]) for row in rows}) == len(rows) == 69 * 10
    about = json.loads(completions.with_name("manifest.json").read_text())["engine"]
    assert about["server"] and "--generation-config vllm" in about["arguments"]
    until(lambda: not alive([*ours, *servers]), 30, "nothing of the server stays")

    again = harness("run", "--engine", "vllm", "--vllm-python", python, "--k", "1", "--n", "10", "--json", cwd=tmp_path)
    assert json.loads(again.stdout) == summary  # a complete run starts no server


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_no_server_stays_when_the_harness_is_stopped(
    run_of_vllm: subprocess.Popen[str], number: signal.Signals, tmp_path: Path
) -> None:
    process = run_of_vllm
    until(lambda: any(b"api_server" in cmdline(pid) for pid in descendants(process.pid)), 120, "vLLM was started")
    ours = descendants(process.pid)
    process.send_signal(number)
    process.wait(timeout=60)
    until(lambda: not alive(ours), 30, "nothing of the server stays")
    assert process.returncode == (-number if number == signal.SIGKILL else 130)
    assert not (tmp_path / "results").exists()  # what was not begun leaves nothing


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """A copy of nano's directory, to be broken."""
    return Path(shutil.copytree(model_dir("nano"), tmp_path / "broken"))


def start(model: Path, python: Path, *arguments: str) -> str:
    """What an attempt to start says."""
    options = _vllm_arguments.ServerOptions(model=str(model), name="m", python=python, arguments=arguments)
    with pytest.raises(EngineError) as raised, _vllm_server.ModelServer(options, lambda _: None):
        pass
    return str(raised.value)


@pytest.mark.slow
def test_missing_weights_are_named(broken: Path, python: Path) -> None:
    for weights in broken.glob("*.safetensors"):
        weights.unlink()
    said = start(broken, python)
    assert "files of the model are missing" in said and "The last lines of" in said


@pytest.mark.slow
def test_an_unknown_architecture_is_named(broken: Path, python: Path) -> None:
    config = json.loads((broken / "config.json").read_text())
    config.update(architectures=["NoSuchModelForCausalLM"], model_type="no_such_model")
    (broken / "config.json").write_text(json.dumps(config))
    assert "does not know the architecture" in start(broken, python)


@pytest.mark.slow
def test_a_bad_argument_is_named(broken: Path, python: Path) -> None:
    assert "mend --engine-arg" in start(broken, python, "no-such-flag=3")


def test_an_interpreter_without_vllm_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not an interpreter that has vLLM"):
        _vllm_server.find_vllm(Path(sys.executable))
    with pytest.raises(InputError, match="not an interpreter that has vLLM"):
        _vllm_server.find_vllm(tmp_path / "python")
