"""Which label an answer names: read by a rule that is told, and never guessed."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.tasks._labels import LabelReader, Rule

LABELS = ("positive", "negative", "very positive", "neutral")
READER = LabelReader(LABELS)

READ = [
    ("positive", "positive", Rule.EXACT),
    ("  positive\n", "positive", Rule.EXACT),
    ("Positive.", "positive", Rule.NORMALIZED),
    ("**NEGATIVE**", "negative", Rule.NORMALIZED),
    ("«Very-Positive»", "very positive", Rule.NORMALIZED),
    ('{"label": "neutral"}', "neutral", Rule.JSON),
    ('```json\n{"label": "Neutral", "confidence": 0.9}\n```', "neutral", Rule.JSON),
    ('Here it is: {"category": "negative", "why": "positive words are ironic"}', "negative", Rule.JSON),
    ('["positive"]', "positive", Rule.NORMALIZED),
    ("Label: negative", "negative", Rule.FIELD),
    ("**Label:** Negative", "negative", Rule.FIELD),
    ("It praises the food but overall complains.\nAnswer: negative. The rest is irony.", "negative", Rule.FIELD),
    ("The answer is: very positive", "very positive", Rule.FIELD),
    ("The text is clearly negative.", "negative", Rule.MENTION),
    ("I would say it is very positive!", "very positive", Rule.MENTION),
    ("<think>positive? or negative</think>neutral", "neutral", Rule.EXACT),
]

UNREAD = [
    ("", Rule.EMPTY),
    (" \n", Rule.EMPTY),
    ("I cannot tell.", Rule.ABSENT),
    ("positively charged", Rule.ABSENT),
    ("positive or negative", Rule.SEVERAL),
    ("positive and very positive", Rule.SEVERAL),
    ("Label: positive, negative", Rule.SEVERAL),
    ("Label: positive\nLabel: negative", Rule.SEVERAL),
    ("not positive", Rule.NEGATED),
    ("This isn't really positive.", Rule.NEGATED),
    ("This isn’t positive.", Rule.NEGATED),
    ("non-positive", Rule.NEGATED),
    ("Label: not positive", Rule.NEGATED),
    ("Positive is not the right word here", Rule.NEGATED),
    ("positive?", Rule.NEGATED),
    ('{"label": "positive or negative"}', Rule.ABSENT),
    ('{"label": ["positive", "negative"]}', Rule.SEVERAL),
    ('{"positive": 0.9, "negative": 0.1}', Rule.SEVERAL),
    ('{"positive": false}', Rule.ABSENT),
    ('{"label": "positive"} {"label": "negative"}', Rule.SEVERAL),
    ("<think>it is positive", Rule.UNFINISHED),
]


@pytest.mark.parametrize(("answer", "label", "rule"), READ)
def test_an_answer_that_names_one_label_is_read_by_the_first_rule_that_fits(
    answer: str, label: str, rule: Rule
) -> None:
    reading = READER.read(answer)
    assert (reading.label, reading.rule) == (label, rule)


@pytest.mark.parametrize(("answer", "rule"), UNREAD)
def test_an_answer_that_names_none_or_several_is_not_read_and_says_why(answer: str, rule: Rule) -> None:
    reading = READER.read(answer)
    assert (reading.label, reading.rule) == (None, rule)


def test_the_label_no_may_be_followed_by_a_negation() -> None:
    assert LabelReader(["yes", "no"]).read("No, it is not mentioned at all").label == "no"


def test_a_label_that_holds_another_is_not_read_as_it() -> None:
    assert LabelReader(["spam", "not spam"]).read("I think this is not spam").label == "not spam"


WORDS = st.lists(st.sampled_from(["the", "text", "seems", "is", "(", "**", "Label:", ",", "\n", "—"]), max_size=6)
NAMES = st.sampled_from(["positive", "negative", "neutral"])


@settings(deadline=None)
@given(WORDS, NAMES, WORDS, NAMES, WORDS)
def test_two_different_labels_are_never_resolved_to_one(
    one: list[str], first: str, two: list[str], second: str, three: list[str]
) -> None:
    answer = " ".join([*one, first, *two, second, *three])
    reading = READER.read(answer)
    if first == second:
        assert reading.label in (first, None)
    elif "Label:" not in answer:
        assert reading.label is None


@settings(deadline=None)
@given(st.text(max_size=200))
def test_whatever_the_answer_a_label_is_read_only_where_it_stands(answer: str) -> None:
    reading = READER.read(answer)
    assert reading.label is None or reading.label.split()[-1] in answer.casefold() or not answer.isascii()


@settings(deadline=None)
@given(WORDS, NAMES, st.sampled_from(["not", "never", "isn't", "hardly"]))
def test_a_negated_label_is_never_read(words: list[str], label: str, negator: str) -> None:
    assert READER.read(" ".join([*words, negator, label])).label is None


@pytest.mark.parametrize("labels", [["Spam", "spam"], ["a_b", "a b"], ["good", "Good!"], ["...", "x"]])
def test_labels_that_answers_could_not_tell_apart_are_refused(labels: list[str]) -> None:
    with pytest.raises(ValueError, match=r"cannot be told apart|no letters"):
        LabelReader(labels)
