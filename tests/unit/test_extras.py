"""An optional part is installed from where the distribution was."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from harness import extras
from tests.fixtures.places import ROOT


@pytest.mark.parametrize(
    ("source", "command"),
    [
        (
            {"url": "file:///gone", "dir_info": {}},
            "pip install 'codegen-harness[lora]' (from its source: /gone is gone)",
        ),
        ({"url": "file:///w/x.whl", "archive_info": {}}, "pip install 'codegen-harness[lora] @ file:///w/x.whl'"),
        (
            {"url": "https://h/r.git", "vcs_info": {"vcs": "git", "commit_id": "ab"}},
            "pip install 'codegen-harness[lora] @ git+https://h/r.git@ab'",
        ),
        ({}, "pip install 'codegen-harness[lora]' (with the index or --find-links that it came from)"),
    ],
)
def test_the_command_names_where_it_came_from(source: dict[str, Any], command: str) -> None:
    assert extras.command(source, "[lora]") == command


def test_a_folder_is_named_as_a_shell_takes_it(tmp_path: Path) -> None:
    folder = tmp_path / "a b"
    folder.mkdir()
    (folder / "pyproject.toml").touch()
    source: dict[str, Any] = {"url": f"file://{tmp_path}/a%20b", "dir_info": {"editable": True}}
    assert extras.command(source, "[lora]") == f"pip install -e '{folder}[lora]'"
    assert extras.command({**source, "dir_info": {}}, "[lora]") == f"pip install '{folder}[lora]'"


def test_here_it_is_this_checkout_or_the_one_that_is_installed() -> None:
    assert re.match(r"pip install (-e )?\S+\[ray\]'?", extras.install("ray"))


def test_no_message_promises_the_distribution_on_an_index() -> None:
    text = {path: path.read_text() for folder in ("harness", "sandbox") for path in (ROOT / folder).rglob("*.py")}
    promised = [str(path) for path, each in text.items() if re.search(r"pip install '?codegen-harness", each)]
    assert promised == [str(ROOT / "harness" / "extras.py")]


def test_no_page_promises_it_either() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    assert [str(path) for path in pages if re.search(r"pip install '?codegen-harness", Path(path).read_text())] == []
