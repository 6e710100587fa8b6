"""Does anything on the host cost more than in proportion to what a model wrote?

    python -m tests.bench.host_inputs [--only NAME] [--bytes 1048576]

Every function of the host that is given a model's text takes each of the SHAPES in growing sizes, up to a megabyte. What
is bounded is the growth, not the time: four times the text may cost GROWTH times the work, where the quadratic costs
sixteen and no machine is fast enough. Work is the CPU time of a process of its own, the least of three, less what it
takes for nothing; sizes at which it is below FLOOR_S tell nothing and are passed over. A size is only tried where the one
before was in proportion, and under a limit of CPU time, so that this ends whatever it finds. Exit code 1 with the name
of each function and shape that grew faster, or did not end.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import resource
import sys
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from harness import extractors
from harness.datasets import _integrity
from harness.extractors import _markdown, _python
from harness.html import highlight
from harness.metrics import diversity, rouge
from harness.strength import drivers, inputs, mutants
from harness.tasks import _labels, _negation, classification, codegen
from harness.text import containment, near_duplicates, printable, reasoning, shingles, verbatim, words
from harness.types import Completion, Form, Problem
from sandbox import CallTests, outcome, worker
from tests.bench import systems

SMALLEST, STEP, LARGEST = 1 << 14, 4, 1 << 20
GROWTH = 9.0
FLOOR_S = 0.02
CPU_LIMIT_S = 60
AGAIN = 3
PROMPT = 'def f(x):\n    """Return x."""\n'
CODE = Problem(
    id="a", dataset="a", prompt=PROMPT, tests=CallTests(source="assert f(3) == 3", entry_point="f"), entry_point="f"
)
LABELS = ("positive", "negative", "neutral")
UNIT = {
    "newlines": "\n",
    "blanks": " ",
    "one word": "a",
    "fences": "```\n",
    "fences with names": "```python\nx = 1\n",
    "open brackets": "(",
    "quotes": '"""',
    "functions": "def f(x):\n    return x\n",
    "lines of prompts": ">>> f(3)\n3\n",
    "marks of reasoning": "<think>not </think>",
    "labels and negations": "not positive, never negative ",
    "objects": '{"code": ',
    "digits": "9",
    "backslashes": "\\\n",
    "accents": "a\u0301\u0308\u202e",
    "carriage returns": "\r\n\r",
    "words without spaces": "\u4e0d\u662f",
    "decorators": "@x\n",
}
SHAPES: dict[str, Callable[[int], str]] = {
    name: (lambda size, unit=unit: unit * (size // len(unit.encode()))) for name, unit in UNIT.items()
}
SHAPES["brackets, closed"] = lambda size: "(" * (size // 2) + ")" * (size // 2)
SHAPES["ever deeper blocks"] = lambda size: "".join(f"{' ' * at}if x:\n" for at in range(int((2 * size) ** 0.5) - 6))


class Measured(NamedTuple):
    """How much text, and the CPU time that it took; None where the limit came first."""

    size: int
    cpu_s: float | None


def _problem(text: str) -> object:
    return codegen.program(CODE, Completion(problem_id="a", index=0, text=text, form=Form.CHAT))


def _classified(text: str) -> object:
    task = classification.open_task({"labels": ",".join(LABELS)})
    problem = Problem(id="a", dataset="a", prompt="?", references=("positive",), metadata={"labels": LABELS})
    return task.score(problem, Completion(problem_id="a", index=0, text=text, form=Form.CHAT), None)


def _summarized(text: str) -> object:
    pair = rouge.SummaryPair(summary=text, references=("a short text",), source="what it was made of")
    return rouge.score(pair, stemmer=True, copied_n=2)


def _near(text: str) -> object:
    sketches = near_duplicates.sketch([text, text + "x"], 2)
    return list(near_duplicates.find_near(sketches, sketches, lambda _: text, lambda _: text))


FUNCTIONS: dict[str, Callable[[str], object]] = {
    **{f"extractor {name}": lambda text, name=name: extractors.extract(name, text, PROMPT, "f") for name in (
        "auto", "first", "last", "longest", "whole")},
    "extract between": lambda text: extractors.extract_between(text, ("<think>", "</think>")),
    "answer of a reply": _markdown.answer,
    "blocks of a reply": _markdown.blocks,
    "dedented": _markdown.dedented,
    "defines": lambda text: _python.defines(text, "f"),
    "without prompts": _python.without_prompts,
    "program of a reply": _problem,
    "reasoning": reasoning.without_reasoning,
    "printable": printable.printable,
    "clipped": lambda text: printable.clipped(text, 100),
    "spreadsheet cell": printable.spreadsheet_cell,
    "highlight": highlight.python,
    "visible": words.visible,
    "tokens": words.tokens,
    "words": words.words,
    "shingles": lambda text: shingles.shingles(text, 5),
    "near duplicates": _near,
    "containment": lambda text: list(containment.find_contained(lambda: [text], [text])),
    "longest copies": lambda text: verbatim.longest_copies([text], [text]),
    "ROUGE": _summarized,
    "diversity": lambda text: diversity.measure([text, text + "x"], np.random.default_rng(0)),
    "label of an answer": _classified,
    "normalized label": _labels.normalize,
    "negation": lambda text: _negation.is_negated(text, len(text) - 2, len(text)),
    "tests of a set": lambda text: _integrity.call_tests(text, "f"),
    "calls recorded": lambda text: inputs.parse_calls(drivers.read_recorded(text)),
    "answers": drivers.read_answers,
    "differences": drivers.read_differences,
    "mutants": lambda text: mutants.mutants(text, limit=3, rng=__import__("random").Random(1)),
    "what is imported": worker._PRELOAD.search,
    "one line of a detail": outcome._line,
}  # fmt: skip


def main() -> int:
    """Measure, print what grew too fast."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", help="functions whose name holds this")
    parser.add_argument("--bytes", type=int, default=LARGEST)
    options = parser.parse_args()
    names = [name for name in FUNCTIONS if not options.only or any(part in name for part in options.only)]
    print(f"{len(names)} functions, {len(SHAPES)} shapes, up to {options.bytes:,} bytes; {systems.load()}", flush=True)
    faults = 0
    for name in names:
        worst = 0.0
        _call(name, "x = 1\n")  # what it imports is here before it is measured
        for shape in SHAPES:
            sizes = list(_measure(name, shape, options.bytes))
            worst = max(worst, sizes[-1].cpu_s or 0.0)
            if fault := _fault(sizes):
                faults += 1
                print(f"{name}, {shape}: {fault}", flush=True)
        print(f"{name}: {worst:.2f} s of CPU time for the worst shape", flush=True)
    print("all in proportion" if not faults else f"{faults} grow faster than the text")
    return 1 if faults else 0


def _measure(name: str, shape: str, largest: int) -> Iterator[Measured]:
    """Growing sizes, up to the first that is not in proportion."""
    size, last = SMALLEST, Measured(0, 0.0)
    while size <= largest:
        found = Measured(size, _least(name, SHAPES[shape](size)))
        for _ in range(AGAIN):  # a busy machine: both once more
            if not found.cpu_s or not _fault([last, found]):
                break
            last, found = _anew(name, shape, last), _anew(name, shape, found)
        yield found
        if _fault([last, found]):
            return
        size, last = size * STEP, found


def _anew(name: str, shape: str, found: Measured) -> Measured:
    """The lesser of what was found and what is found now."""
    return Measured(found.size, min(found.cpu_s or 0.0, _least(name, SHAPES[shape](found.size)) or math.inf))


def _fault(sizes: list[Measured]) -> str:
    """How the last size is out of proportion; empty where it is not."""
    before, last = sizes[-2:] if len(sizes) > 1 else [Measured(0, 0.0), sizes[-1]]
    if last.cpu_s is None:
        return f"{last.size:,} bytes took more than {CPU_LIMIT_S} s of CPU time"
    if before.cpu_s and before.cpu_s >= FLOOR_S and last.cpu_s / before.cpu_s > GROWTH:
        return f"{before.size:,} bytes: {before.cpu_s:.3f} s, {last.size:,} bytes: {last.cpu_s:.3f} s"
    return ""


def _least(name: str, text: str) -> float | None:
    """CPU seconds in a process of its own; None where it had to be ended. Again where it is so little that chance counts."""
    found = _once(name, text)
    if found is None or found > 1.0:
        return found
    return min(found, *(each for each in (_once(name, text), _once(name, text)) if each is not None))


def _once(name: str, text: str) -> float | None:
    read, write = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(target=_run, args=(name, text, write))
    process.start()
    write.close()
    try:
        return float(read.recv())
    except EOFError:  # ended by its limit
        return None
    finally:
        process.join()


def _call(name: str, text: str) -> None:
    try:
        FUNCTIONS[name](text)
    except (ValueError, SyntaxError, RecursionError, MemoryError):  # an answer too: the text is refused
        pass


def _run(name: str, text: str, write: multiprocessing.connection.Connection) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_LIMIT_S, CPU_LIMIT_S))
    start = time.process_time()
    _call(name, text)
    write.send(time.process_time() - start)


if __name__ == "__main__":
    sys.exit(main())
