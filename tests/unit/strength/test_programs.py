"""The accepted programs of runs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from harness.datasets import load_set
from harness.strength.programs import accepted_completions
from harness.types import Form
from tests.fixtures.places import EXAMPLE
from tests.fixtures.problems import write_rows

REPLY = """```python
def odd_cubes(xs):
    return [x ** 3 for x in xs if x % 2 and x < 10]
```
Or better:
```python
def odd_cubes(xs):
    return [x ** 3 for x in xs if x % 2]
```
"""


def test_the_program_of_a_reply_is_what_the_runs_own_extractor_took(tmp_path: Path) -> None:
    problems = load_set("starter", tmp_path).problems
    for extractor, telling in (("first", True), ("last", False)):
        run = tmp_path / extractor
        run.mkdir()
        manifest = json.loads((EXAMPLE / "manifest.json").read_text())
        manifest["identity"]["extractor"] = extractor
        (run / "manifest.json").write_text(json.dumps(manifest))
        at = {"problem_id": "starter/odd_cubes", "index": 0}
        write_rows(run / "completions.jsonl", {**at, "text": REPLY, "form": "chat"})
        first = json.loads((EXAMPLE / "executions.jsonl").read_text().split("\n", 1)[0])
        write_rows(run / "executions.jsonl", {**first, **at, "verdict": "ACCEPTED"})
        (only,) = accepted_completions([run], problems)["starter/odd_cubes"]
        assert ("x < 10" in only.text) is telling and only.form is Form.SOLUTION
        shutil.rmtree(run)


def test_programs_of_problems_that_the_set_does_not_have_are_left_out(tmp_path: Path) -> None:
    problems = load_set("starter", tmp_path).problems
    assert set(accepted_completions([EXAMPLE], problems[:3])) <= {each.id for each in problems[:3]}
