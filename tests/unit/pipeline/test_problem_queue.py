"""The queue before the sandboxes: bounded, and a problem's samples stay together."""

from __future__ import annotations

from harness.pipeline.problem_queue import ProblemQueue
from harness.types import Completion


def sample(problem_id: str, index: int = 0) -> Completion:
    return Completion(problem_id=problem_id, index=index, text="")


def test_a_full_queue_takes_no_more_until_there_is_room() -> None:
    queue = ProblemQueue(1)
    assert queue.put(sample("a"), 0.01) and not queue.put(sample("b"), 0.01)
    assert queue.get(None, 0.01) is not None and queue.put(sample("b"), 0.01)


def test_a_consumer_goes_on_with_its_problem() -> None:
    queue = ProblemQueue(9)
    for each in (sample("a"), sample("b"), sample("a", 1), sample("b", 1)):
        queue.put(each, 0.01)
    last, order = None, []
    for _ in range(4):
        item = queue.get(last, 0.01)
        assert item is not None and item.completion is not None
        last = item.completion.problem_id
        order.append((last, item.completion.index))
    assert order == [("a", 0), ("a", 1), ("b", 0), ("b", 1)]


def test_a_second_consumer_takes_a_problem_that_no_other_has() -> None:
    queue = ProblemQueue(9)
    for each in (sample("a"), sample("a", 1), sample("b")):
        queue.put(each, 0.01)
    items = [queue.get(None, 0.01), queue.get(None, 0.01)]
    assert [item.completion.problem_id for item in items if item and item.completion] == ["a", "b"]


def test_the_end_comes_after_all_completions() -> None:
    queue = ProblemQueue(9)
    queue.put(None, 0.01)
    queue.put(sample("a"), 0.01)
    first, second = queue.get(None, 0.01), queue.get("a", 0.01)
    assert first is not None and first.completion is not None
    assert second is not None and second.completion is None
    assert queue.get(None, 0.01) is None
