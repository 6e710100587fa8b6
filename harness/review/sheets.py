"""Rating sheets: a study of single answers, and the files that are handed to raters.

`evaluation_sheet.json` is a list of `id, prompt, expected, generated, scores, notes`; the CSV has the same columns, one
for each criterion; the HTML form works offline, keeps its state and saves JSON; it also prints. Models are mixed and
unnamed.
"""

from __future__ import annotations

import csv
import io
import json
import random
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.errors import InputError
from harness.files.atomic import write_whole
from harness.review import sources as reading
from harness.review.pairs import PairOptions, make_items, register
from harness.review.sources import Source
from harness.review.study import RATINGS, Criterion, Design, Study, write_study

SHEET = "evaluation_sheet"
FIXED = ("id", "prompt", "expected", "generated")
ACTING = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet runs, where a cell begins with it
GUIDELINES = (
    "Give each answer a score from 1 to 5 for every criterion. Rate each criterion on its own. Leave a score empty, or "
    'say "cannot tell", if you cannot judge: that is not a low score. Do not try to find out who wrote an answer.'
)
CRITERIA = (
    Criterion(
        name="accuracy", definition="Is what it says right?",
        anchors={"1": "wrong, or made up", "3": "partly right", "5": "right throughout"},
    ),
    Criterion(
        name="relevance", definition="Does it do what was asked, all of it and nothing else?",
        anchors={"1": "beside the point", "3": "answers part of it", "5": "exactly what was asked"},
    ),
    Criterion(
        name="fluency", definition="Does it read well?",
        anchors={"1": "hard to follow", "3": "clear with slips", "5": "as a careful person writes"},
    ),
    Criterion(
        name="format", definition="Does it have the form that was asked for?",
        anchors={"1": "another form", "3": "nearly", "5": "exactly that form"},
    ),
)  # fmt: skip


def read_criteria(path: Path) -> tuple[Criterion, ...]:
    """Criteria of a TOML file: [[criteria]] with name, definition and the words for 1, 3 and 5. Raises InputError."""
    try:
        rows = tomllib.loads(path.read_text("utf-8"))["criteria"]
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError) as error:
        raise InputError(f"{path}: [[criteria]] tables with name and definition are expected ({error})") from error
    if not isinstance(rows, list) or not rows or not all(isinstance(each, dict) for each in rows):
        raise InputError(f"{path}: [[criteria]] tables with name and definition are expected")
    found = []
    for number, row in enumerate(rows, start=1):
        name, definition = row.get("name"), row.get("definition")
        if not isinstance(name, str) or not name.strip() or not isinstance(definition, str):
            raise InputError(f"{path}, criterion {number}: name and definition must be texts")
        anchors = {each: str(row[each]) for each in ("1", "3", "5") if each in row}
        found.append(Criterion(name=name.strip(), definition=definition, anchors=anchors))
    names = [each.name for each in found]
    reserved = {*FIXED, "notes", "study", "scores"} & {name.lower() for name in names}
    if len(set(names)) < len(names) or reserved:
        raise InputError(f"{path}: names of criteria must differ, and none may be {', '.join(FIXED)}, notes or study")
    return tuple(found)


def make_sheet(
    path: Path,
    sources: Sequence[Source],
    asked: PairOptions,
    criteria: tuple[Criterion, ...],
    secret: str | None = None,
    *,
    open_names: bool = False,
) -> Study:
    """Make the study's folder with its sheets. Items are single answers, of all models in one keyed order."""
    common = reading.check_together(sources)
    if len(sources) > 1:
        reading.check_models(sources)
    chosen = reading.choose(common, sources, asked.samples, asked.seed, asked.by)
    rows: list[tuple[str, list[Source]]] = [(name, [source]) for name in chosen for source in sources]
    random.Random(f"sheet {asked.seed} {secret}" if secret else None).shuffle(rows)
    made = make_items(rows, sources, asked.by, secret)
    design = Design(
        samples=len(rows), seed=asked.seed, by=asked.by, judges=asked.judges, open_names=open_names,
        votes_per_item=len(asked.judges), checks=0.0, criteria=criteria, guidelines=asked.guidelines, both_bad=False,
    )  # fmt: skip
    study = write_study(
        path, RATINGS, design, made.items, made.key, sources=[f"{each.name} {each.digest}" for each in sources],
        task=sources[0].task, data=sources[0].data, pictures=made.pictures, warnings=made.warnings,
    )  # fmt: skip
    register(study)
    write_sheets(study)
    return study


def write_sheets(study: Study) -> list[Path]:
    """The three files of a study."""
    from harness.review.form import render_form

    entries = entries_of(study)
    paths = [study.path / f"{SHEET}.{suffix}" for suffix in ("json", "csv", "html")]
    text = json.dumps(entries, indent=1, ensure_ascii=False)
    write_whole(paths[0], (text + "\n").encode("utf-8", "backslashreplace"))
    write_whole(paths[1], _csv(study, entries).encode("utf-8", "backslashreplace"))
    write_whole(paths[2], render_form(study, entries).encode("utf-8", "backslashreplace"))
    return paths


def entries_of(study: Study) -> list[dict[str, Any]]:
    """The sheet: id, prompt, expected, generated, scores (all None), notes."""
    names = [each.name for each in study.design.criteria]
    found = []
    for number in range(1, len(study) + 1):
        item = study.item(number)
        answer = item.answers[0]
        found.append({
            "id": number, "prompt": item.prompt, "expected": item.expected or "",
            "generated": answer.text if answer.image is None else f"pictures/{answer.image}",
            "scores": dict.fromkeys(names), "notes": "",
        })  # fmt: skip
    return found


def harmless(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula: one that begins like it gets an apostrophe before it."""
    return f"'{cell}" if cell.startswith((*ACTING, "'")) else cell


def restored(cell: str) -> str:
    """What `harmless` was given."""
    return cell[1:] if cell.startswith("'") else cell


def _csv(study: Study, entries: Sequence[dict[str, Any]]) -> str:
    names = [each.name for each in study.design.criteria]
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([*FIXED, *map(harmless, names), "notes", "study"])
    for each in entries:
        texts = [harmless(str(each[name])) for name in FIXED]
        writer.writerow([*texts, *([""] * len(names)), "", study.id])
    return out.getvalue()
