"""What a program returns, takes and raises crosses to its tests as what it is; what cannot is named, never only wrong."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from sandbox import CallTests, Pool, Program, Verdict


class Case(NamedTuple):
    """A program and tests that it passes. prelude: what the prompt has, and the program too."""

    program: str
    tests: str
    prelude: str = ""


CASES = {
    "date": Case(
        "import datetime\ndef f(x): return datetime.date(2024,1,x)",
        "import datetime\nassert f(3)==datetime.date(2024,1,3)",
    ),
    "aware": Case(
        "from datetime import *\ndef f(x): return datetime(2024,1,x,tzinfo=timezone.utc)",
        "from datetime import *\nassert f(3)==datetime(2024,1,3,tzinfo=timezone.utc) and f(3).tzinfo==timezone.utc",
    ),
    "zone": Case(
        "from datetime import *\nfrom zoneinfo import ZoneInfo\ndef f(x): return datetime(2024,1,x,tzinfo=ZoneInfo('Europe/Berlin'))",
        "from datetime import *\nfrom zoneinfo import ZoneInfo\nassert f(3).utcoffset()==timedelta(hours=1)",
    ),
    "td": Case(
        "import datetime\ndef f(x): return datetime.timedelta(days=x)",
        "import datetime\nassert f(3)==datetime.timedelta(3)",
    ),
    "path": Case(
        "from pathlib import Path\ndef f(x): return Path('/a')/x",
        "from pathlib import Path\nassert f('b')==Path('/a/b')",
    ),
    "path arg": Case("def f(p): return p.name", "from pathlib import Path\nassert f(Path('/a/b'))=='b'"),
    "uuid": Case("import uuid\ndef f(x): return uuid.UUID(int=x)", "import uuid\nassert f(3)==uuid.UUID(int=3)"),
    "fraction": Case(
        "from fractions import Fraction\ndef f(x): return Fraction(1,x)",
        "from fractions import Fraction\nassert f(3)==Fraction(1,3)",
    ),
    "decimal": Case(
        "from decimal import Decimal\ndef f(x): return Decimal('1.10')*x",
        "from decimal import Decimal\nassert f(3)==Decimal('3.30') and str(f(1))=='1.10'",
    ),
    "enum prompt": Case(
        "from enum import Enum\nclass Col(Enum):\n  R=1\n  G=2\ndef f(x): return Col(x)",
        "assert f(1) is Col.R and f(2)==Col.G",
        "from enum import Enum\nclass Col(Enum):\n  R=1\n  G=2\ndef f(x):\n  ...\n",
    ),
    "dataclass prompt": Case(
        "from dataclasses import dataclass\n@dataclass\nclass P:\n  x:int\n  y:int=0\ndef f(x): return P(x)",
        "assert f(1)==P(1,0)",
        "from dataclasses import dataclass\n@dataclass\nclass P:\n  x:int\n  y:int=0\ndef f(x):\n  ...\n",
    ),
    "dataclass slots frozen": Case(
        "from dataclasses import dataclass\n@dataclass(frozen=True, slots=True)\nclass P:\n  x:int\ndef f(x): return P(x)",
        "assert f(1)==P(1) and {f(2)}=={P(2)}",
        "from dataclasses import dataclass\n@dataclass(frozen=True, slots=True)\nclass P:\n  x:int\ndef f(x):\n  ...\n",
    ),
    "dataclass arg": Case(
        "from dataclasses import dataclass\n@dataclass\nclass P:\n  x:int\ndef f(p): return p.x",
        "assert f(P(4))==4",
        "from dataclasses import dataclass\n@dataclass\nclass P:\n  x:int\ndef f(p):\n  ...\n",
    ),
    "namedtuple": Case(
        "from collections import namedtuple\nP=namedtuple('P','x y')\ndef f(x): return P(x,2)",
        "assert f(1)==P(1,2) and f(1).y==2",
        "from collections import namedtuple\nP=namedtuple('P','x y')\ndef f(x):\n  ...\n",
    ),
    "counter": Case(
        "from collections import Counter\ndef f(s): return Counter(s)",
        "from collections import Counter\nassert f('aab')==Counter(a=2,b=1) and f('aab').most_common(1)==[('a',2)]",
    ),
    "defaultdict": Case(
        "from collections import defaultdict\ndef f(s):\n  d=defaultdict(list); d[s].append(1); return d",
        "assert f('a')=={'a':[1]}",
    ),
    "ordereddict": Case(
        "from collections import OrderedDict\ndef f(s): return OrderedDict(a=1,b=2)",
        "from collections import OrderedDict\nassert f(1)==OrderedDict([('a',1),('b',2)]) and f(1)!=OrderedDict([('b',2),('a',1)])",
    ),
    "deque": Case(
        "from collections import deque\ndef f(s): return deque([1,2],maxlen=5)",
        "from collections import deque\nassert f(1)==deque([1,2])",
    ),
    "frozenset": Case("def f(s): return frozenset([1,2])", "assert f(1)==frozenset([2,1])"),
    "bytes": Case("def f(s): return bytearray(b'ab')", "assert f(1)==b'ab'"),
    "complex": Case("def f(s): return 1+2j", "assert f(1)==1+2j"),
    "nan": Case("def f(s): return float('nan')", "import math\nassert math.isnan(f(1))"),
    "inf": Case("def f(s): return float('-inf')", "assert f(1)==-float('inf')"),
    "bigint": Case("def f(s): return 10**4000", "assert f(1)==10**4000"),
    "range": Case("def f(s): return range(5)", "assert f(1)==range(5) and list(f(1))==[0,1,2,3,4]"),
    "generator": Case("def f(s):\n  yield from (1,2)", "assert list(f(1))==[1,2]"),
    "iter": Case("def f(s): return map(str,[1,2])", "assert list(f(1))==['1','2']"),
    "dictkeys": Case("def f(s): return {'a':1}.keys()", "assert list(f(1))==['a']"),
    "dictkeys eq": Case("def f(s): return {'a':1}.keys()", "assert f(1)=={'a'}"),
    "dictvalues": Case("def f(s): return {'a':1}.values()", "assert list(f(1))==[1]"),
    "dictitems sorted": Case("def f(s): return {'b':1,'a':2}.items()", "assert sorted(f(1))==[('a',2),('b',1)]"),
    "type": Case("def f(s): return type(s)", "assert f(1) is int"),
    "exception raised": Case(
        "def f(s): raise ValueError('no')", "try:\n  f(1)\n  assert False\nexcept ValueError as e: assert str(e)=='no'"
    ),
    "custom exception": Case(
        "class E(Exception): pass\ndef f(s): raise E('no')",
        "try:\n  f(1)\n  assert False\nexcept E as e: pass",
        "class E(Exception): pass\ndef f(s):\n  ...\n",
    ),
    "np array": Case(
        "import numpy as np\ndef f(n): return np.arange(n)",
        "import numpy as np\nassert (f(3)==np.array([0,1,2])).all() and f(3).dtype==np.arange(3).dtype",
    ),
    "np arg": Case("import numpy as np\ndef f(a): return a.sum()", "import numpy as np\nassert f(np.ones((2,3)))==6.0"),
    "np scalar plain": Case(
        "import numpy as np\ndef f(a): return np.int64(3)", "assert f(1)==3 and isinstance(f(1), int)"
    ),
    "np testing": Case(
        "import numpy as np\ndef f(a): return np.array([0.1+0.2])",
        "import numpy as np\nnp.testing.assert_allclose(f(1),[0.3])",
    ),
    "np bool": Case("import numpy as np\ndef f(a): return np.bool_(True)", "assert f(1)==True"),
    "np list of scalars": Case("import numpy as np\ndef f(a): return [np.float64(1.5)]", "assert f(1)==[1.5]"),
    "np dict key": Case("import numpy as np\ndef f(a): return {np.int64(1): 2}", "assert f(1)=={1:2}"),
    "array.array": Case(
        "import array\ndef f(a): return array.array('i',[1,2])", "import array\nassert f(1)==array.array('i',[1,2])"
    ),
    "str subclass": Case("class S(str): pass\ndef f(a): return S('x')", "assert f(1)=='x'"),
    "int subclass": Case("class S(int): pass\ndef f(a): return S(4)", "assert f(1)==4"),
    "bool int": Case("def f(a): return True", "assert f(1)==1"),
    "list subclass": Case("class L(list): pass\ndef f(a): return L([1])", "assert f(1)==[1]"),
    "IntEnum": Case("import enum\nclass K(enum.IntEnum):\n  A=1\ndef f(a): return K.A", "assert f(1)==1"),
    "Flag": Case(
        "import enum\nclass K(enum.Flag):\n  A=1\n  B=2\ndef f(a): return K.A|K.B",
        "assert f(1)==K.A|K.B",
        "import enum\nclass K(enum.Flag):\n  A=1\n  B=2\ndef f(a):\n  ...\n",
    ),
    "typing nt": Case(
        "from typing import NamedTuple\nclass P(NamedTuple):\n  x:int\ndef f(a): return P(1)",
        "assert f(1)==P(1) and f(1).x==1",
        "from typing import NamedTuple\nclass P(NamedTuple):\n  x:int\ndef f(a):\n  ...\n",
    ),
    "mutated arg": Case("def f(l): l.append(1); return l", "x=[0]\nassert f(x)==[0,1]"),
    "deep list": Case(
        "def f(n):\n  x=[]\n  for _ in range(n): x=[x]\n  return x",
        "x = f(50)\nfor _ in range(50): x = x[0]\nassert x == []",
    ),
    "surrogate": Case("def f(n): return '\\udc80'", "assert f(1)=='\\udc80'"),
    "emoji": Case("def f(n): return '\U0001f600'*n", "assert f(2)=='\U0001f600'*2"),
    "large list": Case("def f(n): return list(range(n))", "assert len(f(200000))==200000"),
    "kwargs": Case("def f(a,*,b=2): return a+b", "assert f(1,b=5)==6"),
    "defaults none": Case("def f(a=None): return a", "assert f() is None"),
    "recursion 900": Case("def f(n): return 0 if n==0 else 1+f(n-1)", "assert f(900)==900"),
    "print inside": Case("def f(n): print('x'*1000); return n", "assert f(1)==1"),
    "global state": Case("C=0\ndef f(n):\n  global C; C+=1; return C", "assert f(1)==1 and f(1)==2"),
    "guard main": Case("def f(n): return n\nif __name__=='__main__':\n  raise SystemExit(3)", "assert f(1)==1"),
    "input call": Case("def f(n): return n\nif __name__=='__main__': input()", "assert f(1)==1"),
    "threads": Case(
        "import threading\ndef f(n):\n  r=[]\n  ts=[threading.Thread(target=r.append,args=(i,)) for i in range(n)]\n  [t.start() for t in ts];[t.join() for t in ts]\n  return sorted(r)",
        "assert f(5)==[0,1,2,3,4]",
    ),
    "async": Case(
        "import asyncio\nasync def g(n): await asyncio.sleep(0); return n\ndef f(n): return asyncio.run(g(n))",
        "assert f(5)==5",
    ),
    "lru": Case("from functools import lru_cache\n@lru_cache(None)\ndef f(n): return n", "assert f(3)==3"),
    "partial": Case("from functools import partial\nf=partial(pow,2)", "assert f(3)==8"),
    "unicode name": Case("def f(gr\xf6\xdfe): return gr\xf6\xdfe", "assert f(gr\xf6\xdfe=3)==3"),
    "neg zero": Case("def f(n): return -0.0", "import math\nassert math.copysign(1,f(1))==-1"),
    "time": Case(
        "import datetime\ndef f(n): return datetime.time(1,2)", "import datetime\nassert f(1)==datetime.time(1,2)"
    ),
    "re.match": Case("import re\ndef f(s): return re.match('a',s)", "assert f('a') and f('b') is None"),
    "statresult": Case("import sys\ndef f(n): return sys.version_info[:1]", "assert f(0)==(3,)"),
    "np matrix": Case(
        "import numpy as np\ndef f(n): return np.eye(2)@np.eye(2)",
        "import numpy as np\nassert np.array_equal(f(0),np.eye(2))",
    ),
    "np datetime": Case(
        "import numpy as np\ndef f(n): return np.datetime64('2024-01-01')",
        "import numpy as np\nassert f(0)==np.datetime64('2024-01-01')",
    ),
    "np str array": Case(
        "import numpy as np\ndef f(n): return np.array(['a','bb'])",
        "import numpy as np\nassert (f(0)==np.array(['a','bb'])).all()",
    ),
    "np empty": Case("import numpy as np\ndef f(n): return np.empty((0,3))", "assert f(0).shape==(0,3)"),
    "np object": Case(
        "import numpy as np\ndef f(n): return np.array([1,'a',None],dtype=object)", "assert f(0)[2] is None"
    ),
    "np tuple": Case(
        "import numpy as np\ndef f(n): return np.array([1]),np.array([2])", "a,b=f(0)\nassert a[0]==1 and b[0]==2"
    ),
    "custom sub": Case(
        "class E(ValueError):\n  def __init__(s, a, b): super().__init__(a); s.b=b\nclass F(E): pass\ndef f(s): raise F('no', 2)",
        "try:\n  f(1)\n  assert False\nexcept E as e: pass",
        "class E(ValueError):\n  def __init__(s, a, b): super().__init__(a); s.b=b\ndef f(s):\n  ...\n",
    ),
    "custom not in prompt": Case(
        "class E(ValueError): pass\ndef f(s): raise E('no')",
        "try:\n  f(1)\n  assert False\nexcept ValueError as e: assert str(e)=='no'",
    ),
}
# No data: the detail says so, with what to do.
NO_DATA = {
    "ellipsis": Case("def f(s): return ...", "assert f(1) is ..."),
    "function result": Case("def f(n): return lambda x: x+n", "assert f(1)(2)==3"),
    "slice": Case("def f(s): return slice(1,2)", "assert f(1)==slice(1,2)"),
    "tree class": Case(
        "class Node:\n  def __init__(s,v,l=None,r=None): s.v=v; s.l=l; s.r=r\ndef f(n): return n.v if n.l is None else f(n.l)",
        "assert f(Node(1,Node(2)))==2",
        "class Node:\n  def __init__(s,v,l=None,r=None): s.v=v; s.l=l; s.r=r\ndef f(n):\n  ...\n",
    ),
    "class entry": Case("class f:\n  def __init__(s,n): s.n=n\n  def get(s): return s.n", "assert f(3).get()==3"),
    "coroutine": Case("async def f(n): return n", "import asyncio\nassert asyncio.run(f(3))==3"),
    "re pattern": Case("import re\ndef f(s): return re.compile(s)", "import re\nassert f('a')==re.compile('a')"),
    "simplens": Case("from types import SimpleNamespace as S\ndef f(n): return S(a=1)", "assert f(0).a==1"),
    "np structured": Case(
        "import numpy as np\ndef f(n): return np.zeros(2,dtype=[('a','i4')])",
        "import numpy as np\nassert f(0)['a'].sum()==0",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_right_program_is_right_whatever_the_type_of_its_result(box: Pool, name: str) -> None:
    case = CASES[name]
    tests = CallTests(source=case.tests, entry_point="f", prelude=case.prelude)
    execution = box.run(Program(source=case.program), tests)
    assert execution.verdict is Verdict.ACCEPTED, execution
    wrong = box.run(Program(source=f"{case.program}\ndef f(*args, **kwargs): return [[None]]\n"), tests)
    assert wrong.verdict in (Verdict.WRONG_ANSWER, Verdict.RUNTIME_ERROR), wrong


@pytest.mark.parametrize("name", NO_DATA)
def test_what_is_no_data_is_named(box: Pool, name: str) -> None:
    case = NO_DATA[name]
    execution = box.run(
        Program(source=case.program), CallTests(source=case.tests, entry_point="f", prelude=case.prelude)
    )
    assert "no data" in execution.detail and "integrity in-sandbox" in execution.detail, execution


def test_an_exception_of_the_tests_own_is_not_the_programs_to_raise(box: Pool) -> None:
    """In one process the two classes would be two as well."""
    tests = CallTests(
        source="class Done(Exception): pass\ntry: f(1)\nexcept Done: pass\nassert f(2) == 2", entry_point="f"
    )
    source = "class Done(Exception): pass\ndef f(x):\n    if x == 1: raise Done\n    return x\n"
    assert box.run(Program(source=source), tests).verdict is Verdict.RUNTIME_ERROR


# name -> (a right program, one that nearly is, their tests, the prompt's prelude)
NEAR = {
    "decimal string": (
        "from decimal import Decimal as D\ndef f(x): return D(x).quantize(D('0.01'))",
        "from decimal import Decimal as D\ndef f(x): return D(x)",
        "assert str(f('1.005')) == '1.00'",
        "",
    ),
    "numpy int in list": (
        "import numpy as np\ndef f(x): return list(np.cumsum(x))",
        "import numpy as np\ndef f(x): return list(np.cumprod(x))",
        "assert f([1,2,3]) == [1,3,6]",
        "",
    ),
    "numpy array": (
        "import numpy as np\ndef f(n): return np.eye(n)",
        "import numpy as np\ndef f(n): return np.ones((n,n))",
        "import numpy as np\nassert np.array_equal(f(2), np.eye(2))\nassert f(3).shape == (3,3)",
        "",
    ),
    "timedelta tz": (
        "from datetime import *\ndef f(h): return timezone(timedelta(hours=h)), timedelta(hours=h)",
        "from datetime import *\ndef f(h): return timezone.utc, timedelta(hours=h)",
        "from datetime import *\nassert f(2) == (timezone(timedelta(hours=2)), timedelta(hours=2))",
        "",
    ),
    "recursion near limit": (
        "def f(n): return 0 if n == 0 else 1 + f(n-1)",
        "def f(n): return 0 if n <= 1 else 1 + f(n-1)",
        "assert f(900) == 900\nassert f(970) == 970",
        "",
    ),
    "big ints": (
        "import math\ndef f(n): return math.factorial(n)",
        "import math\ndef f(n): return math.factorial(n)+1",
        "import math\nassert f(3000) == math.factorial(3000)\nassert f(30) % 31 == 30",
        "",
    ),
    "threads": (
        "import threading\ndef f(n):\n    r=[0]*n\n    ts=[threading.Thread(target=lambda i=i: r.__setitem__(i,i*i)) for i in range(n)]\n    [t.start() for t in ts];[t.join() for t in ts]\n    return r",
        "def f(n): return [i for i in range(n)]",
        "assert f(5) == [0,1,4,9,16]",
        "",
    ),
    "lru_cache": (
        "from functools import lru_cache\n@lru_cache(maxsize=None)\ndef f(n): return n if n < 2 else f(n-1)+f(n-2)",
        "from functools import lru_cache\n@lru_cache(maxsize=None)\ndef f(n): return n if n < 3 else f(n-1)+f(n-2)",
        "assert f(80) == 23416728348467685\nassert f(2) == 1\nassert f(10)==55",
        "",
    ),
    "cached_property": (
        "from functools import cached_property\nclass A:\n    @cached_property\n    def v(self): return [1]\na=A()\ndef f(): return a.v",
        "class A: v=[2]\ndef f(): return A.v",
        "assert f() == [1]\nassert f() == f()",
        "",
    ),
    "prompt exception": (
        "def f(x):\n    if x < 0: raise Bad('neg', 3)\n    return x",
        "def f(x):\n    if x < 0: raise ValueError('neg')\n    return x",
        "try:\n    f(-1)\nexcept Bad as e:\n    assert e.args[0] == 'neg'\nelse:\n    assert False\nassert f(2)==2",
        "class Bad(Exception): pass\n",
    ),
    "keyerror arg": (
        "def f(d,k): return d[k]",
        "def f(d,k): return d.get(k)",
        "try:\n    f({}, 'a'); assert 0\nexcept KeyError as e: assert e.args == ('a',)",
        "",
    ),
    "infinite gen": (
        "import itertools\ndef f():\n    yield from itertools.count(1)",
        "import itertools\ndef f():\n    yield from itertools.count(0)",
        "import itertools\nassert list(itertools.islice(f(), 5)) == [1,2,3,4,5]",
        "",
    ),
    "complex": (
        "import cmath\ndef f(a,b,c): d=cmath.sqrt(b*b-4*a*c); return ((-b+d)/(2*a), (-b-d)/(2*a))",
        "import cmath\ndef f(a,b,c): return (0j,0j)",
        "assert f(1,0,1) == (1j,-1j)\nassert abs(f(1,2,1)[0]+1)<1e-9",
        "",
    ),
    "nan": (
        "def f(xs): return sum(xs)/len(xs) if xs else float('nan')",
        "def f(xs): return sum(xs)/len(xs) if xs else 0.0",
        "import math\nassert math.isnan(f([]))\nassert f([]) != f([])\nassert f([1,2])==1.5",
        "",
    ),
    "neg zero": (
        "def f(x): return -0.0 * x",
        "def f(x): return 0.0 * x",
        "import math\nassert math.copysign(1, f(1)) == -1\nassert str(f(1)) == '-0.0'\nassert f(1) == 0",
        "",
    ),
    "inf": (
        "def f(x): return x * 1e308 * 10",
        "def f(x): return -x * 1e308 * 10",
        "import math\nassert f(1) == math.inf\nassert f(1) > 10**300",
        "",
    ),
    "counter ops": (
        "from collections import Counter\ndef f(s): return Counter(s)",
        "from collections import Counter\ndef f(s): return Counter(s.upper())",
        "from collections import Counter\nassert f('aab') == {'a':2,'b':1}\nassert f('aab').most_common(1) == [('a',2)]\nassert f('ab') == Counter('ba')",
        "",
    ),
    "ordereddict order": (
        "from collections import OrderedDict\ndef f(xs): return OrderedDict((x,1) for x in xs)",
        "from collections import OrderedDict\ndef f(xs): return OrderedDict((x,1) for x in sorted(xs))",
        "from collections import OrderedDict\nassert f('ba') == OrderedDict([('b',1),('a',1)])\nassert list(f('ba')) == ['b','a']",
        "",
    ),
    "chainmap": (
        "from collections import ChainMap\ndef f(a,b): return ChainMap(a,b)",
        "from collections import ChainMap\ndef f(a,b): return ChainMap(b,a)",
        "assert f({'x':1},{'x':2,'y':3})['x'] == 1\nassert dict(f({'x':1},{'y':3})) == {'x':1,'y':3}",
        "",
    ),
    "flag prompt": (
        "def f(x): return C.A | C.B",
        "def f(x): return C.A",
        "assert f(1) == C.A | C.B",
        "import enum\nclass C(enum.Flag):\n    A=1\n    B=2\n",
    ),
    "namedtuple typing prompt": (
        "def f(x): return P(x, y=x+1)",
        "def f(x): return P(x, x)",
        "assert f(1) == P(1, 2)\nassert f(1).y == 2\nassert f(1) == (1,2)",
        "from typing import NamedTuple\nclass P(NamedTuple):\n    x: int\n    y: int = 0\n",
    ),
    "memoryview": (
        "def f(b): return memoryview(b)[1:3]",
        "def f(b): return memoryview(b)[0:2]",
        "assert f(b'abcd') == b'bc'\nassert bytes(f(b'abcd')) == b'bc'",
        "",
    ),
    "array": (
        "import array\ndef f(xs): return array.array('i', xs)",
        "import array\ndef f(xs): return array.array('i', xs[::-1])",
        "import array\nassert f([1,2]) == array.array('i',[1,2])\nassert list(f([1,2]))==[1,2]",
        "",
    ),
    "int subclass": (
        "class I(int):\n    pass\ndef f(x): return I(x)",
        "class I(int): pass\ndef f(x): return I(x+1)",
        "assert f(3) == 3\nassert f(3) + 1 == 4",
        "",
    ),
    "dict keys": (
        "def f(d): return d.keys()",
        "def f(d): return d.values()",
        "assert f({'a':1}) == {'a'}\nassert list(f({'a':1})) == ['a']",
        "",
    ),
    "bool vs int": (
        "def f(x): return x > 0",
        "def f(x): return int(x > 0) + 1",
        "assert f(1) is True\nassert f(0) is False",
        "",
    ),
    "type of result": (
        "def f(x): return (x,)",
        "def f(x): return [x]",
        "assert type(f(1)) is tuple\nassert f(1) == (1,)",
        "",
    ),
    "numpy complex/float32": (
        "import numpy as np\ndef f(x): return np.float32(x)/3",
        "import numpy as np\ndef f(x): return np.float32(x)",
        "assert abs(f(1) - 0.33333) < 1e-3\nassert round(float(f(1)),3) == 0.333",
        "",
    ),
    "mappingproxy": (
        "from types import MappingProxyType as M\ndef f(d): return M(d)",
        "def f(d): return {}",
        "assert f({'a':1}) == {'a':1}\nassert dict(f({'a':1})) == {'a':1}",
        "",
    ),
    "userdict": (
        "from collections import UserDict, UserList\nclass D(UserDict): pass\ndef f(d): return D(d)",
        "def f(d): return {}",
        "assert f({'a':1}) == {'a':1}\nassert f({'a':1})['a'] == 1",
        "",
    ),
    "ip": (
        "import ipaddress\ndef f(s): return ipaddress.ip_address(s) + 1",
        "import ipaddress\ndef f(s): return ipaddress.ip_address(s)",
        "import ipaddress\nassert f('10.0.0.1') == ipaddress.ip_address('10.0.0.2')\nassert str(f('10.0.0.1'))=='10.0.0.2'",
        "",
    ),
    "zip strict iter": (
        "def f(a,b): return zip(a,b)",
        "def f(a,b): return zip(b,a)",
        "assert list(f([1],[2])) == [(1,2)]\nassert dict(f('ab',[1,2])) == {'a':1,'b':2}",
        "",
    ),
    "set ordering": (
        "def f(xs): return {x%3 for x in xs}",
        "def f(xs): return {x%2 for x in xs}",
        "assert f(range(9)) == {0,1,2}\nassert sorted(f([4])) == [1]",
        "",
    ),
}


@pytest.mark.parametrize("name", NEAR)
def test_a_right_program_of_unusual_values_is_told_from_one_that_is_nearly_right(box: Pool, name: str) -> None:
    right, nearly, source, setup = NEAR[name]
    tests = CallTests(source=source, entry_point="f", setup=setup)
    ends = [box.run(Program(source=program), tests) for program in (right, nearly)]
    assert ends[0].verdict is Verdict.ACCEPTED, ends[0]
    assert ends[1].verdict in (Verdict.WRONG_ANSWER, Verdict.RUNTIME_ERROR), ends[1]
