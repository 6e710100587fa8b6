"""The generated world: the same pictures from the same seeds, splits without a common picture, captions that say what is seen."""

from __future__ import annotations

import numpy as np
import pytest

from harness.models import shapes_world as world


def test_pictures_are_the_same_every_time_whatever_number_is_asked_for():
    assert (world.make("reference", 700).pictures == world.make("reference", 1200).pictures[:700]).all()


def test_splits_have_no_picture_in_common():
    rows = [world.make(split, 1500).pictures.reshape(1500, -1) for split in ("train", "holdout", "reference")]
    assert len({row.tobytes() for part in rows for row in part}) == 4500


def test_a_tenth_of_the_combinations_is_never_in_training_nor_in_its_hold_out():
    unseen = world.held_out()
    assert len(world.combinations()) == 1200 and len(unseen) == 120
    for split in ("train", "holdout"):
        assert not unseen & set(world.make(split).attributes)
    assert sum(one in unseen for one in world.prompt_attributes()) == 26


def test_the_library_has_256_captions_and_the_reference_has_each_as_often():
    names = world.prompts()
    assert len(names) == len(set(names.values())) == 256
    counts = np.unique(world.make("reference", 1024).captions, return_counts=True)[1]
    assert (counts == 4).all()


def test_a_caption_names_what_is_drawn():
    one = world.Attributes("circle", "red", "large", "center", "white")
    picture = world.draw([one], seed=1)[0].astype(int)
    assert one.caption == "a large red circle in the center on a white background"
    assert picture[16, 16, 0] > 180 > 90 > picture[16, 16, 1] and picture[1, 1].min() > 220
    assert world.by_caption()[one.caption] is not None


def test_an_unknown_value_and_too_many_pictures_are_named():
    with pytest.raises(ValueError, match="shape 'star' is none of circle"):
        world.Attributes("star", "red", "large", "center", "white")
    with pytest.raises(ValueError, match="holdout has 1 to 2,000 pictures"):
        world.make("holdout", 2001)
