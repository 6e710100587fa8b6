"""What a run's completions of a problem come to on a page: each distinct answer once, with how often it was given.

Answers are one if their page would show the same: the same program (or text, where the task is not about programs),
the same verdict and the same scores. What differs between samples, such as seed and latency, stands with each. Files
may come from elsewhere: each value is made of the kind that a template can format, whatever the file holds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from harness.extractors import DEFAULT, EXTRACTORS, extract
from harness.html import highlight
from harness.leaderboard.results import LeaderboardRun
from harness.runs.summary import CODEGEN
from harness.text.printable import printable
from harness.types import Form, Problem
from sandbox.types import Verdict

REPEAT = "the same program as sample "  # how the detail of an execution begins whose verdict was taken over


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One completion of several that are one answer. facts: (name, value) of what is its own."""

    index: int
    facts: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One distinct answer. raws: the completions' texts as JSON strings, each once. execution: of the first that ran.

    scores: where the task is not about programs, whose score is the verdict; remarks: what a program's says beyond it.
    samples: all that gave it, in order; at least one.
    """

    code: Markup | str
    raws: tuple[str, ...]
    empty: bool
    scores: tuple[tuple[str, float], ...]
    remarks: tuple[str, ...]
    execution: Mapping[str, Any] | None
    samples: tuple[Sample, ...]

    @property
    def index(self) -> int:
        """Of the first sample that gave it."""
        return self.samples[0].index

    @property
    def verdict(self) -> str | None:
        """None where nothing was executed."""
        return self.execution["verdict"] if self.execution else None


def fold_answers(
    run: LeaderboardRun,
    rows: Sequence[Mapping[str, Any]],
    results: Mapping[int, Mapping[str, Any]],
    scores: Mapping[int, Any],
    problem: Problem | None,
) -> list[Answer]:
    """The distinct answers among a problem's completions, in the order of their first samples.

    results, scores: index -> execution, and the values of its score.
    """
    sources: dict[tuple[str, object], str] = {}
    groups: dict[tuple[object, ...], list[Mapping[str, Any]]] = {}
    for row in sorted(rows, key=lambda row: row["index"]):
        key = (str(row.get("text") or ""), row.get("form"))
        source = sources.get(key)
        if source is None:
            source = sources[key] = shown_source(run, *key, problem)
        verdict = str(results[row["index"]].get("verdict")) if row["index"] in results else None
        groups.setdefault((source, verdict, _scores(scores.get(row["index"]))), []).append(row)
    return [_answer(run, str(key[0]), same, results, scores) for key, same in groups.items()]


def _answer(
    run: LeaderboardRun,
    source: str,
    rows: Sequence[Mapping[str, Any]],
    results: Mapping[int, Mapping[str, Any]],
    scores: Mapping[int, Any],
) -> Answer:
    ran = [results[row["index"]] for row in rows if row["index"] in results]
    own = [each for each in ran if not str(each.get("detail")).startswith(REPEAT)]
    worth = _scores(scores.get(rows[0]["index"]))
    texts = dict.fromkeys(str(row.get("text") or "") for row in rows)
    return Answer(
        code=highlighted(source) if run.task == CODEGEN else source,
        raws=tuple(json.dumps(text) for text in texts),
        empty=not any(text.strip() for text in texts),
        scores=worth if run.task != CODEGEN else (),
        remarks=_remarks(dict(worth)) if run.task == CODEGEN else (),
        execution=_execution((own or ran)[0]) if ran else None,
        samples=tuple(Sample(index=row["index"], facts=_facts(row)) for row in rows),
    )


def shown_source(run: LeaderboardRun, text: str, form: object, problem: Problem | None) -> str:
    """What is shown of a completion: its program, or its text where the task is not about programs."""
    if run.task != CODEGEN or form != Form.CHAT:
        return text
    name = run.fields.get("extractor", DEFAULT)
    prompt, entry_point = (problem.prompt, problem.entry_point) if problem else ("", "")
    return extract(name if name in EXTRACTORS else DEFAULT, text, prompt, entry_point).source


def highlighted(text: str) -> Markup:
    """A program's source, printable and with its words marked."""
    return highlight.python(printable(text))


def _facts(row: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """What is known of a completion beside its text."""
    names = {"finish_reason": "ended by", "completion_tokens": "tokens", "seed": "seed"}
    facts = [(label, str(row[name])) for name, label in names.items() if row.get(name) is not None]
    if isinstance(row.get("latency_s"), int | float):
        facts.append(("latency", f"{row['latency_s']:.3g} s"))
    return tuple(facts)


def _scores(values: object) -> tuple[tuple[str, float], ...]:
    """What an answer is worth."""
    found = values.items() if isinstance(values, dict) else ()
    return tuple((str(name), float(value)) for name, value in found if isinstance(value, int | float))


def _remarks(values: Mapping[str, float]) -> tuple[str, ...]:
    """What a program's score says beyond its verdict, in words."""
    if "base_passed" not in values or values.get("passed"):
        return ()
    return ("base tests passed" if values["base_passed"] else "base tests failed",)


def _execution(row: Mapping[str, Any]) -> dict[str, Any]:
    """What a program did, each value of the kind that a template can format, whatever the file holds."""
    used = (("cpu", "cpu_s", 1.0, "s"), ("wall", "wall_s", 1.0, "s"), ("mem", "peak_memory_bytes", 2.0**20, "MiB"))
    ends = (("exit_code", "exit code"), ("signal", "signal"))
    return {
        "verdict": str(row.get("verdict")),
        "texts": {name: str(row.get(name) or "") for name in ("detail", "stdout", "stderr")},
        "integrity": str(row.get("integrity") or ""),
        "cases": _case_counts(row.get("cases")),
        "failed_case": _failed_case(row.get("failed_case")),
        "truncated": row.get("truncated") is True,
        "used": {
            name: f"{row[key] / unit:.3g} {suffix}"
            for name, key, unit, suffix in used
            if isinstance(row.get(key), int | float)
        },
        "ended": [(name, str(row[key])) for key, name in ends if row.get(key) is not None],
    }


def _case_counts(cases: object) -> tuple[int, int] | None:
    """(cases that passed, cases); None for fewer than two."""
    found = [str(each) for each in cases] if isinstance(cases, list) else []
    return (found.count(Verdict.ACCEPTED.value), len(found)) if len(found) > 1 else None


def _failed_case(case: object) -> list[tuple[str, str]]:
    """Input, expected and got, as far as they are known."""
    found = case if isinstance(case, dict) else {}
    return [(name, str(found[name])) for name in ("input", "expected", "got") if found.get(name) is not None]
