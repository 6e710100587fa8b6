"""Plug-ins by existing."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest

from harness import registry


def test_the_names_of_plug_ins_are_found_without_importing_any() -> None:
    program = (
        "import sys; from harness import registry; print(registry.names('harness.extractors')); "
        "assert not [name for name in sys.modules if name.startswith('harness.extractors')]"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert {"auto", "first", "last", "longest", "whole"} <= set(ast.literal_eval(found))


@pytest.mark.parametrize(("names", "text"), [(["a"], "a"), (["a", "b"], "a or b"), (["a", "b", "c"], "a, b or c")])
def test_names_are_listed_as_a_sentence_has_them(names: list[str], text: str) -> None:
    assert registry.listed(names) == text
