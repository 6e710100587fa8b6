"""The tasks about texts, without a model: what is asked, what an answer is worth, what a run comes to."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest
from sklearn import metrics

from harness.errors import InputError
from harness.metrics import rouge
from harness.tasks import ScoredRun, TaskSummary, classification, perplexity, summarization
from harness.types import Completion, Form, Problem, Request, SamplingParams, Score

LABELS = ("good", "bad")
TEXT = Problem(id="x/1", dataset="x", prompt="A man\nwalks.", references=("A walk.", "Man walks."))
REMARK = Problem(id="x/1", dataset="x", prompt="Fine!", references=("good",), metadata={"labels": LABELS})
ONE = SamplingParams(n=1, temperature=0)


def ended(scores: Sequence[Score], problems: Sequence[Problem]) -> ScoredRun:
    return ScoredRun(
        scores=lambda: iter(scores), problems={each.id: each for each in problems},
        expected={each.id: 1 for each in problems}, ks=None, signature="s", seed=0,
    )  # fmt: skip


def prompt_of(request: Request) -> str:
    return request.prompt if request.prompt is not None else str(dict(request.messages[0])["content"])  # type: ignore[index]


@pytest.mark.parametrize("form", [Form.COMPLETION, Form.CHAT])
@pytest.mark.parametrize("made", [summarization.open_task({}), classification.open_task({})])
def test_a_request_holds_the_text_and_the_instruction_of_the_row(made: Any, form: Form) -> None:
    problem = Problem(
        id="x/1", dataset="x", prompt="A man walks.", references=("good",),
        metadata={"labels": LABELS, "instruction": "Do as I say."},
    )  # fmt: skip
    asked = prompt_of(made.request(problem, ONE, form))
    assert "A man walks." in asked and "Do as I say." in asked


@pytest.mark.parametrize("made", [summarization.open_task({}), classification.open_task({})])
def test_a_row_without_a_text_apart_is_asked_as_it_stands(made: Any) -> None:
    problem = Problem(id="x/1", dataset="x", prompt="Why? ", metadata={"labels": LABELS, "whole": True})
    assert prompt_of(made.request(problem, ONE, Form.COMPLETION)) == "Why? "
    assert prompt_of(made.request(problem, ONE, Form.CHAT)) == "Why? "


def test_a_classification_names_every_label_and_a_completion_ends_at_its_line() -> None:
    request = classification.open_task({}).request(REMARK, ONE, Form.COMPLETION)
    assert "good, bad" in prompt_of(request) and request.sampling.stop == ("\n",)


def test_a_summary_is_scored_by_rouge_score_with_the_task_s_options() -> None:
    made = summarization.open_task({"stemmer": "false", "copied_n": "2"})
    score = made.score(TEXT, Completion(problem_id="x/1", index=0, text="<think>hm</think> A man walks"), None)
    pair = rouge.SummaryPair(summary="A man walks", references=TEXT.references, source=TEXT.prompt)
    assert score.values == rouge.score(pair, stemmer=False, copied_n=2)
    assert "stemmer:no" in made.label() and "copied_n:2" in made.label()


def test_the_mean_of_a_measure_is_over_items_and_within_an_item_over_samples() -> None:
    made = summarization.open_task({})
    values = {"x/1": [0.2, 0.4], "x/2": [0.9]}
    scores = [
        Score(problem_id=name, index=place, values=dict.fromkeys((metric.name for metric in made.metrics()), value))
        for name, each in values.items()
        for place, value in enumerate(each)
    ]
    outcome = made.summarize(ended(scores, [TEXT]))
    assert outcome.estimates[0].metric == "rouge1" and outcome.estimates[0].value == pytest.approx(0.6)
    assert outcome.problems["x/1"]["rouge1"] == pytest.approx(0.3) and outcome.problems["x/1"]["n"] == 2
    assert (outcome.estimates[0].n_problems, outcome.estimates[0].n_completions) == (2, 3)


def classified(order: random.Random | None = None) -> tuple[TaskSummary, list[str], list[str]]:
    made = classification.open_task({})
    answers = ["good", "Label: bad", "not good", "", "It is good.", "good or bad", "bad", "Good."]
    truths = ["good", "bad", "good", "bad", "bad", "good", "bad", "good"]
    scores, problems, predicted = [], [], []
    for place, (answer, truth) in enumerate(zip(answers, truths, strict=True)):
        problem = Problem(id=f"x/{place}", dataset="x", prompt="t", references=(truth,), metadata={"labels": LABELS})
        score = made.score(problem, Completion(problem_id=problem.id, index=0, text=answer), None)
        scores.append(score)
        problems.append(problem)
        predicted.append(score.notes["predicted"])
    if order is not None:
        order.shuffle(scores)
    return made.summarize(ended(scores, problems)), truths, predicted


def test_the_estimates_of_a_classification_are_those_of_scikit_learn() -> None:
    outcome, truth, predicted = classified()
    values = {each.metric: each.value for each in outcome.estimates}
    assert values["accuracy"] == metrics.accuracy_score(truth, predicted) == 0.5
    assert values["macro_f1"] == metrics.f1_score(truth, predicted, labels=["bad", "good"], average="macro")
    assert values["mcc"] == metrics.matthews_corrcoef(truth, predicted)
    assert values["cohen_kappa"] == metrics.cohen_kappa_score(truth, predicted)
    assert values["unread"] == 3 / 8
    assert all(each.low <= each.value <= each.high for each in outcome.estimates)


def test_a_classification_says_how_answers_were_read_and_what_no_model_would_reach() -> None:
    outcome, _, _ = classified()
    section = outcome.sections["classification"]
    assert section["rules"] == {
        "exact": 2, "field": 1, "negated": 1, "empty": 1, "mention": 1, "several labels": 1, "normalized": 1,
    }  # fmt: skip
    assert section["majority"] == {"label": "bad", "accuracy": 0.5} and section["imbalance"] == 1
    assert section["confusion"] == [[2, 1, 1], [0, 2, 2]]
    assert outcome.files["confusion.svg"].startswith(b"<svg")


def test_the_order_of_scores_changes_nothing_of_a_classification() -> None:
    assert classified(random.Random(3))[0] == classified()[0]


@pytest.mark.parametrize(
    ("normalize", "logprobs", "predicted", "rule"),
    [
        ("none", ((-1.0, -1.0), (-1.5,)), "bad", "log-probability"),
        ("tokens", ((-1.0, -1.0), (-1.5,)), "good", "log-probability"),
        ("none", ((-2.0,), (-1.0, -1.0)), "", "tie"),
    ],
)
def test_the_most_probable_label_is_chosen_and_a_tie_is_not(
    normalize: str, logprobs: tuple[tuple[float, ...], ...], predicted: str, rule: str
) -> None:
    made = classification.open_task({"by": "logprob", "normalize": normalize})
    score = made.score(REMARK, Completion(problem_id="x/1", index=0, text="", logprobs=logprobs), None)
    assert (score.notes["predicted"], score.notes["rule"]) == (predicted, rule)


def test_a_text_s_score_has_its_loss_tokens_bytes_and_words() -> None:
    made = perplexity.open_task({})
    problem = Problem(id="x/1", dataset="x", prompt="Käse und Brot")
    score = made.score(problem, Completion(problem_id="x/1", index=0, text="", logprobs=((-1.0, -2.5),)), None)
    assert score.values == {"loss": 3.5, "tokens": 2, "bytes": 14, "words": 3}
    outcome = made.summarize(ended([score], [problem]))
    assert outcome.problems["x/1"] == {"n": 1, "loss": 1.75, "tokens": 2, "bytes": 14, "words": 3}


@pytest.mark.parametrize(
    ("task", "given", "message"),
    [
        (summarization, {"stemer": "true"}, r"--set stemer: unknown option \(did you mean stemmer"),
        (summarization, {"stemmer": "perhaps"}, "--set stemmer=perhaps: input should be a valid boolean"),
        (classification, {"by": "vibes"}, "--set by=vibes: input should be 'answer' or 'logprob'"),
        (perplexity, {"bos": "maybe"}, "--set bos=maybe"),
        (perplexity, {"stride": "many"}, "--set stride=many"),
    ],
)
def test_an_option_that_a_task_has_not_is_named(task: Any, given: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        task.open_task(given)


@pytest.mark.parametrize("task", [summarization, classification, perplexity])
def test_a_run_without_a_score_has_no_estimates(task: Any) -> None:
    assert task.open_task({}).summarize(ended([], [])).estimates == []
