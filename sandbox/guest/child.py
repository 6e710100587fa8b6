"""What happens inside the process of one program: limits, identity, the program, its tests.

Runs in a fresh fork of the supervisor and never returns to it. What it reports (how far it came, which exception ended
it) goes down a pipe of its own with a nonce. The tests run in the program's process, after the program: a program that
sets out to forge its verdict can reach them. What the process cannot do is outlive its supervisor, touch another
program's files or change what the supervisor measures.
"""

from __future__ import annotations

import ctypes
import io
import json
import linecache
import os
import resource
import sys
import traceback
import types
from typing import Any, NoReturn

from sandbox.guest import seccomp

REPORT_FD = 3
DETAIL_CHARS = 500
# Thrown off first wherever the program's error is caught: without it not even a call fits into a memory that is full.
_ballast = [bytearray(2**20)]
RELIEF_BYTES = 16 * 2**20
RESERVED_BYTES = 1024 * 2**20
ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
    "PYTHONHASHSEED": "0",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
}
PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS = 4, 38


def main(job: dict[str, Any], stdio: tuple[int, int, int], report: int, uid: int | None, workdir: str) -> NoReturn:
    """Become the program of `job`. `stdio` and `report` are descriptors; a uid of None keeps the present user."""
    code = 1
    job = {**job, "nonce": (job["nonce"], os.getpid())}
    try:
        _adopt_descriptors(stdio, report)
        try:
            _volunteer()
            _drop_privileges(uid)
            _enter(workdir, job)
            _limit(job["limits"])
        except OSError as error:  # before any of the program's code: our failure
            _report({"nonce": job["nonce"], "phase": "start", "detail": f"cannot prepare the process: {error}"})
            os._exit(1)
        code = _run_script(job) if job["tests"] is None else _run_call(job)
    except BaseException:  # the last frame of this process: whatever arrives here is the program's
        traceback.print_exc()
    finally:
        _flush()
        os._exit(code)


def _adopt_descriptors(stdio: tuple[int, int, int], report: int) -> None:
    """Descriptors 0-2 are the program's pipes, 3 the report; every other one is closed. All sources are above 2."""
    os.setsid()
    for target, fd in enumerate(stdio):
        os.dup2(fd, target)
    if report != REPORT_FD:
        os.dup2(report, REPORT_FD)
    os.set_inheritable(REPORT_FD, False)
    _close_from(REPORT_FD + 1)
    sys.stdin = sys.__stdin__ = _text(0, "r")  # type: ignore[misc]
    sys.stdout = sys.__stdout__ = _text(1, "w")  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = _text(2, "w")  # type: ignore[misc]


def _close_from(lowest: int) -> None:
    for name in os.listdir("/proc/self/fd"):
        if int(name) >= lowest:
            try:
                os.close(int(name))
            except OSError:  # the listing's own descriptor
                pass


def _text(fd: int, mode: str) -> io.TextIOWrapper:
    raw = io.FileIO(fd, mode, closefd=False)
    if mode == "r":
        return io.TextIOWrapper(io.BufferedReader(raw), encoding="utf-8", errors="surrogateescape")
    errors = "backslashreplace" if fd == 2 else "surrogateescape"
    return io.TextIOWrapper(io.BufferedWriter(raw), encoding="utf-8", errors=errors, line_buffering=fd == 2)


def _volunteer() -> None:
    """When memory runs out the kernel is to end the program, not its supervisor, whatever holds the pages."""
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")
    except OSError:  # a read-only /proc: the supervisor's size still speaks for it
        pass


def _drop_privileges(uid: int | None) -> None:
    control_process(PR_SET_NO_NEW_PRIVS, 1)
    if uid is not None:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    seccomp.install()
    control_process(PR_SET_DUMPABLE, 1)  # its own /proc entries are its own again


def control_process(option: int, value: int) -> None:
    """prctl(2). Raises OSError."""
    if seccomp.libc().prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl {option}")


def _enter(workdir: str, job: dict[str, Any]) -> None:
    os.umask(0o077)
    os.mkdir(workdir, 0o700)
    os.chdir(workdir)
    os.environ.clear()
    os.environ.update(ENVIRONMENT, HOME=workdir, TMPDIR=workdir)
    for name, content in job["files"].items():
        if "/" in name:
            os.makedirs(os.path.dirname(name), exist_ok=True)
        with open(name, "wb") as file:
            file.write(bytes.fromhex(content))


def _limit(limits: dict[str, Any]) -> None:
    cpu = int(limits["cpu_s"]) + 2  # the supervisor's own measure comes first; this one catches a lost supervisor
    for what, value in (
        (resource.RLIMIT_CPU, cpu),
        (resource.RLIMIT_FSIZE, limits["disk_bytes"]),
        (resource.RLIMIT_NOFILE, limits["open_files"]),
        (resource.RLIMIT_NPROC, limits["processes"]),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(what)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(what, (value, value))
    memory = limits["memory_bytes"]
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory + RELIEF_BYTES))
    if not os.path.isdir("/sys/fs/cgroup"):  # no cgroup bounds what is shared; reserved but unused space needs room
        resource.setrlimit(resource.RLIMIT_AS, (memory + RESERVED_BYTES, memory + RESERVED_BYTES))


def _relieve() -> None:
    """More room, once the ballast has made some: enough to tell that memory ran out."""
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))


def _module(name: str, file: str) -> types.ModuleType:
    module = types.ModuleType(name)
    module.__dict__["__builtins__"] = __builtins__
    module.__file__ = file
    sys.modules[name] = module
    return module


def _remember(file: str, source: str) -> None:
    """Let tracebacks and inspect show the program's lines."""
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)


def _run_call(job: dict[str, Any]) -> int:
    """The program as a module, then its tests in the same namespace. Reports the phase that was reached."""
    tests, nonce = job["tests"], job["nonce"]
    namespace = _module("candidate", "program.py").__dict__
    sys.argv = ["program.py", *job["argv"]]
    _remember("program.py", job["source"])
    _remember("tests.py", tests["source"])
    phase = "setup"
    try:
        if tests["setup"]:
            exec(compile(tests["setup"], "setup.py", "exec"), namespace)
        phase = "compile"
        code = compile(job["source"], "program.py", "exec")
        phase = "program"
        exec(code, namespace)
        _end_if_forked(nonce)
        phase = "tests"
        exec(compile(tests["source"], "tests.py", "exec"), namespace)
    except BaseException as error:  # the program's errors are data: every one is reported, none escapes
        _ballast.clear()
        _report({"nonce": nonce, "phase": phase, **_describe(error)})
        return 1
    _report({"nonce": nonce, "phase": "done"})
    return 0


def _end_if_forked(nonce: tuple[str, int]) -> None:
    """A process that the program forked ends where its copy of the program does: the tests are not for it."""
    if os.getpid() != nonce[1]:
        _flush()
        os._exit(0)


def _run_script(job: dict[str, Any]) -> int:
    """The program as `python main.py` would run it; its exit code."""
    main_module = _module("__main__", "main.py")
    sys.argv = ["main.py", *job["argv"]]
    sys.path.insert(0, os.getcwd())
    _remember("main.py", job["source"])
    try:
        code = compile(job["source"], "main.py", "exec")
    except BaseException as error:  # a source text can end the compiler in several ways; all are the program's
        traceback.print_exception(error, limit=0)
        _report({"nonce": job["nonce"], "phase": "compile", **_describe(error)})
        return 1
    try:
        exec(code, main_module.__dict__)
        return _finish(0)
    except SystemExit as error:
        return _finish(_exit_code(error))
    except BaseException as error:  # as the interpreter does: print it, exit 1
        _ballast.clear()
        if isinstance(error, MemoryError):
            _relieve()
        own_frame = error.__traceback__
        traceback.print_exception(error.with_traceback(own_frame.tb_next if own_frame else None))
        _report({"nonce": job["nonce"], "phase": "program", **_describe(error)})
        return _finish(1)


def _exit_code(error: SystemExit) -> int:
    if error.code is None:
        return 0
    if isinstance(error.code, int):
        return error.code & 0xFF
    print(error.code, file=sys.stderr)
    return 1


def _finish(code: int) -> int:
    """Wait for the program's threads and run its exit handlers, as the end of an interpreter does."""
    import atexit
    import threading

    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    return code


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BaseException:  # closed or replaced by the program
            pass


def _describe(error: BaseException) -> dict[str, str]:
    if isinstance(error, MemoryError):
        _relieve()
    try:
        text = "".join(traceback.format_exception_only(type(error), error)).strip()
    except BaseException:  # an exception whose own __str__ raises
        text = type(error).__name__
    line = _line_of(error)
    return {"error": _kind(error), "detail": (text + line)[:DETAIL_CHARS]}


def _kind(error: BaseException) -> str:
    for known in (AssertionError, MemoryError, SyntaxError, SystemExit):
        if isinstance(error, known):
            return known.__name__
    return type(error).__name__[:80]


def _line_of(error: BaseException) -> str:
    """The source line of the program or its tests where the exception left it."""
    place = ""
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename in ("program.py", "tests.py", "main.py"):
            place = f" ({frame.filename}:{frame.lineno}: {frame.line})"
    return place


def _report(message: dict[str, Any]) -> None:
    nonce, pid = message["nonce"]
    if os.getpid() != pid:  # a process that the program forked arrived here as well
        return
    try:
        os.write(REPORT_FD, json.dumps({**message, "nonce": nonce}).encode())
    except OSError:  # the program closed the pipe; the supervisor then sees no report
        pass
