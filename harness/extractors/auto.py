"""Extractor `auto`: the program that a reply means, however it is written down.

Every fenced block, and each run of program text outside the fences, is a candidate. The last of those that define the
entry point best is taken: a whole definition before a method of a class, before text that defines it but does not
parse, before a bare body of the prompt's function, before a signature without a body. To it come statements of other
candidates that it needs and lacks; from it go statements after the entry point that only show it off. A program with a
mistake keeps it: nothing inside a block is mended, and what was cut off in the entry point itself stays cut off.
"""

from __future__ import annotations

import ast
import dataclasses
import itertools
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

from harness.extractors import _markdown, _python
from harness.extractors._found import Found
from harness.extractors._markdown import Block
from harness.extractors._python import BUILTINS, SHOW, Reader, Statement
from harness.extractors._wrapped import in_json, without_marks

RUNS = 100  # of unfenced program text that are looked at
WHOLE, METHOD, BROKEN, BODY, STUB, NOTHING = 5, 4, 3, 2, 1, 0
_EFFECTS = ast.Expr | ast.For | ast.While | ast.With | ast.If | ast.Try  # that are statements, not bindings
_LINE_END_FENCE = re.compile(r"[ \t]*(?:```|~~~)[ \t]*$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Candidate:
    """raw: as it stands. text: as it is understood, with its tree where it parses."""

    raw: str
    text: str
    tree: ast.Module | None
    start: int
    end: int
    fenced: bool
    python: bool


def find(raw: str, prompt: str, entry_point: str) -> Found | None:
    """The program in a reply; None where there is none."""
    inner = in_json(_markdown.answer(raw), entry_point)
    if inner is not None:
        found = _find(inner, prompt, entry_point)
        return None if found is None else dataclasses.replace(found, start=0, end=len(raw))
    return _find(raw, prompt, entry_point)


def _find(raw: str, prompt: str, entry_point: str) -> Found | None:
    reader = Reader()
    answer = without_marks(_markdown.answer(raw))
    # a bare program's fences are in its strings
    blocks = [] if _is_program(answer, reader) else _markdown.blocks(
        answer, lambda text: _understood(text, True, entry_point, reader)[1] is not None
    )  # fmt: skip
    candidates = [_candidate(block, entry_point, reader) for block in blocks]
    levels = [_level(each, prompt, entry_point, reader) for each in candidates]
    if max(levels, default=NOTHING) < METHOD:
        loose = list(_unfenced(answer, blocks, entry_point, reader))
        candidates += loose
        levels += [_level(each, prompt, entry_point, reader) for each in loose]
    ranks = [
        (level, each.fenced, each.python, at) for at, (level, each) in enumerate(zip(levels, candidates, strict=True))
    ]
    level, _, _, at = max(ranks, default=(NOTHING, False, False, 0))
    if level == NOTHING:
        return _last_block(candidates)
    if level == BODY:
        chosen = candidates[at]
        return Found(
            text=_with_body(prompt, chosen, entry_point, reader), start=chosen.start, end=chosen.end, complete=True
        )
    return _finished(candidates, at, prompt, entry_point, reader)


def _is_program(answer: str, reader: Reader) -> bool:
    text = _markdown.unix(answer).strip("\n")
    return _python.looks_like_code(text) and reader.may_scan(text) and reader.tree(text + "\n") is not None


def _last_block(candidates: list[_Candidate]) -> Found | None:
    """What a reply without the entry point has instead: it is judged as it is."""
    for each in reversed(candidates):
        if each.fenced and each.python and (each.tree is None or _python.has_substance(each.tree)):
            return Found(text=each.text, start=each.start, end=each.end)
    return None


def _candidate(block: Block, entry_point: str, reader: Reader) -> _Candidate:
    text, tree = _understood(block.text, block.closed, entry_point, reader)
    return _Candidate(
        raw=block.text, text=text, tree=tree, start=block.start, end=block.end, fenced=True, python=block.python
    )


def _understood(text: str, closed: bool, entry_point: str, reader: Reader) -> tuple[str, ast.Module | None]:
    """The first reading of a block's text that parses; the text itself where none does."""
    if not reader.may_scan(text):
        return text, None
    for reading in _readings(text, closed, entry_point, reader):
        tree = reader.tree(reading)
        if tree is not None and tree.body:
            return reading, tree
    return text, None


def _readings(text: str, closed: bool, entry_point: str, reader: Reader) -> Iterator[str]:
    yield text
    flush = _markdown.dedented(text)
    if flush != text:
        yield flush
    if _python.has_prompts(flush):
        yield _python.without_prompts(flush)
    if fence := _LINE_END_FENCE.search(flush):
        yield flush[: fence.start()] + "\n"
    trimmed = _trimmed(flush, closed, reader)
    if _python.defines(trimmed, entry_point):
        yield trimmed


def _trimmed(text: str, closed: bool, reader: Reader) -> str:
    """Without prose at its ends and, where a block was cut off, without its last statement if that is not whole."""
    lines = text.split("\n")
    pieces = _python.chunks(lines, reader)
    first, last = 0, len(pieces)
    while first < last and not pieces[first].code and not pieces[first].likely:
        first += 1
    cut = not closed and last > first and not pieces[last - 1].code
    last -= cut
    while last > first and not pieces[last - 1].code and not pieces[last - 1].likely:
        last -= 1
    return "\n".join(lines[pieces[first].first : pieces[last - 1].last]) + "\n" if first < last else ""


def _unfenced(answer: str, blocks: list[Block], entry_point: str, reader: Reader) -> Iterator[_Candidate]:
    """Runs of program text outside the fences; where nothing is fenced also the whole text."""
    for block in blocks:
        answer = answer[: block.start] + " " * (block.end - block.start) + answer[block.end :]
    lines = answer.split("\n")
    offsets = [0]
    for line in lines:
        offsets.append(offsets[-1] + len(line) + 1)
    for first, last in itertools.islice(_runs(lines, reader), RUNS):
        raw = _markdown.unix("\n".join(lines[first:last])) + "\n"
        text = _markdown.dedented(raw)
        tree = reader.tree(text)
        if tree is not None and _python.has_substance(tree):
            yield _Candidate(
                raw=raw, text=text, tree=tree, start=offsets[first], end=offsets[last] - 1, fenced=False, python=False
            )
    if not blocks and answer.strip():
        raw = _markdown.unix(answer).strip("\n") + "\n"
        text, tree = _understood(raw, True, entry_point, reader)
        yield _Candidate(raw=raw, text=text, tree=tree, start=0, end=len(answer), fenced=False, python=False)


def _runs(lines: list[str], reader: Reader) -> Iterator[tuple[int, int]]:
    """Lines [first, last) of neighbouring statements, and of indented text below a line of prose."""
    run: list[int] = []
    for piece in _python.chunks(lines, reader):
        if piece.code:
            run = [run[0] if run else piece.first, piece.last]
            continue
        if run:
            yield run[0], run[1]
            run = []
        below = piece.first + (not lines[piece.first][:1].isspace())
        if below < piece.last and any(line.strip() for line in lines[below : piece.last]):
            yield below, piece.last
    if run:
        yield run[0], run[1]


def _level(candidate: _Candidate, prompt: str, entry_point: str, reader: Reader) -> int:
    """How well a candidate defines the entry point; of a script, whether it reads anything and does anything."""
    tree = candidate.tree
    if not entry_point:
        if tree is None:
            return STUB if candidate.fenced and candidate.python else NOTHING
        return (METHOD if _reads_input(tree) else BODY + 1) if _python.has_substance(tree) else NOTHING
    if tree is not None:
        definition = _python.function(tree, entry_point)
        if isinstance(definition, ast.Import | ast.ImportFrom):
            return BROKEN  # a test's `from solution import f`
        if definition is not None:
            return STUB if _python.is_stub(definition) else WHOLE
        owned = _python.owner(tree, entry_point)
        if owned is not None:
            return STUB if _python.is_stub(owned[1]) else METHOD
    elif _python.defines(candidate.text, entry_point):
        return BROKEN
    return BODY if _with_body(prompt, candidate, entry_point, reader) else NOTHING


def _reads_input(tree: ast.Module) -> bool:
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return "input" in names or any(isinstance(node, ast.Attribute) and node.attr == "stdin" for node in ast.walk(tree))


def _with_body(prompt: str, candidate: _Candidate, entry_point: str, reader: Reader) -> str:
    """The prompt with its function's body; empty where the candidate is no such body."""
    head = prompt.rstrip() + "\n"
    raw = candidate.raw.strip("\n")
    if not _python.defines(head, entry_point) or not raw.strip() or not reader.may_scan(raw):
        return ""
    if "\t" not in prompt:
        raw = re.sub(r"^\t+", lambda tabs: "    " * len(tabs[0]), raw, flags=re.MULTILINE)
    flush = _markdown.dedented(raw)
    tree = reader.tree(flush)
    returns = tree is not None and _python.has_return(tree)
    indented = raw[0] == " "
    # a reply's first line loses its margin where somebody stripped the text
    stripped = ["    " + raw, textwrap.indent(flush, "    ")] if not indented and (returns or tree is None) else []
    for body in [raw, textwrap.indent(flush, "    ")] if indented else stripped:
        whole = reader.tree(f"{head}{body}\n")
        definition = _python.function(whole, entry_point) if whole else None
        if not whole or definition is not whole.body[-1] or _python.is_stub(definition):
            continue
        if indented or any(isinstance(node, ast.Return | ast.Yield | ast.YieldFrom) for node in ast.walk(definition)):
            return f"{head}{body}\n"
    return ""


def _finished(candidates: list[_Candidate], at: int, prompt: str, entry_point: str, reader: Reader) -> Found:
    chosen = candidates[at]
    start, end, text = chosen.start, chosen.end, chosen.text
    if chosen.tree is None:
        return Found(text=text, start=start, end=end)
    try:
        owned = None if _python.function(chosen.tree, entry_point) else _python.owner(chosen.tree, entry_point)
        found = _python.statements(chosen.tree)
        given = reader.tree(prompt)
        known = {name for each in _python.statements(given) for name in each.binds} if given else set()
        lent = _lent(candidates, at, found, known, entry_point)
        if entry_point:
            text = _without_show(text, found, {entry_point, owned[0].name} if owned else {entry_point})
    except RecursionError:  # functions nested beyond reason: the text stands as it is
        return Found(text=text, start=start, end=end)
    before = ""
    for other, statement in lent:
        before += "\n".join(other.text.split("\n")[statement.first : statement.last]) + "\n"
        start, end = min(start, other.start), max(end, other.end)
    if owned:
        call = f"{owned[0].name}().{entry_point}(*args, **kwargs)"
        text = f"{text.rstrip()}\n\n\ndef {entry_point}(*args, **kwargs):\n    return {call}\n"
    return Found(text=text, start=start, end=end, lent=before)


def _lent(
    candidates: list[_Candidate], at: int, found: list[Statement], known: set[str], entry_point: str
) -> list[tuple[_Candidate, Statement]]:
    """Statements of other candidates, in the reply's order, that bind what the chosen one needs and nobody gives."""
    bound = known.union(BUILTINS, *(each.binds for each in found))
    wanted = set().union(*(each.needs for each in found)) - bound
    if not wanted:
        return []
    offers = [
        (place, each, statement)
        for place, each in enumerate(candidates)
        if place != at and each.tree is not None
        for statement in _python.statements(each.tree)
        if entry_point not in statement.needs | statement.binds
    ]
    taken: list[tuple[int, int, _Candidate, Statement]] = []
    while wanted:
        name = wanted.pop()
        lender = next((offer for offer in reversed(offers) if name in offer[2].binds), None)
        if lender is not None:
            place, each, statement = lender
            taken.append((place, statement.first, each, statement))
            bound |= statement.binds
            wanted = (wanted | statement.needs) - bound
    taken.sort(key=lambda one: one[:2])
    return [(each, statement) for _, _, each, statement in taken]


def _without_show(text: str, found: list[Statement], shown: set[str]) -> str:
    """`text` without the statements after the entry point that it does not need: demonstrations and self-tests."""
    last = max(place for place, each in enumerate(found) if each.binds & shown)
    kept = set(range(last + 1))
    needed = set(shown).union(*(each.needs for each in found[: last + 1]))
    tainted = shown | SHOW
    while more := {name for each in found if each.needs & tainted for name in each.binds} - tainted:
        tainted |= more
    while later := [at for at in range(last + 1, len(found)) if at not in kept and found[at].binds & needed]:
        kept.update(later)
        needed.update(*(found[at].needs for at in later))
    bound = BUILTINS.union(*(found[at].binds for at in kept))
    for at in range(last + 1, len(found)):
        each = found[at]
        definition = isinstance(each.node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        # a definition is harmless; what else is kept changes something in use: sys.setrecursionlimit, fill(table)
        effect = bool(each.needs - BUILTINS) and isinstance(each.node, _EFFECTS)
        if (definition or effect) and each.needs <= bound | each.binds and not each.needs & tainted:
            kept.add(at)
            bound |= each.binds
    lines = text.split("\n")
    used = {line for at in kept for line in range(found[at].first, found[at].last)}
    gone = {
        line for at in range(len(found)) if at not in kept for line in range(found[at].first, found[at].last)
    } - used
    return "\n".join(line for place, line in enumerate(lines) if place not in gone)
