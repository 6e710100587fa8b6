"""Training curves: what is read, and where the validation loss turns up."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from harness.errors import InputError
from harness.models import model_dir
from harness.overfit import loss_plot
from harness.overfit.curve_files import read_curve
from harness.overfit.loss_curve import Point, find_minimum, sparkline


def points(*losses: float) -> list[Point]:
    return [
        Point(step=10.0 * (place + 1), epoch=place + 1.0, train=2.0 / (place + 1), validation=loss)
        for place, loss in enumerate(losses)
    ]


@pytest.mark.parametrize(
    ("losses", "epoch"),
    [
        ((2.0, 1.5, 1.2, 1.4, 1.6), 3),
        ((2.0, 1.5, 1.2, 1.4), None),  # one rise is no rise
        ((2.0, 1.5, 1.2, 1.0), None),
        ((2.0, 1.2, 1.201, 1.202), None),  # a plateau
        ((2.0, 1.2, 1.5, 1.3, 1.4), None),  # up and down
        ((1.0, 1.1, 1.2), 1),
        ((2.0, 1.6, 1.3, 1.9, 1.2, 1.1, 1.0, 0.95, 0.9, 0.85), None),  # one odd evaluation
        ((2.0, 1.6, 1.3, 1.2, 1.1, 1.3, 1.2, 1.4, 1.5, 1.6, 1.8), 5),  # noise on the way up
    ],
)
def test_a_curve_turns_up_where_two_rises_follow_its_minimum(losses: tuple[float, ...], epoch: int | None) -> None:
    turn = find_minimum(points(*losses))
    assert turn is not None and (turn.epoch if turn.confirmed else None) == epoch


def test_a_turn_says_how_far_validation_rose_and_training_fell() -> None:
    turn = find_minimum(points(2.0, 1.0, 1.2, 1.5))
    assert turn is not None and (turn.loss, turn.rise, turn.train_change) == pytest.approx((1.0, 0.5, -0.5))


def test_a_curve_without_validation_losses_has_no_turn() -> None:
    assert find_minimum([Point(step=1, epoch=None, train=1.0, validation=None)]) is None


def test_a_trainer_state_is_read_without_its_summary(tmp_path: Path) -> None:
    log = [
        {"epoch": 0.5, "loss": 2.5, "learning_rate": 1e-4, "step": 50},
        {"epoch": 1.0, "eval_loss": 2.2, "eval_runtime": 3.1, "step": 100},
        {"epoch": 1.0, "train_runtime": 9.0, "train_loss": 2.4, "step": 100},
    ]
    (tmp_path / "trainer_state.json").write_text(json.dumps({"global_step": 100, "log_history": log}))
    found = read_curve(tmp_path).points
    assert [(each.step, each.train, each.validation) for each in found] == [(50, 2.5, None), (100, None, 2.2)]


def test_a_table_with_other_usual_names_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("epoch, train_loss,val_loss\n1,2.0,2.1\n2,1.5,\n")
    found = read_curve(tmp_path / "a.csv").points
    assert [(each.epoch, each.train, each.validation) for each in found] == [
        (1, 2.0, None),
        (1, None, 2.1),
        (2, 1.5, None),
    ]


def test_the_embedded_models_curve_is_read_and_does_not_turn_up() -> None:
    turn = find_minimum(read_curve(model_dir("nano") / "loss.json").points)
    assert turn is not None and not turn.confirmed


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.json", "{", "a.json: not JSON"),
        ("a.json", "{}", "has no log_history"),
        ("a.json", '{"log_history": [{"loss": "x", "step": 1}]}', "entry 1: loss is not a number: 'x'"),
        ("a.json", '{"log_history": [{"loss": 1}]}', "entry 1: a loss without its step or epoch"),
        ("a.json", '{"log_history": [{"step": 1}]}', "has no losses"),
        ("a.csv", "step,loss\n1,2\n2,x\n", "line 3: loss is not a number: 'x'"),
    ],
)
def test_a_curve_that_cannot_be_read_is_named(tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=message):
        read_curve(tmp_path / name)


def test_the_picture_is_well_formed_and_marks_the_turn() -> None:
    found = points(2.0, 1.0, 1.2, 1.5)
    root = ElementTree.fromstring(loss_plot.draw(found, find_minimum(found)))
    lines = [each for each in root.iter() if each.tag.endswith("polyline")]
    words = [each.text for each in root.iter() if each.tag.endswith("text")]
    assert len(lines) == 2 and len(lines[0].attrib["points"].split()) == 4 and "turns up" in words


def test_a_single_point_can_be_drawn() -> None:
    ElementTree.fromstring(loss_plot.draw(points(1.0), None))


def test_a_sparkline_goes_from_the_lowest_to_the_highest_block() -> None:
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7]) == "▁▂▃▄▅▆▇█" and len(sparkline(range(1000))) == 60
    assert sparkline([]) == ""
