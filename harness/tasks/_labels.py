"""Which label an answer names, and by which rule it was read: visible, repeatable, and never guessed.

The rules, in their order: the answer is a label (`exact`); it is one but for case, punctuation and markup
(`normalized`); it is JSON that names one (`json`); a line of it says `Label: x` or `the answer is x` (`field`); it
mentions one label and no other (`mention`). An answer with several labels, or with the only one negated ("not
positive"; `harness.tasks._negation`), names none. What is read is not checked for sense: a model that repeats the
question with one label in it is taken at its word.

How much of case and marks counts depends on the labels: as little as tells them apart. `Yes` and `yes.` are one answer,
but for labels such as `C`, `C++` and `-1`, `1` the marks count, and for `Polish` and `polish` case does.
"""

from __future__ import annotations

import enum
import functools
import json
import re
import string
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import regex

from harness.tasks._negation import is_negated
from harness.text.reasoning import without_reasoning
from harness.text.words import has_unspaced


class Rule(enum.StrEnum):
    """How an answer was read; the second row says why it could not be."""

    EXACT, NORMALIZED, JSON, FIELD, MENTION = "exact", "normalized", "json", "field", "mention"
    EMPTY, UNFINISHED, ABSENT, SEVERAL, NEGATED = "empty", "unfinished", "no label", "several labels", "negated"


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelReading:
    """A label, or None where the answer names none, and the rule that decided."""

    label: str | None
    rule: Rule


_FIELDS = ("label", "class", "category", "classification", "answer", "prediction", "sentiment", "topic", "intent",
           "choice", "option")  # fmt: skip
_FIELD = re.compile(rf"\b(?:{'|'.join(_FIELDS)})\b\W{{0,4}}?\s*(?:[:=]|\bis\b)[^\w\n+\-.#]*([^\n]+)", re.IGNORECASE)
_FIELD_END = re.compile(r"[.,;:!)\]](?=\s|$)|[(]|\s[-–—]\s")
_OBJECT = re.compile(r"\{[^{}]*\}")
_FENCE = re.compile(r"^```\w*\n(.*?)\n?```$", re.DOTALL)
# A question mark is no decoration: "positive?" is not an answer.
_DECORATION = string.punctuation.replace("?", "") + string.whitespace + "“”‘’«»…–—·•。「」『』、，！：।"
_WORD = r"[[\p{L}\p{N}\p{M}_]--[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}ー]]"
# What follows the article "A" or the pronoun "I" is a word of the sentence; what follows a choice is one of these.
_AFTER_A_CHOICE = (
    "is|was|are|because|since|as|and|or|seems|would|looks|appears|for|fits|best|correct|wins|ist|es|est|è|é"
)


def normalize(text: str, *, decoration: str = _DECORATION, fold: bool = True, join: bool = True) -> str:
    """`text` without case, decoration at its ends, and with `_`, `-` and white space alike; each can be turned off."""
    plain = unicodedata.normalize("NFKC", text).strip(decoration)
    plain = plain.casefold() if fold else plain
    return " ".join(re.split(r"[\s_-]+" if join else r"\s+", plain)) if not plain.startswith("-") else plain


def _normalizer(labels: Sequence[str]) -> Callable[[str], str]:
    """The coarsest normal form that tells the labels apart."""
    edges = {char for label in labels for char in (label.strip()[:1], label.strip()[-1:]) if char in _DECORATION}
    kept = "".join(char for char in _DECORATION if char not in edges)
    forms: list[Callable[[str], str]] = [
        normalize,
        functools.partial(normalize, decoration=kept),
        functools.partial(normalize, decoration=kept, fold=False),
        functools.partial(normalize, decoration=kept, fold=False, join=False),
    ]
    for form in forms:
        found = [form(label) for label in labels]
        if all(found) and len(set(found)) == len(set(labels)):
            return form
    return str.strip


class LabelReader:
    """Reads answers against a set of labels, any that differ as texts."""

    def __init__(self, labels: Sequence[str]) -> None:
        self.labels = tuple(labels)
        self._normalize = _normalizer(self.labels)
        self._by_form = {self._normalize(label): label for label in labels}
        # The longest first: "science fiction" is no mention of "science".
        forms = sorted(self._by_form, key=len, reverse=True)
        self._mention = regex.compile("|".join(map(self._pattern, forms)), regex.V1)

    def _pattern(self, form: str) -> str:
        """A mention of one label: not inside a word, and not what only looks like it (an article, part of a number)."""
        label = self._by_form[form]
        if len(label) == 1 and label.isalpha() and label.upper() != label.lower():
            article = rf"(?!\s+(?!(?:{_AFTER_A_CHOICE})\b)\p{{Ll}})(?!['’]\p{{L}})" if label in "AIaioOyYeEuU" else ""
            return rf"(?<!{_WORD}){label}(?!{_WORD}|[+#]){article}"
        body = regex.escape(form).replace(r"\ ", r"[\s_-]+")
        if regex.fullmatch(r"[+-]?\d+(?:\.\d+)?", form):
            return rf"(?<![\p{{L}}\p{{N}}_.,+\-]){body}(?![\p{{L}}\p{{N}}_%]|[.,]\d)"
        flags = "" if self._is_cased() else "(?i)"
        ends = "" if regex.match(r"\w", form[-1]) is None else "|[+#](?!\\w)" if len(form) <= 2 else ""
        return rf"(?:{flags}(?<!{_WORD}){body}(?!{_WORD}{ends}))" if not has_unspaced(form) else rf"(?:{flags}{body})"

    def _is_cased(self) -> bool:
        """Whether case tells labels apart."""
        return self._normalize("A") == "A"

    def read(self, answer: str) -> LabelReading:
        """The label that an answer names."""
        text = without_reasoning(answer)
        if text is None:
            return LabelReading(label=None, rule=Rule.UNFINISHED)
        if not text:
            return LabelReading(label=None, rule=Rule.EMPTY)
        if text in self.labels:
            return LabelReading(label=text, rule=Rule.EXACT)
        if label := self._by_form.get(self._normalize(text)):
            return LabelReading(label=label, rule=Rule.NORMALIZED)
        return self._from_json(text) or self._from_fields(text) or self._from_mentions(text)

    def _from_json(self, text: str) -> LabelReading | None:
        """What JSON in the text names; None where there is none. JSON that names no label is not read in other ways."""
        found = list(_json_values(text))
        if not found:
            return None
        forms = [self._normalize(value) for each in found for value in _texts(each)]
        named = {self._by_form[form] for form in forms if form in self._by_form}
        return _only(named, Rule.JSON)

    def _from_fields(self, text: str) -> LabelReading | None:
        named: set[str] = set()
        for match in _FIELD.finditer(text):
            rest = unicodedata.normalize("NFKC", match.group(1))
            first = _FIELD_END.split(rest, maxsplit=1)[0]
            label = self._by_form.get(self._normalize(first))
            if label is not None:
                named |= {label, *self._mentioned(rest)}
        return _only(named, Rule.FIELD) if named else None

    def _from_mentions(self, text: str) -> LabelReading:
        text = unicodedata.normalize("NFKC", text)
        reading = _only(self._mentioned(text), Rule.MENTION)
        if reading.label is not None and any(is_negated(text, *match.span()) for match in self._mention.finditer(text)):
            return LabelReading(label=None, rule=Rule.NEGATED)
        return reading

    def _mentioned(self, text: str) -> set[str]:
        forms = [self._normalize(match.group()) for match in self._mention.finditer(text)]
        return {self._by_form[form] for form in forms if form in self._by_form}


def _only(named: set[str], rule: Rule) -> LabelReading:
    if len(named) == 1:
        return LabelReading(label=next(iter(named)), rule=rule)
    return LabelReading(label=None, rule=Rule.SEVERAL if named else Rule.ABSENT)


def _json_values(text: str) -> Iterator[Any]:
    """The JSON that a text is, or is fenced in; else the objects in it that hold no others."""
    fenced = _FENCE.match(text)
    whole = fenced.group(1) if fenced else text
    for candidate in [whole] if whole[:1] in "{[" else _OBJECT.findall(text):
        try:
            yield json.loads(candidate)
        except (ValueError, RecursionError):
            continue


def _texts(value: Any) -> list[str]:
    """The answer's texts in a JSON value: under a key such as `label` where there is one, else all that it holds.

    A label among the keys counts too: {"positive": 0.9, "negative": 0.1} names two, {"positive": false} is no answer.
    """
    if isinstance(value, dict):
        under = [each for key, each in value.items() if normalize(str(key)) in _FIELDS]
        texts = [text for each in under or value.values() for text in _texts(each)]
        return texts if under else [*texts, *([str(key) for key in value] if len(value) > 1 else [])]
    if isinstance(value, list):
        return [text for each in value for text in _texts(each)]
    if isinstance(value, bool):
        return [str(value)]
    return [value] if isinstance(value, str) else [str(value)] if isinstance(value, int | float) else []
