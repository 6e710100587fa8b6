"""A blind A/B study of two or more models: every problem with all their answers, nameless."""

from __future__ import annotations

import itertools
import math
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.errors import InputError
from harness.review import sources as reading
from harness.review.blinding import names_a_model
from harness.review.pictures import nameless
from harness.review.sources import Source
from harness.review.study import AB, PICTURES, VOTES, Answer, Design, Item, Key, Study, write_study
from harness.review.votes import Votes

_READ = (
    "Read the task, then both answers to the end. Choose the one that you would rather have been given: right first, "
    "then complete, then easy to read. Longer is not better. Say tie if you prefer neither"
)
_CHANGE = " You can change a vote until the study is closed."
GUIDELINES = f"{_READ}, and both bad if neither is of any use.{_CHANGE}"
GUIDELINES_WITHOUT_BAD = f"{_READ}.{_CHANGE}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PairOptions:
    """What the command was given. votes: per item, None for one of each judge."""

    samples: int | None = None
    seed: int = 0
    by: str | None = None
    judges: tuple[str, ...] = ("judge1", "judge2", "judge3")
    votes: int | None = None
    checks: float = 0.1
    guidelines: str = GUIDELINES
    both_bad: bool = True
    show_expected: bool = False


def judge_names(text: str, what: str = "judge") -> tuple[str, ...]:
    """`3` as judge1, judge2, judge3; `ana,ben` as they stand. Raises InputError."""
    names = tuple(each.strip() for each in text.split(",") if each.strip())
    if len(names) == 1 and names[0].lstrip("-").isdigit():
        count = int(names[0])
        if not 1 <= count <= 1000:
            raise InputError(f"--{what}s must be 1 to 1000, or names such as ana,ben; not {count}")
        return tuple(f"{what}{number}" for number in range(1, count + 1))
    if not names or len(set(names)) < len(names) or any(not each.isprintable() or len(each) > 60 for each in names):
        raise InputError(f"--{what}s takes a number, or different names such as ana,ben; not {text!r}")
    return names


def make_ab(path: Path, sources: Sequence[Source], asked: PairOptions, secret: str | None = None) -> Study:
    """Make the study's folder. secret: 64 hex digits, random where none is given. Raises InputError."""
    if not 0 <= asked.checks <= 0.5:
        raise InputError(f"--checks is a share from 0 to 0.5, not {asked.checks:g}")
    if asked.votes is not None and not 1 <= asked.votes <= len(asked.judges):
        raise InputError(f"--votes must be 1 to {len(asked.judges)}, the number of judges, not {asked.votes}")
    reading.check_models(sources)
    common = reading.check_together(sources)
    chosen = reading.choose(common, sources, asked.samples, asked.seed, asked.by)
    made = make_items([(name, list(sources)) for name in chosen], sources, asked.by, secret)
    design = Design(
        samples=len(chosen), seed=asked.seed, by=asked.by, judges=asked.judges,
        votes_per_item=asked.votes or len(asked.judges), checks=asked.checks, criteria=(), guidelines=asked.guidelines,
        both_bad=asked.both_bad, show_expected=asked.show_expected,
    )  # fmt: skip
    study = write_study(
        path, AB, design, made.items, made.key, sources=[f"{each.name} {each.digest}" for each in sources],
        task=sources[0].task, data=sources[0].data, pictures=made.pictures, warnings=made.warnings,
    )  # fmt: skip
    register(study)
    return study


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltPairs:
    """Items, the key to them, and their pictures by file name."""

    items: tuple[Item, ...]
    key: Key
    pictures: Mapping[str, bytes]
    warnings: tuple[str, ...]


def make_items(
    rows: Sequence[tuple[str, Sequence[Source]]], sources: Sequence[Source], by: str | None, secret: str | None
) -> BuiltPairs:
    """Items of problems, each with the answers of some sources. An answer's id is keyed by the source's place."""
    found = reading.labels(sources)
    key = Key(secret=secret or secrets.token_hex(32), labels=found, answers={}, problems={})
    names = list(found)
    place = {id(each): number for number, each in enumerate(sources)}
    items, owners, problems, flagged, pictures, empty = [], dict[str, str](), {}, [], dict[str, bytes](), 0
    for number, (name, answering) in enumerate(rows, start=1):
        answers = []
        for source in answering:
            shown = source.answers[name]
            answer_id = key.keyed("answer", name, place[id(source)]).hex()[:16]
            owners[answer_id] = names[place[id(source)]]
            if names_a_model(shown.text, [each.model for each in found.values()]):
                flagged.append(answer_id)
            image = None if shown.image is None else f"{answer_id}.png"
            if image and shown.image:
                pictures[image] = nameless(shown.image)
            empty += not shown.text.strip() and image is None
            language = "python" if source.task == "codegen" else None
            answers.append(Answer(id=answer_id, text=shown.text, image=image, language=language))
        first = answering[0].answers[name]
        stratum = reading.stratum(name, sources, by)
        ordered = tuple(sorted(answers, key=lambda each: each.id))
        items.append(Item(item=number, prompt=first.prompt, expected=first.expected, answers=ordered, stratum=stratum))
        problems[number] = name
    whole = Key(secret=key.secret, labels=found, answers=owners, problems=problems, flagged=tuple(sorted(flagged)))
    warnings = [f"{empty} answers are empty, or are thought without end"] if empty else []
    return BuiltPairs(items=tuple(items), key=whole, pictures=pictures, warnings=tuple(warnings))


def register(study: Study) -> None:
    """Keep the digests of the judges' link tokens."""
    import hashlib

    digests = {name: hashlib.sha256(study.key.token(name).encode()).hexdigest() for name in study.design.judges}
    with Votes(study.path / VOTES) as votes:
        votes.register(digests)


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A pair of answers of an item (one answer in a rating study), as everything names it: `12 x y`."""

    item: int
    answers: tuple[str, ...]

    @property
    def name(self) -> str:
        """One text."""
        return " ".join([str(self.item), *self.answers])


def same(study: Study, first: Answer, second: Answer) -> bool:
    """Whether two answers are equal, texts but for white space around lines: a tie without a vote."""
    if first.image and second.image:
        one, other = (study.path / PICTURES / each for each in (first.image, second.image))
        return one.stat().st_size == other.stat().st_size and one.read_bytes() == other.read_bytes()
    return not first.image and not second.image and _plain(first.text) == _plain(second.text)


def _plain(text: str) -> list[str]:
    return [line.rstrip() for line in text.strip().splitlines()]


def tasks_of(study: Study) -> tuple[list[Task], list[Task]]:
    """(what is voted on, pairs of equal answers that are ties without a vote), in the order of items."""
    asked: list[Task] = []
    ties: list[Task] = []
    for number in range(1, len(study) + 1):
        item = study.item(number)
        if study.kind != AB:
            asked.append(Task(item=number, answers=(item.answers[0].id,)))
            continue
        for first, second in itertools.combinations(item.answers, 2):
            task = Task(item=number, answers=(first.id, second.id))
            (ties if same(study, first, second) else asked).append(task)
    return asked, ties


def expected_checks(tasks: int, share: float) -> int:
    """How many checks a judge of so many tasks sees."""
    return math.floor(tasks * share + 1e-9) if share else 0
