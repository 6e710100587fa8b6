"""What the bars of a run say."""

from __future__ import annotations

from unittest import mock

from harness.cli.display.bars import Bars
from harness.pipeline.job import StreamStart
from harness.types import Completion
from sandbox import Execution, Verdict


def begun(source: str = "generate", work: str = "execute", made: int = 0, scored: int = 0) -> StreamStart:
    return StreamStart(
        source=source, work=work, total=4, made=made, scored=scored,
        to_make={"p": 4 - made}, to_score={"p": 4 - scored},
    )  # fmt: skip


def completion(index: int = 0) -> Completion:
    return Completion(problem_id="p", index=index, text="", completion_tokens=50, latency_s=1.0)


def execution(verdict: Verdict, wall_s: float = 1.0) -> Execution:
    return Execution(verdict=verdict, wall_s=wall_s)


def test_saved_completions_are_not_generated() -> None:
    assert Bars(begun("read", made=0)).names == ("execute",)
    assert Bars(begun("generate", "score")).names == ("generate", "score")


def test_until_the_first_answer_and_the_first_verdict_they_say_what_is_waited_for() -> None:
    bars = Bars(begun())
    assert {name: bar.note for name, bar in bars.now().items()} == {
        "generate": "waiting for the first answer", "execute": "",
    }  # fmt: skip
    bars.generated([completion()])
    assert bars.now()["execute"].note == "opening the sandboxes" and "tokens/s" in bars.now()["generate"].note
    bars.executed(completion(), execution(Verdict.WRONG_ANSWER))
    assert bars.now()["execute"].note == ""
    bars.executed(completion(1), execution(Verdict.ACCEPTED))
    assert bars.now()["execute"].note == "1 accepted"


def test_nothing_is_executed_before_it_is_generated_so_neither_ends_first() -> None:
    with mock.patch("harness.cli.display.bars.time.monotonic", side_effect=[0.0, 10.0, 10.0]):
        bars = Bars(begun())
        assert bars.now()["execute"].eta_s is None
        bars.generated([completion(0)])
        bars.executed(completion(0), execution(Verdict.ACCEPTED, wall_s=0.1))
        shown = bars.now()
    assert shown["generate"].eta_s is not None and shown["execute"].eta_s == shown["generate"].eta_s > 25


def test_what_an_earlier_process_did_is_not_in_the_rate() -> None:
    with mock.patch("harness.cli.display.bars.time.monotonic", side_effect=[0.0, 10.0]):
        bars = Bars(begun(made=2, scored=2))
        bars.generated([completion(2)])
        shown = bars.now()["generate"]
    assert (shown.done, shown.rate, shown.line()) == (3, 0.1, "3/4 (0.1/s, ETA 10 s)")
