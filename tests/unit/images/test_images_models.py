"""Models that others made: pipelines of diffusers draw; every kind of extractor gives features. All are small and made here."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from transformers import AutoModel, CLIPModel

from harness.errors import InputError
from harness.images.features import extract, open_extractor
from harness.images.pictures import Entry, array_set, open_set, resize
from harness.images.sampling import open_sampler, wanted
from harness.models import shapes_world
from harness.models.shapes_networks import to_unit
from tests.fixtures import image_models

pytestmark = pytest.mark.xdist_group("image-models")
PICTURES = shapes_world.make("holdout", 70).pictures  # more than a batch


@pytest.fixture(scope="module")
def with_prompts(tmp_path_factory):
    return image_models.stable_diffusion(tmp_path_factory.mktemp("pipelines") / "painter")


@pytest.fixture(scope="module")
def without_prompts(tmp_path_factory):
    return image_models.ddpm(tmp_path_factory.mktemp("pipelines") / "dreamer")


def test_a_pipeline_with_prompts_draws_a_library_and_the_run_is_evaluated(with_prompts, harness, tmp_path):
    (tmp_path / "prompts.json").write_text(json.dumps({"one": "a red circle", "two": "a blue square"}))
    answer = harness("images", "sample", "--model", with_prompts, "--prompts", "prompts.json", "--seeds", "2",
                     "--steps", "2", "--guidance", "2", cwd=tmp_path)  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    drawn = open_set(str(tmp_path / "samples" / "painter"))
    assert [(entry.prompt, entry.seed) for entry in drawn.entries] == [
        ("a red circle", 0), ("a red circle", 1), ("a blue square", 0), ("a blue square", 1)]  # fmt: skip
    assert len({one.digest for _, one in drawn}) == 4 and {one.size for _, one in drawn} == {"16x16"}
    scored = harness("images", "clip", "--images", "samples/painter", "--prompts", "prompts.json", "--model",
                     "shapes-clip", "--json", cwd=tmp_path)  # fmt: skip
    assert json.loads(scored.stdout)["clip"]["n_pictures"] == 4


def test_a_pipelines_picture_is_that_of_its_own_call_whatever_is_drawn_beside_it(with_prompts):
    from diffusers import DiffusionPipeline

    sampler = open_sampler(str(with_prompts), steps=2, guidance=3.0)
    rows = list(wanted({"a": "a red circle", "b": "a blue square"}, 2))
    together, alone = sampler.draw(rows), sampler.draw(rows[3:])
    pipeline = DiffusionPipeline.from_pretrained(with_prompts, local_files_only=True)
    pipeline.set_progress_bar_config(disable=True)
    itself = pipeline("a blue square", generator=torch.Generator("cpu").manual_seed(1), num_inference_steps=2,
                      guidance_scale=3.0, output_type="np").images[0]  # fmt: skip
    for pixels in (together[3], alone[0]):
        assert np.abs(pixels.astype(int) - np.rint(itself * 255)).max() <= 1


def test_a_pipeline_without_prompts_draws_a_picture_for_each_seed(without_prompts, harness, tmp_path):
    answer = harness("images", "sample", "--model", without_prompts, "--seeds", "3", "--steps", "2", cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    drawn = open_set(str(tmp_path / "samples" / "dreamer"))
    assert [(entry.prompt, entry.seed) for entry in drawn.entries] == [(None, 0), (None, 1), (None, 2)]
    assert len({one.digest for _, one in drawn}) == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [(("--prompts", "shapes"), "takes no prompts; leave --prompts out"),
     (("--guidance", "3"), "is a DDPMPipeline, which has no guidance")],
)  # fmt: skip
def test_what_a_pipeline_does_not_take_is_said(without_prompts, harness, tmp_path, options, message):
    answer = harness("images", "sample", "--model", without_prompts, *options, cwd=tmp_path)
    assert answer.returncode == 2 and message in answer.stderr


def test_a_folder_that_is_no_pipeline_is_named(tmp_path):
    (tmp_path / "model_index.json").write_text('{"_class_name": "StableDiffusionPipeline", "unet": ["diffusers", "X"]}')
    with pytest.raises(InputError, match="cannot be loaded as a diffusers pipeline"):
        open_sampler(str(tmp_path))


def features(spec, pictures=PICTURES):
    """(what a set's features are, what the extractor calls itself)."""
    entries = tuple(Entry(id=str(i), image=str(i)) for i in range(len(pictures)))
    found = extract(array_set("x", pictures, entries), open_extractor(spec))
    return found.matrix, found


def test_features_of_a_clip_are_its_projected_embeddings(tmp_path):
    folder = image_models.clip(tmp_path / "clip")
    ours, found = features(f"clip:{folder}")
    model = CLIPModel.from_pretrained(folder, dtype=torch.float32).eval()
    with torch.inference_mode():
        theirs = model.get_image_features(pixel_values=to_unit(PICTURES)).pooler_output
    assert np.allclose(ours, torch.nn.functional.normalize(theirs, dim=1).numpy(), atol=1e-6)
    assert found.info.signature.startswith("clip@") and found.info.dim == 64


def test_features_of_a_dinov2_are_its_pooled_token(tmp_path):
    folder = image_models.dinov2(tmp_path / "dinov2")
    pictures = np.stack(
        [np.rint(resize(one, 28)).astype(np.uint8) for one in PICTURES]
    )  # its processor only normalizes
    ours, found = features(f"dinov2:{folder}", pictures)
    mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    x = torch.from_numpy(((pictures / 255 - mean) / deviation).transpose(0, 3, 1, 2)).float()
    with torch.inference_mode():
        theirs = AutoModel.from_pretrained(folder).eval()(pixel_values=x).last_hidden_state[:, 0]
    assert np.allclose(ours, theirs.numpy(), atol=1e-5) and found.info.dim == 32


def test_features_and_classes_of_an_inception_file(tmp_path):
    file = image_models.inception(tmp_path / "inception.pt")
    ours, found = features(f"inception:{file}")
    network = torch.jit.load(str(file))
    x = torch.from_numpy(np.stack([resize(one, 299) for one in PICTURES]).transpose(0, 3, 1, 2)).contiguous()
    with torch.inference_mode():
        assert np.allclose(ours, network(x, return_features=True).numpy(), atol=1e-5)
        assert np.allclose(np.exp(found.logits), network(x).numpy(), atol=1e-6)
    assert found.info.resize["size"] == 299


def test_features_of_a_torchscript_see_normalized_pictures(tmp_path):
    ours, _ = features(f"torchscript:{image_models.torchscript(tmp_path / 'own.pt')}", PICTURES[:3])
    quarters = PICTURES[:3].reshape(3, 2, 16, 2, 16, 3).mean(axis=(2, 4)).transpose(0, 3, 1, 2)  # (3, 3, 2, 2)
    mean, deviation = (np.array(v)[:, None, None] for v in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    assert np.abs(ours - ((quarters / 255 - mean) / deviation).reshape(3, 12)).max() < 0.1  # resizing rounds corners


def test_features_of_a_class_of_ones_own(tmp_path):
    ours, found = features("py:tests.fixtures.image_models:Means")
    assert np.allclose(ours, image_models.Means()(PICTURES), rtol=1e-6) and found.info.kind == "py"


@pytest.mark.parametrize("kind", ["clip", "dinov2", "inception", "torchscript", "py"])
def test_a_distance_is_measured_with_every_kind_of_extractor(kind, tmp_path, harness):
    make = {"clip": image_models.clip, "dinov2": image_models.dinov2, "inception": image_models.inception,
            "torchscript": image_models.torchscript}  # fmt: skip
    place = "tests.fixtures.image_models:Means" if kind == "py" else str(make[kind](tmp_path / "model"))
    metric = "kid,is" if kind == "inception" else "kid"
    answer = harness("images", "distance", "--real", "shapes:reference@40", "--gen", "shapes:holdout@40", "--extractor",
                     f"{kind}:{place}", "--metrics", metric, "--json", cwd=tmp_path)  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    values = {one["name"]: one for one in json.loads(answer.stdout)["metrics"]}
    assert set(values) == set(metric.split(",")) and values["kid"]["extractor"].startswith(f"{kind}@")


def test_dinov2_stands_before_inception_and_each_number_says_whose_it_is(tmp_path, harness):
    kinds = {kind: str(make(tmp_path / kind)) for kind, make in (("inception", image_models.inception), ("dinov2", image_models.dinov2))}  # fmt: skip
    given = [part for kind, place in [*kinds.items(), ("shapes", "")] for part in ("--extractor", f"{kind}:{place}".rstrip(":"))]  # fmt: skip
    answer = harness("images", "evaluate", "shapes:holdout@70", "--real", "shapes:reference@70", "--train",
                     "shapes:train@50", "--metrics", "fid,kid,prdc,is", "--k", "3", "--json", *given, cwd=tmp_path)  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    summary = json.loads(answer.stdout)
    names = [one["name"] for one in summary["metrics"]]
    assert [name for name in names if name.startswith(("fid", "fd"))] == ["fd/dinov2", "fid", "fid/shapes"]
    assert names.index("kid") < names.index("kid/inception") < names.index("kid/shapes")
    assert {"precision@k3", "precision@k3/inception", "is/inception", "is/shapes"} <= set(names) and "is" not in names
    assert len(names) == len(set(names)) and all(
        one["extractor"].startswith(f"{one['name'].partition('/')[2]}@")
        for one in summary["metrics"] if "/" in one["name"]
    )  # fmt: skip
    assert [one["kind"] for one in summary["extractors"]] == ["dinov2", "inception", "shapes"]
    assert summary["extractor"] == summary["extractors"][0] and summary["copies"]["threshold"] > 0
    said = [one["text"] for one in summary["reading"]]
    assert any("fd/dinov2 is" in text for text in said) and any("By inception@" in text and ": fid is" in text for text in said)  # fmt: skip
    (run,) = (tmp_path / "results").glob("*/*/*")
    page = (run / "report.html").read_text()
    assert page.index("fd/dinov2") < page.index("kid/inception") and "Precision against recall" in page
    alone = harness("images", "distance", "--real", "shapes:reference@70", "--gen", "shapes:holdout@70", "--metrics",
                    "fid,kid", "--json", *given, cwd=tmp_path)  # fmt: skip
    values = {one["name"]: one["value"] for one in json.loads(alone.stdout)["metrics"]}
    for one in summary["metrics"]:
        assert values.get(one["name"], one["value"]) == pytest.approx(one["value"], rel=1e-9)


@pytest.mark.parametrize(
    ("given", "message"),
    [(["shapes", "shapes"], "is given twice"), (["shapes", "hub/name"], "hub/name is not an extractor")],
)
def test_extractors_that_do_not_go_together_are_named(given, message, tmp_path, harness):
    options = [part for one in given for part in ("--extractor", one)]
    answer = harness("images", "distance", "--real", "shapes:reference@70", "--gen", "shapes:holdout@70", *options,
                     cwd=tmp_path)  # fmt: skip
    assert answer.returncode == 2 and message in answer.stderr


def test_two_classes_of_one_file_are_two_extractors():
    first, second = (open_extractor(f"py:tests.fixtures.image_models:{name}").info for name in ("Means", "Corners"))
    assert first.weights_sha256 != second.weights_sha256


@pytest.mark.parametrize(
    ("kind", "make", "message"),
    [
        ("dinov2", image_models.clip, "holds a model of type 'clip', not dinov2"),
        ("clip", image_models.dinov2, "holds a model of type 'dinov2', not clip"),
        ("inception", image_models.torchscript, "does not take these pictures: .*forward"),
        ("torchscript", image_models.inception, "does not take these pictures: .*AssertionError"),
    ],
)
def test_a_model_of_another_kind_is_an_error_that_names_it(kind, make, message, tmp_path):
    with pytest.raises(InputError, match=message):
        features(f"{kind}:{make(tmp_path / 'model')}", PICTURES[:3])


def test_what_is_no_checkpoint_is_an_error_that_names_it(tmp_path):
    (tmp_path / "config.json").write_text("{")
    for kind in ("clip", "dinov2"):
        with pytest.raises(InputError, match=r"config.json cannot be read"):
            features(f"{kind}:{tmp_path}", PICTURES[:3])
    for kind in ("clip", "dinov2"):
        (tmp_path / "config.json").write_text(json.dumps({"model_type": kind}))
        with pytest.raises(InputError, match="cannot be loaded"):
            features(f"{kind}:{tmp_path}", PICTURES[:3])
    with pytest.raises(InputError, match="must be callable"):
        features("py:json:JSONDecoder", PICTURES[:3])
