"""Are a study's intervals and tests what they say? Simulated judges, whose truth is known.

    python -m tests.bench.review_simulations --simulations 1000

Votes on one item depend on each other: an item has a chance of its own for each outcome, which all its judges share.
The truth of a share, a mean, an alpha or a strength is that of a study of very many items of the same kind. Intervals
should hold it in 93 to 97 % of the studies; two equal models should differ in at most 5 %; a judge who takes the first
side, and one who does not read, should be found.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from harness.metrics.preference import davidson
from harness.metrics.rater_agreement import agreement, alpha_of, value_counts
from harness.review import comparisons
from harness.review.assignments import TaskAssigner
from harness.review.comparisons import PairVote
from harness.review.ratings import Rating, summarize
from harness.review.results import ResultOptions, close, vote_agreement
from harness.review.study import Study
from harness.review.votes import Lease
from tests.fixtures.review import honest, make_study, work

ITEMS, JUDGES = 50, 3
MODELS = ("model-a", "model-b", "model-c", "model-d")
TRUTH_ITEMS = 60_000
Scores = npt.NDArray[np.int64]
Simulation = Callable[[np.random.Generator], bool]
Simulations = Callable[[np.random.Generator], list[bool]]


def scores(rng: np.random.Generator, items: int, mean: float, judges: int = JUDGES) -> Scores:
    """Ratings from 1 to 5, shape (items, judges): the item's own worth, and what judges see in it."""
    worth = rng.normal(mean, 0.9, (items, 1))
    return np.clip(np.rint(worth + rng.normal(0, 0.6, (items, judges))), 1, 5).astype(np.int64)


def rated(found: Scores, model: str) -> list[Rating]:
    return [Rating(rater=f"r{judge}", item=item, unit=f"u{item}", model=model, criterion="accuracy", score=int(score))
            for item, row in enumerate(found) for judge, score in enumerate(row)]  # fmt: skip


def rating_mean(mean: float) -> Simulation:
    """Whether the interval of a model's mean rating holds the truth."""
    truth = float(scores(np.random.default_rng(1), TRUTH_ITEMS, mean).mean())

    def simulate(rng: np.random.Generator) -> bool:
        (row,) = summarize(rated(scores(rng, ITEMS, mean), "m"), ["accuracy"], ["m"], 0)["means"]
        return bool(row["low"] <= truth <= row["high"])

    return simulate


def rating_difference(rng: np.random.Generator) -> bool:
    """Whether two equal models are said to differ."""
    rows = rated(scores(rng, ITEMS, 3.4), "a") + rated(scores(rng, ITEMS, 3.4), "b")
    (row,) = summarize(rows, ["accuracy"], ["a", "b"], 0)["differences"]
    return bool(row["p_adjusted"] <= 0.05)


def rating_alpha(mean: float) -> Simulation:
    """Whether the interval of the ordinal alpha of ratings holds the truth."""
    truth = alpha_of(*value_counts(scores(np.random.default_rng(1), TRUTH_ITEMS, mean).tolist()), "ordinal")
    assert truth is not None

    def simulate(rng: np.random.Generator) -> bool:
        found = agreement(scores(rng, ITEMS, mean).tolist(), "ordinal", rng)
        return found.low is not None and found.high is not None and found.low <= truth <= found.high

    return simulate


def votes(
    rng: np.random.Generator, strengths: list[float], items: int, *, ties: float = 0.4, first: float = 0.0,
    spread: float = 0.8, judges: int = JUDGES,
) -> npt.NDArray[np.float64]:  # fmt: skip
    """Counts of Davidson's model, shape (items, models, models, 3), of all pairs. Each model is better or worse on an
    item by chance, the same for all its judges. first: ln of the advantage of the first side."""
    models = len(strengths)
    worth = np.asarray(strengths) + rng.normal(0, spread, (items, models))
    counts = np.zeros((items, models, models, 3))
    for i in range(models):
        for j in range(models):
            if i == j:
                continue
            shown = judges // 2 + (rng.random(items) < judges % 2 / 2).astype(np.int64)
            if i > j:
                shown = judges - counts[:, j, i].sum(axis=1).astype(np.int64)
            chance = np.exp(np.stack(
                [worth[:, i] + first, worth[:, j], (worth[:, i] + worth[:, j]) / 2 + np.log(ties)], axis=1
            ))  # fmt: skip
            counts[:, i, j] = rng.multinomial(shown, chance / chance.sum(axis=1, keepdims=True))
    return counts


def as_votes(counts: npt.NDArray[np.float64], names: tuple[str, ...] = MODELS) -> list[PairVote]:
    found = []
    for unit, i, j, kind in zip(*np.nonzero(counts), strict=True):
        for number in range(int(counts[unit, i, j, kind])):
            found.append(
                PairVote(
                    judge=f"j{'ab'[int(i > j)]}{kind}{number}", unit=f"u{unit}", first=names[i], second=names[j],
                    choice=("first", "second", "tie")[kind],
                )
            )  # fmt: skip
    return found


def share_interval(strengths: list[float]) -> Simulation:
    """Whether the interval of the win share holds the truth."""
    many = votes(np.random.default_rng(1), strengths, TRUTH_ITEMS).sum(axis=0)
    won = many[0, 1, 0] + many[1, 0, 1] + (many[0, 1, 2] + many[1, 0, 2]) / 2
    truth = float(won / many.sum())

    def simulate(rng: np.random.Generator) -> bool:
        counts = votes(rng, strengths, ITEMS)
        items = comparisons.items_of(as_votes(counts), [], MODELS[:2])
        row = comparisons.compare_pair(*MODELS[:2], items[MODELS[:2]], 0)
        return bool(row["low"] <= truth <= row["high"])

    return simulate


def equal_win(rng: np.random.Generator) -> bool:
    """Whether one of two equal models is said to be preferred."""
    items = comparisons.items_of(as_votes(votes(rng, [0.0, 0.0], ITEMS)), [], MODELS[:2])
    return bool(comparisons.compare_all(items, 0)[0]["verdict"] != "no evidence")


def vote_alpha(strengths: list[float]) -> Simulation:
    """Whether the interval of the nominal alpha of votes holds the truth."""

    def outcomes(rng: np.random.Generator, items: int) -> npt.NDArray[np.float64]:
        counts = votes(rng, strengths, items)
        first = counts[:, 0, 1] + counts[:, 1, 0][:, [1, 0, 2]]
        return np.asarray(first, np.float64)

    truth = alpha_of(outcomes(np.random.default_rng(1), TRUTH_ITEMS), [0, 1, 2], "nominal")
    assert truth is not None

    def simulate(rng: np.random.Generator) -> bool:
        table = outcomes(rng, ITEMS)
        found = vote_agreement([
            PairVote(judge=f"j{place}", unit=f"u{unit}", first=MODELS[0], second=MODELS[1],
                     choice=("first", "second", "tie")[choice])
            for unit, row in enumerate(table) for place, choice in enumerate(np.repeat([0, 1, 2], row.astype(int)))
        ], int(rng.integers(2**31)))  # fmt: skip
        return found.low is not None and found.high is not None and found.low <= truth <= found.high

    return simulate


def strength_intervals(strengths: list[float], first: float = 0.0) -> Simulations:
    """Of each model whether the interval of its strength holds the truth."""
    truth = davidson(
        votes(np.random.default_rng(1), strengths, TRUTH_ITEMS, first=first).sum(axis=0), order_effect=True
    )

    def simulate(rng: np.random.Generator) -> list[bool]:
        counts = votes(rng, strengths, ITEMS, first=first)
        rows = {row["model"]: row for row in comparisons.strengths(counts, MODELS[: len(strengths)], 0)}
        return [rows[name]["low"] <= at <= rows[name]["high"] for name, at in zip(MODELS, truth.theta, strict=False)]

    return simulate


def equal_ranks(rng: np.random.Generator) -> bool:
    """Whether any two of four equal models have ranks that are told apart."""
    rows = comparisons.strengths(votes(rng, [0.0] * 4, ITEMS), MODELS, 0)
    return any((row["rank_best"], row["rank_worst"]) != (1, 4) for row in rows)


def judges_found(folder: Path, rng: np.random.Generator) -> tuple[bool, bool, bool]:
    """Of a real study with three judges who see the better answer four times of five: whether the one who takes the
    first side where he is not sure was named, whether the one who votes without reading was, and whether the third was
    accused of anything."""
    study = make_study(folder, items=100, judges="good,sided,careless", checks=0.1, samples=100)
    desk = TaskAssigner(study)
    reads = honest(study, "model-a")

    def good(lease: Lease) -> str:
        right = reads(lease)
        return right if lease.check or rng.random() < 0.8 else "second" if right == "first" else "first"

    def sided(lease: Lease) -> str:
        return reads(lease) if rng.random() < 0.4 else "first"

    for name, choose in (
        ("good", good),
        ("sided", sided),
        ("careless", lambda _: str(rng.choice(("first", "second")))),
    ):
        work(desk, name, choose)
    desk.close()
    return _named(study)


def _named(study: Study) -> tuple[bool, bool, bool]:
    said = close(study, ResultOptions(exclude_failed=2))["warnings"]
    sided = any(each.startswith("sided prefers the first side") for each in said)
    careless = any(each.startswith("careless failed") for each in said)
    return sided, careless, any(each.startswith("good ") for each in said)


def coverage(simulate: Simulation | Simulations, simulations: int, seed: int = 0) -> list[float]:
    """How often each of what `simulate` gives is true."""
    rows = [np.atleast_1d(simulate(rng)) for rng in np.random.default_rng(seed).spawn(simulations)]
    return [float(each) for each in np.mean(rows, axis=0)]


INTERVALS: dict[str, Callable[[], Simulation | Simulations]] = {
    "win share, equal": lambda: share_interval([0.0, 0.0]),
    "win share, one better": lambda: share_interval([0.6, -0.6]),
    "mean rating 3.4": lambda: rating_mean(3.4),
    "mean rating 4.5": lambda: rating_mean(4.5),
    "alpha of ratings 3.4": lambda: rating_alpha(3.4),
    "alpha of ratings 4.5": lambda: rating_alpha(4.5),
    "alpha of votes": lambda: vote_alpha([0.3, -0.3]),
    "strengths of three": lambda: strength_intervals([0.5, 0.0, -0.5]),
    "strengths of four, first side favoured": lambda: strength_intervals([0.8, 0.3, -0.3, -0.8], first=0.5),
}
EQUAL: dict[str, Simulation] = {"two equal models": equal_win, "equal ratings": rating_difference,
                                "ranks of four equal models": equal_ranks}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--simulations", type=int, default=1000)
    parser.add_argument("--studies", type=int, default=30, help="whole studies with judges to find")
    parser.add_argument("--only", default="", help="part of a line's name")
    asked = parser.parse_args()
    for name, make in INTERVALS.items():
        if asked.only in name:
            found = ", ".join(f"{100 * each:.1f} %" for each in coverage(make(), asked.simulations))
            print(f"{name:<42} the interval holds the truth in {found} (goal 93 to 97)", flush=True)
    for name, simulate in EQUAL.items():
        if asked.only in name:
            (found_share,) = coverage(simulate, asked.simulations)
            print(f"{name:<42} told apart in {100 * found_share:.1f} % (goal 5 or fewer)", flush=True)
    if asked.only:
        return
    counts = np.zeros(3)
    for rng in np.random.default_rng(0).spawn(asked.studies):
        with tempfile.TemporaryDirectory() as folder:
            counts += judges_found(Path(folder), rng)
    print(f"of {asked.studies} studies: {counts[0]:.0f} name the judge who leans to the first side, {counts[1]:.0f} the "
          f"careless one, {counts[2]:.0f} accuse the good one")  # fmt: skip


if __name__ == "__main__":
    main()
