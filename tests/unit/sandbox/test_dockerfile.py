"""The recipe of the sandbox image: no registry is asked here, so it is read as its builder reads it, and its commands as a shell does."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

TEXT = Path("docker/sandbox/Dockerfile").read_text()
KNOWN = {"ARG", "FROM", "RUN", "ENV", "ENTRYPOINT", "CMD"}


def instructions() -> list[tuple[str, str]]:
    """Word and arguments of each, comments left out and lines joined, as the builder does it."""
    lines = "\n".join(line for line in TEXT.splitlines() if not line.lstrip().startswith("#"))
    joined = re.sub(r"\\\n\s*", " ", lines)
    return [(line.split()[0], line.partition(" ")[2]) for line in joined.splitlines() if line.strip()]


def test_the_base_is_an_argument_and_nothing_of_ours_goes_in() -> None:
    found = instructions()
    assert {word for word, _ in found} <= KNOWN  # no ADD, no COPY
    assert [word for word, _ in found[:2]] == ["ARG", "FROM"] and found[1][1] == "${BASE}"
    assert found[0][1].startswith("BASE=")
    named = set(re.findall(r"\$\{(\w+)\}", TEXT))
    assert named == {argument.partition("=")[0] for word, argument in found if word == "ARG"}


def test_every_command_is_one_for_the_shell() -> None:
    commands = [argument for word, argument in instructions() if word == "RUN"]
    assert len(commands) == 3
    for command in commands:
        ended = subprocess.run(["sh", "-n"], input=command, capture_output=True, text=True, check=False)
        assert (ended.returncode, ended.stderr) == (0, ""), command
