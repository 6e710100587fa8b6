"""What other systems call the sandbox's languages."""

from __future__ import annotations

from harness.errors import did_you_mean
from harness.service.judging import BadRequest
from sandbox.types import LANGUAGES

# name of another system, in lower case -> ours; those that are equal need no line
ALIASES = {
    "py": "python", "python3": "python", "py3": "python",
    "node": "javascript", "nodejs": "javascript", "js": "javascript",
    "ts": "typescript", "c++": "cpp", "g++": "cpp", "cplusplus": "cpp", "gcc": "c",
    "golang": "go", "c#": "csharp", "mono": "csharp", "cs": "csharp", "csharp.net": "csharp",
    "rb": "ruby", "rs": "rust", "sh": "bash", "rscript": "r",
}  # fmt: skip


def known_languages() -> list[str]:
    """The languages that are here."""
    return list(LANGUAGES)


def aliases(language: str) -> list[str]:
    """What else a language may be called."""
    return sorted(name for name, ours in ALIASES.items() if ours == language)


def find_language(name: str) -> str:
    """Our name of a language. Raises BadRequest, naming those that are here."""
    lower = name.lower()
    ours = ALIASES.get(lower, lower)
    if ours not in LANGUAGES:
        raise BadRequest(
            f"language: {name[:100]!r} is not here{did_you_mean(ours, LANGUAGES)}; here are: {', '.join(LANGUAGES)}"
        )
    return ours
