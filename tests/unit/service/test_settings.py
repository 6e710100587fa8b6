"""What an operator may ask for, and what is refused with words that help."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.errors import InputError
from harness.service import Settings
from harness.service.settings import read_keys


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "example.org", ""])
def test_a_sandbox_that_others_can_reach_needs_a_key_or_a_word(host: str) -> None:
    with pytest.raises(InputError, match="a sandbox that others can reach needs --key-file FILE, or --no-key"):
        Settings(host=host)
    assert Settings(host=host, no_key=True).keys == frozenset()
    assert Settings(host=host, keys=frozenset({"secret-key"})).host == host


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_this_machine_alone_needs_none(host: str) -> None:
    assert Settings(host=host).host == host


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"workers": 0}, "--workers must be above 0"),
        ({"queue_s": -1.0}, "--queue-s must be above 0"),
        ({"port": 70000}, "--port must be between 0 and 65535"),
        ({"memory_mib": 2048, "max_memory_mib": 1024}, "is above --max-memory-mib 1024"),
        ({"keys": frozenset({"secret-key"}), "no_key": True}, "not both"),
    ],
)
def test_values_that_cannot_be(values: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Settings(**values)


def test_keys_are_lines_and_are_never_shown(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("# for training\nfirst-secret\n\n  second-secret  \n")
    keys = read_keys(tmp_path / "keys")
    assert keys == {"first-secret", "second-secret"}
    assert "secret" not in repr(Settings(keys=keys))


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "holds no key"), ("short", "line 1: a key has at least 8"), ("x\nwith a space here", "line"), ("a/slash/key", "slashes")],
)  # fmt: skip
def test_a_key_file_that_cannot_be_used(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "keys").write_text(text)
    with pytest.raises(InputError, match=message):
        read_keys(tmp_path / "keys")


def test_a_key_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read: No such file"):
        read_keys(tmp_path / "keys")
