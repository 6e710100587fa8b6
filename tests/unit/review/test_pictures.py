"""Pictures as items: folders as `harness images sample` leaves them are shown to people."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from PIL import Image

from harness.images import run_directory
from harness.review.pairs import tasks_of
from harness.review.study import PICTURES, open_study
from tests.fixtures.commands import Harness
from tests.fixtures.problems import write_rows
from tests.fixtures.review import ask, serving

COLOURS = {"one": ("red", "white"), "two": ("blue", "white")}  # the second picture of both is the same


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    """Two models' pictures of two prompts, with manifests that hold the same bytes; one has no ids."""
    for model, colours in COLOURS.items():
        (tmp_path / model / "pictures").mkdir(parents=True)
        for number, colour in enumerate(colours):
            Image.new("RGB", (32, 32), colour).save(tmp_path / model / "pictures" / f"{number}.png")
        rows = [{"image": f"pictures/{number}.png", "prompt": "a square", "seed": number} for number in range(2)]
        write_rows(tmp_path / model / "manifest.jsonl", *rows)
    return [tmp_path / model for model in COLOURS]


def test_folders_of_pictures_are_paired_by_prompt_and_seed_and_equal_ones_are_ties(
    folders: list[Path], harness: Harness, tmp_path: Path
) -> None:
    said = harness("review", "ab", *folders, "--judges", "ana", "--checks", "0", "-o", tmp_path / "study")
    assert said.returncode == 0, said.stderr
    study = open_study(tmp_path / "study")
    assert list(study.key.labels) == ["one", "two"]
    asked, ties = tasks_of(study)
    assert [study.key.problems[each.item] for each in (*asked, *ties)] == ["a square__0", "a square__1"]
    with serving(study) as running:
        base = "/j/" + study.key.token("ana")
        (task,) = ask(running.port, f"{base}/state").json()["next"]
        assert [each["picture"] for each in task["answers"]] == [True, True] and "a square" in task["prompt"]
        shown = [ask(running.port, f"{base}/picture/{task['task']}/{side}").body for side in (0, 1)]
    found = {Image.open(io.BytesIO(each)).convert("RGB").getpixel((5, 5)) for each in shown}
    assert found == {(255, 0, 0), (0, 0, 255)}
    assert {each.name.partition(".")[0] for each in (study.path / PICTURES).iterdir()} == set(study.key.answers)


def test_pictures_stand_in_the_offline_form_large_enough_to_see(
    folders: list[Path], harness: Harness, tmp_path: Path
) -> None:
    said = harness("review", "sheet", *folders, "-o", tmp_path / "sheet")
    assert said.returncode == 0, said.stderr
    page = (tmp_path / "sheet" / "evaluation_sheet.html").read_text()
    assert page.count('src="data:image/png;base64,') == page.count('class="small"') == 4
    assert "one" not in {
        entry["generated"] for entry in json.loads((tmp_path / "sheet" / "evaluation_sheet.json").read_bytes())
    }


def test_a_run_that_measured_pictures_points_to_their_folders(
    harness: Harness, folders: list[Path], tmp_path: Path
) -> None:
    run = run_directory.begin(tmp_path / "results", "library", "m", {"model": {"name": "m"}}, {})
    said = harness("review", "ab", run, folders[0], "-o", tmp_path / "study")
    assert said.returncode == 2 and "give the folders that have them" in " ".join(said.stderr.split())
