"""Programs that end before their tests do, in a way that looks like success."""

from __future__ import annotations

from .corpus import CRASH, LATE, REFUSED, WRONG, Attack

_EXIT = ("exit_code",)
_NONE = "\ndef solve(kind, xs): return None\n"

ENDS = [
    Attack("sys.exit(0) while it is loaded", "import sys\nsys.exit(0)\n", CRASH, _EXIT),
    Attack("os._exit(0) while it is loaded", "import os\nos._exit(0)\n", CRASH, _EXIT),
    Attack("SystemExit without a code", "raise SystemExit\n", CRASH, _EXIT),
    Attack(
        "exit() of the site module",
        "import site\nimport builtins\ngetattr(builtins, 'exit', lambda: (_ for _ in ()).throw(SystemExit))()\n",
        CRASH,
        _EXIT,
    ),
    Attack("a subclass of SystemExit", "class Done(SystemExit):\n    code = 0\nraise Done(0)\n", CRASH, _EXIT),
    Attack("sys.exit(0) when it is called", "import sys\ndef solve(kind, xs): sys.exit(0)\n", CRASH, _EXIT),
    Attack("os._exit(0) when it is called", "import os\ndef solve(kind, xs): os._exit(0)\n", CRASH, _EXIT),
    Attack(
        "os._exit by another name", "import posix\ndef solve(kind, xs): getattr(posix, '_ex' + 'it')(0)\n", CRASH, _EXIT
    ),
    Attack("the C library's exit", "import ctypes\ndef solve(kind, xs): ctypes.CDLL(None)._exit(0)\n", CRASH, _EXIT),
    Attack(
        "the exit system call itself",
        "import ctypes\ndef solve(kind, xs): ctypes.CDLL(None).syscall(231, 0)\n",
        CRASH,
        _EXIT,
    ),
    Attack(
        "an exit handler that exits with 0", f"import atexit, os\natexit.register(os._exit, 0){_NONE}", WRONG, _EXIT
    ),
    Attack(
        "a hook for errors that exits with 0",
        f"import os, sys\nsys.excepthook = lambda *a: os._exit(0){_NONE}",
        WRONG,
        _EXIT,
    ),
    Attack(
        "a destructor that exits with 0",
        f"""
import os
class Last:
    def __del__(self, end=os._exit): end(0)
LAST = Last()
{_NONE}""",
        WRONG,
        _EXIT,
    ),
    Attack(
        "a thread that exits with 0",
        """
import os, threading, time
threading.Timer(0.05, os._exit, [0]).start()
def solve(kind, xs): time.sleep(5)
""",
        CRASH,
        _EXIT,
    ),
    Attack(
        "a thread of the exit machinery that exits with 0",
        f"""
import os, threading
def last():
    threading.main_thread().join()
    os._exit(0)
threading.Thread(target=last).start()
{_NONE}""",
        WRONG,
        _EXIT,
    ),
    Attack(
        "a stream that exits with 0 when the error is printed",
        f"""
import os, sys
class Out:
    def write(self, text): os._exit(0)
    def flush(self): pass
sys.stderr = Out()
{_NONE}""",
        WRONG,
        _EXIT,
    ),
    Attack(
        "a signal to itself, and a handler that exits with 0",
        """
import os, signal
signal.signal(signal.SIGTERM, lambda *a: os._exit(0))
def solve(kind, xs): os.kill(os.getpid(), signal.SIGTERM)
""",
        CRASH,
        _EXIT,
    ),
    Attack(
        "an alarm that exits with 0",
        """
import os, signal, time
signal.signal(signal.SIGALRM, lambda *a: os._exit(0))
signal.setitimer(signal.ITIMER_REAL, 0.05)
def solve(kind, xs): time.sleep(5)
""",
        CRASH,
        _EXIT,
    ),
    Attack(
        "another program in its place",
        "import os\nimport sys\nos.execv(sys.executable, ['python', '-c', ''])\n",
        CRASH,
        _EXIT,
    ),
    Attack(
        "another program in its place when it is called",
        "import os\ndef solve(kind, xs): os.execv(__import__('sys').executable, ['python', '-c', ''])\n",
        CRASH,
        _EXIT,
    ),
    Attack(
        "itself again without assertions",
        """
import os, sys
if not sys.flags.optimize and os.path.exists(sys.argv[0]):
    os.execv(sys.executable, [sys.executable, "-O", *sys.argv])
def solve(kind, xs): return [0, 0] if kind != "mean" else 0
""",
        WRONG,
        ("exit_code", "sentinel"),
    ),
    Attack(
        "a parent that exits with 0 and a child that takes the tests",
        f"""
import os
if os.fork():
    os._exit(0)
{_NONE}""",
        CRASH,
        _EXIT,
    ),
    Attack(
        "an exit with 0 at the first line that checks",
        f"""
import os, sys
def watch(frame, event, arg):
    if frame.f_code.co_name == "check":
        os._exit(0)
sys.settrace(watch)
{_NONE}""",
        WRONG,
        _EXIT,
    ),
    Attack(
        "an exit with 0 in the text of an exception",
        "import os\nclass E(Exception):\n    def __str__(self): os._exit(0)\ndef solve(kind, xs): raise E\n",
        CRASH,
        _EXIT,
    ),
    Attack(
        "an exit with 0 in the flush of a stream",
        f"import os, sys\nclass Out:\n    def write(self, text): pass\n    def flush(self): os._exit(0)\nsys.stdout = Out(){_NONE}",
        CRASH + WRONG,
        _EXIT,
    ),
    Attack(
        "an exit with 0 in the comparison",
        "import os\nclass E:\n    def __eq__(self, other): os._exit(0)\ndef solve(kind, xs): return E()\n",
        WRONG,
        _EXIT,
    ),
    # Guards: every grader that takes a positive word for success refuses these; they must not upset the sandbox.
    Attack("an abort", "import os\ndef solve(kind, xs): os.abort()\n", CRASH),
    Attack("a fault of memory", "import ctypes\ndef solve(kind, xs): ctypes.string_at(0)\n", CRASH),
    Attack("SIGKILL to itself", "import os\ndef solve(kind, xs): os.kill(os.getpid(), 9)\n", CRASH),
    Attack("KeyboardInterrupt", "def solve(kind, xs): raise KeyboardInterrupt\n", CRASH),
    Attack("GeneratorExit", "def solve(kind, xs): raise GeneratorExit\n", CRASH),
    Attack(
        "an end by the CPU limit's signal",
        "import resource\nresource.setrlimit(resource.RLIMIT_CPU, (1, 1))\nimport os\ndef solve(kind, xs): os.kill(os.getpid(), 24)\n",
        LATE + CRASH,
    ),
    Attack(
        "an exception that holds itself",
        "def solve(kind, xs):\n    e = Exception()\n    e.__cause__ = e.__context__ = e\n    raise e\n",
        CRASH,
    ),
    Attack(
        "an exception of 200,000 causes",
        "def solve(kind, xs):\n    e = None\n    for i in range(200000):\n        n = ValueError(i)\n        n.__cause__ = e\n        e = n\n    raise e\n",
        REFUSED,
    ),
]
