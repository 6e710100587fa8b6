"""Odd but right programs: every one must be accepted.

CALLS: name -> the program and its tests, of `solve`. SCRIPTS: name -> a program that ends with exit code 0 where all is
as in any interpreter. READERS: programs for the stdio problem of `corpus`.
"""

from __future__ import annotations

from .corpus import MARKER

_TWICE = "assert solve([1, 2]) == [2, 4]\nassert solve([]) == []\n"
_BODY = "[2 * x for x in xs]"

CALLS = {
    "a lambda": (f"solve = lambda xs: {_BODY}", _TWICE),
    "an instance that can be called": (
        f"class Solve:\n    def __call__(self, xs): return {_BODY}\nsolve = Solve()",
        _TWICE,
    ),
    "a bound method": (f"class Solution:\n    def solve(self, xs): return {_BODY}\nsolve = Solution().solve", _TWICE),
    "a partial function": (
        "import functools\ndef work(k, xs): return [k * x for x in xs]\nsolve = functools.partial(work, 2)",
        _TWICE,
    ),
    "a class for a function": (
        "class solve(list):\n    def __init__(self, xs): super().__init__(2 * x for x in xs)",
        _TWICE,
    ),
    "a decorated function": (
        f"import functools\ndef same(f):\n    @functools.wraps(f)\n    def g(*a, **k): return f(*a, **k)\n    return g\n@same\n@same\ndef solve(xs): return {_BODY}",
        _TWICE,
    ),
    "a cache between calls": (
        "CACHE = {}\ndef solve(xs):\n    key = tuple(xs)\n    if key not in CACHE: CACHE[key] = [2 * x for x in xs]\n    return CACHE[key]",
        _TWICE * 2,
    ),
    "a cache of the library": (
        "import functools\n@functools.cache\ndef one(x): return 2 * x\ndef solve(xs): return [one(x) for x in xs]",
        _TWICE,
    ),
    "a list that it changes in place": (
        "def solve(xs):\n    for i in range(len(xs)): xs[i] *= 2\n    return xs",
        _TWICE,
    ),
    "a default that it changes": (
        "def solve(xs, seen=[]):\n    seen.append(1)\n    return [2 * x for x in xs]",
        _TWICE,
    ),
    "global state": (
        "COUNT = 0\ndef solve(xs):\n    global COUNT\n    COUNT += 1\n    return COUNT",
        "assert [solve([]), solve([]), solve([])] == [1, 2, 3]",
    ),
    "names in other scripts": ("def löse(größe): return [2 * x for x in größe]\nsolve = löse", _TWICE),
    "hints that name what is not there": (
        "from __future__ import annotations\ndef solve(xs: List[Nothing]) -> NoReturnAtAll: return [2 * x for x in xs]",
        _TWICE,
    ),
    "hints of typing": (
        "from typing import *\nT = TypeVar('T')\ndef solve(xs: Sequence[T]) -> List[T]: return [2 * x for x in xs]",
        _TWICE,
    ),
    "prints": ("print('loading')\ndef solve(xs):\n    print('called', xs)\n    return [2 * x for x in xs]", _TWICE),
    "a print of its own": (
        "import builtins\nprint = lambda *a: None\ndef solve(xs):\n    print(xs)\n    return [2 * x for x in xs]",
        _TWICE,
    ),
    "an example behind the main guard": (
        "def solve(xs): return [2 * x for x in xs]\nif __name__ == '__main__':\n    assert solve([1]) == [2]",
        _TWICE,
    ),
    "recursion": (
        "import sys\nsys.setrecursionlimit(20000)\ndef down(n): return 0 if n == 0 else 1 + down(n - 1)\ndef solve(n): return down(n)",
        "assert solve(9000) == 9000",
    ),
    "threads": (
        "from concurrent.futures import ThreadPoolExecutor\ndef solve(xs):\n    with ThreadPoolExecutor(4) as pool: return list(pool.map(lambda x: 2 * x, xs))",
        _TWICE,
    ),
    "an event loop": (
        "import asyncio\nasync def one(x):\n    await asyncio.sleep(0)\n    return 2 * x\nasync def every(xs): return await asyncio.gather(*map(one, xs))\ndef solve(xs): return asyncio.run(every(xs))",
        _TWICE,
    ),
    "an alarm": (
        "import signal\ndef solve(xs):\n    signal.signal(signal.SIGALRM, lambda *a: None)\n    signal.alarm(5)\n    try: return [2 * x for x in xs]\n    finally: signal.alarm(0)",
        _TWICE,
    ),
    "an exception of a built-in class": (
        "def solve(x):\n    if x < 0: raise ValueError('negative')\n    return x",
        "assert solve(1) == 1\ntry:\n    solve(-1)\nexcept ValueError as error:\n    assert 'negative' in str(error)\nelse:\n    raise AssertionError",
    ),
    "an exception of its own class": (
        "class Bad(KeyError): pass\ndef solve(x): raise Bad('x')",
        "try:\n    solve(1)\nexcept KeyError:\n    pass\nelse:\n    raise AssertionError",
    ),
    "a tuple": (
        "def solve(x): return x, [x], {'a': (x,)}",
        "assert solve(1) == (1, [1], {'a': (1,)})\nassert isinstance(solve(1), tuple)",
    ),
    "a named tuple": (
        "import collections\nP = collections.namedtuple('P', 'x y')\ndef solve(x): return P(x, x)",
        "assert solve(1) == (1, 1)",
    ),
    "a counter": (
        "import collections\ndef solve(x): return collections.Counter(x)",
        "assert solve('aab') == {'a': 2, 'b': 1}",
    ),
    "a dictionary with defaults": (
        "import collections\ndef solve(x):\n    d = collections.defaultdict(list)\n    d[x].append(x)\n    return d",
        "assert solve(1) == {1: [1]}",
    ),
    "an ordered dictionary": (
        "import collections\ndef solve(x): return collections.OrderedDict([(2, 1), (1, 2)])",
        "assert solve(1) == {1: 2, 2: 1}\nassert list(solve(1)) == [2, 1]",
    ),
    "a double-ended queue": (
        "import collections\ndef solve(x): return collections.deque([x, x])",
        "assert list(solve(1)) == [1, 1]",
    ),
    "views of a dictionary": (
        "def solve(x): return {1: 'a', 2: 'b'}.keys() if x else {1: 'a'}.values()",
        "assert solve(1) == {1, 2}\nassert list(solve(0)) == ['a']",
    ),
    "a generator": (
        "def solve(n):\n    for i in range(n): yield i",
        "assert list(solve(3)) == [0, 1, 2]\nassert sum(solve(4)) == 6",
    ),
    "a generator of generators": (
        "def solve(n): return (iter([i]) for i in range(n))",
        "assert [list(x) for x in solve(3)] == [[0], [1], [2]]",
    ),
    "map, filter and zip": (
        "def solve(n): return [map(str, range(n)), filter(None, range(n)), zip(range(n), range(n))]",
        "a, b, c = solve(2)\nassert list(a) == ['0', '1'] and list(b) == [1] and list(c) == [(0, 0), (1, 1)]",
    ),
    "a range": ("def solve(n): return range(n)", "assert solve(3) == range(3)\nassert list(solve(3)) == [0, 1, 2]"),
    "numbers of numpy": (
        "import numpy as np\ndef solve(x): return np.float64(x), np.int64(2), np.bool_(True)",
        "assert solve(1.5) == (1.5, 2, True)",
    ),
    "a list of numbers of numpy": (
        "import numpy as np\ndef solve(n): return list(np.arange(n)) + [np.mean([1, 2])]",
        "assert solve(3) == [0, 1, 2, 1.5]",
    ),
    "decimals and fractions": (
        "from decimal import Decimal\nfrom fractions import Fraction\ndef solve(x): return Decimal('0.1') + Decimal('0.2'), Fraction(1, 3) * 3",
        "from decimal import Decimal\nassert solve(1) == (Decimal('0.3'), 1)",
    ),
    "bytes": (
        "def solve(x): return bytes(range(256)), bytearray(x)",
        "assert solve(2) == (bytes(range(256)), b'\\0\\0')",
    ),
    "large integers": ("def solve(n): return 3 ** n", "assert solve(20000) == 3 ** 20000\nassert solve(-1) == 1 / 3"),
    "complex numbers": ("def solve(z): return z * 1j, abs(z)", "assert solve(3 + 4j) == (-4 + 3j, 5.0)"),
    "numbers that are none": (
        "def solve(x): return [float('nan'), float('inf'), -0.0]",
        "import math\na, b, c = solve(0)\nassert math.isnan(a) and b == math.inf and math.copysign(1, c) == -1",
    ),
    "an enumeration of integers": (
        "import enum\nclass E(enum.IntEnum):\n    A = 1\ndef solve(x): return E.A",
        "assert solve(0) == 1",
    ),
    "a structure that is shared": (
        "def solve(n):\n    row = [0] * n\n    return [row] * n",
        "assert solve(2) == [[0, 0], [0, 0]]",
    ),
    "a structure of many levels": (
        "def solve(n):\n    x = []\n    for _ in range(n): x = [x]\n    return x",
        "x = solve(200)\nn = 0\nwhile x:\n    x, n = x[0], n + 1\nassert n == 200",
    ),
    "sets of sets": (
        "def solve(n): return {frozenset({i, i + 1}) for i in range(n)}",
        "assert solve(2) == {frozenset({0, 1}), frozenset({1, 2})}",
    ),
    "a grid around the origin": (
        "def solve(n): return {(x, y) for x in range(-n, n + 1) for y in range(-n, n + 1)}",
        "assert len(solve(20)) == 41 * 41\nassert (-1, -2) in solve(20)",
    ),
    "a table over a grid around the origin": (
        "def solve(n): return {(x, y, z): x + y + z for x in range(-n, n + 1) for y in range(-n, n + 1) for z in range(-n, n + 1)}",
        "assert solve(5)[-1, -2, -1] == -4",
    ),
    "truth for one": ("def solve(x): return x == 1", "assert solve(1) == 1 and solve(1) is True and solve(2) is False"),
    "None": ("def solve(x): pass", "assert solve(1) is None"),
    "texts of all kinds": (
        "def solve(x): return x + '\\ud800\\0\\x1b\\u202e\\U0001F600'",
        "assert solve('a') == 'a\\ud800\\0\\x1b\\u202e\\U0001F600'",
    ),
    "arguments by name and by star": (
        "def solve(a, /, b=2, *args, c, **rest): return a, b, args, c, rest",
        "assert solve(1, 3, 4, 5, c=6, d=7) == (1, 3, (4, 5), 6, {'d': 7})",
    ),
    "classes that compare": (
        "import functools\n@functools.total_ordering\nclass P:\n    def __init__(self, x): self.x = x\n    def __eq__(self, o): return self.x == o.x\n    def __lt__(self, o): return self.x < o.x\ndef solve(xs): return [p.x for p in sorted(map(P, xs))]",
        "assert solve([3, 1, 2]) == [1, 2, 3]",
    ),
    "a data class that is sorted": (
        "import dataclasses\n@dataclasses.dataclass(order=True)\nclass P:\n    x: int\ndef solve(xs): return [p.x for p in sorted(map(P, xs))]",
        "assert solve([3, 1]) == [1, 3]",
    ),
    "200 megabytes": ("def solve(n):\n    x = bytearray(n << 20)\n    return len(x) >> 20", "assert solve(200) == 200"),
    "a large result": ("def solve(n): return list(range(n))", "assert sum(solve(200000)) == 19999900000"),
    "an unhandled error of a thread": (
        "import threading\ndef solve(xs):\n    t = threading.Thread(target=lambda: 1 / 0)\n    t.start(); t.join()\n    return [2 * x for x in xs]",
        _TWICE,
    ),
    "a stdout that it closed": ("import sys\nsys.stdout.close()\ndef solve(xs): return [2 * x for x in xs]", _TWICE),
    "a stdout that it replaced": (
        "import io, sys\nsys.stdout = io.StringIO()\ndef solve(xs):\n    print(xs)\n    return [2 * x for x in xs]",
        _TWICE,
    ),
    "no collector": ("import gc\ngc.disable(); gc.set_threshold(0)\ndef solve(xs): return [2 * x for x in xs]", _TWICE),
    "a seed": (
        "import random\nrandom.seed(7)\ndef solve(n): return [random.randint(0, 9) for _ in range(n)]",
        "assert len(solve(5)) == 5 and all(0 <= x <= 9 for x in solve(5))",
    ),
    "a module named as one of ours": (
        "import types, sys\nsys.modules['codec'] = types.ModuleType('codec')\ndef channel(xs): return [2 * x for x in xs]\nsolve = send = receive = channel",
        _TWICE,
    ),
}

SCRIPTS = {
    "processes of multiprocessing": "import multiprocessing as m\ndef f(x): return 2 * x\nif __name__ == '__main__':\n    with m.Pool(2) as p: assert p.map(f, [1, 2]) == [2, 4]\n",
    "a manager of multiprocessing": "import multiprocessing as m\nif __name__ == '__main__':\n    with m.Manager() as manager:\n        d = manager.dict(a=1)\n        assert dict(d) == {'a': 1}\n",
    "a queue of multiprocessing": "import multiprocessing as m\ndef f(q): q.put(7)\nq = m.Queue()\np = m.Process(target=f, args=(q,))\np.start()\nassert q.get() == 7\np.join()\n",
    "a pool of processes": "import os\nfrom concurrent.futures import ProcessPoolExecutor as P\nwith P(2) as p: assert list(p.map(abs, [-1, 2])) == [1, 2]\n",
    "a program that it starts": "import subprocess, sys\nassert subprocess.run([sys.executable, '-c', 'print(input())'], input='x', text=True, capture_output=True).stdout == 'x\\n'\n",
    "temporary files": "import tempfile, os\nwith tempfile.TemporaryDirectory() as d: open(os.path.join(d, 'x'), 'w').write('x')\nwith tempfile.NamedTemporaryFile() as f: f.write(b'x')\n",
    "files in its folder": "import pathlib\npathlib.Path('a/b').mkdir(parents=True)\npathlib.Path('a/b/c').write_text('x')\nassert pathlib.Path('a/b/c').read_text() == 'x'\n",
    "its own source": "import inspect\ndef f(): return 1\nassert 'return 1' in inspect.getsource(f)\n",
    "pickles of its own classes": "import pickle\nclass A:\n    def __eq__(self, o): return True\nassert pickle.loads(pickle.dumps(A())) == A()\n",
    "copies of its own classes": "import copy\nclass A:\n    def __init__(self): self.x = [1]\na = copy.deepcopy(A())\nassert a.x == [1]\n",
    "warnings": "import warnings\nwarnings.warn('x')\nwith warnings.catch_warnings(record=True) as w: warnings.warn('y')\n",
    "logging": "import logging\nlogging.basicConfig(level=logging.DEBUG)\nlogging.info('x')\n",
    "faults": "import faulthandler\nfaulthandler.enable()\n",
    "the switch interval": "import sys\nsys.setswitchinterval(1e-5)\n",
    "a trace": "import sys\nsys.settrace(lambda *a: None)\ndef f(): pass\nf()\n",
    "descriptors": "import os\nr, w = os.pipe()\nos.write(w, b'x')\nassert os.read(r, 1) == b'x'\nassert len(os.listdir('/proc/self/fd')) > 3\n",
    "standard streams as files": "import sys\nopen(1, 'w', closefd=False).write('x')\nassert open(0, closefd=False).read() == ''\nassert sys.stdin.read() == ''\n",
    "standard streams by their names": "assert open('/dev/stdin').read() == ''\nopen('/dev/stdout', 'w').write('x')\nopen('/dev/stderr', 'w').write('x')\n",
    "its own memory map": "assert 'python' in open('/proc/self/maps').read()\nassert open('/proc/self/status').read().startswith('Name:')\n",
    "sockets of its own": "import socket, threading\ns = socket.socket(socket.AF_UNIX)\ns.bind('here')\ns.listen()\nc = socket.socket(socket.AF_UNIX)\nc.connect('here')\na, _ = s.accept()\na.send(b'x')\nassert c.recv(1) == b'x'\n",
    "an event loop with a program": "import asyncio, sys\nasync def main():\n    p = await asyncio.create_subprocess_exec(sys.executable, '-c', 'print(1)', stdout=-1)\n    assert (await p.communicate())[0] == b'1\\n'\nasyncio.run(main())\n",
    "resources": "import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))\nresource.setrlimit(resource.RLIMIT_STACK, resource.getrlimit(resource.RLIMIT_STACK))\nresource.getrusage(resource.RUSAGE_SELF)\n",
    "a deep stack in a thread": "import sys, threading\nsys.setrecursionlimit(10**5)\nthreading.stack_size(64 << 20)\ndef f(n): return n and 1 + f(n - 1)\nr = []\nt = threading.Thread(target=lambda: r.append(f(20000)))\nt.start(); t.join()\nassert r == [20000]\n",
    "exit with None": "import sys\nsys.exit(None)\n",
    "exit by name": "exit()\n",
    "quit by name": "quit(0)\n",
    "exit in a thread": "import sys, threading\nt = threading.Thread(target=sys.exit, args=(3,))\nt.start(); t.join()\n",
    "exit handlers": "import atexit, os\natexit.register(print, 'bye')\n",
    "time zones": "import datetime, time, zoneinfo\ndatetime.datetime.now(datetime.timezone.utc)\ntime.localtime()\n",
    "locales": "import locale\nlocale.setlocale(locale.LC_ALL, '')\n",
    "databases": "import sqlite3\nc = sqlite3.connect(':memory:')\nassert c.execute('select 1').fetchone() == (1,)\nsqlite3.connect('x.db').execute('create table t (a)')\n",
    "large integers as text": "import sys\nsys.set_int_max_str_digits(0)\nassert len(str(10 ** 5000)) == 5001\n",
    "a mapped file": "import mmap\nopen('x', 'wb').write(b'abc')\nwith open('x', 'r+b') as f, mmap.mmap(f.fileno(), 0) as m: assert m[:] == b'abc'\n",
    "a main module with a name": "import sys\nassert sys.modules['__main__'].__dict__ is globals()\nassert __name__ == '__main__' and __file__.endswith('.py') and sys.argv[1:] == []\n",
    "a unit test of its own": "import unittest\nclass T(unittest.TestCase):\n    def test(self): self.assertTrue(True)\nunittest.main(exit=False)\n",
}

_SUM = f"print(sum(map(int, text.split()[1:])), '{MARKER}')\n"
READERS = {
    "input": f"n = input()\ntext = '0 ' + input()\n{_SUM}",
    "all of sys.stdin": f"import sys\ntext = sys.stdin.read()\n{_SUM}",
    "bytes of sys.stdin": f"import sys\ntext = sys.stdin.buffer.read()\n{_SUM}",
    "descriptor 0": f"text = open(0).read()\n{_SUM}",
    "os.read": f"import os\ntext = os.read(0, 1 << 16)\n{_SUM}",
    "the name of stdin": f"text = open('/dev/stdin').read()\n{_SUM}",
    "lines by fileinput": f"import fileinput\ntext = ' '.join(fileinput.input())\n{_SUM}",
    "a reader that replaces input": f"import sys\ninput = sys.stdin.readline\nn = input()\ntext = '0 ' + input()\n{_SUM}",
    "a buffer that it writes at the end": "import io, os, sys\ndata = os.read(0, 1 << 16).split()\nout = io.StringIO()\nprint(sum(map(int, data[1:])), "
    + repr(MARKER)
    + ", file=out)\nos.write(1, out.getvalue().encode())\n",
    "a thread with a deep stack": f"import sys, threading\nthreading.stack_size(1 << 26)\ndef main():\n    text = sys.stdin.read()\n    {_SUM}t = threading.Thread(target=main)\nt.start()\nt.join()\n",
    "an exit after the output": f"import os, sys\ntext = sys.stdin.read()\n{_SUM}sys.stdout.flush()\nos._exit(0)\n",
}
