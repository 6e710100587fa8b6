"""A run's prompting, out of its configuration: template and examples are read, and checked against the problems."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from harness.config import RunConfig
from harness.datasets import published
from harness.errors import InputError, did_you_mean
from harness.files.jsonl import read_json_lines
from harness.prompts import template as prompting
from harness.prompts.template import Examples, FewShot, Prompting, Shot
from harness.types import Form, ProblemSet


def load_prompting(config: RunConfig, problems: ProblemSet, form: Form) -> Prompting:
    """How the problems are put to a model of this form.

    Raises InputError: a file that cannot be read (with the line), a placeholder that no problem fills, examples that
    are not there, options that the form has no place for.
    """
    if not config.prompting_given():
        return prompting.OWN
    _check_form(config, form)
    found = Prompting(
        template=_template(config.prompt_file) if config.prompt_file else None,
        examples=_examples(config, problems),
        system=config.system_prompt,
        thinking_tokens=config.thinking_tokens,
        stop=config.stop,
    )
    _check_placeholders(found, config, problems, form)
    return found


def without_shown_examples(problems: ProblemSet, found: Prompting) -> ProblemSet:
    """The problems that a run measures: those that are shown as examples are left out. Raises InputError if none is."""
    shown = found.examples.ids() if found.examples else frozenset()
    left = tuple(problem for problem in problems.problems if problem.id not in shown)
    if not left:
        raise InputError(f"every problem of {problems.name} is an example in the prompt; none is left to be measured")
    return problems if len(left) == len(problems.problems) else dataclasses.replace(problems, problems=left)


def _check_form(config: RunConfig, form: Form) -> None:
    if form is Form.CHAT:
        return
    for option, given in (("--system-prompt", config.system_prompt), ("--thinking-tokens", config.thinking_tokens)):
        if given:
            raise InputError(
                f"{option} is for chat models, and this one is asked to continue the prompt; "
                "leave it out, or choose --form chat"
            )


def _template(file: Path) -> str:
    try:
        text = file.read_bytes().decode()
    except OSError as error:
        raise InputError(f"the prompt file {file} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"the prompt file {file} is not UTF-8: {error}") from error
    try:
        prompting.placeholders(text)
    except ValueError as error:
        raise InputError(f"{file}: {str(error).lower()}; write {{{{ and }}}} for braces") from error
    return text


def _check_placeholders(found: Prompting, config: RunConfig, problems: ProblemSet, form: Form) -> None:
    """Every problem and every example must fill the template that it is put with."""
    for problem in problems.problems:
        template = prompting.template_of(problem, form, found)
        known = prompting.fields(problem)
        for name in prompting.placeholders(template):
            if name not in known:
                raise InputError(
                    f"{_place(config.prompt_file, template, name)}: unknown placeholder {{{name}}}"
                    f"{did_you_mean(name, known)}; "
                    f"known for {problem.id}: {', '.join(sorted(known))}; write {{{{ and }}}} for braces"
                )
    needed = prompting.placeholders(prompting.template_of(problems.problems[0], form, found))
    for number, shot in enumerate(found.examples.shots if found.examples else (), start=1):
        for name in needed:
            if name not in shot.fields:
                raise InputError(
                    f"{config.shots_file or problems.path}, example {number}: the key {name!r} is missing, "
                    f"which the prompt shows; there are: {', '.join(sorted(shot.fields))}"
                )


def _place(file: Path | None, template: str, name: str) -> str:
    if file is None:
        return "the prompt"
    return f"{file}, line {template[: template.find('{' + name)].count(chr(10)) + 1}"


def _examples(config: RunConfig, problems: ProblemSet) -> Examples | None:
    if config.shots == 0 or (config.shots is None and config.shots_file is None):
        return None
    found = _examples_of_file(config.shots_file) if config.shots_file is not None else _own_examples(problems)
    if config.shots is not None and config.shots > len(found.shots):
        where = config.shots_file or f"the set {problems.name}"
        raise InputError(f"--shots {config.shots}, but {where} has {len(found.shots)} examples")
    shots = found.shots[: config.shots]
    shown = json.dumps([dataclasses.asdict(shot) for shot in shots], sort_keys=True)
    return dataclasses.replace(found, shots=shots, digest=prompting.digest(shown) if config.shots_file else None)


def _own_examples(problems: ProblemSet) -> Examples:
    """The data set's few-shot examples, out of its own file: a part of the set may not hold them."""
    name = problems.problems[0].dataset
    module: Any = published(name)
    few_shot: FewShot | None = getattr(module, "FEW_SHOT", None)
    if few_shot is None:
        raise InputError(f"the set {problems.name} has no few-shot examples of its own; give them with --shots-file")
    shown = {str(row.get("task_id")): row for _, row, _ in read_json_lines(problems.path)}
    missing = [task_id for task_id in few_shot.task_ids if task_id not in shown]
    if missing:
        raise InputError(
            f"{problems.path} does not hold task {', '.join(missing)}, which the few-shot prompt shows; "
            "give examples with --shots-file"
        )
    return few_shot.examples([module.problem(shown[task_id], name) for task_id in few_shot.task_ids])


def _examples_of_file(file: Path) -> Examples:
    """JSONL, objects of texts with `prompt` and `completion`; other keys fill the placeholders of their names."""
    shots = []
    for number, row, _ in read_json_lines(file):
        where = f"{file}, line {number}"
        for key in ("prompt", "completion"):
            if key not in row:
                raise InputError(f"{where}: the key {key!r} is missing")
        wrong = next((key for key, value in row.items() if not isinstance(value, str)), None)
        if wrong is not None:
            raise InputError(f"{where}: {wrong}: text is expected, not {type(row[wrong]).__name__}")
        values = {key: value for key, value in row.items() if key not in ("completion", "solution")}
        solution = row.get("solution", row["prompt"] + row["completion"])
        shots.append(Shot(fields=values, completion=row["completion"], solution=solution))
    if not shots:
        raise InputError(f"{file} holds no examples")
    return Examples(shots=tuple(shots))
