"""`--replicas`: managed vLLM servers on the hosts of a Ray cluster, and where they are put."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.errors import InputError
from harness.scale.cluster import NodeFacts
from harness.scale.replicas import gpus_of_one, place
from tests.fixtures.commands import COMMAND, Harness
from tests.fixtures.processes import until
from tests.fixtures.ray_hosts import ray_cluster

pytestmark = pytest.mark.xdist_group("ray")


def node(name: str, gpus: float, cpus: float = 4) -> NodeFacts:
    return NodeFacts(name=name, address="10.0.0.1", id=name, cpus=cpus, gpus=gpus)


class TestPlacing:
    def test_replicas_are_spread_over_the_nodes(self) -> None:
        nodes = [node("a", 4), node("b", 2), node("c", 0)]
        assert [each.name for each, _ in place(nodes, 5, 1)] == ["a", "b", "a", "b", "a"]
        assert [(each.name, gpus) for each, gpus in place(nodes, 3, 2)] == [("a", 2), ("b", 2), ("a", 2)]

    def test_without_any_gpu_they_share_the_nodes_that_have_cpus(self) -> None:
        nodes = [node("head", 0, cpus=0), node("a", 0), node("b", 0)]
        assert gpus_of_one(nodes, ()) == 0
        assert [each.name for each, _ in place(nodes, 3, 0)] == ["a", "b", "a"]

    def test_a_replica_takes_what_its_arguments_say(self) -> None:
        assert gpus_of_one([node("a", 8)], ()) == 1
        arguments = ("tensor-parallel-size=2", "pipeline_parallel_size=2", "max-num-seqs=8")
        assert gpus_of_one([node("a", 8)], arguments) == 4

    def test_fewer_gpus_than_one_needs_are_told(self) -> None:
        with pytest.raises(InputError) as none:
            place([node("a", 1), node("b", 1)], 1, 2)
        assert "each takes 2 GPUs of one node" in str(none.value) and "has room for 0" in str(none.value)
        with pytest.raises(InputError, match="give --replicas 2"):
            place([node("a", 1), node("b", 1)], 3, 1)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["--replicas", "2"], "replicas are started on a cluster"),
        (["--replicas", "0", "--cluster", "auto"], "replicas must be above 0"),
        (["--replicas", "2", "--cluster", "auto", "--engine", "transformers"], "replicas are servers of engine vllm"),
        (["--replicas", "2", "--cluster", "auto", "--base-url", "http://127.0.0.1:1/v1"], "base_url names another's"),
    ],
)
def test_replicas_that_cannot_be_are_told_before_anything_starts(
    harness: Harness, tmp_path: Path, given: list[str], says: str
) -> None:
    answer = harness("run", *given, cwd=tmp_path)
    assert answer.returncode == 2 and says in answer.stderr
    assert not (tmp_path / "results").exists()


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_two_servers_give_the_estimates_of_one_and_survive_the_loss_of_one(
    harness: Harness, vllm_python: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    asked = ["run", "--model", "nano", "--problems", "starter", "--k", "1", "--n", "4", "--max-tokens", "96",
             "--vllm-python", str(vllm_python), "--json"]  # fmt: skip
    one = harness(*asked, "--engine", "vllm", "--results", "one", cwd=tmp_path)
    assert one.returncode == 0, one.stderr
    with ray_cluster(tmp_path_factory.mktemp("hosts")) as cluster:
        cluster.start(1)
        there = [*asked, "--cluster", "auto", "--replicas", "2"]
        two = cluster.harness(*there, "--results", "two", cwd=tmp_path, timeout_s=900)
        assert two.returncode == 0, two.stderr
        _same(_estimate(one.stdout), _estimate(two.stdout))
        command = [sys.executable, COMMAND, *there, "--results", "three", "--concurrency", "2"]
        with open(tmp_path / "three.json", "w") as three:
            begun = cluster.popen(*command, cwd=tmp_path, stdout=three)
        until(lambda: _completions(tmp_path / "three") > 8, 600, "completions come")
        cluster.hosts[1].kill()
        assert begun.wait(900) == 0
    _same(_estimate(one.stdout), _estimate((tmp_path / "three.json").read_text()))
    (log,) = (tmp_path / "three").rglob("run.log")
    assert f"node {cluster.hosts[1].address} (" in log.read_text() and " is lost: " in log.read_text()


def _estimate(text: str) -> dict[str, Any]:
    record = json.loads(text)
    assert record["coverage"]["completions_scored"] == record["coverage"]["completions"] == 276
    (found,) = [each for each in record["estimates"] if each["metric"] == "pass@1"]
    return dict(found)


def _same(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert one["low"] <= other["value"] <= one["high"] and other["low"] <= one["value"] <= other["high"]
    assert one["signature"] == other["signature"]


def _completions(results: Path) -> int:
    return sum(file.read_bytes().count(b"\n") for file in results.rglob("completions.jsonl"))
