"""From another system's file to a run directory: `harness import`.

Theory of operation. The file is read once, problem by problem, into a hidden directory beside the run's own place, the
manifest last; then the directory is renamed. A process that is killed leaves a hidden directory, which is not a run (it
has no manifest until all is there) and which the next import of the same file takes over. The verdicts are the other
system's: executions say that nobody of ours saw the tests end (`integrity` null), the summary says `imported`, and no
signature of an import says `judged`. The fingerprint is of the file's bytes: the same file is the same run.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import math
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
from pydantic import TypeAdapter

from harness import __version__
from harness.config import RunConfig
from harness.datasets import known_names, load_set, needs_part
from harness.errors import InputError, SamplesError, StoreError
from harness.exchange import ImportedProblem, ImportedSet, InputFile, ReportedMetric, find_format, recognize
from harness.files import atomic
from harness.runs import layout, manifest, reader
from harness.runs.signature import Signature, span
from harness.runs.summary import Coverage, IntegrityCounts, Summary
from harness.stats.bootstrap import ALPHA
from harness.stats.proportion import Z
from harness.tasks import codegen
from harness.types import Completion, Estimate, ProblemSet, Score
from sandbox.types import Execution, Verdict

DEFAULT_KS = (1, 10, 100)
# What reading a value of another shape raises.
NOT_AS_WRITTEN = (KeyError, TypeError, AttributeError, IndexError, ValueError, ArithmeticError, RecursionError)
AGREE = 1e-6  # two systems' values of one estimator over the same verdicts

_execution: TypeAdapter[Execution] = TypeAdapter(Execution)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportRequest:
    """What to import. format: `auto` tells it by the content. problems: None for the set that the file is of."""

    path: Path
    format: str = "auto"
    problems: str | None = None
    model: str | None = None
    k: tuple[int, ...] = ()
    results: Path = Path("results")
    cache: Path = Path(".cache")


@dataclass(slots=True, kw_only=True)
class _Counts:
    """What was counted while the lines were written. n, c: by problem; completions that have a verdict, that passed.

    base: those that passed the base tests, of the completions of which that is known (`of_base`).
    """

    completions: int = 0
    n: dict[str, int] = field(default_factory=dict)
    c: dict[str, int] = field(default_factory=dict)
    verdicts: Counter[str] = field(default_factory=Counter)
    base: Counter[str] = field(default_factory=Counter)
    of_base: int = 0

    def base_counts(self) -> Counter[str] | None:
        """By problem; None where it is not known of every completion."""
        return self.base if self.of_base and self.of_base == sum(self.n.values()) else None

    def counts(self) -> dict[str, tuple[int, int]]:
        return {problem_id: (n, self.c[problem_id]) for problem_id, n in self.n.items()}


def import_runs(request: ImportRequest, note: Callable[[str], None]) -> list[Mapping[str, Any]]:
    """A run directory for each task of the file; their summaries. Raises SamplesError, ProblemError, StoreError."""
    source = InputFile(request.path)
    name = recognize(source) if request.format == "auto" else request.format
    try:
        found = find_format(name, "read").read(source)
    except NOT_AS_WRITTEN as error:
        raise SamplesError(f"{request.path} is not as {name} writes it: {type(error).__name__} {error}") from error
    if not found:
        raise SamplesError(f"{request.path} holds no samples and no numbers")
    note(f"{request.path}: {name}, {len(found)} task{'s' if len(found) > 1 else ''}")
    return [_import(request, name, source, each, note) for each in found]


def _import(
    request: ImportRequest, name: str, source: InputFile, found: ImportedSet, note: Callable[[str], None]
) -> Mapping[str, Any]:
    problems = _problem_set(request, found, note)
    most = max((each.n_problems or 0 for each in found.claimed), default=0)
    if problems is not None and most > len(problems.problems) + len(problems.left_out):
        raise SamplesError(
            f"{source.path} has {most} problems, more than {problems.name}, which has {len(problems.problems)}; "
            "choose the set with --problems"
        )
    model = request.model or found.model or _stem(source.path)
    identity = {
        "source": {"format": name, "sha256": source.sha256, "task": found.dataset},
        "problems": {"name": problems.name, "sha256": problems.sha256} if problems else {"name": found.dataset},
        "model": {"name": model},
        "task": codegen.VERSION,
        "k": request.k,
        "harness": __version__,
    }
    set_name = str(identity["problems"]["name"] or name)  # type: ignore[index]  # of the line above
    draft = manifest.make(identity, "", {})
    known = reader.find_run(request.results, set_name, model, draft.fingerprint)
    summary = reader.read_summary(known) if known else None
    if summary is not None:
        note(f"imported before: {known}")
        return summary
    final = request.results / layout.model_folder(set_name) / layout.model_folder(model)
    final = final / f"{draft.created}-{draft.fingerprint[:8]}"
    with _hidden(final) as folder:
        counted = _write_lines(found, problems, name, source.path, folder)
        signature = _signature(found, problems, counted, name, source.sha256)
        for caution in _cautions(found, problems, counted, source.path):
            note(caution)
        made = _summarize(request, found, problems, counted, signature, name, source, final)
        whole = dataclasses.replace(draft, signature=signature, config=_config(request, problems, found, model))
        atomic.write_whole(folder / layout.SUMMARY, made.dump())
        atomic.write_whole(folder / layout.MANIFEST, reader.MANIFEST_JSON.dump_json(whole, indent=2) + b"\n")
    return made.record()


def _cautions(found: ImportedSet, problems: ProblemSet | None, counted: _Counts, path: Path) -> Iterator[str]:
    """What is less than it may look: a log that was not ended, a part of a set, numbers of nobody knows how many."""
    if found.caution:
        yield f"{path}: {found.caution}"
    if problems and counted.n and len(counted.n) < len(problems.problems):
        yield (
            f"{path} has {len(counted.n)} of the {len(problems.problems)} problems of {problems.name}: its numbers are "
            "of these alone"
        )
    bare = [each.metric for each in found.claimed if each.stderr is None and not each.n_problems]
    if bare and not counted.n:
        yield (
            f"{path} says of {', '.join(bare)} neither the standard error nor the number of problems: the interval is "
            "what any number of them allows"
        )


def _stem(path: Path) -> str:
    name = path.resolve().name
    for ending in (
        ".gz",
        "_results.jsonl",
        ".jsonl",
        ".eval_results.json",
        "_eval_results.json",
        ".results.json",
        ".json",
        ".eval",
    ):
        name = name.removesuffix(ending)
    return name


def _problem_set(request: ImportRequest, found: ImportedSet, note: Callable[[str], None]) -> ProblemSet | None:
    """The set that is named, else the one whose name the other system's name begins with, else none."""
    name = request.problems or guess(found.dataset)
    if name is not None and (request.problems or found.answers):
        return load_set(name, request.cache)
    if found.answers:
        note(f"no problem set {found.dataset!r} is known: ids are taken as they are (--problems names one)")
    return None


def guess(dataset: str) -> str | None:
    """Our name of another system's data set: `humaneval_64_instruct` is humaneval, `HumanEvalPlus` humaneval+."""
    plain = dataset.lower().replace("_plus", "+").replace("plus", "+").replace("human_eval", "humaneval")
    whole = [name for name in known_names() if not needs_part(name)]
    fits = [name for name in whole if plain == name or plain.startswith((f"{name}_", f"{name}+_"))]
    return max(fits, key=len, default=None)


@contextlib.contextmanager
def _hidden(final: Path) -> Iterator[Path]:
    """An empty directory that takes `final`'s name at the end; what a killed process left in it is thrown away.

    Raises StoreError while another process imports the same, InputError where it cannot be written.
    """
    folder = final.with_name(f".import-{final.name.rpartition('-')[2]}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder):
            for path in folder.iterdir():
                if path.name != layout.LOG:
                    path.unlink()
            yield folder
            folder.rename(final)
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise InputError(
            f"the run cannot be kept under {final.parent}: {error.strerror or error}; choose with --results"
        ) from error
    except SamplesError:
        shutil.rmtree(folder, ignore_errors=True)
        raise


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with open(folder / layout.LOG, "ab") as guard:
        try:
            fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StoreError(f"another process is importing the same file into {folder.parent}; wait for it") from error
        yield


def _write_lines(found: ImportedSet, problems: ProblemSet | None, name: str, path: Path, folder: Path) -> _Counts:
    counted = _Counts()
    if found.answers is None:
        return counted
    with (
        open(folder / layout.COMPLETIONS, "wb") as completions,
        open(folder / layout.EXECUTIONS, "wb") as executions,
        open(folder / layout.SCORES, "wb") as scores,
    ):
        for answers in _checked(found.answers(problems), path):
            _write_problem(answers, name, counted, completions, executions, scores)
        for file in (completions, executions, scores):
            file.flush()
            os.fsync(file.fileno())
    return counted


def _checked(groups: Iterator[ImportedProblem], path: Path) -> Iterator[ImportedProblem]:
    seen: set[str] = set()
    try:
        for answers in groups:
            if answers.problem_id in seen:
                raise SamplesError(f"{path}: the task {answers.problem_id!r} occurs twice")
            seen.add(answers.problem_id)
            yield answers
    except NOT_AS_WRITTEN as error:
        raise SamplesError(f"{path} is not as its format has it: {type(error).__name__} {error}") from error


def _write_problem(
    answers: ImportedProblem,
    name: str,
    counted: _Counts,
    completions: IO[bytes],
    executions: IO[bytes],
    scores: IO[bytes],
) -> None:
    problem_id, n, c = answers.problem_id, 0, 0
    for index, answer in enumerate(answers.answers):
        completion = Completion(problem_id=problem_id, index=index, text=answer.text, form=answer.form)
        completions.write(_line(reader.COMPLETION.dump_python(completion, mode="json")))
        if answer.verdict is None:
            continue
        execution = Execution(verdict=answer.verdict, detail=answer.detail, worker=name)
        passed = answer.verdict is Verdict.ACCEPTED
        values = {"passed": float(passed)}
        if answer.base_passed is not None:
            values["base_passed"] = float(answer.base_passed)
            counted.base[problem_id] += answer.base_passed
            counted.of_base += 1
        score = Score(problem_id=problem_id, index=index, verdict=answer.verdict, values=values)
        record = {
            "problem_id": problem_id,
            "index": index,
            **_execution.dump_python(execution, mode="json", exclude={"files"}),
        }
        executions.write(_line(record))
        scores.write(reader.SCORE.dump_json(score) + b"\n")
        counted.verdicts[answer.verdict.value] += 1
        n, c = n + 1, c + passed
    drawn = len(answers.answers) if answers.n is None else answers.n
    if answers.passed is not None:  # how many is known, if not which
        n, c = drawn, answers.passed
    counted.completions += drawn
    counted.n[problem_id], counted.c[problem_id] = n, c


def _line(record: Mapping[str, Any]) -> bytes:
    return json.dumps(record).encode() + b"\n"


def _signature(found: ImportedSet, problems: ProblemSet | None, counted: _Counts, name: str, sha256: str) -> str:
    line = Signature.of(
        f"n:{span(counted.n.values())}" if any(counted.n.values()) else "",
        f"source:{name}@{sha256[:8]}",
        found.sampling,
        f"data:{problems.version() if problems else found.dataset}",
        "integrity:claimed",
        f"v:{__version__}",
    )
    return str(line)


def _summarize(
    request: ImportRequest, found: ImportedSet, problems: ProblemSet | None, counted: _Counts, signature: str,
    name: str, source: InputFile, final: Path,
) -> Summary:  # fmt: skip
    counts = counted.counts()
    if problems:  # a bootstrap draws by position: one order for one set, whatever the file's
        counts = {problem.id: counts[problem.id] for problem in problems.problems if problem.id in counts}
    smallest = min((n for n, _ in counts.values() if n), default=0)
    for k in request.k:
        if smallest and k > smallest:
            raise SamplesError(f"pass@{k} needs k <= n, but n is {smallest} in {source.path}; ask for a smaller k")
    ks = request.k or tuple(k for k in DEFAULT_KS if k <= smallest)
    base = counted.base_counts()
    estimates = codegen.summarize(counts, ks, signature, 0, base=base)
    if not estimates:
        size = len(counted.n) or (len(problems.problems) if problems else 0)
        estimates = [
            made
            for each in found.claimed
            if (made := claimed_estimate(each, size, counted.completions, name, signature))
        ]
    scored = sum(counted.n.values())
    of_programs = found.answers is not None or any(each.metric.startswith("pass@") for each in estimates)
    problems_scored = sum(1 for n in counted.n.values() if n) or max((each.n_problems for each in estimates), default=0)
    return Summary(
        run=str(final),
        task=codegen.Codegen.name if of_programs else "other",
        imported=name,
        source={
            "file": str(source.path),
            "sha256": source.sha256,
            "claimed": {each.metric: each.value for each in found.claimed},
            "differs": _differing(estimates, found.claimed),
            "metadata": json.loads(json.dumps(found.metadata), parse_constant=lambda _: None),  # NaN is no JSON
        },
        estimates=tuple(estimates),
        coverage=Coverage(
            problems=len(problems.problems) if problems else len(counted.n) or problems_scored,
            problems_scored=problems_scored,
            completions=counted.completions,
            completions_scored=scored,
            complete=scored == counted.completions and bool(estimates),
        ),
        integrity=IntegrityCounts(claimed=problems_scored),
        verdicts=dict(counted.verdicts),
        problems={
            problem_id: {"n": n, "c": c, **({} if base is None else {"base_c": base[problem_id]})}
            for problem_id, (n, c) in counts.items()
            if n
        },
    )


def claimed_estimate(each: ReportedMetric, size: int, completions: int, name: str, signature: str) -> Estimate | None:
    """A number of theirs with an interval: of their standard error, else one that no standard error could exceed.

    Values between 0 and 1 with mean p have at most the variance p(1-p), so the score interval of a proportion (Wilson
    1927) holds theirs; of nobody knows how many problems it is all that a mean can be. None where there is no standard
    error, and the value is no mean of such values.
    """
    n = each.n_problems or size
    if each.interval is not None:
        low, high = each.interval
        method = f"{name}'s own number and interval"
    elif each.stderr is not None:
        low, high = each.value - Z * each.stderr, each.value + Z * each.stderr
        if 0 <= each.value <= 1:
            low, high = max(low, 0.0), min(high, 1.0)
        method = f"{name}'s own number; {1 - ALPHA:.0%} normal interval of its standard error"
    elif n and 0 <= each.value <= 1:
        centre = (each.value + Z**2 / (2 * n)) / (1 + Z**2 / n)
        half = Z / (1 + Z**2 / n) * math.sqrt(each.value * (1 - each.value) / n + Z**2 / (4 * n**2))
        low, high = max(centre - half, 0.0), min(centre + half, 1.0)
        method = f"{name}'s own number; {1 - ALPHA:.0%} Wilson interval over problems, the widest that fits the mean"
    elif 0 <= each.value <= 1:
        low, high = 0.0, 1.0
        method = f"{name}'s own number, of an unknown number of problems: any interval"
    else:
        return None
    return Estimate(
        metric=each.metric, value=each.value, low=low, high=high, n_problems=n,
        n_completions=each.n_completions or completions or n, method=method, signature=f"{each.metric}|{signature}",
    )  # fmt: skip


def _differing(estimates: Sequence[Estimate], claimed: Sequence[ReportedMetric]) -> list[str]:
    """Metrics whose value from the single verdicts is not what the other system says it is."""
    theirs = {each.metric: each.value for each in claimed}
    return [
        each.metric
        for each in estimates
        if not np.isclose(each.value, theirs.get(each.metric, each.value), rtol=0, atol=AGREE)
    ]


def _config(request: ImportRequest, problems: ProblemSet | None, found: ImportedSet, model: str) -> dict[str, Any]:
    """As a run's own, so that the run can be judged again: the problem set, by the name or path that finds it."""
    named = request.problems or guess(found.dataset) if problems else found.dataset
    if named and Path(named).expanduser().is_file():
        named = str(Path(named).expanduser().resolve())
    made = RunConfig(problems=named or "", model=model, k=request.k, results=request.results, cache=request.cache)
    return made.model_dump(mode="json", exclude={"api_key"})
