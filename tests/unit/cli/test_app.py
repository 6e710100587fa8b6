"""What the command line says of itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from harness.cli import app, tree
from tests.fixtures.commands import Harness


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("/opt/venv/bin/harness", "harness run --model 'my model'"),
        ("/opt/harness/__main__.py", "python -m harness run --model 'my model'"),
    ],
)
def test_the_command_to_go_on_with_can_be_given_to_a_shell(
    program: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", [program, "run", "--model", "my model"])
    assert app._command() == said


HELP_COLUMNS = 61  # what is left of 80 beside the longest name
NAMES = sorted(tree.Commands())


def test_help_lists_every_command_whole_under_its_heading(harness: Harness) -> None:
    lines = harness("--help").stdout.splitlines()
    shown = {line.split()[0]: " ".join(line.split()[1:]) for line in lines if line.startswith("  ")}
    files = {path.stem.removesuffix("_"): path for path in tree.FOLDER.glob("[a-z]*.py")}
    assert sorted(files) == NAMES
    for name, path in files.items():
        about = tree.about(path.stem)
        assert shown[name] == about.summary and 0 < len(about.summary) <= HELP_COLUMNS and about.group in tree.GROUPS
    headings = [line.rstrip(":").lower() for line in lines if line.endswith(":") and not line.startswith(" ")]
    assert headings[1:] == [group for group in tree.GROUPS if group in headings]


def test_help_imports_no_command() -> None:
    code = (
        "import sys\nsys.argv = ['harness', '--help']\nfrom harness.cli.app import main\n"
        "try: main()\nexcept SystemExit: print([name for name in sys.modules if '.commands.' in name])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).endswith("[]\n")


def test_a_new_command_is_one_new_file(harness: Harness, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "greet_.py").write_text(
        '"""Say hello."""\n\nGROUP = "people"\n\n\ndef greet_(name: str) -> None:\n    print("hello", name)\n'
    )
    monkeypatch.setattr("harness.cli.commands.__path__", [str(tmp_path)])
    monkeypatch.setattr(tree, "FOLDER", tmp_path)
    assert "People:\n  greet  Say hello.\n" in harness("--help").stdout
    assert harness("greet", "you").stdout == "hello you\n"


def test_a_command_that_does_not_exist_is_answered_with_a_near_one(harness: Harness) -> None:
    answer = harness("scor")
    assert answer.returncode == 2 and "Did you mean 'score'" in answer.stderr


@pytest.mark.parametrize("name", NAMES)
def test_the_help_of_a_command_cuts_off_no_sub_command(name: str, harness: Harness) -> None:
    answer = harness(name, "--help")
    assert answer.returncode == 0 and "..." not in answer.stdout.partition("Commands:")[2]


def test_no_command_waits_for_a_heavy_library_to_show_its_help() -> None:
    code = (
        "import sys\nfrom harness import registry\n"
        "for name in registry.names('harness.cli.commands'): registry.load('harness.cli.commands', name, 'command')\n"
        "heavy = {'torch', 'transformers', 'vllm', 'datasketch', 'sklearn', 'fastapi', 'mcp', 'sacrebleu'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "[]\n"
