"""lm-evaluation-harness (EleutherAI, 0.4.13): `results_<date>.json` and `samples_<task>_<date>.jsonl`.

Results: {"results": {task: {"alias", "<metric>,<filter>": value, "<metric>_stderr,<filter>": value}}, "configs",
"n-samples": {task: {"original", "effective"}}, "config": {"model", "model_args", ...}, "model_name", ...}. A sample, a
row per document and filter: {"doc_id", "doc", "target", "arguments", "resps": [[text, ...n]], "filtered_resps",
"filter", "metrics", "doc_hash", "prompt_hash", "target_hash", "pass@1": value}. For the code tasks `filtered_resps`
holds the programs that were executed. The value is of the document: with n = 1 it is the program's verdict, above that
it says how many of the n passed, not which. Tasks whose samples are not there are imported as numbers.

Results before 0.4 have `versions` in place of `configs`, and values without filters: {task: {"acc": value,
"acc_stderr": value}}.
"""

from __future__ import annotations

import bisect
import hashlib
import json
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from harness.errors import SamplesError
from harness.exchange import ImportedProblem, ImportedSample, ImportedSet, InputFile, ReportedMetric, number, problem_id
from harness.exchange.saved_run import ProblemSamples, ProgramRun
from harness.files.atomic import replacing
from harness.metrics import metric_or_guess
from harness.metrics.pass_at_k import pass_at_k
from harness.stats.proportion import Z
from harness.types import ProblemSet
from sandbox.types import Verdict

PASS_AT_K = re.compile(r"pass(?:@|_at_)(\d+)")
DATE = re.compile(r"_\d{4}-\d\d-\d\dT.*")
FILTER = "create_test"
ROUND_TRIP = "counts"


def recognizes(source: InputFile) -> bool:
    """Whether it is a sample file, a results file, or a directory with such files."""
    if source.path.is_dir():
        return bool(source.files("results_*.json") or source.files("samples_*.jsonl"))
    row = source.row
    if row is not None and {"doc_id", "doc", "resps"} <= row.keys():
        return True
    document = source.document
    return (
        isinstance(document, dict)
        and isinstance(document.get("results"), dict)
        and bool({"configs", "lm_eval_version", "versions"} & document.keys())
    )


def read(source: InputFile) -> list[ImportedSet]:
    """One for each task."""
    if not source.path.is_dir():
        if source.row is not None and "resps" in source.row:
            return [_samples(source, {})]
        return _numbers(source.document, set())
    newest = source.files("results_*.json")[-1:]
    document = source.part(newest[0].name) if newest else {}
    latest = {_task(path): path for path in source.files("samples_*.jsonl")}
    with_samples = [_samples(InputFile(path), document) for path in latest.values()]
    return with_samples + _numbers(document, set(latest))


def _task(path: Path) -> str:
    return DATE.sub("", path.stem.removeprefix("samples_"))


def _model(document: dict[str, Any]) -> str | None:
    config = document.get("config") or {}
    args = config.get("model_args")
    listed = dict(part.partition("=")[::2] for part in args.split(",")) if isinstance(args, str) else args or {}
    return document.get("model_name") or listed.get("pretrained") or listed.get("model") or config.get("model")


def _numbers(document: dict[str, Any], but: set[str]) -> list[ImportedSet]:
    tasks = [task for task in document.get("results", {}) if task not in but]
    found = [ImportedSet(dataset=task, model=_model(document), **_of_task(document, task)) for task in tasks]
    return [each for each in found if each.claimed]


def _of_task(document: dict[str, Any], task: str) -> dict[str, Any]:
    """What the results file says of one task: `claimed`, `metadata`."""
    values: dict[str, Any] = (document.get("results") or {}).get(task) or {}
    size = ((document.get("n-samples") or {}).get(task) or {}).get("effective")
    limit = (document.get("config") or {}).get("limit")  # 0.3 has this, and not what it came to
    size = size or (limit if type(limit) is int and limit > 0 else None)
    before_filters = "configs" not in document and not any("," in key for key in values)
    claimed: dict[str, ReportedMetric] = {}
    for key, each in values.items():
        metric, _, filter_ = key.partition(",")
        value = number(each)
        if metric.endswith("_stderr") or value is None or not (filter_ or before_filters):
            continue
        match = PASS_AT_K.fullmatch(metric)
        name = f"pass@{match[1]}" if match else metric
        error = f"{metric}_stderr,{filter_}" if filter_ else f"{metric}_stderr"
        name = name if name not in claimed else f"{metric},{filter_}"
        claimed[name] = ReportedMetric(metric=name, value=value, stderr=number(values.get(error)), n_problems=size)
    keep = ("lm_eval_version", "git_hash", "date", "model_source", "chat_template_sha")
    metadata = {key: document[key] for key in keep if document.get(key) is not None}
    config = (document.get("configs") or {}).get(task)
    return {"claimed": tuple(claimed.values()), "metadata": {**metadata, **({"task": config} if config else {})}}


def _samples(source: InputFile, document: dict[str, Any]) -> ImportedSet:
    task = _task(source.path) if source.path.name.startswith("samples_") else ""
    first = str(_task_id(source.row or {}) or "").rpartition("/")[0]
    return ImportedSet(
        dataset=task or first,
        model=_model(document),
        answers=lambda problems: _documents(source, problems),
        **_of_task(document, task),
    )


def _task_id(row: dict[str, Any]) -> object:
    doc = row.get("doc")
    return doc.get("task_id") if isinstance(doc, dict) else None


def _documents(source: InputFile, problems: ProblemSet | None) -> Iterator[ImportedProblem]:
    for task, rows in source.by_task(_task_id):
        number_, row = rows[0]
        where = f"{source.path}, line {number_}"
        if len(rows) > 1:
            filters = ", ".join(str(each.get("filter")) for _, each in rows)
            raise SamplesError(
                f"{where}: the task {task} is there {len(rows)} times (filters {filters}); keep one filter"
            )
        texts = _texts(row, where)
        passed = _passed(row, len(texts), where)
        verdict = {None: None, 0: Verdict.WRONG_ANSWER, len(texts): Verdict.ACCEPTED}.get(passed)
        answers = tuple(ImportedSample(text=text, verdict=verdict) for text in texts)
        yield ImportedProblem(problem_id=problem_id(problems, task, where), answers=answers, passed=passed)


def _texts(row: dict[str, Any], where: str) -> list[str]:
    """The programs: one response with a list of them, or a response each."""
    flat: list[Any] = []
    listed = row.get("filtered_resps") or row["resps"]
    for each in listed if isinstance(listed, list) else [None]:
        flat.extend(each if isinstance(each, list) else [each])
    if not flat or not all(isinstance(each, str) for each in flat):
        raise SamplesError(f"{where}: filtered_resps: a list of texts is expected")
    return [each.encode("utf-8", "replace").decode() for each in flat]


def _passed(row: dict[str, Any], n: int, where: str) -> int | None:
    """c, of the values of pass@k: for k = 1 it is n times the value, else the c that gives the value."""
    values = {int(match[1]): number(row[key]) for key in row if (match := PASS_AT_K.fullmatch(key))}
    if not values:
        return None
    for k, value in sorted(values.items()):
        if value is None or k > n:
            continue
        at_least = partial(pass_at_k, n, k=k)  # which grows with c
        first = bisect.bisect_left(range(n + 1), value - 1e-6, key=at_least)
        if first <= n and abs(at_least(first) - value) < 1e-6 and (first == n or at_least(first + 1) > value + 1e-6):
            return first
    named = ", ".join(f"pass@{k} {value}" for k, value in values.items())
    raise SamplesError(
        f"{where}: {named} does not say how many of {n} programs passed; import the results_*.json for its numbers"
    )


def write(run: ProgramRun, out: Path) -> list[Path]:
    """`out`, a directory: `results_<date>.json` and `samples_<task>_<date>.jsonl`."""
    date = run.created.replace(tzinfo=None).isoformat(timespec="microseconds").replace(":", "-")
    task = run.dataset
    ks = [int(match[1]) for metric in run.estimates() if (match := PASS_AT_K.fullmatch(metric))]
    samples_path, results_path = out / f"samples_{task}_{date}.jsonl", out / f"results_{date}.json"
    digest = hashlib.sha256()
    with replacing(samples_path) as samples:
        for doc_id, solved in enumerate(run.solved()):
            row = _row(doc_id, solved, run, ks)
            digest.update((row["doc_hash"] + row["prompt_hash"] + row["target_hash"]).encode())
            samples.write(json.dumps(row, ensure_ascii=False) + "\n")
    with replacing(results_path) as results:
        results.write(json.dumps(_results(run, task, digest.hexdigest()), indent=2, ensure_ascii=False) + "\n")
    return [results_path, samples_path]


def _row(doc_id: int, solved: ProblemSamples, run: ProgramRun, ks: list[int]) -> dict[str, Any]:
    problem = solved.problem
    target = getattr(problem.tests, "source", "")
    doc = {"task_id": problem.id, "prompt": problem.prompt, "test": target, "entry_point": problem.entry_point}
    counts = solved.counts()
    # pass@1 always: c follows from it whatever n is
    values = {f"pass@{k}": pass_at_k(*counts, k) for k in sorted({1, *ks}) if counts and k <= counts[0]}
    return {
        "doc_id": doc_id,
        "doc": doc,
        "target": target,
        "arguments": {"gen_args_0": {"arg_0": problem.prompt, "arg_1": _gen_kwargs(run, list(problem.stop))}},
        "resps": [[sample.completion.text for sample in solved.samples]],
        "filtered_resps": [[sample.program for sample in solved.samples]],
        "filter": FILTER,
        "metrics": list(values),
        "doc_hash": _hash(json.dumps(doc, indent=2, ensure_ascii=False)),
        "prompt_hash": _hash(problem.prompt),
        "target_hash": _hash(target),
        **values,
    }


def _gen_kwargs(run: ProgramRun, stop: list[str]) -> dict[str, Any]:
    sampling = run.sampling
    known = {key: sampling[key] for key in ("temperature", "top_p", "top_k") if key in sampling}
    if "max_tokens" in sampling:
        known |= {"max_gen_toks": sampling["max_tokens"], "do_sample": sampling["temperature"] > 0}
    return {"until": stop, **known}


def _results(run: ProgramRun, task: str, task_hash: str) -> dict[str, Any]:
    values: dict[str, Any] = {"alias": task}
    for each in run.summary["estimates"]:
        # their stderr from our interval, which is 2 x 1.96 of them wide where it is a normal one
        values[f"{each['metric']},{FILTER}"] = each["value"]
        values[f"{each['metric']}_stderr,{FILTER}"] = (each["high"] - each["low"]) / (2 * Z)
    metrics = [each["metric"] for each in run.summary["estimates"]]
    coverage = run.summary["coverage"]
    n = run.sampling.get("n", 1)
    return {
        "results": {task: values},
        "group_subtasks": {task: []},
        "configs": {task: {"task": task, "output_type": "generate_until", "repeats": n, "metadata": {"version": 1.0}}},
        "versions": {task: 1.0},
        "n-shot": {task: 0},
        "higher_is_better": {task: {name: not metric_or_guess(name, ()).lower_is_better for name in metrics}},
        "n-samples": {task: {"original": coverage["problems"], "effective": coverage["problems_scored"]}},
        "config": {
            "model": "codegen-harness",
            "model_args": f"pretrained={run.model}",
            "gen_kwargs": _gen_kwargs(run, []),
            "random_seed": run.sampling.get("seed"),
        },
        "git_hash": None,
        "date": run.created.timestamp(),
        "task_hashes": {task: task_hash},
        "model_source": "codegen-harness",
        "model_name": run.model,
        "model_name_sanitized": re.sub(r"[\"<>:/\|\\?\*\[\]]+", "__", run.model),
    }


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
