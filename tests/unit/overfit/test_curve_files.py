"""Logs of training runs in the forms that trainers and trackers write them."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from harness.errors import InputError
from harness.overfit.curve_files import read_curve
from harness.overfit.loss_curve import find_broken, find_minimum
from tests.fixtures.problems import write_rows

POINTS = [(10, 2.0, None), (10, None, 2.1), (20, 1.5, None), (20, None, 1.8)]


def found(path: Path) -> list[tuple[float | None, float | None, float | None]]:
    return [(each.step, each.train, each.validation) for each in read_curve(path).points]


def merged(path: Path) -> dict[str, dict[float | None, float | None]]:
    rows = found(path)
    return {"train": {step: loss for step, loss, _ in rows if loss is not None},
            "validation": {step: loss for step, _, loss in rows if loss is not None}}  # fmt: skip


EXPECTED = {"train": {10: 2.0, 20: 1.5}, "validation": {10: 2.1, 20: 1.8}}


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    write_rows(path, *rows)
    return path


def test_llama_factorys_log(tmp_path: Path) -> None:
    rows = [
        {"current_steps": 10, "total_steps": 20, "loss": 2.0, "lr": 1e-5, "epoch": 0.5, "percentage": 50.0},
        {"current_steps": 10, "total_steps": 20, "eval_loss": 2.1, "epoch": 0.5},
        {"current_steps": 20, "total_steps": 20, "loss": 1.5, "epoch": 1.0},
        {"current_steps": 20, "total_steps": 20, "eval_loss": 1.8, "epoch": 1.0},
        {"current_steps": 20, "total_steps": 20, "epoch": 1.0, "percentage": 100.0, "elapsed_time": "0:01:00"},
    ]
    write(tmp_path / "trainer_log.jsonl", rows)
    assert merged(tmp_path) == EXPECTED


def test_a_wandb_history_and_a_wandb_chart(tmp_path: Path) -> None:
    rows = [
        {"_step": 10, "train/loss": 2.0, "eval/loss": 2.1, "_runtime": 3},
        {"_step": 20, "train/loss": 1.5, "eval/loss": 1.8, "train/grad_norm": 0.3},
    ]
    write(tmp_path / "history.jsonl", rows)
    (tmp_path / "chart.csv").write_text(
        '"Step","my-loss-run - train/loss","my-loss-run - train/loss__MIN","my-loss-run - eval/loss"\n'
        '"10","2.0","1.9","2.1"\n"20","1.5","1.4","1.8"\n'
    )
    assert merged(tmp_path / "history.jsonl") == merged(tmp_path / "chart.csv") == EXPECTED


def test_mlflows_metrics_as_a_folder_and_as_a_table(tmp_path: Path) -> None:
    folder = tmp_path / "run" / "metrics"
    (folder / "eval").mkdir(parents=True)
    (folder / "train_loss").write_text("1700000000 2.0 10\n1700000001 1.5 20\n")
    (folder / "eval" / "loss").write_text("1700000000 2.1 10\n1700000001 1.8 20\n")
    (folder / "lr").write_text("1700000000 0.1 10\n")
    (tmp_path / "m.csv").write_text(
        "key,value,step\ntrain_loss,2.0,10\neval_loss,2.1,10\ntrain_loss,1.5,20\neval_loss,1.8,20\n"
    )
    assert merged(tmp_path / "run") == merged(tmp_path / "m.csv") == EXPECTED


def test_tensorboards_events(tmp_path: Path) -> None:
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(tmp_path)) as writer:
        for step, train, validation in ((10, 2.0, 2.125), (20, 1.5, 1.75)):
            writer.add_scalar("train/loss", train, step)
            writer.add_scalar("eval/loss", validation, step)
            writer.add_scalar("train/learning_rate", 0.1, step)
    expected = {"train": {10: 2.0, 20: 1.5}, "validation": {10: 2.125, 20: 1.75}}
    assert merged(tmp_path) == expected


def test_the_summary_of_a_finished_training_is_no_point_whatever_it_holds(tmp_path: Path) -> None:
    log = [{"loss": 2.0, "step": 1}, {"eval_loss": 1.9, "step": 1}, {"loss": 0.3, "step": 2}, {"eval_loss": 1.0, "step": 2},
           {"step": 2, "train_loss": 1.12, "train_runtime": 5.0, "total_flos": 1e9}]  # fmt: skip
    (tmp_path / "trainer_state.json").write_text(json.dumps({"log_history": log}))
    assert [loss for _, loss, _ in found(tmp_path) if loss is not None] == [2.0, 0.3]


def test_what_a_resumed_run_does_again_is_replaced(tmp_path: Path) -> None:
    log = [{"loss": 3.0, "step": 10}, {"loss": 2.5, "step": 20}, {"loss": 9.0, "step": 30}, {"loss": 2.4, "step": 20}, {"loss": 2.0, "step": 30}]  # fmt: skip
    (tmp_path / "trainer_state.json").write_text(json.dumps({"log_history": log}))
    assert found(tmp_path) == [(10, 3.0, None), (20, 2.4, None), (30, 2.0, None)]


def test_of_several_validation_sets_the_one_that_rises_is_read_and_named(tmp_path: Path) -> None:
    log = [{"eval_wiki_loss": wiki, "eval_code_loss": code, "step": step}
           for step, wiki, code in ((1, 2.0, 2.0), (2, 1.5, 1.0), (3, 1.2, 1.3), (4, 1.1, 1.6))]  # fmt: skip
    (tmp_path / "trainer_state.json").write_text(json.dumps({"log_history": log}))
    curve = read_curve(tmp_path)
    assert [each.validation for each in curve.points] == [2.0, 1.0, 1.3, 1.6]
    assert curve.notes == ("2 validation sets (wiki, code): the curve is of code, which rose most",)


@pytest.mark.parametrize(
    ("log", "at"),
    [
        ([{"loss": "nan", "step": 10}, {"loss": 0.0, "step": 20}], 10),
        ([{"loss": 2.0, "step": 10}, {"loss": 0.0, "step": 20}, {"eval_loss": math.nan, "step": 20}], 20),
        ([{"loss": 2.0, "step": 10}, {"loss": math.inf, "step": 20}, {"loss": 1.0, "step": 30}], 20),
        ([{"loss": 2.0, "step": 10}, {"loss": 1e-9, "step": 20}, {"eval_loss": 0.5, "step": 20}], None),
    ],
)
def test_losses_that_are_no_numbers_are_found_where_they_begin(
    tmp_path: Path, log: list[dict[str, Any]], at: int | None
) -> None:
    (tmp_path / "trainer_state.json").write_text(json.dumps({"log_history": log}))
    broken = find_broken(read_curve(tmp_path).points)
    assert (broken.step if broken else None) == at


def test_a_broken_end_is_no_minimum(tmp_path: Path) -> None:
    log = [{"eval_loss": loss, "step": step} for step, loss in ((1, 2.0), (2, 1.0), (3, math.nan))]
    (tmp_path / "trainer_state.json").write_text(json.dumps({"log_history": log}))
    turn = find_minimum(read_curve(tmp_path).points)
    assert turn is not None and turn.loss == 1.0


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.jsonl", "[1]\n", "line 1: a JSON object is expected"),
        ("a.jsonl", '{"loss": 1}\n', "line 1: a loss without its step or epoch"),
        ("a.csv", "step,accuracy\n1,0.5\n", "has no losses"),
        ("a.json", '{"log_history": [{"loss": true, "step": 1}]}', "loss is not a number: True"),
    ],
)
def test_a_log_that_cannot_be_read_is_named(tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=message):
        read_curve(tmp_path / name)


def test_a_chart_of_several_runs_is_no_curve(tmp_path: Path) -> None:
    path = tmp_path / "chart.csv"
    path.write_text('Step,"a - eval/loss","a - eval/loss__MIN","b - eval/loss"\n1,2.0,2.0,\n2,,,1.0\n')
    with pytest.raises(InputError, match=r"2 runs \(a, b\)"):
        read_curve(path)
    path.write_text('Step,"a - eval/loss","a - train/loss","a - lr"\n1,2.0,2.1,1\n2,1.0,1.1,1\n')
    assert [each.validation for each in read_curve(path).points if each.validation] == [2.0, 1.0]


def test_lightning_s_mean_over_an_epoch_is_the_training_loss(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text(
        "epoch,step,train_loss_epoch,train_loss_step,val_loss_epoch\n0,10,,9.0,\n0,19,,,1.9\n0,19,2.2,,\n1,39,,,2.5\n1,39,1.1,,\n"
    )
    curve = read_curve(path)
    assert [each.train for each in curve.points if each.train] == [2.2, 1.1] and not curve.notes
    assert [each.validation for each in curve.points if each.validation] == [1.9, 2.5]
