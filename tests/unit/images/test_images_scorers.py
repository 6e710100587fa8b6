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


@pytest.mark.parametrize(("scorer", "message"), [(TooFew, "gave 1 scores for"), (Nan, "no finite number")])
def test_what_is_no_score_is_refused(scorer, message):
    with pytest.raises(InputError, match=message):
        scored(scorer(), WORLD.captions)


@pytest.mark.parametrize(
    ("spec", "message"),
    [("hpsv3", "is no scorer: py:module:Class"), ("py:no_such_module:X", "cannot be loaded"),
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
