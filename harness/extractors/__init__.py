"""Extractors: from a chat model's reply to the program in it. Pure text work: nothing of a reply is ever executed.

    auto     what the reply means: see `harness.extractors.auto`
    first    the first fenced block that is marked as Python or as nothing
    last     the last such block
    longest  the longest such block that parses; the longest of all where none does
    whole    the reply as it stands, reasoning and all

One module each, with `find(raw, prompt, entry_point) -> Found | None`; its name is the option's value. The last four
are what other evaluators do; where nothing is fenced they take the whole text. Before what is taken comes the prompt's
own preamble, its imports and helpers, for an answer may rely on them.
"""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass

from harness import registry
from harness.extractors import _files, _frames, _markdown, _python
from harness.extractors._found import Found
from harness.extractors._frames import completed as completed
from harness.extractors._frames import framed as framed
from harness.text.file_blocks import write_files
from sandbox.languages import find as find_language
from sandbox.languages import written_in

PACKAGE = "harness.extractors"
DEFAULT = "auto"
_BLANK_LINES = re.compile(r"\A(?:[ \t]*\n)+")  # such as reasoning leaves before a program


@dataclass(frozen=True, slots=True, kw_only=True)
class Extraction:
    """What an extractor took: the program, and the place [start, end) in the reply where it stands.

    span: of the block, with those it needs; None where no program was found, and the source is empty.
    """

    extractor: str
    source: str
    span: tuple[int, int] | None


def extract(name: str, raw: str, prompt: str, entry_point: str) -> Extraction:
    """The program in the reply `raw` to a problem with this prompt and entry point (empty for a script).

    Never raises for any text; a megabyte of the worst takes less than a second. Raises KeyError for an unknown name.
    """
    found = EXTRACTORS[name](raw, prompt, entry_point)
    if found is None or not found.text.strip():
        return Extraction(extractor=name, source="", span=None)
    preamble = "" if found.complete else _python.preamble(prompt, entry_point)
    text = _behind(("" if preamble.strip() in found.text else preamble) + found.lent, found.text)
    text = _BLANK_LINES.sub("", text).rstrip("\n") + "\n"
    return Extraction(extractor=name, source=text, span=_narrowed(raw, found))


def extract_between(raw: str, marks: tuple[str, str]) -> Extraction:
    """What stands between two marks, of several pairs the last; without the second mark all that follows the first.

    Without the first the last fenced block, else all text. For sets whose answers are no programs: their published
    evaluators read replies so. Lines keep their indentation, for an answer may go on inside a function.
    """
    first, second = marks
    begin = raw.rfind(first)
    if begin < 0 and "```" in raw:
        found = EXTRACTORS["last"](raw, "", "")
        text, start = ("", 0) if found is None else (found.text, found.start)
    else:
        start = begin + len(first) if begin >= 0 else 0
        end = raw.find(second, start)
        text = raw[start : len(raw) if end < 0 else end]
    blank = _BLANK_LINES.match(text)
    start, text = start + (blank.end() if blank else 0), _BLANK_LINES.sub("", text).rstrip()
    if not text.strip():
        return Extraction(extractor="between", source="", span=None)
    return Extraction(extractor="between", source=text, span=(start, start + len(text)))


def extract_fenced(raw: str, names: Collection[str]) -> Extraction:
    """The last fenced block that is marked with one of `names`, which are a language's; without one the last that is
    not marked, without that either the whole text. For programs in other languages than Python.
    """
    blocks = [each for each in _markdown.blocks(_markdown.answer(raw)) if each.text.strip()]
    marked = [each for each in blocks if each.language in names] or [each for each in blocks if not each.language]
    text = marked[-1].text if marked else "" if blocks else raw
    if not text.strip():
        return Extraction(extractor="fenced", source="", span=None)
    span = (marked[-1].start, marked[-1].end) if marked else (0, len(raw))
    return Extraction(extractor="fenced", source=text.strip("\n") + "\n", span=span)


def extract_files(raw: str, names: Collection[str], language: str) -> Extraction:
    """The files of a reply, each under its path, as one text (`read_files` takes it apart)."""
    found = read_files(raw, names, language)
    if not any(text.strip() for text in found.values()):
        return Extraction(extractor="files", source="", span=None)
    return Extraction(extractor="files", source=write_files(found), span=(0, len(raw)))


def read_files(raw: str, names: Collection[str], language: str) -> dict[str, str]:
    """The files of a reply by path: those that were asked for, and new ones of the language."""
    suffixes = find_language(language).suffixes
    return _files.read_files(raw, names, (*suffixes, ".h", ".hpp") if language == "cpp" else suffixes)


def extract_program(raw: str, prompt: str, language: str, extractor: str = DEFAULT) -> Extraction:
    """The block of a reply that is the program, in another language than Python.

    Of the blocks marked as that language, else of those without a mark, the last that defines the function which the
    prompt begins; where none does the last that has its name, or the last of them. Without such a block nothing, and
    without any block the whole text.
    `first`, `last` and `longest` take one of the blocks that are marked so or not at all, as of Python; `whole` the
    text. Other extractors read Python alone, and the program is what `auto` takes.
    """
    language = written_in(language)
    names = {language, *find_language(language).fence_names}
    blocks = [each for each in _markdown.blocks(_markdown.answer(raw)) if each.text.strip()]
    if (choose := _CHOOSING.get(extractor)) is not None:
        return _plain_extraction(extractor, raw, choose([each for each in blocks if each.language in {"", *names}]))
    own = [each for each in blocks if each.language in names] or [each for each in blocks if not each.language]
    name = _frames.entry_point(prompt)
    defining = [each for each in own if name and _frames.defines(language, name, each.text)]
    fit = defining or [each for each in own if name and re.search(rf"\b{re.escape(name)}\b", each.text)] or own
    if blocks and not fit:
        return Extraction(extractor="program", source="", span=None)
    text, span = (fit[-1].text, (fit[-1].start, fit[-1].end)) if fit else (_markdown.unix(raw), (0, len(raw)))
    if not text.strip():
        return Extraction(extractor="program", source="", span=None)
    return Extraction(extractor="program", source=text.strip("\n") + "\n", span=span)


def _plain_extraction(name: str, raw: str, block: _markdown.Block | None) -> Extraction:
    """A block as it stands, or the whole text: of `whole` as it came, else without its reasoning."""
    text = block.text if block else _markdown.unix(raw if name == "whole" else _markdown.answer(raw))
    if not text.strip():
        return Extraction(extractor=name, source="", span=None)
    span = (block.start, block.end) if block else (0, len(raw))
    return Extraction(extractor=name, source=_BLANK_LINES.sub("", text).strip("\n") + "\n", span=span)


# Which of the blocks a plain extractor takes, in other languages than Python; None for the whole text.
_CHOOSING: Mapping[str, Callable[[list[_markdown.Block]], _markdown.Block | None]] = {
    "first": lambda blocks: blocks[0] if blocks else None,
    "last": lambda blocks: blocks[-1] if blocks else None,
    "longest": lambda blocks: max(blocks, key=lambda each: len(each.text), default=None),
    "whole": lambda _: None,
}


def _narrowed(raw: str, found: Found) -> tuple[int, int]:
    """The place without white space at its ends; exactly the program's, where that stands there as it is."""
    piece, text = raw[found.start : found.end], found.text.strip()
    at = -1 if found.lent else piece.find(text)
    if at >= 0:
        return found.start + at, found.start + at + len(text)
    start = found.start + len(piece) - len(piece.lstrip())
    return start, max(start, found.start + len(piece.rstrip()))


def _behind(head: str, text: str) -> str:
    """`text` after `head`, but for its `from __future__` imports, which must stand first."""
    tree = _python.Reader().tree(text) if head and "__future__" in text else None
    imports = [each for each in tree.body if isinstance(each, ast.ImportFrom)] if tree else []
    place = max((each.end_lineno or 0 for each in imports if each.module == "__future__"), default=0)
    lines = text.split("\n")
    return "".join(line + "\n" for line in lines[:place]) + head + "\n".join(lines[place:])


class _Extractors(Mapping[str, Callable[[str, str, str], Found | None]]):
    """Name -> what finds the program, imported when it is asked for."""

    @functools.cached_property
    def _names(self) -> list[str]:
        return registry.names(PACKAGE)

    def __getitem__(self, name: str) -> Callable[[str, str, str], Found | None]:
        if name not in self._names:
            raise KeyError(name)
        return _find_of(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


@functools.cache
def _find_of(name: str) -> Callable[[str, str, str], Found | None]:
    found: Callable[[str, str, str], Found | None] = registry.load(PACKAGE, name, "extractor").find
    return found


EXTRACTORS: Mapping[str, Callable[[str, str, str], Found | None]] = _Extractors()
