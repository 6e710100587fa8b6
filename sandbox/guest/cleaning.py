"""After a program: end all its processes, empty what it could write to, and tell whether that is certain.

Runs in the supervisor, as root where there are uids. Nothing here follows a link or trusts a name that a program made.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import signal
import time

from sandbox.guest import procfs, seccomp

TEMPORARY = ("/tmp", "/dev/shm", "/dev/mqueue")
MAX_ENTRIES = 10_000
ROUNDS = 200
ROUND_S = 0.005
PR_SET_PDEATHSIG, PR_GET_PDEATHSIG = 1, 2


def kill_as(uid: int) -> None:
    """Kill every process of `uid` at once: as that user, so that kill(-1) reaches no other."""
    os.seteuid(uid)
    try:
        os.kill(-1, signal.SIGKILL)
    except ProcessLookupError:
        pass
    finally:
        os.seteuid(0)
        if _death_signal():  # which a change of user clears
            seccomp.libc().prctl(PR_SET_PDEATHSIG, _death_signal(), 0, 0, 0)


@functools.cache
def _death_signal() -> int:
    """The signal with which this process follows its parent; 0 where it does not (in a container)."""
    found = ctypes.c_int(0)
    seccomp.libc().prctl(PR_GET_PDEATHSIG, ctypes.byref(found), 0, 0, 0)
    return found.value


def prepare() -> None:
    """In the supervisor, once, before any change of user."""
    _death_signal()


def kill_program(uid: int | None, spared: set[int]) -> None:
    """Kill every process of a program. Without uids all but the `spared` and their children, one by one."""
    if uid is not None:
        return kill_as(uid)
    for pid in _others():
        if pid not in spared and _parent(pid) not in spared:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:  # gone meanwhile
                pass
    return None


def reap(kept: set[int]) -> float:
    """Wait for every process that is dead; the CPU seconds that they used.

    kept: of a compiler that stays: one that is dead is taken out, and what it used is not counted.
    """
    cpu_s = 0.0
    while True:
        try:
            pid, _, usage = os.wait4(-1, os.WNOHANG)
        except ChildProcessError:
            return cpu_s
        if pid == 0:
            return cpu_s
        if pid in kept:
            kept.remove(pid)
        else:
            cpu_s += usage.ru_utime + usage.ru_stime


def all_gone(uid: int | None, spared: set[int], kept: set[int]) -> bool:
    """Kill and reap until only the spared and kept are left; False where that did not come to an end."""
    for _ in range(ROUNDS):
        reap(kept)
        if set(_others()) <= spared | kept:
            return True
        kill_program(uid, spared)
        time.sleep(ROUND_S)
    return False


def wipe(workdir: str, script: str, uid: int | None) -> bool:
    """Empty what a program can write to. False where something may have been left.

    workdir: the one directory that each program has; most leave nothing else, and in it at most their source `script`.
    uid: of the program; None where it has ours.
    """
    try:
        try:
            os.rmdir(workdir)
        except OSError:  # a script is in it, or more
            with contextlib.suppress(OSError):  # whatever is in its place is looked at below
                _remove_script(workdir, script)
                os.rmdir(workdir)
        for root in _temporary():
            # as it was left below: nothing was made in it since, for only its owner can set this back
            untouched = uid is not None and os.stat(root).st_mtime_ns == 0  # noqa: PTH116 - pathlib is not loaded
            if not (untouched or _is_empty(root) or _empty(root)):
                return False
            os.utime(root, (0, 0))  # when it was last written to is nothing that the next program may read
        return True
    except Exception:  # whatever a program made of its files: in doubt, dirty
        return False


def _remove_script(workdir: str, script: str) -> None:
    folder = os.open(workdir, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        os.unlink(script, dir_fd=folder)
    except FileNotFoundError:
        pass
    finally:
        os.close(folder)


@functools.cache
def _temporary() -> list[str]:
    """Those that are there. No program can remove or replace one: it cannot write to what they are in."""
    return [root for root in TEMPORARY if os.path.isdir(root)]


def _is_empty(root: str) -> bool:
    """In a quarter of the system calls that `_empty` needs to find nothing."""
    with os.scandir(root) as entries:
        return next(entries, None) is None


def _others() -> list[int]:
    """The pids of every other process of the namespace."""
    own = os.getpid()
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != own]


def _parent(pid: int) -> int:
    fields = procfs.of_process(str(pid), "stat").rpartition(b")")[2].split()
    return int(fields[1]) if fields else 0


def _empty(root: str) -> bool:
    """Remove all that is in `root`, without following a link; whether it is empty now.

    A directory in a directory is first moved up to `root`: no depth of nesting costs recursion, descriptors or a path
    that is too long. Gives up after MAX_ENTRIES: a fresh sandbox is sooner there.
    """
    top = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        pending = os.listdir(top)
        entries = len(pending)
        while pending and entries <= MAX_ENTRIES:
            name = pending.pop()
            if _unlink(name, top):
                continue
            folder = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=top)
            try:
                inside = os.listdir(folder)
                entries += len(inside)
                for child_name in inside[:MAX_ENTRIES]:
                    if not _unlink(child_name, folder):
                        pending.append(f"moved-{os.urandom(8).hex()}")
                        os.rename(child_name, pending[-1], src_dir_fd=folder, dst_dir_fd=top)
            finally:
                os.close(folder)
            os.rmdir(name, dir_fd=top)
        return not os.listdir(top)
    finally:
        os.close(top)


def _unlink(name: str, folder: int) -> bool:
    """Remove one entry; False where it is a directory that is not empty."""
    try:
        os.unlink(name, dir_fd=folder)
    except IsADirectoryError:
        try:
            os.rmdir(name, dir_fd=folder)
        except OSError:
            return False
    return True
