"""Backend `bubblewrap`: a sandbox by bwrap(1), for machines on which no container engine runs.

Theory of operation. One bwrap process holds one supervisor, the first process of its own pid namespace, over pipes.
Namespaces: user (where we are not root), mount, pid, network, IPC, UTS. The root is a handful of read-only binds: /usr,
this interpreter and numpy. As root each program gets a uid of its own, as under Docker. As a plain user only one uid
exists inside, so a sandbox serves one program and is thrown away; the supervisor is safe from it all the same, being
the first process of the namespace (signals from inside do not reach it) and not dumpable.

Weaker than `docker` in two points, for want of a cgroup: memory is limited per process, not for all processes of a
program; and the CPU time of children that a program reaps unseen (it ignores SIGCHLD) is not counted, so that for such
a program the wall limit is what holds.
"""

from __future__ import annotations

import functools
import os
import select
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from sandbox import debian, image, interpreter, languages
from sandbox.backends import ENVIRONMENT, _bwrap
from sandbox.errors import ImageError, SandboxUnavailable, WorkerLost
from sandbox.pool import PROGRAMS_PER_WORKER, Pool
from sandbox.types import Isolation, Limits
from sandbox.worker import BOOTSTRAP

UIDS = os.geteuid() == 0
CAPABILITIES = ["CAP_SETUID", "CAP_SETGID", "CAP_KILL", "CAP_DAC_OVERRIDE", "CAP_FOWNER"]
GUEST_PACKAGES = "/opt/guest"
PATH = "/usr/local/bin:/usr/bin:/bin"
PYTHON = "/usr/bin/python3"  # of a family's file system


class BubblewrapStream:
    """The pipes of one bwrap process."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin and process.stdout and process.stderr
        self.name = f"bubblewrap:{process.pid}"
        self.rendezvous_path: str | None = None
        self._process = process
        self._in, self._out, self._err = process.stdin.fileno(), process.stdout.fileno(), process.stderr.fileno()
        os.set_blocking(self._in, False)
        os.set_blocking(self._err, False)

    def send(self, data: bytes, timeout_s: float) -> None:
        """Send all of `data`. Raises WorkerLost."""
        deadline = time.monotonic() + timeout_s
        view = memoryview(data)
        while view:
            if not _ready(self._in, select.POLLOUT, deadline):
                raise WorkerLost("the sandbox does not read")
            try:
                view = view[os.write(self._in, view) :]
            except OSError as error:
                raise WorkerLost(f"the sandbox's stream broke: {error}{self._said()}") from error

    def receive(self, size: int, timeout_s: float) -> bytes:
        """Exactly `size` bytes of the guest's stdout. Raises WorkerLost."""
        deadline = time.monotonic() + timeout_s
        data = bytearray()
        while len(data) < size:
            if not _ready(self._out, select.POLLIN, deadline):
                raise WorkerLost(f"no answer in time{self._said()}")
            chunk = os.read(self._out, min(size - len(data), 1 << 20))
            if not chunk:
                raise WorkerLost(f"the sandbox ended{self._said()}")
            data += chunk
        return bytes(data)

    def _said(self) -> str:
        try:
            text = os.read(self._err, 2000).decode("utf-8", "replace").strip()
        except OSError:
            text = ""
        return f"; it said: {text}" if text else ""

    def kill(self) -> None:
        """Kill bwrap; its pipes stay open until `close`."""
        self._process.kill()

    def close(self) -> None:
        """Kill bwrap; its end is the end of the namespace's every process."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe:
                try:
                    pipe.close()
                except BrokenPipeError:  # unsent bytes for a process that is gone
                    pass


def _ready(fd: int, event: int, deadline: float) -> bool:
    """Whether `event` came in time. poll(2), which takes any number of descriptors."""
    poll = select.poll()
    poll.register(fd, event)
    return bool(poll.poll(max(deadline - time.monotonic(), 0) * 1000))


def available() -> str | None:
    """None where bwrap works here; else what is missing and how to mend it."""
    if not sys.platform.startswith("linux"):
        return "bubblewrap runs on Linux only"
    try:
        _try((*_command(Limits(), _bwrap.find().path), "true"))
    except SandboxUnavailable as error:
        return str(error)
    return None


@functools.cache
def _try(command: tuple[str, ...]) -> None:
    """Raises SandboxUnavailable where a command in a sandbox does not run; a failure is not remembered."""
    probe = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", timeout=30, check=False)
    if probe.returncode != 0:
        raise SandboxUnavailable(_bwrap.refusal(probe.stderr.strip()))


def notice() -> str | None:
    """What a person should know of the bwrap that is used; None where it is the system's. Raises SandboxUnavailable."""
    found = _bwrap.find()
    return f"the sandbox is bubblewrap, by the bwrap of {_bwrap.WHEEL} at {found.path}" if found.wheel else None


class Starter:
    """Starts sandboxes for programs within `ceiling`. Raises SandboxUnavailable.

    tree: their file system; None for this machine's /usr with its interpreter.
    """

    def __init__(self, ceiling: Limits, tree: debian.Tree | None = None) -> None:
        problem = available()
        if problem is not None:
            raise SandboxUnavailable(problem)
        self._ceiling = ceiling
        self._tree = tree
        self._python = str(interpreter.chosen().path) if tree is None else PYTHON
        self._bwrap = _bwrap.find().path

    def __call__(self) -> BubblewrapStream:
        """A started sandbox."""
        command = [*_command(self._ceiling, self._bwrap, self._tree), self._python, "-s", "-P", "-c", BOOTSTRAP]
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0, env={}
        )
        return BubblewrapStream(process)

    def close(self) -> None:
        """Nothing is held between sandboxes."""


def _command(ceiling: Limits, bwrap: str, tree: debian.Tree | None = None) -> list[str]:
    # --as-pid-1: the supervisor must be the first process. --new-session: CVE-2017-5226. --die-with-parent: kill -9.
    command = [bwrap, "--unshare-all", "--as-pid-1", "--new-session", "--die-with-parent", "--cap-drop", "ALL"]
    if UIDS:
        # a user namespace would map one uid only; as root the other namespaces suffice
        command = [part for part in command if part != "--unshare-all"]
        command += ["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"]
        for capability in CAPABILITIES:
            command += ["--cap-add", capability]
    if UIDS or not Path(bwrap).stat().st_mode & stat.S_ISUID:  # one that is root's for everybody gives none
        command += ["--cap-add", "CAP_SYS_ADMIN"]  # `guest.places` gives it up
    command += ["--hostname", "sandbox"] if not UIDS else []
    command += _machine() if tree is None else _tree(tree)
    command += ["--proc", "/proc", "--dev", "/dev"]
    for path in ("/tmp", "/dev/shm"):
        command += ["--perms", "1777", "--size", str(ceiling.disk_bytes), "--tmpfs", path]
    command += ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/", "--clearenv"]
    for name, value in {**ENVIRONMENT, "PATH": PATH, "PYTHONPATH": GUEST_PACKAGES}.items():
        command += ["--setenv", name, value]
    return command


def _machine() -> list[str]:
    """Read-only binds of this machine's /usr, with the interpreter and numpy."""
    command: list[str] = []
    for path in ("/usr", "/bin", "/lib", "/lib64", "/sbin"):
        if os.path.islink(path):
            command += ["--symlink", os.readlink(path), path]
        elif os.path.isdir(path):
            command += ["--ro-bind", path, path]
    command += _interpreter_binds()
    for path in ("/etc/ld.so.cache", "/etc/localtime"):
        command += ["--ro-bind-try", path, path]
    return command


def _tree(tree: debian.Tree) -> list[str]:
    """Read-only binds of a family's file system, and the place for what compilers make: as a tmpfs not noexec."""
    command: list[str] = []
    for entry in sorted(tree.root.iterdir()):
        if entry.is_symlink():
            command += ["--symlink", os.readlink(entry), f"/{entry.name}"]
        elif entry.name in ("usr", "etc", "var"):
            command += ["--ro-bind", str(entry), f"/{entry.name}"]
    return [*command, "--perms", "0755", "--size", str(languages.COMPILE_LIMITS.disk_bytes), "--tmpfs", languages.BUILD]


def _interpreter_binds() -> list[str]:
    """Read-only binds of the interpreter and of numpy, its own libraries and its metadata; nothing else of ours.

    Behind a virtual environment: the environment itself is not in the sandbox.
    """
    prefix = interpreter.chosen().library.parent.parent
    binds = _folders(Path(GUEST_PACKAGES) / "numpy")
    if not prefix.is_relative_to("/usr"):
        binds += [*_folders(prefix), "--ro-bind", str(prefix), str(prefix)]
    for installed in _packages(prefix):  # what is installed beside the interpreter is none of the program's business
        binds += ["--tmpfs", str(installed), "--remount-ro", str(installed)]
    for found in image.numpy_parts():
        binds += ["--ro-bind", str(found), f"{GUEST_PACKAGES}/{found.name}"]
    return binds


def _packages(prefix: Path) -> list[Path]:
    """The folders of installed packages that the sandbox would show."""
    roots = [prefix / "lib", *(Path(root, lib) for root in ("/usr", "/usr/local") for lib in ("lib", "lib64"))]
    kinds = ("python3*/site-packages", "python3*/dist-packages")
    return sorted({found.resolve() for root in roots for kind in kinds for found in root.glob(kind)})


def _folders(path: Path) -> list[str]:
    """The parents of `path`, open to every uid; bwrap would make them for root alone."""
    parents = [str(parent) for parent in reversed(path.parents) if str(parent) != "/"]
    return [part for parent in parents for part in ("--perms", "0755", "--dir", parent)]


def prepare(note: Callable[[str], None], family: str = languages.PYTHON) -> None:
    """Make the family's file system where it is missing; for Python nothing is. `note` has what a person should know.

    Raises SandboxUnavailable, ImageError.
    """
    if text := notice():
        note(text)
    if family != languages.PYTHON:
        debian.make(family, note)


def open_pool(
    *, workers: int, ceiling: Limits, isolation: Isolation, runtime: str | None, family: str = languages.PYTHON
) -> Pool:
    """A pool of bwrap processes. Raises SandboxUnavailable, ImageError."""
    if runtime is not None:
        raise SandboxUnavailable(f"a runtime ({runtime}) is an option of the docker sandbox, not of bubblewrap")
    return Pool(
        Starter(ceiling, None if family == languages.PYTHON else _made(family)),
        backend="bubblewrap",
        workers=workers,
        ceiling=ceiling,
        uids=UIDS,
        programs_per_worker=1 if isolation is Isolation.CONTAINER or not UIDS else PROGRAMS_PER_WORKER,
        family=family,
    )


def environment_label(family: str = languages.PYTHON) -> str:
    """What programs find inside, such as `py3.11.7+numpy2.4.6`. Raises ImageError."""
    return image.environment_label() if family == languages.PYTHON else _made(family).label()


def image_bytes(family: str = languages.PYTHON) -> int:
    """What the family's file system takes; Python's is this machine's own. Raises ImageError."""
    return 0 if family == languages.PYTHON else debian.size_bytes(_made(family))


def _made(family: str) -> debian.Tree:
    tree = debian.find(family)
    if tree is None:
        raise ImageError(debian.missing(family))
    return tree
