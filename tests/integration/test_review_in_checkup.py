"""What people said stands in the check-up's report."""

from __future__ import annotations

import json
from pathlib import Path

from harness.review.assignments import TaskAssigner
from harness.review.results import close
from tests.fixtures.commands import Harness
from tests.fixtures.problems import write_rows
from tests.fixtures.review import honest, make_study, work


def test_a_closed_study_stands_in_the_report_and_an_open_one_is_refused_before_anything_runs(
    harness: Harness, tmp_path: Path
) -> None:
    study = make_study(tmp_path, items=12, judges="1", checks=0.0)
    desk = TaskAssigner(study)
    work(desk, "judge1", honest(study, "model-b"))
    desk.close()
    (tmp_path / "data").mkdir()
    write_rows(
        tmp_path / "data" / "validation.jsonl", *({"text": f"def f{n}(x):\n    return x + {n}\n"} for n in range(4))
    )
    asked = [
        "checkup",
        "--base",
        "nano-base",
        "--tuned",
        "nano",
        "--data",
        "data",
        "--prompts",
        "0",
        "--review",
        study.path,
    ]
    refused = harness(*asked, cwd=tmp_path)
    assert refused.returncode == 2 and "the study is open" in refused.stderr and not (tmp_path / "checkup").exists()
    close(study)
    said = harness(*asked, cwd=tmp_path)
    assert said.returncode == 0, said.stderr
    words = "Judges prefer model-b to model-a (12 to 0 of 12 decided items"
    assert words in " ".join(said.stdout.split())
    page = (tmp_path / "checkup" / "report.html").read_text("utf-8")
    assert words in page and "What people say" in page
    (found,) = json.loads((tmp_path / "checkup" / "checkup.json").read_bytes())["people"]
    assert found["study"] == study.id and found["comparisons"][0]["losses"] == 12
