"""Result files of image benchmarks: their own way to a total, standard errors over prompts, faults named."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from harness.errors import SamplesError
from harness.exchange import InputFile, recognize
from harness.exchange import import_ as importing

# two tasks of unequal size: 3 of 4 pictures of one prompt and 1 of 1 prompt against 0 of 2 pictures
GENEVAL = [
    {"filename": f"{i}.png", "tag": tag, "prompt": prompt, "correct": correct, "reason": "", "metadata": "{}"}
    for i, (tag, prompt, correct) in enumerate(
        [("single_object", "a cat", True), ("single_object", "a cat", True), ("single_object", "a dog", True),
         ("single_object", "a dog", False), ("counting", "two cats", False), ("counting", "two dogs", False)]
    )
]  # fmt: skip
FILES: dict[str, Any] = {
    "geneval": "".join(json.dumps(row) + "\n" for row in GENEVAL),
    "geneval2": json.dumps([[1.0, 0.25], [0.5, 0.5, 0.5]]),
    "t2i-compbench": json.dumps([{"question_id": i, "answer": answer} for i, answer in enumerate(["0.25", "0.75"])]),
    "vbench": json.dumps({"motion_smoothness": [0.9, [{"video_path": "a", "video_results": 0.8},
                                                      {"video_path": "b", "video_results": 1.0}]]}),
}  # fmt: skip
WANTED = {
    "geneval": {"geneval": 0.375, "geneval/single_object": 0.75, "geneval/counting": 0.0},
    "geneval2": {"geneval2/atoms": (0.625 + 0.5) / 2, "geneval2/prompts": 0.5},
    "t2i-compbench": {"t2i_compbench": 0.5},
    "vbench": {"vbench/motion_smoothness": 0.9},
}


def imported(tmp_path: Path, content: str, format_: str = "auto") -> dict[str, Any]:
    path = tmp_path / "scores.json"
    path.write_text(content)
    request = importing.ImportRequest(path=path, format=format_, results=tmp_path / "results", cache=tmp_path)
    (summary,) = importing.import_runs(request, lambda _: None)
    return dict(summary)


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_known_by_its_content_and_has_the_benchmarks_own_numbers(tmp_path: Path, name: str) -> None:
    path = tmp_path / "scores.json"
    path.write_text(FILES[name])
    assert recognize(InputFile(path)) == name
    summary = imported(tmp_path, FILES[name])
    found = {each["metric"]: each["value"] for each in summary["estimates"]}
    assert found == {metric: pytest.approx(value, abs=1e-12) for metric, value in WANTED[name].items()}
    assert summary["imported"] == name


def test_the_error_of_geneval_is_over_prompts(tmp_path: Path) -> None:
    (single,) = [e for e in imported(tmp_path, FILES["geneval"])["estimates"] if e["metric"] == "geneval/single_object"]
    stderr = math.sqrt(2 * (0.5**2 + 0.5**2)) / 4  # two prompts, sums of deviations +.5 and -.5, four pictures
    assert single["n_problems"] == 2 and single["n_completions"] == 4
    assert single["low"] == pytest.approx(max(0.75 - 1.959964 * stderr, 0), abs=1e-4)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("geneval", json.dumps({**GENEVAL[0], "correct": "yes"}), "line 1: correct is true or false"),
        ("geneval2", "[[0.5], [1.5]]", "prompt 1: a list of scores between 0 and 1"),
        ("t2i-compbench", '[{"question_id": 0, "answer": "yes"}]', "row 0: an object with question_id and answer"),
        ("vbench", '{"color": [0.5]}', r"color: \[mean, list of"),
    ],
)
def test_a_fault_is_named_with_its_place(tmp_path: Path, name: str, content: str, message: str) -> None:
    with pytest.raises(SamplesError, match=message):
        imported(tmp_path, content, name)


def test_scores_that_rounding_lifts_above_1_count_as_1(tmp_path: Path) -> None:
    found = {
        each["metric"]: each["value"] for each in imported(tmp_path, "[[1.00000003, 0.25], [1.00000001]]")["estimates"]
    }
    assert found == {"geneval2/atoms": 0.8125, "geneval2/prompts": 0.75}
    rows = [{"question_id": 0, "answer": "1.0000001"}, {"question_id": 1, "answer": "0.5"}]
    (one,) = imported(tmp_path, json.dumps(rows))["estimates"]
    assert one["value"] == 0.75


@pytest.mark.parametrize("mean", [0.65, 65.0])
def test_imaging_quality_of_vbench_is_of_1_whatever_its_videos_are_of(tmp_path: Path, mean: float) -> None:
    videos = [{"video_path": str(i), "video_results": value} for i, value in enumerate([60.0, 70.0])]
    (one,) = imported(tmp_path, json.dumps({"imaging_quality": [mean, videos]}))["estimates"]
    assert one["value"] == pytest.approx(0.65) and one["low"] == pytest.approx(0.65 - 1.959964 * 0.05, abs=1e-6)
