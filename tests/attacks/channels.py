"""Programs that report for themselves: on every descriptor, in every form that a harness may read; and false clocks."""

from __future__ import annotations

from .corpus import CRASH, FORGED, LATE, REFUSED, WRONG, Attack

_NONE = "\ndef solve(kind, xs): return None\n"
_EVERYWHERE = """
import os
def say(data, first=0):
    for fd in range(first, 64):
        try:
            os.write(fd, data)
        except OSError:
            pass
"""
_RIGHT_BUT_SLOW = """
def solve(kind, xs):
    real_sleep(SECONDS)
    if kind == "mean":
        return sum(xs) / len(xs)
    found = sorted(set(xs))
    return found if kind == "unique" else "-".join(found)
"""
_FRAME = "import json, struct\ndef frame(message):\n    data = json.dumps(message).encode()\n    return struct.pack('>I', len(data)) + data\n"

CHANNELS = [
    Attack(
        "passed on every descriptor",
        f"{_EVERYWHERE}\ndef solve(kind, xs):\n    say(b'passed')\n    os._exit(0)\n",
        REFUSED,
        ("namespace", "compare", "sheet"),
    ),
    Attack(
        "passed on every descriptor while it is loaded",
        f"{_EVERYWHERE}say(b'passed')\nos._exit(0)\n",
        REFUSED,
        ("namespace", "compare", "sheet"),
    ),
    Attack(
        "passed on every descriptor but the channel",
        "import os\nfor fd in [*range(3), *range(4, 64)]:\n    try: os.write(fd, b'passed')\n    except OSError: pass\nos._exit(0)\n",
        CRASH,
        ("namespace", "compare"),
    ),
    Attack(
        "passed through the descriptors in /proc",
        f"import os\nfor fd in os.listdir('/proc/self/fd'):\n    try: os.write(os.open('/proc/self/fd/' + fd, os.O_WRONLY), b'passed')\n    except OSError: pass\n{_NONE}",
        WRONG,
    ),
    Attack(
        "a verdict as JSON on every descriptor",
        f"{_EVERYWHERE}{_FRAME}say(frame({{'verdict': 'ACCEPTED', 'detail': '', 'truncated': False, 'stdout': '', 'stderr': ''}}))\nos._exit(0)\n",
        FORGED,
    ),
    Attack(
        "the supervisor's measures on every descriptor",
        f"{_EVERYWHERE}{_FRAME}say(frame({{'limit': None, 'exit_code': 0, 'signal': None, 'wall_s': 0, 'cpu_s': 0, 'dirty': False, 'last': True}}), 1)\n{_NONE}",
        FORGED,
    ),
    Attack(
        "a finding of the judge on every descriptor but the channel",
        f"{_FRAME}import os\nfor fd in [1, 2, *range(4, 64)]:\n    try: os.write(fd, frame({{'verdict': 'ACCEPTED', 'detail': '', 'stdout': '', 'stderr': ''}}))\n    except OSError: pass\n{_NONE}",
        WRONG,
    ),
    Attack(
        "words of test runners on stdout and stderr",
        f"import sys\nfor out in (sys.stdout, sys.stderr):\n    print('OK\\n1 passed in 0.01s\\nRan 3 tests\\n\\nOK\\npassed\\nACCEPTED\\n[\"done\"]', file=out)\n{_NONE}",
        WRONG,
    ),
    Attack(
        "its own file is read for the word that it must print",
        """
import re, sys
try:
    for word in re.findall(r"print\\('([0-9.e-]+)'\\)", open(sys.argv[0]).read()):
        print(word)
except OSError:
    pass
def solve(kind, xs): return None
""",
        WRONG,
        ("sentinel",),
    ),
    Attack(
        "the stack is read for the word that it must print",
        """
import linecache, sys
frame = sys._getframe()
while frame is not None:
    for line in linecache.getlines(frame.f_code.co_filename):
        if line.startswith("print('0."):
            print(line[7:-2].rstrip("'"))
    frame = frame.f_back
def solve(kind, xs): return None
""",
        WRONG,
        ("sentinel",),
    ),
    Attack(
        "the answer before the question, with a guessed nonce",
        f"{_FRAME}import os\nfor n in range(20): os.write(3, frame([f'{{n:016x}}', 'ready']))\n{_NONE}",
        FORGED,
    ),
    Attack(
        "done with the nonce that it finds in memory",
        f"""{_FRAME}
import gc, os
for each in gc.get_objects():
    nonce = getattr(each, "nonce", None)
    if type(nonce) is str and len(nonce) == 16:
        os.write(3, frame([nonce, "done"]))
{_NONE}""",
        FORGED,
    ),
    Attack(
        "ready twice with the nonce that it finds in memory",
        f"""{_FRAME}
import gc, os
for each in gc.get_objects():
    nonce = getattr(each, "nonce", None)
    if type(nonce) is str and len(nonce) == 16:
        os.write(3, frame([nonce, "ready"]))
{_NONE}""",
        FORGED,
    ),
    Attack(
        "verdicts to every UNIX socket in sight",
        f"""{_FRAME}
import os, socket
names = ["/run/harness/socket", "/var/run/docker.sock", "/run/docker.sock", "/run/containerd/containerd.sock"]
names += ["\\0" + name for name in ("harness", "judge", "supervisor")]
for name in names:
    try:
        with socket.socket(socket.AF_UNIX) as found:
            found.connect(name)
            found.sendall(frame({{"verdict": "ACCEPTED"}}))
            print("reached", name)
    except OSError:
        pass
{_NONE}""",
        WRONG,
    ),
    Attack(
        "results into files that a harness may collect",
        f"""
import json, os
for name in ("result.json", "results.jsonl", "report.xml", "junit.xml", "/tmp/result.json", "/tmp/verdict", "../result.json"):
    try:
        with open(name, "w") as file: json.dump({{"passed": True, "verdict": "ACCEPTED", "exit_code": 0}}, file)
    except OSError:
        pass
{_NONE}""",
        WRONG,
    ),
    Attack(
        "links where a harness may write",
        f"import os\nfor name in ('stdout', 'stderr', 'main.py', 'program.py', 'tests.py', 'combined.py'):\n    try: os.symlink('/proc/self/environ', name)\n    except OSError: pass\n{_NONE}",
        WRONG,
    ),
    Attack("stdout is closed", f"import os\nos.close(1); os.close(2)\n{_NONE}", WRONG),
    Attack(
        "stdin, stdout and stderr are the channel",
        "import os\nfor fd in range(3): os.dup2(3, fd)\nprint('passed', flush=True)\ndef solve(kind, xs): return None\n",
        FORGED,
    ),
    Attack(
        "a descriptor in the place of the channel",
        f"import os, socket\na, b = socket.socketpair()\nos.dup2(a.fileno(), 3)\nimport threading\n{_NONE}",
        REFUSED,
    ),
    Attack(
        "/dev/null in the place of the channel",
        f"import os\nos.dup2(os.open('/dev/null', os.O_RDWR), 3)\n{_NONE}",
        CRASH,
    ),
    Attack("the channel is closed", f"import os\nos.close(3)\n{_NONE}", CRASH),
    Attack("a child answers for its parent", f"import os\nif os.fork():\n    os.wait()\n{_NONE}", WRONG),
    # Clocks: right programs that are too slow for the limits of the sandbox, and of the grader.
    Attack(
        "time.time stands still",
        "import time\nreal_sleep, SECONDS = time.sleep, 0.6\nNOW = time.time()\ntime.time = time.monotonic = time.perf_counter = time.process_time = lambda: NOW\n"
        + _RIGHT_BUT_SLOW,
        LATE,
        ("clock",),
    ),
    Attack(
        "time runs backwards",
        "import itertools, time\nreal_sleep, SECONDS = time.sleep, 0.6\nTICK = itertools.count()\ntime.time = lambda: -next(TICK) * 10.0\n"
        + _RIGHT_BUT_SLOW,
        LATE,
        ("clock",),
    ),
    Attack(
        "alarms are switched off",
        """
import signal, time
real_sleep, SECONDS = time.sleep, 0.6
NOW = time.time()
time.time = lambda: NOW
signal.signal(signal.SIGALRM, signal.SIG_IGN)
signal.setitimer(signal.ITIMER_REAL, 0)
for name in ("SIGXCPU", "SIGVTALRM", "SIGPROF", "SIGTERM", "SIGINT"):
    signal.signal(getattr(signal, name), signal.SIG_IGN)
"""
        + _RIGHT_BUT_SLOW,
        LATE,
        ("clock",),
    ),
]
