"""Cells that share their state, run as one program: its source, and what it says of each cell.

The program that runs in the sandbox executes the cells one after the other in one namespace, as a notebook does: what
each prints, the value of its last expression, its error. It computes its own report, so the report says what the cells
did in the program's words; where a verdict is wanted, tests are.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from typing import Any

from sandbox import Execution, Program

REPORT = "cells.json"
# Runs in the sandbox, on the standard library. The report is written after each cell, so that a limit loses one only.
DRIVER = """
import ast, contextlib, io, json, os, signal, sys, traceback
os.environ["PYTHONIOENCODING"] = "utf-8"
with open(INPUT) as file:
    given = json.load(file)
os.remove(INPUT)
report, space = [], {"__name__": "__main__", "__builtins__": __builtins__}
class CellTimeout(BaseException):
    pass
def late(*_):
    raise CellTimeout(f"the cell ran for more than {given['cell_s']} s")
signal.signal(signal.SIGALRM, late)
def run(source):
    tree = ast.parse(source, "<cell>")
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "<cell>", "exec"), space)
    if last is None:
        return None
    return eval(compile(ast.Expression(last.value), "<cell>", "eval"), space)
def error_of(error):
    lines = traceback.format_exception(error)
    return {"ename": type(error).__name__, "evalue": str(error), "traceback": lines[:1] + lines[3:]}
def cell(source):
    out, err = io.StringIO(), io.StringIO()
    result = {"stdout": "", "stderr": "", "display": [], "error": []}
    signal.setitimer(signal.ITIMER_REAL, given["cell_s"])
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            value = run(source)
            if value is not None:
                space["_"] = value
                result["display"].append({"text/plain": repr(value)})
        except BaseException as error:
            result["error"].append(error_of(error))
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    result["stdout"], result["stderr"] = out.getvalue(), err.getvalue()
    return result
home = os.getcwd()
path = os.path.join(home, given["report"])
for source in given["cells"]:
    report.append(cell(source))
    with open(path + ".part", "w") as file:
        json.dump(report, file)
    os.replace(path + ".part", path)
    if report[-1]["error"] and given["stop"]:
        break
"""


def program(
    cells: Sequence[str], *, cell_s: float, stop: bool, files: dict[str, bytes], fetch: Sequence[str] = ()
) -> tuple[Program, str]:
    """The program, and under which name its report is fetched. stop: at the first cell with an error."""
    name = f".{secrets.token_hex(8)}"
    given = {"cells": list(cells), "cell_s": cell_s, "stop": stop, "report": name + REPORT}
    source = f"INPUT = {name!r}\n" + DRIVER
    wanted = (name + REPORT, *fetch)
    return Program(source=source, files={**files, name: json.dumps(given).encode()}, fetch=wanted), name + REPORT


def report(execution: Execution, name: str) -> list[dict[str, Any]]:
    """What the cells that ran did; fewer than were asked for where a limit ended them. Never raises."""
    try:
        cells = json.loads(execution.files.get(name, b"[]"))
    except ValueError:
        return []
    return [_cell(each) for each in cells if isinstance(each, dict)] if isinstance(cells, list) else []


def _cell(given: dict[str, Any]) -> dict[str, Any]:
    """One cell in the known form, whatever the program wrote."""
    return {
        "stdout": str(given.get("stdout", "")),
        "stderr": str(given.get("stderr", "")),
        "display": [each for each in _list(given.get("display")) if isinstance(each, dict)],
        "error": [each for each in _list(given.get("error")) if isinstance(each, dict)],
    }


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
