"""What a run directory holds, as everybody reads it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.errors import InputError
from harness.runs import layout, manifest, reader, store
from harness.runs.reader import SavedRun

EXAMPLES = Path(__file__).resolve().parents[3] / "results" / "example"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return store.create_run(tmp_path, "set", "owner/model", manifest.make({"x": 1}, "n:2", {}))


def test_a_run_is_found_by_its_whole_fingerprint(run: Path, tmp_path: Path) -> None:
    fingerprint = reader.read_manifest(run).fingerprint
    assert reader.find_run(tmp_path, "set", "owner/model", fingerprint) == run
    assert reader.find_run(tmp_path, "set", "owner/model", fingerprint[:8] + "0" * 56) is None


def test_a_folder_without_manifest_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a run directory"):
        reader.read_manifest(tmp_path)


def test_the_committed_runs_say_what_their_files_say() -> None:
    paths = sorted(path.parent for path in EXAMPLES.rglob(layout.SUMMARY))
    assert paths
    for path in paths:
        saved, summary = SavedRun(path), json.loads((path / layout.SUMMARY).read_bytes())
        assert saved.summary == summary
        assert saved.estimates() == {each["metric"]: each["value"] for each in summary["estimates"]}
        assert path.name.startswith(saved.model)
        assert f"data:{saved.dataset}@" in saved.manifest.signature
        assert saved.created.strftime("%Y%m%dT%H%M%SZ") == saved.manifest.created


def test_a_run_that_has_not_ended_is_refused_with_what_to_do(run: Path) -> None:
    with pytest.raises(InputError, match=r"not come to its end; the command that began it goes on"):
        SavedRun(run)


def test_a_summary_that_is_not_json_is_refused_by_its_name(run: Path) -> None:
    (run / layout.SUMMARY).write_text("{")
    with pytest.raises(InputError, match=r"summary\.json: not JSON"):
        SavedRun(run)


def test_a_torn_last_line_is_left_out(run: Path) -> None:
    (run / layout.EXECUTIONS).write_bytes(b'{"problem_id": "a", "index": 0, "verdict": "ACCEPTED"}\n{"ind')
    assert [each["index"] for each in reader.read_executions(run)] == [0]


def test_a_run_on_a_server_elsewhere_is_found_beside_runs_that_name_no_model(run: Path, tmp_path: Path) -> None:
    there, here = ({"model": {"name": "owner/model", "url": url}} for url in ("http://a:1", "http://b:2"))
    moved = store.create_run(tmp_path, "set", "owner/model", manifest.make(there, "", {}))
    assert run.parent == moved.parent
    assert reader.find_moved_run(tmp_path, "set", "owner/model", here) == moved
