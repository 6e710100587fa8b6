"""Hugging Face's `model-index`: what a model card's front matter says of results.

`out` ending in .md is a model card: one that is there keeps its text and its other results, another is made. Any other
name gets the YAML alone. The hub's own library makes, checks and reads it. Read are the numbers, with the interval and
the sizes where a card of ours has them.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import InputError, SamplesError
from harness.exchange import ImportedSet, InputFile, ReportedMetric, number
from harness.exchange.saved_run import ProgramRun
from harness.files.atomic import replacing
from harness.files.opened import open_input

if TYPE_CHECKING:
    from huggingface_hub import EvalResult

NEEDS_PROBLEMS = False
ROUND_TRIP = "numbers"
PROGRAMS = False
KEPT = ("low", "high", "n_problems", "n_completions", "signature")  # of an estimate, in `metric_args`
LARGEST_CARD = 4 << 20  # bytes; the reader of YAML takes seconds for each MiB
HUB_IDS = {
    "humaneval": "openai/openai_humaneval",
    "humanevalplus": "evalplus/humanevalplus",
    "mbpp": "google-research-datasets/mbpp",
    "mbppplus": "evalplus/mbppplus",
}

TASKS = {
    "codegen": ("text-generation", "Code Generation"),
    "summarization": ("summarization", "Summarization"),
    "classification": ("text-classification", "Text Classification"),
}
OTHER_TASK = ("text-generation", "Text Generation")


def write(run: ProgramRun, out: Path) -> list[Path]:
    """The run's estimates as results of the model. Raises InputError where it has none."""
    from huggingface_hub import ModelCard, ModelCardData  # measured: 0.3 s

    if not run.summary["estimates"]:
        raise InputError(f"{run.path} has no numbers yet; harness score {run.path} judges it")
    results = _results(run)
    if out.suffix == ".md" and out.is_file():
        card = ModelCard.load(out)
        new = {each.unique_identifier for each in results}
        kept = [each for each in card.data.eval_results or [] if each.unique_identifier not in new]
        card.data.eval_results = [*kept, *results]
        card.data.model_name = card.data.model_name or run.model
        content = str(card)
    else:
        front = ModelCardData(model_name=run.model, eval_results=results).to_yaml()
        content = f"---\n{front}\n---\n\n# {run.model}\n" if out.suffix == ".md" else front + "\n"
    with replacing(out) as file:
        file.write(content)
    return [out]


def recognizes(source: InputFile) -> bool:
    """Whether a line says `model-index:`."""
    return bool(re.search(r"^model-index:", _text(source), re.MULTILINE))


def read(source: InputFile) -> list[ImportedSet]:
    """A set for each data set of the card."""
    from huggingface_hub import ModelCard  # measured: 0.3 s

    text = _text(source)
    if not text.endswith("\n"):
        raise SamplesError(f"{source.path} is not a model card, or was cut off: its last line has no end")
    try:
        card = ModelCard(text if text.startswith("---") else f"---\n{text}\n---\n")
    except Exception as error:  # the readers of YAML and of cards raise what they like
        raise SamplesError(f"{source.path} is not a model card: {' '.join(str(error).split())[:300]}") from error
    found: dict[str, list[ReportedMetric]] = {}
    results: list[EvalResult] = getattr(card.data, "eval_results", None) or []
    for each in results:
        found.setdefault(_name(each.dataset_name), []).append(_metric(each))
    model = card.data.get("model_name")
    return [
        ImportedSet(dataset=dataset, model=None if model is None else _name(model), claimed=tuple(claimed))
        for dataset, claimed in found.items()
    ]


def _metric(result: EvalResult) -> ReportedMetric:
    value, kept = number(result.metric_value), result.metric_args or {}
    if value is None:
        raise ValueError(f"{_name(result.metric_type)} is not a number")
    low, high = number(kept.get("low")), number(kept.get("high"))
    return ReportedMetric(
        metric=_name(result.metric_type),
        value=value,
        interval=None if low is None or high is None else (low, high),
        n_problems=kept.get("n_problems"),
        n_completions=kept.get("n_completions"),
    )


def _name(value: object) -> str:
    """A name, which must be text: as text a YAML file of ten nested aliases has gigabytes."""
    if not isinstance(value, str):
        raise TypeError(f"a name is {type(value).__name__}, not text")
    return value


def _text(source: InputFile) -> str:
    """The whole card; empty for what is no text or larger than a card."""
    if source.path.is_dir() or source.is_zip or source.path.stat().st_size > LARGEST_CARD:
        return ""
    with open_input(source.path, SamplesError) as file:
        return file.read(LARGEST_CARD + 1).decode("utf-8", errors="replace")


def _results(run: ProgramRun) -> list[EvalResult]:
    from huggingface_hub import EvalResult  # measured: 0.3 s

    imported = run.summary.get("imported")
    problems = run.manifest.identity.get("problems") or {}
    task_type, task_name = TASKS.get(run.summary.get("task", "codegen"), OTHER_TASK)
    return [
        EvalResult(
            task_type=task_type,
            task_name=task_name,
            dataset_type=HUB_IDS.get(run.dataset, run.dataset),
            dataset_name=run.dataset,
            dataset_args={"sha256": problems["sha256"]} if problems.get("sha256") else None,
            metric_type=each["metric"],
            metric_name=f"{each['metric']} (imported: {imported})" if imported else each["metric"],
            metric_value=each["value"],
            metric_args={name: each[name] for name in KEPT},
        )
        for each in run.summary["estimates"]
    ]
