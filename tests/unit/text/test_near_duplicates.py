"""Near duplicates and contained texts, against plain sets and against datasketch's own index."""

from __future__ import annotations

import itertools
import random

import datasketch
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.text import near_duplicates
from harness.text.containment import SHORTEST, find_contained
from harness.text.shingles import jaccard, shingles, token_hashes, windows
from harness.text.words import tokens

WORDS = ["alpha", "beta", "gamma", "delta", "(", ")", "=", "x1"]
TEXTS = st.lists(st.sampled_from(WORDS), min_size=1, max_size=30).map(" ".join)


def plain_jaccard(a: str, b: str, n: int = 5) -> float:
    """By Python's own sets of tuples."""
    sets = []
    for words in (tokens(a), tokens(b)):
        width = min(n, len(words))
        sets.append({tuple(words[place : place + width]) for place in range(len(words) - width + 1)})
    return len(sets[0] & sets[1]) / len(sets[0] | sets[1])


def essay(seed: int, length: int = 120) -> list[str]:
    draw = random.Random(seed)
    return ["".join(draw.choices("abcdefghij", k=4)) for _ in range(length)]


def changed(words: list[str], places: int, seed: int) -> str:
    """With some words, spread evenly, in other words' place."""
    step = len(words) // places
    swapped = list(words)
    for number in range(places):
        swapped[number * step] = f"other{seed}x{number}"
    return " ".join(swapped)


def test_tokens_are_words_and_marks_and_white_space_does_not_count() -> None:
    assert tokens("def f(x_1):\n\treturn x_1+2") == ["def", "f", "(", "x_1", ")", ":", "return", "x_1", "+", "2"]


def test_a_script_without_spaces_gives_a_token_a_character() -> None:
    assert tokens("近似重複 text") == ["近", "似", "重", "複", "text"]


@given(TEXTS, TEXTS)
def test_the_jaccard_index_is_that_of_plain_sets(a: str, b: str) -> None:
    assert jaccard(shingles(a, 5), shingles(b, 5)) == pytest.approx(plain_jaccard(a, b))


def test_windows_of_a_hash_array_tell_the_order_of_tokens() -> None:
    forward, backward = token_hashes(["a", "b", "c"]), token_hashes(["c", "b", "a"])
    assert windows(forward, 3)[0] != windows(backward, 3)[0] and len(windows(forward, 4)) == 0


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.7, 0.8, 0.9, 1.0])
def test_bands_miss_fewer_than_one_pair_in_a_hundred_at_the_threshold(threshold: float) -> None:
    count, width = near_duplicates.bands(threshold)
    assert count * width <= near_duplicates.PLACES and (1 - threshold**width) ** count < 0.01


@pytest.mark.parametrize("threshold", [0.0, -1.0, 1.5, 0.01])
def test_a_threshold_that_no_bands_reach_is_refused(threshold: float) -> None:
    with pytest.raises(ValueError, match="threshold"):
        near_duplicates.bands(threshold)


def test_signatures_estimate_the_jaccard_index_as_datasketch_does() -> None:
    words = essay(1)
    texts = [" ".join(words), changed(words, 6, 2)]
    sketches = near_duplicates.sketch(texts, 2)
    theirs = []
    for text in texts:
        sketch = datasketch.MinHash(num_perm=128)
        found = tokens(text)
        sketch.update_batch(" ".join(found[place : place + 5]).encode() for place in range(len(found) - 4))
        theirs.append(sketch)
    ours = float((sketches.signatures[0] == sketches.signatures[1]).mean())
    assert ours == pytest.approx(plain_jaccard(*texts), abs=0.15)
    assert ours == pytest.approx(theirs[0].jaccard(theirs[1]), abs=0.2)


def test_every_planted_near_duplicate_is_found_with_its_exact_index_and_nothing_else() -> None:
    left = [essay(seed) for seed in range(60)]
    near = {place: changed(left[place], 3, place) for place in range(0, 60, 4)}
    right = [near.get(place, " ".join(essay(1000 + place))) for place in range(60)]
    left_texts = [" ".join(words) for words in left]
    found = near_duplicates.find_near(
        near_duplicates.sketch(left_texts, 60),
        near_duplicates.sketch(right, 60),
        left_texts.__getitem__,
        right.__getitem__,
    )
    matches = {match.right: match for match in found}
    assert set(matches) == set(near)
    for place, match in matches.items():
        assert match.left == place and match.similarity == pytest.approx(plain_jaccard(left_texts[place], near[place]))


def test_exact_duplicates_are_those_equal_but_for_white_space() -> None:
    left, right = ["a b\n  c", "d"], ["x", "a b c", "d "]
    found = near_duplicates.find_exact(near_duplicates.sketch(left, 2), near_duplicates.sketch(right, 3))
    assert [(match.left, match.right) for match in found] == [(0, 1), (1, 2)]


def test_chains_of_near_duplicates_are_one_group_and_others_are_their_own() -> None:
    words = essay(5)
    chain = [" ".join(words), changed(words, 3, 1)]
    chain.append(chain[1].replace(words[50], "third").replace(words[90], "fourth"))
    texts = [" ".join(essay(7)), *chain, " ".join(essay(8)), chain[0]]
    groups = near_duplicates.components(near_duplicates.sketch(texts, len(texts)), texts.__getitem__)
    assert groups.tolist() == [0, 1, 1, 1, 4, 1]


@settings(max_examples=25, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=12))
def test_groups_are_the_connected_components_of_pairs_at_the_threshold(texts: list[str]) -> None:
    threshold = 0.5
    group = list(range(len(texts)))
    for a, b in itertools.combinations(range(len(texts)), 2):
        same = " ".join(texts[a].split()) == " ".join(texts[b].split())
        if same or plain_jaccard(texts[a], texts[b]) >= threshold:
            low, high = sorted((group[a], group[b]))
            group = [low if each == high else each for each in group]
    found = near_duplicates.components(near_duplicates.sketch(texts, len(texts)), texts.__getitem__, threshold).tolist()
    # banding may miss a pair near the threshold, but never joins what does not belong together
    assert all(group[place] == group[other] for place, other in enumerate(found))


def test_a_text_inside_a_longer_one_is_found_with_its_share() -> None:
    inner, outer = essay(1, 40), essay(2, 400)
    left = [" ".join(essay(3, 400)), " ".join([*outer[:200], *inner, *outer[200:]])]
    (found,) = find_contained(lambda: left, [" ".join(inner)])
    assert (found.left, found.right, found.share) == (1, 0, 1.0)


def test_half_a_text_is_found_as_half() -> None:
    words = essay(1, 104)
    (found,) = find_contained(lambda: [" ".join(words[:54])], [" ".join(words)])
    assert found.share == pytest.approx(0.5)


def test_a_text_of_few_shingles_is_not_looked_for() -> None:
    short = " ".join(essay(1, SHORTEST + 3))
    assert list(find_contained(lambda: [short], [short])) == []


def test_boilerplate_that_all_texts_have_does_not_count() -> None:
    licence = essay(1, 60)
    right = [" ".join([*licence, *essay(100 + place, 60)]) for place in range(150)]
    shares = [each.share for each in find_contained(lambda: [" ".join(licence)], right)]
    assert len(shares) == 150 and max(shares) < 0.1


def test_sketches_can_be_taken_apart() -> None:
    whole = near_duplicates.sketch(["a b c", "d e f", "g h i"], 3)
    part = whole.take(np.array([2, 0]))
    assert part.digests.tolist() == [whole.digests[2], whole.digests[0]]
