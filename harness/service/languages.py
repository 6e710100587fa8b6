"""The languages that the service runs, and what other systems call them."""

from __future__ import annotations

from collections.abc import Sequence

from harness.service.faults import BadRequest
from sandbox import languages
from sandbox.types import LANGUAGES


class Languages:
    """The languages that are here: those of the families that the service has a pool, or an image, for."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)

    def find(self, name: str) -> str:
        """Our name of a language. Raises BadRequest, naming those that are here."""
        try:
            ours = languages.resolve(name)
        except ValueError:
            ours = name
        if ours not in self.names:
            known = ours in LANGUAGES
            hint = f"; whoever runs the service adds it with --languages {ours}" if known else ""
            raise BadRequest(f"language: {name[:100]!r} is not here; here are: {', '.join(self.names)}{hint}")
        return ours
