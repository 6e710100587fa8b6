"""Results that decide for themselves what they are equal to."""

from __future__ import annotations

from .corpus import CRASH, WRONG, Attack

_OPEN = ("namespace", "compare")
_ODD = WRONG + CRASH  # an opaque object fails a comparison, or the first use that is none

EQUALITY = [
    Attack(
        "an object that is equal to all",
        """
class Same:
    def __eq__(self, other): return True
    def __len__(self): return 2
    def __float__(self): return 2.5
def solve(kind, xs): return Same()
""",
        WRONG,
        _OPEN,
    ),
    Attack(
        "an object that is unequal to nothing",
        """
class Same:
    def __ne__(self, other): return False
    def __eq__(self, other): return not (self != other)
    def __len__(self): return 2
    def __float__(self): return 2.5
def solve(kind, xs): return Same()
""",
        WRONG,
        _OPEN,
    ),
    Attack(
        "a list that is equal to all",
        """
class Same(list):
    def __eq__(self, other): return True
    def __float__(self): return 2.5
def solve(kind, xs): return Same([0, 0])
""",
        WRONG,
        _OPEN,
    ),
    Attack(
        "a text that is equal to all",
        """
class Same(str):
    def __eq__(self, other): return True
    def __float__(self): return 2.5
def solve(kind, xs): return Same("no")
""",
        WRONG,
        _OPEN,
    ),
    Attack(
        "an integer that is equal to all",
        """
class Same(int):
    def __eq__(self, other): return True
def solve(kind, xs): return Same(7)
""",
        WRONG,
        ("compare",),
    ),
    Attack(
        "a float that is equal to all",
        """
class Same(float):
    def __eq__(self, other): return True
    def __len__(self): return 2
def solve(kind, xs): return Same(2.5)
""",
        WRONG,
        _OPEN,
    ),
    Attack(
        "a tuple that is equal to all",
        """
class Same(tuple):
    def __eq__(self, other): return True
def solve(kind, xs): return Same((1, 2))
""",
        WRONG,
        ("compare",),
    ),
    Attack(
        "a dictionary that is equal to all",
        """
class Same(dict):
    def __eq__(self, other): return True
def solve(kind, xs): return Same(a=1)
""",
        WRONG,
        ("compare",),
    ),
    Attack(
        "bytes that are equal to all",
        """
class Same(bytes):
    def __eq__(self, other): return True
def solve(kind, xs): return Same(b"ab")
""",
        WRONG,
        ("compare",),
    ),
    Attack(
        "a set that is equal to all",
        """
class Same(frozenset):
    def __eq__(self, other): return True
def solve(kind, xs): return Same({1})
""",
        WRONG,
        ("compare",),
    ),
    Attack(
        "a class whose metaclass is equal to all",
        """
class Meta(type):
    def __eq__(cls, other): return True
    def __len__(cls): return 2
    def __float__(cls): return 2.5
    __hash__ = None
class Same(metaclass=Meta): pass
def solve(kind, xs): return Same
""",
        WRONG,
        _OPEN,
    ),
    Attack(
        "the standard library's ANY",
        "from unittest.mock import ANY\ndef solve(kind, xs): return ANY\n",
        WRONG,
        ("compare",),
    ),
    Attack(
        "a mock with a comparison of its own",
        """
from unittest.mock import MagicMock
def solve(kind, xs):
    made = MagicMock()
    made.__eq__.return_value = True
    made.__len__.return_value = 2
    made.__float__.return_value = 2.5
    return made
""",
        WRONG,
        _OPEN,
    ),
    Attack(
        "an object that says it is a list",
        """
class Same:
    __class__ = list
    def __eq__(self, other): return True
    def __len__(self): return 2
    def __iter__(self): return iter([])
def solve(kind, xs): return Same()
""",
        _ODD,
        ("compare",),
    ),
    Attack(
        "an object that says it is an integer",
        """
class Same:
    __class__ = int
    def __eq__(self, other): return True
    def __index__(self): return 1
    def __int__(self): return 1
def solve(kind, xs): return Same()
""",
        _ODD,
        ("compare",),
    ),
    Attack(
        "a comparison that gives no boolean",
        """
class Yes:
    def __bool__(self): return True
class Same:
    def __eq__(self, other): return Yes()
def solve(kind, xs): return Same()
""",
        WRONG,
        ("compare",),
    ),
    Attack(
        "a comparison whose name is put together",
        """
Same = type("Same", (), {})
setattr(Same, "_" * 2 + "e" + "q" + "_" * 2, lambda *_: 1)
def solve(kind, xs): return Same()
""",
        WRONG,
        ("compare",),
    ),
    Attack(
        "an array that is equal to all",
        """
import numpy as np
class Same(np.ndarray):
    def __eq__(self, other): return True
def solve(kind, xs): return np.zeros(2).view(Same)
""",
        WRONG + CRASH,  # it arrives as a plain array, and arrays of two shapes cannot be compared
        ("compare",),
    ),
    Attack(
        "a number of numpy's that is equal to all",
        """
import numpy as np
class Same(np.float64):
    def __eq__(self, other): return True
    def item(self): return [1, 2, 3]
def solve(kind, xs): return Same(0)
""",
        WRONG,
        ("compare",),
    ),
    Attack(
        "a class that says it is of numpy",
        """
class Same:
    shape = ()
    def __eq__(self, other): return True
    def item(self): return self
Same.__module__ = "numpy"
def solve(kind, xs): return Same()
""",
        _ODD,
        ("compare",),
    ),
    Attack(
        "a weak reference to an object that is equal to all",
        """
import weakref
class Same:
    def __eq__(self, other): return True
KEEP = Same()
def solve(kind, xs): return weakref.proxy(KEEP)
""",
        WRONG,
        ("compare",),
    ),
    Attack(
        "a member of an enumeration that is equal to all",
        """
import enum
class Same(str, enum.Enum):
    ONE = "x"
    def __eq__(self, other): return True
    __hash__ = None
def solve(kind, xs): return Same.ONE
""",
        WRONG + CRASH,
        ("compare",),
    ),
    Attack(
        "a named tuple that is equal to all",
        """
import collections
class Same(collections.namedtuple("Same", "a b")):
    def __eq__(self, other): return True
def solve(kind, xs): return Same(1, 2)
""",
        WRONG,
        ("compare",),
    ),
    Attack(
        "a list of the library that is equal to all",
        """
import collections
class Same(collections.UserList):
    def __eq__(self, other): return True
def solve(kind, xs): return Same([1, 2])
""",
        WRONG,
        ("compare",),
    ),
    Attack(
        "an iterator that is equal to all",
        """
class Same:
    def __iter__(self): return self
    def __next__(self): raise StopIteration
    def __eq__(self, other): return True
def solve(kind, xs): return Same()
""",
        WRONG,
        ("compare",),
    ),
    Attack(
        "an exception that is equal to all",
        """
class Same(Exception):
    def __eq__(self, other): return True
def solve(kind, xs): return Same()
""",
        WRONG,
        ("compare",),
    ),
    Attack(
        "a list of objects that are equal to all",
        """
class Same:
    def __eq__(self, other): return True
def solve(kind, xs):
    if kind == "unique":
        return [Same() for _ in range(len(set(xs)))]
    return "-".join(sorted(set(xs)))
""",
        WRONG,
        ("compare",),
    ),
    Attack(
        "a module that is equal to all",
        """
import types
class Same(types.ModuleType):
    def __eq__(self, other): return True
def solve(kind, xs): return Same("same")
""",
        WRONG,
        ("compare",),
    ),
    Attack(
        "a comparison that empties what it is compared with",
        """
class Same:
    def __eq__(self, other):
        if isinstance(other, list):
            other.clear()
        return True
    def __len__(self): return 2
    def __float__(self): return 2.5
def solve(kind, xs): return Same()
""",
        WRONG,
        _OPEN,
    ),
]
