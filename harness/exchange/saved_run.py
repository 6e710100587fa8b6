"""A run directory as the writers of other formats want it: problem by problem, with programs and verdicts."""

from __future__ import annotations

import array
import contextlib
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from harness.errors import InputError
from harness.extractors import DEFAULT, EXTRACTORS
from harness.files.offsets import sample_offsets
from harness.runs import layout, reader
from harness.runs.reader import SavedRun
from harness.tasks import codegen
from harness.types import Completion, Form, Problem, ProblemSet
from sandbox.types import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A completion, the whole program that it makes, and its record of executions.jsonl (None: not executed)."""

    completion: Completion
    program: str
    execution: Mapping[str, Any] | None

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
        executions = self.path / layout.EXECUTIONS
        with contextlib.ExitStack() as stack:
            texts = stack.enter_context(open(self.path / layout.COMPLETIONS, "rb"))
            records = stack.enter_context(open(executions, "rb")) if self._executions else io.BytesIO()
            for problem in self.problems.problems:
                places = self._completions.get(problem.id)
                if places:
                    done = self._executions.get(problem.id, array.array("q"))
                    pairs = [(place, done[i] if i < len(done) else -1) for i, place in enumerate(places) if place >= 0]
                    yield ProblemSamples(
                        problem=problem,
                        samples=tuple(_sample(problem, texts, records, *pair, self.extractor) for pair in pairs),
                    )


def _sample(problem: Problem, texts: IO[bytes], records: IO[bytes], place: int, done: int, extractor: str) -> Sample:
    texts.seek(place)
    completion = reader.COMPLETION.validate_json(texts.readline())
    execution = None
    if done >= 0:
        records.seek(done)
        execution = json.loads(records.readline())
    taken = codegen.extraction(problem, completion, extractor)
    program = codegen.program(problem, completion, taken).source
    return Sample(completion=completion, program=program, execution=execution)


def continues_prompt(sample: Sample) -> str:
    """A text that the prompt goes before: for a whole program one that begins on a line of its own."""
    continues = sample.completion.form is Form.COMPLETION
    return sample.completion.text if continues else f"\n{sample.program}"
