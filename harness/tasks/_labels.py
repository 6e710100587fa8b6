"""Which label an answer names, and by which rule it was read: visible, repeatable, and never guessed.

The rules, in their order: the answer is a label (`exact`); it is one but for case, punctuation and markup
(`normalized`); it is JSON that names one (`json`); a line of it says `Label: x` or `the answer is x` (`field`); it
mentions one label and no other (`mention`). An answer with several labels, or with the only one negated ("not
positive"), names none. What is read is not checked for sense: a model that repeats the question with one label in it is
taken at its word.
"""

from __future__ import annotations

import enum
import json
import re
import string
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from harness.text.reasoning import without_reasoning


class Rule(enum.StrEnum):
    """How an answer was read; the second row says why it could not be."""

    EXACT, NORMALIZED, JSON, FIELD, MENTION = "exact", "normalized", "json", "field", "mention"
    EMPTY, UNFINISHED, ABSENT, SEVERAL, NEGATED = "empty", "unfinished", "no label", "several labels", "negated"


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelReading:
    """A label, or None where the answer names none, and the rule that decided."""

    label: str | None
    rule: Rule


_FIELDS = ("label", "class", "category", "classification", "answer", "prediction", "sentiment", "topic", "intent")
_FIELD = re.compile(rf"\b(?:{'|'.join(_FIELDS)})\b\W{{0,4}}?\s*(?:[:=]|\bis\b)[^\w\n]*([^\n]+)", re.IGNORECASE)
_OBJECT = re.compile(r"\{[^{}]*\}")
_FENCE = re.compile(r"^```\w*\n(.*?)\n?```$", re.DOTALL)
# A question mark is no decoration: "positive?" is not an answer.
_DECORATION = string.punctuation.replace("?", "") + string.whitespace + "“”‘’«»…–—·•。"
_WORD = re.compile(r"[\w'’]+")
_SENTENCE = re.compile(r"[.!?;\n]")
_NEGATORS = {"not", "no", "never", "neither", "nor", "without", "non", "un", "cannot", "hardly", "barely", "unlikely",
             "rather", "instead", "except", "wrong", "incorrect", "false", "opposite", "far", "lacks"}  # fmt: skip
WORDS_BEFORE, WORDS_AFTER = 4, 3  # how near to a label, in its sentence, a word of negation counts


def normalize(text: str) -> str:
    """`text` without case, decoration at its ends, and with `_`, `-` and white space alike."""
    folded = unicodedata.normalize("NFKC", text).casefold().strip(_DECORATION)
    return " ".join(re.split(r"[\s_-]+", folded))


class LabelReader:
    """Reads answers against a set of labels. Raises ValueError for labels that `normalize` cannot tell apart."""

    def __init__(self, labels: Sequence[str]) -> None:
        self.labels = tuple(labels)
        self._by_form: dict[str, str] = {}
        for label in labels:
            form = normalize(label)
            if not form:
                raise ValueError(f"the label {label!r} has no letters or digits")
            if form in self._by_form:
                raise ValueError(f"the labels {self._by_form[form]!r} and {label!r} cannot be told apart in an answer")
            self._by_form[form] = label
        # The longest first: "science fiction" is no mention of "science".
        forms = [re.escape(form).replace(r"\ ", r"[\s_-]+") for form in sorted(self._by_form, key=len, reverse=True)]
        self._mention = re.compile(rf"(?<!\w)(?:{'|'.join(forms)})(?!\w)", re.IGNORECASE)

    def read(self, answer: str) -> LabelReading:
        """The label that an answer names."""
        text = without_reasoning(answer)
        if text is None:
            return LabelReading(label=None, rule=Rule.UNFINISHED)
        if not text:
            return LabelReading(label=None, rule=Rule.EMPTY)
        if text in self.labels:
            return LabelReading(label=text, rule=Rule.EXACT)
        if label := self._by_form.get(normalize(text)):
            return LabelReading(label=label, rule=Rule.NORMALIZED)
        return self._from_json(text) or self._from_fields(text) or self._from_mentions(text)

    def _from_json(self, text: str) -> LabelReading | None:
        """What JSON in the text names; None where there is none. JSON that names no label is not read in other ways."""
        found = list(_json_values(text))
        if not found:
            return None
        texts = [value for each in found for value in _texts(each)]
        named = {self._by_form[normalize(value)] for value in texts if normalize(value) in self._by_form}
        return _only(named, Rule.JSON)

    def _from_fields(self, text: str) -> LabelReading | None:
        named: set[str] = set()
        for match in _FIELD.finditer(text):
            rest = unicodedata.normalize("NFKC", match.group(1))
            first = re.split(r"[.,;!(]|\s[-–—]\s", rest, maxsplit=1)[0]
            label = self._by_form.get(normalize(first))
            if label is not None:
                named |= {label, *self._mentioned(rest)}
        return _only(named, Rule.FIELD) if named else None

    def _from_mentions(self, text: str) -> LabelReading:
        text = unicodedata.normalize("NFKC", text)
        reading = _only(self._mentioned(text), Rule.MENTION)
        if reading.label is not None and any(_negated(text, match) for match in self._mention.finditer(text)):
            return LabelReading(label=None, rule=Rule.NEGATED)
        return reading

    def _mentioned(self, text: str) -> set[str]:
        return {self._by_form[normalize(match.group())] for match in self._mention.finditer(text)}


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
    return [value] if isinstance(value, str) else []


def _negated(text: str, match: re.Match[str]) -> bool:
    before = _WORD.findall(_SENTENCE.split(text[: match.start()])[-1])[-WORDS_BEFORE:]
    after = _WORD.findall(_SENTENCE.split(text[match.end() :])[0])[:WORDS_AFTER]
    if _negates(match.group()):  # the label "no" in "No, it is not"
        after = []
    question = text[match.end() :].lstrip()[:1] == "?"
    return question or any(_negates(word) for word in (*before, *after))


def _negates(word: str) -> bool:
    plain = word.casefold().replace("’", "'")
    return plain in _NEGATORS or plain.endswith("n't")
