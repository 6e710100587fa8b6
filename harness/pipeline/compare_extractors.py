"""One set of replies under every extractor: what each would have scored, and which replies change sides.

Programs are executed once each: equal ones share a verdict, and those that the run itself executed keep theirs where it
had the same tests, limits and sandbox.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.config import RunConfig
from harness.engines import valid_text
from harness.engines._selection import ModelSpec
from harness.errors import InputError, SamplesError
from harness.extractors import EXTRACTORS
from harness.files import jsonl
from harness.pipeline import rescore
from harness.pipeline.execute import Sandboxes, map_in_sandboxes
from harness.pipeline.job import CompletionSet, Job, RunObserver
from harness.pipeline.plan import make_job
from harness.runs import reader
from harness.runs.manifest import Manifest
from harness.runs.signature import Signature
from harness.tasks import SupportsExtraction, codegen, open_task
from harness.types import Completion, Estimate, Form, Problem, ProblemSet
from sandbox import Program, Verdict

# A reply's keys, in this order.
TEXTS = ("response", "raw_solution", "raw", "output", "completion", "solution")
Key = tuple[str, bytes]  # a problem's id and the digest of a program


@dataclass(frozen=True, slots=True, kw_only=True)
class Replies:
    """Replies to a problem set, and how they were drawn; of a run its manifest, and its verdicts by id and index."""

    drawn: CompletionSet
    completions: Sequence[Completion]
    verdicts: Mapping[tuple[str, int], Verdict]
    source: Manifest | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Flip:
    """A reply whose program passes under one extractor and not under another."""

    problem_id: str
    index: int
    verdicts: Mapping[str, Verdict]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """estimates: extractor -> pass@1. empty: extractor -> replies in which it found no program.

    programs: how many different ones there were; executed: of which now; failed: of which not, for our own reasons.
    """

    estimates: Mapping[str, Estimate]
    empty: Mapping[str, int]
    flips: Sequence[Flip]
    programs: int
    executed: int
    failed: int


def of_run(run: Path, problems: ProblemSet, config: RunConfig) -> Replies:
    """The replies of a run of form chat. Raises InputError for another form, and for a task without programs."""
    source = reader.read_manifest(run)
    drawn = rescore.drawn(run, source, problems, config)
    if not isinstance(drawn.task, SupportsExtraction):
        raise InputError(f"{run} is a run of task {drawn.task.name}: it has no programs")
    if drawn.model.form is not Form.CHAT:
        raise InputError(f"{run} is a run of form {drawn.model.form}: its programs are not extracted")
    completions = [each for each in reader.read_completions(run) if each.problem_id in drawn.expected]
    verdicts = {(row["problem_id"], row["index"]): Verdict(row["verdict"]) for row in reader.read_executions(run)}
    return Replies(drawn=drawn, completions=completions, verdicts=verdicts, source=source)


def of_file(path: Path, problems: ProblemSet, config: RunConfig) -> Replies:
    """The replies in a JSONL file: `task_id`, and the reply under one of `TEXTS`. Raises InputError."""
    digest = hashlib.sha256()
    counts: Counter[str] = Counter()
    completions = []
    for number, row, line in jsonl.read_json_lines(path):
        digest.update(line)
        problem, text = _row(row, f"{path}, line {number}", problems)
        completions.append(
            Completion(problem_id=problem.id, index=counts[problem.id], text=valid_text(text), form=Form.CHAT)
        )
        counts[problem.id] += 1
    if not completions:
        raise SamplesError(f"{path} holds no replies")
    sha256 = digest.hexdigest()
    name = path.name.removesuffix(".gz").removesuffix(".jsonl")
    model = ModelSpec(name=name, source=None, engine="replay", form=Form.CHAT, identity={"samples": name})
    drawn = CompletionSet(
        task=open_task(config.task, config.task_options),
        problems=problems,
        model=model,
        expected=dict(counts),
        signature=f"samples:{sha256[:8]}|form:{Form.CHAT}",
        identity={"samples": sha256},
    )
    return Replies(drawn=drawn, completions=completions, verdicts={})


def _row(row: Mapping[str, Any], where: str, problems: ProblemSet) -> tuple[Problem, str]:
    problem = problems.find(row.get("task_id"))
    if problem is None:
        raise SamplesError(f"{where}: the task_id {row.get('task_id')!r} is not in the problem set {problems.name}")
    text = next((row[key] for key in TEXTS if key in row), None)
    if not isinstance(text, str):
        raise SamplesError(f"{where}: a text is expected under one of {', '.join(TEXTS)}")
    return problem, text


def compare(
    replies: Replies,
    config: RunConfig,
    observer: RunObserver,
    started: Callable[[int], None],
    done: Callable[[], None],
    sandboxes: Sandboxes | None = None,
) -> Comparison:
    """Extract with every extractor, execute what differs. `started` is told how many programs, `done` of each.

    sandboxes: where programs run; None for this machine. Raises InputError, SandboxError.
    """
    job = make_job(config, observer, replies.drawn, sandboxes=sandboxes)
    problems = {problem.id: problem for problem in job.problems.problems}
    programs: dict[Key, Program] = {}
    keys: dict[str, list[Key]] = {name: [] for name in EXTRACTORS}
    empty = dict.fromkeys(EXTRACTORS, 0)
    for completion in replies.completions:
        problem = problems[completion.problem_id]
        for name in EXTRACTORS:
            taken = codegen.extraction(problem, completion, name)
            program = codegen.program(problem, completion, taken)
            key = (problem.id, _digest(program))
            programs.setdefault(key, program)
            keys[name].append(key)
            empty[name] += taken is not None and taken.span is None
    known = _known(replies, job, keys)
    expected = [(key, program) for key, program in programs.items() if key not in known]
    started(len(expected))
    verdicts = {**known, **dict(_executed(expected, job, problems, done))}
    return Comparison(
        estimates={name: _estimate(name, replies, keys[name], verdicts, job, config.seed) for name in EXTRACTORS},
        empty=empty,
        flips=list(_flips(replies.completions, keys, verdicts)),
        programs=len(programs),
        executed=len(expected),
        failed=sum(verdict is Verdict.INTERNAL_ERROR for verdict in verdicts.values()),
    )


def _digest(program: Program) -> bytes:
    return hashlib.blake2b(program.source.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _executed(
    expected: Sequence[tuple[Key, Program]], job: Job, problems: Mapping[str, Problem], done: Callable[[], None]
) -> Iterator[tuple[Key, Verdict]]:
    if not expected:
        return
    assert job.sandboxes is not None  # the task has programs
    limits = [job.limits[problem_id] for problem_id in {key[0] for key, _ in expected}]
    pool = job.sandboxes.open(limits, len(expected))

    def run(each: tuple[Key, Program]) -> tuple[Key, Verdict]:
        key, program = each
        verdict = pool.run(program, problems[key[0]].tests, job.limits[key[0]]).verdict
        done()
        return key, verdict

    yield from map_in_sandboxes(pool, expected, run)


def _known(replies: Replies, job: Job, keys: Mapping[str, Sequence[Key]]) -> dict[Key, Verdict]:
    """What the run itself found, where all that decides a verdict is the same now."""
    source = replies.source
    same = ("task", "problems", "sandbox", "limits")
    if (
        source is None
        or source.identity.get("extractor") not in keys
        or any(source.identity.get(key) != job.manifest.identity[key] for key in same)
    ):
        return {}
    own = zip(replies.completions, keys[source.identity["extractor"]], strict=True)
    found = {key: replies.verdicts.get((completion.problem_id, completion.index)) for completion, key in own}
    return {key: verdict for key, verdict in found.items() if verdict is not None}


def _estimate(
    name: str,
    replies: Replies,
    keys: Sequence[Key],
    verdicts: Mapping[Key, Verdict],
    job: Job,
    seed: int,
) -> Estimate:
    scored: Counter[str] = Counter()
    passed: Counter[str] = Counter()
    for completion, key in zip(replies.completions, keys, strict=True):
        scored[completion.problem_id] += verdicts[key] is not Verdict.INTERNAL_ERROR
        passed[completion.problem_id] += verdicts[key] is Verdict.ACCEPTED
    signature = str(Signature.parse(job.manifest.signature).replace("extractor", name))
    counts = {problem_id: (n, passed[problem_id]) for problem_id, n in scored.items()}
    return codegen.summarize(counts, (1,), signature, seed)[0]


def _flips(
    completions: Sequence[Completion], keys: Mapping[str, Sequence[Key]], verdicts: Mapping[Key, Verdict]
) -> Iterator[Flip]:
    for at, completion in enumerate(completions):
        found = {name: verdicts[keys[name][at]] for name in keys}
        if len({verdict is Verdict.ACCEPTED for verdict in found.values()}) > 1:
            yield Flip(problem_id=completion.problem_id, index=completion.index, verdicts=found)
