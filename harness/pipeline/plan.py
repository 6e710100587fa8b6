"""From a configuration to a job: problems, task, model, limits, the sandbox's identity, and the run's signature."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Mapping
from typing import Any

import sandbox
from harness import __version__, registry
from harness.config import NOT_RECORDED, RunConfig
from harness.datasets import load_set, subset
from harness.engines import _vllm_arguments, replay, waiting_for
from harness.engines._addresses import plain_url
from harness.engines._selection import ModelSpec, find_model
from harness.errors import InputError
from harness.extractors import DEFAULT
from harness.pipeline.costs import Prices
from harness.pipeline.execute import LocalSandboxes, Sandboxes
from harness.pipeline.job import CompletionSet, Job, RunObserver
from harness.pipeline.prompt_options import load_prompting, without_shown_examples
from harness.prompts import template
from harness.prompts.template import Prompting
from harness.runs import manifest
from harness.runs.signature import Signature, limits_digest, limits_label, span
from harness.tasks import SupportsExtraction, SupportsPartialCredit, SupportsPrompting, SupportsVoting, Task, open_task
from harness.types import Form, ProblemSet
from sandbox import Integrity, Limits


def plan(
    config: RunConfig, observer: RunObserver, stack: contextlib.ExitStack, sandboxes: Sandboxes | None = None
) -> Job:
    """The job that a configuration asks for. Closes what it opens at the end of `stack`. Raises InputError.

    sandboxes: where programs run; None for this machine.
    """
    task = open_task(config.task, config.task_options)
    check_prompted(task, config)
    with waiting_for(observer, f"reading the problem set {config.problems}"):
        whole = load_set(config.problems, config.cache, task)
        saved = open_samples(config, whole)
    if saved:
        stack.callback(saved.close)
    problems = asked_of(whole, config)
    with waiting_for(observer, "looking for the model"):
        model = find_model(config)
    prompted = load_prompting(config, problems, model.form)
    task = task.with_prompting(prompted) if isinstance(task, SupportsPrompting) else task
    problems = without_shown_examples(problems, prompted)
    n = config.sampling().n
    if config.greedy() and config.n is None:
        observer.note("temperature 0: one completion per problem, the likeliest, and pass@1")
    counts = saved.counts() if saved else dict.fromkeys((problem.id for problem in whole.problems), n)
    expected = {problem.id: counts[problem.id] for problem in problems.problems if problem.id in counts}
    if not expected:
        raise InputError(f"{config.samples} has no completion of the problems that are asked for ({problems.subset})")
    drawn = CompletionSet(
        task=task,
        problems=problems,
        model=model,
        expected=expected,
        signature=_sampling_signature(config, model, saved, prompted),
        identity={
            "seed": config.seed,
            "model": model.identity,
            "samples": saved.sha256 if saved else None,
            "sampling": None if saved else dataclasses.asdict(config.sampling()),
            "form": model.form.value,
            **template.identity(prompted),
        },
    )
    return make_job(config, observer, drawn, saved, sandboxes)


def make_job(
    config: RunConfig,
    observer: RunObserver,
    drawn: CompletionSet,
    saved: replay.ReplayEngine | None = None,
    sandboxes: Sandboxes | None = None,
) -> Job:
    """The run that executes and scores what is drawn, under the configuration's limits and in its sandbox.

    Raises InputError for a k above n, and for an extractor where nothing is extracted.
    """
    problems, model, expected = drawn.problems, drawn.model, drawn.expected
    task = _with_extractor(drawn.task, model.form, config)
    if config.all_cases:
        problems, task = _with_all_cases(problems, task, observer)
    _check_k(config, task, expected)
    limits = {problem.id: config.limits(problem.limits) for problem in problems.problems}
    sandboxes = (sandboxes or local_sandboxes(config)) if task.executes else None
    with waiting_for(observer, "making the sandbox ready"):
        sandbox_identity = sandboxes.identity(observer.note, problems.language()) if sandboxes else None
    where = f", sandbox {sandbox_identity['backend']} ({sandbox_identity['contents']})" if sandbox_identity else ""
    observer.note(f"problems {problems.version()}, model {model.name}{where}")
    signature = _signature(task, drawn, limits, sandbox_identity)
    identity = {
        **drawn.identity,
        "signature": signature,  # with the version: another version's numbers are another run's
        "problems": {
            "name": problems.name,
            "sha256": problems.sha256,
            **({"subset": problems.subset} if problems.subset else {}),
        },
        "task": task.version,
        "task_options": dict(config.task_options),
        **({"extractor": config.extractor} if extracts_replies(task, model.form) else {}),
        "sandbox": sandbox_identity,
        "dedup": config.dedup,
        **({"all_cases": True} if config.all_cases else {}),
        "limits": limits_digest(limits) if task.executes else None,
    }
    return Job(
        task=task,
        problems=problems,
        model=model,
        saved=saved,
        expected=expected,
        limits=limits,
        sandboxes=sandboxes,
        sampling=config.sampling(),
        dedup=config.dedup,
        workers=sandboxes.workers() if sandboxes else config.workers or sandbox.default_workers(),
        ks=config.k or None,
        metrics=config.metrics,
        seed=config.seed,
        prices=_prices(config),
        manifest=manifest.make(identity, signature, _recorded(config)),
    )


def _with_all_cases(problems: ProblemSet, task: Task, observer: RunObserver) -> tuple[ProblemSet, Task]:
    """Both with a verdict for each case. Raises InputError where no problem can have that."""
    if not isinstance(task, SupportsPartialCredit):
        raise InputError(f"--all-cases is for tests of programs; task {task.name} executes none")
    beside = [problem.id for problem in problems.problems if not problem.has_cases()]
    if len(beside) == len(problems.problems):
        raise InputError(
            f"--all-cases: the tests of {problems.name} run in the program's own process, such as suites of unittest "
            "or tests in another language, and cannot be told apart; leave it out"
        )
    if beside:
        named = ", ".join(beside[:3]) + (f" and {len(beside) - 3} more" if len(beside) > 3 else "")
        observer.note(f"all cases: the tests of {named} cannot be taken apart, and count as one case each")
    every = tuple(each.with_all_cases() for each in problems.problems)
    return dataclasses.replace(problems, problems=every), task.with_all_cases()


def asked_of(problems: ProblemSet, config: RunConfig) -> ProblemSet:
    """The problems that the configuration asks for. Raises ProblemError for an id that the set does not have."""
    return subset(problems, only=config.only, shuffle=config.shuffle, limit=config.limit)


def _recorded(config: RunConfig) -> dict[str, Any]:
    """The configuration as a manifest keeps it: without keys, those in an address too, and machines."""
    found = config.model_dump(mode="json", exclude={"api_key", *NOT_RECORDED})
    if config.base_url is not None:
        found["base_url"] = plain_url(config.base_url)
    return found


def local_sandboxes(config: RunConfig) -> LocalSandboxes:
    """Those of this machine. Raises InputError where the configuration asks for others, which its caller must open."""
    if config.elsewhere():
        raise InputError(f"--{config.elsewhere()} is for run, score, verify, audit and extract; leave it out here")
    return LocalSandboxes(
        backend=config.sandbox,
        count=config.workers,
        isolation=config.isolation,
        runtime=config.runtime,
        answers=config.cache / "answers",
    )


def _prices(config: RunConfig) -> Prices | None:
    tokens = config.token_prices()
    if tokens:
        return Prices(prompt_token=tokens[0], completion_token=tokens[1])
    return Prices(hour=config.price_per_hour) if config.price_per_hour is not None else None


def open_samples(config: RunConfig, problems: ProblemSet) -> replay.ReplayEngine | None:
    """The file of completions that the configuration names, indexed; None where it names none."""
    if config.samples is None:
        return None
    return replay.open_engine(replay.Options(samples=config.samples, problems=problems))


def _check_k(config: RunConfig, task: Task, expected: Mapping[str, int]) -> None:
    if config.metrics != ("pass@k",) and not task.executes:
        raise InputError(f"--metrics is for programs; task {task.name} executes none, and has metrics of its own")
    if config.k and not task.executes and not isinstance(task, SupportsVoting):
        raise InputError(f"--k is for pass@k of programs; task {task.name} executes none")
    smallest = min(expected, key=lambda problem_id: expected[problem_id])
    for k in config.k:
        if k > expected[smallest]:
            raise InputError(
                f"pass@{k} needs k <= n, but n is {expected[smallest]} for {smallest}; ask for a smaller k"
            )


def extracts_replies(task: Task, form: Form) -> bool:
    """Whether programs are taken out of replies."""
    return form is Form.CHAT and isinstance(task, SupportsExtraction)


def _with_extractor(task: Task, form: Form, config: RunConfig) -> Task:
    """The task with the run's extractor, where there is something to extract from. Raises InputError."""
    if form is Form.CHAT and isinstance(task, SupportsExtraction):
        return task.with_extractor(config.extractor)
    if config.extractor == DEFAULT:
        return task
    if not task.executes:
        raise InputError(f"extractor {config.extractor} is for programs; task {task.name} executes none")
    raise InputError(f"extractor {config.extractor} is for replies of form chat; this run's form is {form}")


def _signature(
    task: Task, drawn: CompletionSet, limits: Mapping[str, Limits], sandbox_identity: Mapping[str, Any] | None
) -> str:
    """Everything that can change the number, without the metric's own name, in one line."""
    line = Signature.of(
        f"n:{span(drawn.expected.values())}",
        drawn.signature,
        f"task:{task.version}",
        task.label(),
        f"data:{drawn.problems.version()}",
        f"subset:{drawn.problems.subset}" if drawn.problems.subset else "",
        _execution_signature(drawn.problems, drawn.expected, limits, sandbox_identity),
        f"v:{__version__}",
        _plug_ins(task, drawn),
    )
    return str(line)


def _plug_ins(task: Task, drawn: CompletionSet) -> str:
    """The other distributions whose plug-ins decide the number, for a signature; empty where all is our own."""
    used = [
        registry.origin("harness.tasks", task.name),
        registry.origin("harness.engines", drawn.model.engine),
        registry.origin("harness.datasets", drawn.problems.name.partition(":")[0]),
        registry.origin("harness.extractors", getattr(task, "extractor", None) or ""),
    ]
    others = list(dict.fromkeys(each for each in used if each))
    return f"plug-ins:{','.join(others)}" if others else ""


def check_prompted(task: Task, config: RunConfig) -> None:
    """Raises InputError for options of prompting that the task does not take."""
    if config.prompting_given() and not isinstance(task, SupportsPrompting):
        options = ", ".join(f"--{name.replace('_', '-')}" for name in config.prompting_given())
        raise InputError(f"task {task.name} has prompts of its own; leave out {options}")


def _sampling_signature(
    config: RunConfig, model: ModelSpec, saved: replay.ReplayEngine | None, prompted: Prompting
) -> str:
    """How the completions came about, for a signature."""
    if saved:
        return f"samples:{saved.sha256[:8]}"
    sampling = config.sampling()
    arguments = ",".join(_vllm_arguments.score_relevant_arguments(config.engine_args)).replace("|", "/")
    return (
        f"T:{sampling.temperature:g}|top_p:{sampling.top_p:g}|top_k:{sampling.top_k}|max:{sampling.max_tokens}"
        f"|seed:{sampling.seed}|form:{model.form}{template.label(prompted)}|engine:{model.engine}"
        + (f"|args:{arguments}" if arguments else "")
    )


def _execution_signature(
    problems: ProblemSet,
    expected: Mapping[str, int],
    limits: Mapping[str, Limits],
    sandbox_identity: Mapping[str, Any] | None,
) -> str:
    """How programs were executed, for a signature; empty where none were."""
    if sandbox_identity is None:
        return ""
    in_sandbox = in_sandbox_problems(problems, expected)
    integrity = f"judged+{len(in_sandbox)}{Integrity.IN_SANDBOX}" if in_sandbox else Integrity.JUDGED.value
    image = f"{sandbox_identity['backend']}-{sandbox_identity['contents']}"
    protocols = sorted({each.protocol for each in problems.problems if each.protocol})
    protocol = f"protocol:{','.join(protocols)}|" if protocols else ""
    return f"{protocol}integrity:{integrity}|img:{image}|{limits_label(limits[problem_id] for problem_id in expected)}"


def in_sandbox_problems(problems: ProblemSet, expected: Mapping[str, int]) -> list[str]:
    """The problems whose tests run in the program's own process."""
    asked = [problem for problem in problems.problems if problem.id in expected]
    return [problem.id for problem in asked if problem.integrity() is Integrity.IN_SANDBOX]
