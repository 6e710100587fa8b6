"""What `harness checkup` and `harness overfit` make of a good fine-tune on rows of a prompt and a completion."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from harness.models import model_dir
from tests.fixtures.commands import Harness
from tests.fixtures.models import pairs
from tests.fixtures.problems import write_rows

Record = dict[str, Any]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pairs")
    write_rows(folder / "train.jsonl", *pairs(0, 40))
    write_rows(folder / "val.jsonl", *pairs(1, 30))
    return folder


@pytest.fixture(scope="module")
def record(harness: Harness, data: Path, completer: Path, tmp_path_factory: pytest.TempPathFactory) -> Record:
    folder = tmp_path_factory.mktemp("checkup")
    answer = harness(
        "checkup", "--base", "nano", "--tuned", completer, "--data", data, "--prompts", "2", "--json", cwd=folder
    )
    assert answer.returncode == 0, answer.stderr
    found: Record = json.loads(answer.stdout)
    return found


def perplexity(model: Path, rows: list[dict[str, str]], *, whole: bool) -> float:
    """By transformers alone."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(model)
    loaded = transformers.AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32).eval()
    nats, count = 0.0, 0
    for row in rows:
        tokens = tokenizer(row["prompt"] + row["completion"], return_tensors="pt").input_ids
        labels = tokens.clone()
        given = 1 if whole else len(tokenizer(row["prompt"]).input_ids)
        labels[0, :given] = -100
        with torch.no_grad():
            nats += float(loaded(input_ids=tokens, labels=labels).loss) * (tokens.shape[1] - given)
        count += tokens.shape[1] - given
    return math.exp(nats / count)


def test_a_good_fine_tune_is_better_in_what_it_was_trained_on(record: Record, completer: Path) -> None:
    line = next(each for each in record["lines"] if (each["part"], each["metric"]) == ("validation", "perplexity"))
    expected = [perplexity(model, pairs(1, 30), whole=False) for model in (model_dir("nano"), completer)]
    assert [line[side]["value"] for side in ("base", "tuned")] == pytest.approx(expected, rel=1e-2)
    assert line["verdict"] == "better" and line["tuned"]["value"] < 1.5 < line["base"]["value"]
    assert record["headline"].startswith("Yes: "), record["headline"]


def test_the_loss_of_whole_texts_stands_beside_without_a_verdict(record: Record, completer: Path) -> None:
    assert not [each for each in record["lines"] if each["part"] == "validation whole"]
    expected = [perplexity(model, pairs(1, 30), whole=True) for model in (completer, model_dir("nano"))]
    shown = re.search(r"\(loss:whole\) ([\d.,]+) against ([\d.,]+)\.", record["headline"])
    assert shown is not None and "loss:completion" in record["headline"], record["headline"]
    assert [float(each.replace(",", "")) for each in shown.groups()] == pytest.approx(expected, rel=1e-2)
    rows = record["comparisons"]["validation whole"]
    assert "loss:whole" in json.dumps(rows) and "loss:completion" in json.dumps(record["comparisons"]["validation"])


def test_the_loss_gap_is_that_of_the_completions_in_both_commands(
    harness: Harness, record: Record, data: Path, completer: Path, tmp_path: Path
) -> None:
    answer = harness(
        "overfit", "--train", data / "train.jsonl", "--validation", data / "val.jsonl", "--model", completer,
        "--prompts", "0", "--json", cwd=tmp_path,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    found = json.loads(answer.stdout)
    assert found["signature"] == ["loss:completion", "loss:whole"] and found["whole"]["value"] != found["gap"]["value"]
    assert found["gap"]["value"] == pytest.approx(record["overfitting"]["gaps"]["tuned"]["value"], abs=1e-3)


def test_several_checkpoints_stand_in_one_table_and_the_best_is_named(
    harness: Harness, data: Path, completer: Path, overfit: Path, tmp_path: Path
) -> None:
    command = ["checkup", "--base", "nano", "--tuned", overfit, "--tuned", completer, "--data", data, "--prompts", "0"]
    answer = harness(*command, "--json", cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    found = json.loads(answer.stdout)
    values = [row["validation"]["value"] for row in found["table"]]
    assert len(values) == 2 and values[1] == min(values) and found["lowest"] == found["table"][1]["name"]
    assert found["table"][1]["name"] in found["advice"]
    for number, model in enumerate((overfit, completer), start=1):
        assert (tmp_path / "checkup" / f"{number}-{model.name}" / "report.html").is_file()
    assert len({record["runs"]["base"]["validation"] for record in found["checkpoints"]}) == 1
    shown = harness(*command, cwd=tmp_path)
    assert shown.returncode == 0 and "has the lowest perplexity on validation texts" in shown.stdout
    assert "loading " not in shown.stderr, "a complete checkup asks no model"
