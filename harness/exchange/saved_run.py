"""A run directory as the writers of other formats want it: problem by problem, with programs and verdicts."""

from __future__ import annotations

import array
import contextlib
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from harness.errors import InputError
from harness.extractors import DEFAULT, EXTRACTORS
from harness.files.offsets import offset_of, sample_offsets
from harness.runs import layout, reader
from harness.runs.reader import SavedRun
from harness.tasks import codegen
from harness.types import Completion, Form, Problem, ProblemSet
from sandbox.types import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A completion, the whole program that it makes, and its record of executions.jsonl (None: not executed).

    values: of its score; {} where it has none.
    """

    completion: Completion
    program: str
    execution: Mapping[str, Any] | None
    values: Mapping[str, float] = field(default_factory=dict)

    @property
    def verdict(self) -> Verdict | None:
        """The verdict that the run holds for it."""
        return Verdict(self.execution["verdict"]) if self.execution else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemSamples:
    """A problem with its samples, by index."""

    problem: Problem
    samples: tuple[Sample, ...]

    def counts(self) -> tuple[int, int] | None:
        """(n, c), None where a sample has no verdict."""
        verdicts = [sample.verdict for sample in self.samples]
        return None if not verdicts or None in verdicts else (len(verdicts), verdicts.count(Verdict.ACCEPTED))


class ProgramRun(SavedRun):
    """A run with its problem set, and so with its programs. Only the places of its lines are held in memory.

    Raises InputError where there is no run, and where the problem set is not the run's own.
    """

    def __init__(self, path: Path, problems: ProblemSet | None) -> None:
        super().__init__(path)
        self._problems = problems
        self._completions = sample_offsets(path / layout.COMPLETIONS)
        self._executions = sample_offsets(path / layout.EXECUTIONS)
        self._scores = sample_offsets(path / layout.SCORES)

    @property
    def problems(self) -> ProblemSet:
        """Raises InputError where the run's problem set is not at hand."""
        if self._problems is None:
            raise InputError(f"the problem set of {self.path} is needed; name it with --problems")
        return self._problems

    @property
    def extractor(self) -> str:
        """How replies became programs; the default where the run names none. Raises InputError for an unknown one."""
        name = str(self.manifest.identity.get("extractor") or DEFAULT)
        if name not in EXTRACTORS:
            raise InputError(f"{self.path} has an extractor {name!r}, which is not known here: {', '.join(EXTRACTORS)}")
        return name

    @property
    def judged(self) -> bool:
        """Whether any completion has a verdict."""
        return bool(self._executions)

    def sizes(self) -> dict[str, int]:
        """Problem id -> number of completions."""
        return {problem_id: len(places) for problem_id, places in self._completions.items()}

    def solved(self) -> Iterator[ProblemSamples]:
        """Problem by problem, in the set's order; problems without completions are left out."""
        with contextlib.ExitStack() as stack:
            texts = stack.enter_context(open(self.path / layout.COMPLETIONS, "rb"))
            records, scores = (
                stack.enter_context(open(self.path / name, "rb")) if known else io.BytesIO()
                for name, known in ((layout.EXECUTIONS, self._executions), (layout.SCORES, self._scores))
            )
            for problem in self.problems.problems:
                indexes = [i for i, place in enumerate(self._completions.get(problem.id, ())) if place >= 0]
                samples = []
                for index in indexes:
                    completion = reader.COMPLETION.validate_json(_line(texts, self._completions, problem.id, index))
                    execution = _line(records, self._executions, problem.id, index)
                    score = _line(scores, self._scores, problem.id, index)
                    samples.append(_sample(problem, completion, execution, score, self.extractor))
                if indexes:
                    yield ProblemSamples(problem=problem, samples=tuple(samples))


def _line(file: IO[bytes], places: Mapping[str, array.array[int]], problem_id: str, index: int) -> bytes:
    """The line of a sample; empty where it has none."""
    place = offset_of(places, problem_id, index)
    if place is None:
        return b""
    file.seek(place)
    return file.readline()


def _sample(problem: Problem, completion: Completion, execution: bytes, score: bytes, extractor: str) -> Sample:
    """execution, score: the lines of the run's files; empty where there is none."""
    taken = codegen.extraction(problem, completion, extractor)
    program = codegen.program(problem, completion, taken).source
    return Sample(
        completion=completion,
        program=program,
        execution=json.loads(execution) if execution else None,
        values=json.loads(score)["values"] if score else {},
    )


def continues_prompt(sample: Sample) -> str:
    """A text that the prompt goes before: for a whole program one that begins on a line of its own."""
    continues = sample.completion.form is Form.COMPLETION
    return sample.completion.text if continues else f"\n{sample.program}"
