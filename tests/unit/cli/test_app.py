"""What the command line says of itself."""

from __future__ import annotations

import pytest

from harness.cli import app


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
