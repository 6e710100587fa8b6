"""What runs of a base model and of the model tuned from it say, line by line, in plain words.

A line compares the two in one measure; Holm's correction is over all lines, for a report is read as a whole. A check
looks at the tuned model alone for what a better score may hide: memorized texts, and test items in the training data.
"""

from __future__ import annotations

import dataclasses
import enum
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.checkup.data import BESIDE
from harness.comparison.pairs import FAR, ComparedRun, Comparison
from harness.comparison.pairs import PairResult as Compared
from harness.overfit.measures import Level, Sign
from harness.stats import bootstrap, paired
from harness.stats.proportion import Proportion, wilson
from harness.text import numbers
from harness.training_data.leaks import Leaks

LEAKED = 0.05  # of a part's items: with fewer in the training data their score says little about that of the part
TRAINED = "train"  # the part of no verdict: that a model predicts what it was trained on is no merit


class Conclusion(enum.StrEnum):
    """Of the tuned model. From SIGN on they are those of checks; a REMARK is evidence too small to doubt a score."""

    BETTER = "better"
    WORSE = "worse"
    NO_EVIDENCE = "no evidence"
    SIGN = "sign"
    REMARK = "remark"
    NO_SIGN = "no sign"
    NOT_MEASURED = "not measured"


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueWithInterval:
    """One model's number with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricResult:
    """One measure of one part. difference: tuned less base, in `unit`; of perplexity nats per token (or byte).

    share: the values are shares of 1. relative: change of perplexity as a share of the base model's, with its interval.
    needed: items that show a difference as large as this in 4 of 5 cases, at the level of one of all lines; None where
    nothing was seen that more items could show.
    """

    part: str
    metric: str
    share: bool
    unit: str
    base: ValueWithInterval
    tuned: ValueWithInterval
    difference: float
    low: float
    high: float
    relative: ValueWithInterval | None
    p_value: float
    p_adjusted: float
    method: str
    items: int
    won: int
    lost: int
    tied: int
    needed: int | None
    verdict: Conclusion
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MemorizationCheck:
    """One thing that was looked for in the tuned model. advice: what to do about it, empty for nothing.

    share: of the items that it was found in, with its interval, for what is counted in items.
    """

    name: str
    verdict: Conclusion
    words: str
    advice: str = ""
    share: Proportion | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricDetail:
    """A measure that no verdict is about: both models' numbers and their difference."""

    metric: str
    share: bool
    base: ValueWithInterval
    tuned: ValueWithInterval
    difference: float
    low: float
    high: float


def metric_results(comparisons: Mapping[str, Comparison]) -> list[MetricResult]:
    """The lines of the verdict; comparisons: part -> the tuned run against the base run, in this order."""
    main = [
        (part, row)
        for part, found in comparisons.items()
        if part not in (TRAINED, *BESIDE)
        for row in found.rows
        if row.metric.headline
    ]
    adjusted = paired.holm([row.difference.p_value for _, row in main])
    return [_line(part, row, each, len(main)) for (part, row), each in zip(main, adjusted, strict=True)]


def details(found: Comparison) -> list[MetricDetail]:
    """Every measure that the comparison of a part has."""
    return [
        MetricDetail(
            metric=row.metric.name,
            share=row.metric.is_share,
            base=_reading(row.second, row.metric.name),
            tuned=_reading(row.first, row.metric.name),
            difference=row.difference.value,
            low=row.difference.low,
            high=row.difference.high,
        )
        for row in found.rows
    ]


def _line(part: str, row: Compared, p_adjusted: float, count: int) -> MetricResult:
    found, better = row.difference, row.metric.is_better(row.difference.value)
    verdict = Conclusion.NO_EVIDENCE
    if p_adjusted <= bootstrap.ALPHA and better is not None:
        verdict = Conclusion.BETTER if better else Conclusion.WORSE
    made = MetricResult(
        part=part,
        metric=row.metric.name,
        share=row.metric.is_share,
        unit=row.metric.difference_unit,
        base=_reading(row.second, row.metric.name),
        tuned=_reading(row.first, row.metric.name),
        difference=found.value,
        low=found.low,
        high=found.high,
        relative=ValueWithInterval(**dict(zip(("value", "low", "high"), row.relative, strict=True)))
        if row.relative
        else None,
        p_value=found.p_value,
        p_adjusted=p_adjusted,
        method=found.method,
        items=found.n_problems,
        won=row.won,
        lost=row.lost,
        tied=found.tied,
        needed=_needed(row, bootstrap.ALPHA / count),
        verdict=verdict,
        words="",
    )
    return dataclasses.replace(made, words=_words(made))


def _reading(run: ComparedRun, metric: str) -> ValueWithInterval:
    found = next(each for each in run.summary["estimates"] if each["metric"] == metric)
    return ValueWithInterval(value=found["value"], low=found["low"], high=found["high"])


def _needed(row: Compared, alpha: float) -> int | None:
    """By the variance, and at least as many as an exact test at alpha can tell: its smallest p is 2 / 2^(differing)."""
    found = row.difference
    effect, differing = abs(found.value), found.won + found.lost
    if not found.variance or not effect or found.variance / effect**2 > FAR:
        return None
    fewest = math.ceil((1 - math.log2(alpha)) * found.n_problems / differing)
    return max(fewest, paired.problems_needed(found.variance, effect, step=found.step, alpha=alpha))


def amount(value: float, share: bool) -> str:
    """A value as people read it: a share in percent."""
    return numbers.amount(value, share=share)


def size(line: MetricResult, sign: str = "") -> str:
    """The difference: points of a share, percent of a perplexity. sign: `+` shows it with its sign."""
    if line.relative:
        value = line.relative.value if sign else abs(line.relative.value)
        return f"{value:{sign}.1%}"
    if line.share:
        value = 100 * (line.difference if sign else abs(line.difference))
        return f"{value:{sign}.1f} points"
    return numbers.difference(line.difference) if sign else numbers.difference(abs(line.difference)).lstrip("+")


def span(line: MetricResult) -> str:
    """The interval of the difference, in the same unit."""
    if line.relative:
        return f"{line.relative.low:+.1%} to {line.relative.high:+.1%}"
    return " to ".join(numbers.difference(each, share=line.share) for each in (line.low, line.high))


def _words(line: MetricResult) -> str:
    """`51.0% against 20.3%, 30.7 points higher (95 % interval +20.1 to +41.0)`."""
    said = f"{amount(line.tuned.value, line.share)} against {amount(line.base.value, line.share)}"
    by = f"{size(line)} {'lower' if line.difference < 0 else 'higher'}"
    if line.verdict is not Conclusion.NO_EVIDENCE:
        return f"{said}, {by} (95 % interval {span(line)})"
    if not line.won + line.lost:
        return f"equal on all {line.items} items"
    if line.needed is None:
        return f"{said}; what was seen on {line.items} items is as good as nothing"
    if line.needed <= line.items:
        return f"{said}, {by}; that is close to what {line.items} items can tell, so some more may"
    return (
        f"{said}, {by}; to tell whether such a difference is there takes about {line.needed:,} items, "
        f"and there are {line.items:,} here"
    )


def check_of_signs(name: str, found: Sequence[Sign], otherwise: str) -> MemorizationCheck:
    """A check from its signs, of which the first is the worst; otherwise: the words where there is none.

    Signs that are all remarks make a remark.
    """
    if not found:
        return MemorizationCheck(name=name, verdict=Conclusion.NO_SIGN, words=otherwise)
    return MemorizationCheck(
        name=name,
        verdict=Conclusion.REMARK if found[0].level is Level.REMARK else Conclusion.SIGN,
        words="; ".join(f"{'severe: ' if each.level is Level.SEVERE else ''}{each.what}" for each in found),
        advice="; ".join(dict.fromkeys(each.advice for each in found)),
    )


def check_of_leaks(part: str, found: Leaks) -> MemorizationCheck:
    """A check of one test file against the training data: a sign from LEAKED of its items on, below that a remark."""
    count = found.exact + found.near + found.contained
    if not count:
        words = f"none of {found.rows} items is in the training data"
        return MemorizationCheck(name=f"leaks: {part}", verdict=Conclusion.NO_SIGN, words=words)
    size = wilson(count, found.rows)
    heavy = size.share >= LEAKED
    meaning = "so that a better score may be memory" if heavy else "too few to move a score much"
    return MemorizationCheck(
        name=f"leaks: {part}",
        verdict=Conclusion.SIGN if heavy else Conclusion.REMARK,
        words=f"{count} of {found.rows} items ({size.share:.1%}, 95 % interval {size.low:.1%} to {size.high:.1%}) "
        f"{'is' if count == 1 else 'are'} in the training data ({found.exact} exact, {found.near} near, "
        f"{found.contained} contained), {meaning}",
        share=size,
        advice=f"remove them from the test data or train without them: harness leaks {found.found_in} {found.part}",
    )


def headline(
    base: str,
    tuned: str,
    found: Sequence[MetricResult],
    checks: Sequence[MemorizationCheck],
    whole: Sequence[MetricDetail] = (),
) -> str:
    """One paragraph of plain words: is it better, is the loss lower, did it memorize?

    whole: the measures of validation texts with their prompts, where those of `found` are of the completions alone.
    """
    bad = [check for check in checks if check.verdict is Conclusion.SIGN]
    remarks = [check for check in checks if check.verdict is Conclusion.REMARK]
    unmeasured = [check for check in checks if check.verdict is Conclusion.NOT_MEASURED]
    parts = [_answer(base, tuned, found, "Not to be trusted yet" if bad else "Yes")]
    losses = [line for line in found if line.part == "validation"]
    for line in losses:
        now, before = amount(line.tuned.value, False), amount(line.base.value, False)
        beside = next((each for each in whole if each.metric == line.metric), None)
        on, rest = "texts", ""
        if beside is not None:
            both = " against ".join(amount(each.value, False) for each in (beside.tuned, beside.base))
            on, rest = "completions given their prompts (loss:completion)", f"; on the whole texts (loss:whole) {both}"
        name = line.metric.replace("_", " ")
        parts.append(f"Its {name} on validation {on} is {now} against {before} ({size(line, '+')}){rest}.")
    if bad:
        names = ", ".join(check.name for check in bad)
        parts.append(
            f"{len(bad)} of {len(checks)} checks for memorization and leaks found something ({names}): read these "
            "before you trust a better score."
        )
    elif checks:
        measured = len(checks) - len(unmeasured)
        anything = "anything that weighs against it" if remarks else "anything"
        parts.append(f"None of {measured} checks for memorization and leaks found {anything}.")
    else:
        parts.append("Whether it memorized was not checked: that takes the data it was trained on.")
    if remarks:
        parts.append(f"Small, and worth a look: {'; '.join(f'{check.name}: {check.words}' for check in remarks)}.")
    if unmeasured:
        parts.append(f"Not measured: {', '.join(check.name for check in unmeasured)}.")
    return " ".join(parts)


def _answer(base: str, tuned: str, found: Sequence[MetricResult], yes: str) -> str:
    """yes: what a better model is called; a score that may be memory is no yes."""
    named = {
        verdict: [line for line in found if line.verdict is verdict]
        for verdict in (Conclusion.BETTER, Conclusion.WORSE, Conclusion.NO_EVIDENCE)
    }
    better, worse, open_ = (_named(each) for each in named.values())
    rest = f" On {open_} there is no evidence either way." if open_ else ""
    if not found:
        return "Nothing was measured that both models share."
    if better and worse:
        return f"Partly: {tuned} is better than {base} on {better}, and worse on {worse}.{rest}"
    if better:
        return f"{yes}: {tuned} is better than {base} on {better}, and worse on nothing that was measured.{rest}"
    if worse:
        return f"No: {tuned} is worse than {base} on {worse}, and better on nothing that was measured.{rest}"
    return f"Not shown: there is no evidence either way on {open_}."


def _named(found: Sequence[MetricResult]) -> str:
    names = [label(line) if line.verdict is Conclusion.NO_EVIDENCE else f"{label(line)} ({size(line, '+')})"
             for line in found]  # fmt: skip
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + f" and {names[-1]}" if names else ""


def label(line: MetricResult) -> str:
    """`codegen pass@1`; a part of the measure's own name is not said twice."""
    return line.metric if line.part == line.metric else f"{line.part} {line.metric}"
