"""An examination of a model for overfitting, from files and an engine to a report; `overfitting` has the measurements.

A model is asked for the losses of training and validation texts, and to go on from the beginnings of some of them.
What it needs no model for (copies in saved outputs, the curve of a training run) is measured without one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from harness.engines import Engine
from harness.engines._logprobs import LogprobOptions, LogprobScorer
from harness.errors import InputError, RequestFailed, RequestRefused
from harness.files.progress import Progress, counted
from harness.files.row_text import text_of
from harness.files.rows import Row, RowFile, field_of
from harness.files.training_text import has_prompt, parts_of, prompt_text
from harness.metrics.diversity import Diversity
from harness.overfit import loss_curve, measures
from harness.overfit.loss_curve import BrokenLoss, LossMinimum, Point
from harness.overfit.measures import Contrast, Copies, Gap, Level, Sign, WeightedLoss, WrittenTexts
from harness.text import verbatim
from harness.types import Request, SamplingParams, TextPart

KINDS = {"similar": True, "different": False}
OUTPUT_FIELDS = ("completion", "solution", "output", "response", "text")
LEAKED = 0.5  # of a validation text's shingles in one training text
FEW = 30  # texts: with fewer an interval by resampling is too narrow
T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True, kw_only=True)
class OverfitOptions:
    """text: the fields of a row's text. limit: texts of each file whose loss is asked for, drawn by the seed. prompts:
    texts of each file whose beginning the model goes on from. score: a field of the validation rows that is compared
    between similar and different items in place of the loss.
    """

    sampling: SamplingParams
    text: tuple[str, ...] = ()
    limit: int = 1000
    prompts: int = 32
    score: str | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.limit < 2:
            raise InputError(f"--limit: an interval needs at least 2 texts of each file, not {self.limit}")
        if self.prompts < 0:
            raise InputError(f"--prompts: a number from 0 on is expected, not {self.prompts}")


@dataclass(frozen=True, slots=True, kw_only=True)
class OverfitReport:
    """What was found; None for what was not measured.

    gap: in what training optimises (the completion given its prompt, the assistant's turns, plain text whole).
    whole: the gap in all tokens of the same texts, where some are only given; no sign comes of it. signature: what each
    of the two counts.
    measured: what could have shown a sign. not_measured: what was asked for, or is in the log, and could not.
    """

    level: Level
    signs: tuple[Sign, ...]
    gap: Gap | None
    whole: Gap | None
    signature: tuple[str, ...]
    copies: tuple[Copies, ...]
    diversity: tuple[Diversity, Diversity] | None
    contrast: Contrast | None
    turn: LossMinimum | None
    broken: BrokenLoss | None
    measured: tuple[str, ...]
    not_measured: tuple[str, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Texts:
    """Some rows of a file: those whose loss is asked for."""

    file: RowFile
    rows: Sequence[Row]
    texts: Sequence[str]
    parts: Sequence[tuple[TextPart, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Gaps:
    """In what training optimises, and in all tokens where these are not the same ones."""

    completion: Gap | None = None
    whole: Gap | None = None

    def signature(self) -> tuple[str, ...]:
        pairs = (("loss:completion", self.completion), ("loss:whole", self.whole))
        return tuple(name for name, gap in pairs if gap is not None)


def measure_overfitting(
    train: RowFile | None,
    validation: RowFile | None,
    engine: Engine | None,
    outputs: RowFile | None,
    points: Sequence[Point],
    options: OverfitOptions,
    progress: Progress,
) -> OverfitReport:
    """Measure what there is data for. Raises InputError, EngineError."""
    rng = np.random.default_rng(options.seed)
    if train is None or validation is None:
        return _report(_Gaps(), [], None, None, points, [])
    chosen = [_choose(file, options, rng) for file in (train, validation)]

    def training() -> Iterable[str]:
        rows = counted(train.rows(), f"copies and likeness of {train.name}", len(train), progress)
        return (text_of(row, options.text) for row in rows)

    gaps, losses = _Gaps(), None
    if engine is not None:
        losses = [_losses(engine, each, progress) for each in chosen]
        gaps = _measure_gaps(engine, chosen, losses, progress, rng)
    copies, diversity = _writing(chosen, engine, outputs, training, options, progress, rng)
    shares = measures.nearest_shares(training, chosen[1].texts)
    contrast = _contrast(chosen[1], losses[1] if losses else None, shares, options, rng)
    return _report(gaps, copies, diversity, contrast, points, _warnings(chosen, shares, gaps.completion))


def _measure_gaps(
    engine: Engine,
    chosen: Sequence[_Texts],
    losses: Sequence[Sequence[WeightedLoss]],
    progress: Progress,
    rng: np.random.Generator,
) -> _Gaps:
    gap = measures.measure_gap(losses[0], losses[1], rng)
    if not any(has_prompt(parts) for each in chosen for parts in each.parts):
        return _Gaps(completion=gap)
    whole = [_losses(engine, _as_whole(each), progress) for each in chosen]
    return _Gaps(completion=gap, whole=measures.measure_gap(whole[0], whole[1], rng))


def _as_whole(texts: _Texts) -> _Texts:
    return replace(texts, parts=[tuple(replace(part, scored=True) for part in parts) for parts in texts.parts])


def _report(
    gaps: _Gaps,
    copies: Sequence[Copies],
    diversity: tuple[Diversity, Diversity] | None,
    contrast: Contrast | None,
    points: Sequence[Point],
    warnings: Sequence[str],
) -> OverfitReport:
    gap = gaps.completion
    turn, broken = loss_curve.find_minimum(points), loss_curve.find_broken(points)
    signs = measures.find_signs(gap, copies, turn, broken)
    measured, not_measured = _coverage(gap, copies, points, turn, broken)
    return OverfitReport(
        level=measures.worst_level(signs), signs=tuple(signs), gap=gap, whole=gaps.whole,
        signature=gaps.signature(), copies=tuple(copies), diversity=diversity,
        contrast=contrast, turn=turn, broken=broken, measured=measured, not_measured=not_measured,
        warnings=tuple(warnings),
    )  # fmt: skip


def _coverage(
    gap: Gap | None,
    copies: Sequence[Copies],
    points: Sequence[Point],
    turn: LossMinimum | None,
    broken: BrokenLoss | None,
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(what was measured, what was not)."""
    measured = [*(["the loss gap"] if gap is not None else []), *[f"copies in {each.outputs}" for each in copies]]
    if broken is not None:
        return (*measured, "the training curve"), ()
    if turn is not None:
        return (*measured, "the training curve"), ()
    return tuple(measured), (("the training curve: its log has no validation losses",) if points else ())


def _choose(file: RowFile, options: OverfitOptions, rng: np.random.Generator) -> _Texts:
    if len(file) < 2:
        raise InputError(f"{file.name} has one text; an interval needs at least two")
    wanted = min(options.limit, len(file))
    places = sorted(rng.choice(len(file), wanted, replace=False).tolist())
    rows = list(file.rows(places))
    return _Texts(
        file=file, rows=rows, texts=[text_of(row, options.text) for row in rows],
        parts=[parts_of(row, options.text) for row in rows],
    )  # fmt: skip


def _ask(engine: Engine, what: Callable[[T], R], asked: Sequence[T], stage: str, progress: Progress) -> Iterator[R]:
    """The answers in order, as many asked for at once as the engine takes."""
    pool = ThreadPoolExecutor(engine.concurrency)
    try:
        yield from counted(pool.map(what, asked), stage, len(asked), progress)
    finally:
        pool.shutdown(cancel_futures=True)


def _losses(engine: Engine, texts: _Texts, progress: Progress) -> list[WeightedLoss]:
    """The loss of each text's scored parts, as task perplexity has it. Raises InputError where none is predicted."""
    scoring = LogprobScorer(engine, LogprobOptions())

    def loss(row_and_parts: tuple[Row, tuple[TextPart, ...]]) -> WeightedLoss:
        row, parts = row_and_parts
        found = scoring.parts(parts)
        if not found:
            raise InputError(f"{row.where}: the text has one token, and so none to predict; leave it out")
        return WeightedLoss(nats=-sum(found), tokens=len(found))

    pairs = list(zip(texts.rows, texts.parts, strict=True))
    return list(_ask(engine, loss, pairs, f"losses of {texts.file.name}", progress))


def _writing(
    chosen: Sequence[_Texts],
    engine: Engine | None,
    outputs: RowFile | None,
    training: Callable[[], Iterable[str]],
    options: OverfitOptions,
    progress: Progress,
    rng: np.random.Generator,
) -> tuple[list[Copies], tuple[Diversity, Diversity] | None]:
    """Copies and diversity of saved outputs, or of what the model goes on to write."""
    validation = WrittenTexts(name="validation texts", texts=chosen[1].texts)
    copies: list[Copies] = []
    if outputs is not None:
        written = WrittenTexts(name="outputs", texts=[_output(row) for row in outputs.rows()])
    elif engine is not None and options.prompts:
        after_train, written = (_continued(engine, each, name, options, progress)
                                for each, name in zip(chosen, ("training", "validation"), strict=True))  # fmt: skip
        if after_train.texts and written.texts:
            # an unseen text can be predictable too: as often as this it is gone on with word for word
            copies.append(measures.measure_copies(after_train, training(), written, chosen[1].texts))
    else:
        return [], None
    if not written.texts:
        return copies, None
    copies.append(measures.measure_copies(written, training(), validation, training()))
    measured = measures.measure_diversity(written.texts, chosen[1].texts, rng)
    return copies, (measured[0], measured[1])


def _output(row: Row) -> str:
    name = next((name for name in OUTPUT_FIELDS if isinstance(row.fields.get(name), str)), None)
    if name is None:
        raise InputError(f"{row.where}: an output has one of the fields {', '.join(OUTPUT_FIELDS)}")
    return str(row.fields[name])


def _continued(engine: Engine, texts: _Texts, name: str, options: OverfitOptions, progress: Progress) -> WrittenTexts:
    """What the model writes after what is given in a row, or after the first third of a plain text."""

    def write(asked: tuple[Row, str, tuple[TextPart, ...]]) -> str | None:
        row, text, parts = asked
        prompt = prompt_text(parts) if has_prompt(parts) else measures.prompt_of(text)
        request = Request(problem_id=row.where, sampling=options.sampling, prompt=prompt)
        try:
            return engine.complete(request)[0].text
        except (RequestRefused, RequestFailed):  # a prompt that the model's context does not hold tells nothing
            return None

    triples = list(zip(texts.rows, texts.texts, texts.parts, strict=True))[: options.prompts]
    answers = _ask(engine, write, triples, f"outputs after {name} prompts", progress)
    return WrittenTexts(name=f"outputs after {name} prompts", texts=[text for text in answers if text is not None])


def _contrast(
    texts: _Texts,
    losses: Sequence[WeightedLoss] | None,
    shares: Sequence[float | None],
    options: OverfitOptions,
    rng: np.random.Generator,
) -> Contrast | None:
    of = "nats per token"
    if options.score is not None:
        of = options.score
        losses = [WeightedLoss(nats=_number(row, options.score), tokens=1) for row in texts.rows]
    if losses is None:
        return None
    kinds = [KINDS.get(str(row.fields.get("kind"))) for row in texts.rows]
    if all(kind is not None for kind in kinds):
        return measures.contrast_kinds(losses, [kind is True for kind in kinds], of, rng)
    return measures.contrast_nearest(losses, shares, of, rng)


def _number(row: Row, name: str) -> float:
    value = field_of(row, name)
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise InputError(f"{row.where}: the field {name!r} is not a number: {value!r}") from error


def _warnings(chosen: Sequence[_Texts], shares: Sequence[float | None], gap: Gap | None) -> list[str]:
    warnings = [
        f"{each.file.name}: {len(each.texts)} texts are few; an interval wants {FEW}"
        for each in chosen
        if len(each.texts) < FEW
    ]
    if gap is not None and gap.low <= 0 and gap.value >= measures.MODERATE:
        warnings.append(f"a gap of {gap.value:.2f} may be chance, for its interval reaches 0; more texts would tell")
    leaked = sum(share is not None and share >= LEAKED for share in shares)
    if leaked:
        train, validation = (each.file.name for each in chosen)
        warnings.append(
            f"{leaked} of {len(shares)} validation texts stand by half or more in a training text, so that the gap is "
            f"understated: harness leaks {train} {validation}"
        )
    return warnings


def copy_lines(copies: Copies) -> str:
    """One line about copies."""
    return (
        f"{copies.outputs}: {copies.long.count} of {copies.long.total} hold {verbatim.LONG} or more tokens of training "
        f"text verbatim, the longest {copies.longest} ({copies.control}: {copies.expected.count} of "
        f"{copies.expected.total})"
    )
