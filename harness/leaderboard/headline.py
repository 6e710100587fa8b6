"""What a board says, in words: who leads on which sets, and who cannot be told apart.

A model leads on a set if one of its runs is significantly better than every run of every other model in that table:
the paired tests of `tables`, with Holm's correction over all pairs. So two intervals that merely look apart make no
lead, and a table with one model, or without ranks, makes none either. Where a board has one model only, its settings
take the models' place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness.leaderboard.tables import Table, TableRow, metric_of
from harness.text.printable import clipped

NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
NO_CONDITION = frozenset({"n", "seed", "run", "v"})  # what can differ between two runs and shift no score
MOST_NAMES = 4
MOST_NOTES = 5
LONGEST_NAME = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How the models of one table stand. label: of its set, as told from the other tables'.

    names: the models with a rank, in the order of the table. leader: the one that is better than all others. top:
    those that no other is significantly better than. separated: whether any two are told apart. leading_run: the name
    of the run that makes its model the leader. unmatched: models without a run in that run's setting; unranked: without
    a whole run.
    """

    table: Table
    label: str
    names: tuple[str, ...]
    leader: str | None
    top: tuple[str, ...]
    separated: bool
    leading_run: str | None
    setting: str
    unmatched: tuple[str, ...]
    unranked: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """text: one sentence or two. notes: what limits it. standings: of the tables in which models were compared."""

    text: str
    notes: tuple[str, ...]
    standings: tuple[Standing, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Models by sets. names: the rows. columns: the tables with their labels. cells: name -> table's slug -> runs."""

    names: tuple[str, ...]
    columns: tuple[tuple[Table, str], ...]
    cells: Mapping[str, Mapping[str, tuple[TableRow, ...]]]


def make_headline(tables: Sequence[Table]) -> Headline:
    """What the tables carry, and no more."""
    name_of, labels = _Namer(tables), set_labels(tables)
    every = list(dict.fromkeys(name_of(row) for table in tables for row in table.rows))
    standings = [found for table in tables if (found := _standing(table, labels[table.slug], name_of))]
    if not tables:
        return Headline(text="", notes=(), standings=())
    if not standings:
        return Headline(text=_uncompared(tables, labels, every), notes=(), standings=())
    text = _of_one(standings[0]) if len(standings) == 1 else _of_many(standings)
    notes = _notes(tables, labels, standings, every, name_of)
    return Headline(text=text, notes=tuple(notes), standings=tuple(standings))


def make_grid(tables: Sequence[Table]) -> Grid:
    """One row per model, one column per table."""
    labels = set_labels(tables)
    cells: dict[str, dict[str, tuple[TableRow, ...]]] = {}
    for table in tables:
        for row in table.rows:
            found = cells.setdefault(row.run.model, {})
            found[table.slug] = (*found.get(table.slug, ()), row)
    return Grid(names=tuple(cells), columns=tuple((table, labels[table.slug]) for table in tables), cells=cells)


def set_labels(tables: Sequence[Table]) -> dict[str, str]:
    """Table's slug -> its set's name, with the task or the conditions where the name alone does not tell it."""
    found: dict[str, str] = {}
    names: list[Callable[[Table], str]] = [
        lambda table: table.dataset.partition("@")[0],
        lambda table: table.title,
        lambda table: " ".join([table.title, *(f"{key} {value}" for key, value in table.conditions.items())]),
        lambda table: " ".join([table.title, table.task_version, table.dataset, *table.conditions.values()]),
    ]
    for name in names:
        counts = Counter(name(table) for table in tables)
        for table in tables:
            if counts[name(table)] == 1 or name is names[-1]:
                found.setdefault(table.slug, clipped(name(table), LONGEST_NAME))
    return found


class _Namer:
    """What a row is called in a sentence: its model, or its setting too where the board has one model only."""

    def __init__(self, tables: Sequence[Table]) -> None:
        self._one_model = len({row.run.model for table in tables for row in table.rows}) == 1

    def __call__(self, row: TableRow) -> str:
        return clipped(row.label if self._one_model else row.run.model, LONGEST_NAME)


def _standing(table: Table, label: str, name_of: _Namer) -> Standing | None:
    """None where fewer than two models have a rank."""
    metric = table.metrics[0]
    cells = {row: row.cells[metric] for row in table.rows if metric in row.cells and row.cells[metric].rank}
    runs: dict[str, list[TableRow]] = {}
    for row in cells:
        runs.setdefault(name_of(row), []).append(row)
    if len(runs) < 2:
        return None

    def beats(row: TableRow, name: str) -> bool:
        return all(other.run.name in cells[row].ahead_of for other in runs[name])

    names = tuple(runs)
    leading = [row for row in cells if all(beats(row, name) for name in names if name != name_of(row))]
    beaten = {
        name for name in names for other in names if other != name and any(beats(row, name) for row in runs[other])
    }
    leader = name_of(leading[0]) if leading else None
    setting = _setting(leading[0]) if leading else {}
    return Standing(
        table=table,
        label=label,
        names=names,
        leader=leader,
        top=tuple(name for name in names if name not in beaten),
        separated=bool(beaten),
        leading_run=leading[0].run.name if leading else None,
        unmatched=tuple(
            name for name in names if leader not in (None, name) and all(_setting(row) != setting for row in runs[name])
        ),
        setting=" ".join(f"{key}:{value}" for key, value in setting.items()),
        unranked=tuple(dict.fromkeys(name for row in table.rows if (name := name_of(row)) not in runs)),
    )


def _setting(row: TableRow) -> dict[str, str]:
    return {key: value for key, value in row.varying.items() if key not in NO_CONDITION}


def _uncompared(tables: Sequence[Table], labels: Mapping[str, str], every: Sequence[str]) -> str:
    if len(every) == 1:
        table = tables[0]
        estimate = next(iter(table.rows[0].cells.values())).estimate
        metric = metric_of(table, estimate.metric)
        low, value, high = (metric.text(each) for each in (estimate.low, estimate.value, estimate.high))
        where = labels[table.slug] if len(tables) == 1 else f"{labels[table.slug]}, the first of {len(tables)} sets"
        return (
            f"{every[0]} has {estimate.metric} {value} (95 % interval {low} to {high}) on {where}. "
            "No other model is here to compare it with."
        )
    many = _count(len(every), "model").capitalize()
    return f"{many}, and no two of them can be compared: no set has two of them whole."


def _of_one(standing: Standing) -> str:
    names, label = standing.names, standing.label
    if standing.leader:
        rest = [name for name in names if name != standing.leader]
        whom = {1: rest[0], 2: "both others"}.get(len(rest), f"each of the {_number(len(rest))} others")
        return f"{standing.leader} leads on {label}: it is significantly better than {whom}."
    if not standing.separated:
        who = f": {_listed(names)}" if len(names) <= MOST_NAMES else ""
        return f"{_count(len(names), 'model').capitalize()} cannot be told apart on {label}{who}."
    behind = [name for name in names if name not in standing.top]
    verb = "is" if len(behind) == 1 else "are"
    if len(standing.top) == 1:
        return f"No model leads on {label}: {standing.top[0]} is behind none, but not ahead of each of the others."
    return f"No model leads on {label}: {_listed(standing.top)} cannot be told apart; {_listed(behind)} {verb} behind."


def _of_many(standings: Sequence[Standing]) -> str:
    sets, models = len(standings), len({name for each in standings for name in each.names})
    leads = Counter(each.leader for each in standings if each.leader)
    if not leads:
        if not any(each.separated for each in standings):
            return f"{_count(models, 'model').capitalize()} cannot be told apart on any of {sets} sets."
        return f"No model leads on any of {sets} sets."
    (first, count), *others = leads.most_common()
    where = f"{count} of {sets} sets" if count < sets else "both sets" if sets == 2 else f"all {sets} sets"
    text = f"{first} leads on {where}"
    text += "".join(f", {name} on {number}" for name, number in others)
    open_sets = [each for each in standings if not each.leader]
    if len(open_sets) == 1:
        (each,) = open_sets
        who = f"the {_number(len(each.names))} models" if len(each.names) > 2 else "the two models"
        text += f"; on {each.label} " + ("no model leads" if each.separated else f"{who} cannot be told apart")
    elif open_sets:
        text += f"; on the other {_number(len(open_sets))} no model leads"
    return text + "."


def _notes(
    tables: Sequence[Table],
    labels: Mapping[str, str],
    standings: Sequence[Standing],
    every: Sequence[str],
    name_of: _Namer,
) -> list[str]:
    notes = []
    compared = {each.table.slug for each in standings}
    for each in standings:
        if each.unmatched:
            notes.append(
                f"On {each.label} {_listed(each.unmatched)} {'was' if len(each.unmatched) == 1 else 'were'} not run "
                f"in the leader's setting ({each.setting or 'its own'}): the lead may be the setting's."
            )
        if each.unranked:
            verb = "has" if len(each.unranked) == 1 else "have"
            notes.append(f"{_listed(each.unranked)} {verb} no whole run on {each.label}, so no rank.")
    for table in tables:
        here = {name_of(row) for row in table.rows}
        missing = [name for name in every if name not in here]
        if table.slug not in compared:
            notes.append(f"On {labels[table.slug]} no two models are compared.")
        if missing and table.slug in compared:
            notes.append(f"{_listed(missing)} {'has' if len(missing) == 1 else 'have'} no run on {labels[table.slug]}.")
    return notes if len(notes) <= MOST_NOTES else [*notes[:MOST_NOTES], f"{len(notes) - MOST_NOTES} more gaps."]


def _listed(names: Iterable[str]) -> str:
    """`a`, `a and b`, `a, b and c`, `a, b, c and 4 more`."""
    found = list(names)
    if len(found) > MOST_NAMES:
        found = [*found[: MOST_NAMES - 1], f"{len(found) - MOST_NAMES + 1} more"]
    return found[0] if len(found) == 1 else f"{', '.join(found[:-1])} and {found[-1]}"


def _number(count: int) -> str:
    return NUMBERS[count] if count < len(NUMBERS) else str(count)


def _count(count: int, noun: str) -> str:
    return f"{_number(count)} {noun}{'' if count == 1 else 's'}"
