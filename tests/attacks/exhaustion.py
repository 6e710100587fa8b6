"""Scripts that use up what there is: processes, memory, files, disk, output, time.

No naive harness is named: one without limits would take this machine down.
"""

from __future__ import annotations

from .corpus import CONTAINED, CRASH, FINE, FULL, LATE, LOUD, Attack

_BURN = "def burn(s):\n    end = time.process_time() + s\n    while time.process_time() < end: pass\n"

PROCESSES = [
    Attack("processes without end", "import os\nwhile True: os.fork()\n", CRASH + LATE),
    Attack(
        "processes without end that ignore that there are no more",
        "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass\n",
        LATE,
    ),
    Attack(
        "processes that sleep",
        "import os, time\ntry:\n    while True:\n        if os.fork() == 0: time.sleep(99)\nexcept OSError: pass\n",
        FINE,
    ),
    Attack(
        "threads without end",
        "import threading, time\nwhile True: threading.Thread(target=time.sleep, args=(9,)).start()\n",
        CRASH + LATE,
    ),
    Attack(
        "threads that nobody ends",
        "import threading, time\nfor _ in range(20): threading.Thread(target=time.sleep, args=(99,)).start()\n",
        LATE,
    ),
    Attack(
        "zombies", "import os, time\nfor _ in range(25):\n    if os.fork() == 0: os._exit(0)\ntime.sleep(.1)\n", FINE
    ),
    Attack(
        "a process that forks itself anew every 10 ms",
        "import os, time\nif os.fork() == 0:\n    os.setsid()\n    for _ in range(10**6):\n        if os.fork(): os._exit(0)\n        os.setsid()\n        time.sleep(.01)\ntime.sleep(.1)\n",
        FINE,
    ),
    Attack(
        "twenty processes that fork themselves anew at once",
        "import os\nfor _ in range(20):\n    if os.fork() == 0:\n        os.setsid()\n        while True:\n            try:\n                if os.fork(): os._exit(0)\n            except OSError: pass\nimport time; time.sleep(.05)\n",
        CONTAINED,
    ),
    Attack(
        "programs that run programs",
        "import os, sys\nos.execv(sys.executable, [sys.executable, '-c', 'import os, sys\\nwhile True:\\n    if os.fork() == 0: os.execv(sys.executable, [sys.executable, *sys.argv])'])\n",
        CRASH + LATE,
    ),
    Attack("arguments without end", "import os, sys\nos.execv(sys.executable, ['x' * 100000] * 1000)\n", CRASH),
    Attack(
        "an environment without end",
        "import os, sys\nos.execve(sys.executable, ['python'], {str(n): 'x' * 100000 for n in range(1000)})\n",
        CRASH,
    ),
    Attack(
        "signals to itself without end",
        "import os, signal\nsignal.signal(10, lambda *a: None)\nwhile True: os.kill(os.getpid(), 10)\n",
        LATE,
    ),
    Attack(
        "timers of a microsecond",
        "import signal\nsignal.signal(signal.SIGALRM, lambda *a: None)\nsignal.setitimer(signal.ITIMER_REAL, 1e-6, 1e-6)\nwhile True: pass\n",
        LATE,
    ),
]
TIME = [
    Attack("a loop", "while True: pass\n", LATE),
    Attack("a loop in C", "sum(range(10**12))\n", LATE),
    Attack("a sleep", "import time\ntime.sleep(99)\n", LATE),
    Attack(
        "a lock that is taken twice",
        "import threading\nlock = threading.Lock()\nlock.acquire(); lock.acquire()\n",
        LATE,
    ),
    Attack("a read from a pipe that nobody writes to", "import os\nr, w = os.pipe()\nos.read(r, 1)\n", LATE),
    Attack("a stop", "import os\nos.kill(os.getpid(), 19)\n", LATE),
    Attack(
        "a stop of all that it started",
        "import os, signal\nfor _ in range(5):\n    if os.fork() == 0:\n        while True: os.kill(0, signal.SIGSTOP)\nimport time; time.sleep(99)\n",
        LATE,
    ),
    Attack(
        "an end that does not come: exit handlers",
        "import atexit\n@atexit.register\ndef last():\n    while True: pass\n",
        LATE,
    ),
    Attack(
        "an end that does not come: threads",
        "import threading\ndef f():\n    while True: pass\nthreading.Thread(target=f).start()\n",
        LATE,
    ),
    Attack("an end that does not come: finally", "import time\ntry: 1 / 0\nfinally: time.sleep(99)\n", LATE),
    Attack(
        "signals that it ignores",
        "import signal\nfor n in range(1, 65):\n    try: signal.signal(n, signal.SIG_IGN)\n    except (OSError, ValueError): pass\nwhile True: pass\n",
        LATE,
    ),
    Attack("a pattern that goes back and forth", "import re\nre.match('(a+)+$', 'a' * 64 + 'b')\n", LATE),
    Attack("a power", "x = 9 ** (9 ** 9)\n", LATE + FULL + CRASH),
    Attack(
        "a constant that the compiler works out",
        "x = 0 if False else " + "9" * 4000 + " ** 99999 ** 2\n",
        LATE + FULL + CRASH,
    ),
    Attack(
        "CPU time in children",
        f"import os, time\n{_BURN}for _ in range(6):\n    if os.fork() == 0: burn(.5); os._exit(0)\nfor _ in range(6): os.wait()\n",
        LATE,
    ),
    Attack(
        "CPU time in children that nobody waits for",
        f"import os, time\n{_BURN}for _ in range(6):\n    if os.fork() == 0: burn(.5); os._exit(0)\ntime.sleep(99)\n",
        LATE,
    ),
    Attack(
        "CPU time in threads",
        f"import threading, time\n{_BURN}for _ in range(6): threading.Thread(target=burn, args=(5,)).start()\n",
        LATE,
    ),
    Attack(
        "waiting that it causes itself, with children that are reaped unseen",
        f"""
import os, signal, time
{_BURN}
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
if os.fork() == 0:
    while True:
        if os.fork() == 0: burn(.05); os._exit(0)
        time.sleep(.04)
os.sched_setscheduler(0, os.SCHED_IDLE | os.SCHED_RESET_ON_FORK, os.sched_param(0))
while True: pass
""",
        CRASH,  # the class of idle processes is refused
    ),
    Attack(
        "waiting at the lowest priority, with children that are reaped unseen",
        f"""
import os, signal, time
{_BURN}
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
if os.fork() == 0:
    while True:
        if os.fork() == 0: burn(.05); os._exit(0)
        time.sleep(.04)
os.nice(19)
while True: pass
""",
        LATE,
        seconds=8.0,
    ),
]
MEMORY = [
    Attack("memory by doubling", "x = [0]\nwhile True: x += x\n", FULL),
    Attack("memory in small steps", "x = []\nwhile True: x.append(bytes(1000))\n", FULL + LATE),
    Attack("memory in one step", "x = bytearray(2**40)\n", FULL),
    Attack(
        "memory that it shares with itself",
        "import mmap\nm = mmap.mmap(-1, 400 << 20)\nfor at in range(0, len(m), 4096): m[at] = 1\n",
        FULL + CRASH,
    ),
    Attack(
        "memory that it shares with its children",
        "import mmap, os, time\nm = [mmap.mmap(-1, 60 << 20) for _ in range(4)]\nfor each in m:\n    if os.fork() == 0:\n        for at in range(0, len(each), 4096): each[at] = 1\n        time.sleep(.3); os._exit(0)\nfor _ in m: os.wait()\n",
        CONTAINED,
    ),
    Attack(
        "memory of children together",
        "import os, time\nfor _ in range(4):\n    if os.fork() == 0: x = bytearray(120 << 20); time.sleep(.3); os._exit(0)\nfor _ in range(4): os.wait()\n",
        CONTAINED,
    ),
    Attack(
        "memory errors that it ignores",
        "x = []\nwhile True:\n    try: x.append(bytearray(1 << 20))\n    except MemoryError: pass\n",
        LATE + FULL,
    ),
    Attack(
        "reserved memory without end",
        "import mmap\nx = []\nwhile True: x.append(mmap.mmap(-1, 1 << 30))\n",
        FULL + CRASH,
    ),
    Attack(
        "mappings without end", "import mmap\nx = []\nwhile True: x.append(mmap.mmap(-1, 4096))\n", FULL + CRASH + LATE
    ),
    Attack(
        "a stack without end",
        "import sys, threading\nsys.setrecursionlimit(10**9)\ndef f(): return f()\nf()\n",
        CRASH + FULL + LATE,
    ),
    Attack(
        "a stack of C without end",
        "import ctypes\nsort = ctypes.CDLL(None).qsort\nkind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)\ndef down(a, b):\n    x = (ctypes.c_int * 2)(2, 1)\n    sort(x, 2, 4, back)\n    return 0\nback = kind(down)\nimport sys\nsys.setrecursionlimit(10**8)\ndown(0, 0)\n",
        CRASH + FULL + LATE,
    ),
    Attack(
        "buffers of sockets",
        "import socket\nkeep = []\ntry:\n    while True:\n        a, b = socket.socketpair()\n        a.setblocking(False)\n        keep += [a, b]\n        try:\n            while True: a.send(bytes(1 << 16))\n        except BlockingIOError: pass\nexcept OSError: pass\n",
        CONTAINED,
    ),
    Attack(
        "buffers of pipes",
        "import fcntl, os\ntry:\n    while True:\n        r, w = os.pipe()\n        os.set_blocking(w, False)\n        fcntl.fcntl(w, 1031, 1 << 20)\n        os.write(w, bytes(1 << 20))\nexcept OSError: pass\n",
        CONTAINED,
    ),
    Attack(
        "the kernel's memory, while it asks to be spared",
        "import os, socket\nopen('/proc/self/oom_score_adj', 'w').write('0') if os.access('/proc/self/oom_score_adj', os.W_OK) else None\nkeep = []\nfor _ in range(8): os.fork()\ntry:\n    while True:\n        a, b = socket.socketpair(); a.setblocking(False); keep += [a, b]\n        try:\n            while True: a.send(bytes(1 << 16))\n        except BlockingIOError: pass\nexcept OSError: pass\n",
        CONTAINED,
    ),
    Attack("memory that is locked", "import ctypes\nctypes.CDLL(None).mlockall(3)\nx = bytearray(2**30)\n", FULL),
]
FILES = [
    Attack("open files", "x = [open('/dev/null') for _ in range(10**5)]\n", CRASH),
    Attack("open pipes", "import os\nx = [os.pipe() for _ in range(10**5)]\n", CRASH),
    Attack("a large file", "f = open('x', 'wb')\nwhile True: f.write(bytes(1 << 20))\n", CRASH),
    Attack("large files", "for n in range(10**4): open(str(n), 'wb').write(bytes(8 << 20))\n", CRASH),
    Attack(
        "large files in shared memory",
        "for n in range(10**4): open(f'/dev/shm/{n}', 'wb').write(bytes(8 << 20))\n",
        CRASH,
    ),
    Attack("a file of a terabyte with nothing in it", "open('x', 'wb').truncate(1 << 40)\n", CRASH),
    Attack(
        "files without names",
        "import os\nkeep = []\nwhile True:\n    fd = os.open('.', os.O_TMPFILE | os.O_RDWR)\n    keep.append(fd)\n    os.write(fd, bytes(8 << 20))\n    os.write(fd, bytes(8 << 20))\n",
        CRASH,
    ),
    Attack("files without content", "n = 0\nwhile True:\n    open(f'{n}', 'w').close(); n += 1\n", CRASH + LATE),
    Attack(
        "watches on files",
        "import ctypes\nc = ctypes.CDLL(None)\nfds = [c.inotify_init() for _ in range(10**4)]\n",
        CONTAINED,
    ),
]
OUTPUT = [
    Attack("output in large pieces", "import os\nwhile True: os.write(1, bytes(1 << 20))\n", LOUD),
    Attack("output in single bytes", "import os\nwhile True: os.write(1, b'x')\n", LOUD + LATE),
    Attack("errors in large pieces", "import os\nwhile True: os.write(2, bytes(1 << 20))\n", LOUD),
    Attack(
        "output of a child",
        "import os\nif os.fork() == 0:\n    while True: os.write(1, bytes(1 << 16))\nos.wait()\n",
        LOUD,
    ),
    Attack(
        "output of a child that outlives it",
        "import os, time\nif os.fork() == 0:\n    os.setsid()\n    while True: os.write(1, bytes(1 << 12))\ntime.sleep(.05)\n",
        LOUD + FINE,
    ),
    Attack(
        "a child that holds the output open",
        "import os, time\nif os.fork() == 0: time.sleep(99)\nprint('done')\n",
        FINE,
    ),
    Attack(
        "output of all threads",
        "import os, threading\ndef f():\n    while True: os.write(1, bytes(1 << 12))\nfor _ in range(8): threading.Thread(target=f).start()\n",
        LOUD,
    ),
    Attack("an error of a million lines", "def f(n): raise ValueError('x\\n' * 10**6)\nf(1)\n", LOUD),
]
EXHAUSTION = [*PROCESSES, *TIME, *MEMORY, *FILES, *OUTPUT]
