"""What a model was asked, from the problem set that its run names: only where that very file is on this machine.

Nothing is downloaded. A set is taken where the sha256 of its bytes is the one in the run's manifest; a file of another
content under the same name is no substitute, and the pages then say that the prompt is not at hand.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness import registry
from harness.datasets import OWN_FORMAT, ProblemSet, load_set, shipped
from harness.errors import ProblemError
from harness.manifest import Manifest
from harness.tasks import codegen
from harness.types import Form, Problem, SamplingParams

log = logging.getLogger("harness")


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One part of what a model was asked; role is `prompt` for a text that it continues."""

    role: str
    text: str


class ProblemSets:
    """Problem sets by what manifests say of them, each read once. cache: where published sets were downloaded to."""

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._found: dict[str, ProblemSet | None] = {}

    def find(self, manifest: Manifest) -> ProblemSet | None:
        """The set of a run, None where it is not on this machine with the same sha256."""
        named = manifest.identity.get("problems")
        sha256 = str(named.get("sha256")) if isinstance(named, dict) else ""
        if sha256 not in self._found:
            self._found[sha256] = next(self._matching(manifest, sha256), None)
        return self._found[sha256]

    def _matching(self, manifest: Manifest, sha256: str) -> Iterator[ProblemSet]:
        for source in self._candidates(manifest):
            try:
                found = load_set(source, self._cache)
            except ProblemError as error:
                log.info("no prompts from %s: %s", source, error)
                continue
            if found.sha256 == sha256:
                yield found

    def _candidates(self, manifest: Manifest) -> Iterator[str]:
        named = manifest.identity.get("problems")
        name = str(named.get("name")) if isinstance(named, dict) else ""
        if name in shipped():
            yield name
        if name in registry.names("harness.datasets") and name != OWN_FORMAT:
            published = self._cache / registry.load("harness.datasets", name, "problem set").SOURCE.file
            if published.is_file():
                yield str(published)
        given = manifest.config.get("problems")
        if isinstance(given, str) and "/" in given and Path(given).is_file():
            yield given


def asked(problem: Problem, manifest: Manifest, form: str | None) -> tuple[Message, ...] | None:
    """What an engine was asked for a completion of this form; None where another version of the task asked it."""
    sampling = manifest.identity.get("sampling")
    if manifest.identity.get("task") != codegen.VERSION or not isinstance(sampling, dict) or form not in set(Form):
        return None
    request = codegen.request(problem, SamplingParams(), Form(form))
    if request.prompt is not None:
        return (Message(role="prompt", text=request.prompt),)
    return tuple(Message(role=each["role"], text=each["content"]) for each in request.messages or ())
