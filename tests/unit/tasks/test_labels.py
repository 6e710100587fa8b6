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


@pytest.mark.parametrize(
    ("labels", "answer", "label"),
    [
        (["-1", "0", "1"], "-1", "-1"),
        (["-1", "0", "1"], "Label: -1", "-1"),
        (["-1", "0", "1"], "The score is 1.", "1"),
        (["-1", "0", "1"], "I would rate it -1, for it is bad", "-1"),
        (["1", "2"], "in 12 of 1.5 cases", None),
        (["C", "C++", "C#"], "C++", "C++"),
        (["C", "C++", "C#"], "**C#**", "C#"),
        (["C", "C++", "C#"], "This is written in C++.", "C++"),
        (["C", "C++", "C#"], "This is C code.", "C"),
        (["C", "Java"], "It is C++ code", None),
        (["Polish", "polish"], "Polish.", "Polish"),
        (["Polish", "polish"], "polish", "polish"),
        (["a_b", "a b"], "a_b", "a_b"),
        (["good", "Good!"], "Good!", "Good!"),
        ([".NET", "Java"], "It is .NET.", ".NET"),
        (["+", "-"], "+", "+"),
    ],
)
def test_labels_that_differ_in_marks_or_case_are_told_apart(labels: list[str], answer: str, label: str | None) -> None:
    assert LabelReader(labels).read(answer).label == label


@pytest.mark.parametrize(
    ("answer", "label"),
    [
        ("B. Because a dog barks.", "B"),
        ("(B) a dog", "B"),
        ("The answer is B: a dog.", "B"),
        ("The answer is B because a cat meows.", "B"),
        ("A is correct", "A"),
        ("A", "A"),
        ("The right choice is (A).", "A"),
        ("A dog barks, so it must be B", "B"),
        ("A dog barks.", None),
        ("A or B", None),
        ("I think it's C", "C"),
        ("The answer is \\boxed{D}", "D"),
    ],
)
def test_one_letter_labels_are_not_articles(answer: str, label: str | None) -> None:
    assert LabelReader(["A", "B", "C", "D"]).read(answer).label == label


@pytest.mark.parametrize(
    ("labels", "answer", "label"),
    [
        (["正面", "负面"], "这条评论是正面的。", "正面"),
        (["肯定的", "否定的"], "これは否定的です。", "否定的"),
        (["บวก", "ลบ"], "ความคิดเห็นนี้เป็นบวก", "บวก"),
        (["positive", "negative"], "答案是positive。", "positive"),
        (["긍정", "부정"], "이 리뷰는 긍정 입니다", "긍정"),
        (["सकारात्मक", "नकारात्मक"], "यह टिप्पणी सकारात्मक है।", "सकारात्मक"),
        (["إيجابي", "سلبي"], "هذا التعليق إيجابي.", "إيجابي"),
        (["позитивный", "негативный"], "Отзыв позитивный.", "позитивный"),
    ],
)
def test_labels_are_read_in_scripts_with_and_without_spaces(labels: list[str], answer: str, label: str) -> None:
    assert LabelReader(labels).read(answer).label == label


NEGATED = {
    "English": "It is not positive", "Mandarin": "这不是正面的", "Hindi": "यह positive नहीं है", "Spanish": "No es positivo",
    "French": "Ce n'est pas positif", "Arabic": "التعليق ليس positive", "Bengali": "এটি positive নয়",
    "Russian": "Отзыв не positive", "Portuguese": "Não é positivo", "Urdu": "یہ positive نہیں ہے",
    "Indonesian": "Ini tidak positif", "German": "Das ist nicht positiv", "Japanese": "これは正面ではない",
    "Japanese, polite": "正面ではありません", "Swahili": "Hii sio positive", "Marathi": "हे positive नाही",
    "Telugu": "ఇది positive కాదు", "Turkish": "Bu positive değildir", "Tamil": "இது positive அல்ல",
    "Vietnamese": "Nó không positive", "Korean": "이것은 positive 아닙니다", "Italian": "Non è positivo",
    "Thai": "ไม่ใช่บวก", "Gujarati": "આ positive નથી", "Persian": "این positive نیست", "Polish": "To nie jest positive",
    "Ukrainian": "Це не positive", "Dutch": "Het is niet positief", "Kannada": "ಇದು positive ಅಲ್ಲ",
    "Greek": "Δεν είναι positive", "Hebrew": "זה לא positive", "Swedish": "Det är inte positive",
    "Tagalog": "Hindi ito positive", "Finnish": "Se ei ole positive", "Hungarian": "Ez nem positive",
}  # fmt: skip
POSITIVE = ["positive", "positivo", "positif", "positiv", "positief", "正面", "บวก"]


@pytest.mark.parametrize("answer", NEGATED.values(), ids=NEGATED.keys())
def test_a_label_that_is_negated_in_its_language_is_not_read(answer: str) -> None:
    label = max((each for each in POSITIVE if each in answer), key=len)
    reading = LabelReader([label, "other"]).read(answer)
    assert (reading.label, reading.rule) == (None, Rule.NEGATED)


@pytest.mark.parametrize(
    ("labels", "answer", "label"),
    [
        (["1", "2"], '{"label": 2}', "2"),
        (["True", "False"], '{"answer": true}', "True"),
        (["yes", "no"], '{"answer": true}', None),
        (["0", "1"], '{"label": 1, "confidence": 0.9}', "1"),
    ],
)
def test_numbers_and_truth_values_in_json_are_labels(labels: list[str], answer: str, label: str | None) -> None:
    assert LabelReader(labels).read(answer).label == label


@pytest.mark.parametrize(
    ("answer", "label"),
    [
        ("非常正面", "正面"),
        ("特别正面", "正面"),
        ("类别：正面", "正面"),
        ("情感类别是正面", "正面"),
        ("毫无疑问是正面", "正面"),
        ("没错，正面", "正面"),
        ("并非正面", None),
        ("类别不是正面", None),
        ("没有正面", None),
    ],
)
def test_characters_of_negation_inside_words_that_negate_nothing(answer: str, label: str | None) -> None:
    assert LabelReader(["正面", "负面"]).read(answer).label == label


@pytest.mark.parametrize(
    ("answer", "label"),
    [
        ("Neutral - not enough information is given", "neutral"),
        ("Neutral — the premise does not say", "neutral"),
        ("Contradiction, since not all dogs are animals here", "contradiction"),
        ("It is neutral (no relation is stated)", "neutral"),
        ("Neutral, not", None),
        ("Neutral, it is not", None),
        ("Neutral - no", None),
        ("Neutral is not right, since it says so", None),
        ("It is not, all in all, neutral", None),
    ],
)
def test_a_reason_after_the_label_does_not_negate_it(answer: str, label: str | None) -> None:
    assert LabelReader(["entailment", "neutral", "contradiction"]).read(answer).label == label


@pytest.mark.parametrize(
    "answer",
    [
        "No doubt positive", "Without a doubt positive", "I would rather say positive", "This is by far positive",
        "nothing but positive", "no wonder it is positive", "not only positive", "Sin duda positive",
        "sans aucun doute positive", "ohne Zweifel positive", "noch positive", "senza dubbio positive",
        "sem dúvida positive", "zonder twijfel positive", "без сомнения positive", "bez wątpienia positive",
    ],
)  # fmt: skip
def test_phrases_with_a_word_of_negation_that_affirm_do_not_negate(answer: str) -> None:
    assert READER.read(answer).label == "positive"


@pytest.mark.parametrize(
    "answer",
    [
        "nothing positive",
        "rather than positive",
        "instead of positive",
        "far from positive",
        "ohne positive",
        "no positive",
    ],
)
def test_what_is_left_of_a_phrase_still_negates(answer: str) -> None:
    assert READER.read(answer).label is None
