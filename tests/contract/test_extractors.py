"""What every extractor must do; a new file in `harness/extractors` is picked up by existing."""

from __future__ import annotations

import pytest

from harness import registry
from harness.config import RunConfig, command_line_flags
from harness.extractors import DEFAULT, EXTRACTORS, extract

PROMPT = 'import math\n\n\ndef f(x):\n    """Twice x."""\n'
TWO = "def f(x):\n    return 2 * x\n"


def taken(name: str, reply: str, prompt: str) -> str:
    return extract(name, reply, prompt, "f").source


@pytest.mark.parametrize("name", registry.names("harness.extractors"))
def test_the_configuration_knows_every_extractor(name: str) -> None:
    assert RunConfig(extractor=name).extractor == name and name in EXTRACTORS
    assert name in command_line_flags()["extractor"].help
    assert RunConfig().extractor == DEFAULT


@pytest.mark.parametrize("name", EXTRACTORS)
def test_the_prompt_s_preamble_comes_first_but_for_future_imports(name: str) -> None:
    assert taken(name, TWO, PROMPT).startswith("import math\n\n\ndef f")
    future = "from __future__ import annotations\n"
    assert taken(name, future + TWO, PROMPT).startswith(f"{future}import math\n")


@pytest.mark.parametrize("name", EXTRACTORS)
def test_the_span_is_where_the_program_stands(name: str) -> None:
    reply = f"🎉 Here:\r\n```python\r\n{TWO}```\r\nDone."
    start, end = extract(name, reply, "", "f").span or (0, 0)
    assert (reply[start:end] if name != "whole" else TWO.strip()) == TWO.strip()
    assert extract(name, " \n", "", "f").span is None


@pytest.mark.parametrize("name", EXTRACTORS)
@pytest.mark.parametrize(
    "reply", ["", "\0", "```", "```python\n", "\ud800", "<think>", "```python\ndef f(\n```", "f" * 99_999]
)
def test_an_extractor_takes_any_text(name: str, reply: str) -> None:
    found = extract(name, reply, PROMPT, "f")
    assert found.extractor == name and (found.span is None) == (not found.source)
