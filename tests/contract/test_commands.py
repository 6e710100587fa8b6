"""Every command, once, as a person starts it: a process of its own that ends well and writes nothing but its answer.

The properties of each are tested inside the tests' process, in tests/integration.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import registry
from tests.fixtures.commands import Harness
from tests.fixtures.places import EXAMPLE
from tests.fixtures.problems import CALL, write_rows

BASE = EXAMPLE.parent / "nano-base-T0.8"
SCORED = ["s.jsonl", "--problems", "mini.jsonl"]
# What each is asked in the folder of `place`; of a command that is not named here, its help.
SMOKE: dict[str, list[str | Path]] = {
    "audit": [*SCORED],
    "compare": [EXAMPLE, BASE],
    "doctor": [],
    "exec": ["p.py"],
    "export": [EXAMPLE, "--format", "csv", "-o", "out.csv"],
    "import": [*SCORED, "--format", "human-eval"],
    "leaderboard": [EXAMPLE.parent, "-o", "site"],
    "leaks": ["texts.jsonl", "others.jsonl"],
    "plan": ["--effect", "5"],
    "run": ["--problems", "mini.jsonl", "--n", "1", "--k", "1"],
    "score": [*SCORED],
    "show": [EXAMPLE],
    "split": ["texts.jsonl"],
    "verify": ["mini.jsonl"],
}
NAMES = [name.removesuffix("_") for name in registry.names("harness.cli.commands")]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a problem set, a solution of it, a program and two files of texts."""
    write_rows(tmp_path / "mini.jsonl", CALL)
    write_rows(tmp_path / "s.jsonl", {"task_id": CALL["id"], "completion": CALL["reference"]})
    (tmp_path / "p.py").write_text("print(6 * 7)\n")
    for name, word in (("texts", "stone"), ("others", "river")):
        write_rows(tmp_path / f"{name}.jsonl", *({"text": f"{word} {n} " * (n + 9)} for n in range(20)))
    return tmp_path


@pytest.mark.parametrize("name", NAMES)
def test_a_command_started_as_a_process_ends_well(harness: Harness, place: Path, name: str) -> None:
    answer = harness.process(name, *SMOKE.get(name, ["--help"]), cwd=place)
    assert answer.returncode == 0, answer.stderr
    assert (answer.stdout or answer.stderr) and "Traceback" not in answer.stderr and "Warning" not in answer.stderr


def test_every_command_that_is_asked_something_exists() -> None:
    assert set(SMOKE) <= set(NAMES)
