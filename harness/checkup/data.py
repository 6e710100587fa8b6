"""The data of a checkup: a directory of documented file names, or without one the shipped sets.

    train.jsonl, validation.jsonl   texts, or instruction/output pairs: what it was trained on, and texts like them;
                                    validation may be called val, valid, eval or dev, and both may be .csv, .parquet ...
    codegen.jsonl, summarization.jsonl, classification.jsonl, perplexity.jsonl   as `harness run --task` takes them
    trainer_state.json              the log of the training run

Every file is read and checked in full before a model is asked anything. What is then run is a copy in the checkup's own
folder wherever items are left out or texts are cut, so that a run's signature has the digest of just what was asked.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import numpy as np

from harness import datasets
from harness.errors import InputError
from harness.files import atomic, jsonl
from harness.files.row_text import text_of
from harness.files.rows import SUFFIXES, RowFile
from harness.files.training_text import has_prompt, parts_of, prompt_text
from harness.overfit import measures
from harness.tasks import open_task
from harness.types import TextPart

TRAIN, VALIDATION, CURVE = "train.jsonl", "validation.jsonl", "trainer_state.json"
NAMES: Mapping[str, tuple[str, ...]] = MappingProxyType(  # what the two files of texts may be called, without ending
    {TRAIN: ("train", "training"), VALIDATION: ("validation", "val", "valid", "eval", "dev")}
)
WHOLE = " whole"  # after the name of a part: its texts with their prompts, beside what training optimised of them
BESIDE = (f"validation{WHOLE}",)  # parts that no verdict is about
TASKS = ("codegen", "summarization", "classification", "perplexity")  # the one with the longest answers first: see Plan
SHIPPED: Mapping[str, str] = MappingProxyType(
    {"codegen": "starter", "summarization": "briefs", "classification": "remarks", "perplexity": "passages"}
)
ADD: Mapping[str, str] = MappingProxyType(
    {
        TRAIN: "the texts that the tuned model was trained on: for memorization, copies and leaks",
        VALIDATION: "texts of the same kind that it was not trained on: for perplexity and the loss gap",
        "codegen.jsonl": "programming problems with tests: for pass@k",
        "summarization.jsonl": "texts with summaries: for ROUGE",
        "classification.jsonl": "texts with labels: for accuracy",
        "perplexity.jsonl": "texts of another kind: for what the model may have unlearned",
        CURVE: "Hugging Face's log of the training run: for the epoch at which the validation loss turned up",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckupPart:
    """One run to make of each model. problems: a shipped name or the file that is run. items: how many of `total`.

    source: the user's file, None for a shipped set. kept: the texts themselves, for parts that are about texts.
    options: of the task. wheres: where the lines of `problems` stand in the user's file, where they do not stand there
    as they are.
    """

    name: str
    task: str
    problems: str
    items: int
    total: int
    source: Path | None = None
    kept: tuple[str, ...] = ()
    options: Mapping[str, object] = field(default_factory=dict)
    wheres: tuple[str, ...] = ()

    def in_source(self, message: str) -> str:
        """A message about a line of `problems`, naming the line of the user's file."""
        found = re.search(re.escape(self.problems) + r", line (\d+)", message)
        if found is None or not self.wheres:
            return message
        return message.replace(found[0], self.wheres[int(found[1]) - 1])


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckupData:
    """What there is to check. missing: file name -> what it would be for. not_read: names of other files of rows."""

    folder: Path | None
    parts: tuple[CheckupPart, ...]
    train: Path | None
    validation: Path | None
    curve: Path | None
    missing: Mapping[str, str]
    not_read: tuple[str, ...] = ()

    def part(self, name: str) -> CheckupPart | None:
        """The part of a name, if there is one."""
        return next((part for part in self.parts if part.name == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemSelection:
    """limit: items of each part, drawn by the seed. prompts: texts that the models go on from. copies: folder for
    what is run in place of the user's own files. cache: of downloads.
    """

    limit: int
    prompts: int
    seed: int
    copies: Path
    cache: Path

    def __post_init__(self) -> None:
        if self.limit < 2:
            raise InputError(f"--limit: an interval needs at least 2 items, not {self.limit}")

    def places(self, total: int) -> list[int]:
        """Which of `total` items are taken, in their order."""
        if total <= self.limit:
            return list(range(total))
        drawn = np.random.default_rng(self.seed).choice(total, self.limit, replace=False)
        return sorted(int(place) for place in drawn)


def open_data(folder: Path | None, choice: ItemSelection) -> CheckupData:
    """Read and check everything. Raises InputError: which file, which line, what is wrong with it."""
    if folder is None:
        shipped = tuple(_task(task, SHIPPED[task], None, choice) for task in TASKS)
        return CheckupData(folder=None, parts=shipped, train=None, validation=None, curve=None, missing=_missing([]))
    if not folder.is_dir():
        raise InputError(f"{folder} is not a directory; --data takes one with {', '.join(ADD)}, or some of them")
    files = _find_files(folder)
    if not files:
        also = ", ".join(f"{name}.jsonl" for name in NAMES[VALIDATION][1:])
        raise InputError(
            f"{folder} holds none of {', '.join(ADD)} ({VALIDATION} may be {also}); at least one is needed"
        )
    parts = [_task(task, str(path), path, choice) for task in TASKS if (path := folder / f"{task}.jsonl").is_file()]
    train, validation, curve = (files.get(name) for name in (TRAIN, VALIDATION, CURVE))
    for name, file in (("validation", validation), ("train", train)):
        if file is not None:
            parts += _texts(name, file, choice)
    order = ["codegen", "summarization", "classification"]
    parts.sort(key=lambda part: order.index(part.name) if part.name in order else len(order))
    return CheckupData(
        folder=folder, parts=tuple(parts), train=train, validation=validation, curve=curve,
        missing=_missing(list(files)),
        not_read=tuple(path.name for path in sorted(folder.iterdir())
                       if path.name.endswith(SUFFIXES) and path not in files.values()),
    )  # fmt: skip


def _find_files(folder: Path) -> dict[str, Path]:
    """Name of ADD -> the file that is it: under that very name, or for texts the first of NAMES with a known ending."""
    found = {name: folder / name for name in ADD if (folder / name).is_file()}
    for name, stems in NAMES.items():
        others = (folder / f"{stem}{ending}" for stem in stems for ending in SUFFIXES)
        path = next((path for path in others if path.is_file()), None)
        if name not in found and path is not None:
            found[name] = path
    return found


def _missing(present: Sequence[str]) -> dict[str, str]:
    shipped = {f"{task}.jsonl" for task in TASKS} if not present else set()
    return {name: what for name, what in ADD.items() if name not in present and name not in shipped}


def _task(task: str, name_or_path: str, source: Path | None, choice: ItemSelection) -> CheckupPart:
    """The part of a task, whose items have answers."""
    found = datasets.load_set(name_or_path, choice.cache, open_task(task))
    total = len(found.problems)
    places = choice.places(total)
    problems = name_or_path
    if len(places) < total:
        rows = [raw for _, _, raw in jsonl.read_json_lines(found.path)]
        lines = [rows[place].rstrip(b"\r\n") + b"\n" for place in places]
        if task == "classification":  # the labels that only items left out have are to choose from all the same
            labels = [list(found.problems[place].metadata["labels"]) for place in places]
            lines = [_line({**json.loads(line), "labels": each}) for line, each in zip(lines, labels, strict=True)]
        name = found.name if source is None else source.name.removesuffix(".jsonl")
        problems = _write(choice.copies / f"{name}.jsonl", lines)
    return CheckupPart(name=task, task=task, problems=problems, items=len(places), total=total, source=source)


def _texts(name: str, path: Path, choice: ItemSelection) -> list[CheckupPart]:
    """Two parts of a file of texts: their losses, and what a model writes after the beginnings of some."""
    with RowFile(path) as file:
        if len(file) < 2:
            raise InputError(f"{path} has one text; an interval needs at least two")
        for row in file.rows():
            text_of(row)  # raises InputError, with the line, before a model is asked for hours
        rows = list(file.rows(choice.places(len(file))))
    texts = [text_of(row) for row in rows]
    ids = [f"{name}/{row.where.rpartition(' ')[2]}" for row in rows]
    parts = [parts_of(row) for row in rows]
    lines = [_line({"id": each, **_fields(own)}) for each, own in zip(ids, parts, strict=True)]
    losses = CheckupPart(
        name=name, task="perplexity", problems=_write(choice.copies / f"{name}.jsonl", lines),
        items=len(rows), total=len(file), source=path, kept=tuple(texts), wheres=tuple(row.where for row in rows),
        options={"loss": "completion"},
    )  # fmt: skip
    made = [losses]
    if name + WHOLE in BESIDE and any(map(has_prompt, parts)):
        made.append(dataclasses.replace(losses, name=name + WHOLE, options={"loss": "whole"}))
    begun = [
        (each, *halves) for each, own, text in zip(ids, parts, texts, strict=True) if (halves := _halves(own, text))
    ]
    begun = begun[: choice.prompts]
    if not begun:
        return made
    lines = [_line({"id": each, "prompt": prompt, "reference": rest}) for each, prompt, rest in begun]
    written = CheckupPart(
        name=f"{name} continuation", task="continuation",
        problems=_write(choice.copies / f"{name}-beginnings.jsonl", lines), items=len(begun), total=len(file),
        source=path,
    )  # fmt: skip
    return [*made, written]


def _fields(parts: Sequence[TextPart]) -> dict[str, object]:
    """The parts as a row that `parts_of` reads as the same ones."""
    if not has_prompt(parts):
        return {"text": parts[0].text}
    if parts[0].role is None:
        return {"prompt": parts[0].text, "completion": parts[1].text}
    turns = [{"role": part.role, "content": part.text} for part in parts]
    first = next(place for place, part in enumerate(parts) if part.scored)
    return {"prompt": turns[:first], "completion": turns[first:]}


def _halves(parts: Sequence[TextPart], text: str) -> tuple[str, str] | None:
    """What is asked and what was answered; of plain text its first third and the rest."""
    prompt, rest = prompt_text(parts), parts[-1].text
    if not has_prompt(parts):
        prompt = measures.prompt_of(text)
        rest = text[len(prompt) :]
    return (prompt, rest) if prompt.strip() and rest.strip() else None


def _line(row: Mapping[str, object]) -> bytes:
    return json.dumps(row).encode() + b"\n"


def _write(path: Path, lines: Sequence[bytes]) -> str:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic.write_whole(path, b"".join(lines))
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}; name another folder with -o") from error
    return str(path)
