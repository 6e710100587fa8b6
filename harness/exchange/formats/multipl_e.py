"""MultiPL-E (Cassano et al. 2023, nuprl/MultiPL-E): `<name>.results.json` or `.results.json.gz`, a file per problem.

{"name": "HumanEval_0_has_close_elements", "language", "temperature", "top_p", "max_tokens", "prompt", "tests",
"completions": [...], "stop_tokens", "results": [{"program", "stdout", "stderr", "exit_code", "status", "timestamp"}]};
passed is status OK with exit code 0 (its pass_k.py). `program` is whole: prompt, completion and tests. Where the
completions are not in the file the program is cut at its tests.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.errors import SamplesError
from harness.exchange import ImportedProblem, ImportedSample, ImportedSet, InputFile, problem_id, sampling_label
from harness.exchange.saved_run import ProblemSamples, ProgramRun, Sample
from harness.files.atomic import replacing
from harness.types import Problem, ProblemSet
from sandbox.types import Verdict

STATUSES = {
    "Timeout": Verdict.TIME_LIMIT,
    "SyntaxError": Verdict.COMPILE_ERROR,
    "Exception": Verdict.RUNTIME_ERROR,
}
OURS = {
    Verdict.ACCEPTED: "OK",
    Verdict.WRONG_ANSWER: "Exception",
    **{ours: theirs for theirs, ours in STATUSES.items()},
}
ROUND_TRIP = "verdicts"


def recognizes(source: InputFile) -> bool:
    """Whether it is a results file, or a directory of them."""
    if source.path.is_dir():
        return bool(_files(source))
    document = source.document
    return isinstance(document, dict) and {"name", "language", "results"} <= document.keys()


def _files(source: InputFile) -> list[Path]:
    return sorted(source.files("*.results.json") + source.files("*.results.json.gz"))


def read(source: InputFile) -> list[ImportedSet]:
    """The programs of every file with their verdicts. The problem set is told by name and language of the first."""
    first = _document(source, None)
    name, language = str(first["name"]), str(first["language"])
    set_name = name.partition("_")[0]
    sampling = sampling_label(first, {"temperature": "T", "top_p": "top_p", "max_tokens": "max"})
    return [
        ImportedSet(
            dataset=set_name if language in ("py", "python") else f"{set_name}-{language}",
            answers=lambda problems: _answers(source, problems),
            sampling=sampling,
            metadata={"language": language},
        )
    ]


def _document(source: InputFile, path: Path | None) -> dict[str, Any]:
    if source.path.is_dir():
        path = path or _files(source)[0]
        document = source.part(path.name)
    else:
        path, document = source.path, source.document
    if not isinstance(document, dict) or not {"name", "language", "results"} <= document.keys():
        raise SamplesError(f"{path}: an object with name, language and results is expected")
    return document


def _answers(source: InputFile, problems: ProblemSet | None) -> Iterator[ImportedProblem]:
    named = {_name(problem): problem.id for problem in problems.problems} if problems else {}
    for path in _files(source) if source.path.is_dir() else [source.path]:
        document = _document(source, path)
        name = str(document["name"])
        task = named.get(name, _number(name) if problems else name)
        completions = document.get("completions") or []
        found = []
        for index, result in enumerate(document["results"]):
            where = f"{path}, results[{index}]"
            if not isinstance(result, dict) or not isinstance(result.get("program"), str):
                raise SamplesError(f"{where}: an object with program, status and exit_code is expected")
            whole = completions[index] if index < len(completions) else None
            found.append(_answer(result, document, whole))
        if found:
            yield ImportedProblem(problem_id=problem_id(problems, task, str(path)), answers=tuple(found))


def _answer(result: dict[str, Any], document: dict[str, Any], completion: str | None) -> ImportedSample:
    tests = str(document.get("tests") or "")
    text = result["program"]
    if completion is not None:
        text = str(document.get("prompt") or "") + completion
    elif tests.strip() and tests.strip() in text:
        text = text[: text.rindex(tests.strip())]
    status = str(result.get("status"))
    detail = str(result.get("stderr") or "").strip().rpartition("\n")[2][:200]
    verdict = STATUSES.get(status, Verdict.RUNTIME_ERROR)
    if status == "OK" and result.get("exit_code") == 0:
        verdict, detail = Verdict.ACCEPTED, ""
    elif "AssertionError" in str(result.get("stderr")):
        verdict = Verdict.WRONG_ANSWER
    return ImportedSample(text=text.encode("utf-8", "replace").decode(), verdict=verdict, detail=detail)


def _number(name: str) -> str:
    """`HumanEval_0_has_close_elements` is HumanEval/0, `mbpp_11_remove_Occ` Mbpp/11."""
    match = re.match(r"(?P<set>[A-Za-z]+)_(?P<number>\d+)(_|$)", name)
    if not match:
        return name
    return f"HumanEval/{match['number']}" if match["set"] == "HumanEval" else match["number"]


def _name(problem: Problem) -> str:
    """A problem's name as MultiPL-E makes it, `<set>_<number>_<entry point>`, fit for a file."""
    whole = f"{problem.id}_{problem.entry_point}" if re.search(r"/\d+$", problem.id) else problem.id
    return re.sub(r"[^\w.+-]", "_", whole)


def write(run: ProgramRun, out: Path) -> list[Path]:
    """`out`, a directory with a `.results.json.gz` for each problem that was executed."""
    written = []
    for solved in run.solved():
        if not run.judged:
            break
        path = out / f"{_name(solved.problem)}.results.json.gz"
        with replacing(path) as file:
            json.dump(_results(run, solved), file)
        written.append(path)
    return written


def _results(run: ProgramRun, solved: ProblemSamples) -> dict[str, Any]:
    tests = getattr(solved.problem.tests, "source", "")
    return {
        "name": _name(solved.problem),
        "language": solved.problem.metadata.get("multipl_e_language", "py"),
        **{key: run.sampling[key] for key in ("temperature", "top_p", "max_tokens") if key in run.sampling},
        "prompt": solved.problem.prompt,
        "tests": tests,
        "stop_tokens": list(solved.problem.stop),
        "results": [_result(sample, tests, run) for sample in solved.samples if sample.execution],
    }


def _result(sample: Sample, tests: str, run: ProgramRun) -> dict[str, Any]:
    assert sample.execution is not None and sample.verdict is not None
    passed = sample.verdict is Verdict.ACCEPTED
    error = sample.execution["stderr"] or sample.execution["detail"]
    if sample.verdict is Verdict.WRONG_ANSWER and "AssertionError" not in error:
        error = f"AssertionError: {error}"
    return {
        "program": f"{sample.program}\n{tests}",
        "stdout": sample.execution["stdout"],
        "stderr": "" if passed else error,
        "exit_code": 0 if passed else (sample.execution["exit_code"] or 1),
        "status": OURS.get(sample.verdict, "Exception"),
        "timestamp": int(run.created.timestamp()),
    }
