"""The embedded models are where they should be on the starter set: neither hopeless nor done."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from harness.models import NAMES, model_dir
from tests.fixtures.commands import Harness
from tests.fixtures.places import EXAMPLE


@pytest.mark.parametrize("name", NAMES)
def test_a_checkpoint_is_a_small_llama_with_its_loss_curve(name: str) -> None:
    model = transformers.AutoModelForCausalLM.from_pretrained(model_dir(name), dtype=torch.float32)
    assert model.config.model_type == "llama" and 1e6 <= model.num_parameters() <= 3e6
    assert (model_dir(name) / "model.safetensors").stat().st_size <= 6_000_000
    curve = json.loads((model_dir(name) / "loss.json").read_text())
    losses = [point["held_out_loss"] for point in curve["curve"]]
    assert len(losses) >= 5 and losses[-1] < losses[0]


def test_the_main_job_comes_to_the_numbers_of_the_committed_example(main_job: tuple[Path, dict[str, Any]]) -> None:
    _, summary = main_job
    example = json.loads((EXAMPLE / "summary.json").read_text())
    assert [each["value"] for each in summary["estimates"]] == [each["value"] for each in example["estimates"]]
    assert [f"{each['value']:.1%}" for each in summary["estimates"]] == ["50.7%", "71.0%"]


def test_nano_is_between_20_and_80_percent_and_its_base_clearly_below(
    harness: Harness, main_job: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    one, ten = (each["value"] for each in main_job[1]["estimates"])
    assert 0.2 <= one <= 0.8 and ten >= one + 0.1
    answer = harness("run", "--k", "1", "--n", "1", "--model", "nano-base", "--json", cwd=tmp_path)
    (base,) = json.loads(answer.stdout)["estimates"]
    assert base["high"] < one / 2
