"""Task `codegen`: write a function; right if its tests pass. The measure is pass@k."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from harness import extract, stats
from harness import prompting as prompts
from harness.errors import InputError
from harness.prompting import OWN, Prompting
from harness.types import Completion, Estimate, Form, Problem, Request, SamplingParams, Score
from sandbox.types import CallTests, Execution, Integrity, Program, StdioTests, Verdict

VERSION = "codegen.v3"  # raised by every change that can move a number


def request(problem: Problem, sampling: SamplingParams, form: Form, prompting: Prompting = OWN) -> Request:
    """What the engine is asked: the prompt as it stands for a completion, messages for a chat model."""
    return prompts.request(problem, sampling, form, prompting)


def program(problem: Problem, completion: Completion) -> Program:
    """The program of a completion: see `Form`. An answer without code is an empty program, which its tests reject."""
    if completion.form is Form.COMPLETION:
        whole = isinstance(problem.tests, StdioTests)
        return Program(source=completion.text if whole else problem.prompt + completion.text)
    if completion.form is Form.SOLUTION:
        return Program(source=completion.text)
    code = extract.code(completion.text, problem.entry_point)
    return Program(source=extract.preamble(problem.prompt, problem.entry_point) + code)


def is_empty(problem: Problem, completion: Completion) -> bool:
    """Whether the model gave no program: an empty text, or an answer without code."""
    if completion.form is Form.CHAT:
        return not extract.code(completion.text, problem.entry_point).strip()
    return not completion.text.strip()


def integrity(problem: Problem) -> Integrity:
    """Who sees a problem's tests end: the judge, but for tests that cannot run apart from the program."""
    return problem.tests.integrity if isinstance(problem.tests, CallTests) else Integrity.JUDGED


def score(completion: Completion, execution: Execution) -> Score:
    """1 where the tests passed, else 0. INTERNAL_ERROR is no score: Raises ValueError."""
    if execution.verdict is Verdict.INTERNAL_ERROR:
        raise ValueError("an execution that failed for our reasons has no score")
    passed = float(execution.verdict is Verdict.ACCEPTED)
    return Score(
        problem_id=completion.problem_id, index=completion.index, verdict=execution.verdict, values={"passed": passed}
    )


def summarize(counts: Mapping[str, tuple[int, int]], ks: Sequence[int], signature: str, seed: int) -> list[Estimate]:
    """pass@k for each k. `counts`: problem id -> (n scored, c passed); problems without a score are left out.

    Raises InputError for a k above some problem's n, naming both.
    """
    scored = {name: pair for name, pair in counts.items() if pair[0] > 0}
    if not scored:
        return []
    smallest = min(scored, key=lambda name: scored[name][0])
    estimates = []
    for k in ks:
        if k > scored[smallest][0]:
            raise InputError(
                f"pass@{k} needs k <= n, but n is {scored[smallest][0]} for {smallest}; ask for a smaller k"
            )
        values = [stats.pass_at_k(n, c, k) for n, c in scored.values()]
        interval = stats.mean_interval(values, np.random.default_rng(seed))
        estimates.append(
            Estimate(
                metric=f"pass@{k}",
                value=interval.value,
                low=interval.low,
                high=interval.high,
                n_problems=len(scored),
                n_completions=sum(n for n, _ in scored.values()),
                method=stats.METHOD,
                signature=f"pass@{k}|{signature}",
            )
        )
    return estimates
