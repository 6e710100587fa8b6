"""CLIP scores with the embedded `shapes-clip`: equal to the model's own, the same alone and in a batch, every seed kept."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoTokenizer, CLIPModel

from harness.errors import InputError
from harness.images import page, tracking
from harness.images.clip import ClipModel
from harness.images.pictures import Entry, array_set, decode
from harness.images.prompts import Library
from harness.images.sampling import MODELS
from harness.images.scoring import ClipScorer
from harness.metrics.clip_score import scaled, summarize
from harness.models import shapes_world
from harness.models.shapes_networks import load_diffusion, to_unit

FOLDER = MODELS / "shapes-clip"
WORLD = shapes_world.make("holdout", 256)


@pytest.fixture(scope="module")
def clip():
    return ClipModel(FOLDER)


def test_the_cosine_is_that_of_the_model_itself(clip):
    model = CLIPModel.from_pretrained(FOLDER, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(FOLDER)
    with torch.inference_mode():
        tokens = tokenizer(WORLD.captions[:8], padding="max_length", max_length=77, return_tensors="pt")
        logits = model(**tokens, pixel_values=to_unit(WORLD.pictures[:8])).logits_per_image / model.logit_scale.exp()
    ours = clip.embed_pictures(list(WORLD.pictures[:8])) @ clip.embed_texts(WORLD.captions[:8])[0].T
    assert np.allclose(ours, logits.numpy(), atol=1e-6)


def test_a_batch_has_the_embeddings_of_single_pictures_and_texts(clip):
    together = clip.embed_pictures(list(WORLD.pictures[:9]))
    alone = np.concatenate([clip.embed_pictures([one]) for one in WORLD.pictures[:9]])
    assert np.allclose(together, alone, atol=1e-6)
    texts = ["a cat", WORLD.captions[0], "x " * 200]
    assert np.allclose(clip.embed_texts(texts)[0], np.concatenate([clip.embed_texts([t])[0] for t in texts]), atol=1e-6)


def test_a_prompt_of_78_tokens_keeps_its_end_and_is_flagged(clip):
    long = " ".join(["red"] * 76)  # 76 words, and the two at the ends
    ids = clip._tokenizer([long], truncation=True, max_length=77)["input_ids"][0]
    assert len(ids) == 77 and ids[-1] == clip._model.config.text_config.eos_token_id
    library = Library(name="x", prompts={"long": long, "short": "a red circle"})
    entries = tuple(Entry(id=name, image=name, prompt=name) for name in library.prompts)
    found = ClipScorer(clip, library).score(array_set("x", WORLD.pictures[:2], entries))
    assert [(row.tokens, row.truncated) for row in found.rows] == [(78, True), (5, False)]
    assert found.truncated_prompts == 1


def test_three_seeds_of_a_prompt_are_three_rows_and_one_prompt(clip):
    library = Library(name="x", prompts={"a": WORLD.captions[0], "b": WORLD.captions[1]})
    entries = tuple(Entry(id=f"{n}{s}", image="", prompt=n, seed=s) for n in "ab" for s in range(3))
    found = ClipScorer(clip, library).score(array_set("x", WORLD.pictures[:6], entries))
    assert [row.seed for row in found.rows] == [0, 1, 2, 0, 1, 2]
    assert found.summary.n_pictures == 6 and found.summary.n_prompts == 2


def test_shapes_clip_finds_the_caption_among_256_for_most_pictures_it_never_saw(clip):
    own = sorted(set(WORLD.captions))
    others = [one.caption for one in shapes_world.combinations() if one.caption not in set(own)]
    library = Library(name="256", prompts={text: text for text in (own + others)[:256]})
    entries = tuple(Entry(id=str(i), image="", prompt=text) for i, text in enumerate(WORLD.captions))
    found = ClipScorer(clip, library).score(array_set("holdout", WORLD.pictures, entries), allow_missing=True)
    assert found.summary.r_at_1 >= 0.6
    assert found.summary.low < found.summary.mean < found.summary.high


def test_the_interval_is_over_prompts_not_over_pictures():
    values = [0.1] * 50 + [0.3] * 50
    two = summarize(values, [1] * 100, ["a"] * 50 + ["b"] * 50)
    many = summarize(values, [1] * 100, [str(i) for i in range(100)])
    assert two.high - two.low > 3 * (many.high - many.low)


def test_scales_are_those_of_the_field():
    assert scaled(0.3, "100") == pytest.approx(30) and scaled(-0.3, "2.5") == 0 and scaled(-0.3, "cosine") == -0.3


def test_a_model_that_is_no_clip_is_refused(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    with pytest.raises(InputError, match="holds a model of type 'llama', not clip"):
        ClipModel(tmp_path)


class _Log:
    def __init__(self):
        self.steps = []

    def log(self, step, scalars, pictures):
        self.steps.append((step, scalars["clip/mean"], sorted(pictures)))


def _callback(folder, log=(), hostile=""):
    by_caption, calls = shapes_world.by_caption(), []
    prompts = {f"{hostile}{i}": text for i, text in enumerate(list(by_caption)[:6])}

    def generate(prompt, seed):
        calls.append(seed)
        return shapes_world.draw([by_caption[prompt]], seed=seed)[0]

    made = tracking.TrainingCallback(prompts, generate, folder, clip=FOLDER, every=10, seeds=(0, 1, 2), loggers=log)
    return made, calls


def test_the_callback_scores_on_time_with_the_same_seeds_and_goes_on_after_a_crash(tmp_path):
    log = _Log()
    callback, calls = _callback(tmp_path, [log])
    assert callback(5) is None and callback(10)["clip/mean"] > 0.3 and callback(20) is not None
    assert calls == [0, 1, 2] * 12 and [step for step, _, _ in log.steps] == [10, 20]
    with open(tmp_path / tracking.POINTS, "a") as file:
        file.write('{"step": 30, "cl')  # killed while it wrote
    again, calls = _callback(tmp_path)
    assert again(10) is None and not calls and len(tracking.read_points(tmp_path)) == 2
    assert again(30) is not None and [row["step"] for row in tracking.read_points(tmp_path)] == [10, 20, 30]


def test_the_page_of_a_training_shows_curves_and_pictures_and_runs_nothing(tmp_path):
    callback, _ = _callback(tmp_path, hostile="<script>alert(1)</script>")
    callback(10)
    callback(20)
    tracking.write_page([tmp_path], tmp_path / "track.html")
    text = (tmp_path / "track.html").read_text()
    assert text.count("<svg") == 2 and text.count("<img") > 20
    assert "<script" not in text and "default-src 'none'" in text
    assert "hold for CLIP L/14-336 only" in text


def test_two_models_are_two_lines_and_keep_their_pictures_apart(tmp_path):
    log = _Log()
    for name in ("first", "second"):
        callback, _ = _callback(tmp_path / name)
        callback.model = f"{name}<b>"
        callback(10)
        callback(20)
    tracking.write_page([tmp_path / "first", tmp_path / "second"], tmp_path / "track.html")
    text = (tmp_path / "track.html").read_text()
    assert text.count("<svg") == 5 and "CLIP cosine of every model" in text and "<b>" not in text
    assert "first&lt;b&gt;, second&lt;b&gt;; steps 10 to 20, 4 points; scored by shapes-clip" in text
    tracking.replay(
        [tmp_path / "first", tmp_path / "second"],
        type("L", (), {"log": lambda self, step, scalars, _: log.steps.append((step, *sorted(scalars)[:1]))})(),
    )
    assert log.steps == [
        (10, "first<b>/clip/max"),
        (10, "second<b>/clip/max"),
        (20, "first<b>/clip/max"),
        (20, "second<b>/clip/max"),
    ]


def test_a_folder_without_points_is_named(tmp_path):
    with pytest.raises(InputError, match="is not a run of pictures that has ended"):
        tracking.write_page([tmp_path], tmp_path / "track.html")


def test_texts_of_a_page_are_escaped():
    text = page.page("<b>", [page.paragraph("<i>&"), page.table(["<u>"], [["<s>"]])]).decode()
    assert not any(tag in text for tag in ("<b>", "<i>", "<u>", "<s>"))


def test_points_are_json_lines(tmp_path):
    callback, _ = _callback(tmp_path)
    callback(10)
    (line,) = (tmp_path / tracking.POINTS).read_text().splitlines()
    assert json.loads(line)["clip"]["n_pictures"] == 18


EXAMPLE = Path(__file__).parents[3] / "docs" / "examples" / "shapes-training"


def test_the_watched_training_that_is_shipped_has_the_scores_of_its_pictures(clip, tmp_path):
    points, samples = tracking.gather([EXAMPLE / "tracked"])
    assert len(points) >= 3 and points[-1]["clip"]["low"] > points[0]["clip"]["high"]
    last = [row for row in samples if row["step"] == points[-1]["step"]]
    found = clip.embed_pictures([decode(row["path"].read_bytes(), row["image"]).pixels for row in last])
    texts, _ = clip.embed_texts([row["prompt"] for row in last])
    assert np.allclose((found * texts).sum(axis=1), [row["clip_cosine"] for row in last], atol=1e-4)
    for point in points:
        here = [row["clip_cosine"] for row in samples if row["step"] == point["step"]]
        assert len(here) == 16 and np.mean(here) == pytest.approx(point["clip"]["mean"], abs=1e-5)
    tracking.write_page([EXAMPLE / "tracked"], tmp_path / "track.html")
    assert (tmp_path / "track.html").read_text().count("<img") == 6 * len(points) + 16


def test_the_script_of_the_watched_training_draws_with_the_weights_of_the_moment():
    script = runpy.run_path(str(EXAMPLE / "train.py"))
    painter = script["Painter"]()
    painter.model = load_diffusion(MODELS / "shapes")
    name, prompt = next(iter(script["PROMPTS"].items()))
    first = painter.generate(prompt, 0)
    painter.model = load_diffusion(MODELS / "shapes-early")
    assert first.shape == (32, 32, 3) and name == "p000" and not np.array_equal(first, painter.generate(prompt, 0))
