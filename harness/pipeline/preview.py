"""What a run would send for one problem. Sends nothing to the model, and needs no sandbox and no weights."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.config import RunConfig
from harness.datasets import load_set
from harness.engines._logprobs import LogprobRequest
from harness.engines._selection import ModelSpec, find_model
from harness.errors import InputError, did_you_mean
from harness.pipeline.plan import check_prompted
from harness.pipeline.prompt_options import load_prompting, without_shown_examples
from harness.tasks import SupportsPrompting, open_task
from harness.types import Problem, ProblemSet, Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """A request. rendered: what the model's chat template makes of its messages; None for a prompt, and where the
    template is not at hand (a server's, a hub's)."""

    model: str
    engine: str
    request: Request | LogprobRequest
    rendered: str | None

    def record(self) -> dict[str, Any]:
        """The same as JSON: only what is sent, and the text that it renders to."""
        request = self.request
        if isinstance(request, LogprobRequest):
            content: dict[str, Any] = {"text": request.text, "continuations": list(request.continuations)}
        else:
            sent = {"prompt": request.prompt} if request.messages is None else {"messages": list(request.messages)}
            content = {**sent, "rendered": self.rendered, "sampling": dataclasses.asdict(request.sampling)}
        return {"problem": request.problem_id, "model": self.model, "engine": self.engine, **content}


def preview(config: RunConfig, problem_id: str | None) -> Preview:
    """The request for a problem, the set's first where none is named. Raises InputError as a run does."""
    if config.samples is not None:
        raise InputError("a file of completions is sent nowhere; --print-prompt is for a model")
    task = open_task(config.task, config.task_options)
    check_prompted(task, config)
    problems = load_set(config.problems, config.cache, task)
    model = find_model(config)
    prompting = load_prompting(config, problems, model.form)
    task = task.with_prompting(prompting) if isinstance(task, SupportsPrompting) else task
    problem = _find(without_shown_examples(problems, prompting), problem_id)
    request = task.request(problem, config.sampling(), model.form)
    return Preview(model=model.name, engine=model.engine, request=request, rendered=_render(model, request))


def _find(problems: ProblemSet, problem_id: str | None) -> Problem:
    if problem_id is None:
        return problems.problems[0]
    found = problems.find(problem_id)
    if found is None:
        known = [problem.id for problem in problems.problems]
        raise InputError(
            f"the set {problems.name} has no problem {problem_id!r}{did_you_mean(problem_id, known)} to measure"
        )
    return found


def _render(model: ModelSpec, request: Request | LogprobRequest) -> str | None:
    if isinstance(request, LogprobRequest) or request.messages is None:
        return None
    if not (Path(str(model.source)) / "tokenizer_config.json").is_file():
        return None
    from harness.engines import transformers  # measured: 3 s, torch

    return transformers.render_chat(str(model.source), request.messages)
