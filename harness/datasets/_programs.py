"""What sets of problems in other languages share: names of the languages, limits, the chat model's message."""

from __future__ import annotations

from sandbox.languages import find, written_in
from sandbox.types import Limits

# Their published evaluators give 3 to 15 s by the clock, starting a runtime included; CPU time does not depend on load.
LIMITS = Limits(cpu_s=10.0, wall_s=30.0, memory_bytes=1024 * 2**20)
# What the sets call languages that we call otherwise.
OURS = {
    "js": "javascript", "ts": "typescript", "rs": "rust", "rb": "ruby", "pl": "perl", "sh": "bash", "cs": "csharp",
}  # fmt: skip
TITLES = {
    "c": "C", "cpp": "C++", "csharp": "C#", "javascript": "JavaScript", "typescript": "TypeScript", "php": "PHP",
}  # fmt: skip


def language(name: str) -> str:
    """Our name of a language that a set calls `name`."""
    return OURS.get(name, name)


def instruction(name: str) -> str:
    """A chat model's message, which names the language: EvalPlus's sentence with another language in it."""
    name = written_in(name)
    title = TITLES.get(name, name.title())
    fence = find(name).fence_names[0]
    return (
        f"Please provide self-contained {title} code that solves the following problem in a markdown code block. "
        "Keep the names and the signature:\n"
        f"```{fence}\n{{prompt}}\n```\n"
    )
