"""Results in words: lines for a terminal, CSV and Markdown. A number that is not there is a dash."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from harness.review.sheets import harmless
from harness.text import numbers


def percent(value: float | None) -> str:
    """A share as `54.2%`."""
    return "-" if value is None else numbers.amount(value, share=True)


def number(value: float | None, digits: int = 2) -> str:
    """A number, or a dash."""
    return "-" if value is None else f"{value:.{digits}f}"


def span(low: float | None, high: float | None, digits: int = 2) -> str:
    """An interval, or a dash."""
    return "-" if low is None or high is None else f"{low:.{digits}f} to {high:.{digits}f}"


def tables(result: Mapping[str, Any]) -> list[tuple[str, list[str], list[list[str]]]]:
    """(title, columns, rows) of all that a result holds, as text."""
    found = []
    if result["comparisons"]:
        found.append(("Who is preferred", list(COMPARISON), [_comparison(each) for each in result["comparisons"]]))
    for key, title in (("without_flagged", "Without answers that name a model"),):
        if result.get(key):
            found.append((title, list(COMPARISON), [_comparison(each) for each in result[key]]))
    left_out = result.get("without_failed")
    if left_out and left_out["judges"]:
        title = f"Without judges who failed checks: {', '.join(left_out['judges'])}"
        found.append((title, list(COMPARISON), [_comparison(each) for each in left_out["comparisons"]]))
    if result["strengths"]:
        rows = [[each["model"], _ranks(each), number(each["strength"]),
                 span(each["low"], each["high"])]
                for each in result["strengths"]]  # fmt: skip
        found.append(("Strength (Davidson)", ["model", "rank", "log strength", "95 % interval"], rows))
    if result["strata"]:
        rows = [[each["stratum"], *_comparison(each)] for each in result["strata"]]
        found.append(("By stratum", ["stratum", *COMPARISON], rows))
    found += _ratings(result)
    if any(each["items"] for each in result["agreement"]):
        found.append(("Agreement", list(AGREEMENT), [_agreement(each) for each in result["agreement"]]))
    found += _biases(result)
    if result["judges"]:
        found.append(("Judges", list(JUDGE), [_judge(each) for each in result["judges"]]))
    if result["model_judges"]:
        found.append(
            ("Models as judges, apart from people", list(MODEL), [_model(each) for each in result["model_judges"]])
        )
        rows = [[each["judge"], row["a"], row["b"], str(row["wins"]), str(row["losses"]), str(row["ties"])]
                for each in result["model_judges"] for row in each["comparisons"]]  # fmt: skip
        found.append(("What models prefer", ["judge", "A", "B", "won by A", "won by B", "tie, or flips"], rows))
    return found


COMPARISON = (
    "A",
    "B",
    "won by A",
    "won by B",
    "tie",
    "both bad",
    "share of A",
    "95 % interval",
    "p",
    "verdict",
    "detectable share",
    "items needed",
)
AGREEMENT = ("", "alpha", "95 % interval", "exact", "within one", "kappa", "items", "")
JUDGE = ("judge", "votes", "checks failed", "agrees with own repeat", "median seconds", "under 2 s")
MODEL = (
    "judge",
    "pairs",
    "flips",
    "unreadable",
    "kappa with people",
    "agrees",
    "agrees, without ties",
    "people among themselves",
    "longer",
    "people: longer",
)


def _comparison(row: Mapping[str, Any]) -> list[str]:
    interval = "-" if row["low"] is None else f"{percent(row['low'])} to {percent(row['high'])}"
    return [
        row["a"], row["b"], str(row["wins"]), str(row["losses"]), str(row["ties"]), str(row["both_bad"]),
        percent(row["share"]), interval, numbers.p_value(row["p_adjusted"]), row["verdict"],
        percent(row["smallest_detectable"]), "-" if row["items_needed"] is None else f"{row['items_needed']:,}",
    ]  # fmt: skip


def _ranks(row: Mapping[str, Any]) -> str:
    best, worst = row["rank_best"], row["rank_worst"]
    return str(best) if best == worst else f"{best}-{worst}"


def _agreement(row: Mapping[str, Any]) -> list[str]:
    return [
        row["metric"], number(row["alpha"]), span(row["low"], row["high"]), percent(row["exact"]),
        percent(row["within_one"]), number(row["kappa"]), str(row["items"]), row["words"],
    ]  # fmt: skip


def _judge(row: Mapping[str, Any]) -> list[str]:
    return [
        row["judge"], str(row["votes"]), f"{row['checks_failed']} of {row['checks']}", percent(row["self_agreement"]),
        number(row["median_seconds"], 1), str(row["under_two_seconds"]),
    ]  # fmt: skip


def _biases(result: Mapping[str, Any]) -> list[tuple[str, list[str], list[list[str]]]]:
    """Decided votes for the first side, of all and of each judge, and for the longer answer."""
    position = result["position"]
    if not position or not position["decided"]:
        return []
    rows = [["the first side", position]]
    rows += [[f"the first side, {each['judge']}", each] for each in position["judges"] if len(position["judges"]) > 1]
    if result["length"] and result["length"]["decided"]:
        rows.append(["the longer answer", result["length"]])
    cells = [[name, str(each["count"]), str(each["decided"]), percent(each["share"]),
              f"{percent(each['low'])} to {percent(each['high'])}" if each["decided"] else "-",
              numbers.p_value(each["p_value"])]
             for name, each in rows]  # fmt: skip
    return [("Bias of votes", ["decided votes for", "votes", "of", "share", "95 % interval", "p"], cells)]


def _model(row: Mapping[str, Any]) -> list[str]:
    return [
        row["judge"], str(row["pairs"]), percent(row["flip_rate"]), f"{row['unreadable']} of {row['replies']}",
        number(row["kappa"]), percent(row["agreement"]), percent(row["agreement_decided"]),
        percent(row["people_agreement"]), percent(row["longer"]),
        percent(row["people_longer"]),
    ]  # fmt: skip


def _ratings(result: Mapping[str, Any]) -> list[tuple[str, list[str], list[list[str]]]]:
    ratings = result["ratings"]
    if not ratings:
        return []
    rows = [[each["criterion"], each["model"], number(each["mean"]), span(each["low"], each["high"]),
             percent(each["share_4_5"]), " ".join(map(str, each["distribution"].values())), str(each["items"])]
            for each in ratings["means"]]  # fmt: skip
    found = [("Ratings", ["criterion", "model", "mean", "95 % interval", "4 or 5", "1 2 3 4 5", "items"], rows)]
    if ratings["differences"]:
        rows = [[each["criterion"], each["a"], each["b"], f"{each['difference']:+.2f}",
                 f"{each['low']:+.2f} to {each['high']:+.2f}", numbers.p_value(each["p_adjusted"]), each["verdict"]]
                for each in ratings["differences"]]  # fmt: skip
        found.append(
            (
                "Differences, on the same problems",
                ["criterion", "A", "B", "A - B", "95 % interval", "p", "verdict"],
                rows,
            )
        )
    if len(ratings["severity"]) > 1:
        rows = [[each["rater"], "-" if each["severity"] is None else f"{each['severity']:+.2f}", str(each["shared"])]
                for each in ratings["severity"]]  # fmt: skip
        found.append(("Raters against the others (below 0: severe)", ["rater", "points", "shared scores"], rows))
    if ratings["disputed"]:
        rows = [
            [
                str(each["item"]),
                each["criterion"],
                ", ".join(f"{name} {score}" for name, score in each["scores"].items()),
            ]
            for each in ratings["disputed"]
        ]
        found.append(("Two points apart or more: talk about these", ["item", "criterion", "scores"], rows))
    return found


def headline(result: Mapping[str, Any]) -> str:
    """The answer in a sentence or two."""
    items = result["items"]
    if result["kind"] != "ab":
        return " ".join(
            [f"{items['votes']} scores of {items['judged']} answers ({items['n']} in the study).", *_rated(result)]
        )
    said = []
    for row in result["comparisons"]:
        won, lost = row["wins"], row["losses"]
        decided = won + lost
        if not sum(row[name] for name in ("wins", "losses", "ties", "both_bad")):
            said.append(f"Nobody has voted on {row['a']} and {row['b']}.")
            continue
        if row["verdict"] == "no evidence":
            text = f"There is no evidence that {row['a']} or {row['b']} is preferred"
            if row["items_needed"]:
                text += f"; if this share holds, {row['items_needed']:,} items would show it"
        else:
            better, worse = (row["a"], row["b"]) if won > lost else (row["b"], row["a"])
            won, lost = max(won, lost), min(won, lost)  # the winner's first, as in the sentence
            text = f"Judges prefer {better} to {worse}"
        said.append(f"{text} ({won} to {lost} of {decided} decided items, p {numbers.p_value(row['p_adjusted'])}).")
    return " ".join(said)


def _rated(result: Mapping[str, Any]) -> list[str]:
    """Which model is rated higher, by criterion, and on which criteria nothing is shown."""
    said, open_ = [], list[str]()
    for row in result["ratings"]["differences"]:
        if row["verdict"] == "no evidence":
            open_.append(f"{row['criterion']} of {row['a']} and {row['b']}")
            continue
        ahead, behind = (row["a"], row["b"]) if row["difference"] > 0 else (row["b"], row["a"])
        gap, p_value = abs(row["difference"]), numbers.p_value(row["p_adjusted"])
        said.append(f"{row['criterion']}: {ahead} is rated {gap:.2f} higher than {behind} (p {p_value}).")
    return [*said, *([f"No evidence of a difference: {', '.join(open_)}."] if open_ else [])]


def as_markdown(result: Mapping[str, Any]) -> str:
    """Tables of Markdown."""
    lines = [headline(result), ""]
    for title, columns, rows in tables(result):
        lines += [f"**{title}**", "", _row(columns), _row(["---"] * len(columns)), *map(_row, rows), ""]
    lines += [f"- {each}" for each in result["warnings"]]
    return "\n".join([*lines, "", f"`{result['signature']}`", ""])


def _row(cells: Sequence[str]) -> str:
    return (
        "| "
        + " | ".join(
            each.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ").replace("<", "&lt;") for each in cells
        )
        + " |"
    )


def as_csv(result: Mapping[str, Any]) -> str:
    """All tables as one: the table's title, the row's name, then column and value."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["table", "row", "column", "value"])
    for title, columns, rows in tables(result):
        for index, row in enumerate(rows, start=1):
            writer.writerows(
                [title, index, name, harmless(value)] for name, value in zip(columns, row, strict=True) if name
            )
    return out.getvalue()
