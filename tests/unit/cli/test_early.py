"""From which words a sandbox is started while the command is imported."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.cli import early


@pytest.mark.parametrize(
    ("words", "backend"),
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
        ("score samples.jsonl --problems humanevalplus", None),
        ("score samples.jsonl --problems MBPP+", None),
        ("score samples.jsonl --help", None),
        ("score", None),
        ("exec main.cpp", None),
        ("exec main.py --language ruby", None),
        ("run --samples samples.jsonl", None),
        ("", None),
    ],
)
def test_a_guess_is_made_where_it_is_plain(
    words: str, backend: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("samples.jsonl", "main.py", "main.cpp"):
        Path(name).touch()
    assert early.guess(words.split()) == backend
