"""The judge: a process with a uid of its own that has the tests, asks the program and decides.

Theory of operation. The supervisor starts one judge per sandbox. For each run it hands over the judge's ends of the
program's channel and pipes; what the job holds (program, tests, standard input) comes through a pipe into which the
supervisor splices it, so that no process from which programs are forked ever holds a test, an expected result or
another program. The judge keeps compiled tests and forks a process that judges (`JudgeSession`), program after program
and problem after problem: it sends the program over the channel, runs the tests with a proxy in the place of the entry
point, and sends its finding back through a pipe that the supervisor splices to the host. It ends after tests that may
change more than their namespace, after a program that did anything odd, and when it has grown; the process above it
then forks the next one. A fork per program instead would cost as much again as the program's own (CONTRIBUTING.md has
the measurement), and a fork per set of tests 2 ms of CPU time for a problem.

Where the judge lives was decided by measurement (CONTRIBUTING.md, "Where the judge lives"): its own uid in the guest
costs 0.08 ms a call; through the engine a bare question and answer take 0.4; the host would run a data set's code.

Tests are the data set's, not the model's: trusted to say what is right, and with nothing else. The judge's processes
have no capability, the same system call filter as programs, and limits.
"""

from __future__ import annotations

import json
import os
import resource
import socket
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any, NoReturn

from sandbox.guest import asking, cases, compare, known, plain, procfs, reports, testcode, unittest_suites, wire
from sandbox.guest import program as child
from sandbox.guest.asking import Progress
from sandbox.guest.channel import Conversation, Ended, Overflow, Tampered, TooMuch, Unfit
from sandbox.guest.testcode import TestCache, Tests, prepare

CONTROL_BYTES = 4096
EARLY = "ended before its tests did"
SPARE_CPU_S = 1.0
SPARE_BYTES = 64 * 2**20
USUAL = ("ACCEPTED", "WRONG_ANSWER", "RUNTIME_ERROR", "COMPILE_ERROR")  # after others the process is not used again
KEPT_BYTES = 64 * 2**20  # a judge that grew by more is not used again
USES_NUMPY = 93  # exit code of a process that imported it


def main(control: int, body: int, result: int, uid: int | None) -> NoReturn:
    """Serve runs until the supervisor closes `control`. All three are descriptors; no uid keeps the present user."""
    try:
        if uid is not None:
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
        child.control_process(child.PR_SET_DUMPABLE, 0)  # closed to programs, even where they share its uid
        _serve(socket.socket(fileno=control), body, result)
    except BaseException:  # the last frame of this process
        traceback.print_exc()
    finally:
        os._exit(1)


def _serve(control: socket.socket, body: int, result: int) -> NoReturn:
    cache = TestCache()
    while True:
        order, fds = _receive(control)
        job = _read_job(body, cache)
        used = {str(os.getpid()): time.process_time()}
        pid = os.fork()
        if pid == 0:
            JudgeSession(control, body, result, cache, used).run(order, fds, job)
        cache.gone.clear()  # the process tells
        for fd in fds:
            os.close(fd)
        _, status = os.waitpid(pid, 0)
        if os.WIFEXITED(status) and os.WEXITSTATUS(status) == USES_NUMPY:
            _import_numpy()
        elif status != 0:
            control.send(json.dumps({"died": status, "used": {str(os.getpid()): time.process_time()}}).encode())


def _receive(control: socket.socket) -> tuple[dict[str, Any], list[int]]:
    message, fds, _, _ = socket.recv_fds(control, CONTROL_BYTES, 5)
    if not message:
        os._exit(0)
    return json.loads(message), fds


def _import_numpy() -> None:
    """So that not each process does, at 100 ms."""
    try:
        __import__("numpy")
    except ImportError:
        pass


def _read_job(body: int, cache: TestCache) -> dict[str, Any]:
    """{"program": ..., "key": of the tests or None, "follow": whether they come next, "tests": as Tests, or None}.

    Tests travel once, then by their key.
    """
    job = wire.receive(body)
    if job is None:
        os._exit(0)
    tests = None
    if job["follow"]:
        payload = wire.receive_payload(body)
        if payload is None:
            os._exit(0)
        cache.put(job["key"], len(payload), prepare(json.loads(payload)))
    if job["key"] is not None and (tests := cache.get(job["key"])) is None:
        os._exit(1)  # a program must not be judged without its tests: the sandbox ends, and it runs in another
    return {**job, "tests": tests}


class JudgeSession:
    """A judge in a process of its own: runs, one after the other, of any tests.

    Between runs compiled tests are kept; the namespace is new and random numbers begin again. It ends after tests that
    may change more than their namespace (`testcode.Tests.lasting`), and after a run whose program did anything odd or
    made it grow. The tests that it was sent meanwhile are gone with it, and its last finding says so.
    """

    def __init__(
        self, control: socket.socket, body: int, result: int, cache: TestCache, used: dict[str, float]
    ) -> None:
        self._control, self._body, self._result, self._cache = control, body, result, cache
        self._inherited = set(cache.keys())
        self._job: dict[str, Any] = {}
        self._parent_used = used  # CPU seconds of the process above, by its pid, when it forked this one
        self._progress = Progress()
        self._has_numpy = "numpy" in sys.modules
        self._memory_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    def run(self, order: dict[str, Any], fds: list[int], job: dict[str, Any]) -> NoReturn:
        """Judge runs up to one after which this process is not used again."""
        self._job = job
        while True:
            cpu = order["cpu"]
            os.sched_setaffinity(0, procfs.PROCESSORS if cpu is None else (cpu,))
            _set_back(order["limits"])
            finding, talk = self._judge(order, fds)
            tests: Tests | None = self._job["tests"]
            if tests is not None:
                self._cache.renew(self._job["key"], tests)
            fresh = finding["verdict"] in USUAL and self._small() and not (tests and tests.lasting)
            finding["gone"] = self._gone(fresh)
            self._send(finding, talk)
            goes_on = order["more"] and _goes_on(tests, finding)
            order = self._next() if fresh or goes_on else {}
            if not order or (order["first"] and not fresh):
                os._exit(USES_NUMPY if "numpy" in sys.modules and not self._has_numpy else 0)
            order, fds = _receive(self._control)
            if order["first"]:
                self._progress = Progress()
                self._job = _read_job(self._body, self._cache)

    def _next(self) -> dict[str, Any]:
        """The next run's order, which is left there for whoever takes it; empty where none comes."""
        order: dict[str, Any] = json.loads(self._control.recv(CONTROL_BYTES, socket.MSG_PEEK) or b"{}")
        _lift_limits()  # those of the run before: tests are read and compiled without
        return order

    def _gone(self, stays: bool) -> list[str]:
        """The keys of tests that must be sent again."""
        gone = [*self._cache.gone, *([] if stays else set(self._cache.keys()) - self._inherited)]
        self._cache.gone.clear()
        return gone

    def _small(self) -> bool:
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - self._memory_kib
        return grown * 1024 < KEPT_BYTES

    def _judge(self, order: dict[str, Any], fds: list[int]) -> tuple[dict[str, Any], Conversation]:
        """One run: its finding, which goes to the supervisor, and the conversation."""
        limits = order["limits"]
        job = _for_compiler(self._job) if order["compile"] else self._job
        tests: Tests | None = job["tests"]
        given = tests.about["cases"] if tests and tests.about["kind"] == "stdio" else None
        text = given[order["run"]]["stdin"] if given else job["program"]["stdin"]
        data = text.encode("utf-8", "surrogatepass")
        channel = socket.socket(fileno=fds[0])
        talk = Conversation(channel, *fds[1:], data=data, room=limits["output_bytes"])
        finding: dict[str, Any] = {"verdict": "ACCEPTED", "detail": "", "truncated": False}
        try:
            _try(job, tests, talk, order["run"], self._progress)
            self._learn(talk, finding)
        except _Verdict as found:
            finding.update(verdict=found.args[0], detail=found.args[1])
            if len(found.args) > 2:
                finding["case"] = found.args[2]
        except _BadTests as error:
            finding.update(verdict="INTERNAL_ERROR", detail=str(error.args[0]), bad_tests=True)
        except Ended:
            finding.update(verdict="RUNTIME_ERROR", detail=EARLY)
        except Overflow:
            printed = limits["output_bytes"]
            finding.update(verdict="OUTPUT_LIMIT", detail=f"printed more than {printed} bytes", truncated=True)
        except Tampered as error:
            finding.update(verdict="TAMPERED", detail=str(error))
        except Unfit as error:
            finding.update(verdict="RUNTIME_ERROR", detail=f"its result is more than the judge takes: {error}")
        except (TooMuch, MemoryError):
            finding.update(verdict="MEMORY_LIMIT", detail="its results are too large for the judge")
        finding["calls"] = talk.taken
        self._progress.tell(finding, tests)
        return finding, talk

    def _learn(self, talk: Conversation, finding: dict[str, Any]) -> None:
        """Keep the answers of an accepted program for those after it, and tell the host, which keeps them longer."""
        learnt = talk.record.whole(talk.taken) if talk.record is not None else None
        if learnt is not None:
            self._job["tests"] = self._job["tests"]._replace(known=learnt)
            finding["known"] = learnt

    def _send(self, finding: dict[str, Any], talk: Conversation) -> None:
        hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
        resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))  # room to say that memory ran out
        if finding["verdict"] != "OUTPUT_LIMIT":
            try:
                talk.drain()
            except Overflow:
                finding["truncated"] = True
        talk.close()  # what the program left there is gone before the next is asked for
        finding["stdout"], finding["stderr"] = talk.out.decode("utf-8", "replace"), talk.err.decode("utf-8", "replace")
        payload = json.dumps(finding).encode()
        own = time.process_time()
        message = {
            "result": len(payload),
            "go_on": _goes_on(self._job["tests"], finding),
            "pid": os.getpid(),
            "used": {**self._parent_used, str(os.getpid()): own},
        }
        self._control.send(json.dumps(message).encode())
        wire.write_all(self._result, payload)


def _for_compiler(job: dict[str, Any]) -> dict[str, Any]:
    """The job of translating a program: its text and files, and nothing of what it is to read or to print."""
    return {**job, "tests": None, "program": {**_with_tests(job["program"], job["tests"]), "argv": [], "stdin": ""}}


def _with_tests(program: dict[str, Any], tests: Tests | None) -> dict[str, Any]:
    """The program with tests that are part of it: around its text, or files, which come before its own."""
    if tests is None or tests.about["kind"] != "program":
        return program
    if files := tests.about["files"]:
        texts = {name: text.encode("utf-8", "surrogatepass").hex() for name, text in files}
        return {**program, "files": {**program["files"], **texts}}
    return {**program, "source": f"{tests.about['before']}{program['source']}\n{tests.about['source']}"}


def _set_back(limits: dict[str, Any]) -> None:
    """What tests may have changed, and the judge's limits for one program: as much as it may use, and a little more."""
    sys.setrecursionlimit(1000)
    _seed()
    cpu_s = int(time.process_time() + limits["cpu_s"] + SPARE_CPU_S + 1)
    memory = limits["memory_bytes"] + SPARE_BYTES
    for what, value in (
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_DATA, memory),
        (resource.RLIMIT_FSIZE, limits["disk_bytes"]),
    ):
        resource.setrlimit(what, (value, resource.getrlimit(what)[1]))


def _lift_limits() -> None:
    for what in (resource.RLIMIT_CPU, resource.RLIMIT_DATA):
        hard = resource.getrlimit(what)[1]
        resource.setrlimit(what, (hard, hard))


def _seed() -> None:
    for module in ("random", "numpy.random"):
        if module in sys.modules:
            sys.modules[module].seed(0)


def _goes_on(tests: Tests | None, finding: dict[str, Any]) -> bool:
    """Whether another process of the program is of use, where the supervisor has one."""
    if tests is None or not tests.about.get("all_cases"):
        return bool(finding["verdict"] == "ACCEPTED")
    if finding["verdict"] in ("TAMPERED", "INTERNAL_ERROR"):
        return False
    return tests.about["kind"] == "stdio" or bool(finding.get("more"))


def _try(job: dict[str, Any], tests: Tests | None, talk: Conversation, run: int, progress: Progress) -> None:
    """The program with its tests, if any. Returns where they are passed."""
    if tests is None or tests.about["kind"] == "stdio":
        _watch_script(job, talk, tests.about if tests else None, run)
    elif tests.about["kind"] == "program":
        _watch_with_tests({**job, "program": _with_tests(job["program"], tests)}, talk)
    elif tests.nothing_asked:
        raise _BadTests(tests.nothing_asked)
    elif tests.about["integrity"] == "judged":
        _call(job, tests, talk, progress)
    else:
        _run_beside(job, tests, talk)


class _Verdict(BaseException):
    """args: verdict, detail and, of call tests, what the failing case was about."""


class _BadTests(BaseException):
    """The tests cannot judge any program; args: why."""


def _start(job: dict[str, Any], mode: str, tests: dict[str, Any] | None, talk: Conversation, sign: str = "") -> str:
    program = job["program"]
    files = {name: bytes.fromhex(content) for name, content in program["files"].items()}
    of_calls = tests if tests and tests["kind"] == "call" else {"entry_point": "", "setup": ""}
    (said,) = talk.answer("")
    if said != child.UP:
        raise _Verdict("INTERNAL_ERROR", str(said)[:500])
    return talk.start(
        (mode, sign, program["source"], program["argv"], files, of_calls["entry_point"], of_calls["setup"])
    )


def _load(job: dict[str, Any], mode: str, tests: dict[str, Any], talk: Conversation) -> bool:
    """Have the program run to its end as a module; whether it takes many questions in one frame.

    Raises _Verdict where it does not get there.
    """
    match talk.answer(_start(job, mode, tests, talk)):
        case ["ready"]:
            return False
        case ["ready", "many"]:
            return True
        case ["failed", str(phase), str(error), str(detail)]:
            raise _Verdict(*_verdict_of_failure(phase, error, detail))
    raise Tampered("an answer of no known form")


def _verdict_of_failure(phase: str, error: str, detail: str) -> tuple[str, str]:
    detail = detail[: reports.DETAIL_CHARS]
    if error == "MemoryError":
        return "MEMORY_LIMIT", "MemoryError: over its memory limit"
    if phase == "compile":
        return "COMPILE_ERROR", detail
    if phase == "start":
        return "INTERNAL_ERROR", detail
    if phase == "tests" and error == "AssertionError":
        return "WRONG_ANSWER", detail
    return "RUNTIME_ERROR", detail


def _call(job: dict[str, Any], tests: Tests, talk: Conversation, progress: Progress) -> None:
    """Run the tests here, with a proxy for the program's function. Returns only where they ended normally."""
    if tests.known is None and (tests.source is None or tests.prelude is None):
        raise _Verdict("RUNTIME_ERROR", tests.fault)
    if tests.about["all_cases"] and progress.total is None:
        progress.total = max(asking.count_cases(tests), 1)
        _seed()
    can_ask_ahead = _load(job, "call", tests.about, talk)
    last = progress.last = cases.LastCall(tests.about["entry_point"])
    if tests.known is not None and can_ask_ahead:
        if asking.ask_known(tests, talk, last):
            talk.finish()
            return
    elif tests.about["repeatable"] and not tests.about["all_cases"]:
        talk.record = known.Record()
    tests = job["tests"] = testcode.ready(tests)
    _run_call_tests(job, tests, talk, progress, last, can_ask_ahead)


def _run_call_tests(
    job: dict[str, Any], tests: Tests, talk: Conversation, progress: Progress, last: cases.LastCall, can_ask_ahead: bool
) -> None:
    """The tests themselves, of a program that is loaded."""

    def describe(error: Exception) -> tuple[str, str, dict[str, str | None]]:
        record = last.record(error, testcode.TESTS_FILE, tests.about["source"])
        return *asking.verdict_of_tests(error, tests, talk), record

    now = progress.begin(talk, describe) if tests.about["all_cases"] else None
    before = len(progress.ended)
    try:
        proxy = _plain_proxy if job["program"]["plain"] else asking.proxy
        candidate = proxy(tests.about["entry_point"], talk, last)
        asking.run_tests(tests, candidate, talk, now, can_ask_ahead=can_ask_ahead, again=before > 0)
        if now is not None:
            now.finish()
        talk.follow(None)
        talk.finish()
    except unittest_suites.NothingAsked as error:
        raise _BadTests(f"{testcode.ASKS_NOTHING}: {error}") from None
    except Exception as error:
        talk.finish()  # an end of the conversation that the tests turned into another error
        raise _Verdict(*describe(error)) from None
    except (SystemExit, KeyboardInterrupt):
        raise _Verdict("RUNTIME_ERROR", "the tests ended the judge") from None
    if not talk.answered and not before:
        raise _BadTests(f"{testcode.ASKS_NOTHING}: they ended without a call of {tests.about['entry_point']}")
    if now is not None and now.first is not None:
        raise _Verdict(*now.first[1:])


def _plain_proxy(name: str, talk: Conversation, last: cases.LastCall) -> Callable[..., Any]:
    """The same for a program in another language."""

    def candidate(*args: Any, **kwargs: Any) -> Any:
        try:
            packed = plain.pack(args), plain.pack(kwargs)
        except plain.NotPlain as error:
            raise _BadTests(f"the tests pass {error}, which the program's language has not") from None
        return asking.ask(talk, last, (args, kwargs), lambda: talk.ask("call", name, *packed))

    candidate.__name__ = candidate.__qualname__ = name
    return candidate


def _run_beside(job: dict[str, Any], tests: Tests, talk: Conversation) -> None:
    """Tests that cannot be split run in the program's process, and it says itself that they came to their end."""
    _load(job, "in-sandbox", tests.about, talk)
    match talk.answer(talk.send(tests.about["source"])):
        case ["done"]:
            talk.finish()
        case ["failed", str(phase), str(error), str(detail)]:
            raise _Verdict(*_verdict_of_failure(phase, error, detail))
        case _:
            raise Tampered("an answer of no known form")


def _watch_with_tests(job: dict[str, Any], talk: Conversation) -> None:
    """A program with its tests: its launcher gives the sign where both came to their end."""
    sign = os.urandom(16).hex()
    try:
        nonce = _start(job, "script", None, talk, sign)
    except Ended:
        raise _Verdict("RUNTIME_ERROR", EARLY) from None
    match talk.until_end(nonce):
        case []:
            pass
        case ["failed", str(phase), str(error), str(detail)]:
            raise _Verdict(*_verdict_of_failure(phase, error, detail))
        case _:
            raise Tampered("an answer of no known form")
    if talk.signed != sign.encode():
        raise _Verdict("RUNTIME_ERROR", EARLY)


def _watch_script(job: dict[str, Any], talk: Conversation, tests: dict[str, Any] | None, run: int) -> None:
    """A program as a script: take what it prints, then compare. Its exit code is the supervisor's to tell."""
    try:
        nonce = _start(job, "script", None, talk)
    except Ended:
        return
    match talk.until_end(nonce):
        case []:
            pass
        case ["failed", str(phase), str(error), str(detail)]:
            raise _Verdict(*_verdict_of_failure(phase, error, detail))
        case _:
            raise Tampered("an answer of no known form")
    if tests is not None:
        expected = tests["cases"][run]["stdout"]
        difference = compare.difference(bytes(talk.out), expected, tests["compare"], tests["tolerance"])
        if difference:
            raise _Verdict("WRONG_ANSWER", difference)
