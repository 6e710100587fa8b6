"""What every backend must do. The expected verdict stands beside each program."""

from __future__ import annotations

import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import sandbox
from sandbox import CallTests, Limits, Pool, Program, StdioCase, StdioTests, Verdict
from sandbox.worker import Worker
from tests.fixtures.processes import alive, busy, descendants, until
from tests.fixtures.sandboxes import own_uids

SHORT = Limits(cpu_s=1.0, wall_s=2.0, memory_bytes=256 * 2**20, disk_bytes=8 * 2**20, output_bytes=100_000)
TESTS = CallTests(source="def check(f):\n    assert f(2) == 4\ncheck(double)", entry_point="double")

SCRIPTS = {
    "hello": ("print('hello')", Verdict.ACCEPTED),
    "exit 0 early": ("import sys; sys.exit()", Verdict.ACCEPTED),
    "exit 3": ("import sys; sys.exit(3)", Verdict.RUNTIME_ERROR),
    "exception": ("1 / 0", Verdict.RUNTIME_ERROR),
    "syntax error": ("def f(:", Verdict.COMPILE_ERROR),
    "null byte": ("x = 1\0", Verdict.COMPILE_ERROR),
    "deep nesting": ("(" * 5000 + ")" * 5000, Verdict.COMPILE_ERROR),
    "endless loop": ("while True: pass", Verdict.TIME_LIMIT),
    "endless loop in C": ("import itertools\nfor _ in itertools.product(range(9), repeat=99): pass", Verdict.TIME_LIMIT),
    "endless loop in a thread": ("import threading\nthreading.Thread(target=lambda: exec('while 1: 0')).start()", Verdict.TIME_LIMIT),
    "endless loop in a child": ("import os\nif os.fork() == 0:\n    while True: pass\nos.wait()", Verdict.TIME_LIMIT),
    "sleep": ("import time; time.sleep(100)", Verdict.TIME_LIMIT),
    "ignores signals": ("import signal\nfor s in range(1, 32):\n    try: signal.signal(s, lambda *a: 0)\n    except OSError: 0\nwhile 1: 0", Verdict.TIME_LIMIT),
    "memory hog": ("x = [0]\nwhile True: x += x", Verdict.MEMORY_LIMIT),
    "one large block": ("bytearray(2**40)", Verdict.MEMORY_LIMIT),
    "output flood": ("while True: print('x' * 1000)", Verdict.OUTPUT_LIMIT),
    "stderr flood": ("import sys\nwhile True: print('x' * 1000, file=sys.stderr)", Verdict.OUTPUT_LIMIT),
    "segmentation fault": ("import ctypes; ctypes.string_at(0)", Verdict.RUNTIME_ERROR),
    "kills itself": ("import os; os.kill(os.getpid(), 9)", Verdict.RUNTIME_ERROR),
    "fork bomb": ("import os\nwhile True: os.fork()", Verdict.RUNTIME_ERROR),
    "fills the disk": ("open('f', 'wb').write(b'x' * 2**24)", Verdict.RUNTIME_ERROR),
    "too many open files": ("files = [open('/dev/null') for _ in range(9999)]", Verdict.RUNTIME_ERROR),
    "kills all it may": ("import os\nos.kill(-1, 9)", Verdict.ACCEPTED),
    "reaches for the network": ("import socket; socket.create_connection(('192.0.2.1', 80), 1)", Verdict.RUNTIME_ERROR),
    "writes to the root": ("open('/usr/bin/x', 'w')", Verdict.RUNTIME_ERROR),
    "a message of many bytes": ("raise ValueError('\U0001F600' * 600)", Verdict.RUNTIME_ERROR),
    "an error whose text raises": ("class E(Exception):\n    def __str__(self): raise E\nraise E", Verdict.RUNTIME_ERROR),
    "a real-time signal": ("import os; os.kill(os.getpid(), 40)", Verdict.RUNTIME_ERROR),
    "stops itself": ("import os; os.kill(os.getpid(), 19)", Verdict.TIME_LIMIT),
    "shared memory": ("import mmap\nm = mmap.mmap(-1, 400 << 20)\nfor i in range(0, len(m), 4096): m[i] = 1", Verdict.MEMORY_LIMIT),
    "memory files": ("import os\nfds = [os.memfd_create(str(i)) for i in range(9)]", Verdict.RUNTIME_ERROR),
    "burns in children that nobody waits for": (
        "import os, signal, time\nsignal.signal(signal.SIGCHLD, signal.SIG_IGN)\n"
        "for _ in range(9):\n    if os.fork() == 0:\n        s = time.process_time()\n"
        "        while time.process_time() - s < .4: pass\n        os._exit(0)\n"
        "    try: os.wait()  # until it is gone: an ignored SIGCHLD leaves nothing to collect\n"
        "    except ChildProcessError: pass",
        Verdict.TIME_LIMIT,
    ),
    "lone surrogates in the output": ("print('a\\ud800b')", Verdict.RUNTIME_ERROR),
    "writes to the report channel": ("import os; os.write(3, b'{}')", Verdict.TAMPERED),
}  # fmt: skip

# Odd but right: all of these must be accepted.
INNOCENT = {
    "threads": "import threading\nt = [threading.Thread(target=print, args=(i,)) for i in range(20)]\n[x.start() for x in t]; [x.join() for x in t]",
    "multiprocessing": "import multiprocessing as m\nwith m.Pool(2) as p: assert p.map(abs, [-1, -2]) == [1, 2]",
    "subprocess": "import subprocess, sys\nassert subprocess.check_output([sys.executable, '-c', 'print(1)']) == b'1\\n'",
    "tempfile": "import tempfile\nwith tempfile.TemporaryFile() as f: f.write(b'x')",
    "recursion": "import sys\nsys.setrecursionlimit(20000)\ndef f(n): return n and 1 + f(n - 1)\nassert f(9000) == 9000",
    "main guard": "ran = False\nif __name__ == '__main__': ran = True\nassert ran",
    "numpy": "import numpy as np\nassert np.ones((50, 50)).dot(np.ones(50)).sum() == 2500",
    "150 MB": "x = bytearray(150 * 2**20); assert len(x)",
    "closes stdout": "import sys; sys.stdout.close()",
    "replaces stdout": "import io, sys\nsys.stdout = io.StringIO(); print('x')",
    "alarm": "import signal, time\nsignal.signal(signal.SIGALRM, lambda *a: None); signal.setitimer(signal.ITIMER_REAL, .05); time.sleep(.1)",
    "atexit": "import atexit; atexit.register(print, 'bye')",
    "own source": "import inspect\ndef f(): pass\nassert 'def f' in inspect.getsource(f)",
    "asyncio": "import asyncio\nasync def f(): return 7\nassert asyncio.run(f()) == 7",
    "dataclass and pickle": "import dataclasses, pickle\n@dataclasses.dataclass\nclass A:\n    x: int\nassert pickle.loads(pickle.dumps(A(1))) == A(1)",
    "unicode": "print('\\N{SNOWMAN} \\U0001F600')",
}  # fmt: skip


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_ends_in_its_verdict_and_leaves_the_worker_clean(box: Pool, name: str) -> None:
    source, expected = SCRIPTS[name]
    execution = box.run(Program(source=source), limits=SHORT)
    ended = name == "kills all it may" and not own_uids(box.backend)  # of one user id: its own sandbox too
    assert execution.verdict is (Verdict.RUNTIME_ERROR if ended else expected), execution
    after = box.run(
        Program(source="import os; print(os.listdir('.'), len([p for p in os.listdir('/proc') if p.isdigit()]))")
    )
    assert after.stdout == "['main.py'] 4\n", after  # the supervisor, two judges, itself


@pytest.mark.parametrize("name", INNOCENT)
def test_an_odd_but_right_script_is_accepted(box: Pool, name: str) -> None:
    execution = box.run(Program(source=INNOCENT[name]))
    assert execution.verdict is Verdict.ACCEPTED, execution


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("def double(x):\n    return 2 * x", Verdict.ACCEPTED),
        ("def double(x):\n    return x", Verdict.WRONG_ANSWER),
        ("def double(x):\n    return x.nope", Verdict.RUNTIME_ERROR),
        ("def other(x):\n    return 2 * x", Verdict.RUNTIME_ERROR),
        ("def double(x)\n    return 2 * x", Verdict.COMPILE_ERROR),
        ("def double(x):\n    while True: pass", Verdict.TIME_LIMIT),
        ("def double(x):\n    return bytearray(2**40)", Verdict.MEMORY_LIMIT),
        ("def double(x):\n    import os; os._exit(0)", Verdict.RUNTIME_ERROR),
        ("def double(x):\n    raise SystemExit(0)", Verdict.RUNTIME_ERROR),
        ("import os\nif os.fork(): os.wait()\ndef double(x):\n    return 2 * x", Verdict.ACCEPTED),
        ("import os\nos.fork()\ndef double(x):\n    return x", Verdict.WRONG_ANSWER),
        ("", Verdict.RUNTIME_ERROR),
    ],
)
def test_call_tests_decide_the_verdict(box: Pool, source: str, expected: Verdict) -> None:
    execution = box.run(Program(source=source), TESTS, SHORT)
    assert execution.verdict is expected, execution


def test_a_wrong_answer_names_the_line_that_failed(box: Pool) -> None:
    execution = box.run(Program(source="def double(x):\n    return x"), TESTS)
    assert "assert f(2) == 4" in execution.detail


def test_stdio_tests_run_the_program_once_per_case(box: Pool) -> None:
    cases = tuple(StdioCase(stdin=f"{n}\n{n}\n", stdout=f"{2 * n}  \n\n") for n in range(3))
    right = box.run(Program(source="import sys\nprint(sum(map(int, sys.stdin)))"), StdioTests(cases=cases))
    assert right.verdict is Verdict.ACCEPTED and right.cases == (Verdict.ACCEPTED,) * 3
    wrong = box.run(Program(source="print(int(input()) + 1)"), StdioTests(cases=cases))
    assert wrong.cases == (Verdict.WRONG_ANSWER,)


def test_stdin_argv_and_files_reach_the_program(box: Pool) -> None:
    source = "import sys\nprint(sys.argv[1:], sys.stdin.buffer.read(), open('a/b.txt').read())"
    program = Program(source=source, argv=("x", "y z"), stdin="in\u00e9", files={"a/b.txt": b"text"})
    assert box.run(program).stdout == "['x', 'y z'] b'in\\xc3\\xa9' text\n"


def test_a_large_stdin_that_is_not_read_does_not_block(box: Pool) -> None:
    assert box.run(Program(source="print(1)", stdin="x" * 10**6)).stdout == "1\n"


def test_exit_code_and_signal_are_those_of_the_first_process(box: Pool) -> None:
    assert box.run(Program(source="import sys; sys.exit('bye')")).exit_code == 1
    killed = box.run(Program(source="import os; os.abort()"))
    assert (killed.exit_code, killed.signal) == (None, 6)


def test_output_is_cut_at_the_limit_and_says_so(box: Pool) -> None:
    execution = box.run(Program(source="print('x' * 10**6)"), limits=SHORT)
    assert execution.truncated and len(execution.stdout) == SHORT.output_bytes


def test_cpu_time_counts_children_that_were_not_waited_for(box: Pool) -> None:
    # seen to end, but not waited for: a busy machine takes its time
    source = (
        "import os, time\nchild = os.fork()\nif child == 0:\n    s = time.process_time()\n"
        "    while time.process_time() - s < .3: pass\n    os._exit(0)\n"
        "os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)"
    )
    assert box.run(Program(source=source)).cpu_s > 0.25


def test_each_program_has_a_user_of_its_own_and_no_privileges(box: Pool, backend: str) -> None:
    source = (
        "import os\nprint(os.getuid())\nprint([l.split()[1] for l in open('/proc/self/status') if l[:6] == 'CapEff'])"
    )
    first, second = (box.run(Program(source=source)).stdout.splitlines() for _ in range(2))
    assert first[1] == second[1] == "['0000000000000000']"
    assert first[0] != second[0] or os.geteuid() != 0


DENIED = {
    "the supervisor's memory": "open('/proc/1/mem', 'rb')",
    "the supervisor's descriptors": "import os; os.listdir('/proc/1/fd')",
    "its environment": "open('/proc/1/environ').read()",
    "its limits": "import resource; resource.prlimit(1, resource.RLIMIT_NOFILE, (1, 1))",
    "tracing it": "import ctypes\nc = ctypes.CDLL(None, use_errno=True)\nif c.ptrace(16, 1, 0, 0): raise OSError",
}


@pytest.mark.parametrize("what", DENIED)
def test_the_supervisor_is_out_of_reach(box: Pool, what: str) -> None:
    source = f"try:\n    exec({DENIED[what]!r})\nexcept OSError:\n    print('denied')"
    assert box.run(Program(source=source)).stdout == "denied\n"


def test_a_user_without_privileges_is_as_safe() -> None:
    """bubblewrap in a user namespace: one uid inside, so each program has a sandbox of its own."""
    python = Path("/usr/bin/python3")
    if os.geteuid() != 0 or not python.exists():
        pytest.skip("only root can become another user, and that user needs a system interpreter")
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        shutil.copytree(Path(sandbox.__file__).parent, Path(folder) / "sandbox")
        code = (
            "import sandbox\n"
            "with sandbox.open('bubblewrap', workers=1) as box:\n"
            f"    for source in {list(DENIED.values())!r} + ['import os; os.kill(1, 9)', 'open(\"/tmp/x\", \"w\")']:\n"
            "        print(box.run(sandbox.Program(source=source)).verdict)\n"
            "    print(box.run(sandbox.Program(source='import os; print(len(os.listdir(\"/tmp\")))')).stdout)\n"
        )
        answer = subprocess.run(
            [python, "-c", code], cwd=folder, user=65534, group=65534, extra_groups=[], env={"PATH": "/usr/bin:/bin"},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    *ended, signals, writes, left = answer.stdout.split()
    assert ended == ["RUNTIME_ERROR"] * len(DENIED), answer.stderr
    assert signals in ("ACCEPTED", "RUNTIME_ERROR")  # ignored by the first process, or refused by Landlock
    assert (writes, left) == ("ACCEPTED", "1")


def test_nothing_that_a_program_leaves_reaches_the_next(box: Pool) -> None:
    plant = """
import os, subprocess, sys
for place in ('/tmp/x', '/dev/shm/x', 'x'):
    try: open(place, 'w').write('left')
    except OSError: pass
os.makedirs('/tmp/d/e', exist_ok=True); os.chmod('/tmp/d', 0)
if os.fork() == 0:
    os.setsid()
    import time; time.sleep(60)
"""
    for _ in range(3):
        assert box.run(Program(source=plant)).verdict is Verdict.ACCEPTED
        look = "import os\nprint([os.listdir(p) for p in ('.', '/dev/shm')], len(os.listdir('/tmp')), sum(p.isdigit() for p in os.listdir('/proc')))"
        assert box.run(Program(source=look)).stdout == "[['main.py'], []] 1 4\n"


@pytest.mark.parametrize("step", ["x.append(object())", "x = [x]", "x.append(bytes(100))"])
@pytest.mark.parametrize("form", ["script", "tests"])
def test_memory_that_runs_out_in_small_steps_is_called_so(box: Pool, step: str, form: str) -> None:
    source = f"x = []\nwhile True: {step}"
    limits = Limits(cpu_s=20, wall_s=40, memory_bytes=64 * 2**20)
    execution = box.run(Program(source=source), TESTS if form == "tests" else None, limits)
    assert execution.verdict is Verdict.MEMORY_LIMIT, execution


TREES = {
    "deep": "for i in range(3000): os.mkdir('d'); os.chdir('d')",
    "wide": "for i in range(3000): open(str(i), 'w')",
    "very wide": "try:\n    for i in range(50000): os.symlink('/', str(i))\nexcept OSError: pass",
    "closed": "os.makedirs('a/b/c'); open('a/b/c/f', 'w'); os.chmod('a/b', 0); os.chmod('a', 0)",
    "links": "os.symlink('/', 'root'); os.mkfifo('pipe'); os.link('pipe', 'p2')",
    "odd names": "open('\\n', 'w'); open('-rf', 'w'); os.mkdir('\\udcff'); open('x' * 255, 'w')",
}


@pytest.mark.parametrize("name", TREES)
def test_any_tree_of_files_is_gone_for_the_next_program(box: Pool, name: str) -> None:
    assert box.run(Program(source=f"import os\n{TREES[name]}")).verdict is Verdict.ACCEPTED
    look = box.run(Program(source="import os\nprint(len(os.listdir('/tmp')), os.listdir('/dev/shm'))"))
    assert look.stdout == "1 []\n"


def test_a_program_that_ends_its_sandbox_is_blamed_for_it(box: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    """However a program may do it (here the worker is ended by hand), it cannot get itself left out of the score."""
    run = Worker.run

    def lost(self: Worker, program: Program, *rest: Any) -> sandbox.Execution:
        if program.source == "hostile":
            _kill(self.name)
        return run(self, program, *rest)

    monkeypatch.setattr(Worker, "run", lost)
    execution = box.run(Program(source="hostile"))
    assert execution.verdict is Verdict.RUNTIME_ERROR and "ended its sandbox" in execution.detail


def test_stdio_lines_end_at_newlines_only(box: Pool) -> None:
    tests = StdioTests(cases=(StdioCase(stdin="", stdout="a\nb"),))
    assert box.run(Program(source="print('a\\x0cb')"), tests).verdict is Verdict.WRONG_ANSWER


def test_a_large_stdin_arrives_whole_and_soon(box: Pool) -> None:
    program = Program(source="import sys; print(len(sys.stdin.buffer.read()))", stdin="x" * 40_000_000)
    execution = box.run(program, limits=Limits(wall_s=5))
    assert execution.stdout == "40000000\n", execution


def test_surrogates_in_source_and_stdin_are_the_program_s_affair(box: Pool) -> None:
    assert box.run(Program(source="x = '\ud800'")).verdict is Verdict.COMPILE_ERROR
    assert box.run(Program(source="import sys; sys.stdin.buffer.read()", stdin="\ud800")).verdict is Verdict.ACCEPTED


SYSTEM_CALLS = {
    "System V memory": "c.shmget(77, 4096, 0o1666)",
    "System V queues": "c.msgget(77, 0o1666)",
    "POSIX queues": "c.syscall(240, b'q', 66, 0o666, None)",
    "keyrings": "c.syscall(248, b'user', b'k', b'v', 1, -4)",
    "io_uring": "c.syscall(425, 8, ctypes.create_string_buffer(200))",
    "userfaultfd": "c.syscall(323, 0)",
    "bpf": "c.syscall(321, 0, None, 0)",
    "perf": "c.syscall(298, None, 0, -1, -1, 0)",
    "new namespaces": "c.unshare(0x10000000)",
    "new namespaces by clone": "c.syscall(56, 0x10000011, None, None, None, None)",
    "vsock": "c.socket(40, 1, 0)",
    "packet sockets": "c.socket(17, 3, 0)",
    "raw sockets": "c.socket(2, 3, 1)",
    "memory of other processes": "c.syscall(310, 1, None, 0, None, 0, 0)",
}


@pytest.mark.parametrize("what", SYSTEM_CALLS)
def test_a_system_call_that_no_program_needs_is_denied(box: Pool, what: str) -> None:
    if platform.machine() != "x86_64":
        pytest.skip("the numbers here are those of x86-64")
    source = f"import ctypes\nc = ctypes.CDLL(None, use_errno=True)\nprint({SYSTEM_CALLS[what]}, ctypes.get_errno())"
    assert box.run(Program(source=source)).stdout in ("-1 1\n", "-1 97\n")  # EPERM, EAFNOSUPPORT


def test_a_call_of_a_foreign_architecture_kills_the_program(box: Pool) -> None:
    if platform.machine() != "x86_64":
        pytest.skip("int 0x80 is of x86")
    # mov eax, 20 (getpid of i386); int 0x80; ret
    source = (
        "import ctypes, mmap\n"
        "m = mmap.mmap(-1, 4096, prot=7)\nm.write(bytes([0xb8, 20, 0, 0, 0, 0xcd, 0x80, 0xc3]))\n"
        "ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(m)))()\nprint('ran')"
    )
    execution = box.run(Program(source=source))
    assert execution.stdout == "" and execution.signal == signal.SIGSYS


def test_cpu_time_decides_whatever_the_load(box: Pool) -> None:
    source = "import time\ns = time.process_time()\nwhile time.process_time() - s < {}: pass"
    burners = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2 * (os.cpu_count() or 1))]
    try:
        limits = Limits(cpu_s=1.0, wall_s=1.5)
        assert box.run(Program(source=source.format(0.5)), limits=limits).verdict is Verdict.ACCEPTED
        assert box.run(Program(source=source.format(2.0)), limits=limits).verdict is Verdict.TIME_LIMIT
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()


@pytest.mark.parametrize("work", ["while time.thread_time() < {}: pass", "time.sleep({} * 1000)"])
def test_a_thread_that_waits_for_a_processor_is_not_late_and_one_that_sleeps_is(box: Pool, work: str) -> None:
    source = f"""
import threading, time
def run():
    {work.format(0.5)}
thread = threading.Thread(target=run)
thread.start()
thread.join()
"""
    with busy():
        execution = box.run(Program(source=source), limits=Limits(cpu_s=1.0, wall_s=0.7))
    expected = Verdict.TIME_LIMIT if "sleep" in work else Verdict.ACCEPTED
    assert execution.verdict is expected, execution


def test_programs_that_crowd_each_other_out_are_not_late(backend: str) -> None:
    source, limits = "import time\nwhile time.process_time() < 0.5: pass\n", Limits(cpu_s=1.0, wall_s=1.0)
    crowd = 6 * (os.cpu_count() or 1)
    with sandbox.open(backend, workers=crowd, ceiling=limits) as pool, ThreadPoolExecutor(crowd) as threads:
        ended = list(threads.map(lambda n: pool.run(Program(source=f"{source}# {n}"), limits=limits), range(crowd)))
    assert {each.verdict for each in ended} == {Verdict.ACCEPTED}, ended


def test_many_threads_share_a_pool(backend: str) -> None:
    with sandbox.open(backend, workers=3) as pool, ThreadPoolExecutor(12) as threads:
        answers = list(threads.map(lambda n: pool.run(Program(source=f"print({n})")).stdout, range(60)))
    assert answers == [f"{n}\n" for n in range(60)]


def test_limits_above_the_pool_are_refused(box: Pool) -> None:
    with pytest.raises(ValueError, match="above those"):
        box.run(Program(source=""), limits=Limits(memory_bytes=2**40))


@pytest.mark.usefixtures("lasting")
def test_a_worker_that_dies_is_replaced_and_the_program_run_once_more(backend: str) -> None:
    with sandbox.open(backend, workers=1) as pool:
        pool.run(Program(source=""))
        (worker,) = pool._live
        _kill(worker.name)
        assert pool.run(Program(source="print(1)")).stdout == "1\n"


@pytest.mark.usefixtures("lasting")
def test_a_closed_pool_leaves_nothing(backend: str) -> None:
    with sandbox.open(backend, workers=2) as pool, ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda _: pool.run(Program(source="")), range(4)))
        names = [worker.name for worker in pool._live]
    assert names and not any(_alive(name) for name in names)


@pytest.mark.usefixtures("lasting")
def test_kill_minus_nine_of_the_host_leaves_nothing(backend: str) -> None:
    source = (
        "import sandbox, sys\n"
        f"pool = sandbox.open({backend!r}, workers=1)\n"
        "pool.run(sandbox.Program(source=''))\n"
        "print(next(iter(pool._live)).name, flush=True)\n"
        "pool.run(sandbox.Program(source='while True: pass'))\n"
    )
    with subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        name = process.stdout.readline().strip()
        time.sleep(0.5)
        assert _alive(name)
        process.kill()
    deadline = time.monotonic() + 20
    while _alive(name) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not _alive(name)


def _kill(name: str) -> None:
    kind, _, identity = name.partition(":")
    if kind == "bubblewrap":  # its first process ends with it, but a moment later
        inside = descendants(int(identity))
        os.kill(int(identity), signal.SIGKILL)
        until(lambda: not alive(inside), 10, "the sandbox ends")
    else:
        subprocess.run(["docker", "kill", identity], check=True, capture_output=True)


def _alive(name: str) -> bool:
    kind, _, identity = name.partition(":")
    if kind == "bubblewrap":
        return os.path.exists(f"/proc/{identity}")
    listed = subprocess.run(["docker", "ps", "-aq", "--no-trunc"], check=True, capture_output=True, text=True)
    return any(each.startswith(identity) for each in listed.stdout.split())
