"""What two parts of a data set share: exact duplicates, near duplicates, and texts that stand inside longer ones.

Each row of the later part is counted once, as the first of these that it is. Knows files of rows, not how they were
made; `harness split` and `harness leaks` both end here. It does not see a text that was translated, paraphrased or had
most of its names changed.
"""

from __future__ import annotations

import dataclasses
import json
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from harness import datasets
from harness.files.progress import Progress, counted
from harness.files.row_text import FieldsRead, text_of
from harness.files.rows import SUFFIXES, Row, RowFile, id_of
from harness.text import containment, near_duplicates
from harness.text.near_duplicates import Sketches

EXAMPLES = 5
EXCERPT = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class LeakRules:
    """text: the fields that make a row's text (none: TEXT_FIELDS). near: of the Jaccard index of shingles of
    five tokens. contained: of the share of a text's shingles that one other text holds.
    """

    text: tuple[str, ...] = ()
    near: float = near_duplicates.THRESHOLD
    contained: float = containment.THRESHOLD

    def __post_init__(self) -> None:
        near_duplicates.bands(self.near)
        if not 0 < self.contained <= 1:
            raise ValueError(f"a share above 0 and at most 1 is expected, not {self.contained}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SketchedPart:
    """Some rows of a file, in its order. sketches: of their texts, in the same order. fields: what made the texts."""

    name: str
    file: RowFile
    indexes: npt.NDArray[np.int64]
    sketches: Sketches
    fields: FieldsRead = dataclasses.field(default_factory=FieldsRead)

    def texts(self, names: Sequence[str]) -> Iterator[str]:
        """The rows' texts."""
        return (text_of(row, names) for row in self.file.rows(self.indexes.tolist()))

    def row(self, place: int) -> Row:
        """The row at a place of the part."""
        return self.file.row(int(self.indexes[place]))


@dataclass(frozen=True, slots=True, kw_only=True)
class LeakExample:
    """One leaked row. similarity: the Jaccard index; for kind `contained` the share of its shingles."""

    kind: str
    similarity: float
    row: str
    id: str | None
    found_in: str
    found_id: str | None
    excerpt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaks:
    """What of the `rows` rows of one part is in another: counts by kind, the share of them all, the closest first."""

    part: str
    found_in: str
    rows: int
    exact: int
    near: int
    contained: int
    share: float
    examples: tuple[LeakExample, ...]


def open_rows(name_or_path: str, cache: Path) -> RowFile:
    """A file of rows, or a problem set by its name, each problem a row of `id`, `prompt` and `reference`.

    Raises InputError, ProblemError.
    """
    path = Path(name_or_path).expanduser()
    if str(path).endswith(SUFFIXES) or "/" in name_or_path:
        return RowFile(path)
    problems = datasets.load_set(name_or_path, cache)
    with tempfile.NamedTemporaryFile(suffix=".jsonl") as file:  # open_rows' handle outlives the name
        for problem in problems.problems:
            reference = problem.references[0] if problem.references else ""
            row = {"id": problem.id, "prompt": problem.prompt, "reference": reference}
            file.write(json.dumps(row).encode() + b"\n")
        file.flush()
        return RowFile(Path(file.name), name=problems.version())


def sketch_file(file: RowFile, rules: LeakRules, progress: Progress, fields: FieldsRead | None = None) -> Sketches:
    """The sketches of all rows of a file; `fields` counts what was read. Raises InputError for a row without text."""

    def texts() -> Iterator[str]:
        for row in counted(file.rows(), f"read {file.name}", len(file), progress):
            if fields is not None:
                fields.count(row, rules.text)
            yield text_of(row, rules.text)

    return near_duplicates.sketch(texts(), len(file))


def sketch_whole_file(file: RowFile, rules: LeakRules, progress: Progress) -> SketchedPart:
    """A part of all rows of a file."""
    fields = FieldsRead()
    sketches = sketch_file(file, rules, progress, fields)
    return SketchedPart(name=file.name, file=file, indexes=np.arange(len(file)), sketches=sketches, fields=fields)


def find_leaks(left: SketchedPart, right: SketchedPart, rules: LeakRules, progress: Progress) -> Leaks:
    """The rows of `right` that `left` has too."""
    found: dict[int, tuple[str, int, float]] = {}
    stage = f"{right.name} in {left.name}"
    for place, other, share in _contained(left, right, rules, stage, progress):
        found[place] = ("contained", other, share)
    for match in near_duplicates.find_near(
        left.sketches, right.sketches,
        lambda place: text_of(left.row(place), rules.text), lambda place: text_of(right.row(place), rules.text),
        rules.near,
    ):  # fmt: skip
        found[match.right] = ("near", match.left, match.similarity)
    for match in near_duplicates.find_exact(left.sketches, right.sketches):
        found[match.right] = ("exact", match.left, match.similarity)
    counts = {kind: sum(each[0] == kind for each in found.values()) for kind in ("exact", "near", "contained")}
    return Leaks(
        part=right.name,
        found_in=left.name,
        rows=len(right.indexes),
        **counts,
        share=len(found) / len(right.indexes),
        examples=_examples(left, right, rules, found),
    )


def _contained(
    left: SketchedPart, right: SketchedPart, rules: LeakRules, stage: str, progress: Progress
) -> Iterator[tuple[int, int, float]]:
    def texts() -> Iterable[str]:
        return counted(left.texts(rules.text), stage, len(left.indexes), progress)

    for each in containment.find_contained(texts, right.texts(rules.text)):
        if each.left is not None and each.share >= rules.contained:
            yield each.right, each.left, each.share


def _examples(
    left: SketchedPart, right: SketchedPart, rules: LeakRules, found: dict[int, tuple[str, int, float]]
) -> tuple[LeakExample, ...]:
    """Some of each kind, the closest first."""
    chosen: list[int] = []
    for kind in ("exact", "near", "contained"):
        places = sorted((place for place in found if found[place][0] == kind), key=lambda place: -found[place][2])
        chosen += places[:EXAMPLES]
    return tuple(_example(left, right, rules, place, *found[place]) for place in chosen)


def _example(
    left: SketchedPart, right: SketchedPart, rules: LeakRules, place: int, kind: str, other: int, similarity: float
) -> LeakExample:
    row, twin = right.row(place), left.row(other)
    text = " ".join(text_of(row, rules.text).split())
    return LeakExample(
        kind=kind,
        similarity=round(similarity, 4),
        row=row.where,
        id=id_of(row),
        found_in=twin.where,
        found_id=id_of(twin),
        excerpt=text[:EXCERPT] + ("..." if len(text) > EXCERPT else ""),
    )
