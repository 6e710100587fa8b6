"""Programs that are nearly the same, whatever their names are called.

A program is its tokens without comments and docstrings, its own names numbered by their first use; two are similar by
the Jaccard index of their runs of 5 tokens (`harness.text.shingles`). Of a short task all right programs look alike:
programs of fewer than SHORTEST tokens are not compared.
"""

from __future__ import annotations

import builtins
import io
import itertools
import keyword
import tokenize
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from harness.classroom.submissions import Submission
from harness.text.shingles import jaccard, shingles

TOKENS = 5
THRESHOLD = 0.8
SHORTEST = 40  # tokens
_KNOWN = {*keyword.kwlist, *keyword.softkwlist, *dir(builtins)}
_SKIPPED = {
    tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING,
    tokenize.ENDMARKER,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class SimilarPair:
    """Two programs for one problem. similarity: from 0 to 1, the same but for names and comments."""

    problem_id: str
    first: Submission
    second: Submission
    similarity: float


def similar_pairs(submissions: Iterable[Submission], threshold: float = THRESHOLD) -> list[SimilarPair]:
    """The pairs of different students' programs that are at least that similar, the most similar first."""
    groups: dict[str, list[Submission]] = defaultdict(list)
    for each in submissions:
        groups[each.problem_id].append(each)
    found = []
    for problem_id, group in groups.items():
        texts = [(each, normal_tokens(each.source)) for each in group]
        sets = [(each, shingles(" ".join(words), TOKENS)) for each, words in texts if len(words) >= SHORTEST]
        for (first, a), (second, b) in itertools.combinations(sets, 2):
            similarity = jaccard(a, b)
            if similarity >= threshold:
                pair = SimilarPair(problem_id=problem_id, first=first, second=second, similarity=similarity)
                found.append(pair)
    return sorted(found, key=lambda pair: (-pair.similarity, pair.problem_id, pair.first.student, pair.second.student))


def normal_tokens(source: str) -> list[str]:
    """The tokens of a program with its own names numbered; the words of a text that Python cannot read."""
    words: list[str] = []
    numbers: dict[str, str] = {}
    statement = True  # the next token begins one
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type in _SKIPPED:
                statement = True
                continue
            docstring = statement and token.type == tokenize.STRING
            statement = False
            if docstring:
                continue
            if token.type == tokenize.NAME and token.string not in _KNOWN:
                words.append(numbers.setdefault(token.string, f"name{len(numbers)}"))
            else:
                words.append(token.string)
    except (tokenize.TokenError, SyntaxError, ValueError):
        return source.split()
    return words
