"""The words of a board, from real rank tests on golden tables of runs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from harness.datasets import ProblemSets
from harness.leaderboard.headline import Headline, make_grid, make_headline, set_labels
from harness.leaderboard.results import read_results
from harness.leaderboard.tables import Table, make_tables

EXAMPLE = Path(__file__).resolve().parents[3] / "results" / "example" / "nano-T0.8"
PROBLEMS = 60
SAMPLES = 10


def add(results: Path, model: str, dataset: str, passed: float, *, first: int = 0, **changes: Any) -> None:
    """A run of `model` on 60 problems of `dataset`; of ten samples `passed` pass, of the first problem `first` more.

    So two runs with the same share differ in no problem, and two shares that lie apart differ in every one.
    """
    run = results / f"{dataset}-{model}-{len(list(results.iterdir()))}"
    shutil.copytree(EXAMPLE, run, ignore=shutil.ignore_patterns("completions*", "executions*", "scores*"))
    manifest = json.loads((run / "manifest.json").read_bytes())
    number = len(list(results.iterdir()))
    temperature = changes.get("temperature", "0.8")
    manifest["fingerprint"] = f"{number:064x}"
    manifest["signature"] = manifest["signature"].replace("T:0.8", f"T:{temperature}")
    manifest["identity"]["model"]["name"] = model
    manifest["identity"]["problems"] = {"name": dataset, "sha256": f"{sum(map(ord, dataset)):064x}"}
    (run / "manifest.json").write_text(json.dumps(manifest))
    summary = json.loads((run / "summary.json").read_bytes())
    counts = [passed * SAMPLES + (first if index == 0 else 0) for index in range(PROBLEMS)]
    summary["problems"] = {f"p/{index}": {"n": SAMPLES, "c": int(c)} for index, c in enumerate(counts)}
    scored = changes.get("scored", PROBLEMS)
    summary["coverage"].update(problems=PROBLEMS, problems_scored=scored, complete=scored == PROBLEMS)
    summary["estimates"] = [{**summary["estimates"][0], "value": passed, "low": passed - 0.1, "high": passed + 0.1}]
    (run / "summary.json").write_text(json.dumps(summary))


def tables(results: Path) -> list[Table]:
    return make_tables(read_results(results, ProblemSets(results / "cache")).runs)


def said(results: Path) -> Headline:
    return make_headline(tables(results))


def test_one_model_leads_nowhere(tmp_path: Path) -> None:
    add(tmp_path, "A", "s", 0.5)
    assert said(tmp_path).text == (
        "A has pass@1 50.0% (95 % interval 40.0% to 60.0%) on s. No other model is here to compare it with."
    )


def test_two_tied_models_cannot_be_told_apart(tmp_path: Path) -> None:
    add(tmp_path, "A", "s", 0.5)
    add(tmp_path, "B", "s", 0.5, first=1)
    found = said(tmp_path)
    assert found.text == "Two models cannot be told apart on s: A and B." and found.notes == ()
    assert found.standings[0].leader is None


def test_a_higher_value_alone_is_no_lead(tmp_path: Path) -> None:
    """One problem of sixty differs, by half of its samples: A is higher, and nothing shows that it is better."""
    add(tmp_path, "A", "s", 0.5, first=5)
    add(tmp_path, "B", "s", 0.5)
    assert "leads" not in said(tmp_path).text


@pytest.mark.parametrize(
    ("others", "whom"), [("B", "B"), ("BC", "both others"), ("BCD", "each of the three others")], ids=["2", "3", "4"]
)
def test_a_model_that_is_better_than_every_other_leads(tmp_path: Path, others: str, whom: str) -> None:
    add(tmp_path, "A", "s", 0.8)
    for name in others:
        add(tmp_path, name, "s", 0.4)
    assert said(tmp_path).text == f"A leads on s: it is significantly better than {whom}."


def test_two_at_the_top_and_one_behind(tmp_path: Path) -> None:
    for name, share in (("A", 0.8), ("B", 0.8), ("C", 0.4)):
        add(tmp_path, name, "s", share)
    assert said(tmp_path).text == "No model leads on s: A and B cannot be told apart; C is behind."


def three_sets(results: Path, on_third: float) -> None:
    for dataset, best in (("first", 0.8), ("second", 0.8), ("third", on_third)):
        add(results, "A", dataset, best)
        add(results, "B", dataset, 0.5)
        add(results, "C", dataset, 0.5)


def test_three_models_of_which_one_leads_on_two_of_three_sets(tmp_path: Path) -> None:
    three_sets(tmp_path, 0.5)
    found = said(tmp_path)
    assert found.text == "A leads on 2 of 3 sets; on third the three models cannot be told apart."
    assert found.notes == ()
    assert [(each.label, each.leader) for each in found.standings] == [
        ("first", "A"), ("second", "A"), ("third", None)
    ]  # fmt: skip


def test_a_model_that_leads_everywhere_and_two_that_share_the_sets(tmp_path: Path) -> None:
    (tmp_path / "all").mkdir()
    three_sets(tmp_path / "all", 0.7)
    assert said(tmp_path / "all").text == "A leads on all 3 sets."
    (tmp_path / "shared").mkdir()
    three_sets(tmp_path / "shared", 0.5)
    for name, dataset, share in (("C", "third", 0.5), ("D", "third", 0.9)):
        add(tmp_path / "shared", name, dataset, share)
    assert said(tmp_path / "shared").text == "A leads on 2 of 3 sets, D on 1."


def test_no_model_can_be_told_apart_on_any_set(tmp_path: Path) -> None:
    for dataset in ("first", "second"):
        for name in "ABC":
            add(tmp_path, name, dataset, 0.5)
    assert said(tmp_path).text == "Three models cannot be told apart on any of 2 sets."


def test_unequal_sets_are_named_and_count_only_where_models_were_compared(tmp_path: Path) -> None:
    """A ran everywhere, B not on the second set, C only on the first; the third set has one model."""
    for dataset in ("first", "second", "third"):
        add(tmp_path, "A", dataset, 0.8)
    add(tmp_path, "B", "first", 0.4)
    add(tmp_path, "C", "first", 0.4)
    add(tmp_path, "C", "second", 0.8)
    found = said(tmp_path)
    assert found.text == "A leads on 1 of 2 sets; on second the two models cannot be told apart."
    assert found.notes == ("B has no run on second.", "On third no two models are compared.")


def test_models_that_share_no_set_are_not_compared(tmp_path: Path) -> None:
    add(tmp_path, "A", "first", 0.8)
    add(tmp_path, "B", "second", 0.4)
    assert said(tmp_path).text == ("Two models, and no two of them can be compared: no set has two of them whole.")


def test_a_part_of_the_problems_makes_no_lead_and_is_named(tmp_path: Path) -> None:
    add(tmp_path, "A", "s", 0.9, scored=PROBLEMS - 1)
    add(tmp_path, "B", "s", 0.5)
    add(tmp_path, "C", "s", 0.5)
    found = said(tmp_path)
    assert found.text == "Two models cannot be told apart on s: B and C."
    assert found.notes == ("A has no whole run on s, so no rank.",)


def test_a_lead_in_a_setting_that_the_others_were_not_run_in_says_so(tmp_path: Path) -> None:
    add(tmp_path, "A", "s", 0.8, temperature="0.2")
    add(tmp_path, "B", "s", 0.4, temperature="0.8")
    found = said(tmp_path)
    assert found.text == "A leads on s: it is significantly better than B."
    assert found.notes == ("On s B was not run in the leader's setting (T:0.2): the lead may be the setting's.",)


def test_the_settings_of_one_model_stand_as_models_do(tmp_path: Path) -> None:
    add(tmp_path, "A", "s", 0.8, temperature="0.2")
    add(tmp_path, "A", "s", 0.4, temperature="0.8")
    assert said(tmp_path).text == "A T:0.2 leads on s: it is significantly better than A T:0.8."


def test_a_model_leads_by_one_of_its_runs(tmp_path: Path) -> None:
    for temperature, share in (("0.2", 0.8), ("0.8", 0.3)):
        add(tmp_path, "A", "s", share, temperature=temperature)
        add(tmp_path, "B", "s", 0.4, temperature=temperature)
    found = said(tmp_path)
    assert found.text == "A leads on s: it is significantly better than B." and found.notes == ()


def test_no_table_says_nothing(tmp_path: Path) -> None:
    assert make_headline([]).text == ""


def test_the_grid_has_every_run_of_a_model_under_its_set(tmp_path: Path) -> None:
    three_sets(tmp_path, 0.5)
    add(tmp_path, "A", "first", 0.3, temperature="0.2")
    grid = make_grid(tables(tmp_path))
    assert [label for _, label in grid.columns] == ["first", "second", "third"]
    counts = {name: [len(cells.get(table.slug, ())) for table, _ in grid.columns] for name, cells in grid.cells.items()}
    assert counts == {"A": [2, 1, 1], "B": [1, 1, 1], "C": [1, 1, 1]}


def test_sets_of_one_name_are_told_apart_by_their_conditions(tmp_path: Path) -> None:
    add(tmp_path, "A", "s", 0.5)
    run = next(tmp_path.iterdir())
    other = shutil.copytree(run, tmp_path / "other")
    manifest = json.loads((other / "manifest.json").read_bytes())
    manifest.update(fingerprint="f" * 64, signature=manifest["signature"].replace("mem:512MiB", "mem:64MiB"))
    (other / "manifest.json").write_text(json.dumps(manifest))
    labels = set(set_labels(tables(tmp_path)).values())
    assert len(labels) == 2 and any("mem 64MiB" in each for each in labels)
