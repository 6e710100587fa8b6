"""What the reading says of real `shapes` pictures that were spoilt in a known way: it must not call them real and varied."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageFilter

from harness.images import distances, reading
from harness.images.by_extractor import ByExtractor
from harness.images.features import FeatureSet, open_extractor
from harness.models import shapes_world

N = 1024


@pytest.fixture(scope="module")
def world():
    return shapes_world.make("reference", 4096)


@pytest.fixture(scope="module")
def features(world):
    extractor = open_extractor("shapes")

    def of(pixels, captions=(), name="gen"):
        found = [extractor.run(list(pixels[i : i + 256]))[0] for i in range(0, len(pixels), 256)]
        return FeatureSet(
            name=name, info=extractor.info, features=np.concatenate(found).astype(float), prompts=tuple(captions)
        )

    return of


@pytest.fixture(scope="module")
def judge(world, features):
    real = features(world.pictures[:N], world.captions[:N], "real")
    spare = features(world.pictures[N : 2 * N], world.captions[N : 2 * N], "spare")

    def judged(pixels, k=(3, 5)):
        settings = distances.Settings(metrics=("fid", "prdc"), k=k, jackknife=0)
        gen = features(pixels)
        found = distances.measure(real, gen, settings, spare=spare)
        return {one.name: one for one in found.values}, reading.read([ByExtractor(gen=gen, real=real, values=found)])

    return judged


def text(said):
    return " ".join(one.text for one in said)


def blurred(pixels, radius):
    return np.stack([np.asarray(Image.fromarray(one).filter(ImageFilter.GaussianBlur(radius))) for one in pixels])


def noisy(pixels, spread):
    noise = np.random.default_rng(0).normal(0, spread, pixels.shape)
    return np.clip(np.rint(pixels + noise), 0, 255).astype(np.uint8)


def test_more_of_the_reference_gets_no_bad_word(judge, world):
    values, said = judge(world.pictures[2 * N : 3 * N])
    assert values["fid/shapes"].value < 2 * values["fid/shapes"].noise_floor
    assert "Real and varied" in text(said) or "not above the noise floor" in text(said)
    assert not any(word in text(said) for word in ("little variety", "Neither", "not real", "Near the reference"))


def test_half_the_modes_cost_recall_and_coverage_and_keep_precision(judge, world):
    whole, _ = judge(world.pictures[2 * N : 3 * N])
    kept = [i for i, words in enumerate(world.captions) if i >= N and ("circle" in words or "square" in words)][:N]
    half, said = judge(world.pictures[kept])
    for k in (3, 5):
        assert half[f"recall@k{k}"].value <= 0.7 * whole[f"recall@k{k}"].value
        assert half[f"coverage@k{k}"].value <= 0.7 * whole[f"coverage@k{k}"].value
        assert half[f"precision@k{k}"].value >= 0.9 * whole[f"precision@k{k}"].value
    assert "Real but little variety" in text(said)
    assert "FID" not in text(said) and "is no pass: recall and coverage are low" in text(said)
    assert any(f"“{word}”" in text(said) for word in ("ring", "triangle", "cross"))


def test_noise_costs_precision_and_keeps_recall(judge, world):
    whole, _ = judge(world.pictures[2 * N : 3 * N])
    values, said = judge(noisy(world.pictures[2 * N : 3 * N], 12))
    assert values["precision@k3"].value <= 0.7 * whole["precision@k3"].value
    assert values["recall@k3"].value >= 0.8 * whole["recall@k3"].value
    assert "Real" not in text(said)


@pytest.mark.parametrize("spoil", [lambda p: np.full_like(p, 128), lambda p: blurred(p, 2), lambda p: noisy(p, 60)])
def test_blank_blurred_and_noisy_pictures_are_never_real_and_varied(judge, world, spoil):
    values, said = judge(spoil(world.pictures[2 * N : 3 * N]))
    assert values["fid/shapes"].value > 100 * values["fid/shapes"].noise_floor
    assert "Real" not in text(said) and "weak evidence" in text(said)


def test_blank_pictures_have_the_precision_that_the_caution_names(judge, world):
    values, _ = judge(np.full_like(world.pictures[:N], 128))
    assert values["precision@k5"].value > 0.995 and "W_K_BEYOND_PROMPT" in values["precision@k5"].warnings
    assert values["precision@k3"].value == 0 and "W_K_BEYOND_PROMPT" not in values["precision@k3"].warnings


def test_shares_like_the_references_are_no_pass_while_the_distance_is_far_from_its_floor(judge, world):
    values, said = judge(blurred(world.pictures[2 * N : 3 * N], 1), k=(5,))
    assert values["precision@k5"].value > 0.99 and values["coverage@k5"].value > 0.99
    (verdict,) = [one.text for one in said if one.kind == "verdict"]
    assert verdict.startswith("Near the reference, but not it:") and "times its noise floor" in verdict


def test_no_share_is_told_as_more_than_the_whole(judge, world):
    _, said = judge(world.pictures[2 * N : 3 * N], k=(5, 10))
    assert not any(f"{n}%" in text(said) for n in range(101, 130))


def test_without_a_distance_there_is_no_verdict(features, world):
    real, gen = (features(world.pictures[i : i + 512], world.captions[i : i + 512]) for i in (0, 512))
    found = distances.measure(real, gen, distances.Settings(metrics=("prdc",), jackknife=0))
    said = reading.read([ByExtractor(gen=gen, real=real, values=found)])
    assert said[0].text.startswith("No verdict without a distance") and said[0].kind == "note"
