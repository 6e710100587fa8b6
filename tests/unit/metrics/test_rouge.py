"""ROUGE is rouge-score's, whatever way it is computed."""

from __future__ import annotations

import builtins
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rouge_score import rouge_scorer

from harness.errors import InputError
from harness.metrics import rouge

PAIRS = [
    rouge.SummaryPair(
        summary="The council will rebuild the old bridges.\nWork begins in May.",
        references=(
            "The old bridge is rebuilt from May on.",
            "Work on a bridge begins in May.\nThe council decided so.",
        ),
        source="The council of Marlow voted to rebuild the old bridge. Work begins in May and ends in June.",
    ),
    rouge.SummaryPair(summary="", references=("Something happened.",), source="Something happened today."),
    rouge.SummaryPair(summary="Running dogs ran.", references=("A dog runs.",), source="A dog runs."),
]
TEXT = st.lists(st.sampled_from(["the", "running", "runs", "dog", "Dogs", ".", "\n", "a1", "Œ"]), max_size=12).map(
    " ".join
)


def direct(pair: rouge.SummaryPair, stemmer: bool) -> dict[str, Any]:
    scorer = rouge_scorer.RougeScorer(list(rouge.TYPES), use_stemmer=stemmer)
    found: dict[str, Any] = scorer.score_multi(pair.references, pair.summary)
    return found


def same(values: dict[str, float], expected: dict[str, Any]) -> bool:
    return all(
        (values[name], values[f"{name}_precision"], values[f"{name}_recall"])
        == (expected[name].fmeasure, expected[name].precision, expected[name].recall)
        for name in rouge.TYPES
    )


@pytest.mark.parametrize("stemmer", [False, True])
@pytest.mark.parametrize("pair", PAIRS)
def test_rouge_is_that_of_rouge_score_with_the_best_of_the_references(pair: rouge.SummaryPair, stemmer: bool) -> None:
    assert same(rouge.score(pair, stemmer=stemmer, copied_n=4), direct(pair, stemmer))


@settings(deadline=None)
@given(TEXT, st.lists(TEXT, min_size=1, max_size=3), st.booleans())
def test_rouge_is_that_of_rouge_score_for_any_texts(summary: str, references: list[str], stemmer: bool) -> None:
    pair = rouge.SummaryPair(summary=summary, references=tuple(references), source="")
    assert same(rouge.score(pair, stemmer=stemmer, copied_n=2, tokenizer="rouge"), direct(pair, stemmer))


@settings(deadline=None)
@given(TEXT, st.lists(TEXT, min_size=1, max_size=3), st.booleans())
def test_of_ascii_texts_both_tokenizers_give_the_same(summary: str, references: list[str], stemmer: bool) -> None:
    plain = [text.replace("Œ", "oe_x") for text in (summary, *references)]
    pair = rouge.SummaryPair(summary=plain[0], references=tuple(plain[1:]), source=plain[-1])
    assert rouge.score(pair, stemmer=stemmer, copied_n=2) == rouge.score(
        pair, stemmer=stemmer, copied_n=2, tokenizer="rouge"
    )


def test_the_order_of_the_references_changes_nothing() -> None:
    pair = PAIRS[0]
    turned = rouge.SummaryPair(summary=pair.summary, references=pair.references[::-1], source=pair.source)
    assert rouge.score(pair, stemmer=True, copied_n=4) == rouge.score(turned, stemmer=True, copied_n=4)


def test_length_ratio_copied_share_and_emptiness_of_cases_whose_answers_are_obvious() -> None:
    source = "one two three four five six"
    whole = rouge.score(
        rouge.SummaryPair(summary=source, references=("one two three",), source=source), stemmer=False, copied_n=3
    )
    assert (whole["length_ratio"], whole["copied"], whole["empty"]) == (2.0, 1.0, 0.0)
    half = rouge.SummaryPair(summary="one two three seven", references=("a b c d", "a"), source=source)
    assert rouge.score(half, stemmer=False, copied_n=3)["copied"] == 0.5
    assert rouge.score(half, stemmer=False, copied_n=3)["length_ratio"] == 1.0
    nothing = rouge.score(rouge.SummaryPair(summary="...", references=("a",), source=source), stemmer=False, copied_n=3)
    assert (nothing["length_ratio"], nothing["copied"], nothing["empty"]) == (0.0, 0.0, 1.0)


def test_processes_give_what_one_thread_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rouge, "PAYS", 1)
    pool = rouge.RougePool(stemmer=True, copied_n=4, workers=2)
    try:
        found = [pool.score(pair) for pair in PAIRS]
        assert pool._pool is not None
    finally:
        pool.close()
    assert found == [rouge.score(pair, stemmer=True, copied_n=4) for pair in PAIRS]


def test_a_missing_library_is_an_error_and_never_a_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *arguments: Any, **more: Any) -> Any:
        if name.startswith("rouge_score"):
            raise ImportError("No module named 'rouge_score'")
        return real(name, *arguments, **more)

    rouge._scorer.cache_clear()
    rouge._tokenizer.cache_clear()
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match="pip install rouge-score"):
        rouge.score(PAIRS[0], stemmer=True, copied_n=4)


@pytest.mark.parametrize(
    "text",
    [
        "这座桥花费三百万",
        "это новый мост",
        "نص قصير جدا",
        "यह एक छोटा पाठ है",
        "ข้อความสั้น",
        "ένα μικρό κείμενο",
        "짧은 글 입니다",
    ],
)
def test_a_summary_equal_to_its_reference_is_right_in_every_script(text: str) -> None:
    values = rouge.score(rouge.SummaryPair(summary=text, references=(text,), source=text), stemmer=True, copied_n=2)
    assert (values["rouge1"], values["rougeL"], values["empty"], values["length_ratio"]) == (1.0, 1.0, 0.0, 1.0)


def test_accents_do_not_split_words() -> None:
    pair = rouge.SummaryPair(summary="un café fermé", references=("un caf ferm",), source="x")
    assert rouge.score(pair, stemmer=False, copied_n=2)["rouge1"] == pytest.approx(1 / 3)
    assert rouge.score(pair, stemmer=False, copied_n=2, tokenizer="rouge")["rouge1"] == pytest.approx(1.0)


@pytest.mark.parametrize("stemmer", [True, False])
def test_the_tokenizer_rouge_gives_rouge_scores_own_numbers_for_any_text(stemmer: bool) -> None:
    pair = rouge.SummaryPair(summary="Le café était_fermé, naïve!", references=("Un café ouvert était là",), source="x")
    assert same(rouge.score(pair, stemmer=stemmer, copied_n=4, tokenizer="rouge"), direct(pair, stemmer))
