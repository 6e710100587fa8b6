"""Inspect (UKGovernmentBEIS/inspect_ai, 0.3.285): logs, `.eval` (a zip) or `.json`, of one model on one task.

Read and written without the library, which takes 300 MB and a minute to install: a zip with `header.json` and
`samples/<id>_epoch_<n>.json`, or one document with `samples`. header: {"version": 2, "status", "eval": {"task",
"model", "dataset", "config": {"epochs"}, ...}, "results": {"scores": [{"name", "metrics"}]}}. A sample: {"id",
"epoch", "input", "target", "output": {"choices": [{"message"}]}, "scores": {name: {"value", "explanation"}},
"attachments"}. A problem's epochs are its n samples. A value of C or 1 is passed, anything else is not; a sample
without a score has no verdict. Of several scorers the log's first decides. Text that the log keeps as an attachment is
put back.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import __version__
from harness.errors import SamplesError
from harness.exchange import (
    ImportedProblem,
    ImportedSample,
    ImportedSet,
    InputFile,
    ReportedMetric,
    number,
    problem_id,
    sampling_label,
)
from harness.exchange.saved_run import ProblemSamples, ProgramRun, Sample
from harness.files.atomic import replacing, replacing_path
from harness.files.jsonl import parse_json, whole
from harness.files.limits import HINT, limits, size_label
from harness.files.opened import UNREADABLE, reason_of
from harness.types import Form, ProblemSet
from sandbox.types import Verdict

if TYPE_CHECKING or sys.version_info >= (3, 14):
    import zipfile
else:
    from backports.zstd import zipfile  # Inspect packs with Zstandard, which zipfile has from 3.14 on

ATTACHMENT = "attachment://"
HEADER = "header.json"
SCORER = "verify"
FORM = "codegen_harness_form"
SUMMARY_CHARS = 1024
ROUND_TRIP = "verdicts"


def recognizes(source: InputFile) -> bool:
    """Whether it is an Inspect log."""
    if source.is_zip:
        with _archive(source.path) as archive:
            return bool({HEADER, "_journal/start.json"} & set(archive.namelist()))
    document = source.document
    return (
        isinstance(document, dict)
        and isinstance(document.get("eval"), dict)
        and {"version", "status"} <= document.keys()
    )


def read(source: InputFile) -> list[ImportedSet]:
    """The log's samples, with its metrics."""
    header = _header(source)
    task = header["eval"]
    scores = (header.get("results") or {}).get("scores") or []
    scorer = scores[0]["name"] if scores else None
    claimed = [
        ReportedMetric(metric="pass@1" if name in ("accuracy", "mean") else name, value=value)
        for name, each in (scores[0].get("metrics") if scores else {}).items()
        if name in ("accuracy", "mean") and (value := number(each.get("value"))) is not None
    ]
    generation = task.get("model_generate_config") or {}
    sampling = sampling_label(generation, {"temperature": "T", "top_p": "top_p", "max_tokens": "max"})
    return [
        ImportedSet(
            dataset=str(task.get("task", "")).rpartition("/")[2],
            model=task.get("model"),
            answers=lambda problems: _answers(source, scorer, problems),
            claimed=tuple(claimed[:1]),
            sampling=sampling,
            metadata={key: task[key] for key in ("task", "task_id", "created", "packages", "revision") if task.get(key)}
            | {"status": header["status"], "scorer": scorer},
            caution=_caution(header["status"]),
        )
    ]


def _caution(status: object) -> str:
    """Of a log that did not come to its end."""
    if status == "success":
        return ""
    return f"the log's status is {status!s:.40}, not success: samples may be missing"


def _header(source: InputFile) -> dict[str, Any]:
    header = source.document
    if source.is_zip:
        with _archive(source.path) as archive:
            if HEADER not in archive.namelist():
                raise SamplesError(f"{source.path} was not ended: it has no {HEADER}; `inspect log recover` mends it")
            header = _member(archive, HEADER, source.path)
    if not isinstance(header, dict) or not isinstance(header.get("eval"), dict) or "status" not in header:
        raise SamplesError(f"{source.path}: a log with version, status and eval is expected")
    return header


def _member(archive: zipfile.ZipFile, name: str, path: Path) -> Any:
    most = limits().document_bytes
    try:
        with archive.open(name) as member:
            data = member.read(most + 1)
    except (*UNREADABLE, zipfile.BadZipFile) as error:
        raise SamplesError(f"{path}, {name}: cannot be read: {reason_of(error)}") from error
    if len(data) > most:
        raise SamplesError(f"{path}, {name}: larger than {size_label(most)}; {HINT}")
    return whole(parse_json(data, f"{path}, {name}", SamplesError), data)


@contextlib.contextmanager
def _archive(path: Path) -> Iterator[zipfile.ZipFile]:
    """The zip. Raises SamplesError where it is damaged, and where it says that it unpacks to more than is allowed."""
    try:
        archive = zipfile.ZipFile(path)
    except (*UNREADABLE, zipfile.BadZipFile) as error:
        raise SamplesError(f"{path} cannot be read: {reason_of(error)}") from error
    with archive:
        most = max(limits().unpacked_bytes, path.stat().st_size * limits().unpacked_ratio)
        if sum(each.file_size for each in archive.infolist()) > most:
            raise SamplesError(f"{path} unpacks to more than {size_label(most)}; {HINT}")
        yield archive


def _answers(source: InputFile, scorer: str | None, problems: ProblemSet | None) -> Iterator[ImportedProblem]:
    if not source.is_zip:
        samples = source.document.get("samples") or []
        places = {_key(sample): partial(_itself, sample) for sample in samples if isinstance(sample, dict)}
        yield from _by_problem(places, source, scorer, problems)
        return
    with _archive(source.path) as archive:
        names = [name for name in archive.namelist() if name.startswith("samples/") and name.endswith(".json")]
        members = {_split(name): partial(_member, archive, name, source.path) for name in names}
        yield from _by_problem(members, source, scorer, problems)


def _itself(sample: dict[str, Any]) -> dict[str, Any]:
    return sample


def _key(sample: dict[str, Any]) -> tuple[str, int]:
    return str(sample.get("id")), _epoch(sample.get("epoch"))


def _epoch(value: object) -> int:
    if value is None:
        return 1
    if type(value) is not int or not 0 <= value < limits().index:
        raise ValueError("an epoch is not a whole number from 1")
    return value or 1


def _split(name: str) -> tuple[str, int]:
    task, _, epoch = name.removeprefix("samples/").removesuffix(".json").rpartition("_epoch_")
    return task, _epoch(int(epoch)) if epoch.isdecimal() and len(epoch) < 10 else 1


def _by_problem(
    samples: Mapping[tuple[str, int], Callable[[], Any]],
    source: InputFile,
    scorer: str | None,
    problems: ProblemSet | None,
) -> Iterator[ImportedProblem]:
    epochs: dict[str, list[int]] = {}
    for task, epoch in samples:
        epochs.setdefault(task, []).append(epoch)
    if not epochs:
        raise SamplesError(f"{source.path} holds no samples")
    for task, numbers in epochs.items():
        found = []
        for epoch in sorted(numbers):
            where = f"{source.path}, sample {task} of epoch {epoch}"
            found.append(_answer(samples[task, epoch](), scorer, where))
        yield ImportedProblem(problem_id=problem_id(problems, task, f"{source.path}, samples"), answers=tuple(found))


def _answer(sample: dict[str, Any], scorer: str | None, where: str) -> ImportedSample:
    choices = (sample.get("output") or {}).get("choices") or []
    content = choices[0]["message"]["content"] if choices else ""
    kept = sample.get("attachments") or {}
    text = "".join(_resolved(part, kept) for part in (content if isinstance(content, list) else [content]))
    form = (sample.get("metadata") or {}).get(FORM, Form.CHAT.value)
    if form not in tuple(Form):
        raise SamplesError(f"{where}: the form {form!r} is none of {', '.join(Form)}")
    score = (sample.get("scores") or {}).get(scorer or "") if not sample.get("error") else None
    verdict = None
    if score is not None:
        passed = score.get("value") in ("C", 1, 1.0, True)
        own = (score.get("metadata") or {}).get("verdict")
        verdict = Verdict.ACCEPTED if passed else Verdict.WRONG_ANSWER
        if own in tuple(Verdict) and passed == (own == Verdict.ACCEPTED):
            verdict = Verdict(own)
    detail = str((score or {}).get("explanation") or "").strip().rpartition("\n")[2][:200]
    return ImportedSample(
        text=text.encode("utf-8", "replace").decode(),
        form=Form(form),
        verdict=verdict,
        detail="" if verdict is Verdict.ACCEPTED else detail,
    )


def _resolved(part: Any, attachments: dict[str, str]) -> str:
    """The text of a message's part; reasoning and images are none."""
    text = part if isinstance(part, str) else part.get("text", "") if part.get("type") == "text" else ""
    return str(attachments.get(text.removeprefix(ATTACHMENT), text)) if text.startswith(ATTACHMENT) else str(text)


def write(run: ProgramRun, out: Path) -> list[Path]:
    """`out`: a zip where its name ends in .eval, else one JSON document. Written sample by sample."""
    samples = (_sample(solved, sample, run) for solved in run.solved() for sample in solved.samples)
    if out.suffix != ".eval":
        with replacing(out) as file:
            file.write(json.dumps(_log(run))[:-1] + ', "samples": [')
            for position, sample in enumerate(samples):
                file.write((", " if position else "") + json.dumps(sample))
            file.write("]}\n")
        return [out]
    with replacing_path(out) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
        log = _log(run)
        archive.writestr("_journal/start.json", json.dumps({key: log[key] for key in ("version", "eval", "plan")}))
        with tempfile.TemporaryFile() as summaries:  # one member at a time can be written
            for position, sample in enumerate(samples):
                archive.writestr(f"samples/{sample['id']}_epoch_{sample['epoch']}.json", json.dumps(sample))
                summaries.write(("," if position else "[").encode() + json.dumps(_summary(sample)).encode())
            summaries.write(b"]")
            summaries.seek(0)
            with archive.open("summaries.json", "w") as member:
                shutil.copyfileobj(summaries, member)
        archive.writestr(HEADER, json.dumps(log))
    return [out]


def _summary(sample: dict[str, Any]) -> dict[str, Any]:
    """What a list of samples shows of one: its long texts cut, as Inspect cuts them."""
    scores = {name: {"value": score["value"]} for name, score in sample["scores"].items()}
    cut = {key: sample[key][:SUMMARY_CHARS] for key in ("input", "target")}
    return {"id": sample["id"], "epoch": sample["epoch"], "uuid": sample["uuid"], "scores": scores, **cut}


def _log(run: ProgramRun) -> dict[str, Any]:
    coverage, created = run.summary["coverage"], run.created.isoformat()
    sizes = run.sizes()
    names = {"temperature": "temperature", "top_p": "top_p", "max_tokens": "max_tokens", "seed": "seed"}
    identity = run.manifest.fingerprint
    metrics = {"accuracy": {"name": "accuracy", "value": run.estimates()["pass@1"], "params": {}}}
    score = {"name": SCORER, "scorer": SCORER, "params": {}, "metrics": metrics if "pass@1" in run.estimates() else {}}
    return {
        "version": 2,
        "status": "success" if coverage["complete"] else "error",
        "eval": {
            "eval_id": identity[:22],
            "run_id": identity[22:44],
            "created": created,
            "task": run.dataset,
            "task_id": identity[44:],
            "task_version": 0,
            "dataset": {"name": run.dataset, "samples": len(sizes), "sample_ids": list(sizes), "shuffled": False},
            "model": run.model,
            "model_generate_config": {names[key]: value for key, value in run.sampling.items() if key in names},
            "config": {"epochs": max(sizes.values()), "epochs_reducer": ["mean"]},
            "packages": {"codegen-harness": __version__},
            "metadata": {"signature": run.manifest.signature},
        },
        "plan": {"name": "plan", "steps": [{"solver": "generate", "params": {}}], "config": {}},
        "results": {
            "total_samples": coverage["completions"],
            "completed_samples": coverage["completions_scored"],
            "scores": [score] if run.judged else [],
        },
        "stats": {"started_at": created, "completed_at": created, "model_usage": {}},
    }


def _sample(solved: ProblemSamples, sample: Sample, run: ProgramRun) -> dict[str, Any]:
    completion, problem = sample.completion, solved.problem
    usage = None
    if completion.completion_tokens is not None:
        read_, made = completion.prompt_tokens or 0, completion.completion_tokens
        usage = {"input_tokens": read_, "output_tokens": made, "total_tokens": read_ + made}
    message = {"role": "assistant", "content": completion.text, "source": "generate", "model": run.model}
    reason = "max_tokens" if completion.finish_reason == "length" else "stop"
    output = {"model": run.model, "choices": [{"message": message, "stop_reason": reason}], "usage": usage}
    uuid = hashlib.sha256(f"{run.manifest.fingerprint}/{problem.id}/{completion.index}".encode()).hexdigest()[:22]
    return {
        "id": problem.id,
        "epoch": completion.index + 1,
        "input": problem.prompt,
        "target": getattr(problem.tests, "source", ""),
        "messages": [{"role": "user", "content": problem.prompt, "source": "input"}, message],
        "output": output,
        "scores": _scores(sample),
        "metadata": {FORM: completion.form.value},
        "store": {},
        "events": [],
        "model_usage": {run.model: usage} if usage else {},
        "uuid": uuid,
        "attachments": {},
    }


def _scores(sample: Sample) -> dict[str, Any]:
    if sample.execution is None:
        return {}
    value = "C" if sample.verdict is Verdict.ACCEPTED else "I"
    metadata = {"verdict": sample.verdict, "integrity": sample.execution.get("integrity")}
    explanation = sample.execution["detail"] or str(sample.verdict)
    return {SCORER: {"value": value, "answer": sample.program, "explanation": explanation, "metadata": metadata}}
