"""The languages that the service judges, and what other systems call them."""

from __future__ import annotations

from harness.service.judging import BadRequest
from sandbox import languages


def known_languages() -> list[str]:
    """The languages that are here: those of the family of the service's one pool."""
    return list(languages.of_family(languages.PYTHON))


def aliases(language: str) -> list[str]:
    """What else a language may be called."""
    return languages.aliases(language)


def find_language(name: str) -> str:
    """Our name of a language. Raises BadRequest, naming those that are here."""
    try:
        ours = languages.resolve(name)
    except ValueError:
        ours = name
    here = known_languages()
    if ours not in here:
        raise BadRequest(f"language: {name[:100]!r} is not here; here are: {', '.join(here)}")
    return ours
