"""Every command, once, as a person starts it: a process of its own that ends well and writes nothing but its answer.

The properties of each are tested inside the tests' process, in tests/integration.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness import registry
from harness.cli import flags, tree
from tests.fixtures.commands import Harness
from tests.fixtures.places import EXAMPLE, ROOT
from tests.fixtures.problems import CALL, write_rows

BASE = EXAMPLE.parent / "nano-base-T0.8"
SCORED = ["s.jsonl", "--problems", "mini.jsonl"]
# What each is asked in the folder of `place`; of a command that is not named here, its help.
SMOKE: dict[str, list[str | Path]] = {
    "audit": [*SCORED],
    "compare": [EXAMPLE, BASE],
    "completion": ["bash"],
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


def _messages(path: Path) -> Iterator[str]:
    """Every text of a module but its docstrings; values in an f-string are `{}`."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documented = (ast.FunctionDef, ast.ClassDef, ast.Module)
    doc = {id(node.body[0].value) for node in ast.walk(tree)
           if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)}  # fmt: skip
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in doc | inside:
            yield node.value


# Modules whose flags are another program's: vLLM's, nvidia-smi's, a training script's, a style sheet's.
OTHERS = ("engines/_vllm_arguments.py", "engines/_gpus.py", "models/training/", "images/page.py")
# Flags of `harness` itself and of `ray start`, and words that only look like flags.
PLAIN = {"--version", "--input-limits", "--help", "--head", "--num-cpus", "--no"}
COMMANDS = tree.Commands()


@pytest.mark.parametrize("path", sorted((ROOT / "harness").rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_message_names_no_flag_that_its_command_does_not_have(path: Path) -> None:
    if any(each in str(path) for each in OTHERS):
        return
    everywhere = set().union(*(flags.options(COMMANDS, name) for name in COMMANDS)) | PLAIN
    own = path.parent.name == "commands" and not path.stem.startswith("_")
    mine = flags.options(COMMANDS, path.stem.removesuffix("_")) | PLAIN if own else everywhere
    for message in _messages(path):
        for flag, command in flags.named_flags(message):
            known = mine if command is None else flags.options(COMMANDS, command) | PLAIN
            assert flag in known, f"{flag} of {command or path.stem}: {message}"


def test_a_message_that_advises_another_commands_option_says_whose_it_is(harness: Harness, tmp_path: Path) -> None:
    words = "the model has no chat template; use --form completion, or harness run --k 1"
    told = flags.whose(words, COMMANDS, "checkup")
    assert told == " (--form is an option of harness review, harness run; harness checkup has none)"
    assert flags.whose(words, COMMANDS, "run") == "" and flags.whose("no flags here", COMMANDS, "checkup") == ""
    answer = harness("checkup", "--base", "nano", "--tuned", tmp_path / "none", cwd=tmp_path)
    assert answer.returncode == 2 and "is an option of" not in answer.stderr


def test_every_command_that_is_asked_something_exists() -> None:
    assert set(SMOKE) <= set(NAMES)
