"""Complete commands, options, sets and runs in your shell."""

from __future__ import annotations

from typing import Annotated

import typer
from typer.completion import get_completion_script  # type: ignore[attr-defined]  # what its own options take

from harness.errors import InputError, did_you_mean

GROUP = "maintain"
EXAMPLES = (
    "source <(harness completion bash)",
    "harness completion fish > ~/.config/fish/completions/harness.fish",
)
SHELLS = ("bash", "zsh", "fish")


def completion(shell: Annotated[str, typer.Argument(help="bash, zsh or fish.")]) -> None:
    """Print a script by which a shell completes commands, options, problem sets and runs.

    For every new shell: the line `source <(harness completion bash)` in ~/.bashrc, or with zsh in ~/.zshrc after
    compinit; with fish the file of the example.
    """
    if shell not in SHELLS:
        raise InputError(f"completion is there for bash, zsh and fish, not {shell!r}{did_you_mean(shell, SHELLS)}")
    print(get_completion_script(prog_name="harness", complete_var="_HARNESS_COMPLETE", shell=shell))
