"""The run directory: append-only lines, a torn tail dropped, whole files by rename, the manifest first.

Theory of operation. results/<dataset>/<model>/<utc>-<fingerprint8>/ holds manifest.json, completions.jsonl (what one
request brought in one write), executions.jsonl and scores.jsonl (a line each, in step, under one lock; a task that
executes nothing has scores alone), refusals.jsonl (requests that will never be answered), summary.json and run.log. One
process at a time has the directory (flock). After kill -9 the tail of a file may be torn: opening cuts the last line
where it has no newline, and executions that have no score (or the reverse); what was cut is done again, and of a
problem's completions those that are missing are asked for, each by its index and seed. Lines are handed to the kernel
at once but not forced to the disk: a power cut may lose the last seconds of work, never mix or invent any.
"""

from __future__ import annotations

import array
import contextlib
import fcntl
import hashlib
import json
import logging
import os
import re
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, is_dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import pydantic_core

from harness.errors import HarnessError, InputError, StoreError
from harness.extractors import Extraction
from harness.files.atomic import write_whole
from harness.files.jsonl import parse
from harness.runs.layout import COMPLETIONS, EXECUTIONS, LOG, MANIFEST, REFUSALS, SCORES, model_folder
from harness.runs.manifest import Manifest
from harness.runs.reader import (
    COMPLETION,
    MANIFEST_JSON,
    SCORE,
    parse_score,
    read_scores,
)
from harness.types import Completion, Score
from sandbox.types import Execution, Verdict

KEPT_OUTPUT_CHARS = 2000  # of stdout and stderr each, in executions.jsonl
VERDICTS = tuple(Verdict)
SCORED = 255  # the mark of a completion with a score and without a verdict
log = logging.getLogger("harness")

_NOT_KEPT = {"files"}  # of an execution


def create_run(results: Path, dataset: str, model: str, manifest: Manifest) -> Path:
    """A new run directory with its manifest. Raises InputError where it cannot be written."""
    path = results / model_folder(dataset) / model_folder(model) / f"{manifest.created}-{manifest.fingerprint[:8]}"
    try:
        path.mkdir(parents=True, exist_ok=True)
        write_whole(path / MANIFEST, MANIFEST_JSON.dump_json(manifest, indent=2) + b"\n")
    except OSError as error:
        raise InputError(
            f"the run cannot be kept under {results}: {error.strerror} ({error.filename}); choose with --results"
        ) from error
    return path


@contextlib.contextmanager
def kept_if_begun(run: Path) -> Iterator[None]:
    """Where the block fails before any completion is in the new run directory, it is removed again."""
    try:
        yield
    except BaseException:
        files = [run / name for name in (COMPLETIONS, EXECUTIONS, SCORES, REFUSALS)]
        if not any(path.exists() and path.stat().st_size for path in files):
            shutil.rmtree(run, ignore_errors=True)
            with contextlib.suppress(OSError):  # other runs are beside it
                run.parent.rmdir()
                run.parent.parent.rmdir()
        raise


class _Firsts:
    """For each completion the first of its problem that is equal to it, by 4 bytes each. Not thread-safe by itself."""

    def __init__(self, expected: Mapping[str, int]) -> None:
        self._expected = expected
        self._places: dict[str, array.array[int]] = {}
        self._known: dict[str, dict[bytes, int]] = {}  # of problems whose completions are not all there

    def note(self, problem_id: str, index: int, text: str, *, last: bool) -> None:
        """One more completion; `last` of its problem, after which no text of it is looked for."""
        key = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        if problem_id not in self._places:
            self._places[problem_id] = array.array("I", range(self._expected[problem_id]))
        places = self._places[problem_id]
        places[index] = self._known.setdefault(problem_id, {}).setdefault(key, index)
        if last:
            del self._known[problem_id]

    def of(self, problem_id: str) -> array.array[int]:
        """Index -> the first equal one's index."""
        return self._places[problem_id]

    def absorb(self, places: Mapping[str, array.array[int]]) -> None:
        """Take over what is known of problems whose completions are all there."""
        self._places.update(places)
        for problem_id in places:
            self._known.pop(problem_id, None)

    def all(self) -> Iterable[tuple[str, array.array[int]]]:
        """Problem id -> the same."""
        return self._places.items()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """What a store knows of some problems: see its fields of these names."""

    present: Mapping[str, bytearray]
    verdicts: Mapping[str, bytearray]
    texts: Mapping[str, array.array[int]]
    programs: Mapping[str, array.array[int]]


class Store:
    """An open run directory: what is done, what is expected, and the appending of more. Thread-safe.

    expected: problem id -> how many completions the run is to have. executes: whether a score comes with an execution.
    program_of: the program in a reply; None where a completion's text says which program it is. refused: problem id ->
    why it will not be answered. Raises StoreError where another process has the run.
    """

    def __init__(
        self,
        run: Path,
        expected: Mapping[str, int],
        *,
        executes: bool = True,
        program_of: Callable[[Completion], str] | None = None,
    ) -> None:
        self.run = run
        self._owed = expected
        self._broken = False
        self._lock = threading.Lock()  # protects the files, the tables and _broken
        self._guard = _lock(run)
        names = (COMPLETIONS, EXECUTIONS, SCORES, REFUSALS) if executes else (COMPLETIONS, SCORES, REFUSALS)
        self._files = {name: open(run / name, "ab", buffering=0) for name in names}
        self._program_of = program_of
        self._texts, self._programs = _Firsts(expected), _Firsts(expected)
        self._present = {problem_id: bytearray(n) for problem_id, n in expected.items()}
        self._absent = dict(expected)
        self._repair_completions()
        self._verdicts = {problem_id: bytearray(n) for problem_id, n in expected.items()}
        self._unscored = dict(expected)
        # of scores that a verdict does not say whole, by index, of problems whose scores are not all there
        self._values: dict[str, dict[int, Mapping[str, float]]] = {}
        if executes:
            self._repair_executions()
        else:
            self._repair_scores()
        self.refused = self._read_refusals()
        self._size_at_open = os.path.getsize(run / COMPLETIONS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for file in self._files.values():
            file.close()
        self._guard.close()

    def generated(self, problem_id: str) -> int:
        """How many of the problem's completions are there."""
        return self._present[problem_id].count(1)

    def missing(self, problem_id: str) -> list[range]:
        """The indexes of the completions that are still to be asked for, as ranges without gaps."""
        if problem_id in self.refused:
            return []
        return [range(*gap.span()) for gap in re.finditer(rb"\0+", self._present[problem_id])]

    def complete(self, problems: Iterable[str] | None = None) -> bool:
        """Whether every completion that can be had is there, and has its score; of some problems, or of all."""
        return all(
            not self.missing(problem_id) and self._verdicts[problem_id].count(0) == self._present[problem_id].count(0)
            for problem_id in (self._verdicts if problems is None else problems)
        )

    def backlog(self) -> Iterator[Completion]:
        """Completions that were there at opening and have no score yet, in the file's order."""
        with open(self.run / COMPLETIONS, "rb") as file:
            while file.tell() < self._size_at_open:
                completion = COMPLETION.validate_json(file.readline())
                if not self._verdicts[completion.problem_id][completion.index]:
                    yield completion

    def add_completions(self, read_completion_records: list[Completion]) -> None:
        """What one request for a problem's completions brought, in one write."""
        lines = [_line(each) + b"\n" for each in read_completion_records]
        programs = {each.index: self._program(each) for each in read_completion_records}
        with self._lock:
            self._append((COMPLETIONS, b"".join(lines)))
            for each in read_completion_records:
                self._note_completion(each, programs[each.index])

    def add_refusal(self, problem_id: str, reason: str) -> None:
        """The problem's missing completions will never come."""
        with self._lock:
            self._append((REFUSALS, json.dumps({"problem_id": problem_id, "reason": reason}).encode() + b"\n"))
            self.refused[problem_id] = reason

    def duplicate_of(self, problem_id: str, index: int) -> int:
        """The first completion of the problem with the same program: its own index where there is none before it."""
        return (self._programs if self._program_of else self._texts).of(problem_id)[index]

    def distinct(self) -> dict[str, int]:
        """Problem id -> how many different texts its completions have."""
        return {
            name: sum(first == index and self._present[name][index] for index, first in enumerate(firsts))
            for name, firsts in self._texts.all()
        }

    def repeated(self) -> int:
        """How many completions have the same program as an earlier one of their problem."""
        firsts = self._programs if self._program_of else self._texts
        return sum(first != index for _, places in firsts.all() for index, first in enumerate(places))

    def _program(self, completion: Completion) -> str | None:
        return None if self._program_of is None else self._program_of(completion)

    def _note_completion(self, completion: Completion, program: str | None) -> None:
        problem_id, index = completion.problem_id, completion.index
        self._absent[problem_id] -= not self._present[problem_id][index]
        self._present[problem_id][index] = 1
        last = not self._absent[problem_id]
        self._texts.note(problem_id, index, completion.text, last=last)
        if program is not None:
            self._programs.note(problem_id, index, program, last=last)

    def add_score(self, score: Score) -> None:
        """What one completion is worth, where nothing is executed."""
        with self._lock:
            self._append((SCORES, SCORE.dump_json(score) + b"\n"))
            self._note(score)

    def add_result(self, execution: Execution, score: Score, extraction: Extraction | None = None) -> None:
        """What one completion did, what it is worth, and where in an answer its program stands."""
        if max(len(execution.stdout), len(execution.stderr)) > KEPT_OUTPUT_CHARS:
            kept = [text[:KEPT_OUTPUT_CHARS] for text in (execution.stdout, execution.stderr)]
            execution = replace(execution, truncated=True, stdout=kept[0], stderr=kept[1])
        parts = [_line({"problem_id": score.problem_id, "index": score.index}), _line(execution, _NOT_KEPT)]
        if extraction:
            parts.append(_line({"extractor": extraction.extractor, "span": extraction.span}))
        line = b"{" + b",".join(part[1:-1] for part in parts) + b"}\n"
        worth = SCORE.dump_json(score) + b"\n"
        with self._lock:
            self._append((EXECUTIONS, line), (SCORES, worth))
            self._note(score)

    def append(self, *parts: tuple[str, bytes]) -> None:
        """Lines of another process, which has its tables of them (`absorb`)."""
        with self._lock:
            self._append(*parts)

    def forward(self, append: Callable[..., None]) -> None:
        """In a fork of the process that has the run: hand lines to `append`, and write nothing."""
        self._append = append  # type: ignore[method-assign]

    def tables(self, problems: Iterable[str]) -> Tables:
        """What is known of some problems, for the process that writes."""
        mine = frozenset(problems)
        return Tables(
            present={name: self._present[name] for name in mine},
            verdicts={name: self._verdicts[name] for name in mine},
            texts={name: places for name, places in self._texts.all() if name in mine},
            programs={name: places for name, places in self._programs.all() if name in mine},
        )

    def absorb(self, tables: Tables) -> None:
        """What another process came to know of its problems."""
        with self._lock:
            self._present.update(tables.present)
            self._verdicts.update(tables.verdicts)
            self._texts.absorb(tables.texts)
            self._programs.absorb(tables.programs)

    def _append(self, *parts: tuple[str, bytes]) -> None:
        """Lines to the ends of files, under the lock; none after a write that failed: they would follow a torn one."""
        if self._broken:
            raise StoreError(f"an earlier write to {self.run} failed")
        self._broken = True
        for name, lines in parts:
            _append(self._files[name], lines)
        self._broken = False

    def counts(self) -> dict[str, tuple[int, int]]:
        """Problem id -> (completions with a score, completions that passed)."""
        accepted = 1 + VERDICTS.index(Verdict.ACCEPTED)
        return {
            problem_id: (len(marks) - marks.count(0), marks.count(accepted))
            for problem_id, marks in self._verdicts.items()
        }

    def verdict(self, problem_id: str, index: int) -> Verdict | None:
        """The verdict of one completion, None where it has none."""
        mark = self._verdicts[problem_id][index]
        return VERDICTS[mark - 1] if mark not in (0, SCORED) else None

    def values(self, problem_id: str, index: int) -> Mapping[str, float] | None:
        """What the score of one completion says beyond its verdict, until all of its problem have theirs; else None."""
        return self._values.get(problem_id, {}).get(index)

    def verdict_counts(self) -> dict[Verdict, int]:
        """How many completions ended how; verdicts that never came are left out."""
        totals = dict.fromkeys(VERDICTS, 0)
        for marks in self._verdicts.values():
            for mark in marks:
                if mark not in (0, SCORED):
                    totals[VERDICTS[mark - 1]] += 1
        return {verdict: count for verdict, count in totals.items() if count}

    def _note(self, score: Score) -> None:
        mark = SCORED if score.verdict is None else 1 + VERDICTS.index(score.verdict)
        marks = self._verdicts[score.problem_id]
        self._unscored[score.problem_id] -= not marks[score.index]
        marks[score.index] = mark
        if not self._unscored[score.problem_id]:
            self._values.pop(score.problem_id, None)  # no equal completion is left that could take them
        elif score.verdict is not None and len(score.values) > 1:
            self._values.setdefault(score.problem_id, {})[score.index] = score.values

    def _repair_completions(self) -> None:
        path = self.run / COMPLETIONS
        _cut_torn_line(path)
        with open(path, "rb") as file:
            for line in file:
                row = _parsed(line, path)
                if row["problem_id"] in self._owed:
                    noted = COMPLETION.validate_python(row)
                    self._note_completion(noted, self._program(noted))

    def _read_refusals(self) -> dict[str, str]:
        path = self.run / REFUSALS
        _cut_torn_line(path)
        with open(path, "rb") as file:
            return {row["problem_id"]: row["reason"] for row in (_parsed(line, path) for line in file)}

    def _repair_scores(self) -> None:
        path = self.run / SCORES
        _cut_torn_line(path)
        for score in read_scores(self.run):
            self._note(score)

    def _repair_executions(self) -> None:
        """Both files keep the longest beginning in which each line of one is of the same completion as the other's."""
        paths = [self.run / EXECUTIONS, self.run / SCORES]
        for path in paths:
            _cut_torn_line(path)
        keep = [0, 0]
        with open(paths[0], "rb") as read_executions, open(paths[1], "rb") as read_scores:
            for pair in zip(read_executions, read_scores, strict=False):
                execution, score = _parsed(pair[0], paths[0]), parse_score(pair[1], paths[1])
                if (execution.get("problem_id"), execution.get("index")) != (score.problem_id, score.index):
                    break
                self._note(score)
                keep = [size + len(line) for size, line in zip(keep, pair, strict=True)]
        for path, size in zip(paths, keep, strict=True):
            os.truncate(path, size)


def _parsed(line: bytes, path: Path) -> dict[str, Any]:
    try:
        record: dict[str, Any] = parse(line)
    except ValueError as error:
        raise StoreError(f"{path} holds a line that is not JSON: {line[:80]!r}; remove the run to redo it") from error
    return record


def _lock(run: Path) -> IO[bytes]:
    try:
        guard = open(run / LOG, "ab")
    except OSError as error:
        raise InputError(f"the run directory {run} cannot be written: {error.strerror}") from error
    try:
        fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        guard.close()
        raise StoreError(f"another process is working on {run}; wait for it, or stop it") from error
    return guard


@contextlib.contextmanager
def locked(run: Path) -> Iterator[None]:
    """No other process works on the run meanwhile. Raises StoreError where one does."""
    guard = _lock(run)
    try:
        yield
    finally:
        guard.close()


@contextlib.contextmanager
def logging_to(run: Path) -> Iterator[None]:
    """What is logged meanwhile goes to the run's log, and the error that ends it, if one does."""
    handler = logging.FileHandler(run / LOG, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        yield
    except HarnessError as error:
        log.error("stopped: %s", error)
        raise
    finally:
        log.removeHandler(handler)
        handler.close()


def _line(record: object, left_out: set[str] | None = None) -> bytes:
    """A record as JSON; half a surrogate pair in a text, which UTF-8 cannot hold, is escaped."""
    try:
        return pydantic_core.to_json(record, exclude=left_out)
    except ValueError:
        plain = asdict(record) if is_dataclass(record) and not isinstance(record, type) else record
        kept = {name: value for name, value in dict(plain).items() if name not in (left_out or ())}  # type: ignore[call-overload]
        return json.dumps(kept).encode()


def _append(file: IO[bytes], data: bytes) -> None:
    try:
        view = memoryview(data)
        while view:
            view = view[file.write(view) :]
    except OSError as error:
        raise StoreError(
            f"{file.name} cannot be written: {error.strerror}; make room, then run the same command"
        ) from error


def _cut_torn_line(path: Path) -> None:
    """Cut what follows the last newline."""
    whole = 0
    with open(path, "rb") as file:
        for line in file:
            whole += len(line) if line.endswith(b"\n") else 0
    os.truncate(path, whole)
