"""Ways around the edges: attacks that aim at the judge's pace, the report, the host's resources, the next program."""

from __future__ import annotations

# A program that takes the judge's channel and reports a failure of its own with 20 MB of text.
LONG_DETAIL = """
import os, struct, sys, time
at = sys._getframe()
while "channel" not in at.f_locals: at = at.f_back
body = ('["%s","failed","program","X","' % at.f_locals["channel"].nonce + "A" * 20_000_000 + '"]').encode()
view = memoryview(struct.pack(">I", len(body)) + body)
while view: view = view[os.write(3, view):]
time.sleep(9)
"""
# Sockets whose queues are full hold memory that no process is charged with.
FULL_SOCKETS = """
import ctypes, os, socket, time
ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)
open("/proc/self/oom_score_adj", "w").write("0")
for _ in range(60):
    if os.fork() == 0:
        keep = []
        for _ in range(120):
            try: pair = socket.socketpair()
            except OSError: break
            keep += pair
            for each in pair:
                each.setblocking(False)
                try:
                    while True: each.send(bytes(32768))
                except BlockingIOError: pass
        time.sleep(30)
time.sleep(6)
"""
ASYNC_SLOTS = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
for size in (60000, 4000, 4000, *[1] * 50): libc.syscall(206, size, ctypes.byref(ctypes.c_ulong(0)))
print(open("/proc/sys/fs/aio-nr").read())
"""
SYNC = (
    "import os, time\nstart = time.monotonic()\nfor _ in range(100): os.sync()\nprint(time.monotonic() - start < 1)\n"
)
# Every place that a program may write to, filled; prints the MiB that fit.
FILL = """
import os
written = 0
for root, folders, _ in os.walk("/"):
    folders[:] = [name for name in folders if os.path.join(root, name) not in ("/proc", "/sys")]
    name = os.path.join(root, f"fill-{os.getpid()}")
    try:
        with open(name, "wb", 0) as file:
            for _ in range(256): written += file.write(bytes(1 << 20))
    except OSError:
        pass
print(written >> 20)
"""
# Files without content in every place, until there is no room; prints how many were made.
EMPTY_FILES = """
import itertools, os
made = 0
for root, folders, _ in os.walk("/"):
    folders[:] = [name for name in folders if os.path.join(root, name) not in ("/proc", "/sys", "/usr", "/opt")]
    try:
        for n in range(30_000):
            os.close(os.open(os.path.join(root, f"empty-{n}"), os.O_CREAT | os.O_EXCL))
            made += 1
    except OSError:
        pass
print(made)
"""
# Sockets passed to the judge with the answer: what lies in its queue is its to close.
PASSED_SOCKETS = """
import array, os, socket
def f(x):
    channel = socket.socket(fileno=os.dup(3))
    pairs = [socket.socketpair() for _ in range(50)]
    fds = array.array("i", [each.fileno() for pair in pairs for each in pair])
    try:
        channel.sendmsg([b""], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])
        channel.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])
    except OSError:
        pass
    return x
"""
# Refused calls, without end, of many processes: each is held until it was answered.
REFUSED_CALLS = """
import ctypes, os
call = ctypes.CDLL(None, use_errno=True).syscall
for _ in range(4): os.fork()
while True: call(425, 8, None)
"""
# What others and the machine did, where a program might look for a word from an earlier one.
OTHERS = {
    "the supervisor's CPU time": "open('/proc/1/stat').read()",
    "the supervisor's command": "open('/proc/1/cmdline').read()",
    "the judge's memory": "[open(f'/proc/{pid}/statm').read() for pid in os.listdir('/proc') if pid.isdigit() and int(pid) != os.getpid()]",
    "interrupts": "open('/proc/interrupts').read()",
    "pages that were moved": "open('/proc/vmstat').read()",
    "open files of all": "open('/proc/sys/fs/file-nr').read()",
    "sockets of all": "open('/proc/self/../1/net/sockstat').read()",
    "the group's CPU time": "[open(f'/sys/fs/cgroup/{name}').read() for name in ('cpuacct/cpuacct.usage', 'cpu.stat')]",
    "the supervisor's CPU time by a clock": "__import__('time').clock_gettime((~1 << 3) | 2)",
    "the supervisor's CPU time by a timer": "ok(c.timer_create((~1 << 3) | 2, None, ctypes.byref(ctypes.c_long())))",
    "what others open": "ok(c.inotify_init1(0))",
    "what others do to a directory": "__import__('fcntl').fcntl(os.open('/usr', os.O_RDONLY), 1026, 1)",
    "which pages are in memory, by a read": "os.preadv(os.open(sys.executable, os.O_RDONLY), [bytearray(1)], 0, os.RWF_NOWAIT)",
    "pages that a node gave": "open('/sys/devices/system/node/node0/numastat').read(), open('/sys/devices/system/node/node0/vmstat').read()",
    "how long a processor slept": "open('/sys/devices/system/cpu/cpu0/cpuidle/state0/usage').read()",
    "the group's memory": "[open(f'/sys/fs/cgroup/{name}').read() for name in ('memory/memory.max_usage_in_bytes', 'memory.peak')]",
    "files of the queue's folder": "open('/dev/mqueue/note', 'w')",
    "how many sockets there were": "socket.socket(socket.AF_UNIX).getsockopt(1, 57, 8)",
    "which pages others have read": "ok(c.mincore(ctypes.c_void_p(id(ok) & ~4095), 4096, ctypes.create_string_buffer(1)))",
}
INTERNET = {
    "IPv4": "socket.socket(socket.AF_INET)",
    "IPv6": "socket.socket(socket.AF_INET6)",
    "to itself": "socket.create_server(('127.0.0.1', 0))",
    "packets": "socket.socket(socket.AF_PACKET, socket.SOCK_RAW)",
    "netlink": "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)",
    "a pair": "socket.socketpair(socket.AF_INET)",
    "a pair within a cluster": "socket.socketpair(socket.AF_TIPC, socket.SOCK_SEQPACKET)",
}
# Children that nobody waits for use CPU time that /proc forgets.
UNSEEN_CHILDREN = """
import os, signal, time
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
end = time.monotonic() + 20
while time.monotonic() < end:
    try:
        if os.fork() == 0:
            start = time.process_time()
            while time.process_time() - start < 0.004: pass
            os._exit(0)
    except OSError:
        pass
"""
# What a program finds in the memory of its process: any digest, of any part of the tests, in the usual forms.
DIGESTS = """
import hashlib, json, re
def f(x):
    seen = set()
    texts = [CANDIDATES]
    for line in [line.split() for line in open("/proc/self/maps")]:
        if line[1].startswith("rw") and line[-1] not in ("[vvar]", "[vsyscall]"):
            import ctypes
            low, high = (int(part, 16) for part in line[0].split("-"))
            seen.update(re.findall(rb"[0-9a-f]{16,128}", ctypes.string_at(low, high - low)))
    return sorted(each.decode() for each in seen)
"""
