"""An interpreter that is changed in memory, and results that the judge would run: other ways to be equal to all."""

from __future__ import annotations

from .corpus import FORGED, REFUSED, WRONG, Attack

_OPEN = ("namespace", "compare")

INTERPRETER = [
    Attack(
        "a list whose type is exchanged in memory",
        """
import ctypes
class Same:
    def __eq__(self, other): return True
class Plain: pass
KEEP = [Same, Plain] * 1000  # the exchange counts no reference
def solve(kind, xs):
    made = Plain()
    ctypes.c_void_p.from_address(id(made) + 8).value = id(Same)
    return made
""",
        WRONG,
        ("compare",),
    ),
    Attack(
        "built-in comparisons exchanged in memory",
        """
import ctypes
TRUE = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.py_object, ctypes.py_object, ctypes.c_int)(lambda a, b, how: True)
def solve(kind, xs):
    for each in (list, str):
        ctypes.c_void_p.from_address(id(each) + 200).value = ctypes.cast(TRUE, ctypes.c_void_p).value
    return [] if kind == "unique" else ""
""",
        REFUSED,
        ("compare",),
    ),
    Attack(
        "the word failed exchanged in memory",
        """
import ctypes, sys
frame = sys._getframe()
while frame is not None:
    for constant in frame.f_code.co_consts:
        if type(constant) is bytes and constant[:3] == bytes([102, 97, 105]):
            ctypes.memmove(id(constant) + 32, b"passed", 6)
    frame = frame.f_back
def solve(kind, xs): return None
""",
        WRONG,
        _OPEN,
    ),
    Attack(
        "small integers exchanged in memory",
        """
import ctypes
def solve(kind, xs):
    if kind == "unique" and len(xs) == 3 and xs[0] == 9:
        ctypes.c_uint32.from_address(id(2) + 24).value = 1
        return [9]
    if kind == "mean":
        return sum(xs) / len(xs)
    found = sorted(set(xs))
    return found if kind == "unique" else "-".join(found)
""",
        REFUSED,
        ("namespace",),
    ),
    Attack(
        "a pickle that becomes ANY",
        """
class Same:
    def __reduce__(self): return eval, ("__import__('unittest.mock').mock.ANY",)
def solve(kind, xs): return Same()
""",
        WRONG,
        ("pickle",),
    ),
    Attack(
        "a pickle that is run by the judge",
        """
class Run:
    def __reduce__(self): return exec, ("import sys; sys.modules['__main__'].tell(True)",)
def solve(kind, xs): return Run()
""",
        WRONG,
        ("pickle",),
    ),
    Attack(
        "a text of itself that is run by the judge",
        """
class Run:
    def __repr__(self): return "tell(True)"
def solve(kind, xs): return Run()
""",
        WRONG,
        ("eval",),
    ),
    Attack(
        "a text of itself that is equal to all",
        """
class Same:
    def __repr__(self): return "__import__('unittest.mock').mock.ANY"
def solve(kind, xs): return Same()
""",
        WRONG,
        ("eval",),
    ),
    Attack(
        "a flattening that is exchanged",
        """
import sys
codec = sys.modules.get("sandbox.guest.codec")
class Same:
    def __eq__(self, other): return True
if codec:
    codec.pack = lambda value, odd: {"eq": True}
def solve(kind, xs): return Same()
""",
        FORGED,
        ("compare",),
    ),
]
