"""What came of a program: the supervisor's measurements and the judge's finding, put together on the host.

A limit that was measured from outside comes first. Then the judge's word; for a script also the exit code, which only
the supervisor knows. Nothing that the program wrote decides here. Whether a limit was passed is found
by `guest.supervisor`.
"""

from __future__ import annotations

import base64
import signal
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sandbox.guest.cases import clipped
from sandbox.types import CallTests, Execution, FailedCase, Integrity, Limits, ProgramTests, StdioTests, Tests, Verdict

DETAIL_CHARS = 1000
COMPILER_LINES = 4
SIGN_CHARS = 4000  # of both ends of stderr, where a runtime says why it ended
TOLD_CHARS = 300
EARLY = "ended before its tests did"  # of a program whose function is called: how it ended is not waited for
AT_LIMIT = 0.9  # of the memory limit: a peak from which an abnormal end is for want of memory


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """How one run ended. finding: the judge's word, empty where it did not come to one; measured: the supervisor's."""

    finding: Mapping[str, Any]
    measured: Mapping[str, Any]
    files: Mapping[str, bytes] = field(default_factory=dict)


def files(fetched: Mapping[str, Any]) -> dict[str, bytes]:
    """The files that the guest read for us. Raises ValueError, KeyError."""
    return {str(name): base64.b64decode(text, validate=True) for name, text in fetched["files"].items()}


def execution(
    runs: Sequence[RunResult],
    tests: Tests | None,
    worker: str,
    of_memory: Callable[[Execution], Execution] | None = None,
) -> Execution:
    """The Execution of a program from its runs: one per case of stdio tests, else one. Raises KeyError, ValueError.

    Compiling may come before them; where that failed it is all there is. of_memory: takes a program that ended for want
    of memory for what it is.
    """
    mend = of_memory or (lambda found: found)
    if runs[-1].measured["compiles"]:
        found = _not_compiled(runs[-1], tests, worker)
        whole = isinstance(tests, StdioTests) and tests.all_cases
        return replace(found, cases=(found.verdict,) * len(tests.cases)) if whole else found  # type: ignore[union-attr]
    runs = [run for run in runs if not run.measured["compiles"]]
    if isinstance(tests, StdioTests) and tests.all_cases:
        each = [replace(mend(_of_runs([run], tests, worker)), cases=()) for run in runs]
        return _every_case(each, tests)
    if isinstance(tests, CallTests) and tests.all_cases and "total" in runs[0].finding:
        return _every_call(runs, tests, worker)
    return mend(_of_runs(runs, tests, worker))


def _every_case(each: list[Execution], tests: StdioTests) -> Execution:
    """Of a run for each case, as one."""
    while len(each) < len(tests.cases):
        left = replace(each[-1], wall_s=0.0, cpu_s=0.0, judge_cpu_s=0.0)
        if left.verdict is Verdict.ACCEPTED:
            left = replace(left, verdict=Verdict.RUNTIME_ERROR, detail="left something behind for the next case")
        each = [*each, left]
    verdicts = tuple(run.verdict for run in each)
    wrong = [place for place, verdict in enumerate(verdicts) if verdict is not Verdict.ACCEPTED]
    ours = [place for place in wrong if verdicts[place] is Verdict.INTERNAL_ERROR]
    place = (ours or wrong or [len(each) - 1])[0]
    shown = each[place]
    refused: Counter[str] = Counter()
    for run in each:
        refused.update(run.refused)
    return replace(
        shown,
        detail=f"case {place + 1}: {shown.detail}" if wrong and shown.detail else shown.detail,
        cases=verdicts,
        failed_case=_failed_case(tests, place, shown.stdout) if wrong else None,
        wall_s=sum(run.wall_s for run in each),
        cpu_s=sum(run.cpu_s for run in each),
        judge_cpu_s=sum(run.judge_cpu_s for run in each),
        peak_memory_bytes=max(run.peak_memory_bytes for run in each),
        refused=dict(refused),
    )


def _every_call(runs: Sequence[RunResult], tests: CallTests, worker: str) -> Execution:
    """Of the processes that a program had for its call tests, as one."""
    total = int(runs[0].finding["total"])
    whole = _of_runs(runs, tests, worker)
    if "cases" not in runs[0].finding:  # it did not come to its tests
        return replace(whole, cases=(whole.verdict,) * total)
    verdicts: list[Verdict] = []
    first: tuple[int, Verdict, str, FailedCase | None] | None = None
    for run in runs:
        verdict, detail = _verdict(run, tests)
        failed = run.finding.get("first")
        if failed and first is None:
            first = len(verdicts) + failed[0], Verdict(failed[1]), _line(failed[2]), _about(failed[3], None)
        verdicts += map(Verdict, run.finding.get("cases") or ())
        ended = run.finding.get("open") or verdict in (Verdict.TAMPERED, Verdict.INTERNAL_ERROR)
        if ended or (run is runs[-1] and len(verdicts) < total):
            first = first or (len(verdicts), verdict, detail, _about(run.finding.get("case"), None))
            verdicts.append(verdict)
    verdicts = [*verdicts, *[whole.verdict] * (total - len(verdicts))][:total]
    if whole.verdict in (Verdict.TAMPERED, Verdict.INTERNAL_ERROR):
        return replace(whole, cases=tuple(verdicts))
    if first is None:  # a limit that was passed in all of them together
        accepted = whole.verdict is Verdict.ACCEPTED
        return replace(whole, cases=tuple(verdicts if accepted else [*verdicts[:-1], whole.verdict]))
    place, verdict, detail, about = first
    number = min(place + 1, total)
    return replace(
        whole,
        verdict=verdict,
        detail=f"case {number}: {detail}" if detail else "",
        cases=tuple(verdicts),
        failed_case=replace(about, number=number) if about else None,
    )


def _about(record: Mapping[str, Any] | None, number: int | None) -> FailedCase | None:
    """What the judge says of a case."""
    if record is None:
        return None
    texts = {name: None if record[name] is None else str(record[name]) for name in ("input", "expected", "got")}
    return FailedCase(number=number, **texts)


def _failed_case(tests: StdioTests, place: int, printed: str) -> FailedCase:
    case = tests.cases[place]
    return FailedCase(number=place + 1, input=clipped(case.stdin), expected=clipped(case.stdout), got=clipped(printed))


def _of_runs(runs: Sequence[RunResult], tests: Tests | None, worker: str) -> Execution:
    last = runs[-1]
    measured = [run.measured for run in runs]
    verdict, detail = _verdict(last, tests)
    cases: tuple[Verdict, ...] = ()
    failed_case = _about(last.finding.get("case"), None) if verdict is not Verdict.ACCEPTED else None
    if isinstance(tests, StdioTests) and not tests.all_cases:
        if verdict is Verdict.ACCEPTED and len(runs) < len(tests.cases):
            verdict, detail = Verdict.RUNTIME_ERROR, "left something behind for the next case"
        cases = (*[Verdict.ACCEPTED] * (len(runs) - 1), verdict)
        detail = f"case {len(runs)}: {detail}" if detail else ""
        if verdict is not Verdict.ACCEPTED:
            failed_case = _failed_case(tests, len(runs) - 1, str(last.finding.get("stdout", "")))
    return Execution(
        verdict=verdict,
        detail=detail,
        integrity=_integrity(tests),
        cases=cases,
        failed_case=failed_case,
        exit_code=last.measured["exit_code"],
        signal=last.measured["signal"],
        wall_s=sum([float(each["wall_s"]) for each in measured]),
        cpu_s=sum([float(each["cpu_s"]) for each in measured]),
        judge_cpu_s=sum([float(each["judge_cpu_s"]) for each in measured]),
        calls=_calls(last, tests),
        peak_memory_bytes=max([int(each["peak_memory_bytes"]) for each in measured]),
        stdout=str(last.finding.get("stdout", "")),
        stderr=str(last.finding.get("stderr", "")),
        truncated=bool(last.finding.get("truncated", False)),
        files=last.files,
        refused=_refused(runs),
        worker=worker,
    )


def _calls(run: RunResult, tests: Tests | None) -> int | None:
    judged = isinstance(tests, CallTests) and tests.integrity is Integrity.JUDGED
    return int(run.finding["calls"]) if judged and run.finding else None


def _refused(runs: Sequence[RunResult]) -> dict[str, int]:
    found: dict[str, int] = {}
    for run in runs:
        for name, count in run.measured["refused"].items():
            found[name] = found.get(name, 0) + count
    return found


def of_memory(execution: Execution, limits: Limits, signs: Sequence[str]) -> Execution:
    """Of a program that ended itself because it was refused memory: MEMORY_LIMIT, else `execution` as it is.

    Runtimes end in ways of their own: by SIGABRT, or with an exit code of 1, 2 or 255. It counts that the peak was at
    the limit, or what the program said last; it can say so falsely, and has failed all the same.
    """
    ended = execution.signal is not None or execution.exit_code or execution.detail == EARLY
    if execution.verdict is not Verdict.RUNTIME_ERROR or not ended:
        return execution
    said = execution.stderr[:SIGN_CHARS] + execution.stderr[-SIGN_CHARS:]
    if execution.peak_memory_bytes < AT_LIMIT * limits.memory_bytes and not any(sign in said for sign in signs):
        return execution
    case = f"case {len(execution.cases)}: " if execution.cases else ""
    return replace(
        execution,
        verdict=Verdict.MEMORY_LIMIT,
        detail=f"{case}it was refused memory beyond {limits.memory_bytes >> 20} MiB, and ended",
        cases=(*execution.cases[:-1], Verdict.MEMORY_LIMIT) if execution.cases else (),
    )


def of_assertion(execution: Execution, signs: Sequence[str]) -> Execution:
    """Of a program that its tests ended: WRONG_ANSWER where one of them found a difference, by what was said last.

    Who says so falsely has failed all the same. Other failures get the last line that was said as their detail.
    """
    ended = execution.signal is not None or execution.exit_code or execution.detail == EARLY
    if execution.verdict is not Verdict.RUNTIME_ERROR or not ended:
        return execution
    said = f"{execution.stdout[-SIGN_CHARS:]}\n{execution.stderr[:SIGN_CHARS]}\n{execution.stderr[-SIGN_CHARS:]}"
    lines = [line for line in said.splitlines() if line.strip()]
    found = [line for line in lines if any(sign in line for sign in signs)]
    verdict = Verdict.WRONG_ANSWER if found else execution.verdict
    told = f"{_line(found[0])[:TOLD_CHARS]} ({execution.detail})" if found else execution.detail
    return replace(execution, verdict=verdict, detail=told)


def _not_compiled(run: RunResult, tests: Tests | None, worker: str) -> Execution:
    """COMPILE_ERROR, with the compiler's first lines; INTERNAL_ERROR where it was ours to give it what it needs."""
    verdict, detail = _verdict(run, None)
    said = str(run.finding.get("stderr", "")) + str(run.finding.get("stdout", ""))
    if verdict is not Verdict.INTERNAL_ERROR:
        lines = [line.strip() for line in said.splitlines() if line.strip()]
        limited = verdict is not Verdict.RUNTIME_ERROR or not lines
        detail = f"compiling: {detail}" if limited else _line("; ".join(lines[:COMPILER_LINES]))
        verdict = Verdict.COMPILE_ERROR
    return Execution(
        verdict=verdict,
        detail=detail,
        integrity=_integrity(tests),
        exit_code=run.measured["exit_code"],
        signal=run.measured["signal"],
        wall_s=float(run.measured["wall_s"]),
        cpu_s=float(run.measured["cpu_s"]),
        peak_memory_bytes=int(run.measured["peak_memory_bytes"]),
        stdout=str(run.finding.get("stdout", "")),
        stderr=str(run.finding.get("stderr", "")),
        truncated=bool(run.finding.get("truncated", False)),
        worker=worker,
    )


def _integrity(tests: Tests | None) -> Integrity | None:
    if tests is None:
        return None
    if isinstance(tests, ProgramTests):
        return Integrity.IN_SANDBOX
    return tests.integrity if isinstance(tests, CallTests) else Integrity.JUDGED


def _verdict(run: RunResult, tests: Tests | None) -> tuple[Verdict, str]:
    finding, measured = run.finding, run.measured
    found = Verdict(finding["verdict"]) if finding else None
    if found is Verdict.OUTPUT_LIMIT:
        return found, _line(finding["detail"])
    if finding.get("bad_tests"):
        return Verdict.INTERNAL_ERROR, _line(finding["detail"])
    if measured["limit"] is not None:
        return Verdict(measured["limit"][0]), str(measured["limit"][1])
    if found is None:
        raise ValueError("neither a finding nor a limit")
    detail = _line(finding["detail"])
    if isinstance(tests, CallTests):
        if found is Verdict.RUNTIME_ERROR and measured["signal"] not in (None, signal.SIGKILL):
            return found, f"killed by {_signal_name(measured['signal'])}"
        return found, detail
    if found in (Verdict.TAMPERED, Verdict.MEMORY_LIMIT, Verdict.COMPILE_ERROR, Verdict.INTERNAL_ERROR):
        return found, detail
    if measured["signal"] is not None:
        return Verdict.RUNTIME_ERROR, f"killed by {_signal_name(measured['signal'])}"
    if measured["exit_code"] != 0:
        told = found is Verdict.RUNTIME_ERROR and not isinstance(tests, ProgramTests)
        return Verdict.RUNTIME_ERROR, detail if told else f"exit code {measured['exit_code']}"
    return found, detail


def _line(text: object) -> str:
    """One line of bounded length: a program may have written it."""
    return " ".join(str(text)[:DETAIL_CHARS].split())


def _signal_name(number: int) -> str:
    try:
        return f"signal {number} ({signal.Signals(number).name})"
    except ValueError:  # a real-time signal
        return f"signal {number}"
