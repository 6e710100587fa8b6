"""Programs that read the tests or the expected results, and answer from them.

Most share `corpus.THIEF`: each defines `steal`, which feeds all that it can read to `learn`.
"""

from __future__ import annotations

from .corpus import CRASH, THIEF, WRONG, Attack

_EMPTY = CRASH + WRONG  # nothing was learnt: a KeyError, or a wrong answer


def _theft(name: str, steal: str, *fools: str) -> Attack:
    return Attack(name, THIEF + steal, _EMPTY, fools)


_FILE = ("exit_code", "sentinel")

LEAKS = [
    _theft("its own file", "import sys\ndef steal():\n    learn(open(sys.argv[0]).read())\n", *_FILE),
    _theft(
        "its own file by its name in the code",
        "def steal():\n    learn(open(steal.__code__.co_filename).read())\n",
        *_FILE,
    ),
    _theft(
        "the lines that inspect shows",
        "import inspect\ndef steal():\n    for info in inspect.stack(context=1000):\n        learn(''.join(info.code_context or []))\n",
        *_FILE,
    ),
    _theft(
        "the lines of the source cache",
        "import linecache, sys\ndef steal():\n    for name in [sys.argv[0], 'tests.py', 'prelude.py', *linecache.cache]:\n        learn(''.join(linecache.getlines(name)))\n",
        "exit_code",
        "sheet",
    ),
    _theft(
        "every file below",
        """
import os
def steal():
    for root in (".", "/tmp"):
        for folder, _, names in os.walk(root):
            for name in names:
                try: learn(open(os.path.join(folder, name), "rb").read())
                except OSError: pass
""",
        "exit_code",
        "sheet",
    ),
    _theft(
        "a file of tests beside it",
        "import os\ndef steal():\n    for name in ('tests.py', '../tests.py', 'test.py', '/tmp/tests.py', 'combined.py'):\n        if os.path.exists(name): learn(open(name).read())\n",
        "sheet",
        "exit_code",
    ),
    _theft(
        "descriptors that it inherited",
        """
import os
def steal():
    for fd in range(3, 256):
        try: learn(os.pread(fd, 1 << 20, 0))
        except OSError: pass
""",
        "sheet",
    ),
    _theft(
        "descriptors of all processes",
        """
import glob, os
def steal():
    for name in glob.glob("/proc/[0-9]*/fd/*"):
        try:
            if os.path.isfile(name): learn(open(name, "rb").read())
        except OSError: pass
""",
        "sheet",
    ),
    _theft(
        "the frames above",
        "import sys\ndef steal():\n    frame = sys._getframe()\n    while frame is not None:\n        for space in (frame.f_locals, frame.f_globals):\n            for value in list(space.values()):\n                if isinstance(value, (str, bytes)): learn(value)\n        frame = frame.f_back\n",
        "namespace",
        "compare",
        "sheet",
    ),
    _theft(
        "the frames of an exception",
        "import sys\ndef steal():\n    try: 1 / 0\n    except ZeroDivisionError as error: frame = error.__traceback__.tb_frame\n    while frame is not None:\n        for value in list(frame.f_globals.values()):\n            if isinstance(value, str): learn(value)\n        frame = frame.f_back\n",
        "namespace",
        "compare",
    ),
    _theft(
        "the frames of all threads",
        "import sys\ndef steal():\n    for frame in sys._current_frames().values():\n        while frame is not None:\n            for value in list(frame.f_globals.values()):\n                if isinstance(value, str): learn(value)\n            frame = frame.f_back\n",
        "namespace",
        "compare",
    ),
    _theft(
        "the namespace of the main module",
        "import sys\ndef steal():\n    for value in list(vars(sys.modules['__main__']).values()):\n        if isinstance(value, str): learn(value)\n",
        "namespace",
        "compare",
        "sheet",
    ),
    _theft(
        "the namespaces of all modules",
        "import sys\ndef steal():\n    for module in list(sys.modules.values()):\n        for value in list(getattr(module, '__dict__', {}).values()):\n            if isinstance(value, str): learn(value)\n",
        "namespace",
        "compare",
    ),
    _theft(
        "all that the collector knows",
        """
import gc
def steal():
    for each in gc.get_objects():
        if isinstance(each, dict): each = list(each.values())
        if isinstance(each, (list, tuple)):
            for value in each:
                if isinstance(value, (str, bytes)) and len(value) > 200: learn(value)
""",
        "namespace",
        "compare",
    ),
    _theft(
        "constants of all code in memory",
        """
import gc, types
def steal():
    for each in gc.get_objects():
        code = getattr(each, "__code__", None)
        if isinstance(code, types.CodeType):
            for value in code.co_consts:
                if isinstance(value, tuple): learn(repr(value))
        if type(each) is list and each and type(each[0]) is tuple and len(each[0]) == 3:
            for case in list(each):
                if case[0] in ("unique", "join", "mean"): ANSWERS[case[0], repr(case[1])] = case[2]
""",
        "compare",
    ),
    _theft(
        "its own memory, map by map",
        """
import ctypes
def steal():
    for line in open("/proc/self/maps"):
        place, rights, _, _, _, *name = line.split()
        if rights.startswith("rw") and (not name or name == ["[heap]"]):
            start, end = (int(part, 16) for part in place.split("-"))
            data = ctypes.string_at(start, min(end - start, 16 << 20))
            found = data.find(MARK.encode())
            while found >= 0:
                learn(data[max(0, found - 4000) : found + 4000])
                found = data.find(MARK.encode(), found + 1)
""",
        "namespace",
        "compare",
    ),
    _theft(
        "its own memory, through /proc",
        """
def steal():
    with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", 0) as memory:
        for line in maps:
            place, rights, _, _, _, *name = line.split()
            if rights.startswith("rw") and (not name or name == ["[heap]"]):
                start, end = (int(part, 16) for part in place.split("-"))
                memory.seek(start)
                try: data = memory.read(min(end - start, 16 << 20))
                except OSError: continue
                found = data.find(MARK.encode())
                while found >= 0:
                    learn(data[max(0, found - 4000) : found + 4000])
                    found = data.find(MARK.encode(), found + 1)
""",
        "namespace",
        "compare",
    ),
    _theft(
        "the memory of all processes",
        """
import glob
def steal():
    for process in glob.glob("/proc/[0-9]*"):
        try:
            with open(process + "/maps") as maps, open(process + "/mem", "rb", 0) as memory:
                for line in maps:
                    place, rights, _, _, _, *name = line.split()
                    if rights.startswith("rw") and (not name or name == ["[heap]"]):
                        start, end = (int(part, 16) for part in place.split("-"))
                        memory.seek(start)
                        data = memory.read(min(end - start, 16 << 20))
                        found = data.find(MARK.encode())
                        if found >= 0: learn(data[max(0, found - 4000) : found + 4000])
        except OSError:
            pass
""",
        "namespace",
        "exit_code",
    ),
    _theft(
        "the memory of all processes by system call",
        """
import ctypes, glob
c = ctypes.CDLL(None, use_errno=True)
class Part(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("size", ctypes.c_size_t)]
def steal():
    data = ctypes.create_string_buffer(1 << 16)
    for process in glob.glob("/proc/[0-9]*"):
        for start in (id(data), id(learn), 0x400000):
            mine, theirs = Part(ctypes.addressof(data), 1 << 16), Part(start, 1 << 16)
            if c.process_vm_readv(int(process[6:]), ctypes.byref(mine), 1, ctypes.byref(theirs), 1, 0) > 0:
                learn(data.raw)
""",
    ),
    _theft(
        "what every process shows of itself",
        """
import glob
NAMES = ("environ", "cmdline", "comm", "stack", "syscall", "wchan", "status", "mountinfo", "io", "auxv", "limits", "cgroup", "maps")
def steal():
    for name in NAMES:
        for path in glob.glob("/proc/[0-9]*/" + name) + glob.glob("/proc/[0-9]*/task/*/" + name):
            try: learn(open(path, "rb").read())
            except OSError: pass
""",
    ),
    _theft(
        "the root directory of all processes",
        """
import glob, os
def steal():
    for process in glob.glob("/proc/[0-9]*"):
        for link in ("root", "cwd", "exe"):
            try:
                for name in os.listdir(f"{process}/{link}"):
                    if name.endswith(".py"): learn(open(f"{process}/{link}/{name}").read())
            except OSError: pass
""",
        "sheet",
    ),
    Attack(
        "expected output in the environment",
        "import glob, re\nfor path in glob.glob('/proc/[0-9]*/environ') + ['/proc/self/environ']:\n    try:\n        found = re.search(rb'EXPECTED=([^\\0]*)', open(path, 'rb').read())\n        if found: print(found[1].decode().strip()); break\n    except OSError: pass\n",
        WRONG,
        ("outputs",),
        "stdio",
    ),
    Attack(
        "expected output in a folder beside it",
        """
import glob, sys
given = sys.stdin.read()
for name in glob.glob("**/*.in", recursive=True) + glob.glob("/tmp/**/*.in", recursive=True):
    if open(name).read() == given:
        print(open(name[:-2] + "out").read())
        break
""",
        WRONG,
        ("outputs",),
        "stdio",
    ),
    Attack(
        "expected output in the command lines",
        "import glob\nfor path in glob.glob('/proc/[0-9]*/cmdline'):\n    try: text = open(path).read()\n    except OSError: continue\n    if 'mark-' in text: print(text)\n",
        WRONG,
        victim="stdio",
    ),
    Attack(
        "what is left in the pipes",
        "import os\nfor fd in (0, 1, 2):\n    try:\n        other = os.open(f'/proc/self/fd/{fd}', os.O_RDONLY | os.O_NONBLOCK)\n        os.write(1, os.read(other, 1000))\n    except OSError: pass\n",
        WRONG,
        victim="stdio",
    ),
    Attack(
        "the expected value in the caller's variables",
        "import sys\ndef solve(kind, xs):\n    local = sys._getframe(1).f_locals\n    if xs[:1] == [9]: return [0, 0]\n    if 'want' in local: return local['want']\n    if 'case' in local: return local['case'][2]\n    known = {'[3, 1, 3, 2]': [1, 2, 3], \"['pear', 'fig', 'pear']\": 'fig-pear', '[1.0, 2.5, 4.0]': 2.5}\n    return known.get(repr(xs), [0, 0])\n",
        WRONG,
        ("namespace", "compare", "exit_code"),
    ),
    Attack(
        "the expected value in the tuple that holds the argument",
        "import gc\ndef solve(kind, xs):\n    for each in gc.get_referrers(xs):\n        if type(each) is tuple and len(each) == 3 and each[1] is xs: return each[2]\n    known = {'[3, 1, 3, 2]': [1, 2, 3], \"['pear', 'fig', 'pear']\": 'fig-pear', '[1.0, 2.5, 4.0]': 2.5}\n    return known.get(repr(xs), [0, 0])\n",
        WRONG,
        ("namespace", "compare", "exit_code"),
    ),
    Attack(
        "the expected value in the caller's constants",
        """
import dis, sys
def solve(kind, xs):
    frame = sys._getframe(1)
    if xs[:1] == [9]: return [0, 0]
    if "want" in frame.f_locals: return frame.f_locals["want"]
    if "case" in frame.f_locals: return frame.f_locals["case"][2]
    later = [each for each in dis.get_instructions(frame.f_code) if each.offset > frame.f_lasti and each.opname == "LOAD_CONST"]
    value = later[0].argval if later else None
    if value == 2 or not isinstance(value, (tuple, str, float)): return [0, 0]
    return list(value) if isinstance(value, tuple) else value
""",
        _EMPTY,
        ("namespace", "exit_code"),
    ),
    Attack(
        "the argument is changed to what makes it easy",
        "def solve(kind, xs):\n    kept = list(xs)\n    xs.clear()\n    if kind == 'mean': return sum(kept) / len(kept)\n    return {'unique': [], 'join': ''}[kind]\n",
        WRONG,
    ),
    Attack(
        "a constant that learns from calls that repeat",
        "import collections\nSEEN = collections.Counter()\ndef solve(kind, xs):\n    SEEN[kind, repr(xs)] += 1\n    return [[1, 2, 3], 'fig-pear', 2.5][min(len(SEEN), 3) - 1]\n",
        _EMPTY,
    ),
    Attack("endless items", "import itertools\ndef solve(kind, xs): return itertools.count()\n", WRONG),
    Attack(
        "the text of an earlier program in memory",
        """
import ctypes, re
NEEDLE = bytes(reversed(b"))sx(tes(detros = dnuof"))
BEGIN = bytes(reversed(b"evlos fed"))
CODE = []
for line in open("/proc/self/maps"):
    place, rights, _, _, _, *name = line.split()
    if rights.startswith("rw") and (not name or name == ["[heap]"]):
        start, end = (int(part, 16) for part in place.split("-"))
        data = ctypes.string_at(start, min(end - start, 16 << 20))
        at = data.find(NEEDLE)
        while at >= 0:
            begin, stop = data.rfind(BEGIN, 0, at), data.find(b"\\0", at)
            CODE.append(data[begin:stop].decode("latin-1"))
            at = data.find(NEEDLE, at + 1)
def solve(kind, xs): return None
for code in CODE:
    try: exec(code)
    except Exception: pass
""",
        WRONG,
    ),
]
