"""Wrong programs that try to stop, kill, trace, starve or confuse whoever is about to say so.

No naive grader is named: these harm a judge in another process, and the naive ones have none.
"""

from __future__ import annotations

from .corpus import CRASH, LATE, REFUSED, WRONG, Attack

_NONE = "\ndef solve(kind, xs): return None\n"
_OTHERS = """
import os
OTHERS = [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]
DONE = []
def each(action):
    for pid in OTHERS:
        try:
            action(pid)
            DONE.append(pid)
        except OSError:
            pass
"""


def _on_others(name: str, action: str) -> Attack:
    """An action on every other process; where one succeeds, the program raises what no test expects."""
    source = f"{_OTHERS}{action}\ndef solve(kind, xs):\n    if DONE: raise KeyError('reached', DONE)\n"
    return Attack(name, source, WRONG)


_C = "import ctypes\nc = ctypes.CDLL(None, use_errno=True)\ndef ok(result):\n    if result != 0: raise OSError(ctypes.get_errno(), '')\n"

RUIN = [
    _on_others("SIGKILL to all others", "each(lambda pid: os.kill(pid, 9))"),
    _on_others("SIGSTOP to all others", "each(lambda pid: os.kill(pid, 19))"),
    _on_others("every signal to all others", "for number in range(0, 65): each(lambda pid: os.kill(pid, number))"),
    _on_others(
        "signals through descriptors of processes",
        "import signal\neach(lambda pid: signal.pidfd_send_signal(os.pidfd_open(pid), 9))",
    ),
    _on_others("signals to the judge's threads", f"{_C}each(lambda pid: ok(c.syscall(234, pid, pid, 9)))"),
    _on_others(
        "tracing of all others",
        f"{_C}each(lambda pid: ok(c.ptrace(16, pid, 0, 0)))\neach(lambda pid: ok(c.ptrace(0x4206, pid, 0, 0)))",
    ),
    _on_others(
        "limits of all others",
        "import resource\neach(lambda pid: resource.prlimit(pid, resource.RLIMIT_CPU, (0, 0)))\neach(lambda pid: resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, 0)))",
    ),
    _on_others("priority of all others", "each(lambda pid: os.setpriority(os.PRIO_PROCESS, pid, 19))"),
    _on_others(
        "scheduling of all others", "each(lambda pid: os.sched_setscheduler(pid, os.SCHED_IDLE, os.sched_param(0)))"
    ),
    _on_others("processors of all others", "each(lambda pid: os.sched_setaffinity(pid, {0}))"),
    _on_others(
        "descriptors of all others",
        f"{_C}\ndef take(pid):\n    if c.syscall(438, os.pidfd_open(pid), 3, 0) < 0: raise OSError\neach(take)",
    ),
    _on_others("memory of all others", "each(lambda pid: os.close(os.open(f'/proc/{pid}/mem', os.O_RDWR)))"),
    _on_others(
        "out-of-memory scores of all others",
        "def score(pid):\n    with open(f'/proc/{pid}/oom_score_adj', 'w') as file: file.write('1000')\neach(score)",
    ),
    _on_others(
        "names of all others",
        "def name(pid):\n    with open(f'/proc/{pid}/comm', 'w') as file: file.write('x')\neach(name)",
    ),
    _on_others("sessions of all others", "each(lambda pid: os.setpgid(pid, os.getpid()))"),
    _on_others(
        "SIGSTOP and SIGCONT to the whole group",
        "os.kill(0, 18)\nOTHERS.remove(1)\nfor number in (0, 18): each(lambda pid: os.killpg(pid, number))",
    ),
    Attack(
        "a signal that the kernel sends for its socket",
        f"""
import fcntl, os, socket, struct
for pid in [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]:
    try:
        a, b = socket.socketpair()
        fcntl.fcntl(a, fcntl.F_SETOWN, pid)
        fcntl.fcntl(a, 10, 9)  # F_SETSIG
        fcntl.fcntl(a, fcntl.F_SETFL, fcntl.fcntl(a, fcntl.F_GETFL) | os.O_ASYNC)
        b.send(b"x")
    except OSError:
        pass
{_NONE}""",
        WRONG,
    ),
    Attack(
        "a signal that the kernel sends for the channel",
        f"""
import fcntl, os
for pid in [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]:
    for fd in range(4):
        try:
            fcntl.fcntl(fd, fcntl.F_SETOWN, pid)
            fcntl.fcntl(fd, 10, 9)
            fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) | os.O_ASYNC)
        except OSError:
            pass
{_NONE}""",
        REFUSED,
    ),
    Attack(
        "kill(-1)", f"import os, signal\nif os.fork() == 0:\n    os.kill(-1, signal.SIGKILL)\n{_NONE}", CRASH + WRONG
    ),
    Attack(
        "its name looks like a line of /proc",
        "import ctypes\nctypes.CDLL(None).prctl(15, b'x) R 2 1 1', 0, 0, 0)\ndef solve(kind, xs):\n    while True: pass\n",
        LATE,
    ),
    Attack(
        "its name has bytes that are no text",
        f"import ctypes\nctypes.CDLL(None).prctl(15, b'\\xff\\n) \\xfe(', 0, 0, 0)\n{_NONE}",
        WRONG,
    ),
    Attack(
        "it takes the orphans",
        f"import ctypes, os\nctypes.CDLL(None).prctl(36, 1, 0, 0, 0)\nif os.fork() == 0:\n    if os.fork() == 0:\n        import time; time.sleep(30)\n    os._exit(0)\n{_NONE}",
        WRONG,
    ),
    Attack(
        "it is stopped while the judge waits",
        "import os, signal\ndef solve(kind, xs): os.kill(os.getpid(), signal.SIGSTOP)\n",
        LATE,
    ),
    Attack(
        "it is stopped, and a child continues it",
        "import os, signal, time\nif os.fork() == 0:\n    while True:\n        time.sleep(.2); os.kill(os.getppid(), signal.SIGCONT)\ndef solve(kind, xs):\n    while True: os.kill(os.getpid(), signal.SIGSTOP)\n",
        LATE,
    ),
    Attack(
        "it spins beside the judge, on every processor",
        "import os, threading\nfor _ in range(8):\n    if os.fork() == 0:\n        while True: pass\ndef solve(kind, xs): return None\n",
        LATE + WRONG,
    ),
    Attack(
        "locks on every file in sight",
        f"import fcntl, os\nfor name in ('/tmp', '/', '/dev/null', '/dev/shm', '/usr', os.__file__):\n    try: fcntl.flock(os.open(name, os.O_RDONLY), fcntl.LOCK_EX | fcntl.LOCK_NB)\n    except OSError: pass\n{_NONE}",
        WRONG,
    ),
    Attack(
        "a result's class that equals all",
        "class E(list):\n    def __eq__(self,o): return True\n    def __ne__(self,o): return False\n    __hash__=None\ndef solve(kind, xs): return E()",
        REFUSED,
    ),
    Attack(
        "a mapping without end",
        "from collections import UserDict\nclass D(UserDict):\n    def __iter__(self):\n        self.n = getattr(self,'n',0)+1\n        return iter(range(10**9))\n    def keys(self): return iter(int,1)\n    def __getitem__(self,k): return k\ndef solve(kind, xs): return D()",
        REFUSED,
    ),
    Attack("a view of 60 megabytes", "def solve(kind, xs): return memoryview(bytearray(60<<20))", REFUSED),
    Attack(
        "an address that is ten million digits",
        "import ipaddress\nclass IPv4Address(ipaddress.IPv4Address):\n    def __str__(self): return '1'*10**7\ndef solve(kind, xs): return IPv4Address('1.2.3.4')",
        REFUSED,
    ),
    Attack(
        "a text that grows as it is read",
        "from collections import UserString\nclass U(UserString):\n    def __str__(self): return 'a'*(50<<20)\ndef solve(kind, xs): return U('')",
        REFUSED,
    ),
    Attack(
        "a chain of 3,000 mappings",
        "from collections import ChainMap\nc=ChainMap()\nfor _ in range(3000): c=ChainMap(c)\ndef solve(kind, xs): return c",
        REFUSED,
    ),
    Attack(
        "part of a frame, from a thread",
        "import os, threading\ndef hold():\n    for fd in range(3, 10):\n        try: os.write(fd, bytes(3))\n        except OSError: pass\nthreading.Thread(target=hold).start()\ndef solve(kind, xs): return None\n",
        REFUSED,
    ),
    Attack(
        "sessions of its own that ignore signals",
        "import os, time\nfor _ in range(20):\n    if os.fork()==0:\n        os.setsid()\n        if os.fork()==0:\n            import signal\n            for s in range(1,32):\n                try: signal.signal(s, signal.SIG_IGN)\n                except (OSError, ValueError): pass\n            time.sleep(60)\n        os._exit(0)\ndef solve(kind, xs): return None\n",
        REFUSED,
    ),
    Attack(
        "pipes that hold memory",
        "import os, fcntl\nfs=[]\ntry:\n    while True:\n        r,w=os.pipe(); os.set_blocking(w,False); fs+= [r,w]\n        try: fcntl.fcntl(w, 1031, 1<<20)\n        except OSError: pass\n        try:\n            while True: os.write(w, bytes(65536))\n        except BlockingIOError: pass\nexcept OSError: pass\ndef solve(kind, xs): return None\n",
        REFUSED,
    ),
    Attack(
        "descriptors in flight",
        "import socket, array, os\nk=[]\ntry:\n    while True:\n        a,b=socket.socketpair(); k+=[a,b]\n        fds=[os.open('/dev/null',0) for _ in range(20)]\n        socket.send_fds(a,[b'x'],fds)\n        for f in fds: os.close(f)\nexcept OSError as e: print(e)\ndef solve(kind, xs): return None\n",
        REFUSED,
    ),
]
