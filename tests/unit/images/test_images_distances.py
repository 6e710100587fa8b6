"""Distances with what must be known about them; copies planted and found; likelihoods that do not go together."""

from __future__ import annotations

import json

import numpy as np
import pytest

from harness.errors import InputError
from harness.images import copies, distances, likelihood, reading
from harness.images.by_extractor import ByExtractor
from harness.images.features import ExtractorInfo, FeatureSet, open_extractor, read_features
from harness.images.pictures import Entry, array_set
from harness.models import shapes_world

INFO = ExtractorInfo(kind="dinov2", path="x", weights_sha256="ab" * 32)


def made(seed, n, d=16, shift=0.0, info=INFO, name="gen"):
    features = np.random.default_rng(seed).standard_normal((n, d)) + shift
    return FeatureSet(name=name, info=info, features=features, facts={"n": n})


def found(real, gen, **settings):
    return {one.name: one for one in distances.measure(real, gen, distances.Settings(**settings)).values}


def test_every_metric_has_its_numbers_floor_and_direction():
    values = found(made(1, 300), made(2, 300, shift=0.3))
    assert {"fd/dinov2", "kid", "precision@k3", "coverage@k5", "cmmd", "mind", "vendi"} <= values.keys()
    fd = values["fd/dinov2"]
    assert fd.low < fd.bias_corrected < fd.high and 0 < fd.noise_floor < fd.value
    assert fd.n_real == fd.n_gen == 300 and "W_EXTRACTOR" in fd.warnings and not fd.band.applied
    assert values["recall@k5"].higher_is_better and not values["mind"].higher_is_better


def test_bands_are_applied_for_inception_and_ten_thousand_pictures_only():
    info = ExtractorInfo(kind="inception", path="x", weights_sha256="cd" * 32)
    big = found(made(1, 10_000, 4, info=info), made(2, 10_000, 4, 2.0, info=info), metrics=("fid",), jackknife=0)["fid"]
    assert big.band.applied and big.band.label == "good"
    small = found(made(1, 500, 4, info=info), made(2, 500, 4, info=info), metrics=("fid",))["fid"]
    assert not small.band.applied and "there are 500" in small.band.reason and "W_N_SMALL" in small.warnings


def test_moments_serve_fid_and_nothing_else(tmp_path):
    np.savez(tmp_path / "real.npz", mu=np.zeros(16), sigma=np.eye(16))
    real = read_features(tmp_path / "real.npz")
    assert found(real, made(2, 5000), metrics=("fid",))["fd/dinov2"].value < 0.1
    with pytest.raises(InputError, match="has mu and sigma only: FID can be computed"):
        found(real, made(2, 50), metrics=("kid",))


@pytest.mark.parametrize(
    ("real", "gen", "settings", "message"),
    [
        (
            made(1, 80, 64),
            made(2, 40, 64),
            {},
            r"needs 65 pictures on each side at least \(128 for an interval\); gen has 40",
        ),
        (made(1, 80), made(1, 80), {}, "hold the same 80 pictures; FID would be 0"),
        (made(1, 80), made(2, 80, 8), {}, "has 16 dimensions and gen 8"),
        (
            made(1, 80, name="real.npz"),
            made(2, 80, info=ExtractorInfo(kind="shapes", path="", weights_sha256="0a11" * 16)),
            {},
            r"real.npz was made by dinov2@abababab, gen by shapes@0a110a11; make one again",
        ),
        (made(1, 900), made(2, 876), {"metrics": ("kid",), "kid_subset": 1000}, "gen has 876 pictures|real has 900"),
    ],
)
def test_what_does_not_go_together_is_refused(real, gen, settings, message):
    with pytest.raises(InputError, match=message):
        found(real, gen, **settings)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"features": np.zeros(20_480)}, r"features has shape \(20480,\), not \(pictures, dimensions\)"),
        ({"features": np.array([[1.0, np.nan]])}, "row 0 has NaN"),
        ({"x": np.zeros(3)}, "has neither features nor mu and sigma; it has x"),
    ],
)
def test_an_unusable_npz_is_named(tmp_path, arrays, message):
    np.savez(tmp_path / "f.npz", **arrays)
    with pytest.raises(InputError, match=message):
        read_features(tmp_path / "f.npz")


@pytest.mark.parametrize("spec", ["clip", "resnet:x", "dinov2:facebook/dinov2-large", "torchscript:nowhere.pt"])
def test_an_extractor_that_is_not_there_is_named_and_never_looked_up(spec):
    with pytest.raises(InputError, match=r"is not an extractor|is not a (directory|file) here"):
        open_extractor(spec)


def test_half_the_modes_cost_recall_and_coverage_and_noise_costs_precision():
    rng = np.random.default_rng(0)
    centers = rng.standard_normal((10, 16)) * 6

    def draw(seed, modes, spread=1.0):
        rng = np.random.default_rng(seed)
        features = centers[rng.integers(modes, size=400)] + spread * rng.standard_normal((400, 16))
        return FeatureSet(name=str(seed), info=INFO, features=features)

    real = draw(1, 10)
    values = {name: found(real, gen, metrics=("prdc",), jackknife=0) for name, gen in
              {"whole": draw(2, 10), "half": draw(3, 5), "noisy": draw(4, 10, 2.5)}.items()}  # fmt: skip
    whole, half, noisy = (values[name] for name in ("whole", "half", "noisy"))
    for name in ("recall@k5", "coverage@k5"):
        assert half[name].value < 0.7 * whole[name].value
    assert half["precision@k5"].value > 0.9 * whole["precision@k5"].value
    assert noisy["precision@k5"].value < 0.7 * whole["precision@k5"].value < noisy["recall@k5"].value + 0.3


def test_the_reading_calls_a_collapsed_model_real_without_variety_and_names_what_is_missing():
    rng = np.random.default_rng(0)
    centers = rng.standard_normal((4, 8)) * 9
    kinds = np.arange(400) % 4
    words = np.array(["red circle", "blue circle", "red square", "green square"])
    real = FeatureSet(
        name="real", info=INFO, features=centers[kinds] + rng.standard_normal((400, 8)), prompts=tuple(words[kinds])
    )
    gen = FeatureSet(name="gen", info=INFO, features=centers[kinds % 2] + rng.standard_normal((400, 8)))
    measured = distances.measure(real, gen, distances.Settings(jackknife=0))
    said = " ".join(one.text for one in reading.read([ByExtractor(gen=gen, real=real, values=measured)]))
    assert "Real but little variety" in said and "“square” (100% of 200)" in said


def test_without_captions_the_missing_clusters_are_named_by_a_picture_of_theirs():
    rng = np.random.default_rng(0)
    centers = rng.standard_normal((4, 8)) * 9
    kinds = np.arange(400) % 4
    ids = tuple(f"kind{kind}/{i}" for i, kind in enumerate(kinds))
    real = FeatureSet(name="real", info=INFO, features=centers[kinds] + rng.standard_normal((400, 8)), ids=ids)
    gen = FeatureSet(name="gen", info=INFO, features=centers[kinds % 3] + rng.standard_normal((400, 8)))
    measured = distances.measure(real, gen, distances.Settings(jackknife=0, metrics=("fid", "prdc")))
    said = " ".join(one.text for one in reading.read([ByExtractor(gen=gen, real=real, values=measured)]))
    assert "Most often without a picture near: pictures like kind3/" in said
    assert not any(f"pictures like kind{kind}/" in said for kind in range(3))


def test_no_verdict_on_a_distance_below_the_floor():
    measured = distances.measure(made(1, 200, 8), made(9, 200, 8), distances.Settings(metrics=("fid",)))
    (value,) = measured.values
    said = reading.read([ByExtractor(gen=made(9, 200, 8), real=made(1, 200, 8), values=measured)])
    assert ("not above the noise floor" in said[0].text) == (value.value <= value.noise_floor)


@pytest.mark.parametrize("planted", [1, 10, 100])
def test_all_planted_copies_are_found_and_no_other(planted):
    rng = np.random.default_rng(planted)
    curve = rng.standard_normal((4, 64))

    def draw(n):
        return np.tanh(rng.standard_normal((n, 4)) @ curve) + 0.05 * rng.standard_normal((n, 64))

    train, holdout, gen = draw(1500), draw(800), draw(1000)
    gen[:planted] = train[:planted] + 0.001 * rng.standard_normal((planted, 64))
    sets = [FeatureSet(name=str(i), info=INFO, features=part) for i, part in enumerate((train, gen, holdout))]
    report = copies.find_copies(sets[0], sets[1], sets[2])
    assert sorted(pair.gen for pair in report.candidates) == list(range(planted))
    assert [pair.train for pair in report.candidates if pair.gen == 0] == [0]


@pytest.fixture(scope="module")
def seen_world():
    """Features and pixels of pictures of the world, and the pictures."""
    extractor = open_extractor("shapes")

    def seen(pictures, name):
        features = np.concatenate([extractor.run(list(pictures[i : i + 256]))[0] for i in range(0, len(pictures), 256)])
        entries = tuple(Entry(id=f"{name}-{i}", image="") for i in range(len(pictures)))
        pixels = copies.see(array_set(name, pictures, entries))
        return FeatureSet(name=name, info=extractor.info, features=features.astype(float)), pixels

    train, unseen = (shapes_world.make(name, 2000).pictures for name in ("train", "holdout"))
    return seen, train, unseen[1000:], {"train": seen(train, "train"), "holdout": seen(unseen[:1000], "holdout")}


@pytest.mark.parametrize(("planted", "spread"), [(1, 0), (1, 4), (10, 2), (100, 0), (100, 4)])
def test_copies_of_pictures_are_found_with_noise_on_them_and_no_other_is(planted, spread, seen_world):
    seen, train, gen, known = seen_world
    gen = gen.copy()
    noise = np.random.default_rng(planted).integers(-spread, spread + 1, gen[:planted].shape)
    gen[:planted] = np.clip(train[500 : 500 + planted].astype(int) + noise, 0, 255)
    found = {**known, "gen": seen(gen, "gen")}
    pixels = {name: one for name, (_, one) in found.items()}
    report = copies.find_copies(*(found[name][0] for name in ("train", "gen", "holdout")), pixels=pixels)
    assert sorted((pair.gen, pair.train) for pair in report.candidates) == [(i, 500 + i) for i in range(planted)]
    assert all(pair.equal_pixels == (spread == 0) and pair.near_pixels for pair in report.candidates)


def test_training_pictures_in_the_hold_out_are_named_and_do_not_hide_copies():
    rng = np.random.default_rng(0)
    train, holdout, gen = (rng.standard_normal((n, 16)) for n in (300, 100, 50))
    holdout[:5], gen[:2] = train[:5], train[10:12]
    sets = [FeatureSet(name=str(i), info=INFO, features=part) for i, part in enumerate((train, gen, holdout))]
    pixels = {
        name: copies.SeenPixels(digests=[row.tobytes().hex() for row in part], thumbnails=part.astype(np.float32))
        for name, part in {"train": train, "gen": gen, "holdout": holdout}.items()
    }
    report = copies.find_copies(sets[0], sets[1], sets[2], pixels=pixels)
    assert report.leaks == {"holdout": 5} and "W_LEAK" in report.warnings
    assert sorted(pair.gen for pair in report.candidates) == [0, 1] and report.candidates[0].equal_pixels


def test_without_a_hold_out_that_is_said():
    report = copies.find_copies(made(1, 100), made(2, 50), None)
    assert "W_NO_HOLDOUT" in report.warnings and report.ct_z is None


def test_likelihoods_of_a_file_by_split_with_the_gap(tmp_path):
    rng = np.random.default_rng(0)
    rows = [{"nll": 10 * (1 + 0.1 * rng.standard_normal() + 0.2 * (split == "test")), "dims": 10, "split": split}
            for split in ("train", "test") for _ in range(100)]  # fmt: skip
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    splits = likelihood.read_likelihoods(tmp_path / "a.jsonl")
    record = likelihood.summarize(splits["test"], splits["train"], method="file")
    assert record["bits_per_dim"] == pytest.approx(1.2 / np.log(2), rel=0.05)
    assert 0 < record["gap"]["low"] < record["gap"]["high"]


def test_likelihoods_of_different_data_do_not_compare(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"nll": 1, "dims": 3072}\n{"nll": 1, "dims": 12288}\n')
    with pytest.raises(InputError, match="of 3072 and of 12288 dimensions: bits per dimension of different data"):
        likelihood.read_likelihoods(tmp_path / "a.jsonl")


def test_jackknife_covers_on_features_of_real_pictures():
    extractor = open_extractor("shapes")
    hits, values = 0, []
    world = shapes_world.make("reference", 4096).pictures
    features = np.concatenate([extractor.run(list(world[i : i + 256]))[0] for i in range(0, 4096, 256)]).astype(float)
    from harness.metrics import fid

    for run in range(20):
        order = np.random.default_rng(run).permutation(4096)
        one = fid.jackknife(features[order[:512]], features[order[512:1024]], seed=run)
        hits += one.low <= 0 <= one.high
        values.append(one.bias_corrected)
    assert hits >= 17, values


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"features": np.array([["a", "b"]])}, "holds <U1, not real numbers"),
        ({"features": np.ones((5, 2), complex)}, "holds complex128, not real numbers"),
        ({"features": np.array([{"a": 1}], dtype=object)}, "cannot be read as .npz"),
        ({"features": np.ones((5, 2)), "info": "{no json"}, "info and facts are not as"),
        ({"features": np.ones((5, 2)), "info": '{"kind": "x", "more": 1}'}, "info and facts are not as"),
        ({"features": np.ones((5, 2)), "logits": np.ones((4, 3))}, "5 rows of features and 4 of logits"),
        ({"features": np.ones((5, 2)), "logits": np.full((5, 3), np.nan)}, "row 0 has NaN"),
        ({"mu": np.zeros(3), "sigma": -np.eye(3)}, "sigma is not a covariance"),
        ({"mu": np.zeros(3), "sigma": np.triu(np.ones((3, 3)))}, "sigma is not a covariance"),
        ({"mu": np.zeros(2), "sigma": np.array([[1.0, 2.0], [2.0, 1.0]])}, "sigma is not a covariance"),
        ({"mu": np.zeros(3), "sigma": np.full((3, 3), np.nan)}, "of finite numbers"),
    ],
)
def test_a_file_of_features_that_is_none_is_named(tmp_path, arrays, message):
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises(InputError, match=message):
        read_features(tmp_path / "x.npz")


def test_features_that_unpack_without_bound_and_files_of_other_kinds_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("harness.images.feature_file.LARGE_BYTES", 1 << 20)
    np.savez_compressed(tmp_path / "bomb.npz", features=np.zeros((4 << 20, 1)))
    with pytest.raises(InputError, match=r"features.npy unpacks from \d+,\d+ to 33,554,560 bytes"):
        read_features(tmp_path / "bomb.npz")
    (tmp_path / "junk.npz").write_bytes(b"junk")
    with pytest.raises(InputError, match=r"is no \.npz file"):
        read_features(tmp_path / "junk.npz")
    with pytest.raises(InputError, match="is not there"):
        read_features(tmp_path / "gone.npz")


def test_moments_of_a_rank_deficient_set_are_a_covariance(tmp_path):
    features = np.random.default_rng(0).standard_normal((5, 40))
    np.savez(tmp_path / "x.npz", mu=features.mean(0), sigma=np.cov(features, rowvar=False).astype(np.float32))
    assert read_features(tmp_path / "x.npz").moments is not None


@pytest.mark.parametrize(("wrong", "message"), [({"jackknife": 1}, "two groups"), ({"jackknife": -3}, "two groups"),
                                                ({"seed": -1}, "--seed -1"), ({"k": (0,)}, "--k takes")])  # fmt: skip
def test_settings_that_mean_nothing_are_refused(wrong, message):
    with pytest.raises(InputError, match=message):
        distances.Settings(**wrong)
