"""What happens inside the process of one program: limits, identity, the program, the calls that the judge asks for.

Runs in a fresh fork of the supervisor and never returns to it. The program arrives over the channel from the judge,
which has the tests and the expected results and decides; here is nothing that a program could use: no test, no other
program, no verdict. Only for tests that cannot be split (mode `in-sandbox`) do the tests arrive after the program and
run in its process, where a program that sets out to forge its verdict can reach them.

What the process cannot do is outlive its supervisor, touch another program's files or change what is measured.
"""

from __future__ import annotations

import builtins
import ctypes
import functools
import linecache
import marshal
import os
import resource
import signal
import sys
import traceback
import types
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sandbox.guest import codec, kept, landlock, randomness, reports, script, seccomp, unittest_suites, wire
from sandbox.guest.reports import WORKDIR

CHANNEL_FD, SIGN_FD, NONCE_FD = 3, 4, 5
STACK_BYTES = 8 * 2**20  # whatever the host's user has: how deep a program can recurse is no matter of the shell
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
HIGHEST_FD = 1024
UP = "up"
JUDGE_DEPTH = 1000
_UP_FRAME = wire.frame(codec.encode(["", UP]))
_decode = codec.Decoder(iter)


def main(
    start: Start, stdio: tuple[int, ...], channel: int, uid: int | None, rules: landlock.Rules | None
) -> script.Script:
    """Become the program that arrives on `channel`, a descriptor above 3 as those of `stdio` are.

    Returns a script that is ready; a program with tests does not return.
    stdio: its standard streams, and where a launcher tells us of its end the pipe for that; of a compiler that is kept,
    what it is asked on.
    uid: the program's own; None keeps the present user. rules: what it may reach; None where the kernel has no such
    rules. Everything here is brief for a reason: each page of memory that
    a fork touches first costs microseconds, and this runs for every program.
    """
    code = 1
    try:
        os.setsid()
        fault = _confine(rules)  # while their descriptor is open
        for target, fd in enumerate(stdio[:3]):
            os.dup2(fd, target)
        os.dup2(channel, CHANNEL_FD, False)
        for fd in stdio[3:]:
            os.dup2(fd, SIGN_FD)
        os.closerange(CHANNEL_FD + len(stdio) - 2, HIGHEST_FD)
        peer = _Channel()
        fault = fault or _prepare(start, uid)  # before any of the program is here: what fails by then is not its doing
        if fault is None:
            wire.write_all(CHANNEL_FD, _UP_FRAME)  # made before the fork
        else:
            peer.send(fault)
        job = peer.begin()
        randomness.seed_loaded(randomness.SEED if job.mode == "in-sandbox" else None)
        if job.files:
            _write_files(job.files)
        if start.kept:
            code = kept.ask(job.source, start.source_file, start.folder)
        elif start.command:
            execute(start, job, peer)
        elif job.mode == "script":
            if (found := script.load(job, peer)) is not None:
                return found
        else:
            code = {"call": _serve_calls, "in-sandbox": _run_tests}[job.mode](job, peer)
    except BaseException:  # the last frame of this process: whatever arrives here is the program's
        traceback.print_exc()
    reports.flush()
    os._exit(code)


class Start:
    """What every process of a job begins with, worked out before the fork.

    limits: `sandbox.types.Limits` as a dictionary, and whether there is a `cgroup`. command: what is run in this
    process's place; empty for the interpreter that is here. source_file: the name of its source text. environment:
    variables beside ours. files: beside the source text, name -> text. folder: made beside
    the source text, for what a compiler makes; empty for none. kept: whether it asks a compiler that is kept.
    """

    def __init__(
        self,
        limits: dict[str, Any],
        command: Sequence[str] = (),
        source_file: str = "",
        environment: Mapping[str, str] | None = None,
        folder: str = "",
        files: Mapping[str, str] | None = None,
        kept: bool = False,
    ) -> None:
        self.kept = kept
        self.command, self.source_file, self.environment = command, source_file, environment or {}
        self.folder, self.files = folder, files or {}
        cpu = int(limits["cpu_s"]) + 2  # the supervisor's own measure comes first; this one catches a lost supervisor
        memory = limits["memory_bytes"]
        wanted = [
            (resource.RLIMIT_CPU, cpu, cpu),
            (resource.RLIMIT_FSIZE, limits["disk_bytes"], limits["disk_bytes"]),
            (resource.RLIMIT_NOFILE, limits["open_files"], limits["open_files"]),
            (resource.RLIMIT_NPROC, limits["processes"], limits["processes"]),
            (resource.RLIMIT_DATA, memory, memory + reports.RELIEF_BYTES),
        ]
        if not limits["cgroup"]:  # no cgroup bounds what is shared; reserved but unused space needs room
            wanted.append((resource.RLIMIT_AS, memory + RESERVED_BYTES, memory + RESERVED_BYTES))
        self.limits = [(what, (_at_most(what, soft), _at_most(what, hard))) for what, soft, hard in wanted]


@functools.cache
def _highest(what: int) -> int:
    return resource.getrlimit(what)[1]


def _at_most(what: int, value: int) -> int:
    hard = _highest(what)
    return value if hard == resource.RLIM_INFINITY else min(value, hard)


def drop_shared_state() -> None:
    """In the supervisor, once: what its forks inherit. The system call filter comes later, for each kind its own."""
    os.environ.clear()
    os.environ.update(ENVIRONMENT, HOME=WORKDIR, TMPDIR=WORKDIR)
    os.umask(0o077)
    _usual_signals()
    stack = _at_most(resource.RLIMIT_STACK, STACK_BYTES)
    resource.setrlimit(resource.RLIMIT_STACK, (stack, _highest(resource.RLIMIT_STACK)))
    # Not 0, for which a machine's handler of core files is started all the same, outside and as root (core(5)).
    most = _at_most(resource.RLIMIT_CORE, 1)
    resource.setrlimit(resource.RLIMIT_CORE, (most, most))
    # Not dumpable: its memory and descriptors are closed to programs, even where they share its uid.
    control_process(PR_SET_DUMPABLE, 0)
    control_process(PR_SET_NO_NEW_PRIVS, 1)


def _usual_signals() -> None:
    """As an interpreter has them that nobody started in the background: a shell ignores some there, nohup another."""
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for number in signal.valid_signals() - {signal.SIGPIPE, signal.SIGXFSZ}:  # which the interpreter ignores itself
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


def _confine(rules: landlock.Rules | None) -> str | None:
    """Enter the rules of Landlock. None, or why that failed."""
    try:
        if rules is not None:
            rules.enter()
    except OSError as error:
        return f"cannot confine the process: {error}"
    return None


def _prepare(start: Start, uid: int | None) -> str | None:
    """Give up what a program must not have. None, or why that failed: no program is sent then."""
    try:
        _prefer_oom_kill()
        if uid is not None:
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
        os.mkdir(WORKDIR, 0o700)
        os.chdir(WORKDIR)
        for what, limit in start.limits:
            resource.setrlimit(what, limit)
    except OSError as error:
        return f"cannot prepare the process: {error}"
    return None


def _prefer_oom_kill() -> None:
    """When memory runs out the kernel is to end the program, not its supervisor, whatever holds the pages.

    A program can take it back; `monitor` then ends it before the kernel has to choose.
    """
    try:
        fd = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
        os.write(fd, b"1000")
        os.close(fd)
    except OSError:  # a read-only /proc: the supervisor's size still speaks for it
        pass


def control_process(option: int, value: int) -> None:
    """prctl(2). Raises OSError."""
    if seccomp.libc().prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl {option}")


def _write_files(files: dict[str, bytes]) -> None:
    for name, content in files.items():
        os.makedirs(os.path.dirname(name) or ".", exist_ok=True)
        with open(name, "wb") as file:
            file.write(content)


def new_module(name: str, file: str) -> types.ModuleType:
    """A module that is registered under its name, as classes of it need it."""
    module = types.ModuleType(name)
    module.__dict__["__builtins__"] = builtins
    module.__file__ = file
    sys.modules[name] = module
    return module


def _remember(file: str, source: str) -> None:
    """Let tracebacks and inspect show the program's lines."""
    linecache.cache[file] = (lambda: source,)  # split into lines where somebody asks


class _Channel:
    """The program's end of the channel. Only the first process speaks: one that it forked is silent."""

    def __init__(self) -> None:
        self._pid = os.getpid()
        self.nonce = self._of_frame = ""
        self._number = 0  # of the next question in a frame of many

    def begin(self) -> script.Job:
        """What this process is to do."""
        payload = wire.receive_payload(CHANNEL_FD)
        while payload is None:
            signal.pause()
        self.nonce, *job = marshal.loads(payload)
        return script.Job(*job)

    def receive(self) -> list[Any]:
        """The next question, without its nonce. Where the judge is gone it waits for its end, which comes from outside.

        It does not end by itself: to do so while a program is judged is to have run away from its tests.
        """
        payload = wire.receive_payload(CHANNEL_FD)
        while payload is None:
            signal.pause()
        message: list[Any] = _decode(payload)
        self.nonce = self._of_frame = message.pop(0)
        self._number = 0
        return message

    def count(self) -> None:
        """The next question of a frame of many: its answer carries its number."""
        self.nonce = f"{self._of_frame}.{self._number}"
        self._number += 1

    def send(self, *message: Any) -> None:
        """One answer to the judge, with the nonce of the question."""
        if os.getpid() == self._pid:
            payload = codec.encode([self.nonce, *message])
            if len(payload) > codec.MAX_FRAME_BYTES:
                raise codec.Unfit(f"{len(payload) >> 20} MiB of text")
            wire.write_all(CHANNEL_FD, wire.frame(payload))

    def end_if_forked(self) -> None:
        """A process that the program forked ends where its copy of the program does: the calls are not for it."""
        if os.getpid() != self._pid:
            reports.flush()
            os._exit(0)


class _Iterators:
    """Iterators that the program returned, by number; the judge asks for their items one at a time."""

    def __init__(self) -> None:
        self.kept: list[Iterator[Any]] = []

    def iterator(self, value: Iterator[Any]) -> int:
        """Its number."""
        self.kept.append(value)
        return len(self.kept) - 1

    def opaque(self, value: Any) -> str:
        """Nothing of it crosses but the name of its class."""
        module, name = type(value).__module__, type(value).__name__
        return name if module in ("candidate", "builtins") else f"{module}.{name}"


def _serve_calls(job: script.Job, channel: _Channel) -> int:
    """The program as a module, then calls of its entry point until the judge has enough."""
    namespace = _load(job, channel)
    if namespace is None:
        return 1
    _decode.values.find = namespace.get
    _decode.values.scalars = True
    iterators = _Iterators()
    channel.send("ready", "many")
    name = ""
    ahead: list[Any] = []  # arguments of further calls, the next one last
    while True:
        if ahead:
            kind, rest = "call", [name, ahead.pop(), {}]
            channel.count()
        else:
            kind, *rest = channel.receive()
        if kind == "calls":
            name, ahead = rest
            ahead.reverse()
            continue
        try:
            if kind == "call":
                name, args, kwargs = rest
                value = namespace[name](*args, **kwargs)
            else:
                value = next(iterators.kept[rest[0]])
            held = len(iterators.kept)
            answer = ["value", _packed(value, iterators)]
            if ahead and len(iterators.kept) > held:  # the judge may ask for its items before the next call
                ahead, answer[0] = [], "held"
            channel.end_if_forked()
            reports.flush()
            channel.send(*answer)
        except codec.Unfit as error:
            channel.end_if_forked()
            channel.send("unfit", str(error))
        except BaseException as error:  # the program's errors are data: every one is reported, none escapes
            channel.end_if_forked()
            reports.flush()
            if kind == "next" and isinstance(error, StopIteration):
                channel.send("stop")
            else:
                reports.reserve.clear()
                line, text = reports.describe(error)
                channel.send("error", _names(error), line, _arguments(error, text))


def _packed(value: Any, iterators: _Iterators) -> Any:
    """`value`, packed no deeper than the judge's own limit lets it read, whatever limit the program set itself."""
    limit = sys.getrecursionlimit()
    try:
        if limit > JUDGE_DEPTH:
            sys.setrecursionlimit(JUDGE_DEPTH)
        return codec.pack(value, iterators)
    except RecursionError:
        raise codec.Unfit("it nests too deep") from None
    finally:
        if limit > JUDGE_DEPTH:
            sys.setrecursionlimit(limit)


def _arguments(error: BaseException, text: str) -> list[Any]:
    """An exception's arguments where they are brief and plain, else its text."""
    args = error.args if type(error.args) is tuple else (text,)
    return list(args) if codec.brief(args) and len(repr(args)) <= reports.DETAIL_CHARS else [text]


def _names(error: BaseException) -> str:
    """The built-in exception that it is, and those of the program's own classes: one may be the prompt's."""
    own = [each.__name__ for each in type(error).__mro__ if each.__module__ == "candidate"]
    return " ".join([codec.exception_name(error), *own])


def _load(job: script.Job, channel: _Channel) -> dict[str, Any] | None:
    """The namespace in which the program ran as a module; None where it did not get to its end."""
    namespace = new_module("candidate", f"{WORKDIR}/program.py").__dict__
    sys.argv = ["program.py", *job.argv]
    sys.orig_argv = [sys.executable, *sys.argv]
    _remember("program.py", job.source)
    phase = "setup"
    try:
        if job.setup:
            exec(compile_as_file(job.setup, "setup.py"), namespace)
        phase = "compile"
        code = compile_as_file(job.source, "program.py")
        phase = "program"
        exec(code, namespace)
    except BaseException as error:  # the program's errors are data: every one is reported, none escapes
        reports.reserve.clear()
        channel.send("failed", phase, reports.kind(error), reports.describe(error)[0])
        return None
    channel.end_if_forked()
    if job.mode == "call" and job.entry_point not in namespace:
        channel.send("failed", "program", "NameError", f"it does not define {job.entry_point!r}")
        return None
    return namespace


def _run_tests(job: script.Job, channel: _Channel) -> int:
    """The program as a module, then its tests in the same namespace; the nonce shows that they came to their end."""
    randomness.seed_imported(job.source)
    namespace = _load(job, channel)
    if namespace is None:
        return 1
    channel.send("ready")
    (source,) = channel.receive()
    _remember("tests.py", source)
    try:
        before = dict(namespace)
        code = compile_as_file(source, "tests.py")
        randomness.seed_imported(source)
        exec(code, namespace)
        guarded = "__name__" in code.co_names  # nobody sees here whether what is behind such a guard was called
        names = unittest_suites.names_used(code)
        find = namespace.get
        unittest_suites.run(namespace, before, "tests.py", names, lambda: find(job.entry_point), lambda: not guarded)
    except BaseException as error:  # as above
        reports.reserve.clear()
        channel.send("failed", "tests", reports.kind(error), reports.describe(error)[0])
        return 1
    channel.send("done")
    return 0


def compile_as_file(source: str, path: str) -> types.CodeType:
    """Compile text as the interpreter compiles a file with it: a mark and a declared encoding count, our flags do not.

    Raises SyntaxError, ValueError, and what else a source text can end the compiler with.
    """
    return compile(source.encode("utf-8", "surrogatepass"), path, "exec", dont_inherit=True)


def execute(start: Start, job: script.Job, channel: _Channel) -> None:
    """Become the compiler, or a program that is not Python. Returns only where that cannot be started.

    The channel ends here: it is closed as the command begins, and so is all that the supervisor's memory held. Only a
    driver of calls keeps it, and is told the nonce that its first answer must carry.
    """
    os.umask(0o022)
    if start.folder:
        os.makedirs(start.folder, exist_ok=True)
    with open(start.source_file, "wb") as file:
        file.write(job.source.encode("utf-8", "surrogatepass"))
    _write_files({name: text.encode() for name, text in start.files.items()})
    if job.sign:
        _hand_over(job.sign.encode())
    if job.mode == "call":
        _hand_over(channel.nonce.encode())
        os.set_inheritable(CHANNEL_FD, True)
    for ignored in (signal.SIGPIPE, signal.SIGXFSZ):  # by our interpreter, and a command would inherit it
        signal.signal(ignored, signal.SIG_DFL)
    try:
        os.execve(start.command[0], [*start.command, *job.argv], {**os.environ, **start.environment})
    except (OSError, ValueError) as error:
        channel.send("failed", "start", type(error).__name__, f"{start.command[0]} cannot be started: {error}")


def _hand_over(sign: bytes) -> None:
    """Have a launcher find the sign of completion, or a nonce, at its descriptor, and nothing of it anywhere else."""
    read, write = os.pipe()
    os.write(write, sign)
    os.close(write)
    if read != NONCE_FD:
        os.dup2(read, NONCE_FD)
        os.close(read)
    os.set_inheritable(NONCE_FD, True)
