"""`harness split`, `leaks` and `overfit` with real files and a real model, trained here until it has learned by heart."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from harness.engines.transformers import Options, TransformersEngine
from harness.files.rows import RowFile
from harness.models import model_dir
from harness.overfit.examine import OverfitOptions, OverfitReport, measure_overfitting
from harness.types import SamplingParams
from tests.fixtures.commands import Harness
from tests.fixtures.problems import write_rows


@pytest.fixture(scope="module")
def files(texts: dict[str, list[str]], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("texts")
    return {
        name: write_rows(folder / f"{name}.jsonl", *({"text": text} for text in each)) for name, each in texts.items()
    }


def report_on(model: Path, files: dict[str, Path]) -> OverfitReport:
    asked = OverfitOptions(sampling=SamplingParams(temperature=0.8, max_tokens=100), prompts=4)
    engine = TransformersEngine(Options(model=str(model)))
    with RowFile(files["train"]) as train, RowFile(files["validation"]) as validation:
        return measure_overfitting(train, validation, engine, None, [], asked, lambda *_: None)


def direct_loss(model: Path, texts: list[str]) -> float:
    """By transformers alone: mean nats per predicted token."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(model)
    loaded = transformers.AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32).eval()
    nats = count = 0.0
    with torch.no_grad():
        for text in texts:
            tokens = tokenizer(text, return_tensors="pt").input_ids
            predicted = tokens.shape[1] - 1
            nats += loaded(input_ids=tokens, labels=tokens).loss.item() * predicted
            count += predicted
    return nats / count


def test_a_model_that_learned_by_heart_is_called_severe_by_gap_and_copies(
    overfit: Path, files: dict[str, Path], texts: dict[str, list[str]]
) -> None:
    report = report_on(overfit, files)
    assert report.level == "severe" and report.gap is not None and report.gap.settled
    assert report.gap.train.value == pytest.approx(direct_loss(overfit, texts["train"]), abs=1e-3)
    assert report.gap.validation.value == pytest.approx(direct_loss(overfit, texts["validation"]), abs=1e-3)
    after_training, after_validation = report.copies
    assert after_training.excessive and after_training.long.share > 0.8 and not after_validation.excessive
    assert {sign.level for sign in report.signs} == {"severe"} and len(report.signs) == 2


def test_the_untouched_model_shows_no_sign(files: dict[str, Path]) -> None:
    report = report_on(model_dir("nano"), files)
    assert report.level == "none" and report.signs == () and report.gap is not None and report.gap.low < 0


def test_a_curve_alone_is_read_drawn_and_named(harness: Harness, tmp_path: Path) -> None:
    log = [
        {"epoch": epoch, "step": epoch * 10, "eval_loss": loss} for epoch, loss in enumerate((2.0, 1.5, 1.8, 2.2), 1)
    ]
    (tmp_path / "trainer_state.json").write_text(json.dumps({"log_history": log}))
    answer = harness("overfit", "--curve", tmp_path, "-o", tmp_path / "out", "--json")
    found = json.loads(answer.stdout)
    assert answer.returncode == 1 and found["level"] == "severe" and found["turn"]["epoch"] == 2
    assert "turns up" in (tmp_path / "out" / "curve.svg").read_text()
    assert json.loads((tmp_path / "out" / "overfit.json").read_text()) == found


def test_saved_outputs_are_searched_for_copies_without_a_model(harness: Harness, tmp_path: Path) -> None:
    draw = random.Random(0)
    words = [["".join(draw.choices("abcdef", k=6)) for _ in range(90)] for _ in range(60)]
    train, validation, fresh = ([" ".join(each) for each in part] for part in (words[:20], words[20:40], words[40:]))
    files = [
        write_rows(tmp_path / f"{name}.jsonl", *({"text": text} for text in each))
        for name, each in (("train", train), ("validation", validation), ("copied", train[:10]), ("fresh", fresh))
    ]
    start = ("overfit", "--train", files[0], "--validation", files[1], "--json", "--outputs")
    copied, clean = harness(*start, files[2]), harness(*start, files[3])
    assert copied.returncode == 1 and json.loads(copied.stdout)["copies"][0]["long"]["share"] == 1
    assert clean.returncode == 0 and json.loads(clean.stdout)["signs"] == []


def test_split_writes_parts_that_leaks_finds_nothing_in(harness: Harness, tmp_path: Path) -> None:
    draw = random.Random(0)
    rows = [{"id": n, "text": " ".join("".join(draw.choices("abcdef", k=6)) for _ in range(60))} for n in range(50)]
    data = write_rows(tmp_path / "data.jsonl", *rows)
    answer = harness("split", data, "--validation-size", "0.1", "--json", cwd=tmp_path)
    report = json.loads(answer.stdout)
    assert answer.returncode == 0 and report["folder"] == "data-split"
    assert {name: part["rows"] for name, part in report["parts"].items()} == {"train": 40, "validation": 5, "test": 5}
    parts = [tmp_path / "data-split" / f"{name}.jsonl" for name in ("train", "validation", "test")]
    assert harness("leaks", *parts).returncode == 0
    planted = harness("leaks", data, parts[2])
    assert planted.returncode == 1 and "5 of 5" in planted.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("overfit",), "give --train and --validation"),
        (("overfit", "--train", "a.jsonl"), "--train and --validation go together"),
        (("overfit", "--train", "a.jsonl", "--validation", "a.jsonl"), "nothing to examine"),
        (("split", "gone.jsonl"), "gone.jsonl cannot be read"),
        (("split", "gone.jsonl", "--strategy", "groups"), "did you mean group"),
        (("split", "gone.jsonl", "--near", "2"), "a threshold"),
        (("leaks", "gone.jsonl", "humanevil"), "gone.jsonl cannot be read"),
    ],
)
def test_bad_input_ends_with_exit_code_2(harness: Harness, tmp_path: Path, arguments: Any, message: str) -> None:
    answer = harness(*arguments, cwd=tmp_path)
    assert answer.returncode == 2 and message in answer.stderr
