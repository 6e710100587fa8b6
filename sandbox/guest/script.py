"""A program that is run as `python main.py` runs it, from its source text to its exit code.

The interpreter of the sandbox ends by _exit, for its own end costs 3 ms and would run what the supervisor left. What a
program can see of an interpreter's end is done here, in its order: an error is printed, threads are waited for, exit
handlers run, streams are flushed, what is global ends.
"""

from __future__ import annotations

import _weakref  # without the module around it
import atexit
import builtins
import gc
import itertools
import os
import signal
import sys
import traceback
import types
from collections.abc import Callable
from importlib.machinery import SourceFileLoader
from typing import Any, NamedTuple, NoReturn, Protocol

from sandbox.guest import reports, seccomp
from sandbox.guest.reports import SCRIPT, SCRIPT_PATH, WORKDIR

MARK = "__end__"
_display = sys.__excepthook__  # the interpreter's own, in C


class Channel(Protocol):
    """Where the judge is told."""

    def send(self, *message: Any) -> None:
        """One answer."""


class Job(NamedTuple):
    """What the judge sends first. mode: `script`, `call` or `in-sandbox`. sign: of completion, for a launcher.

    argv: after the program's own name. files: beside it, name -> content. entry_point, setup: as of `CallTests`.
    """

    mode: str
    sign: str
    source: str
    argv: list[str]
    files: dict[str, bytes]
    entry_point: str
    setup: str


class Script:
    """A program, compiled: `exec(code, namespace)`, its error into `error`, then `finish`."""

    def __init__(self, code: types.CodeType, namespace: dict[str, Any], channel: Channel) -> None:
        self.code, self.namespace, self._channel = code, namespace, channel
        self.error: BaseException | None = None
        self._last_module = next(reversed(sys.modules))
        self._collections = _collections()

    def finish(self) -> NoReturn:
        """End as the interpreter does."""
        code = 1
        try:
            code = self._end()
        except BaseException:  # the last frame of this process: whatever arrives here is the program's
            traceback.print_exc()
        finally:
            os._exit(code)

    def _end(self) -> int:
        interrupted = type(self.error) is KeyboardInterrupt
        code = self._finish(self._report())
        if interrupted and code == 1:  # the interpreter ends itself by the signal
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGINT)
        return code

    def _report(self) -> int:
        """Print the error if there is one, tell the judge; the exit code. It is let go, for its frames hold objects."""
        error, self.error = self.error, None
        if error is None:
            return 0
        if isinstance(error, SystemExit):
            return _exit_code(error)
        reports.reserve.clear()
        if isinstance(error, MemoryError):
            reports.relieve()
        trace = error.__traceback__
        error = error.with_traceback(trace.tb_next if trace else None)
        kind, line = reports.kind(error), reports.describe(error)[0]
        code = _print_uncaught(error)
        self._channel.send("failed", "program", kind, line)
        return code

    def _finish(self, code: int) -> int:
        """Wait for the program's threads, run its exit handlers, end its globals; 120 where what it printed is lost."""
        if "threading" in sys.modules:
            sys.modules["threading"]._shutdown()
        atexit._run_exitfuncs()
        atexit._clear()
        code = code if reports.flush() else 120
        self._end_globals()
        code = code if reports.flush() else 120
        seccomp.libc().fflush(None)  # what a library in C holds back
        return code

    def _end_globals(self) -> None:
        """As the interpreter ends the program's modules: by the collector, all names in place; destructors may print.

        What something else holds, such as a handler of signals, ends name by name, private names first.
        """
        namespace, self.namespace = self.namespace, {}
        namespace[MARK] = _Mark()
        mark = _weakref.ref(namespace[MARK])
        new: list[str] = []
        if self._last_module in sys.modules:  # the program's own stand behind it
            new += itertools.takewhile(lambda name: name != self._last_module, reversed(sys.modules))
        for name in ["__main__", *reversed(new)]:
            sys.modules.pop(name, None)
        for name in ("last_type", "last_value", "last_traceback"):
            vars(sys).pop(name, None)
        del namespace
        self._collect()
        if (kept := mark()) is None:
            return
        for namespace in [each for each in gc.get_referrers(kept) if type(each) is dict and MARK in each]:
            for names in ([name for name in namespace if name[:1] == "_" and name[1:2] != "_"], list(namespace)):
                for name in names:
                    if name != "__builtins__":
                        namespace[name] = None
        self._collect()

    def _collect(self) -> None:
        """As gc.collect(). Where nothing grew old, without what that does beside: it lets go of memory in 50 pages."""
        gc.collect(1 if _collections() == self._collections else 2)


def _collections() -> list[int]:
    """How often objects grew old."""
    return [each["collections"] for each in gc.get_stats()[1:]]


class _Mark:
    """Something to know the main module's namespace by."""


def load(job: Job, channel: Channel) -> Script | None:
    """The program as `python main.py` would find itself; None where it does not compile."""
    data = job.source.encode("utf-8", "surrogatepass")
    os.umask(0o022)
    with open(SCRIPT_PATH, "wb") as file:
        file.write(data)
    module = types.ModuleType("__main__")
    module.__dict__.update(
        __annotations__={}, __builtins__=builtins, __file__=SCRIPT_PATH, __cached__=None,
        __loader__=SourceFileLoader("__main__", SCRIPT_PATH),
    )  # fmt: skip
    sys.modules["__main__"] = module
    sys.argv = [SCRIPT, *job.argv]
    sys.orig_argv = [sys.executable, *sys.argv]
    sys.path.insert(0, WORKDIR)
    try:
        return Script(compile(data, SCRIPT_PATH, "exec", dont_inherit=True), module.__dict__, channel)
    except BaseException as error:  # a source text can end the compiler in several ways; all are the program's
        _print(error.with_traceback(None))
        channel.send("failed", "compile", reports.kind(error), reports.describe(error)[0])
        return None


def _print_uncaught(error: BaseException) -> int:
    """By the program's own hook, if it has one; a hook that fails does not hide the error. The exit code."""
    try:
        sys.stdout.flush()
    except BaseException:  # closed or replaced by the program
        pass
    sys.last_type, sys.last_value, sys.last_traceback = type(error), error, error.__traceback__
    hook: Callable[..., object] | None = getattr(sys, "excepthook", None)
    if hook is None or hook is _display:
        _print(error)
        return 1
    try:
        hook(type(error), error, error.__traceback__)
    except SystemExit as end:
        return _exit_code(end)
    except BaseException as second:  # as the interpreter does: say so, and print the error that it was called for
        reports.complain("Error in sys.excepthook:\n")
        trace = second.__traceback__
        _print(second.with_traceback(trace.tb_next if trace else None))
        reports.complain("\nOriginal exception was:\n")
        _print(error)
    return 1


def _print(error: BaseException) -> None:
    _display(type(error), error, error.__traceback__)


def _exit_code(error: SystemExit) -> int:
    if error.code is None:
        return 0
    if isinstance(error.code, int):
        return error.code & 0xFF if -(2**63) <= error.code < 2**63 else 255
    try:
        reports.complain(str(error.code) + "\n")
    except BaseException:  # as the interpreter, which then prints nothing of it
        pass
    return 1
