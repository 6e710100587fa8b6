"""All reference solutions of the published sets pass through `harness score`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.datasets import load_set
from tests.fixtures.commands import Harness
from tests.fixtures.problems import read_rows

SETS = {
    "humaneval/HumanEval.jsonl.gz": 164,
    "mbpp/mbpp.jsonl": 974,
    "humanevalplus/HumanEvalPlus-OriginFmt.jsonl.gz": 164,
    "mbppplus/MbppPlus-OriginFmt.jsonl.gz": 378,
}


SLOW = ("humanevalplus/HumanEvalPlus-OriginFmt.jsonl.gz", "mbppplus/MbppPlus-OriginFmt.jsonl.gz")


@pytest.mark.parametrize("file", [pytest.param(file, marks=pytest.mark.slow if file in SLOW else ()) for file in SETS])
def test_every_reference_passes(harness: Harness, data: Path, tmp_path: Path, file: str) -> None:
    loaded = load_set(str(data / file), tmp_path)
    samples = tmp_path / "references.jsonl"
    with open(samples, "w") as out:
        for problem in loaded.problems:
            out.write(json.dumps({"task_id": problem.id, "completion": problem.references[0]}) + "\n")
    answer = harness("score", samples, "--problems", data / file, "--json", cwd=tmp_path)
    rows = read_rows(tmp_path / "references.jsonl_results.jsonl")
    assert answer.returncode == 0 and len(rows) == SETS[file]
    assert [(row["task_id"], row["result"]) for row in rows if not row["passed"]] == []


@pytest.mark.parametrize("name", ["starter", "core"])
def test_the_shipped_sets_verify(harness: Harness, name: str) -> None:
    answer = harness("verify", name)
    assert answer.returncode == 0, answer.stdout
