"""The supervisor's handle on the judge: start it, hand it runs, take its word, kill it where it is late."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from typing import Any

from sandbox.guest import cleaning, judge, seccomp, wire


class JudgeProcess:
    """The judge's process with the supervisor's ends of its pipes, and what it said of the present run.

    uid: the judge's own; None where there are no uids, and the sandbox serves one program. call_filter: of its system
    calls, which programs share. control, body: descriptors
    on which it says that it is done, and takes jobs. pids: its processes. go_on: it accepted. fault: verdict and detail
    where it was ended. alive: it was not killed.
    has_uid: there are uids. run_cpu_s: what it used for the last run; used: by pid, what each of
    its processes had used when it last said so.
    """

    def __init__(self, uid: int | None, call_filter: seccomp.Filter) -> None:
        self._uid = uid
        self.has_uid = uid is not None
        self.go_on = False
        self.fault: tuple[str, str] | None = None
        self.run_cpu_s = 0.0
        self.used: dict[str, float] = {}
        self.alive = True
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.control = self._socket.fileno()
        body_read, self.body = os.pipe()
        self._result, result_write = os.pipe()
        self.pid = os.fork()
        self.pids = {self.pid}
        if self.pid == 0:
            null = os.open("/dev/null", os.O_RDWR)
            os.dup2(null, wire.HOST_IN)
            os.dup2(null, wire.HOST_OUT)
            os.dup2(null, 2)  # nobody would read what tests and their warnings print there
            for fd in (null, self.control, self.body, self._result):
                os.close(fd)
            call_filter.install()
            judge.main(theirs.detach(), body_read, result_write, uid)
        theirs.close()
        os.close(body_read)
        os.close(result_write)

    def order(self, message: dict[str, Any], fds: list[int]) -> None:
        """Hand over a run: the judge's ends of the program's channel, stdin, stdout and stderr."""
        self.go_on = False
        self.fault = None
        self._forget_the_dead()
        socket.send_fds(self._socket, [json.dumps(message).encode()], fds)

    def _forget_the_dead(self) -> None:
        """A process of the judge that ended between two runs is no finding of the next: the one above it is there."""
        while True:
            try:
                if not self._socket.recv(judge.CONTROL_BYTES, socket.MSG_DONTWAIT):
                    sys.exit("the judge is gone")
            except BlockingIOError:
                return

    def take(self) -> None:
        """Take what the judge says, and pass its finding on to the host as a frame of its own."""
        data = self._socket.recv(judge.CONTROL_BYTES)
        if not data:
            sys.exit("the judge is gone")
        message = json.loads(data)
        self.run_cpu_s = sum(max(used - self.used.get(pid, 0.0), 0.0) for pid, used in message["used"].items())
        self.used = message["used"]
        if "died" in message:
            self._died(message["died"])
            return
        self.go_on = message["go_on"]
        self.pids = {self.pid, message["pid"]}
        size = message["result"]
        wire.write_all(wire.HOST_OUT, wire.header(size))
        if not wire.splice(self._result, wire.HOST_OUT, size):
            sys.exit("the judge's finding was cut short")

    def kill(self) -> None:
        """End it, with the process of its run, which the program's results took too long. The sandbox is done with."""
        if self._uid is None:
            os.kill(-1, signal.SIGKILL)
        else:
            cleaning.kill_as(self._uid)
        self.alive = False
        self.run_cpu_s = 0.0
        wire.write_all(wire.HOST_OUT, wire.header(0))

    def _died(self, status: int) -> None:
        """The judge of these tests was ended before it found anything: by a limit of its own, or a fault of ours."""
        if not os.WIFSIGNALED(status) or os.WTERMSIG(status) != signal.SIGXCPU:
            sys.exit(f"the judge of a run ended with status {status}")  # our loss: it is run again on a fresh worker
        self.fault = ("TIME_LIMIT", "its results took the tests too long")
        wire.write_all(wire.HOST_OUT, wire.header(0))
