"""`--cluster` where another Ray or another Python is in play: real ones, in environments that the tests make."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import ray

from tests.fixtures.missing import missing
from tests.fixtures.problems import CALL, write_rows
from tests.fixtures.processes import until
from tests.fixtures.ray_hosts import START_S, RayCluster, ray_cluster

pytestmark = [pytest.mark.xdist_group("ray"), pytest.mark.slow, pytest.mark.timeout(900)]

HERE = f"Ray {ray.__version__} on Python {sys.version.split()[0]}"
INSTALL_S = 600
TRIES = 3  # of ray://: on a busy machine the server that Ray forks there ends in a check of gRPC's, now and then


@pytest.fixture(scope="module", params=["Ray", "Python"])
def other(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `ray` of an environment with another Ray, or this Ray in another Python."""
    folder = tmp_path_factory.mktemp("other")
    interpreter = sys.executable if request.param == "Ray" else another_python()
    major, minor = ray.__version__.split(".")[:2]
    wanted = f"ray[client]<{major}.{minor}" if request.param == "Ray" else f"ray[client]=={ray.__version__}"
    subprocess.run([interpreter, "-m", "venv", folder], check=True)
    made = subprocess.run(
        [folder / "bin" / "pip", "install", "--quiet", wanted],
        capture_output=True,
        text=True,
        timeout=INSTALL_S,
        check=False,
    )
    if made.returncode != 0:
        missing(f"another {request.param}", f"{wanted} cannot be installed", made.stderr[-300:])
    return folder / "bin" / "ray"


def another_python() -> str:
    """An interpreter of another version, for which there is this Ray."""
    for minor in (12, 13, 10, 11):
        there = shutil.which(f"python3.{minor}")
        for place in [*([there] if there else []), *Path.home().glob(f".pyenv/versions/3.{minor}.*/bin/python")]:
            code = "import sys, ensurepip; print(sys.version_info[1])"
            asked = subprocess.run([place, "-c", code], capture_output=True, text=True, check=False)
            if asked.stdout.strip() == str(minor) != str(sys.version_info.minor):
                return str(place)
    return missing("another Python", "there is none beside this one", "install python3.12 with its venv")


def versions(command: Path) -> str:
    """What an environment has, as the harness names it."""
    code = "import ray, sys; print(f'Ray {ray.__version__} on Python {sys.version.split()[0]}')"
    return subprocess.run(
        [command.parent / "python", "-c", code], text=True, capture_output=True, check=True
    ).stdout.strip()


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[RayCluster]:
    write_rows(tmp_path / "mini.jsonl", CALL)
    with ray_cluster(tmp_path) as cluster:
        yield cluster


def test_a_cluster_of_another_version_is_named_with_the_node_and_nothing_begins(
    hosts: RayCluster, other: Path, tmp_path: Path
) -> None:
    head = hosts.head
    head.start("--head", "--port", "6379", "--include-dashboard", "false", ray=other)
    until(lambda: "Ray runtime started" in head.log.read_text(), START_S, "the head is up")
    for address, process in (("auto", f"node {head.address}"), (f"ray://{head.address}:10001", "Ray Client")):
        for _ in range(TRIES):
            answer = hosts.harness("verify", "mini.jsonl", "--cluster", address, cwd=tmp_path)
            told = " ".join(answer.stderr.split())
            if "Starting Ray client server failed" not in told:
                break
        assert answer.returncode == 2, answer.stderr
        assert (
            f"--cluster {address}: the cluster there has {versions(other)}, and this process ({process}) {HERE}" in told
        )
        assert "Traceback" not in answer.stderr and not (tmp_path / "results").exists()


def test_a_host_of_another_version_does_not_become_a_node_and_the_run_goes_on_without_it(
    hosts: RayCluster, other: Path, tmp_path: Path
) -> None:
    hosts.start(0)
    stranger = hosts.add(ray=other)
    until(lambda: stranger.process is not None and stranger.process.poll() is not None, START_S, "Ray refuses it")
    assert "RuntimeError: Version mismatch" in stranger.log.read_text()
    answer = hosts.harness("verify", "mini.jsonl", "--cluster", "auto", cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    assert hosts.head.address in answer.stderr and stranger.address not in answer.stderr
