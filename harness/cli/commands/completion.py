"""Complete commands, options, sets and runs in your shell."""

from __future__ import annotations

from typing import Annotated

import typer
from typer.completion import get_completion_script  # type: ignore[attr-defined]  # what its own options take

from harness.cli.completions import ASKED, LINE
from harness.errors import InputError, did_you_mean

GROUP = "maintain"
EXAMPLES = (
    "source <(harness completion bash)",
    "harness completion fish > ~/.config/fish/completions/harness.fish",
)
SHELLS = ("bash", "zsh", "fish")
# To bash a colon ends a word (COMP_WORDBREAKS): it hands over the pieces of humaneval-x:cpp, and replaces only the last
# one. So the line is handed on as it is, and what stands before the last colon is taken off each answer.
BASH = f"""\
_harness_completion() {{
    local IFS=$'\\n' line=${{COMP_LINE:0:COMP_POINT}} word before=
    word=${{line##*[[:space:]]}}
    [[ $word == --*=* ]] && word=${{word#*=}}
    [[ $COMP_WORDBREAKS == *:* && $word == *:* ]] && before=${{word%"${{word##*:}}"}}
    COMPREPLY=( $(env {LINE}="$line" {ASKED}=complete_bash "$1") )
    COMPREPLY=( "${{COMPREPLY[@]#"$before"}}" )
}}

complete -o default -F _harness_completion harness"""


def completion(shell: Annotated[str, typer.Argument(help="bash, zsh or fish.")]) -> None:
    """Print a script that lets a shell complete commands, options, problem sets and runs.

    For every new shell: the line `source <(harness completion bash)` in ~/.bashrc, or with zsh in ~/.zshrc after
    compinit; with fish the file of the example.
    """
    if shell not in SHELLS:
        raise InputError(f"completion is there for bash, zsh and fish, not {shell!r}{did_you_mean(shell, SHELLS)}")
    print(BASH if shell == "bash" else get_completion_script(prog_name="harness", complete_var=ASKED, shell=shell))
