"""What a pool leaves on this machine once it is closed: nothing, or it is named here.

Theory of operation. Others may use the same machine and engine at the same time, so all that is looked for is told from
theirs: containers by the label that names this process; processes as this one's descendants, to which the kernel gives
every orphan of theirs (PR_SET_CHILD_SUBREAPER), and by the control groups of the containers that were seen; files of
the host's side in a temporary folder of its own, of programs by owner, a uid that no user has. What is on its way out
is waited for, `JOIN_TIMEOUT_S` at most. Linux only; owners are told apart only where this runs as root.
"""

from __future__ import annotations

import ctypes
import gc
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

JOIN_TIMEOUT_S = 15.0
PR_SET_CHILD_SUBREAPER = 36
ENGINE_CONNECTIONS = 32  # docker's client keeps 23-25 for its next requests, however many containers there were
FIRST_GUEST_UID = 1_000_000
SHARED_FOLDERS = ("/tmp", "/var/tmp", "/dev/shm")
GROUPS = ("*/docker/{}*", "docker/{}*", "*/docker-{}*", "*/*/docker-{}*")  # v1, v2, and both under systemd


class Watch:
    """What there was before the pool. `left` says what there is more of, after it.

    folder: where the host's side keeps its temporary files from now on.
    """

    def __init__(self, folder: Path) -> None:
        if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")
        self._folder = folder
        tempfile.tempdir = str(folder)
        self._processes = set(_descendants())
        self._guest_files = set(_guest_files())
        self._descriptors = len(os.listdir("/proc/self/fd"))
        self._threads = threading.active_count()

    def left(self, workers: set[str]) -> list[str]:
        """One line for each thing that is left. workers: the names of the sandboxes that were seen."""
        deadline = time.monotonic() + JOIN_TIMEOUT_S
        while (found := self._look(workers)) and time.monotonic() < deadline:
            time.sleep(0.2)
        return found

    def _look(self, workers: set[str]) -> list[str]:
        _reap_orphans(self._processes)
        found = [f"process {pid}: {_command(pid)}" for pid in _descendants() if pid not in self._processes]
        containers = {name.partition(":")[2] for name in workers if name.startswith("docker:")}
        if containers:
            found += [f"container {each}" for each in _containers()]
            found += _grouped(containers)
        found += [f"temporary file {path}" for path in self._folder.iterdir()]
        found += [f"file of a program {path}" for path in _guest_files() if path not in self._guest_files]
        if (threads := threading.active_count()) > self._threads:
            found.append(f"{threads - self._threads} threads")
        spare = ENGINE_CONNECTIONS if containers else 0
        if (descriptors := len(os.listdir("/proc/self/fd"))) > self._descriptors + spare:
            found.append(f"{descriptors - self._descriptors} open descriptors")
        return found


def resident_bytes() -> int:
    """This process's resident set, garbage collected first."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _processes() -> Iterator[int]:
    return (int(name) for name in os.listdir("/proc") if name.isdigit())


def _descendants() -> list[int]:
    parents: dict[int, int] = {}
    for pid in _processes():
        try:
            # the name, in brackets, may hold anything
            parents[pid] = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:  # it ended meanwhile
            continue
    found, due = [], [os.getpid()]
    while due:
        parent = due.pop()
        children = [pid for pid, its in parents.items() if its == parent]
        found += children
        due += children
    return found


def _reap_orphans(known: set[int]) -> None:
    """Wait for ended processes that only came to this one because it asked for orphans."""
    for pid in _descendants():
        if pid not in known:
            try:
                os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:  # a grandchild; its parent waits for it
                continue


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")[:80].decode("utf-8", "replace")
    except OSError:
        return "ended"


def _containers() -> list[str]:
    # docker's client is imported only where the docker sandbox was used: the other works without it
    import docker
    from sandbox.backends.docker import LABEL

    client = docker.from_env()
    try:
        found = client.containers.list(all=True, filters={"label": f"{LABEL}={os.getpid()}"})
        return [f"{each.short_id} ({each.status})" for each in found]
    finally:
        client.close()


def _grouped(containers: set[str]) -> list[str]:
    """Processes in the containers' control groups, and the groups themselves."""
    found = []
    for pid in _processes():
        try:
            text = Path(f"/proc/{pid}/cgroup").read_text()
        except OSError:
            continue
        if any(each in text for each in containers):
            found.append(f"process {pid} of a container: {_command(pid)}")
    root = Path("/sys/fs/cgroup")
    for each in containers:
        found += [f"control group {path}" for form in GROUPS for path in root.glob(form.format(each))]
    return found


def _guest_files() -> Iterator[Path]:
    for folder in SHARED_FOLDERS:
        for entry in os.scandir(folder):
            try:
                if entry.stat(follow_symlinks=False).st_uid >= FIRST_GUEST_UID:
                    yield Path(entry.path)
            except FileNotFoundError:  # somebody else's, gone meanwhile
                continue
