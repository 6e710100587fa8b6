"""Whether the tuned model learned its training texts by heart, from the runs that a checkup made of both models.

The measurements are those of `harness.overfit.measures`;
the base model, which never saw the texts, is measured beside the
tuned one: a gap that it has too comes from the texts, not from training.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.checkup import verdicts
from harness.checkup.data import BESIDE, CheckupData
from harness.checkup.verdicts import MemorizationCheck
from harness.files.progress import Progress, counted
from harness.files.row_text import text_of
from harness.files.rows import RowFile
from harness.metrics.diversity import Diversity
from harness.overfit import loss_curve, measures
from harness.overfit.loss_curve import LossMinimum, Point
from harness.overfit.measures import Copies, Gap, WeightedLoss, WrittenTexts
from harness.runs import reader
from harness.text import containment, verbatim
from harness.training_data import leaks
from harness.training_data.leaks import LeakRules, Leaks

Runs = Mapping[str, Path]  # part -> its run directory


@dataclass(frozen=True, slots=True, kw_only=True)
class Memorization:
    """What was measured; None or empty for what there was no data for. gaps: of `base` and `tuned`.

    diversity: name of some texts -> how unlike each other they are.
    """

    gaps: Mapping[str, Gap]
    copies: tuple[Copies, ...]
    diversity: Mapping[str, Diversity]
    points: tuple[Point, ...]
    turn: LossMinimum | None
    leaks: Mapping[str, Leaks]
    checks: tuple[MemorizationCheck, ...]


def measure_memorization(
    data: CheckupData, base: Runs, tuned: Runs, points: Sequence[Point], seed: int, progress: Progress
) -> Memorization:
    """Everything that the data allows. Raises InputError for a row without text."""
    gaps = {}
    for name, runs in (("base", base), ("tuned", tuned)):
        both = [_losses(runs.get(part)) for part in ("train", "validation")]
        if min(map(len, both)) >= 2:
            gaps[name] = measures.measure_gap(both[0], both[1], np.random.default_rng(seed))
    copies, diversity = _writing(data, base, tuned, seed, progress)
    turn = loss_curve.find_minimum(points)
    found = _leaks(data, progress)
    return Memorization(
        gaps=gaps, copies=tuple(copies), diversity=diversity, points=tuple(points), turn=turn, leaks=found,
        checks=tuple(_checks(gaps, copies, points, turn, found)),
    )  # fmt: skip


def _losses(run: Path | None) -> list[WeightedLoss]:
    summary = reader.read_summary(run) if run else None
    problems = (summary or {}).get("problems", {}).values()
    return [WeightedLoss(nats=each["loss"] * each["tokens"], tokens=each["tokens"]) for each in problems if each["n"]]


def _written(run: Path | None) -> list[str]:
    return [completion.text for completion in reader.read_completions(run)] if run else []


def _writing(
    data: CheckupData, base: Runs, tuned: Runs, seed: int, progress: Progress
) -> tuple[list[Copies], dict[str, Diversity]]:
    """Training texts in what the models wrote, and how unlike each other their outputs are."""
    validation = data.part("validation")
    texts = {side: {part: _written(runs.get(f"{part} continuation")) for part in ("train", "validation")}
             for side, runs in (("base", base), ("tuned", tuned))}  # fmt: skip
    seen, unseen = (WrittenTexts(name=f"outputs after {part} prompts", texts=texts["tuned"][which])
                    for part, which in (("training", "train"), ("validation", "validation")))  # fmt: skip
    copies = []
    if data.train is not None and seen.texts:
        with RowFile(data.train) as file:
            training = _training(file, progress)
            if validation is not None and unseen.texts:
                # an unseen text can be predictable too: as often as this it is gone on with word for word
                copies.append(measures.measure_copies(seen, training(), unseen, validation.kept))
                control = WrittenTexts(name="validation texts", texts=validation.kept)
                copies.append(measures.measure_copies(unseen, training(), control, training()))
            else:
                control = WrittenTexts(name="those of the base model", texts=texts["base"]["train"])
                copies.append(measures.measure_copies(seen, training(), control, training()))
    diversity: dict[str, Diversity] = {}
    if validation is not None and unseen.texts:
        for side, written in texts.items():
            measured = measures.measure_diversity(written["validation"], validation.kept, np.random.default_rng(seed))
            diversity[side], diversity["validation texts"] = measured
    return copies, diversity


def _training(file: RowFile, progress: Progress) -> Callable[[], Iterable[str]]:
    def texts() -> Iterable[str]:
        return (text_of(row) for row in counted(file.rows(), f"copies of {file.name}", len(file), progress))

    return texts


def _leaks(data: CheckupData, progress: Progress) -> dict[str, Leaks]:
    """Each test file against the training data."""
    if data.train is None:
        return {}
    rules = LeakRules(contained=containment.BENCHMARK)  # as `harness leaks` has it
    tests = {part.name: part.source for part in data.parts if part.source not in (None, data.train)}
    for same in ("validation continuation", *BESIDE):  # the same file as that of the losses
        tests.pop(same, None)
    found = {}
    with RowFile(data.train) as train:
        left = leaks.sketch_whole_file(train, rules, progress)
        for name, source in tests.items():
            assert source is not None
            with RowFile(source) as file:
                found[name] = leaks.find_leaks(left, leaks.sketch_whole_file(file, rules, progress), rules, progress)
    return found


def _curve_check(points: Sequence[Point], turn: LossMinimum | None) -> MemorizationCheck:
    broken = loss_curve.find_broken(points)
    if turn is None and broken is None:
        words = "the log has no validation losses"
        return MemorizationCheck(name="training curve", verdict=verdicts.Conclusion.NOT_MEASURED, words=words)
    signs = measures.find_signs(None, [], turn, broken)
    return verdicts.check_of_signs("training curve", signs, "the validation loss is not seen to turn up")


def _checks(
    gaps: Mapping[str, Gap],
    copies: Sequence[Copies],
    points: Sequence[Point],
    turn: LossMinimum | None,
    found: Mapping[str, Leaks],
) -> list[MemorizationCheck]:
    checks = []
    if "tuned" in gaps:
        gap = gaps["tuned"]
        own = f" (of the base model {gaps['base'].value:+.3f})" if "base" in gaps else ""
        reach = f"{gap.low:+.3f} to {gap.high:+.3f}"
        said = f"validation loss minus training loss is {gap.value:+.3f} nats per token{own}, {reach}"
        made = verdicts.check_of_signs("loss gap", measures.find_signs(gap, [], None), said)
        checks.append(made)
    if copies:
        said = "; ".join(
            f"{each.outputs}: {each.long.count} of {each.long.total} hold {verbatim.LONG} or more tokens of a training "
            f"text word for word ({each.control}: {each.expected.count} of {each.expected.total})"
            for each in copies
        )
        checks.append(verdicts.check_of_signs("copies", measures.find_signs(None, copies, None), said))
    if points:
        checks.append(_curve_check(points, turn))
    return [*checks, *(verdicts.check_of_leaks(part, each) for part, each in found.items())]
