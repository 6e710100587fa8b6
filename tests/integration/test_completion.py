"""Completion in real shells: bash and zsh on a terminal with a TAB that is pressed, fish by its own `complete`."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.fixtures.commands import COMMAND, Harness
from tests.fixtures.missing import missing
from tests.fixtures.places import ROOT

# What is typed, and what must be offered, or completed.
OFFERED = [
    ("harness ru", {"run", "runs"}),
    ("harness runs l", {"list", "label"}),
    ("harness run --pro", {"--problems", "--prompt-file"}),
    ("harness run --problems humaneval", {"humaneval", "humaneval-x", "humanevalpack", "humaneval+"}),
    ("harness run --problems starter,mb", {"starter,mbpp", "starter,mbpp+", "starter,mbxp"}),
    ("harness run --problems humaneval-x:j", {"humaneval-x:java", "humaneval-x:js"}),
    ("harness run --problems starter,cruxeval:", {"starter,cruxeval:output", "starter,cruxeval:input"}),
    ("harness show results/example/nano-T", {"results/example/nano-T0.2", "results/example/nano-T0.8"}),
    ("harness export results/example/nano-T0.8 --format m", {"model-index", "multipl-e"}),
]
ONE = [
    ("harness lead", "harness leaderboard"),
    ("harness show --verdict TIM", "harness show --verdict TIME_LIMIT"),
    ("harness run --engine tr", "harness run --engine transformers"),
    ("harness run --problems humaneval-x:c", "harness run --problems humaneval-x:cpp"),
    ("harness score PLA", "harness score PLACE"),  # a file, where nothing of ours fits
]


class Shell:
    """An interactive shell on a terminal, in a folder with the example runs."""

    def __init__(self, command: list[str], setup: str, folder: Path) -> None:
        process, self._file = pty.fork()
        if process == 0:
            os.chdir(folder)
            environment = {
                **os.environ, "PS1": "> ", "TERM": "xterm", "HOME": str(folder), "COLUMNS": "200", "LINES": "50",
                "PATH": f"{Path(COMMAND).parent}:{os.environ['PATH']}",
            }  # fmt: skip
            os.execvpe(command[0], command, environment)
        self._process = process
        self._count = 0
        self.ask(f"stty cols 200 rows 50; {setup}\n", "")
        self.clear()

    def ask(self, typed: str, awaited: str, limit_s: float = 60) -> str:
        """Type this, and read until the awaited text is there; what was written since."""
        os.write(self._file, typed.encode())
        text = ""
        end = time.monotonic() + limit_s
        while awaited not in text:
            ready, _, _ = select.select([self._file], [], [], max(end - time.monotonic(), 0))
            assert ready, text
            text += re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|\x07", "", os.read(self._file, 65536).decode())
        return text

    def clear(self) -> str:
        """Give up the line, and wait until the shell has come to its end; what was written until then."""
        self._count += 1
        return self.ask(f"\x15echo line $((1000 + {self._count})) ends\n", f"line {1000 + self._count} ends")

    def close(self) -> None:
        """End it."""
        os.close(self._file)
        os.waitpid(self._process, 0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With the example runs, and a file."""
    made = tmp_path_factory.mktemp("completion")
    example = ROOT / "results" / "example"
    shutil.copytree(example, made / "results" / "example", ignore=shutil.ignore_patterns("*.jsonl"))
    (made / "PLACE").touch()
    return made


SHELLS = {
    "bash": (
        ["bash", "--norc", "--noprofile", "-i"],
        "bind 'set show-all-if-ambiguous on' 'set page-completions off'; source <(harness completion bash)",
    ),
    "zsh": (
        ["zsh", "-f", "-i"],
        "unsetopt list_ambiguous; autoload -U compinit; compinit -u -D; source <(harness completion zsh)",
    ),
}


def _shell(name: str, folder: Path) -> Shell:
    command, setup = SHELLS[name]
    if shutil.which(name) is None:
        missing(f"completion in {name}", "it is not installed", f"Debian: {name}")
    return Shell(command, setup, folder)


@pytest.mark.parametrize("name", SHELLS)
def test_a_tab_in_a_shell_offers_what_fits(name: str, folder: Path) -> None:
    shell = _shell(name, folder)
    try:
        for typed, offered in OFFERED:
            if name == "bash":  # to it a word begins after a colon
                offered = {each.rpartition(":")[2] for each in offered}
            longest = max(offered, key=len)
            shown = shell.ask(f"{typed}\t", longest) + shell.clear()
            assert offered <= set(re.split(r"\s+", shown)), (typed, shown)
        for typed, whole in ONE:
            shown = shell.ask(f"{typed}\t", whole.split()[-1]) + shell.clear()
            assert whole in shown
    finally:
        shell.close()


def test_bash_completes_a_name_after_a_colon_and_an_equals_sign(folder: Path) -> None:
    shell = _shell("bash", folder)
    try:
        shell.ask("harness run --problems=humaneval-x:g\t", "--problems=humaneval-x:go ")
    finally:
        shell.close()


def test_fish_offers_what_fits(folder: Path) -> None:
    if shutil.which("fish") is None:
        missing("completion in fish", "it is not installed", "Debian: fish")
    for typed, offered in [*OFFERED, *((typed, {whole.split()[-1]}) for typed, whole in ONE[:3])]:
        script = f"harness completion fish | source; complete -C '{typed}'"
        environment = {**os.environ, "HOME": str(folder), "PATH": f"{Path(COMMAND).parent}:{os.environ['PATH']}"}
        shown = subprocess.check_output(["fish", "-c", script], cwd=folder, text=True, env=environment)
        assert offered == {each.split("\t")[0] for each in shown.splitlines()}, typed


def test_another_shell_is_told_which_there_are(harness: Harness) -> None:
    answer = harness("completion", "csh")
    assert answer.returncode == 2 and "bash, zsh and fish" in answer.stderr


def test_completing_the_commands_imports_none(folder: Path) -> None:
    environment = {**os.environ, "_HARNESS_COMPLETE": "complete_bash", "COMP_WORDS": "harness r", "COMP_CWORD": "1"}
    code = (
        "import sys\nsys.argv = ['harness']\nfrom harness.cli.app import main\n"
        "try: main()\nexcept SystemExit: print([name for name in sys.modules if '.commands.' in name])"
    )
    shown = subprocess.check_output([sys.executable, "-c", code], env=environment, text=True)
    assert shown.split() == ["report", "review", "run", "runs", "[]"]
