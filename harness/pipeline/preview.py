"""What a run would send for one problem. Sends nothing to the model, and needs no sandbox and no weights."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.config import RunConfig
from harness.datasets import load_set
from harness.engines._selection import ModelSpec, find_model
from harness.errors import InputError, did_you_mean
from harness.pipeline.prompt_options import load_prompting, without_shown_examples
from harness.tasks import codegen
from harness.types import Problem, ProblemSet, Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """A request. rendered: what the model's chat template makes of its messages; None for a prompt, and where the
    template is not at hand (a server's, a hub's)."""

    model: str
    engine: str
    request: Request
    rendered: str | None

    def record(self) -> dict[str, Any]:
        """The same as JSON: only what is sent, and the text that it renders to."""
        request = self.request
        content = {"prompt": request.prompt} if request.messages is None else {"messages": list(request.messages)}
        return {
            "problem": request.problem_id,
            "model": self.model,
            "engine": self.engine,
            **content,
            "rendered": self.rendered,
            "sampling": dataclasses.asdict(request.sampling),
        }


def preview(config: RunConfig, problem_id: str | None) -> Preview:
    """The request for a problem, the set's first where none is named. Raises InputError as a run does."""
    if config.samples is not None:
        raise InputError("a file of completions is sent nowhere; --print-prompt is for a model")
    if config.task != codegen.Codegen.name:
        raise InputError(f"--print-prompt shows what task codegen sends, not yet that of {config.task}")
    problems = load_set(config.problems, config.cache)
    model = find_model(config)
    prompting = load_prompting(config, problems, model.form)
    problem = _find(without_shown_examples(problems, prompting), problem_id)
    request = codegen.request(problem, config.sampling(), model.form, prompting)
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


def _render(model: ModelSpec, request: Request) -> str | None:
    if request.messages is None or not (Path(str(model.source)) / "tokenizer_config.json").is_file():
        return None
    from harness.engines import transformers  # measured: 3 s, torch

    return transformers.render_chat(str(model.source), request.messages)
