"""The training corpus of the `nano` models: short Python functions with docstrings, drawn from `nano_grammar`.

A function is a pipeline (source, filter, map, reducer), an arithmetic expression, or a chain of slices. The problems
of `problems/starter.jsonl` are held out: a function is rejected when its body, its docstring or its behaviour on a
fixed set of inputs is that of a starter problem, whatever its names (see `HeldOut`).
"""

from __future__ import annotations

import ast
import itertools
import json
import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.models import nano_grammar as gr

STARTER = Path(__file__).resolve().parents[2] / "problems" / "starter.jsonl"
GENERIC_NAMES = ("f", "g", "solve", "compute", "helper", "process", "run", "task", "func", "calc", "apply", "answer")
LETTERS = "aeiostnrlxzbk"
SEPARATORS = (" ", ",", "-", "_", "/", ":", ";", "+", "|")

@dataclass(frozen=True)
class Function:
    """One function of the corpus."""

    name: str
    args: tuple[str, ...]
    doc: str
    body: str

    @property
    def prompt(self) -> str:
        """The signature and the docstring, as a problem's prompt has them."""
        return f'def {self.name}({", ".join(self.args)}):\n    """{self.doc}"""\n'

    @property
    def source(self) -> str:
        """The whole function with its docstring."""
        return self.prompt + self.body

    def without_doc(self) -> str:
        """The whole function without its docstring."""
        return f"def {self.name}({', '.join(self.args)}):\n{self.body}"


# --- what counts as the same problem ---------------------------------------------------------------------------------


class _Rename(ast.NodeTransformer):
    """Renames bound names in their order of appearance and hides constants that carry no structure."""

    def __init__(self, bound: set[str]) -> None:
        self.bound = bound
        self.names: dict[str, str] = {}

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id in self.bound:
            node.id = self.names.setdefault(node.id, f"v{len(self.names)}")
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.arg = self.names.setdefault(node.arg, f"v{len(self.names)}")
        node.annotation = None
        return node

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if type(node.value) is int and node.value > 2:
            node.value = "K"
        return node


def _function(source: str) -> ast.FunctionDef:
    """Return the first function definition in `source`."""
    return next(node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef))


def canonical_body(source: str) -> str:
    """Return the body of the function in `source`, free of names, docstring and constants.

    The function's name, its arguments and its local variables are renumbered in their order of appearance, integers
    above 2 become one symbol, and formatting is lost: two functions that are renamed copies have the same form.
    """
    function = _function(source)
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    bound = {node.arg for node in ast.walk(function) if isinstance(node, ast.arg)} | {function.name}
    bound |= {n.id for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    rename = _Rename(bound)
    return "\n".join(ast.unparse(rename.visit(node)) for node in body)


def canonical_doc(source: str) -> str:
    """Return the docstring of the function in `source`: lower case, arguments renumbered, integers above 2 hidden."""
    function = _function(source)
    arguments = {arg.arg.lower() for arg in function.args.args}
    names: dict[str, str] = {}
    words = re.findall(r"\w+|[^\w\s]", (ast.get_docstring(function) or "").lower())
    for i, word in enumerate(words):
        quoted = 0 < i < len(words) - 1 and words[i - 1] == words[i + 1] == "'"
        # A lone "a" is an argument only where an article cannot stand; counting it always is the stricter reading.
        if word in arguments and not quoted:
            words[i] = names.setdefault(word, f"v{len(names)}")
        elif word.isdigit() and int(word) > 2:
            words[i] = "K"
    return " ".join(words)


_LISTS = ([], [3], [4, 1, 7, 10], [-3, 8, 0, 5, 12, -6, 5], [9, 2, 2, -7, 15, 20, 4, 11, -8, 6], [-1, -4])
_WORDS = ([], ["abc"], ["Kayak", "noon", "", "EX", "banana", "42", "toast", "sea", "noon"], ["izz", "oak tree", "bb"])
_TEXTS = ("", "a", "Hello big World 42", "noon sees radar\nEXTRA line, of-text a1", "abcde", "level")
_INTS = (0, 1, 4, 7, 12, 305, -6)
_DICTS = ({}, {"ab": 3, "noon": 8, "Z": -5, "sea": 12, "extra": 5}, {"k": 10, "oak": 7})
_PROBES: dict[int, tuple[tuple[Any, ...], ...]] = {
    1: tuple((value,) for value in (*_LISTS, *_WORDS, *_TEXTS, *_INTS, *_DICTS)),
    2: (
        *itertools.product(_LISTS[2:5], (0, 2, 3, 5)),
        *zip(_LISTS[1:5], _LISTS[2:6], strict=True),
        *itertools.product(_WORDS[2:], (0, 2, 3, "a", "n")),
        *itertools.product(_TEXTS[2:4], (0, 2, 3, "a", "eno")),
        *itertools.product(_DICTS[1:], (0, 2, 3, "a")),
        *itertools.product((0, 3, 4, 10, -5), (1, 2, 7, -4)),
    ),
    3: (
        *itertools.product((0, 5, -4), (1, 2, 8), (3, -7)),
        *((xs, ys, n) for xs, ys in zip(_LISTS[2:4], _LISTS[3:5], strict=True) for n in (2, 3)),
        *((words, n, c) for words in (_WORDS[2], _TEXTS[3]) for n in (1, 3) for c in "an"),
    ),
}


def behaviour(source: str, order: Sequence[int] | None = None) -> str:
    """Return what the function in `source` does on fixed inputs, its arguments taken in `order`.

    Inputs that raise count as such. Only for trusted code: it runs in this process.
    """
    space: dict[str, Any] = {}
    exec(compile(source, "<corpus>", "exec"), space)  # noqa: S102 - generated here, or a shipped reference
    function = _function(source)
    order = order or range(len(function.args.args))
    return "|".join(_outcome(space[function.name], [probe[i] for i in order]) for probe in _PROBES[len(order)])


def _outcome(function: Callable[..., Any], arguments: list[Any]) -> str:
    try:
        result = function(*arguments)
    except Exception:  # an input of the wrong type
        return "!"
    return repr(sorted(result, key=repr) if isinstance(result, set) else result)


class HeldOut:
    """The held-out problems: tells whether a function is one of them under other names."""

    def __init__(self, sources: Sequence[str]) -> None:
        self.bodies = {canonical_body(source) for source in sources}
        self.docs = {canonical_doc(source) for source in sources}
        self.behaviours: set[str] = set()
        for source in sources:
            for order in itertools.permutations(range(len(_function(source).args.args))):
                self.behaviours.add(behaviour(source, order))

    def reason(self, source: str) -> str | None:
        """Return why `source` is a held-out problem (`"body"`, `"docstring"`, `"behaviour"`), or None if it is not."""
        if canonical_body(source) in self.bodies:
            return "body"
        if canonical_doc(source) in self.docs:
            return "docstring"
        return "behaviour" if behaviour(source) in self.behaviours else None


def read_held_out(path: Path = STARTER) -> HeldOut:
    """Return the problems of a problem set of one-function problems as held out."""
    problems = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return HeldOut([problem["prompt"] + problem["reference"] for problem in problems])


# --- drawing from the grammar ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Draft:
    """A function whose names are still roles (`$L`, `$x`): what the grammar produces."""

    doc: str
    body: str
    tags: tuple[str, ...]
    loop: str = "num"


def _pipeline(rng: random.Random) -> Draft:
    """Draw a source, perhaps a filter and a map, and what becomes of the elements."""
    source = rng.choice(gr.SOURCES)
    kind = "num" if source.kind in ("index", "entry") else source.kind
    keep = rng.choice(gr.FILTERS[kind]) if rng.random() < 0.72 else gr.Filter("", "", "")
    phrase = f"{keep.pre}{source.noun}{source.where}{keep.post}"
    apply, out = _mapping(rng, source.kind, kind)
    what = f"the {apply.phrase} of the {phrase}" if apply.phrase else f"the {phrase}"
    roll = rng.random()
    loop = kind if kind in gr.LOOP_NAMES else "num"
    fields = _fields(source, keep, apply)
    tags = (apply.tag, keep.tag, source.tag)
    if roll < 0.12 and kind in ("num", "word", "char") and not apply.phrase:
        return _keyed(rng, source, kind, what, fields, tags, loop)
    if roll < 0.24 and not apply.phrase and keep.cond:
        reducer = rng.choice(gr.COUNTERS)
    elif roll < 0.36 and out != "pair":
        return _quantified(rng, apply, keep, out, what, fields, tags, loop)
    else:
        reducer = rng.choice([r for r in gr.REDUCERS if out in r.kinds] or gr.COUNTERS)
    doc = rng.choice(reducer.doc).format(np=what, pl=phrase)
    return Draft(doc, reducer.code.format(**fields), (reducer.tag, *tags), loop)


def _mapping(rng: random.Random, source: str, kind: str) -> tuple[gr.Map, str]:
    """Draw the map of a pipeline, and return it with the kind of its results."""
    if source == "index":
        return gr.INDEX_MAP, "num"
    if source == "entry":
        return gr.KEY_MAP, "word"
    if kind == "pair" or rng.random() < 0.6:
        apply = rng.choice(gr.MAPS[kind])
        return apply, apply.out
    return gr.Map("", "$x", kind), kind


def _fields(source: gr.Source, keep: gr.Filter, apply: gr.Map) -> dict[str, str]:
    """Return the pieces of code that a reducer is filled in with."""
    ifs = f" if {keep.cond}" if keep.cond else ""
    comprehension = f"{apply.code} for {source.target} in {source.code}{ifs}"
    bare = not keep.cond and apply.code == "$x"
    return {
        "g": source.code if bare else comprehension,
        "p": source.code if bare else f"({comprehension})",
        "it": f"iter({source.code})" if bare else f"({comprehension})",
        "l": f"list({source.code})" if bare else f"[{comprehension}]",
        "m": apply.code,
        "e": "$x",
        "t": source.target,
        "s": source.code,
        "ifs": ifs,
        "if": f"        if {keep.cond}:\n" if keep.cond else "",
        "i": "    " if keep.cond else "",
    }


def _keyed(
    rng: random.Random, source: gr.Source, kind: str, what: str, fields: dict[str, str], tags: tuple[str, ...], loop: str
) -> Draft:
    """Draw a dictionary from the elements to something, an order by it or a grouping by it."""
    attribute, reducer = rng.choice(gr.MAPS[kind]), rng.choice(gr.KEYED)
    doc = rng.choice(reducer.doc).format(np=what, attr=attribute.phrase)
    return Draft(doc, reducer.code.format(**{**fields, "m": attribute.code}), (reducer.tag, attribute.tag, *tags), loop)


def _quantified(
    rng: random.Random,
    apply: gr.Map,
    keep: gr.Filter,
    out: str,
    what: str,
    fields: dict[str, str],
    tags: tuple[str, ...],
    loop: str,
) -> Draft:
    """Draw whether all or any of the elements meet a condition, or how many do."""
    test = rng.choice([f for f in gr.FILTERS[out] if f.pred])
    doc, code, tag = rng.choice(gr.QUANTIFIERS)
    inner = apply.code if re.fullmatch(r"\$\w|\w+\([^()]*\)", apply.code) else f"({apply.code})"
    condition = test.cond.replace("$x", inner) if " and " not in test.cond else test.cond.replace("$x", apply.code)
    both = f" if {keep.cond} and {condition}" if keep.cond else f" if {condition}"
    body = code.format(**fields, c=condition, ifs2=both)
    return Draft(doc.format(np=what, pred=test.pred), body, (tag, test.tag, *tags), loop)


def _term(rng: random.Random, names: list[str], depth: int) -> tuple[str, str, tuple[str, ...]]:
    """Draw an arithmetic expression over `names` (used up in turn): its phrase, its code, its tags."""
    if depth == 0 or (depth == 1 and rng.random() < 0.3):
        name = names.pop(0) if len(names) > 1 else names[0]
        return name, name, ()
    if rng.random() < 0.4:
        phrase, code, tag = rng.choice(gr.UNARY)
        terms = [_term(rng, names, depth - 1)]
    else:
        phrase, code, tag = rng.choice(gr.BINARY)
        terms = [_term(rng, names, depth - 1), _term(rng, names, depth - 1)]
    inner = [term[1] if re.fullmatch(r"\$\w|\w+\(.*\)", term[1]) else f"({term[1]})" for term in terms]
    if re.match(r"(abs|max|min|len)\(", code):
        inner = [term[1] for term in terms] if tag != "distance" else inner
    tags = tuple(tag for term in terms for tag in term[2])
    return phrase.format(*(term[0] for term in terms)), code.format(*inner), (tag, *tags)


def _condition(rng: random.Random, names: list[str], depth: int) -> tuple[str, str, tuple[str, ...]]:
    """Draw a condition on arithmetic expressions: its phrase, its code, its tags."""
    single = rng.random() < 0.6
    phrase, code, tag = rng.choice(gr.PREDICATES if single else gr.COMPARISONS)
    terms = [_term(rng, names, depth) for _ in range(1 if single else 2)]
    inner = [term[1] if re.fullmatch(r"\$\w|\w+\(.*\)", term[1]) else f"({term[1]})" for term in terms]
    return phrase.format(*(term[0] for term in terms)), code.format(*inner), (tag, *terms[0][2])


def _arithmetic(rng: random.Random) -> Draft:
    """Draw a function of one to three numbers."""
    names = ["$a", "$b", "$c"][: rng.randint(1, 3)]
    roll = rng.random()
    if roll < 0.45:
        phrase, code, tags = _term(rng, names, 2)
        return Draft(f"Return {phrase}.", f"return {code}", tags)
    test, condition, tags = _condition(rng, list(names), rng.randint(0, 1))
    if roll < 0.55:
        return Draft(f"Return True if {test}, otherwise False.", f"return {condition}", ("is", *tags))
    if roll < 0.75:
        other, second, more = _condition(rng, names[::-1], 0)
        word = rng.choice(("and", "or"))
        doc = f"Return True if {test} {word} {other}, otherwise False."
        return Draft(doc, f"return {condition} {word} {second}", ("is", *tags, word, *more))
    yes, no = _term(rng, list(names), rng.randint(0, 1)), _term(rng, names[::-1], 1)
    doc = f"Return {yes[0]} if {test}, otherwise {no[0]}."
    return Draft(doc, f"return {yes[1]} if {condition} else {no[1]}", (*yes[2], "if", *tags))


def _sequence(rng: random.Random) -> Draft:
    """Draw a chain of slices of a list or a string, and what becomes of it."""
    role = rng.choice("LLS")
    phrase = code = f"${role}"
    tags: tuple[str, ...] = ()
    for _ in range(rng.choice((0, 1, 1, 2, 2))):
        step, cut, tag = rng.choice(gr.SLICES)
        phrase, code, tags = step.format(phrase), cut.format(code), (*tags, tag)
    doc, end, tag, _ = rng.choice([e for e in gr.SEQUENCE_ENDS if role in e[3]])
    if role == "S":
        phrase = phrase.replace("items", "characters").replace("item", "character")
        doc = doc.replace("items", "characters")
    return Draft(doc.replace("{}", phrase), end.replace("{}", code), (tag, *tags))


def _fill(rng: random.Random, draft: Draft) -> Function | None:
    """Choose the constants and the names of a draft; None if it comes to nothing."""
    small, large = rng.randint(2, 12), rng.randint(13, 60)
    mark = rng.choice(SEPARATORS if "joined" in draft.doc else LETTERS)
    doc, body = (
        text.replace("##", str(large)).replace("#", str(small)).replace("@", mark) for text in (draft.doc, draft.body)
    )
    roles = list(dict.fromkeys(re.findall(r"\$([LMWSNCDabc])(?!\w)", body)))
    if not roles or "$" in re.sub(r"\$[LMWSNCDabc](?!\w)", "", doc) or re.findall(r"\$[A-Zabc](?!\w)", doc) == []:
        return None
    if set(re.findall(r"\$([LMWSNCDabc])(?!\w)", doc)) != set(roles):
        return None
    roles.sort(key="LWSDMabcNC".index)
    names = _names(rng, roles, draft.loop)
    doc, body = (re.sub(r"\$(\w)", lambda match: names[match[1]], text) for text in (doc, body))
    tags = [tag for tag in dict.fromkeys(draft.tags) if tag]
    name = "_".join(tags[: rng.randint(2, 4)]) if tags and rng.random() < 0.6 else rng.choice(GENERIC_NAMES)
    args = tuple(names[role] for role in roles)
    return Function(f"{name}_of" if name in args or name in ("max", "min", "sum", "abs", "set", "list", "all", "any", "sorted", "if", "or", "and", "is") else name, args, doc, f"    {body}\n")


def _names(rng: random.Random, roles: Sequence[str], loop: str) -> dict[str, str]:
    """Choose a name for every role, all different."""
    names: dict[str, str] = {}
    alphabetical = rng.random() < 0.6
    pools = {**gr.ROLES, "x": gr.LOOP_NAMES[loop], "y": ("y", "z"), "i": ("i", "j"), "k": ("key", "label")}
    pools |= {"T": ("total", "result", "acc"), "R": ("kept", "found", "out")}
    for role in (*roles, "x", "y", "i", "k", "T", "R"):
        pool = pools[role][:1] if alphabetical and role in "abc" else pools[role]
        free = [name for name in pool if name not in names.values()] or [f"{role.lower()}{len(names)}"]
        names[role] = rng.choice(free)
    return names


def functions(seed: int, held_out: HeldOut) -> Iterator[Function]:
    """Yield the functions of the corpus for ever: all different, none of them held out."""
    rng = random.Random(seed)
    seen: set[str] = set()
    while True:
        roll = rng.random()
        draft = (_pipeline if roll < 0.66 else _arithmetic if roll < 0.84 else _sequence)(rng)
        function = _fill(rng, draft)
        if function is None or function.source in seen:
            continue
        seen.add(function.source)
        if held_out.reason(function.source) is None:
            yield function
