"""`harness images` from the command line, on the embedded models: a few pictures, a whole run, its report, exit codes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from unittest import mock

import numpy as np
import pytest

from harness.images import doctor
from harness.images.pictures import decode, open_set, png
from harness.images.run_directory import scalars
from harness.images.sampling import MODELS
from harness.models import shapes_world
from tests.integration.test_trackers import leveldb_records

PROMPTS = dict(list(shapes_world.prompts().items())[:6])


@pytest.fixture(scope="module")
def sampled(tmp_path_factory, harness):
    folder = tmp_path_factory.mktemp("sampled")
    (folder / "prompts.json").write_text(json.dumps(PROMPTS))
    answer = harness("images", "sample", "--model", "shapes-early", "--prompts", "prompts.json", "--seeds", "2",
                     "--steps", "4", "--step", "250", "-o", "early", cwd=folder)  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    return folder


@pytest.fixture
def real(tmp_path):
    folder = tmp_path / "real"
    folder.mkdir()
    world = shapes_world.make("reference", 300)
    rows = []
    for i, (pixels, text) in enumerate(zip(world.pictures, world.captions, strict=True)):
        (folder / f"{i}.png").write_bytes(png(pixels))
        rows.append(json.dumps({"id": str(i), "image": f"{i}.png", "prompt": text, "seed": i}) + "\n")
    (folder / "manifest.jsonl").write_text("".join(rows))
    return folder


def test_a_picture_is_the_same_whatever_was_drawn_beside_it(sampled, harness):
    first = {entry.id: one.digest for entry, one in open_set(str(sampled / "early"))}
    assert len(first) == 12
    gone = sorted((sampled / "early" / "pictures").iterdir())[3]
    gone.unlink()
    answer = harness("images", "sample", "--model", "shapes-early", "--prompts", "prompts.json", "--seeds", "2",
                     "--steps", "4", "--step", "250", "-o", "early", "--batch", "1", cwd=sampled)  # fmt: skip
    assert answer.returncode == 0
    assert {entry.id: one.digest for entry, one in open_set(str(sampled / "early"))} == first


def test_pictures_of_other_settings_do_not_mix(sampled, harness):
    answer = harness("images", "sample", "--model", "shapes-early", "--prompts", "prompts.json", "--steps", "5",
                     "-o", "early", cwd=sampled)  # fmt: skip
    assert answer.returncode == 2 and "another model or other settings" in answer.stderr


def test_a_run_has_its_files_and_the_same_numbers_twice(real, harness, tmp_path):
    arguments = ("images", "evaluate", "real", "--real", "shapes:holdout@400", "--prompts", "shapes", "--clip",
                 str(MODELS / "shapes-clip"), "--metrics", "fid,prdc,is,vendi", "--k", "3",
                 "--train", "shapes:train@300", "--json")  # fmt: skip
    found = []
    for results in ("a", "b"):
        answer = harness(*arguments, "--results", results, cwd=tmp_path)
        assert answer.returncode == 0, answer.stderr
        (run,) = (tmp_path / results / "shapes" / "real").iterdir()
        assert {path.name for path in run.iterdir()} == {
            "manifest.json",
            "samples.jsonl",
            "summary.json",
            "report.html",
        }
        summary = json.loads((run / "summary.json").read_text())
        rows = [json.loads(line) for line in (run / "samples.jsonl").read_text().splitlines()]
        assert {row.pop("run") for row in rows} == {run.name} and {row["model"] for row in rows} == {"real"}
        found.append({**summary, "run": "", "samples": rows})
    assert found[0] == found[1]
    names = {one["name"] for one in found[0]["metrics"]}
    assert {"fid/shapes", "precision@k3", "recall@k3", "is", "vendi"} <= names
    assert found[0]["clip"]["r_at_1"] > 0.8 and found[0]["clip"]["n_prompts"] == 256
    assert {"clip", "r_at_1", "fid/shapes"} <= {one["metric"] for one in found[0]["estimates"]}
    for condition in (("problems", 256), ("problems_scored", 256), ("completions", 300), ("completions_scored", 300)):
        assert summary["coverage"][condition[0]] == condition[1]
    html = (run / "report.html").read_text()
    assert "fid/shapes over 1/N" in html
    assert "http" not in html.replace("http-equiv", "") and "<script" not in html


def test_two_runs_are_compared_by_prompt(real, harness, tmp_path):
    world = shapes_world.make("reference", 300)
    noisy = np.random.default_rng(0).integers(0, 256, world.pictures.shape).astype(np.uint8)
    other = tmp_path / "noise"
    other.mkdir()
    shutil.copy(real / "manifest.jsonl", other)
    for i, pixels in enumerate(noisy):
        (other / f"{i}.png").write_bytes(png(pixels))
    for name in ("real", "noise"):
        assert harness("images", "evaluate", name, "--prompts", "shapes", "--clip", str(MODELS / "shapes-clip"),
                       "--metrics", "vendi", "--real", "shapes:holdout@400", "--train", "shapes:train@300",
                       cwd=tmp_path).returncode == 0  # fmt: skip
    runs = [next((tmp_path / "results" / "shapes" / name).iterdir()) for name in ("real", "noise")]
    answer = harness("compare", *runs, "--json", cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    text = json.dumps(json.loads(answer.stdout))
    assert "r_at_1" in text and "clip" in text
    _every_other_command_reads_them(runs, harness, tmp_path)


def _every_other_command_reads_them(runs, harness, folder):
    ranked = harness("leaderboard", "results", "--json", cwd=folder)
    (table,) = json.loads(ranked.stdout)["tables"]
    first = {one["model"]: one["rank_best"] for one in table["numbers"] if one["metric"] == "r_at_1"}
    assert ranked.returncode == 0 and first == {"real": 1, "noise": 2}
    shown = harness("show", runs[0], cwd=folder)
    assert "coverage: 256 of 256 problems, 300 of 300 completions" in shown.stdout and "vendi" in shown.stdout
    one = harness("show", runs[0], "p003", cwd=folder)
    assert one.returncode == 0 and PROMPTS["p003"] in one.stdout
    unknown = harness("show", runs[0], "p0033", cwd=folder)
    assert unknown.returncode == 2 and "did you mean" in unknown.stderr
    study = harness("review", "ab", *runs, "--samples", "6", "--judges", "1", "-o", "study", cwd=folder)
    assert study.returncode == 0, study.stderr
    shown = [json.loads(line) for line in (folder / "study" / "items.jsonl").read_text().splitlines()]
    files = {answer["image"] for item in shown for answer in item["answers"]}
    assert len(shown) == 6 and len(files) == 12 and not any("noise" in json.dumps(item) for item in shown)
    judged = {decode((folder / "study" / "pictures" / name).read_bytes(), name).digest for name in files}
    every = {one.digest for name in ("real", "noise") for _, one in open_set(str(folder / name))}
    assert len(judged) == 12 and judged <= every
    beyond = harness("review", "ab", *runs, "--index", "9", "-o", "other", cwd=folder)
    assert beyond.returncode == 2 and "has no picture of index 9" in beyond.stderr
    sent = harness("report", runs[0], "--to", "tensorboard", cwd=folder)
    assert sent.returncode == 0 and list((runs[0] / "tensorboard").iterdir())


def test_fail_if_is_exit_code_1_and_an_unknown_number_2(real, harness, tmp_path):
    common = ("images", "clip", "--images", "real", "--prompts", "shapes", "--model", "shapes-clip", "--fail-if")
    assert harness(*common, "clip/mean<0.22", cwd=tmp_path).returncode == 0
    failed = harness(*common, "clip/mean<0.999", cwd=tmp_path)
    assert failed.returncode == 1 and "(--fail-if clip/mean<0.999)" in failed.stderr
    unknown = harness(*common, "clip/maen<0.2", cwd=tmp_path)
    assert unknown.returncode == 2 and "did you mean clip/mean" in unknown.stderr
    assert harness(*common, "clip/mean is low", cwd=tmp_path).returncode == 2


def test_copies_planted_among_pictures_are_found_by_the_command(harness, tmp_path):
    for name, split in (("train", "train"), ("gen", "holdout")):
        (tmp_path / name).mkdir()
        for i, pixels in enumerate(shapes_world.make(split, 60).pictures):
            (tmp_path / name / f"{i:03d}.png").write_bytes(png(pixels))
    shutil.copy(tmp_path / "train" / "007.png", tmp_path / "gen" / "copy.png")
    answer = harness(
        "images",
        "copies",
        "--train",
        "train",
        "--gen",
        "gen",
        "--holdout",
        "shapes:holdout@500",
        "--json",
        cwd=tmp_path,
    )
    report = json.loads(answer.stdout)
    assert answer.returncode == 1
    assert [(one["gen_id"], one["train_id"], one["equal_pixels"]) for one in report["candidates"]] == [
        ("copy", "007", True)
    ]


def test_features_serve_in_place_of_pictures(real, harness, tmp_path):
    assert harness("images", "features", "real", "-o", "real.npz", cwd=tmp_path).returncode == 0
    assert harness("images", "features", "shapes:holdout@300", "-o", "gen.npz", cwd=tmp_path).returncode == 0
    answer = harness(
        "images", "distance", "--real", "real.npz", "--gen", "gen.npz", "--metrics", "fid", "--json", cwd=tmp_path
    )
    (value,) = json.loads(answer.stdout)["metrics"]
    assert value["name"] == "fid/shapes" and value["n_real"] == 300 and value["low"] is not None
    same = harness("images", "distance", "--real", "real.npz", "--gen", "real.npz", cwd=tmp_path)
    assert same.returncode == 2 and "hold the same 300 pictures" in same.stderr


def test_mean_and_covariance_alone_give_fid_and_no_other_metric(harness, tmp_path):
    np.savez(tmp_path / "real.npz", mu=np.zeros(4), sigma=np.eye(4))
    np.savez(tmp_path / "gen.npz", features=np.random.default_rng(0).standard_normal((90, 4)))
    common = ("images", "distance", "--real", "real.npz", "--gen", "gen.npz", "--json")
    answer = harness(*common, cwd=tmp_path)
    assert [one["name"] for one in json.loads(answer.stdout)["metrics"]] == ["fid/unknown"]
    asked = harness(*common, "--metrics", "fid,kid,prdc", cwd=tmp_path)
    assert asked.returncode == 2
    assert "real.npz has mu and sigma only: FID can be computed, kid and prdc need features" in asked.stderr


def test_a_leak_is_a_caution_on_every_number(harness, tmp_path):
    for name, split in (("train", "train"), ("real", "reference"), ("gen", "holdout")):
        (tmp_path / name).mkdir()
        for i, pixels in enumerate(shapes_world.make(split, 90).pictures):
            (tmp_path / name / f"{i:03d}.png").write_bytes(png(pixels))
    shutil.copy(tmp_path / "train" / "007.png", tmp_path / "real" / "planted.png")
    answer = harness("images", "evaluate", "gen", "--real", "real", "--train", "train", "--metrics", "fid,vendi",
                     "--json", cwd=tmp_path)  # fmt: skip
    found = json.loads(answer.stdout)
    said = harness("images", "distance", "--real", "real", "--gen", "gen", "--metrics", "fid", cwd=tmp_path)
    assert "W_UNEQUAL_N: the two sets differ in number" in said.stdout
    assert found["leaks"] == {"reference": 1} and all("W_LEAK" in one["warnings"] for one in found["metrics"])
    assert (
        found["reading"][0]["kind"] == "caution"
        and "Leak: 1 training picture in the reference" in found["reading"][0]["text"]
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("clip", "--images", ".", "--prompts", "shapes", "--model", "openai/clip-vit-large-patch14-336"),
         "openai/clip-vit-large-patch14-336 is not a directory here"),
        (("evaluate", "nowhere"), "needs something to be measured against"),
        (("evaluate", "nowhere", "--real", "shapes:reference"), "nowhere is not there"),
        (("sample", "--model", "stabilityai/sdxl"), "stabilityai/sdxl is not a directory here"),
        (("likelihood", "nowhere"), "neither shapes nor shapes-early nor a file"),
        (("distance", "--real", "shapes:reference@90", "--gen", "shapes:holdout@90", "--metrics", "fis"), "the metrics are fid"),
        (("distance", "--real", "shapes:test", "--gen", "shapes:holdout"), "shapes has the splits train, holdout, reference"),
    ],
)  # fmt: skip
def test_bad_input_is_exit_code_2_and_says_what_to_do(harness, tmp_path, arguments, message):
    answer = harness("images", *arguments, cwd=tmp_path)
    assert answer.returncode == 2 and message in answer.stderr


def test_likelihood_of_an_embedded_model(harness, tmp_path):
    answer = harness("images", "likelihood", "shapes-early", "--n", "48", "--strata", "6", "--json", cwd=tmp_path)
    found = json.loads(answer.stdout)
    assert 0 < found["low"] < found["bits_per_dim"] < found["high"] and found["dims"] == 3072


def test_likelihoods_of_two_sources_are_held_against_each_other(harness, tmp_path):
    rng = np.random.default_rng(0)
    for name, mean, dims in (("a", 10, 10), ("b", 12, 10), ("c", 12, 12288)):
        rows = [{"nll": mean + rng.standard_normal(), "dims": dims, "split": "test"} for _ in range(50)]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    answer = harness("images", "likelihood", "a.jsonl", "b.jsonl", "--json", cwd=tmp_path)
    (gap,) = json.loads(answer.stdout)["differences"]
    assert 0 < gap["low"] < gap["value"] < gap["high"] and gap["value"] == pytest.approx(0.2 / np.log(2), rel=0.25)
    other = harness("images", "likelihood", "a.jsonl", "c.jsonl", cwd=tmp_path)
    assert other.returncode == 2 and "a.jsonl has 10 dimensions, c.jsonl 12288: bits per dimension" in other.stderr
    failed = harness("images", "likelihood", "a.jsonl", "--fail-if", "bits_per_dim>1", cwd=tmp_path)
    assert failed.returncode == 1


def test_the_doctor_finds_the_models_and_no_torchvision(harness):
    answer = harness("images", "doctor")
    assert "shapes-clip" in answer.stdout and "torchvision: not installed, and not needed" in answer.stdout


def test_a_torchvision_that_does_not_fit_is_explained(tmp_path, monkeypatch):
    (tmp_path / "torchvision.py").write_text("raise RuntimeError('operator torchvision::nms does not exist')")
    monkeypatch.syspath_prepend(tmp_path)
    found = {row.name: row for row in doctor.examine()}["torchvision"]
    assert found.state == "broken" and "operator torchvision::nms does not exist" in found.text
    assert "pip uninstall torchvision" in found.text


@pytest.mark.parametrize("arguments", [("images", "--help"), ("images", "evaluate", "--help")])
def test_help_imports_neither_torch_nor_what_reads_pictures(arguments):
    code = (
        "import sys\nfrom harness.cli.app import main\nsys.argv = ['harness', *sys.argv[1:]]\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        "heavy = {'torch', 'transformers', 'PIL', 'numpy', 'scipy'} & set(sys.modules)\nassert not heavy, heavy"
    )
    answer = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    assert "Usage" in answer.stdout


def test_points_go_to_tensorboard_with_their_step(harness, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    from tests.unit.images.test_images_clip import _callback

    callback, _ = _callback(tmp_path / "training")
    points = [callback(10), callback(20)]
    answer = harness("images", "track", "training", "--report-to", "tensorboard", cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    found = [(event.step, event.value) for event in events.Scalars("clip/mean")]
    assert found == [(10, pytest.approx(points[0]["clip/mean"])), (20, pytest.approx(points[1]["clip/mean"]))]
    assert [event.step for event in events.Images("clip/worst")] == [10, 20]


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory, harness):
    """A run of training step 250, sent to TensorBoard and to W&B offline; its numbers, and its worst and best picture."""
    folder = tmp_path_factory.mktemp("evaluated")
    drawn = folder / "drawn"
    drawn.mkdir()
    rows = []
    for i, (name, pixels) in enumerate(zip(PROMPTS, shapes_world.make("holdout", 6).pictures, strict=True)):
        (drawn / f"{i}.png").write_bytes(png(pixels))
        rows.append(
            json.dumps({"id": name, "image": f"{i}.png", "prompt": PROMPTS[name], "seed": 0, "step": 250}) + "\n"
        )
    (drawn / "manifest.jsonl").write_text("".join(rows))
    (folder / "prompts.json").write_text(json.dumps(PROMPTS))
    with mock.patch.dict(os.environ, {"WANDB_MODE": "offline"}):
        answer = harness("images", "evaluate", "drawn", "--prompts", "prompts.json", "--clip", MODELS / "shapes-clip",
                         "--report_to", "tensorboard,wandb", cwd=folder)  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    (run,) = (folder / "results" / "prompts" / "drawn").iterdir()
    rows = [json.loads(line) for line in (run / "samples.jsonl").read_text().splitlines()]
    rows.sort(key=lambda row: (row["clip_cosine"], row["id"]))
    pictures = {entry.id: one.pixels for entry, one in open_set(str(drawn))}
    shown = {"clip/worst": pictures[rows[0]["id"]], "clip/best": pictures[rows[-1]["id"]]}
    return run, scalars(json.loads((run / "summary.json").read_text())), shown


def test_a_run_is_in_tensorboard_with_its_step_its_numbers_and_its_pictures(evaluated):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run, numbers, shown = evaluated
    events = EventAccumulator(str(run / "tensorboard")).Reload()
    for name, value in numbers.items():
        assert [(event.step, event.value) for event in events.Scalars(name)] == [(250, pytest.approx(value))]
    for name, pixels in shown.items():
        (event,) = events.Images(name)
        assert event.step == 250 and (decode(event.encoded_image_string, name).pixels == pixels).all()


def test_a_run_is_in_an_offline_wandb_run_with_its_step_its_numbers_and_its_pictures(evaluated):
    from wandb.proto import wandb_internal_pb2

    run, numbers, shown = evaluated
    (file,) = (run / "wandb").glob("offline-run-*/run-*.wandb")
    seen = {}
    for data in leveldb_records(file.read_bytes()[7:]):
        record = wandb_internal_pb2.Record()
        record.ParseFromString(data)
        if record.WhichOneof("record_type") == "history":
            items = {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in record.history.item}
            seen |= {name: (items["_step"], value) for name, value in items.items()}
    assert {name: seen[name] for name in numbers} == {name: (250, value) for name, value in numbers.items()}
    for name, pixels in shown.items():
        step, path = seen[f"{name}/path"]
        saved = decode((file.parent / "files" / path).read_bytes(), name).pixels
        assert step == 250 and (saved == pixels).all()


def test_an_unknown_tracker_is_named_before_anything_is_measured(sampled, harness):
    answer = harness(
        "images", "evaluate", "nowhere", "--real", "shapes:reference", "--report-to", "tensorbored", cwd=sampled
    )
    assert answer.returncode == 2 and "did you mean tensorboard" in answer.stderr
