"""The embedded models are where they should be on the starter set: neither hopeless nor done."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import transformers

from harness.models import NAMES, model_dir
from tests.fixtures.commands import Harness


@pytest.mark.parametrize("name", NAMES)
def test_a_checkpoint_is_a_small_llama_with_its_loss_curve(name: str) -> None:
    model = transformers.AutoModelForCausalLM.from_pretrained(model_dir(name), dtype=torch.float32)
    assert model.config.model_type == "llama" and 1e6 <= model.num_parameters() <= 3e6
    assert (model_dir(name) / "model.safetensors").stat().st_size <= 6_000_000
    curve = json.loads((model_dir(name) / "loss.json").read_text())
    losses = [point["held_out_loss"] for point in curve["curve"]]
    assert len(losses) >= 5 and losses[-1] < losses[0]


def test_nano_is_between_20_and_80_percent_and_its_base_clearly_below(harness: Harness, tmp_path: Path) -> None:
    answer = harness("run", "--k", "1,10", "--json", cwd=tmp_path)
    one, ten = (each["value"] for each in json.loads(answer.stdout)["estimates"])
    assert 0.2 <= one <= 0.8 and ten >= one + 0.1
    answer = harness("run", "--k", "1", "--n", "2", "--model", "nano-base", "--json", cwd=tmp_path)
    (base,) = json.loads(answer.stdout)["estimates"]
    assert base["high"] < one / 2
