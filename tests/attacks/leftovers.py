"""What a program may leave for the next: each is planted, and `LOOK` must see what it saw in a fresh sandbox.

No naive harness is named: the first to run programs one after another in one folder would do.
"""

from __future__ import annotations

# Prints all that a program can see of its predecessors. /proc/net/unix has the sockets of this network
# namespace; the one by which the supervisor met the host has another name in each sandbox.
LOOK = """
import os
def names(path):
    try: return sorted(os.listdir(path))
    except OSError as error: return type(error).__name__
def text(path):
    try: return open(path).read()
    except OSError as error: return type(error).__name__
print([names(path) for path in (".", "/tmp", "/dev/shm", "/dev/mqueue", "/run/lock", "/var/tmp", "/dev/pts")])
print([len(text("/proc/sysvipc/" + kind).splitlines()) for kind in ("shm", "sem", "msg")])
print(sorted(line.split()[-1] for line in text("/proc/net/unix").splitlines() if ("@" in line or "/" in line) and "harness-" not in line))
print(sum(name.isdigit() for name in os.listdir("/proc")))
print(len(text("/proc/locks").splitlines()) < 1000, sorted(os.environ), os.getcwd(), oct(os.umask(0)))
print(len(os.sched_getaffinity(0)) > 0, os.getpriority(os.PRIO_PROCESS, 0), os.sched_getscheduler(0))
import resource
print([resource.getrlimit(each) for each in range(16) if each not in (0, 2, 9)])
import signal, sys
print([n for n in range(1, 65) if n not in (13, 25, 32, 33) and signal.getsignal(n) is signal.SIG_IGN], sys.getswitchinterval())
"""

_EVERYWHERE = "import os\nfor place in ('.', '/tmp', '/dev/shm', '/dev/mqueue', '/var/tmp', '/run', '/run/lock', '/', '/dev', '/home', '/opt', '/usr/tmp'):\n    try:\n        {}\n    except OSError: pass\n"
_DAEMON = "import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        {}\n    os._exit(0)\nos.wait()\ntime.sleep(.05)\n"

LEFTOVERS = {
    "files in every place": _EVERYWHERE.format("open(place + '/left', 'w').write('left')"),
    "hidden files in every place": _EVERYWHERE.format("open(place + '/.left', 'w').write('left')"),
    "folders in every place": _EVERYWHERE.format("os.makedirs(place + '/left/left')"),
    "links in every place": _EVERYWHERE.format("os.symlink('/', place + '/left')"),
    "pipes in every place": _EVERYWHERE.format("os.mkfifo(place + '/left')"),
    "sockets in every place": _EVERYWHERE.format("__import__('socket').socket(1).bind(place + '/left')"),
    "files that run as their owner": _EVERYWHERE.format(
        "open(place + '/left', 'w').write('left'); os.chmod(place + '/left', 0o6777)"
    ),
    "closed folders": "import os\nos.makedirs('/tmp/a/b/c')\nopen('/tmp/a/b/c/d', 'w')\nfor each in ('/tmp/a/b/c', '/tmp/a/b', '/tmp/a'): os.chmod(each, 0)\n",
    "folders 5000 deep": "import os\nfor _ in range(5000): os.mkdir('d'); os.chdir('d')\n",
    "folders 300 deep with long names": "import os\nfor _ in range(300): os.mkdir('d' * 255); os.chdir('d' * 255)\nopen('x', 'w')\n",
    "ten thousand files": "for n in range(10000): open(str(n), 'w').close()\n",
    "names that are no text": "import os\nfor name in (b'\\xff\\xfe', b'\\n', b'-rf', b'*', b'$(true)', b' ', b'x' * 255, b'moved-0'): open(name, 'w').close()\nos.mkdir(b'\\xff')\n",
    "attributes of files": "import os\nopen('x', 'w').close()\nfor name in (b'user.left', b'trusted.left', b'security.left'):\n    try: os.setxattr('x', name, b'left')\n    except OSError: pass\n",
    "files that cannot be changed": "import fcntl, struct\nf = open('/tmp/left', 'w')\ntry: fcntl.ioctl(f, 0x40086602, struct.pack('l', 0x10))\nexcept OSError: pass\n",
    "files that are open": "import os\nkeep = [open(f'/dev/shm/{n}', 'w') for n in range(100)]\nos.unlink('/dev/shm/1')\n",
    "mapped files that were removed": "import mmap, os\nf = open('/dev/shm/left', 'w+b')\nf.truncate(1 << 20)\nm = mmap.mmap(f.fileno(), 1 << 20)\nm[:4] = b'left'\nos.unlink('/dev/shm/left')\n",
    "its working folder renamed": "import os\nos.rename('/tmp/program', '/tmp/other')\n",
    "its working folder removed": "import os\n__import__('shutil').rmtree('/tmp/program')\n",
    "a link for the next working folder": "import os\n__import__('shutil').rmtree('/tmp/program')\nos.symlink('/dev/shm', '/tmp/program')\n",
    "a file for the next working folder": "import os\n__import__('shutil').rmtree('/tmp/program')\nopen('/tmp/program', 'w').close()\n",
    "modules where the next looks for them": "import os, sys\nfor place in [*sys.path, '.', '/tmp']:\n    for name in ('numpy.py', 'sitecustomize.py', 'usercustomize.py', 'math.py', 'json.py'):\n        try: open(os.path.join(place, name), 'w').write('raise SystemExit(0)')\n        except OSError: pass\n",
    "compiled modules where the next looks for them": "import json, os, py_compile\ntry: py_compile.compile(json.__file__, json.__cached__, doraise=True)\nexcept Exception: pass\n",
    "a child that waits": "import os, time\nif os.fork() == 0: time.sleep(99)\n",
    "a daemon": _DAEMON.format("time.sleep(99)"),
    "a daemon that ignores signals": _DAEMON.format(
        "import signal; [signal.signal(n, signal.SIG_IGN) for n in range(1, 32) if n not in (9, 19)]; time.sleep(99)"
    ),
    "a daemon that is stopped": _DAEMON.format("os.kill(os.getpid(), 19)"),
    "a daemon that writes again what is removed": _DAEMON.format(
        'exec(\'while True:\\n    try: open("/tmp/left", "w").write("x")\\n    except OSError: pass\')'
    ),
    "daemons that fork each other anew": "import os, time\ndef fork():\n    while True:\n        try: return os.fork()\n        except BlockingIOError: time.sleep(.01)  # the dead wait to be reaped\nfor _ in range(10):\n    if fork() == 0:\n        os.setsid()\n        while True:\n            if fork(): os._exit(0)\n            time.sleep(.01)\ntime.sleep(.1)\n",
    "a process that was started without a memory of its own": _DAEMON.format(
        "os.execv(__import__('sys').executable, ['python', '-c', 'import time; time.sleep(99)'])"
    ),
    "a server in the abstract": _DAEMON.format(
        "s = __import__('socket').socket(1); s.bind('\\0left'); s.listen(); time.sleep(99)"
    ),
    "a server on a port": _DAEMON.format("s = __import__('socket').create_server(('127.0.0.1', 8080)); time.sleep(99)"),
    "shared memory of Python": "import os\nfrom multiprocessing import shared_memory\nm = shared_memory.SharedMemory('left', create=True, size=100)\nos._exit(0)\n",
    "semaphores of Python": "import multiprocessing, os\ns = [multiprocessing.Semaphore() for _ in range(10)]\nos._exit(0)\n",
    "System V objects": "import ctypes\nc = ctypes.CDLL(None)\nc.shmget(77, 4096, 0o1666); c.semget(77, 1, 0o1666); c.msgget(77, 0o1666)\n",
    "POSIX queues": "import ctypes\nc = ctypes.CDLL(None)\nc.syscall(240, b'left', 0o102, 0o666, 0)\n",
    "keys": "import ctypes\nc = ctypes.CDLL(None)\nfor ring in range(-1, -6, -1): c.syscall(248, b'user', b'left', b'left', 4, ring)\n",
    "locks": "import fcntl, os\nkeep = []\nfor name in ('/', '/tmp', '/dev/null', '/dev/shm', os.__file__):\n    try:\n        keep.append(os.open(name, os.O_RDONLY)); fcntl.flock(keep[-1], fcntl.LOCK_EX | fcntl.LOCK_NB)\n    except OSError: pass\nif os.fork() == 0: __import__('time').sleep(99)\n",
    "leases": "import fcntl, os\nf = open('/tmp/left', 'w')\ntry: fcntl.fcntl(f, 1024, fcntl.F_WRLCK)\nexcept OSError: pass\nif os.fork() == 0: __import__('time').sleep(99)\n",
    "terminals": "import os\ntry: keep = [os.openpty() for _ in range(5)]\nexcept OSError: pass\nif os.fork() == 0: __import__('time').sleep(99)\n",
    "limits and signals of its own": "import os, resource, signal\nresource.setrlimit(resource.RLIMIT_NOFILE, (10, 10))\nos.nice(19); os.umask(0)\nos.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\nfor n in range(1, 65):\n    try: signal.signal(n, signal.SIG_IGN)\n    except (OSError, ValueError): pass\n",
    "a changed interpreter": "import builtins, json, os, sys\nbuiltins.print = lambda *a, **k: None\njson.loads = json.dumps = None\nsys.path[:] = []\nsys.setrecursionlimit(60)\nos.listdir = None\n",
    "changed code of the sandbox": "import sys\nfor name, module in list(sys.modules.items()):\n    if name.startswith('sandbox'):\n        for key in list(vars(module)):\n            if not key.startswith('__'): setattr(module, key, None)\n",
}
