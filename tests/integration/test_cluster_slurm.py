"""`docker/cluster/slurm.sbatch` under a real SLURM of two nodes."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator

import pytest

from tests.fixtures.commands import Harness
from tests.fixtures.places import ROOT
from tests.fixtures.processes import until
from tests.fixtures.slurm import SlurmCluster, slurm_cluster
from tests.integration.test_cluster import lines, meanwhile, recorded_once, run_log, scored_here, write_samples

pytestmark = [pytest.mark.xdist_group("ray"), pytest.mark.slow, pytest.mark.timeout(900)]

SCRIPT = ROOT / "docker" / "cluster" / "slurm.sbatch"


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SlurmCluster]:
    with slurm_cluster(tmp_path_factory.mktemp("slurm"), 2) as cluster:
        yield cluster


def submit(slurm: SlurmCluster, *arguments: str) -> tuple[subprocess.CompletedProcess[str], str]:
    """The job's end, and what it wrote."""
    options = ["--wait", "--nodes", "2", "--exclusive", "--output", "job.log"]
    ended = slurm.command("sbatch", *options, str(SCRIPT), *arguments)
    return ended, (slurm.folder / "job.log").read_text()


def test_a_job_runs_on_all_its_nodes_and_writes_the_results_of_one_machine(
    slurm: SlurmCluster, harness: Harness
) -> None:
    write_samples(slurm.folder / "samples.jsonl", 2, 0.05)
    expected = scored_here(harness, slurm.folder, "--problems", "starter")
    ended, log = submit(slurm, "score", "samples.jsonl", "--problems", "starter")
    assert ended.returncode == 0, log
    assert (slurm.folder / "samples.jsonl_results.jsonl").read_bytes() == expected
    addresses = [line.split()[0] for line in (slurm.folder / "hosts").read_text().splitlines()[1:]]
    assert len(addresses) == 2 and all(f"node {each} (n" in run_log(slurm.folder) for each in addresses)


def test_the_job_ends_as_its_command_does(slurm: SlurmCluster) -> None:
    ended, log = submit(slurm, "score", "nowhere.jsonl", "--problems", "starter")
    assert ended.returncode == 2 and "nowhere.jsonl" in log


def test_without_a_command_the_job_says_what_to_give(slurm: SlurmCluster) -> None:
    ended, log = submit(slurm)
    assert ended.returncode == 2 and "what is to be run? for example: sbatch --nodes 8" in log


def test_without_the_harness_on_the_path_the_job_says_what_to_set(slurm: SlurmCluster) -> None:
    options = ["--wait", "--export", "PATH=/usr/bin:/bin", "--output", "job.log"]
    ended = slurm.command("sbatch", *options, str(SCRIPT), "score", "samples.jsonl")
    assert ended.returncode == 2
    assert "harness is not on the PATH; name its folder in HARNESS_BIN" in (slurm.folder / "job.log").read_text()


def test_a_job_that_loses_a_node_goes_on_to_the_results_of_one_machine(slurm: SlurmCluster, harness: Harness) -> None:
    for left in ("samples.jsonl_results.jsonl", "results"):
        gone = slurm.folder / left
        shutil.rmtree(gone) if gone.is_dir() else gone.unlink(missing_ok=True)
    write_samples(slurm.folder / "samples.jsonl", 2, 0.5)
    expected = scored_here(harness, slurm.folder, "--problems", "starter", "--workers", "12")
    addresses = []

    def disturb() -> None:
        until(lambda: lines(slurm.folder) > 10, 300, "the run goes on")
        addresses.append(slurm.lose(1))

    with meanwhile(disturb):
        ended, log = submit(slurm, "score", "samples.jsonl", "--problems", "starter")
        assert ended.returncode == 0, log
    assert (slurm.folder / "samples.jsonl_results.jsonl").read_bytes() == expected
    assert recorded_once(slurm.folder)
    assert f"node {addresses[0]} (n2" in run_log(slurm.folder) and " is lost: " in run_log(slurm.folder)
