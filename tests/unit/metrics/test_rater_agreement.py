"""Agreement: published examples, and the packages that others use."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats.inter_rater import fleiss_kappa as their_fleiss

from harness.metrics.rater_agreement import (
    Level,
    agreement,
    alpha_of,
    cohen_kappa,
    fleiss_kappa,
    resampled_alphas,
    value_counts,
)

# Krippendorff 2011, "Computing Krippendorff's alpha-reliability": four coders, twelve units
CODERS = ("1 2 3 3 2 1 4 1 2 . . .", "1 2 3 3 2 2 4 1 2 5 . 3", ". 3 3 3 2 3 4 2 2 5 1 .", "1 2 3 3 2 4 4 1 2 5 1 .")
UNITS = [[None if each == "." else float(each) for each in unit] for unit in zip(*map(str.split, CODERS), strict=True)]
FLEISS = np.array(
    [[0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1], [7, 7, 0, 0, 0],
     [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7]], float
)  # fmt: skip


@pytest.mark.parametrize(
    ("level", "alpha"), [("nominal", 0.743421), ("ordinal", 0.815388), ("interval", 0.849107), ("ratio", 0.797403)]
)
def test_krippendorffs_example(level: str, alpha: float) -> None:
    counts, domain = value_counts(UNITS)
    assert alpha_of(counts, domain, level) == pytest.approx(alpha, abs=1e-6)  # type: ignore[arg-type]


@pytest.mark.parametrize("level", ["nominal", "ordinal", "interval", "ratio"])
def test_resamples_of_the_interval_have_the_package_s_alpha(level: Level) -> None:
    counts, domain = value_counts(UNITS)
    used = counts[counts.sum(axis=1) >= 2]
    draws = np.random.default_rng(0).multinomial(len(used), np.full(len(used), 1 / len(used)), size=20)
    each = [alpha_of(np.repeat(used, draw, axis=0), domain, level) for draw in draws]
    assert resampled_alphas(used, domain, level, draws) == pytest.approx(each, abs=1e-12)


def test_the_interval_holds_the_value_and_words_follow_krippendorff() -> None:
    found = agreement(UNITS, "ordinal", np.random.default_rng(0))
    assert found.low is not None
    assert found.high is not None
    assert found.alpha is not None
    assert found.low < found.alpha < found.high
    assert found.items == 11
    assert found.words == "reliable"
    assert found.kappa is None  # the design is not complete
    assert found.exact is not None
    assert found.within_one is not None
    assert found.exact < found.within_one


def test_fleiss_1971() -> None:
    assert fleiss_kappa(FLEISS) == pytest.approx(0.2099307, abs=1e-6)
    assert fleiss_kappa(FLEISS) == pytest.approx(their_fleiss(FLEISS), abs=1e-12)


def test_cohen_is_scikit_learns() -> None:
    rng = np.random.default_rng(1)
    a, b = list(rng.integers(0, 3, 60)), list(rng.integers(0, 3, 60))
    assert cohen_kappa(a, b) == pytest.approx(cohen_kappa_score(a, b), abs=1e-12)
    assert cohen_kappa([1, 1], [1, 1]) is None


def test_where_all_ratings_are_equal_there_is_no_alpha_and_agreement_is_whole() -> None:
    found = agreement([[5.0, 5.0], [5.0, 5.0]], "ordinal", np.random.default_rng(0))
    assert found.alpha is None
    assert found.exact == 1.0
    assert found.one_sided
    assert found.words == "not defined"


def test_one_rater_alone_agrees_with_nobody() -> None:
    found = agreement([[5.0], [4.0], [None]], "ordinal", np.random.default_rng(0))
    assert found.items == 0
    assert found.alpha is None
    assert found.exact is None
