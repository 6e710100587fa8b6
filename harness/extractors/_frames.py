"""What a reply in another language than Python leaves out of its program is put back: from the prompt, by text.

A model that is given the start of a file answers with the function alone, with the class around it, or with a program
that also runs a demonstration. The tests' text continues the program, so that it must be a whole one without a second
`main`, and, where the tests begin by closing what the prompt opened, one that is open at its end.
"""

from __future__ import annotations

import re

from harness.extractors import _braces, _go

BRACES = ("c", "cpp", "csharp", "go", "java", "javascript", "perl", "php", "rust", "typescript")
_CLASS = re.compile(r"^[ \t]*(?:public[ \t]+)?class[ \t]+(\w+)[^{\n]*\{", re.MULTILINE)
_PUBLIC_CLASS = re.compile(r"^([ \t]*)public[ \t]+(?=(?:final[ \t]+)?class\b)", re.MULTILINE)
# of each language: a line of a prompt that a program needs and a reply may lack
_HEADERS = {
    "c": re.compile(r"^[ \t]*#[ \t]*(?:include|define)\b[^\n]*", re.MULTILINE),
    "cpp": re.compile(r"^[ \t]*(?:#[ \t]*(?:include|define)\b|using\b)[^\n]*", re.MULTILINE),
    "csharp": re.compile(r"^using[ \t][^\n(]*;", re.MULTILINE),
    "java": re.compile(r"^import[ \t][^\n]*;", re.MULTILINE),
    "javascript": re.compile(r"^const[^\n=]*=[ \t]*require\([^\n]*", re.MULTILINE),
    "typescript": re.compile(r"^import[ \t][^\n]*", re.MULTILINE),
}
_MAINS = {
    "c": re.compile(r"^(?:int|void)[ \t]+main[ \t]*\(", re.MULTILINE),
    "cpp": re.compile(r"^(?:int|void|auto)[ \t]+main[ \t]*\(", re.MULTILINE),
    "rust": re.compile(r"^fn[ \t]+main[ \t]*\([ \t]*\)", re.MULTILINE),
    "java": re.compile(r"^[ \t]*(?:public[ \t]+)?static[ \t]+void[ \t]+main[ \t]*\(", re.MULTILINE),
    "csharp": re.compile(
        r"^[ \t]*(?:(?:public|private)[ \t]+)?static[ \t]+(?:void|int)[ \t]+Main[ \t]*\(", re.MULTILINE
    ),
}
_PHP_END = re.compile(r"\?>\s*\Z")  # after it tests would be text that is printed
_WITHOUT_WORD = ("c", "cpp", "java", "csharp", "javascript", "typescript", "bash")  # a definition begins with no word
_SHELL_BEGIN = re.compile(r"^(?:function[ \t]+)?[\w-]+[ \t]*(?:\(\))?[ \t]*\{[ \t]*$", re.MULTILINE)
_SHELL_END = re.compile(r"^\}[ \t]*$", re.MULTILINE)
_USE = re.compile(r"^use[ \t]+([^;]+);", re.MULTILINE)
_NAMED = (
    re.compile(r"(?:const|let|var)[ \t]+(\w+)[ \t]*=[ \t]*(?:async[ \t]*)?(?:function\b|\()"),
    re.compile(r"(\w+)[ \t]*(?:<-|=)[ \t]*function\b"),
    re.compile(r"\b(?:def|sub|fn|func|function)[ \t]+(?:self\.)?(\w+)"),
    re.compile(r"(\w+)[ \t]*\([^()]*(?:\([^()]*\)[^()]*)*\)[^(){}]*\{?[ \t]*$"),
)


def entry_point(prompt: str) -> str:
    """The function that a prompt begins, by its last line that says so; empty where none does."""
    lines = _braces.bare(prompt).split("\n")[::-1]
    for patterns in (_NAMED[:-1], _NAMED[-1:]):  # what a language's own word begins comes first
        for line in lines:
            for pattern in patterns:
                if found := pattern.search(line):
                    return found[1]
    return ""


def defines(language: str, name: str, text: str) -> bool:
    """Whether a text has a definition of the function, by the language's usual ways of writing one."""
    word = rf"(?<![\w.]){re.escape(name)}"
    ways = [
        rf"\b(?:def|sub|fn|func|function)[ \t]+(?:\([^()\n]*\)[ \t]*|self\.|&)?{re.escape(name)}\b",
        rf"{word}[ \t]*(?:<-|=)[ \t]*function\b",
        rf"\b(?:const|let|var)[ \t]+{re.escape(name)}\b",
    ]
    if language in _WITHOUT_WORD:
        ways.append(rf"{word}[ \t]*\((?:[^()]|\([^()]*\))*+\)[^;(){{}}]*+\{{")
    plain = _braces.bare(text)
    return any(re.search(way, plain) for way in ways)


def completed(language: str, prompt: str, text: str, before: str, after: str) -> str:
    """The program of a base model's completion: it continues the prompt's text."""
    program = prompt + text
    if language == "go":
        return _go.with_imports(program, before, after)
    if language == "php":
        return _PHP_END.sub("", program)
    return _left_open(language, program, prompt) if _closes(after) else program


def framed(language: str, prompt: str, text: str, before: str, after: str) -> str:
    """The program of a reply's block, with what it has left out. before, after: the texts of the tests around it."""
    name = entry_point(prompt)
    if name and not re.search(rf"\b{re.escape(name)}\b", text):
        return completed(language, prompt, _braces.closed(text) if language in BRACES else text, before, after)
    if language == "go":
        return _go.with_imports(text, before, after)
    if language == "php":
        return _php(text)
    if language == "rust":
        text = _with_uses(_without_main(language, text, after), prompt)
    elif language in _HEADERS:
        text = _with_frame(language, _without_main(language, text, after), prompt, before, after)
    if language in ("javascript", "typescript"):
        text = re.sub(r"^export[ \t]+(?:default[ \t]+)?", "", text, flags=re.MULTILINE)
    return _left_open(language, text, prompt) if _closes(after) else text


def _left_open(language: str, program: str, prompt: str) -> str:
    """As deep as the prompt, for tests that begin by closing it."""
    if language in BRACES:
        return _braces.opened_to(program, _braces.depth(prompt))
    ends = [found.start() for found in _SHELL_END.finditer(program)]
    return program[: ends[-1]] if language == "bash" and len(ends) >= len(_SHELL_BEGIN.findall(program)) else program


def _closes(after: str) -> bool:
    return after.lstrip().startswith("}")


def _php(text: str) -> str:
    text = _PHP_END.sub("", text)
    return text if text.lstrip().startswith("<?") else f"<?php\n{text}"


def _without_main(language: str, text: str, after: str) -> str:
    head = _MAINS.get(language)
    if head is None or (language == "rust" and "#[test]" not in after and not head.search(after)):
        return text
    if language == "java" and re.search(r"^public class Main\b", after, re.MULTILINE):
        text = _braces.without_piece(text, re.compile(r"^[ \t]*(?:public[ \t]+)?class[ \t]+Main\b", re.MULTILINE))
    return _braces.without_piece(text, head)


def _with_frame(language: str, text: str, prompt: str, before: str, after: str) -> str:
    """With the prompt's includes and imports, and the class around it, where the text lacks them."""
    header = _HEADERS[language]
    have = {re.sub(r"\s", "", line) for line in header.findall(text) + header.findall(before)}
    lacking = [line for line in header.findall(prompt) if re.sub(r"\s", "", line) not in have]
    if language in ("java", "csharp"):
        frames = _CLASS.findall(_braces.bare(prompt))
        if frames and not re.search(rf"\bclass[ \t]+{frames[0]}\b", text):
            own = header.findall(text)
            lacking += own
            text = f"class {frames[0]} {{\n{header.sub('', text)}\n}}\n"
        if language == "java" and re.search(r"^public class\b", after, re.MULTILINE):
            text = _PUBLIC_CLASS.sub(r"\1", text)
    return "".join(line + "\n" for line in lacking) + text


def _with_uses(text: str, prompt: str) -> str:
    """With those of the prompt's `use` declarations whose names the text has and does not bring in itself."""
    plain = _braces.bare(text)
    bound = {name for found in _USE.finditer(plain) for name, _ in _used(found[1])}
    wanted = {
        name: path
        for found in _USE.finditer(_braces.bare(prompt))
        for name, path in _used(found[1])
        if name not in bound and re.search(rf"\b{re.escape(name)}\b", plain)
    }
    return "".join(f"use {path};\n" for path in wanted.values()) + text


def _used(declaration: str, root: str = "") -> list[tuple[str, str]]:
    """The names that a `use` brings in, each with its own path."""
    declaration = declaration.strip()
    head, brace, rest = declaration.partition("{")
    if not brace:
        path, _, alias = declaration.partition(" as ")
        name = alias.strip() or path.strip().rpartition("::")[2]
        full = root + path.strip()
        if name == "self":
            full = full.removesuffix("::self")
            name = full.rpartition("::")[2]
        return [(name, f"{full} as {alias.strip()}" if alias else full)]
    inner, parts, level, start = rest.rstrip().removesuffix("}"), [], 0, 0
    for at, char in enumerate(inner):
        level += (char == "{") - (char == "}")
        if char == "," and level == 0:
            parts.append(inner[start:at])
            start = at + 1
    parts.append(inner[start:])
    return [pair for part in parts if part.strip() for pair in _used(part, root + head.strip())]
