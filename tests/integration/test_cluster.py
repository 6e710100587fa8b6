"""`--cluster`: a real Ray cluster of hosts that are killed, cut off and added while a run goes on."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import ray

from harness import extras
from tests.fixtures.commands import COMMAND, Answer, Harness
from tests.fixtures.places import ROOT
from tests.fixtures.problems import CALL, read_rows, write_rows
from tests.fixtures.processes import descendants, until
from tests.fixtures.ray_hosts import RayCluster, ray_cluster

pytestmark = pytest.mark.xdist_group("ray")

STARTER = ROOT / "problems" / "starter.jsonl"
WAIT = "import time\ntime.sleep({seconds})\n"  # so that there is time for hosts to come and go


def write_samples(path: Path, each: int, seconds: float) -> Path:
    """Right and wrong programs of the starter set that wait first; no two are alike."""
    rows = []
    for problem in read_rows(STARTER):
        for n in range(each):
            body = problem["reference"] if n % 2 == 0 else "    return None\n"
            completion = f"{body}# {n}\n{WAIT.format(seconds=seconds)}"
            rows.append({"task_id": problem["id"], "completion": completion})
    return write_rows(path, *rows)


def scored_here(harness: Harness, folder: Path, *options: str | Path) -> bytes:
    """The results file of this machine's sandbox; nothing else is left in the folder."""
    answer = harness("score", "samples.jsonl", *options, "--json", cwd=folder)
    assert answer.returncode == 0, answer.stderr
    shutil.rmtree(folder / "results")
    results = folder / "samples.jsonl_results.jsonl"
    found = results.read_bytes()
    results.unlink()
    return found


def lines(folder: Path) -> int:
    """How many programs are recorded."""
    return sum(file.read_bytes().count(b"\n") for file in (folder / "results").rglob("executions.jsonl"))


@contextmanager
def meanwhile(work: Callable[[], None]) -> Iterator[None]:
    """`work` in another thread; an error there fails the test."""
    faults: list[BaseException] = []

    def guarded() -> None:
        try:
            work()
        except BaseException as error:  # shown below
            faults.append(error)

    thread = threading.Thread(target=guarded)
    thread.start()
    yield
    thread.join()
    assert not faults, faults


def recorded_once(folder: Path) -> bool:
    """Whether no program stands twice in the run's executions."""
    (file,) = (folder / "results").rglob("executions.jsonl")
    names = [(row["problem_id"], row["index"]) for row in read_rows(file)]
    return len(names) == len(set(names))


def run_log(folder: Path) -> str:
    (file,) = (folder / "results").rglob("run.log")
    return file.read_text()


def refused(answer: Answer) -> str:
    assert answer.returncode == 2, answer.stderr
    return " ".join(answer.stderr.split())


class TestBadInput:
    def test_where_no_ray_answers_is_named(self, harness: Harness, tmp_path: Path) -> None:
        write_rows(tmp_path / "mini.jsonl", CALL)
        told = refused(harness("verify", "mini.jsonl", "--cluster", "127.0.0.1:1", cwd=tmp_path))
        assert "--cluster 127.0.0.1:1: no Ray answers there (Connection refused)" in told
        told = refused(harness("verify", "mini.jsonl", "--cluster", "somewhere", cwd=tmp_path))
        assert "--cluster takes auto, HOST:6379 or ray://HOST:10001, not 'somewhere'" in told

    def test_without_the_extra_the_command_says_how_to_install_it(
        self, harness: Harness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write_rows(tmp_path / "mini.jsonl", CALL)
        monkeypatch.setitem(sys.modules, "ray", None)
        told = refused(harness("verify", "mini.jsonl", "--cluster", "auto", cwd=tmp_path))
        assert extras.install("ray") in told

    def test_a_cluster_and_services_are_not_both_taken(self, harness: Harness, tmp_path: Path) -> None:
        answer = harness("verify", "starter", "--cluster", "auto", "--sandbox-url", "http://127.0.0.1:1", cwd=tmp_path)
        assert "sandbox_url or cluster, not both" in refused(answer)

    def test_a_machine_that_is_no_node_is_told_so(self, ray_hosts: RayCluster, tmp_path: Path) -> None:
        write_rows(tmp_path / "mini.jsonl", CALL)
        asked = ["verify", "mini.jsonl", "--cluster", f"{ray_hosts.hosts[1].address}:6379"]
        assert "no Ray answers there" in refused(ray_hosts.harness(*asked, cwd=tmp_path))

    @pytest.mark.parametrize(
        ("changed", "says"),
        [
            ("execute.sandbox.environment_label = lambda *a: 'py2.7'", "and this run's is py2.7"),
            ("cluster.__version__ = '9.9'", "it has harness"),
            ("sandbox.guest_digest = lambda: 'ab'", "is not what is here (ab); install the same harness there"),
        ],
        ids=["image", "harness", "guest"],
    )
    def test_what_differs_on_the_nodes_is_named_with_each_node(
        self, ray_hosts: RayCluster, tmp_path: Path, changed: str, says: str
    ) -> None:
        told = self.told(ray_hosts, tmp_path, f"import sandbox; from harness.pipeline import execute; {changed}")
        assert "no node can be used" in told and told.count(says) == 3
        for host in ray_hosts.hosts:
            assert f"node {host.address} (" in told

    def test_another_ray_there_is_named(self, ray_hosts: RayCluster, tmp_path: Path) -> None:
        told = self.told(ray_hosts, tmp_path, "import ray; ray.__version__ = '2.50.0'")
        head = ray_hosts.head.address
        assert f"the cluster there has Ray {ray.__version__} on Python" in told
        assert f"and this process (node {head}) Ray 2.50.0 on Python" in told and "run the command with" in told

    def test_a_key_that_the_cluster_does_not_take_is_told(self, ray_hosts: RayCluster, tmp_path: Path) -> None:
        told = self.told(ray_hosts, tmp_path, f"import os; os.environ['RAY_AUTH_TOKEN'] = '{'0' * 64}'")
        assert f"Failed to connect to Ray cluster at {ray_hosts.head.address}:6379" in told
        assert "it takes another key than this process has" in told and "RAY_AUTH_TOKEN" in told

    def told(self, ray_hosts: RayCluster, tmp_path: Path, changed: str) -> str:
        """What the command says on the head where something here is not as it is there."""
        write_rows(tmp_path / "mini.jsonl", CALL)
        code = (
            f"import sys; from harness.cli.app import main; from harness.scale import cluster; {changed};"
            "sys.argv = ['harness', 'verify', 'mini.jsonl', '--cluster', 'auto']; main()"
        )
        answer = ray_hosts.python(code, cwd=tmp_path)
        assert not (tmp_path / "results").exists()
        return refused(answer)


def test_the_doctor_has_a_line_for_each_node(ray_hosts: RayCluster, tmp_path: Path) -> None:
    answer = ray_hosts.harness("doctor", "--cluster", "auto", "--json", cwd=tmp_path)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    checks = json.loads(answer.stdout)["checks"]
    assert len(checks) == 3 and {each["state"] for each in checks} == {"ok"}
    for host, check in zip(ray_hosts.hosts, checks, strict=True):
        assert check["name"].startswith(f"node {host.address} (")
        assert "sandboxes, no GPU; harness" in check["detail"] and "it denies what it must" in check["detail"]


def test_the_results_are_those_of_this_machine_with_a_host_killed_one_cut_off_and_one_added(
    harness: Harness, ray_hosts: RayCluster, tmp_path: Path
) -> None:
    write_samples(tmp_path / "samples.jsonl", 3, 1.0)
    expected = scored_here(harness, tmp_path, "--problems", "starter", "--workers", "12")
    head, killed, cut = ray_hosts.hosts[:3]

    def disturb() -> None:
        until(lambda: lines(tmp_path) > 20, 120, "the run goes on")
        killed.kill()
        added = ray_hosts.add()
        until(lambda: f"node {added.address} (" in run_log(tmp_path), 120, "the added host is used")
        cut.cut_off()

    with meanwhile(disturb):
        asked = ["score", "samples.jsonl", "--problems", "starter", "--cluster", "auto"]
        answer = ray_hosts.harness(*asked, cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    assert (tmp_path / "samples.jsonl_results.jsonl").read_bytes() == expected
    assert recorded_once(tmp_path)
    log = run_log(tmp_path)
    for host in (killed, cut):
        assert f"node {host.address} (" in log and " is lost: " in log
    assert f"node {head.address} (" in log


def test_a_node_whose_sandbox_does_not_hold_is_left_out_by_name_and_reason_and_the_others_go_on(
    harness: Harness, ray_hosts: RayCluster, tmp_path: Path
) -> None:
    write_samples(tmp_path / "samples.jsonl", 1, 0.0)
    asked = ["score", "samples.jsonl", "--problems", "starter", "--sandbox", "bubblewrap"]
    expected = scored_here(harness, tmp_path, *asked[2:])
    weak = ray_hosts.add(PATH=f"{bwrap_without(tmp_path / 'bin', 'CAP_KILL')}:{os.environ['PATH']}")
    try:
        ray_hosts.wait_until_joined(weak)
        answer = ray_hosts.harness(*asked, "--cluster", "auto", cwd=tmp_path)
        assert answer.returncode == 0, answer.stderr
        assert (tmp_path / "samples.jsonl_results.jsonl").read_bytes() == expected
        before, left_out, why = run_log(tmp_path).partition(" is left out: the bubblewrap sandbox does not stay up: ")
        assert left_out and f"node {weak.address} (" in before.splitlines()[-1]
        assert "PermissionError: [Errno 1] Operation not permitted" in why
    finally:
        weak.kill()


def bwrap_without(folder: Path, capability: str) -> Path:
    """A folder with a `bwrap` that keeps a capability from the supervisor."""
    folder.mkdir()
    script = folder / "bwrap"
    script.write_text(
        f"""#!/bin/sh
for word do
    shift
    [ "$word" = {capability} ] && word=CAP_CHOWN
    set -- "$@" "$word"
done
exec {shutil.which("bwrap")} "$@"
"""
    )
    script.chmod(0o755)
    return folder


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_humaneval_ten_times_survives_its_hosts_and_the_command_itself(
    harness: Harness, data: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    problems = data / "humaneval" / "HumanEval.jsonl.gz"
    rows = [
        {"task_id": row["task_id"], "completion": f"{row['canonical_solution']}# {n}\n"}
        for row in _gz_rows(problems)
        for n in range(10)
    ]
    write_rows(tmp_path / "samples.jsonl", *rows)
    asked = ["samples.jsonl", "--problems", str(problems)]
    expected = scored_here(harness, tmp_path, *asked[1:])
    with ray_cluster(tmp_path_factory.mktemp("hosts")) as cluster:
        cluster.start(2)
        _, killed, cut = cluster.hosts
        command = [sys.executable, COMMAND, "score", *asked, "--cluster", "auto"]
        begun = cluster.popen(*command, cwd=tmp_path)
        until(lambda: lines(tmp_path) > 100, 900, "the run goes on")
        killed.kill()
        until(lambda: lines(tmp_path) > 300, 900, "the run goes on")
        for process in reversed([begun.pid, *descendants(begun.pid)]):
            _kill(process)
        begun.wait()
        before = lines(tmp_path)
        assert 300 < before < len(rows)
        again = cluster.popen(*command, cwd=tmp_path)
        until(lambda: lines(tmp_path) > before + 100, 900, "it goes on from there")
        cut.cut_off()
        cluster.add()
        assert again.wait(900) == 0
    assert (tmp_path / "samples.jsonl_results.jsonl").read_bytes() == expected
    assert recorded_once(tmp_path)


def _gz_rows(path: Path) -> list[dict[str, str]]:
    with gzip.open(path, "rt") as file:
        return [json.loads(line) for line in file]


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
