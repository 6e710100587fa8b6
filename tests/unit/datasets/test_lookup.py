"""Problem sets of other runs are found by their digest, and only by it."""

from __future__ import annotations

from pathlib import Path

from harness.datasets import ProblemSets, load_set, shipped_folder
from harness.tasks import open_task


def test_a_shipped_set_is_found_by_its_name_and_digest(tmp_path: Path) -> None:
    for name, task in (("starter", open_task("codegen")), ("remarks", open_task("classification"))):
        there = load_set(name, tmp_path, task)
        found = ProblemSets(tmp_path).find(name, there.sha256, task)
        assert found is not None and found.problems == there.problems


def test_a_set_of_another_content_under_the_same_name_is_no_substitute(tmp_path: Path) -> None:
    assert ProblemSets(tmp_path).find("starter", "0" * 64, open_task("codegen")) is None


def test_a_file_is_found_at_the_path_that_the_run_had(tmp_path: Path) -> None:
    own = tmp_path / "own.jsonl"
    own.write_bytes((shipped_folder() / "starter.jsonl").read_bytes())
    task = open_task("codegen")
    digest = load_set(str(own), tmp_path).sha256
    assert ProblemSets(tmp_path).find("own", digest, task) is None
    found = ProblemSets(tmp_path).find("own", digest, task, str(own))
    assert found is not None and found.path == own
    own.write_text("{")
    assert ProblemSets(tmp_path).find("own", digest, task, str(own)) is None
