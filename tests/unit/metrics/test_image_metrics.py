"""Metrics of feature sets: values of five libraries (recipe and versions in GOLDEN), and cases that can be computed by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from harness.metrics import authenticity, cmmd, elbo, fid, kid, mind, precision_recall, vendi
from harness.metrics.inception_score import inception_score

# RandomState(seed).standard_normal((n, d)) * scale + shift; real: seed 1; gen: seed 2, scale 1.1, shift 0.1.
# FID: torchmetrics 1.9.0, torch-fidelity 0.4.0, pytorch-fid 0.3.0, clean-fid 0.1.35. KID: torch-fidelity, 10 subsets of 100, seed 2020.
GOLDEN = {
    "full rank": {
        "sizes": (1000, 800, 64),
        "fid": (3.925299005929162, 3.925299005929105, 3.9252990059289914, 3.9252990059289914),
        "kid": (0.025191183364125534, 0.017175828634913636),
        "prdc": {3: (0.31125, 0.876, 0.2833333333333333, 0.461), 5: (0.39, 0.939, 0.27575, 0.621)},
        "fid_within": 1e-9,
    },
    "fewer pictures than dimensions": {
        "sizes": (120, 100, 256),
        "fid": (278.2893223267718, 278.28932281941985, 278.28932281142136, 278.28932281142136),
        "kid": (0.030704753584047718, 0.002992101470551054),
        "prdc": {
            3: (0.12, 0.9833333333333333, 0.07333333333333333, 0.15833333333333333),
            5: (0.17, 1.0, 0.084, 0.2833333333333333),
        },
        "fid_within": 1e-6,
    },
}
CASES = pytest.mark.parametrize("case", GOLDEN.values(), ids=GOLDEN.keys())


def normal(seed, n, d, scale=1.0, shift=0.0):
    return np.random.RandomState(seed).standard_normal((n, d)) * scale + shift


def pair(case):
    n, m, d = case["sizes"]
    return normal(1, n, d), normal(2, m, d, 1.1, 0.1)


@CASES
def test_fid_is_that_of_four_libraries(case):
    value = fid.frechet(*pair(case))
    assert all(math.isclose(value, theirs, rel_tol=case["fid_within"]) for theirs in case["fid"])


@CASES
def test_kid_is_that_of_torch_fidelity(case):
    found = kid.kid(*pair(case), subsets=10, subset_size=100)
    assert (found.value, found.subset_std) == pytest.approx(case["kid"], abs=1e-12)


@CASES
@pytest.mark.parametrize("k", [3, 5])
def test_precision_recall_density_and_coverage_are_those_of_prdc(case, k):
    found = precision_recall.precision_recall(*pair(case), k=k)
    assert (found.precision, found.recall, found.density, found.coverage) == pytest.approx(case["prdc"][k], abs=1e-12)


def test_blocks_of_distances_change_nothing(monkeypatch):
    real, gen = pair(GOLDEN["full rank"])
    whole = precision_recall.precision_recall(real, gen, k=5)
    monkeypatch.setattr("harness.metrics._features.BLOCK_BYTES", 8 * 800 * 7)
    assert precision_recall.precision_recall(real, gen, k=5) == whole


def test_inception_score_is_that_of_torch_fidelity():
    found = inception_score(normal(3, 1000, 50, 2.0))
    assert (found.value, found.split_std) == pytest.approx((4.153643602918992, 0.14127086432798186), abs=1e-12)


def test_jackknife_has_the_known_value_correction_and_error():
    found = fid.jackknife(*pair(GOLDEN["full rank"]), count=10, seed=0)
    assert (found.value, found.bias_corrected, found.se) == pytest.approx(
        (3.925299005929105, 1.1764267670979152, 0.16257223896200915), rel=1e-9
    )
    assert found.low < 1.28 < found.high  # the distance of the two distributions themselves


def test_fid_of_whitened_features_scaled_and_shifted_is_exact():
    features = normal(5, 500, 20)
    centered = features - features.mean(axis=0)
    white = np.linalg.solve(np.linalg.cholesky(np.cov(centered.T)), centered.T).T
    shift = np.linspace(-1, 1, 20)
    expected = float(shift @ shift) + 20 * (1 - 1.7) ** 2
    assert fid.frechet(white, 1.7 * white + shift) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("n", "d"), [(200, 512), (512, 20)])
def test_fid_of_a_set_with_itself_is_zero_and_never_negative(n, d):
    features = normal(6, n, d)
    assert 0 <= fid.frechet(features, features) < 1e-9


def test_jackknife_covers_the_true_distance_of_gaussians():
    hits, errors = 0, []
    for run in range(20):
        rng = np.random.default_rng([run, 7])
        found = fid.jackknife(rng.standard_normal((512, 32)), rng.standard_normal((512, 32)) + 0.2, seed=run)
        hits += found.low <= 32 * 0.04 <= found.high
        errors.append(found.bias_corrected - 32 * 0.04)
    assert hits >= 17 and abs(np.mean(errors)) < 0.15


def test_no_correction_with_fewer_pictures_than_dimensions_and_no_interval_below_twice_as_many():
    few = fid.jackknife(normal(1, 60, 64), normal(2, 60, 64))
    some = fid.jackknife(normal(1, 100, 64), normal(2, 100, 64))
    assert few.bias_corrected is None and few.se is None
    assert some.bias_corrected is not None and some.se is None and some.low is None


def test_noise_floor_falls_with_the_number_of_pictures():
    reference = normal(8, 4000, 32)
    assert fid.noise_floor(reference, 200, 200) > 3 * fid.noise_floor(reference, 2000, 2000) > 0


def test_inception_score_is_the_number_of_classes_for_sure_and_balanced_answers_and_one_for_equal_ones():
    sure = np.tile(np.eye(10) * 1000, (20, 1))
    assert inception_score(sure, splits=1).value == pytest.approx(10)
    assert inception_score(np.zeros((50, 10)), splits=5).value == pytest.approx(1)


def test_coverage_and_density_of_one_distribution_have_their_expected_values():
    found = [precision_recall.precision_recall(normal(i, 500, 16), normal(i + 50, 500, 16), k=3) for i in range(8)]
    expected = precision_recall.expected_coverage(500, 500, 3)
    assert expected == pytest.approx(0.8758, abs=0.001)
    assert np.mean([one.coverage for one in found]) == pytest.approx(expected, abs=0.02)
    assert np.mean([one.density for one in found]) == pytest.approx(1, abs=0.03)


def test_pictures_repeated_more_than_k_times_are_counted():
    real = np.repeat(normal(1, 20, 8), 6, axis=0)
    found = precision_recall.precision_recall(real, real, k=5)
    assert found.zero_radius_real == 120 and found.precision == 0


def test_cmmd_of_shifted_gaussians_has_its_closed_form():
    shift = np.full(8, 0.9)
    value = cmmd.cmmd(normal(1, 4000, 8), normal(2, 4000, 8) + shift)
    assert value == pytest.approx(cmmd.gaussian_cmmd(shift), rel=0.05)
    assert cmmd.cmmd(*pair(GOLDEN["full rank"])) == pytest.approx(6.205707275154682, abs=1e-9)


def test_mind_has_its_known_value_and_its_closed_form():
    assert mind.mind(*pair(GOLDEN["full rank"])) == pytest.approx(5.499682293583, abs=1e-11)
    big = mind.mind(normal(1, 2000, 8), normal(2, 2000, 8) + 1.0, directions=8000)
    assert big == pytest.approx(3 * 8, rel=0.05)


def test_vendi_score_counts_kinds():
    assert vendi.vendi(np.tile(normal(1, 1, 5), (40, 1))) == pytest.approx(1)
    assert vendi.vendi(np.eye(12)) == pytest.approx(12)
    real, gen = pair(GOLDEN["full rank"])
    assert (vendi.vendi(real), vendi.vendi(gen)) == pytest.approx((61.9483704, 61.5266368), abs=1e-6)


def test_mann_whitney_z_of_distances_is_that_of_scipy():
    from scipy.stats import mannwhitneyu, norm

    a, b = np.round(normal(1, 200, 1).ravel(), 1), np.round(normal(2, 150, 1).ravel() + 0.2, 1)
    p = mannwhitneyu(a, b, alternative="less", method="asymptotic", use_continuity=False).pvalue
    assert authenticity.ct_z(a, b) == pytest.approx(norm.ppf(p), abs=1e-9)


def test_nearest_pictures_and_authenticity_of_copies():
    train = normal(1, 300, 16)
    index, distance = authenticity.nearest(train[[7, 3]], train)
    assert index.tolist() == [7, 3] and distance.tolist() == [0, 0]
    assert authenticity.authenticity(train, train) == 0


def linear_alpha_bar(steps=1000):
    beta = np.linspace(1e-4, 0.02, steps)
    return np.concatenate([[1.0], np.cumprod(1 - beta)])


def gaussian_bound(scale):
    """Bits per dimension of N(0, I) under the exact noise predictor times `scale`, with the variance beta."""
    alpha_bar, rng = linear_alpha_bar(), np.random.default_rng(0)
    of = elbo.posterior(alpha_bar)
    x0 = rng.standard_normal((4000, 4))
    nats = elbo.prior_kl(alpha_bar[-1], x0**2)
    for t in range(1, of.steps + 1):
        signal, noise = math.sqrt(alpha_bar[t]), math.sqrt(1 - alpha_bar[t])
        xt = signal * x0 + noise * rng.standard_normal(x0.shape)
        guess = (xt - noise * scale * noise * xt) / signal
        if t == 1:
            nats = nats + elbo.gaussian_nll(x0, of.of_x0[1] * guess + of.of_xt[1] * xt, of.beta[1])
        else:
            nats = nats + elbo.step_kl(of, t, (guess - x0) ** 2, of.beta[t])
    return float(elbo.bits_per_dim(nats.sum(axis=1).mean(), 4))


def test_bound_of_a_gaussian_is_its_entropy_and_higher_for_a_worse_model():
    exact = gaussian_bound(1.0)
    assert exact == pytest.approx(0.5 * math.log2(2 * math.pi * math.e), abs=0.02)
    assert gaussian_bound(0.9) > exact + 0.05


def test_probabilities_of_all_bins_sum_to_one():
    values = np.arange(256) / 127.5 - 1
    nll = elbo.discretized_nll(values, np.full(256, 0.3), 0.05**2)
    assert np.exp(-nll).sum() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fid.frechet(np.zeros(20_480), np.zeros((2, 2))), r"real has shape \(20480,\), not \(pictures, dim"),
        (lambda: vendi.vendi(np.array([[1.0, 2], [np.nan, 1]])), "row 1 has NaN"),
        (lambda: fid.frechet(np.ones((9, 3)), np.ones((9, 4))), "real has 3 dimensions and gen 4"),
        (lambda: kid.kid(normal(1, 1500, 3), normal(1, 876, 3)), "gen has 876 pictures; say --kid-subset 800"),
        (lambda: precision_recall.precision_recall(np.eye(5), np.eye(5)), "k = 5 need 6 pictures on each side; real"),
        (lambda: inception_score(np.zeros((3, 5))), "10 splits needs 10 pictures; there are 3"),
    ],
)
def test_unusable_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
