"""Hugging Face's `model-index`: what a model card's front matter says of results. Written, never read.

`out` ending in .md is a model card: one that is there keeps its text and its other results, another is made. Any other
name gets the YAML alone. The hub's own library makes and checks it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import InputError
from harness.exchange.saved_run import ProgramRun
from harness.files.atomic import replacing

if TYPE_CHECKING:
    from huggingface_hub import EvalResult

NEEDS_PROBLEMS = False
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
            metric_args={"low": each["low"], "high": each["high"], "signature": each["signature"]},
        )
        for each in run.summary["estimates"]
    ]
