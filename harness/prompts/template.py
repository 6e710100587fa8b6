"""How a problem is put to a model: instruction, few-shot examples, system prompt, thinking budget. Pure text work.

    completion   [example ... example] prompt                    cut at the problem's stop sequences
    chat         [system] [user assistant ... user assistant] user

A template is text with placeholders in braces, `{prompt}`; `{{` and `}}` stand for braces. What the placeholders of a
problem are is `fields`. A run's `Prompting` holds only what differs from the data set's own way, so that the default
adds nothing to a signature. The chat template of a model is its engine's to apply; nothing here reads a file.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.types import Form, Problem, Request, SamplingParams

# EvalPlus's instruction for chat models, as it sends it to servers: evalplus/evalplus, evalplus/codegen.py
# (instruction_prefix) and provider/openai.py (the fence), commit 26d6d00. Its answer prefix is left out: servers of
# chat models take none.
INSTRUCTION = (
    "Please provide a self-contained Python script that solves the following problem in a markdown code block:\n"
    "```python\n{prompt}\n```\n"
)
# Between examples that name no end of their own: as between two functions of a file.
EXAMPLE_END = "\n\n\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """A worked example. fields: for placeholders; completion: continues the prompt; solution: the whole program."""

    fields: Mapping[str, str]
    completion: str
    solution: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Examples:
    """Few-shot examples, in their order.

    template: how a problem and an example are put to a base model. end: what follows an example's completion. stop:
    where the completion ends, empty for the problem's own. digest: of the user's file; None for the data set's own.
    """

    shots: tuple[Shot, ...]
    template: str = "{prompt}"
    end: str = EXAMPLE_END
    stop: tuple[str, ...] = ()
    digest: str | None = None

    def ids(self) -> frozenset[str]:
        """The problems that are shown with their solutions, and so cannot be measured."""
        return frozenset(shot.fields["id"] for shot in self.shots if "id" in shot.fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class FewShot:
    """A data set's own few-shot prompt: the `task_id` of the rows that are its examples; the rest as in `Examples`."""

    task_ids: tuple[str, ...]
    template: str
    end: str
    stop: tuple[str, ...]

    def examples(self, problems: Sequence[Problem]) -> Examples:
        """The examples that are these problems with their first references."""
        shots = tuple(
            Shot(fields=fields(each), completion=each.references[0], solution=each.references[0]) for each in problems
        )
        return Examples(shots=shots, template=self.template, end=self.end, stop=self.stop)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompting:
    """What a run changes of how its problems are put.

    template: in place of the instruction, or of a base model's prompt. thinking_tokens: what a reasoning model may use
    beyond max_tokens. stop: in place of the problem's.
    """

    template: str | None = None
    examples: Examples | None = None
    system: str | None = None
    thinking_tokens: int = 0
    stop: tuple[str, ...] | None = None


OWN = Prompting()  # the data set's own way, without examples


def request(problem: Problem, sampling: SamplingParams, form: Form, prompting: Prompting = OWN) -> Request:
    """What the engine is asked for one problem."""
    sampling = dataclasses.replace(
        sampling, stop=_stop(problem, form, prompting), max_tokens=sampling.max_tokens + prompting.thinking_tokens
    )
    if form is Form.CHAT:
        return Request(
            problem_id=problem.id,
            sampling=sampling,
            messages=tuple(_messages(problem, prompting)),
            thinking_tokens=prompting.thinking_tokens,
        )
    return Request(problem_id=problem.id, sampling=sampling, prompt=_prompt(problem, prompting))


def fields(problem: Problem) -> dict[str, str]:
    """What placeholders stand for: id, prompt, entry_point, and the texts of the problem's metadata."""
    texts = {name: value for name, value in problem.metadata.items() if isinstance(value, str)}
    return {**texts, "id": problem.id, "prompt": problem.prompt, "entry_point": problem.entry_point}


def template_of(problem: Problem, form: Form, prompting: Prompting) -> str:
    """The template that a problem is put with."""
    if prompting.template is not None:
        return prompting.template
    if form is Form.CHAT:
        return problem.instruction or INSTRUCTION
    return prompting.examples.template if prompting.examples else "{prompt}"


def placeholders(template: str) -> list[str]:
    """The names in braces, in their order; Python's conversions and attributes are part of a name, and so unknown.

    Raises ValueError for a brace without its partner.
    """
    return [name for _, name in _parts(template) if name is not None]


def render(template: str, values: Mapping[str, str]) -> str:
    """The template with its placeholders filled. Raises KeyError for one without a value."""
    return "".join(literal + ("" if name is None else values[name]) for literal, name in _parts(template))


def label(prompting: Prompting) -> str:
    """What differs from the data set's own way, as it stands in a signature: `|shots:3|system:1a2b3c4d`, or ``."""
    parts = []
    if prompting.template is not None:
        parts.append(f"prompt:{digest(prompting.template)}")
    if prompting.examples is not None:
        own = prompting.examples.digest
        parts.append(f"shots:{len(prompting.examples.shots)}" + (f"@{own}" if own else ""))
    if prompting.system is not None:
        parts.append(f"system:{digest(prompting.system)}")
    if prompting.thinking_tokens:
        parts.append(f"thinking:{prompting.thinking_tokens}")
    if prompting.stop is not None:
        parts.append(f"stop:{digest(json.dumps(prompting.stop))}")
    return "".join(f"|{part}" for part in parts)


def identity(prompting: Prompting) -> dict[str, Any]:
    """What the fingerprint takes in: nothing for the data set's own way."""
    return {} if prompting == OWN else {"prompting": dataclasses.asdict(prompting)}


def digest(text: str) -> str:
    """Eight hex digits that stand for a text."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]


def _stop(problem: Problem, form: Form, prompting: Prompting) -> tuple[str, ...]:
    if prompting.stop is not None:
        return prompting.stop
    if form is Form.CHAT:
        return ()
    return (prompting.examples.stop if prompting.examples else ()) or problem.stop


def _prompt(problem: Problem, prompting: Prompting) -> str:
    template = template_of(problem, Form.COMPLETION, prompting)
    parts = []
    if prompting.examples:
        end = prompting.examples.end
        parts = [render(template, shot.fields) + shot.completion + end for shot in prompting.examples.shots]
    return "".join([*parts, render(template, fields(problem))])


def _messages(problem: Problem, prompting: Prompting) -> Iterator[dict[str, str]]:
    if prompting.system is not None:
        yield {"role": "system", "content": prompting.system}
    template = template_of(problem, Form.CHAT, prompting)
    for shot in prompting.examples.shots if prompting.examples else ():
        yield {"role": "user", "content": render(template, _bare(shot.fields))}
        yield {"role": "assistant", "content": f"```python\n{shot.solution.strip()}\n```"}
    yield {"role": "user", "content": render(template, _bare(fields(problem)))}


def _bare(values: Mapping[str, str]) -> dict[str, str]:
    """In a message the prompt stands without the white space at its ends."""
    return {name: value.strip() if name == "prompt" else value for name, value in values.items()}


def _parts(template: str) -> Iterator[tuple[str, str | None]]:
    """(text, name of the placeholder after it), by the rules of str.format for braces."""
    for literal, name, spec, conversion in string.Formatter().parse(template):
        more = (f"!{conversion}" if conversion else "") + (f":{spec}" if spec else "")
        yield literal, None if name is None else name + more
