"""From which words a sandbox is started while the command is imported."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.cli import early
from harness.datasets import humanevalplus, mbppplus
from sandbox.types import MIB, Limits


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("score samples.jsonl", "auto"),
        ("score samples.jsonl --problems humaneval --k 1 --sandbox docker", "docker"),
        ("score --sandbox=bubblewrap --json samples.jsonl", "bubblewrap"),
        ("exec main.py", "auto"),
        ("exec - --sandbox docker", "docker"),
        ("exec main.py -- --runtime x", "auto"),
        ("score none.jsonl", None),
        ("score samples.jsonl --sandbox podman", None),
        ("score samples.jsonl --runtime runsc", None),
        ("score samples.jsonl --isolation container", None),
        ("score samples.jsonl --sandbox-url http://other", None),
        ("score samples.jsonl --memory-mib 64", None),
        ("score samples.jsonl --config run.toml", None),
        ("score samples.jsonl --problems humanevalplus", ("auto", 1024)),
        ("score samples.jsonl --problems MBPP+ --sandbox docker", ("docker", 1024)),
        ("exec main.py --problems mbpp+", "auto"),
        ("score samples.jsonl --help", None),
        ("score", None),
        ("exec main.cpp", None),
        ("exec main.py --language ruby", None),
        ("run --samples samples.jsonl", None),
        ("", None),
    ],
)
def test_a_guess_is_made_where_it_is_plain(
    words: str, expected: str | tuple[str, int] | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("samples.jsonl", "main.py", "main.cpp"):
        Path(name).touch()
    wanted = (expected, None) if isinstance(expected, str) else expected
    assert early.guess(words.split()) == wanted


def test_what_is_begun_for_a_plus_set_is_what_its_programs_ask_for() -> None:
    for each in (humanevalplus, mbppplus):
        assert Limits(memory_bytes=early.PLUS_MIB * MIB).within(each.LIMITS)
        assert each.LIMITS.within(Limits(memory_bytes=early.PLUS_MIB * MIB))
