"""The training corpus of the `nano` models: short Python functions with docstrings, drawn from `nano_grammar`.

A function is a pipeline (source, filter, map, reducer), an arithmetic expression, or a chain of slices. The problems
of `problems/starter.jsonl` are held out: a function is rejected when its body, its docstring or its behaviour on a
fixed set of inputs is that of a starter problem, whatever its names (see `HeldOut`).
"""

from __future__ import annotations

import builtins
import hashlib
import keyword
import random
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from harness.models.training import grammar as gr
from harness.models.training.held_out import STARTER, HeldOut, behaviour, canonical_body, canonical_doc, read_held_out

__all__ = [
    "FUNCTIONS",
    "SEED",
    "STARTER",
    "VALIDATION",
    "Function",
    "HeldOut",
    "behaviour",
    "canonical_body",
    "canonical_doc",
    "corpus_sha256",
    "functions",
    "read_held_out",
]

SEED, FUNCTIONS, VALIDATION = 0, 40_000, 200  # the corpus that the shipped models were trained on
GENERIC_NAMES = ("f", "g", "solve", "compute", "helper", "process", "run", "task", "func", "calc", "apply", "answer")
ROLE = r"\$([LMWSNCDabc])(?!\w)"
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


@dataclass(frozen=True)
class Draft:
    """A function whose names are still roles (`$L`, `$x`): what the grammar produces."""

    doc: str
    body: str
    tags: tuple[str, ...]
    loop: str = "num"


@dataclass(frozen=True)
class _Pipe:
    """The drawn parts of a pipeline: its filter and its map, the kinds before and after the map, its phrases."""

    source: gr.Source
    keep: gr.Filter
    apply: gr.Map
    kind: str
    out: str

    @property
    def elements(self) -> str:
        return f"{self.keep.pre}{self.source.noun}{self.source.where}{self.keep.post}"

    @property
    def results(self) -> str:
        return f"the {self.apply.phrase} of the {self.elements}" if self.apply.phrase else f"the {self.elements}"

    def draft(self, doc: str, body: str, *tags: str) -> Draft:
        loop = self.kind if self.kind in gr.LOOP_NAMES else "num"
        return Draft(doc, body, (*tags, self.apply.tag, self.keep.tag, self.source.tag), loop)


def _pipeline(rng: random.Random) -> Draft:
    """Draw a source, perhaps a filter and a map, and what becomes of the elements."""
    source = rng.choice(gr.SOURCES)
    kind = "num" if source.kind in ("index", "entry") else source.kind
    keep = rng.choice(gr.FILTERS[kind]) if rng.random() < 0.72 else gr.Filter("", "", "")
    if source.kind == "entry":
        keep = rng.choice([f for f in gr.NUM_FILTERS if f.pred])
        keep = replace(keep, pre="", post=f" whose value is {keep.pred}")
    apply, out = _mapping(rng, source.kind, kind)
    pipe = _Pipe(source, keep, apply, kind, out)
    roll = rng.random()
    if roll < 0.12 and source.kind in ("num", "word", "char") and not apply.phrase:
        return _keyed(rng, pipe)
    if 0.24 <= roll < 0.36 and out != "pair":
        return _quantified(rng, pipe)
    counted = roll < 0.24 and not apply.phrase and keep.cond
    fitting = [reducer for reducer in gr.REDUCERS if out in reducer.kinds]
    reducer = rng.choice(gr.COUNTERS if counted or not fitting else fitting)
    doc = rng.choice(reducer.doc).format(np=pipe.results, pl=pipe.elements)
    return pipe.draft(doc, reducer.code.format(**_fields(source, keep, apply)), reducer.tag)


def _mapping(rng: random.Random, source: str, kind: str) -> tuple[gr.Map, str]:
    """Draw the map of a pipeline, and return it with the kind of its results."""
    if source == "index":
        return gr.INDEX_MAP, "num"
    if source == "entry":
        return gr.KEY_MAP, "word"
    if rng.random() < (0.8 if kind == "pair" else 0.6):
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


def _keyed(rng: random.Random, pipe: _Pipe) -> Draft:
    """Draw a dictionary from the elements to something, an order by it or a grouping by it."""
    attribute, reducer = rng.choice(gr.MAPS[pipe.kind]), rng.choice(gr.KEYED)
    doc = rng.choice(reducer.doc).format(np=pipe.results, attr=attribute.phrase)
    fields = {**_fields(pipe.source, pipe.keep, pipe.apply), "m": attribute.code}
    return pipe.draft(doc, reducer.code.format(**fields), reducer.tag, attribute.tag)


def _quantified(rng: random.Random, pipe: _Pipe) -> Draft:
    """Draw whether all or any of the elements meet a condition, or how many do."""
    test = rng.choice([f for f in gr.FILTERS[pipe.out] if f.pred])
    doc, code, tag = rng.choice(gr.QUANTIFIERS)
    condition = test.cond.replace("$x", _wrapped(pipe.apply.code))
    both = f" if {pipe.keep.cond} and {condition}" if pipe.keep.cond else f" if {condition}"
    fields = _fields(pipe.source, pipe.keep, pipe.apply)
    body = code.format(**fields, c=condition, ifs2=both)
    return pipe.draft(doc.format(np=pipe.results, pred=test.pred), body, tag, test.tag)


def _wrapped(code: str) -> str:
    """Put an expression in parentheses unless it is a name or one call."""
    return code if re.fullmatch(r"\$\w|\w+\(([^()]|\([^()]*\))*\)", code) else f"({code})"


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
    inner = [_wrapped(term[1]) for term in terms]
    if re.match(r"(abs|max|min|len)\(", code):
        inner = [term[1] for term in terms] if tag != "distance" else inner
    tags = tuple(tag for term in terms for tag in term[2])
    return phrase.format(*(term[0] for term in terms)), code.format(*inner), (tag, *tags)


def _condition(rng: random.Random, names: list[str], depth: int) -> tuple[str, str, tuple[str, ...]]:
    """Draw a condition on arithmetic expressions: its phrase, its code, its tags."""
    single = rng.random() < 0.6
    phrase, code, tag = rng.choice(gr.PREDICATES if single else gr.COMPARISONS)
    terms = [_term(rng, names, depth) for _ in range(1 if single else 2)]
    inner = [_wrapped(term[1]) for term in terms]
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
    roles = list(dict.fromkeys(re.findall(ROLE, body)))
    if not roles or set(re.findall(ROLE, doc)) != set(roles):
        return None
    roles.sort(key="LWSDMabcNC".index)
    names = _names(rng, roles, draft.loop)
    doc, body = (re.sub(r"\$(\w)", lambda match: names[match[1]], text) for text in (doc, body))
    tags = [tag for tag in dict.fromkeys(draft.tags) if tag]
    name = "_".join(tags[: rng.randint(2, 4)]) if tags and rng.random() < 0.6 else rng.choice(GENERIC_NAMES)
    args = tuple(names[role] for role in roles)
    taken = name in args or keyword.iskeyword(name) or hasattr(builtins, name)
    return Function(f"{name}_of" if taken else name, args, doc, f"    {body}\n")


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


def corpus_sha256(corpus: Iterable[Function]) -> str:
    """Return the digest of the corpus, as the models' `loss.json` records it."""
    return hashlib.sha256("".join(function.source for function in corpus).encode()).hexdigest()
