"""A run directory as the writers of other formats want it: problem by problem, with programs and verdicts."""

from __future__ import annotations

import array
import contextlib
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from pydantic import TypeAdapter

from harness.errors import InputError
from harness.extractors import DEFAULT, EXTRACTORS
from harness.runs import layout, reader
from harness.tasks import codegen
from harness.types import Completion, Form, Problem, ProblemSet
from sandbox.types import Verdict

_completion: TypeAdapter[Completion] = TypeAdapter(Completion)


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
class Solved:
    """A problem with its samples, by index."""

    problem: Problem
    samples: tuple[Sample, ...]

    def counts(self) -> tuple[int, int] | None:
        """(n, c), None where a sample has no verdict."""
        verdicts = [sample.verdict for sample in self.samples]
        return None if not verdicts or None in verdicts else (len(verdicts), verdicts.count(Verdict.ACCEPTED))


class SavedRun:
    """A run and its problem set. Only the places of its lines are held in memory.

    Raises InputError where there is no run, and where the problem set is not the run's own.
    """

    def __init__(self, path: Path, problems: ProblemSet | None) -> None:
        self.path = path
        self.manifest = reader.read_manifest(path)
        found = reader.read_summary(path)
        if found is None:
            raise InputError(f"{path} has not come to its end; the command that began it goes on with it")
        self.summary = found
        self._problems = problems
        self._completions = _places(path / layout.COMPLETIONS)
        self._executions = _places(path / layout.EXECUTIONS)

    @property
    def model(self) -> str:
        """The model's name."""
        model = self.manifest.identity.get("model") or {}
        return str(model.get("name") or self.path.resolve().parent.name)

    @property
    def dataset(self) -> str:
        """The problem set's name."""
        return str((self.manifest.identity.get("problems") or {}).get("name") or self.path.resolve().parent.parent.name)

    @property
    def created(self) -> datetime:
        """When the run began."""
        return datetime.strptime(self.manifest.created, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)

    @property
    def sampling(self) -> Mapping[str, Any]:
        """The sampling parameters, where the run sampled: an imported run or a file of samples has none."""
        return self.manifest.identity.get("sampling") or {}

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

    def estimates(self) -> dict[str, float]:
        """metric -> value."""
        return {each["metric"]: each["value"] for each in self.summary["estimates"]}

    def sizes(self) -> dict[str, int]:
        """Problem id -> number of completions."""
        return {problem_id: len(places) for problem_id, places in self._completions.items()}

    def solved(self) -> Iterator[Solved]:
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
                    yield Solved(
                        problem=problem,
                        samples=tuple(_sample(problem, texts, records, *pair, self.extractor) for pair in pairs),
                    )


def _sample(problem: Problem, texts: IO[bytes], records: IO[bytes], place: int, done: int, extractor: str) -> Sample:
    texts.seek(place)
    completion = _completion.validate_json(texts.readline())
    execution = None
    if done >= 0:
        records.seek(done)
        execution = json.loads(records.readline())
    taken = codegen.extraction(problem, completion, extractor)
    program = codegen.program(problem, completion, taken).source
    return Sample(completion=completion, program=program, execution=execution)


def _places(path: Path) -> dict[str, array.array[int]]:
    """Problem id -> offset of each index's line, -1 where there is none. A torn last line is left out."""
    table: dict[str, array.array[int]] = {}
    offset = 0
    if not path.exists():
        return table
    with open(path, "rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                record = json.loads(line)
                places = table.setdefault(record["problem_id"], array.array("q"))
                places.extend([-1] * (record["index"] + 1 - len(places)))
                places[record["index"]] = offset
            offset += len(line)
    return table


def continues_prompt(sample: Sample) -> str:
    """A text that the prompt goes before: for a whole program one that begins on a line of its own."""
    continues = sample.completion.form is Form.COMPLETION
    return sample.completion.text if continues else f"\n{sample.program}"
