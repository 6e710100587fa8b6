"""What the command line says of cheating, of equal programs, and of tests that run beside the program."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.fixtures.commands import Harness
from tests.fixtures.problems import read_rows, write_rows

PROBLEMS = [
    {
        "id": "mine/double",
        "prompt": 'def double(x):\n    """Twice x."""\n',
        "entry_point": "double",
        "tests": {"kind": "call", "source": "def check(candidate):\n    assert candidate(2) == 4\n    assert candidate(0) == 0\n"},
        "reference": "    return 2 * x\n",
        "wrong": ["    return x\n", "    return x * x + 1\n"],
    },
    {
        "id": "mine/suite",
        "prompt": 'def half(x):\n    """Half of x."""\n',
        "entry_point": "half",
        "tests": {"kind": "call", "source": "import unittest\nclass T(unittest.TestCase):\n    def test_half(self):\n        self.assertEqual(half(4), 2)\n"},
        "reference": "    return x / 2\n",
        "wrong": ["    return x\n", "    return 1 / 0\n"],
    },
    {
        "id": "mine/printed",
        "prompt": "Print half of the number that is read.\n",
        "tests": {"kind": "stdio", "cases": [{"stdin": "1\n", "stdout": "0.5\n"}], "compare": "tokens", "tolerance": 1e-9},
        "reference": "print(int(input()) / 2, end='')\n",
        "wrong": ["print(1)\n", "print(int(input()) // 2)\n"],
    },
]  # fmt: skip


@pytest.fixture
def problems(tmp_path: Path) -> Path:
    path = tmp_path / "mine.jsonl"
    write_rows(path, *PROBLEMS)
    return path


def write(tmp_path: Path, rows: list[tuple[str, str]]) -> Path:
    path = tmp_path / "samples.jsonl"
    path.write_text("".join(json.dumps({"task_id": name, "completion": text}) + "\n" for name, text in rows))
    return path


SAMPLES = [
    ("mine/double", "    return 2 * x\n"),
    ("mine/double", "    return 2 * x\n"),
    ("mine/double", "    return x\n"),
    ("mine/double", "    return 2 * x\n"),
    ("mine/double", "    return x\n"),
    ("mine/suite", "    return x / 2\n"),
    ("mine/printed", "print(int(input()) / 2)\n"),
]


def test_equal_programs_are_executed_once_and_share_the_verdict(
    harness: Harness, problems: Path, tmp_path: Path
) -> None:
    samples = write(tmp_path, SAMPLES)
    shared = harness("score", samples, "--problems", problems, "--json", cwd=tmp_path)
    each = harness("score", samples, "--problems", problems, "--json", "--no-dedup", cwd=tmp_path)
    first, second = json.loads(shared.stdout), json.loads(each.stdout)
    assert first["coverage"]["repeated"] == 3 and second["coverage"]["repeated"] == 0
    assert first["problems"] == second["problems"] and first["verdicts"] == second["verdicts"]
    rows = read_rows(Path(tmp_path) / first["run"] / "executions.jsonl")
    told = {row["index"]: row["detail"] for row in rows if row["problem_id"] == "mine/double"}
    assert told[1] == told[3] == "the same program as sample 0" and told[4] == "the same program as sample 2"


def test_tests_beside_the_program_are_marked_wherever_the_score_is(
    harness: Harness, problems: Path, tmp_path: Path
) -> None:
    samples = write(tmp_path, SAMPLES)
    answer = harness("score", samples, "--problems", problems, cwd=tmp_path)
    assert "integrity in-sandbox: 1 problem, whose tests" in answer.stdout and "mine/suite" in answer.stdout
    assert "|integrity:judged+1in-sandbox|" in answer.stdout.replace("\n", "")
    rows = read_rows(tmp_path / "samples.jsonl_results.jsonl")
    assert [row["integrity"] for row in rows] == ["judged"] * 5 + ["in-sandbox", "judged"]
    assert [row["passed"] for row in rows] == [True, True, False, True, False, True, True]
    (run,) = (tmp_path / "results" / "mine" / "samples").iterdir()
    assert "mine/suite (integrity: in-sandbox)" in harness("show", run).stdout
    assert "integrity: in-sandbox" in harness("show", run, "mine/suite").stdout
    assert "beside the program: mine/suite" in harness("verify", problems).stdout


def test_each_program_in_a_container_of_its_own_gives_the_same_verdicts(
    harness: Harness, problems: Path, tmp_path: Path
) -> None:
    samples = write(tmp_path, SAMPLES)
    pool = harness("score", samples, "--problems", problems, "--json", cwd=tmp_path)
    alone = harness("score", samples, "--problems", problems, "--json", "--isolation", "container", cwd=tmp_path)
    assert json.loads(pool.stdout)["problems"] == json.loads(alone.stdout)["problems"]


ECHO = """    import socket
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as here:
        there, _ = server.accept()
        there.sendall(text.encode())
        there.close()
        return here.recv(100).decode()
"""


def test_a_problem_that_needs_a_socket_says_so(harness: Harness, tmp_path: Path) -> None:
    row = {
        "id": "net/echo",
        "prompt": 'def echo(text):\n    """Send text through TCP to yourself; return what arrives."""\n',
        "entry_point": "echo",
        "tests": {"kind": "call", "source": "def check(candidate):\n    assert candidate('a') == 'a'\n"},
        "reference": ECHO,
        "wrong": ["    return text + '!'\n", "    return ''\n"],
    }
    (tmp_path / "net.jsonl").write_text(json.dumps({**row, "loopback": True}) + "\n")
    (tmp_path / "none.jsonl").write_text(json.dumps(row) + "\n")
    assert harness("verify", tmp_path / "net.jsonl").returncode == 0
    assert harness("verify", tmp_path / "none.jsonl").returncode == 1


CHEATS = {
    "    class Any:\n        __eq__ = lambda *_: True\n    return Any()\n": "accepted only where it can reach its tests",
    "    import os; os._exit(0)\n": "ends before its tests do",
    "    import sys; return sys._getframe(1).f_locals\n": "walks the stack",
    "    return open('/proc/self/maps').read()\n": "reads /proc/self/maps",
    "    import os; os.write(3, b'0' * 40)\n": "writes to the judge's channel",
    "    import gc; return gc.get_objects()[0]\n": "searches memory: gc.get_objects",
    "    import os; os.kill(os.getpid(), 0); return 2 * x\n": "sends signals",
    "    import ctypes; return ctypes.c_int.from_address(id(4) + 24).value\n": "uses ctypes",
    "    return 2 * x\nimport builtins\nbuiltins.sorted = None\n": "changes builtins.sorted",
    "    import subprocess; subprocess.run(['true']); return x\n": "starts another program",
    "    import socket; socket.socket(socket.AF_INET); return x\n": "makes system calls that are refused: socket",
}


def test_an_audit_tells_what_programs_do_and_lets_honest_ones_alone(
    harness: Harness, problems: Path, tmp_path: Path
) -> None:
    honest = "    import collections\n    pair = collections.namedtuple('P', 'a b')(x, x)\n    return pair.a + pair.b\n"
    samples = write(tmp_path, [*[("mine/double", text) for text in CHEATS], ("mine/double", honest), *SAMPLES])
    answer = harness("audit", samples, "--problems", problems, "--json")
    *found, total = map(json.loads, answer.stdout.splitlines())
    signs = {each["index"]: each["signs"] for each in found if each["problem_id"] == "mine/double"}
    for index, expected in enumerate(CHEATS.values()):
        assert expected in signs[index], (expected, signs[index])
    assert set(signs) == set(range(len(CHEATS))) and len(found) == len(CHEATS)
    assert total["forged"] >= 1 and answer.returncode == 1
    assert total["refused"] == {"socket": 1}
    assert harness("audit", write(tmp_path, SAMPLES), "--problems", problems).returncode == 0
