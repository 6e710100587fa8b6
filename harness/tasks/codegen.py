"""Task `codegen`: write a function; right if its tests pass. The measure is pass@k."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.datasets import RowPlace, read_code_row
from harness.errors import InputError
from harness.extractors import (
    DEFAULT,
    Extraction,
    completed,
    extract,
    extract_between,
    extract_files,
    extract_program,
    framed,
    read_files,
)
from harness.metrics import Metric, g_pass_at_k, partial_credit, pass_at_k, pass_hat_k
from harness.prompts import template as prompts
from harness.prompts.template import OWN, Prompting
from harness.stats import bootstrap
from harness.tasks import Candidate, ScoredRun, TaskSummary, mean_summary
from harness.types import Completion, Estimate, Form, Problem, Request, SamplingParams, Score
from sandbox.languages import written_in
from sandbox.types import Execution, Program, ProgramTests, StdioTests, Verdict

DEFAULTS: Mapping[str, Any] = {}
VERSION = "codegen.v4"  # raised by every change that can move a number


def request(problem: Problem, sampling: SamplingParams, form: Form, prompting: Prompting = OWN) -> Request:
    """What the engine is asked: the prompt as it stands for a completion, messages for a chat model."""
    return prompts.request(problem, sampling, form, prompting)


def extraction(problem: Problem, completion: Completion, extractor: str = DEFAULT) -> Extraction | None:
    """What an extractor takes out of an answer; None for a completion that is program text already."""
    if completion.form is not Form.CHAT:
        return None
    if problem.assembly.tags is not None:
        return extract_between(completion.text, problem.assembly.tags)
    language = written_in(problem.language)
    if problem.assembly.files:
        return extract_files(completion.text, [name for name, _ in problem.assembly.files], language)
    if isinstance(problem.tests, ProgramTests):
        return extract_program(completion.text, problem.prompt, language, extractor)
    return extract(extractor, completion.text, problem.prompt, problem.entry_point)


def program(problem: Problem, completion: Completion, taken: Extraction | None = None) -> Program:
    """The program of a completion: see `Form`. `taken`: what was extracted from an answer, by `auto` if not given.

    An answer without code is an empty program, which its tests reject.
    """
    if problem.assembly.files:
        return _of_files(problem, taken.source if taken else completion.text)
    if isinstance(problem.tests, ProgramTests):
        return Program(source=_with_tests(problem, problem.tests, completion, taken), language=problem.language)
    if completion.form is Form.COMPLETION:
        whole = problem.assembly.whole or isinstance(problem.tests, StdioTests)
        answer = completion.text if whole else problem.prompt + completion.text
    else:
        taken = taken or extraction(problem, completion)
        answer = taken.source if taken else completion.text
    return Program(source=problem.assembly.program(answer), language=problem.language, loopback=problem.loopback)


def _of_files(problem: Problem, answer: str) -> Program:
    """The files of an answer, and those that it leaves as they are; its text is what people are shown.

    An answer without a file is one of empty files: some exercises ask to rewrite what passes its tests already.
    """
    asked = dict(problem.assembly.files)
    answered = read_files(answer, asked, written_in(problem.language)) or dict.fromkeys(asked, "")
    files = {name: text.encode("utf-8", "surrogatepass") for name, text in {**asked, **answered}.items()}
    return Program(source=answer, language=problem.language, files=files)


def _with_tests(problem: Problem, tests: ProgramTests, completion: Completion, taken: Extraction | None) -> str:
    """The program of a completion in another language, such that its tests can follow it."""
    start = problem.assembly.before or problem.prompt
    around, language = (tests.before, tests.source), written_in(problem.language)
    if completion.form is Form.COMPLETION:
        return completed(language, start, completion.text, *around)
    taken = taken or extraction(problem, completion)
    if completion.form is Form.CHAT and taken is not None:
        return framed(language, start, taken.source, *around) if taken.source else ""
    return framed(language, start, completion.text, *around)


def score(problem: Problem, completion: Completion, execution: Execution, *, all_cases: bool = False) -> Score:
    """`passed`: 1 where the tests passed, else 0; `base_passed`: where those of the base part did, which come first.

    With a verdict for each case `cases_passed`, the share of them that passed, and `points`, what the problem says that
    these are worth, as a share of all. Raises InputError where it says so for another number of cases than there are.
    INTERNAL_ERROR is not a score: Raises ValueError.
    """
    if execution.verdict is Verdict.INTERNAL_ERROR:
        raise ValueError("an execution that failed for our reasons has no score")
    passed = execution.verdict is Verdict.ACCEPTED
    values = {"passed": float(passed)}
    if problem.base_cases is not None:
        # a call after the last of them shows that they passed; who cannot count calls sees it where all did
        values["base_passed"] = float(passed or (execution.calls or 0) > problem.base_cases)
    if all_cases:
        values |= _partial_credit(problem, execution)
    return Score(problem_id=completion.problem_id, index=completion.index, verdict=execution.verdict, values=values)


def _partial_credit(problem: Problem, execution: Execution) -> dict[str, float]:
    """Of a program that no sandbox survived, and of tests that run beside it, the one verdict is that of all cases."""
    passed = [verdict is Verdict.ACCEPTED for verdict in execution.cases]
    if not passed:
        whole = float(execution.verdict is Verdict.ACCEPTED)
        return {"cases_passed": whole, "points": whole}
    share = sum(passed) / len(passed)
    if not problem.points:
        return {"cases_passed": share, "points": share}
    if len(problem.points) != len(passed):
        raise InputError(
            f"{problem.id}: tests.points has {len(problem.points)} values, and the tests have {len(passed)} cases; "
            "give one for each assertion, in the order in which they are run"
        )
    earned = sum(points for points, fine in zip(problem.points, passed, strict=True) if fine)
    return {"cases_passed": share, "points": earned / sum(problem.points)}


def summarize(
    counts: Mapping[str, tuple[int, int]],
    ks: Sequence[int],
    signature: str,
    seed: int,
    families: Sequence[str] = ("pass@k",),
    base: Mapping[str, int] | None = None,
) -> list[Estimate]:
    """Each family of metrics for each k. `counts`: problem id -> (n scored, c passed); n of 0 is left out.

    base: problem id -> how many passed the base tests; None where the set has no such part.

    Raises InputError for a k above some problem's n, naming both.
    """
    scored = {name: pair for name, pair in counts.items() if pair[0] > 0}
    if not scored:
        return []
    import numpy as np  # measured: 0.1 s of CPU time, which the first verdict need not wait for

    smallest = min(scored, key=lambda name: scored[name][0])
    estimates = []
    for k in ks:
        if k > scored[smallest][0]:
            raise InputError(
                f"pass@{k} needs k <= n, but n is {scored[smallest][0]} for {smallest}; ask for a smaller k"
            )
        for metric, method in _measures(k, families, base is not None):
            items = [{"n": n, "c": c, "base_c": (base or {}).get(name, 0)} for name, (n, c) in scored.items()]
            values = [metric.of(item) for item in items]
            interval = bootstrap.mean_interval(values, np.random.default_rng(seed))
            estimates.append(
                Estimate(
                    metric=metric.name,
                    value=interval.value,
                    low=interval.low,
                    high=interval.high,
                    n_problems=len(scored),
                    n_completions=sum(n for n, _ in scored.values()),
                    method=method,
                    signature=f"{metric.name}|{signature}",
                )
            )
    return estimates


def _measures(k: int, families: Sequence[str], has_base: bool) -> Iterator[tuple[Metric, str]]:
    """The metrics of these families for one k, each with its method. k 1 is the same number in all: pass@1 alone."""
    if "pass@k" in families or k == 1:
        yield pass_at_k.metric(k), pass_at_k.METHOD
        if has_base:
            yield pass_at_k.base_metric(k), pass_at_k.BASE_METHOD
    how = f"; {pass_at_k.METHOD.partition('; ')[2]}"
    if "pass^k" in families and k > 1:
        yield pass_hat_k.metric(k), pass_hat_k.SOURCE + how
    if "g-pass@k" in families and k > 1:
        for tau in g_pass_at_k.THRESHOLDS:
            yield g_pass_at_k.metric(k, tau), g_pass_at_k.SOURCE + how


@dataclass(frozen=True, slots=True)
class Codegen:
    """The task as the pipeline takes it; the functions above are its parts.

    prompting: how problems are put. extractor: how replies become programs; None where no replies are expected.
    all_cases: whether each case of the tests has a verdict.
    """

    prompting: Prompting = OWN
    extractor: str | None = None
    all_cases: bool = False
    name = "codegen"
    version = VERSION
    executes = True
    truncation_is_harmless = False

    def label(self) -> str:
        """The extractor, where there are replies."""
        return f"extractor:{self.extractor}" if self.extractor else ""

    def with_prompting(self, prompting: Prompting) -> Codegen:
        """The same with problems put otherwise."""
        return dataclasses.replace(self, prompting=prompting)

    def with_extractor(self, extractor: str) -> Codegen:
        """The same with programs taken out of replies by this extractor."""
        return dataclasses.replace(self, extractor=extractor)

    def with_all_cases(self) -> Codegen:
        """The same with partial credit; the problems' tests are to have a verdict for each case."""
        return dataclasses.replace(self, all_cases=True)

    def metrics(self) -> Sequence[Metric]:
        """pass@k for the usual ks."""
        return pass_at_k.METRICS

    def read_row(self, row: Mapping[str, Any], dataset: str, where: RowPlace) -> Problem:
        """A problem with tests, in any of the formats of `harness.datasets`."""
        return read_code_row(row, dataset, where)

    def request(self, problem: Problem, sampling: SamplingParams, form: Form) -> Request:
        """See `request`."""
        return request(problem, sampling, form, self.prompting)

    def candidate(self, problem: Problem, completion: Completion) -> Candidate:
        """See `extraction` and `program`."""
        taken = extraction(problem, completion, self.extractor or DEFAULT)
        return Candidate(program=program(problem, completion, taken), extraction=taken)

    def score(self, problem: Problem, completion: Completion, execution: Execution | None) -> Score:
        """See `score`."""
        assert execution is not None
        return score(problem, completion, execution, all_cases=self.all_cases)

    def summarize(self, run: ScoredRun) -> TaskSummary:
        """pass@k for each k, and c of n per problem; of a set with base tests also theirs.

        A run that is not complete still gives the ks that every problem's scored samples allow, and names the others.
        """
        counts = dict.fromkeys(run.expected, (0, 0))
        base: dict[str, int] | None = dict.fromkeys(run.expected, 0)
        for each in run.scores():
            n, c = counts[each.problem_id]
            counts[each.problem_id] = (n + 1, c + int(each.values["passed"]))
            if base is not None and "base_passed" in each.values:
                base[each.problem_id] += int(each.values["base_passed"])
            else:  # a run that was begun by a version that did not know
                base = None
        if not any(n for n, _ in counts.values()):
            base = None
        ks = run.ks or tuple(k for k in pass_at_k.DEFAULT_KS if k <= min(run.expected.values()))
        reached = min((n for n, _ in counts.values() if n), default=0)
        estimates = summarize(counts, [k for k in ks if k <= reached], run.signature, run.seed, run.metrics, base)
        credit = _credit(run) if self.all_cases else None
        return TaskSummary(
            estimates=[*estimates, *(credit.estimates if credit else ())],
            problems={
                problem_id: {
                    **(credit.problems.get(problem_id, {}) if credit else {}),
                    **({"base_c": base[problem_id]} if base is not None else {}),
                    "n": n,
                    "c": c,
                }
                for problem_id, (n, c) in counts.items()
            },
            omitted=[f"pass@{k}" for k in ks if k > reached],
        )


def _credit(run: ScoredRun) -> TaskSummary:
    """The shares of cases that passed; of points too, where a problem says what its cases are worth."""
    has_points = any(problem.points for problem in run.problems.values())
    return mean_summary(("cases_passed", "points") if has_points else ("cases_passed",), partial_credit.METHOD, run)


def open_task(options: Mapping[str, str]) -> Codegen:
    """The task. Raises InputError: it has no options."""
    if options:
        raise InputError(f"task codegen has no option {', '.join(options)}")
    return Codegen()
