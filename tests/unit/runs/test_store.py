"""A run directory after every kind of interruption."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.errors import StoreError
from harness.runs import layout, manifest, reader, store
from harness.runs.store import Store
from harness.types import Completion, Score
from sandbox import Execution, Verdict

EXPECTED = {"a": 2, "b": 2}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return store.create_run(tmp_path, "set", "owner/model", manifest.make({"x": 1}, "n:2", {}))


def unit(problem_id: str) -> list[Completion]:
    return [Completion(problem_id=problem_id, index=index, text=f"{problem_id}{index}\u2028") for index in range(2)]


def result(problem_id: str, index: int) -> tuple[Execution, Score]:
    verdict = Verdict.ACCEPTED if index == 0 else Verdict.WRONG_ANSWER
    values = {"passed": float(index == 0)}
    return Execution(verdict=verdict), Score(problem_id=problem_id, index=index, verdict=verdict, values=values)


def fill(run: Path) -> None:
    with Store(run, EXPECTED) as opened:
        for problem_id in EXPECTED:
            opened.add_completions(unit(problem_id))
            for index in range(2):
                opened.add_result(*result(problem_id, index))


def contents(run: Path) -> dict[str, bytes]:
    return {name: (run / name).read_bytes() for name in (layout.COMPLETIONS, layout.EXECUTIONS, layout.SCORES)}


def test_what_was_added_is_there_when_opened_again(run: Path) -> None:
    fill(run)
    with Store(run, EXPECTED) as opened:
        assert opened.generated("a") == opened.generated("b") == 2 and opened.complete()
        assert opened.counts() == {"a": (2, 1), "b": (2, 1)}
        assert opened.verdict_counts() == {Verdict.ACCEPTED: 2, Verdict.WRONG_ANSWER: 2}
        assert list(opened.backlog()) == []


def cuts(size: int) -> Iterator[int]:
    yield from range(0, size, 7)


@pytest.mark.parametrize("name", [layout.COMPLETIONS, layout.EXECUTIONS, layout.SCORES])
def test_a_file_cut_at_any_byte_is_mended_and_completed_to_the_same(run: Path, name: str) -> None:
    fill(run)
    whole = contents(run)
    for size in cuts(len(whole[name])):
        for each, data in whole.items():
            (run / each).write_bytes(data)
        os.truncate(run / name, size)
        if name == layout.COMPLETIONS:  # what was executed had been written before
            for later in (layout.EXECUTIONS, layout.SCORES):
                (run / later).write_bytes(b"")
        with Store(run, EXPECTED) as opened:
            for completion in list(opened.backlog()):
                opened.add_result(*result(completion.problem_id, completion.index))
            for problem_id in EXPECTED:
                for gap in opened.missing(problem_id):
                    opened.add_completions([unit(problem_id)[index] for index in gap])
                    for index in gap:
                        opened.add_result(*result(problem_id, index))
        assert {each: sorted(data.splitlines()) for each, data in contents(run).items()} == {
            each: sorted(data.splitlines()) for each, data in whole.items()
        }


def test_what_is_missing_of_a_problem_is_asked_for_by_index(run: Path) -> None:
    expected = {"a": 7}
    texts = [Completion(problem_id="a", index=index, text="same") for index in range(7)]
    with Store(run, expected) as opened:
        opened.add_completions([texts[4], texts[2]])
        assert opened.missing("a") == [range(2), range(3, 4), range(5, 7)]
    with Store(run, expected) as opened:
        opened.add_completions([texts[5], texts[6]])
        assert opened.missing("a") == [range(2), range(3, 4)] and opened.generated("a") == 4
        assert [opened.duplicate_of("a", index) for index in (4, 2, 5, 6)] == [4, 4, 4, 4] and opened.repeated() == 3


def test_what_was_refused_for_good_is_not_asked_for_again(run: Path) -> None:
    with Store(run, EXPECTED) as opened:
        opened.add_completions(unit("a"))
        opened.add_refusal("b", "too long")
    with Store(run, EXPECTED) as opened:
        assert opened.refused == {"b": "too long"} and opened.missing("b") == [] and not opened.complete()
        for index in range(2):
            opened.add_result(*result("a", index))
        assert opened.complete() and opened.counts() == {"a": (2, 1), "b": (0, 0)}


def test_a_task_that_executes_nothing_has_scores_alone(run: Path) -> None:
    with Store(run, EXPECTED, executes=False) as opened:
        opened.add_completions(unit("a"))
        opened.add_score(Score(problem_id="a", index=1, values={"x": 0.5}, notes={"label": "yes"}))
    with open(run / layout.SCORES, "ab") as file:
        file.write(b'{"problem_id": "a", "ind')
    with Store(run, EXPECTED, executes=False) as opened:
        assert [each.index for each in opened.backlog()] == [0]
        (score,) = reader.read_scores(run)
        assert score.values == {"x": 0.5} and score.notes == {"label": "yes"} and score.verdict is None
    assert not (run / layout.EXECUTIONS).exists()


def test_a_second_process_is_refused(run: Path) -> None:
    with Store(run, EXPECTED), pytest.raises(StoreError, match="another process"):
        Store(run, EXPECTED)


def test_long_output_is_cut_and_marked(run: Path) -> None:
    with Store(run, EXPECTED) as opened:
        opened.add_completions(unit("a"))
        execution, score = result("a", 0)
        opened.add_result(Execution(verdict=execution.verdict, stdout="x" * 10_000), score)
    record = json.loads((run / layout.EXECUTIONS).read_text())
    assert len(record["stdout"]) == store.KEPT_OUTPUT_CHARS and record["truncated"]


def test_replies_with_the_same_program_are_told_by_it_and_counted_as_different_texts(run: Path) -> None:
    texts = ["Sure: x", "Here: x", "y"]
    completions = [Completion(problem_id="a", index=index, text=text) for index, text in enumerate(texts)]
    for _ in range(2):  # a store that is opened again tells the same
        with Store(run, {"a": 3}, program_of=lambda each: each.text.rpartition(": ")[2]) as opened:
            if not opened.generated("a"):
                opened.add_completions(completions)
            assert [opened.duplicate_of("a", index) for index in range(3)] == [0, 0, 2]
            assert opened.repeated() == 1 and opened.distinct() == {"a": 3}


def fail_in(run: Path, completions: str, error: BaseException) -> None:
    with store.kept_if_begun(run):
        (run / layout.COMPLETIONS).write_text(completions)
        raise error


def test_a_new_run_in_which_nothing_came_is_removed_with_its_folders(tmp_path: Path) -> None:
    run = store.create_run(tmp_path / "results", "set", "model", manifest.make({"x": 1}, "n:2", {}))
    with pytest.raises(ValueError, match="no sandbox"):
        fail_in(run, "", ValueError("no sandbox"))
    assert list(tmp_path.rglob("*")) == [tmp_path / "results"]


def test_a_new_run_with_a_completion_is_kept(tmp_path: Path) -> None:
    run = store.create_run(tmp_path / "results", "set", "model", manifest.make({"x": 1}, "n:2", {}))
    with pytest.raises(KeyboardInterrupt):
        fail_in(run, "{}\n", KeyboardInterrupt())
    assert (run / layout.MANIFEST).is_file()


def test_half_a_surrogate_pair_is_kept_and_read_again(run: Path) -> None:
    completion = Completion(problem_id="a", index=0, text="x = 'é'")
    with Store(run, {"a": 1}) as opened:
        opened.add_completions([completion])
        execution = Execution(verdict=Verdict.RUNTIME_ERROR, detail="\udc80é")
        opened.add_result(execution, Score(problem_id="a", index=0, values={"passed": 0.0}, verdict=execution.verdict))
    with Store(run, {"a": 1}) as again:
        assert again.complete()
    (record,) = reader.read_executions(run)
    assert record["detail"] == "\udc80é"


def test_values_are_held_until_all_of_a_problem_have_their_scores(run: Path) -> None:
    verdict = Verdict.WRONG_ANSWER
    values = {"passed": 0.0, "base_passed": 1.0}
    with Store(run, EXPECTED) as opened:
        for problem_id in EXPECTED:
            opened.add_completions(unit(problem_id))
        first = Score(problem_id="a", index=0, verdict=verdict, values=values)
        opened.add_result(Execution(verdict=verdict), first)
        assert opened.values("a", 0) == values
    with Store(run, EXPECTED) as opened:
        assert opened.values("a", 0) == values  # an equal completion may still take them
        opened.add_result(
            Execution(verdict=verdict),
            Score(problem_id="a", index=1, verdict=verdict, values=opened.values("a", 0) or {}),
        )
        assert opened.values("a", 0) is None and opened.values("a", 1) is None
    assert [dict(each.values) for each in reader.read_scores(run)] == [values, values]
