"""A scorer of one's own: right attributes on real `shapes` pictures; what it gives back is checked."""

from __future__ import annotations

import json

import numpy as np
import pytest

from harness.errors import InputError
from harness.images.pictures import Entry, array_set, png
from harness.images.prompts import Library
from harness.images.scorers import open_scorer, score_pictures
from harness.models import shapes_world

WORLD = shapes_world.make("holdout", 60)
COLORS = {"red": (220, 40, 40), "green": (40, 170, 70), "blue": (40, 80, 220), "yellow": (240, 200, 40)}


class ColorScorer:
    """1 where most of what differs from the ground has the color of the prompt, else 0."""

    name = "color"

    def score(self, images, prompts):
        return [float(self._color(image) in prompt.split()) for image, prompt in zip(images, prompts, strict=True)]

    @staticmethod
    def _color(image):
        pixels = image.astype(float).reshape(-1, 3)
        drawn = pixels[np.ptp(pixels, axis=1) > 100]
        mean = drawn.mean(axis=0) if len(drawn) else np.zeros(3)
        return min(COLORS, key=lambda name: np.linalg.norm(mean - COLORS[name]))


class TooFew:
    def score(self, images, prompts):
        return [1.0]


class Nan:
    def score(self, images, prompts):
        return [float("nan")] * len(images)


def clear():
    return [i for i, text in enumerate(WORLD.captions) if set(text.split()) & set(COLORS)]


def scored(scorer, captions):
    places = clear()
    library = Library(name="x", prompts={str(i): captions[i] for i in places})
    entries = tuple(Entry(id=str(i), image="", prompt=str(i), seed=0) for i in places)
    return score_pictures(scorer, "own", array_set("x", WORLD.pictures[places], entries), library)


def test_attribute_accuracy_on_real_pictures_and_on_wrong_captions():
    right = scored(ColorScorer(), WORLD.captions)
    following = dict(zip(COLORS, [*list(COLORS)[1:], "red"], strict=True))
    wrong = scored(ColorScorer(), [" ".join(following.get(w, w) for w in text.split()) for text in WORLD.captions])
    assert right.mean > 0.9 and wrong.mean < 0.1 and right.low <= right.mean <= right.high
    assert len(right.rows) == right.n_prompts == len(clear())


@pytest.mark.parametrize(("scorer", "message"), [(TooFew, "gave 1 scores for"), (Nan, "not a finite number")])
def test_what_is_no_score_is_refused(scorer, message):
    with pytest.raises(InputError, match=message):
        scored(scorer(), WORLD.captions)


@pytest.mark.parametrize(
    ("spec", "message"),
    [("hpsv3", "is not a scorer: shapes, or py:module:Class"), ("py:no_such_module:X", "cannot be loaded"),
     ("py:json:JSONDecoder", r"has no score\(images, prompts\)")],
)  # fmt: skip
def test_a_scorer_that_is_none_is_named(spec, message):
    with pytest.raises(InputError, match=message):
        open_scorer(spec)


def test_the_command_scores_and_fails_on_a_condition(harness, tmp_path):
    places = clear()[:8]
    (tmp_path / "drawn").mkdir()
    for i in places:
        (tmp_path / "drawn" / f"p{i}__0.png").write_bytes(png(WORLD.pictures[i]))
    (tmp_path / "prompts.json").write_text(json.dumps({f"p{i}": WORLD.captions[i] for i in places}))
    common = (
        "images",
        "score",
        "--images",
        "drawn",
        "--prompts",
        "prompts.json",
        "--scorer",
        f"py:{__name__}:ColorScorer",
    )
    answer = harness(*common, "--json", cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    found = json.loads(answer.stdout)
    assert found["scorer"] == "color" and found["n_prompts"] == 8 and found["mean"] > 0.8
    assert harness(*common, "--fail-if", "color>0.5", cwd=tmp_path).returncode == 1


def test_attribute_accuracy_is_1_on_real_pictures_and_falls_by_a_fifth_for_a_wrong_word():
    _, scorer = open_scorer("shapes")
    assert scorer.score(list(WORLD.pictures), WORLD.captions) == [1.0] * 60
    words = [one.replace("on a black", "on a white") if "on a black" in one else one for one in WORLD.captions]
    expected = [0.8 if "on a black" in one else 1.0 for one in WORLD.captions]
    assert scorer.score(list(WORLD.pictures), words) == expected and 0.8 in expected
    with pytest.raises(InputError, match="captions of the world shapes only"):
        scorer.score(list(WORLD.pictures[:1]), ["a cat"])


def test_a_single_prompt_has_no_interval():
    library = Library(name="x", prompts={"a": "a cat"})
    entries = (Entry(id="0", image="", prompt="a", seed=0), Entry(id="1", image="", prompt="a", seed=1))

    class Large:
        def score(self, images, prompts):
            return [8.0, 9.0]

    found = score_pictures(Large(), "large", array_set("x", WORLD.pictures[:2], entries), library)
    assert (found.mean, found.low, found.high) == (8.5, None, None)


def test_the_report_of_shapes_has_attribute_accuracy_and_its_correlation_with_clip(harness, tmp_path):
    (tmp_path / "drawn").mkdir()
    made = shapes_world.make("reference", 256)
    lines = []
    for i, text in enumerate(made.captions):
        shown = made.pictures[i if i % 4 else (i + 4) % 256]  # a quarter shows what another caption says
        (tmp_path / "drawn" / f"{i}.png").write_bytes(png(shown))
        lines.append(json.dumps({"id": str(i), "image": f"{i}.png", "prompt": text, "seed": 0}) + "\n")
    (tmp_path / "drawn" / "manifest.jsonl").write_text("".join(lines))
    answer = harness("images", "evaluate", "drawn", "--prompts", "shapes", "--metrics", "vendi", "--train",
                     "shapes:train@50", "--scorer", f"py:{__name__}:ColorScorer", "--json",
                     "--fail-if", "attribute_accuracy<0.5", cwd=tmp_path)  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    summary = json.loads(answer.stdout)
    ours, own = summary["scores"]
    assert (ours["scorer"], own["scorer"]) == ("attribute_accuracy", "color") and ours["n_prompts"] == 256
    _, scorer = open_scorer("shapes")
    shown = [made.pictures[i if i % 4 else (i + 4) % 256] for i in range(256)]
    assert ours["mean"] == pytest.approx(np.mean(scorer.score(shown, made.captions)))
    agreement = ours["clip_correlation"]
    assert 0.5 < agreement["low"] < agreement["value"] < agreement["high"] < 1 and agreement["n"] == 256
    assert "attribute_accuracy" in {one["metric"] for one in summary["estimates"]}
    (run,) = (tmp_path / "results").glob("*/*/*")
    assert "rank correlation with CLIP" in (run / "report.html").read_text()
    rows = [json.loads(line) for line in (run / "samples.jsonl").read_text().splitlines()]
    assert {row["attribute_accuracy"] for row in rows} > {1.0}
    ranked = harness("leaderboard", "results", "--json", cwd=tmp_path)
    (table,) = json.loads(ranked.stdout)["tables"]
    assert {"attribute_accuracy", "color"} <= {one["metric"] for one in table["numbers"]}
