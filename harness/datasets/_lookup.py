"""Problem sets of runs that others made: only where that very file is on this machine.

Nothing is downloaded. A set is taken where the sha256 of its bytes is the one that the run recorded; a file of another
content under the same name is no substitute.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.datasets import _choice
from harness.datasets._loading import CODE, RowReader, load_set, published, shipped
from harness.errors import ProblemError
from harness.types import ProblemSet

log = logging.getLogger("harness")


class ProblemSets:
    """Problem sets by their sha256, each read once. cache: where published sets were downloaded to."""

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._found: dict[str, ProblemSet | None] = {}

    def find(self, name: str, sha256: str, task: RowReader, given: str | None = None) -> ProblemSet | None:
        """The set with this name and sha256, None where it is not on this machine. given: the path that a run had."""
        if sha256 not in self._found:
            self._found[sha256] = next(self._matching(name, sha256, task, given), None)
        return self._found[sha256]

    def _matching(self, name: str, sha256: str, task: RowReader, given: str | None) -> Iterator[ProblemSet]:
        for source in self._candidates(name, task.name, given):
            try:
                found = load_set(source, self._cache, task)
            except ProblemError as error:
                log.info("no prompts from %s: %s", source, error)
                continue
            if found.sha256 == sha256:
                yield found

    def _candidates(self, name: str, task: str, given: str | None) -> Iterator[str]:
        if name in shipped(task):
            yield name
        if task == CODE and (module := published(name)) is not None:
            yield from self._downloaded(module, name)
        if given is not None and "/" in given and Path(given.rpartition(":")[0] or given).is_file():
            yield given

    def _downloaded(self, module: Any, name: str) -> Iterator[str]:
        """The set's file where it was downloaded to, with what is chosen of it."""
        head, _, tail = name.partition(":")
        try:
            choice = _choice.checked(module, head, _choice.parse_choice(tail, head))
        except ProblemError as error:
            log.info("no prompts of %s: %s", name, error)
            return
        file = self._cache / _choice.source(module, choice).file
        if file.is_file():
            yield f"{file}:{tail}" if tail else str(file)
