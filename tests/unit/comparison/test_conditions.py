"""Which differences between runs forbid a comparison, which are harmless, and how that is said."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from harness.comparison.conditions import HARMLESS, MismatchKind, find_mismatches, recorded_fields, refusal
from harness.errors import InputError
from harness.runs import manifest
from harness.runs.manifest import Manifest

SIGNATURE = (
    "n:10|T:0.8|top_p:0.95|top_k:0|max:512|seed:0|form:completion|engine:transformers|task:codegen.v2|"
    "data:starter@25b41f18|integrity:judged|img:docker-py3.11.7|cpu:5s|wall:10s|mem:512MiB|v:0.2.0"
)
SAMPLING = {
    "n": 10, "temperature": 0.8, "top_p": 0.95, "top_k": 0, "max_tokens": 512, "stop": [], "seed": 0,
}  # fmt: skip
IDENTITY: dict[str, Any] = {
    "guest": "aa", "seed": 0, "problems": {"name": "starter", "sha256": "25b41f18"}, "samples": None,
    "model": {"name": "nano", "files": "f0", "engine": "transformers"}, "sampling": SAMPLING, "form": "completion",
    "task": "codegen.v2", "dedup": True, "limits": "e1",
    "sandbox": {"backend": "docker", "contents": "py3.11.7", "runtime": None, "isolation": "pool"},
}  # fmt: skip


def run(*changes: tuple[str, object], signature: str = SIGNATURE) -> Manifest:
    """A manifest with some fields of its identity changed: ("sampling.temperature", 0.2)."""
    identity = copy.deepcopy(IDENTITY)
    for path, value in changes:
        *folders, name = path.split(".")
        place = identity
        for folder in folders:
            place = place[folder]
        place[name] = value
    return manifest.make({**identity, "signature": signature}, signature, {})


def saved(digest: str) -> Manifest:
    signature = SIGNATURE.replace(
        "T:0.8|top_p:0.95|top_k:0|max:512|seed:0|form:completion|engine:transformers", f"samples:{digest}"
    )
    return run(("samples", digest), ("sampling", None), ("model", {"samples": "file"}), signature=signature)


def kinds(*manifests: Manifest, vary: tuple[str, ...] = ()) -> dict[str, MismatchKind]:
    return {each.field: each.kind for each in find_mismatches(manifests, vary)}


def test_a_run_agrees_with_itself() -> None:
    assert kinds(run(), run()) == {}


def test_the_model_is_what_a_comparison_varies() -> None:
    assert kinds(run(), run(("model", {"name": "other", "files": "f1"}))) == {}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (("problems.sha256", "9f3c"), "data"),
        (("limits", "e2"), "limits"),
        (("sandbox.contents", "py3.12.1"), "image"),
        (("sandbox.backend", "bubblewrap"), "sandbox"),
        (("sandbox.runtime", "runsc"), "runtime"),
        (("guest", "bb"), "guest"),
        (("sampling.stop", ["\nclass"]), "stop"),
        (("a_field_of_a_later_version", 3), "a_field_of_a_later_version"),
        (("template", {"sha256": "aa"}), "template.sha256"),
    ],
)
def test_what_can_move_a_score_must_agree(change: tuple[str, object], field: str) -> None:
    assert kinds(run(), run(change)) == {field: MismatchKind.CONFLICT}


@pytest.mark.parametrize(
    ("before", "after", "field"),
    [
        ("T:0.8", "T:0.2", "temperature"), ("max:512", "max:256", "max_tokens"), ("task:codegen.v2", "task:codegen.v3", "task"),
        ("integrity:judged", "integrity:judged+3in-sandbox", "integrity"), ("cpu:5s", "cpu:9s", "limits"),
        ("v:0.2.0", "v:0.3.0", "harness"), ("engine:transformers", "engine:openai", "engine"),
        ("form:completion", "form:chat", "form"), ("top_p:0.95", "top_p:1", "top_p"), ("|img", "|shots:3|img", "shots"),
    ],
)  # fmt: skip
def test_every_part_of_a_signature_that_is_not_harmless_must_agree(before: str, after: str, field: str) -> None:
    assert kinds(run(), run(signature=SIGNATURE.replace(before, after))) == {field: MismatchKind.CONFLICT}


@pytest.mark.parametrize(
    ("before", "after", "field"),
    [("n:10", "n:1", "n"), ("v:0.2.0", "v:0.2.7", "harness"), ("seed:0", "seed:4", "seed")],
)
def test_n_seed_and_patch_version_are_harmless_with_a_reason(before: str, after: str, field: str) -> None:
    (found,) = find_mismatches([run(), run(signature=SIGNATURE.replace(before, after))])
    assert (found.field, found.kind, found.reason) == (field, MismatchKind.HARMLESS, HARMLESS[field])


def test_the_same_problems_under_another_name_are_the_same() -> None:
    assert kinds(run(), run(("problems.name", "copy.jsonl"))) == {"data": MismatchKind.HARMLESS}


def test_fields_of_the_same_name_in_two_groups_do_not_hide_each_other() -> None:
    one, other = ({"template": {"sha256": "aa"}, "shots": {"sha256": digest}} for digest in ("bb", "cc"))
    assert kinds(run(("prompting", one)), run(("prompting", other))) == {
        "prompting.shots.sha256": MismatchKind.CONFLICT
    }


def test_what_is_declared_is_varied_and_not_refused() -> None:
    other = run(signature=SIGNATURE.replace("T:0.8", "T:0.2").replace("max:512", "max:9"))
    assert kinds(run(), other, vary=("temperature",)) == {
        "temperature": MismatchKind.VARIED,
        "max_tokens": MismatchKind.CONFLICT,
    }


def test_a_name_that_no_run_records_is_refused_with_a_near_one() -> None:
    with pytest.raises(InputError, match="did you mean temperature"):
        find_mismatches([run(), run()], ("temprature",))


def test_two_files_of_saved_completions_may_be_compared() -> None:
    assert kinds(saved("aa"), saved("bb")) == {}


def test_how_saved_completions_were_drawn_is_said_to_be_unknown() -> None:
    found = kinds(run(), saved("bb"))
    assert set(found.values()) <= {MismatchKind.UNRECORDED, MismatchKind.HARMLESS}
    assert {"temperature", "max_tokens", "engine", "form"} <= found.keys()


def test_saved_completions_do_not_hide_that_the_others_differ() -> None:
    other = run(signature=SIGNATURE.replace("T:0.8", "T:0.2"))
    assert kinds(run(), other, saved("bb"))["temperature"] is MismatchKind.CONFLICT


def test_the_refusal_names_every_field_with_its_values_and_what_to_do() -> None:
    other = run(("limits", "e2"), signature=SIGNATURE.replace("T:0.8", "T:0.2").replace("cpu:5s", "cpu:9s"))
    text = refusal(find_mismatches([run(), other]), ["A", "B"])
    assert "temperature: A 0.8, B 0.2" in text and "limits: A cpu:5s" in text and "B cpu:9s" in text
    assert "--vary limits,temperature" in text and "--force" in text


def test_fields_have_the_names_of_the_command_lines_options() -> None:
    assert recorded_fields(run())["temperature"] == "0.8" and recorded_fields(run())["max_tokens"] == "512"
    assert recorded_fields(run())["data"] == "starter@25b41f18"
