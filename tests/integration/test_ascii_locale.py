"""A terminal and a locale of plain ASCII, as in cron jobs and small containers: every file is UTF-8 all the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ASCII = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
PROBLEM = {
    "id": "one/1", "entry_point": "f", "prompt": 'def f(x):\n    """Append 漢."""\n',
    "tests": {"kind": "call", "source": "def check(f):\n    assert f('é') == 'é漢', 'ö'\n"}, "reference": "    return x + '漢'\n",
}  # fmt: skip


def harness(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "harness", *words]
    return subprocess.run(
        command, cwd=folder, env=ASCII, capture_output=True, encoding="ascii", timeout=300, check=False
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "problems.jsonl").write_text(json.dumps(PROBLEM, ensure_ascii=False) + "\n", "utf-8")
    rows = [{"task_id": "one/1", "completion": f"    return x + {end!r}  # ü\n"} for end in ("漢", "字")]
    (tmp_path / "samples.jsonl").write_text(
        "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8"
    )
    (tmp_path / "hello.py").write_text("print('é漢')\n", "utf-8")
    return tmp_path


def test_a_score_and_what_is_shown_of_it(folder: Path, backend: str) -> None:
    done = harness(folder, "score", "samples.jsonl", "--problems", "problems.jsonl", "--sandbox", backend)
    assert done.returncode == 0, done.stderr
    assert "ACCEPTED 1" in done.stdout and "WRONG_ANSWER 1" in done.stdout
    (run,) = (folder / "results").glob("*/*/*")
    for words in (("show", str(run)), ("show", str(run), "--failed"), ("runs", "list"), ("leaderboard", "results")):
        done = harness(folder, *words)
        assert done.returncode == 0, done.stderr
    assert "\\u5b57" in harness(folder, "show", str(run), "one/1").stdout


def test_what_a_program_prints_is_escaped(folder: Path, backend: str) -> None:
    done = harness(folder, "exec", "hello.py", "--sandbox", backend)
    assert (done.returncode, done.stdout) == (0, "\\xe9\\u6f22\n")
