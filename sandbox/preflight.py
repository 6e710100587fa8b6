"""What a sandbox must deny, proved on this host before it runs anybody's program.

Each property is asked for by a program that would get it in a sandbox that is too weak. A pool runs all of them when it
starts its first sandbox, and refuses to serve, naming the property, where one does not hold; `harness doctor` shows
them. Takes about 0.2 s. What is proved is what these programs ask for: a bug of the kernel is beyond it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

from sandbox.types import MIB, CallTests, Execution, Limits, Program, Tests, Verdict

Run = Callable[[Program, "Tests | None", Limits], Execution]
Limited = Callable[..., Execution]
# Small, for each program goes up to one of them: with 16 processes and 8 MiB of disk the proofs take 30 ms more.
LIMITS = Limits(cpu_s=2.0, wall_s=20.0, memory_bytes=128 * MIB, disk_bytes=2 * MIB, output_bytes=64 * 1024, processes=6)
PROCESSES = 4  # that a program finds: the supervisor, the judge, its process for these tests, and itself

# Ran by one program, one after the other; each must raise OSError. `call` is syscall(2) by number on x86-64 and arm64.
_ASKED = {
    "network": "socket.create_connection(('192.0.2.1', 80), 1)",
    "network over IPv6": "socket.create_connection(('2001:db8::1', 80), 1)",
    "sockets to the host (vsock)": "socket.socket(40, socket.SOCK_STREAM)",
    "raw packets": "socket.socket(17, socket.SOCK_RAW)",
    "kernel keyrings": "call((248, 217), b'user', b'x', b'y', 1, -3)",
    "io_uring": "call((425, 425), 1, ctypes.create_string_buffer(120))",
    "System V shared memory": "call((29, 194), 0, 4096, 0o1600)",
    "System V queues": "call((68, 186), 0, 0o1600)",
    "POSIX queues": "call((240, 180), b'/x', 0o102, 0o600, None)",
    "memory files": "os.memfd_create('x')",
    "tracing": "call((101, 117), 16, os.getppid(), 0, 0)",
    "kernel programs (bpf)": "call((321, 280), 0, ctypes.create_string_buffer(72), 72)",
    "user faults": "call((323, 282), 1)",
    "performance counters": "call((298, 241), ctypes.create_string_buffer(112), 0, -1, -1, 0)",
    "new namespaces": "call((272, 97), 0x10000000)",
    "mounts": "call((165, 40), b'x', b'/tmp', b'tmpfs', 0, None)",
    "other users": "os.setuid(0)",
    "compiled programs": "open('/build/harness-preflight', 'w')",
    "the root file system": "open('/usr/harness-preflight', 'w')",
    "the supervisor's memory": "open('/proc/1/mem', 'rb').read(1)",
    "the supervisor's environment": "open('/proc/1/environ', 'rb').read(1)",
    "the judge's memory": "none(lambda pid: open(f'/proc/{pid}/mem', 'rb').read(1))",
    "the judge's descriptors": "none(lambda pid: os.listdir(f'/proc/{pid}/fd'))",
    "signals to the judge": "none(lambda pid: os.kill(pid, 0))",
    "limits of the judge": "none(lambda pid: resource.prlimit(pid, resource.RLIMIT_NOFILE, (1, 1)))",
}
NEED_UIDS = ("signals to the judge", "compiled programs")
_PRELUDE = """
import ctypes, errno, os, platform, resource, socket
libc = ctypes.CDLL(None, use_errno=True)
def call(numbers, *arguments):
    number = numbers[platform.machine() == 'aarch64']
    if libc.syscall(number, *arguments) < 0 and ctypes.get_errno() in (errno.EPERM, errno.EACCES, errno.ENOSYS):
        raise OSError('denied')  # any other error is no refusal: the kernel looked at what was asked
def others():
    return [int(name) for name in os.listdir('/proc') if name.isdigit() and int(name) not in (1, os.getpid())]
def none(attempt):
    for pid in others():
        try: attempt(pid)
        except OSError: continue
        return
    raise OSError('denied by all')
def ask(name, what):
    try:
        exec(what)
    except OSError:
        return
    print(name)
"""
_PLANT = """
import os, time
for place in ('/tmp/planted', '/dev/shm/planted', 'planted'):
    try: open(place, 'w').close()
    except OSError: pass
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for fd in range(10):
            try: os.close(fd)
            except OSError: pass
        time.sleep(60)
    os._exit(0)
"""
_LOOK = """
import os
print(*[os.path.join(place, name) for place in ('/tmp', '/dev/shm', '.') for name in os.listdir(place)
        if name == 'planted'])
print(len([name for name in os.listdir('/proc') if name.isdigit()]))
"""
_ENDS = {
    "memory": ("x = bytearray(2**28)", Verdict.MEMORY_LIMIT),
    "output": ("while True: print('x' * 1000)", Verdict.OUTPUT_LIMIT),
    "processes": (
        "import os, time\nfor _ in range(99):\n    if os.fork() == 0: time.sleep(9)",
        Verdict.RUNTIME_ERROR,
    ),
    "open files": ("files = [open('/dev/null') for _ in range(9999)]", Verdict.RUNTIME_ERROR),
    "disk": ("f = open('f', 'wb', 0)\nfor _ in range(160): f.write(bytes(65536))", Verdict.RUNTIME_ERROR),
}
_TESTS = CallTests(source="assert answer() == 'marker-of-the-tests'", entry_point="answer")
_FORGED = """
class Equal:
    __eq__ = lambda self, other: True
    __hash__ = None
def answer():
    return Equal()
"""
_SEEN = """
import ctypes
def answer():
    wanted = bytes(reversed(b'stset-eht-fo-rekram'))
    for line in [line.split() for line in open('/proc/self/maps')]:
        if line[1].startswith('rw') and line[-1] not in ('[vvar]', '[vsyscall]'):
            low, high = (int(part, 16) for part in line[0].split('-'))
            found = ctypes.string_at(low, high - low)
            at = found.find(b'== \\'' + wanted)
            if at >= 0: return found[at + 4:at + 23].decode()
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One property, and what was seen where it does not hold; empty where it does."""

    name: str
    fault: str


def prove_denials(run: Run, ceiling: Limits, uids: bool) -> list[Finding]:
    """Every property, asked for through `run`, which takes limits within `ceiling`. Raises as `run` does.

    uids: whether each program has a user of its own. Without, it may signal its judge and change its own compiled
    program, which gains it nothing: a judge that is gone accepts nobody, and the sandbox serves one program.
    """
    asked = {name: what for name, what in _ASKED.items() if uids or name not in NEED_UIDS}
    limits = dataclasses.replace(
        LIMITS,
        memory_bytes=min(LIMITS.memory_bytes, ceiling.memory_bytes),
        disk_bytes=min(LIMITS.disk_bytes, ceiling.disk_bytes),
        processes=min(LIMITS.processes, ceiling.processes),
        open_files=min(LIMITS.open_files, ceiling.open_files),
    )

    def limited(program: Program, tests: Tests | None = None, cpu_s: float = limits.cpu_s) -> Execution:
        return run(program, tests, dataclasses.replace(limits, cpu_s=cpu_s))

    return [*_denials(limited, asked), *_between_programs(limited), *_limits(limited), *_judging(limited)]


def _denials(run: Limited, asked: dict[str, str]) -> list[Finding]:
    asks = "\n".join(f"ask({name!r}, {what!r})" for name, what in asked.items())
    tail = "\nprint([line for line in open('/proc/self/status') if line[:7] == 'CapEff:'][0].split()[1])"
    execution = run(Program(source=_PRELUDE + asks + tail))
    *granted, capabilities = execution.stdout.splitlines() or [""]
    if execution.verdict is not Verdict.ACCEPTED or not capabilities:
        return [
            Finding(name="denials", fault=f"the program that asks ended in {execution.verdict}: {execution.detail}")
        ]
    held = "" if int(capabilities, 16) == 0 else f"a program holds {capabilities}"
    found = [Finding(name=name, fault="granted" if name in granted else "") for name in asked]
    return [*found, Finding(name="capabilities", fault=held)]


def _between_programs(run: Limited) -> list[Finding]:
    run(Program(source=_PLANT))
    files, processes = (run(Program(source=_LOOK)).stdout + "\n\n").split("\n")[:2]
    return [
        Finding(name="files for the next program", fault=f"left: {files}" if files.strip() else ""),
        Finding(name="survivors", fault="" if processes == str(PROCESSES) else f"{processes} processes are there"),
    ]


def _limits(run: Limited) -> list[Finding]:
    findings = []
    for name, (source, expected) in _ENDS.items():
        verdict = run(Program(source=source)).verdict
        findings.append(Finding(name=f"limit of {name}", fault="" if verdict is expected else f"ended in {verdict}"))
    looped = run(Program(source="while True: pass"), None, 0.02)
    fault = "" if looped.verdict is Verdict.TIME_LIMIT else f"ended in {looped.verdict}"
    if looped.wall_s >= LIMITS.wall_s:  # that was the clock
        fault = f"ended after {looped.wall_s:.1f} s"
    return [*findings, Finding(name="limit of CPU time", fault=fault)]


def _judging(run: Limited) -> list[Finding]:
    findings = []
    for name, source in (("forged equality", _FORGED), ("tests in a program's memory", _SEEN)):
        accepted = run(Program(source=source), _TESTS).verdict is Verdict.ACCEPTED
        findings.append(Finding(name=name, fault="a program that used it was accepted" if accepted else ""))
    return findings
