"""Each tracker really, without a network: what was sent is read back by the tracker's own means."""

from __future__ import annotations

import importlib.util
import json
import shutil
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness import trackers
from harness.runs import reader
from harness.trackers import _send
from tests.fixtures.commands import Harness

ROOT = Path(__file__).resolve().parent.parent.parent
WANTED = {
    "pass@1": 0.5072463768115942, "pass@1/low": 0.4072463768115942, "pass@1/high": 0.6057971014492753,
    "pass@10": 0.7101449275362319, "pass@10/low": 0.5942028985507246, "pass@10/high": 0.8115942028985508,
}  # fmt: skip


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run to report."""
    return Path(shutil.copytree(ROOT / "results" / "example" / "nano-T0.8", tmp_path / "run"))


def problems(run: Path) -> dict[str, Any]:
    summary = reader.read_summary(run)
    assert summary is not None
    found: dict[str, Any] = summary["problems"]
    return found


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # theirs to mend
def test_tensorboard_s_event_files_hold_the_run(run: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for _ in range(2):  # a second report takes the first one's place
        (sent,) = _send.report(run, ["tensorboard"])
        assert sent.error is None and sent.place == str(run / "tensorboard")
    events = EventAccumulator(str(sent.place)).Reload()
    scalars = {name: [event.value for event in events.Scalars(name)] for name in events.Tags()["scalars"]}
    assert scalars == {name: [pytest.approx(value)] for name, value in WANTED.items()}
    (table,) = events.Tensors("problems/text_summary")
    text = table.tensor_proto.string_val[0].decode()
    assert text.count("\n") == 1 + len(problems(run)) and "| starter/odd_cubes | 10 | 4 |" in text
    assert events.Tags()["images"] == ["estimates"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # theirs to mend
def test_wandb_s_offline_run_holds_the_run(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from wandb.proto import wandb_internal_pb2

    monkeypatch.setenv("WANDB_MODE", "offline")
    (sent,) = _send.report(run, ["wandb"])
    assert sent.error is None and sent.place is not None
    (file,) = (run / "wandb").glob("offline-run-*/run-*.wandb")
    summary: dict[str, Any] = {}
    for data in leveldb_records(file.read_bytes()[7:]):
        record = wandb_internal_pb2.Record()
        record.ParseFromString(data)
        updates = record.summary.update if record.WhichOneof("record_type") == "summary" else ()
        summary |= {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in updates}
    assert {key: summary[key] for key in WANTED} == WANTED
    (table,) = Path(sent.place).glob("media/table/problems*.json")
    assert ["starter/odd_cubes", 10, 4] in json.loads(table.read_text())["data"]
    assert list(Path(sent.place).glob("media/images/estimates*.png"))


def leveldb_records(data: bytes) -> Iterator[bytes]:
    """The records of a log of LevelDB's format: blocks of 32 KiB; crc (4 bytes), length (2), kind (1), then the data."""
    place, parts = 0, b""
    while place + 7 <= len(data):
        left = 32768 - (place + 7) % 32768  # of the block, which counts the file's own header
        if left < 7:
            place += left
            continue
        length, kind = struct.unpack("<HB", data[place + 4 : place + 7])
        parts += data[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # whole, or the last part
            yield parts
            parts = b""


@pytest.mark.filterwarnings("ignore")  # theirs to mend
def test_mlflow_s_local_store_holds_the_run(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import mlflow

    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")  # a new database takes 25 s of forced writes on a slow disk
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"file:{tmp_path}/mlruns")
    (sent,) = _send.report(run, ["mlflow"])
    assert sent.error is None
    client = mlflow.MlflowClient()
    experiment = client.get_experiment_by_name(trackers.PROJECT)
    (found,) = client.search_runs([experiment.experiment_id])
    assert found.data.metrics == {name.replace("@", "_at_").replace("/", "_"): value for name, value in WANTED.items()}
    assert found.info.status == "FINISHED" and found.data.params["problems"] == "starter"
    table = json.loads(Path(client.download_artifacts(found.info.run_id, "problems.json")).read_text())
    assert table["problem"] == list(problems(run)) and table["c"] == [each["c"] for each in problems(run).values()]
    assert {each.path for each in client.list_artifacts(found.info.run_id)} == {"problems.json", "estimates.png"}


def test_a_report_that_fails_loses_nothing_and_keeps_the_exit_code(
    harness: Harness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = {
        "id": "mini/double", "prompt": "def double(x):\n", "entry_point": "double", "reference": "    return 2 * x\n",
        "wrong": ["    return x\n", "    return -x\n"],
        "tests": {"kind": "call", "source": "def check(c):\n    assert c(2) == 4\n"},
    }  # fmt: skip
    (tmp_path / "mini.jsonl").write_text(json.dumps(problem))
    (tmp_path / "s.jsonl").write_text(json.dumps({"task_id": "mini/double", "completion": "    return x + x\n"}))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "nonsense://nowhere")
    arguments = ("score", "s.jsonl", "--problems", "mini.jsonl", "--report-to", "mlflow", "--json")
    answer = harness(*arguments, cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    summary = json.loads(answer.stdout)
    (failed,) = summary["reports"]
    assert failed["to"] == "mlflow" and failed["place"] is None and "nonsense" in failed["error"]
    run = tmp_path / summary["run"]
    assert "not reported to mlflow" in (run / "run.log").read_text()
    assert harness("report", run, "--to", "mlflow", cwd=tmp_path).returncode == 3


def test_without_matplotlib_a_report_has_no_figure(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "matplotlib" else real(name))
    summary = reader.read_summary(run) or {}
    whole = trackers.TrackedRun(run=run, model="m", dataset="d", signature="s", summary=summary, config={})
    assert whole.figure() is None and whole.scalars() == WANTED
