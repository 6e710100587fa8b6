"""Programs that change the test framework, put a file or a module in its place, or change the sandbox's own code."""

from __future__ import annotations

from .corpus import CRASH, FORGED, LATE, WRONG, Attack

_NONE = "\ndef solve(kind, xs): return None\n"
_CHILD = "import sys\nchild = sys.modules.get('sandbox.guest.program')\n"

FRAMEWORKS = [
    Attack(
        "unittest's assertEqual is exchanged",
        f"import unittest\nunittest.TestCase.assertEqual = unittest.TestCase.assertAlmostEqual = lambda *a: None{_NONE}",
        WRONG,
        ("unittest",),
        "suite",
    ),
    Attack(
        "unittest's failures are dropped",
        f"import unittest\nunittest.TestResult.addFailure = unittest.TestResult.addError = lambda *a: None\nunittest.TextTestResult.addFailure = unittest.TextTestResult.addError = lambda *a: None{_NONE}",
        WRONG,
        ("unittest",),
        "suite",
    ),
    Attack(
        "unittest's main is exchanged",
        f"import unittest\nunittest.main = lambda *a, **k: None{_NONE}",
        WRONG,
        ("unittest",),
        "suite",
    ),
    Attack(
        "unittest's wasSuccessful is exchanged",
        f"import unittest\nunittest.TestResult.wasSuccessful = lambda self: True{_NONE}",
        WRONG,
        ("unittest",),
        "suite",
    ),
    Attack(
        "unittest's run is exchanged",
        f"import unittest\nunittest.TestCase.run = lambda self, result=None: result{_NONE}",
        WRONG,
        ("unittest",),
        "suite",
    ),
    Attack(
        "unittest loads another suite",
        f"import unittest\ndef load_tests(*a): return unittest.TestSuite()\n{_NONE}",
        WRONG,
        ("unittest",),
        "suite",
    ),
    Attack(
        "unittest's loader finds nothing",
        f"import unittest\nunittest.TestLoader.loadTestsFromTestCase = lambda self, case: self.suiteClass(){_NONE}",
        WRONG,
        ("unittest",),
        "suite",
    ),
    Attack(
        "unittest takes every failure for one that is expected",
        f"import unittest\nunittest.TestCase.__unittest_expecting_failure__ = True{_NONE}",
        WRONG,
        ("unittest",),
        "suite",
    ),
    Attack(
        "unittest skips all",
        f"import unittest\ndef setUpModule(): raise unittest.SkipTest\n{_NONE}",
        WRONG,
        ("unittest",),
        "suite",
    ),
    Attack(
        "a module of its own in the place of unittest",
        f"""
import sys, types
fake = types.ModuleType("unittest")
fake.TestCase, fake.main = object, lambda *a, **k: None
sys.modules["unittest"] = fake
{_NONE}""",
        WRONG,
        ("unittest",),
        "suite",
    ),
    Attack(
        "a file in the place of unittest",
        f"""
open("unittest.py", "w").write("TestCase = object\\ndef main(): pass\\n")
import importlib, sys
importlib.invalidate_caches()
sys.modules.pop("unittest", None)
{_NONE}""",
        WRONG,
        ("unittest",),
        "suite",
    ),
    Attack(
        "files that test runners read",
        f"""
for name in ("conftest.py", "sitecustomize.py", "usercustomize.py"):
    open(name, "w").write("import os\\nos._exit(0)\\n")
open("pytest.ini", "w").write("[pytest]\\naddopts = --collect-only\\n")
{_NONE}""",
        WRONG,
    ),
    # The child's own code is the program's to change: no change of it may decide.
    Attack(
        "the child says done",
        f"{_CHILD}if child: child._Channel.send = lambda self, *m: setattr(self, 's', None) or child.wire.write_all(3, child.wire.frame(child.codec.encode([self.nonce, 'done'])))\n{_NONE}",
        FORGED,
    ),
    Attack(
        "the child says ready to everything",
        f"{_CHILD}if child:\n    real = child._Channel.send\n    child._Channel.send = lambda self, *m: real(self, 'ready')\n{_NONE}",
        FORGED,
    ),
    Attack(
        "the child says that an assertion passed",
        f"{_CHILD}if child:\n    real = child._Channel.send\n    child._Channel.send = lambda self, *m: real(self, 'value', True, 'ACCEPTED')\n{_NONE}",
        FORGED,
    ),
    Attack(
        "the child answers with a verdict",
        f"{_CHILD}if child:\n    real = child._Channel.send\n    child._Channel.send = lambda self, *m: real(self, 'failed', 'tests', 'Accepted', 'passed')\n{_NONE}",
        CRASH,
    ),
    Attack(
        "the child says that the harness failed",
        f"{_CHILD}if child:\n    real = child._Channel.send\n    child._Channel.send = lambda self, *m: real(self, 'failed', 'start', 'OSError', 'cannot prepare the process')\n{_NONE}",
        CRASH,
        seconds=8.0,
    ),
    Attack("the child is silent", f"{_CHILD}if child: child._Channel.send = lambda self, *m: None\n{_NONE}", LATE),
    Attack(
        "the child ends at once",
        f"{_CHILD}if child: child._Channel.send = lambda self, *m: child.os._exit(0)\n{_NONE}",
        CRASH,
    ),
]
